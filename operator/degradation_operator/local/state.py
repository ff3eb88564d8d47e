"""`DIR/.state.json`: the statuses of local mode, in the shape that a cluster would show them in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from degradation_operator.api.status import LevelStatus, PolicyStatus
from degradation_operator.local.files import write_whole

NAME: Final = ".state.json"
_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalState:
    """What is kept of one policy.

    Attributes:
        policy: `namespace/name`.
        uid: Of the policy.
        status: As a DegradationStatus would have it.
        policy_status: As the DegradationPolicy would have it.
    """

    policy: str
    uid: str
    status: LevelStatus | None = None
    policy_status: PolicyStatus | None = None


def read_state(directory: Path) -> LocalState | None:
    """What is kept in a directory; None where nothing is, or nothing that can be read.

    Raises:
        OSError: It is there and may not be read.
    """
    try:
        with (directory / NAME).open("rb") as file:
            raw = json.loads(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except ValueError:
        return None
    try:
        return LocalState(
            policy=raw["policy"],
            uid=raw["uid"],
            status=_model(LevelStatus, raw.get("status")),
            policy_status=_model(PolicyStatus, raw.get("policyStatus")),
        )
    except (ValidationError, TypeError, KeyError, AttributeError):
        return None


def write_state(directory: Path, state: LocalState) -> None:
    """Keep it.

    Raises:
        OSError: It cannot be written.
    """
    content: dict[str, Any] = {
        "policy": state.policy,
        "uid": state.uid,
        "revision": None if state.status is None else state.status.revision,
        "status": _json(state.status),
        "policyStatus": _json(state.policy_status),
    }
    write_whole(directory / NAME, json.dumps(content, indent=1) + "\n")


def _model(kind: Any, raw: object) -> Any:
    return None if raw is None else kind.model_validate(raw, by_alias=True, by_name=False)


def _json(model: LevelStatus | PolicyStatus | None) -> Any:
    return None if model is None else model.model_dump(mode="json", by_alias=True, exclude_none=True)
