"""Documents for tests of agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from degradation.document import Dependency, Document, State
from degradation.level import Level


def document(
    revision: int = 1,
    level: int = 1,
    *,
    states: Mapping[str, State] | None = None,
    **fields: Any,
) -> Document:
    """A document of policy `shop/shop`, with a ramp of 10 s."""
    given: dict[str, Any] = {
        "policy": "shop/shop",
        "uid": "8f0c",
        "revision": revision,
        "level": Level(level),
        "since": f"since {revision}",
        "cause": None if level == 1 else f"cause {revision}",
        "ramp_over": 10.0,
        "dependencies": {name: Dependency(state=state, since="") for name, state in (states or {}).items()},
    }
    return Document(**{**given, **fields})
