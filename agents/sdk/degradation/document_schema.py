"""The document's JSON Schema, for readers in other languages: `python -m degradation.document_schema`.

It says what the operator writes. A reader ignores keys it does not know, and takes a word it does not know for
the neutral one, so that a newer operator's document stays readable.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Any, Final

from degradation.document import MAX_REVISION, VERSION, BreakerMode, Mode, State
from degradation.level import Level

__all__ = ["schema"]

_REQUIRED: Final = ("version", "policy", "uid", "revision", "level", "since")


def schema() -> dict[str, Any]:
    """The schema, as JSON values."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "degradation.json",
        "description": (
            "One decision of the degradation operator, as agents read it. Ignore unknown keys; take an unknown "
            "word for the neutral one (Up, Auto, Enforce); refuse the document for anything else."
        ),
        "type": "object",
        "required": list(_REQUIRED),
        "properties": {
            "version": {"const": VERSION, "type": "integer"},
            "policy": _text("namespace/name"),
            "uid": _text("Of the policy; another one under the same name is another policy"),
            "revision": _integer("Grows with each document of a policy", 1, MAX_REVISION),
            "term": _integer("Of the leader that wrote it; 0 without a Lease", 0, default=0),
            "mode": _word("Whether the policy acts", Mode, Mode.ENFORCE),
            "level": _level(),
            "name": {"description": "The level's name", "enum": [level.name for level in Level]},
            "capacity": {
                "description": "Percent of the normal capacity that the level stands for: a constant",
                "enum": [level.capacity for level in Level],
            },
            "previousLevel": _or_null(_level()),
            "since": _text("When the level began, RFC 3339: for people, never to compute with"),
            "cause": _or_null(_text("Why, in words; null at level 1")),
            "override": _or_null(
                _object(
                    {
                        "level": _level(),
                        "reason": _text("Why"),
                        "until": _text("Its end, RFC 3339"),
                    },
                    required=("level", "reason", "until"),
                )
            ),
            "retryAfterSeconds": _seconds("What a refused client should be told to wait", 30),
            "staleAfterSeconds": _seconds("Without confirmation for this long an agent is Stale", 300),
            "rampOverSeconds": _seconds("Pods take an improvement one after another over this long", 5),
            "dependencies": _map(
                _object(
                    {
                        "state": _word("Held state", State, None),
                        "since": _text("RFC 3339: for people"),
                    },
                    required=("state",),
                )
            ),
            "features": _map({"type": "boolean"}),
            "breakers": _map(_breaker()),
        },
    }


def _breaker() -> dict[str, Any]:
    window = _object(
        {
            "durationSeconds": _seconds("Of the last so many seconds"),
            "calls": _integer("Of the last so many calls", 1),
            "minimumCalls": _integer("Fewer say nothing", 1, default=10),
            "failureRatePercent": _integer("Opens at this share of failures", 1, default=50),
            "slowCallDurationSeconds": _or_null(_seconds("Slower calls are slow")),
            "slowCallRatePercent": _integer("Opens at this share of slow calls", 1, default=80),
        }
    )
    window["oneOf"] = [{"required": ["durationSeconds"]}, {"required": ["calls"]}]
    return _object(
        {
            "mode": _word("Who decides", BreakerMode, BreakerMode.AUTO),
            "openWhenDown": {"type": "boolean", "default": True},
            "failureThreshold": _integer("Consecutive failures until it opens", 1, default=5),
            "resetTimeoutSeconds": _seconds("Open this long before a trial", 30),
            "callTimeoutSeconds": _or_null(_seconds("A longer call has failed")),
            "halfOpen": _object(
                {
                    "maxTrials": _integer("At once", 1, default=1),
                    "successThreshold": _integer("Successful trials until it closes", 1, default=1),
                    "maxDurationSeconds": _seconds("Half-open at most this long", 60),
                }
            ),
            "slidingWindow": _or_null(window),
        }
    )


def _object(properties: dict[str, Any], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return {**found, "required": list(required)} if required else found


def _map(entry: dict[str, Any]) -> dict[str, Any]:
    return {"description": "By name", "type": "object", "additionalProperties": entry, "default": {}}


def _or_null(value: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [value, {"type": "null"}], "default": None}


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "type": "string"}


def _level() -> dict[str, Any]:
    return _integer("1 OPTIMAL to 5 EMERGENCY", int(min(Level)), int(max(Level)))


def _integer(
    description: str, minimum: int, maximum: int | None = None, *, default: int | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"description": description, "type": "integer", "minimum": minimum}
    found |= {} if maximum is None else {"maximum": maximum}
    return found | ({} if default is None else {"default": default})


def _seconds(description: str, default: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": description, "type": "number", "minimum": 0}
    return found | ({} if default is None else {"default": default})


def _word(description: str, words: type[StrEnum], neutral: StrEnum | None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": description, "enum": [word.value for word in words]}
    return found | ({} if neutral is None else {"default": neutral.value})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
