"""What goes into the engine: the result of a probe, and both clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from degradation.document import State
from degradation_operator.api.names import Reason

STATES: Final = tuple(State)
"""From best to worst."""


class Outcome(StrEnum):
    """The kind of a probe's result, as the label `result` of metrics shows it."""

    state: State | None
    """The state that such results lead to; None for inconclusive, which leads nowhere."""

    UP = "up"
    SLOW = "slow"
    READ_ONLY = "read-only"
    DOWN = "down"
    INCONCLUSIVE = "inconclusive"

    def __new__(cls, value: str) -> Self:  # noqa: D102 - members are made only here
        member = str.__new__(cls, value)
        member._value_ = value
        order = len(cls.__members__)
        member.state = STATES[order] if order < len(STATES) else None
        return member


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe saw.

    Attributes:
        outcome: Its kind.
        reason: Of the contract's list.
        message: Plain words for a person, at most 256 characters, with no secret, address, body or header
            in it, and no number that changes with every probe: it stands in statuses.
            For an inconclusive result it says what to do.
        measured: What was measured, where that explains the result, such as `5.02 s` or `503`.
        threshold: What it was compared with, such as `500 ms` or `200-399`.
        seconds: How long the answer took on a warm connection, for the metric; None where none came.
    """

    outcome: Outcome
    reason: Reason
    message: str
    measured: str | None = None
    threshold: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on both clocks: monotonic seconds for windows, wall time for `since` and `until`."""

    monotonic: float
    wall: datetime  # aware, UTC
