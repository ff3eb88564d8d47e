"""The document's JSON Schema says what is written and what is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from degradation.document import BreakerEntry, DocumentError, SlidingWindowEntry, State, parse, render
from degradation.document_schema import schema
from degradation.level import Level
from tests.support.documents import document

FILE = Path(__file__).parents[3] / "docs" / "reference" / "document.schema.json"
WHOLE = document(
    previous_level=Level.OPTIMAL,
    states={"redis": State.DOWN},
    features={"cache": False},
    breakers={"redis": BreakerEntry(sliding_window=SlidingWindowEntry(duration=60.0))},
)


def test_the_committed_file_is_what_is_generated() -> None:
    assert json.loads(FILE.read_text()) == schema(), (
        "run: python -m degradation.document_schema > docs/reference/document.schema.json"
    )


def _keys(value: Any) -> Any:
    return {key: _keys(entry) for key, entry in value.items()} if isinstance(value, dict) else None


def _described(part: dict[str, Any], written: Any) -> Any:
    """The keys that the schema knows, where the document has an object."""
    if not isinstance(written, dict):
        return None
    part = part["anyOf"][0] if "anyOf" in part else part
    if "additionalProperties" in part:
        return {name: _described(part["additionalProperties"], entry) for name, entry in written.items()}
    return {key: _described(entry, written.get(key)) for key, entry in part["properties"].items()}


def test_it_names_every_key_that_is_written_and_no_other() -> None:
    written = json.loads(render(WHOLE))
    described = _described(schema(), written)
    described["breakers"]["redis"]["slidingWindow"].pop("calls")  # in place of durationSeconds

    assert described == _keys(written)


@pytest.mark.parametrize("key", list(schema()["properties"]))
def test_what_it_requires_is_what_reading_requires(key: str) -> None:
    written = json.loads(render(WHOLE))
    del written[key]

    if key in schema()["required"]:
        with pytest.raises(DocumentError):
            parse(json.dumps(written))
    else:
        parse(json.dumps(written))
