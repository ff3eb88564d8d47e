"""What the generator of the CRDs builds on: everything bounded, nothing that Kubernetes refuses."""

from typing import Any

import pytest

from degradation_operator.api.base import Model
from degradation_operator.api.override import StatusSpec
from degradation_operator.api.policy import PolicySpec
from degradation_operator.api.status import LevelStatus, PolicyStatus


def _parts(schema: Any, at: str) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(schema, dict):
        return []
    found = [(at, schema)]
    for key in ("properties", "$defs"):
        for name, inner in schema.get(key, {}).items():
            found += _parts(inner, f"{at}.{name}")
    for inner in [schema.get("items"), *schema.get("anyOf", [])]:
        found += _parts(inner, at)
    return found


@pytest.mark.parametrize("model", [PolicySpec, StatusSpec, PolicyStatus, LevelStatus])
def test_bounded_described_and_without_floats(model: type[Model]) -> None:
    for at, part in _parts(model.model_json_schema(), model.__name__):
        kind = part.get("type")
        assert kind != "number", at
        assert not {"oneOf", "allOf", "discriminator", "exclusiveMinimum", "exclusiveMaximum"} & set(part), at
        if "anyOf" in part:
            assert len(part["anyOf"]) == 2, at
            assert {"type": "null"} in part["anyOf"], at
        if kind == "string" and not {"enum", "const"} & set(part):
            assert "maxLength" in part, at
        if kind == "array":
            assert "maxItems" in part, at
        if kind == "integer":
            assert "minimum" in part, at
        for name, field in part.get("properties", {}).items():
            assert field.get("description"), f"{at}.{name}"
