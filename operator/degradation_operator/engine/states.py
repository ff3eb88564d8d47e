"""From the results of probes to a dependency's present state.

A state is left for a worse one after `failure_threshold` consecutive results that are at least that bad, for
a better one after `success_threshold` consecutive results that are at least that good. So two counters a
state are the whole machine: how many results in a row were at least as bad, and at least as good.
An inconclusive result is not counted and breaks no row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from degradation.document import State
from degradation_operator.api.names import Reason
from degradation_operator.engine.model import STATES, Now, ProbeResult
from degradation_operator.engine.spec import DependencySpec

_MOST: Final = 100  # The largest threshold: counting further would change nothing but the numbers.

Row = tuple[int, int, int, int]
"""Results in a row, by the badness of the state they are compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a person is shown of a dependency; changes only when its state or the reason for it does.

    Attributes:
        state: None as long as there never was one.
        since: When the state began.
        unknown: The inconclusive result because of which the dependency is shown as Unknown, since
            `unknown_since`; for the level it goes on counting as `state`.
    """

    state: State | None
    since: datetime
    reason: Reason
    message: str
    measured: str | None = None
    threshold: str | None = None
    unknown: ProbeResult | None = None
    unknown_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The rows of results that decide about the next state."""

    at_least_as_bad: Row = (0, 0, 0, 0)
    at_least_as_good: Row = (0, 0, 0, 0)
    inconclusive: int = 0
    latest: ProbeResult | None = None
    """The latest conclusive result."""
    disagreeing: tuple[ProbeResult, ...] = field(default=())
    """The latest result of each outcome since one agreed with the state; at most three."""


def begin(now: Now) -> Standing:
    """A dependency that no probe has looked at yet."""
    return Standing(
        state=None, since=now.wall, reason=Reason.OVERDUE, message="no probe has come to a result yet"
    )


def count(
    spec: DependencySpec, standing: Standing, tally: Tally, result: ProbeResult, now: Now
) -> tuple[Standing, Tally]:
    """Take one more result into account.

    Returns:
        The same objects where nothing changed, so that callers can compare by identity.
    """
    seen = result.outcome.state
    if seen is None:
        return _count_inconclusive(spec, standing, tally, result, now)
    tally = _extend(tally, seen, result, agrees=seen is standing.state)
    state = _next_state(spec, standing.state, tally)
    if state is not standing.state and state is not None:
        return _enter(state, spec, tally, now), replace(tally, disagreeing=())
    if standing.unknown is not None:
        standing = replace(standing, unknown=None, unknown_since=None)
    if seen is standing.state and result.reason is not standing.reason:
        # Still Down, but no longer for the same reason: a person at three in the morning wants to know.
        standing = replace(
            standing,
            reason=result.reason,
            message=result.message,
            measured=result.measured,
            threshold=result.threshold,
        )
    return standing, tally


def adopt_latest(spec: DependencySpec, tally: Tally, now: Now) -> Standing | None:
    """The state that the latest conclusive result shows, before any threshold was reached; None without one."""
    if tally.latest is None or tally.latest.outcome.state is None:
        return None
    return _enter(tally.latest.outcome.state, spec, tally, now)


def _extend(tally: Tally, seen: State, result: ProbeResult, *, agrees: bool) -> Tally:
    badness = seen.badness
    bad, good = tally.at_least_as_bad, tally.at_least_as_good
    if agrees and good[badness] == bad[badness] == _MOST and tally.inconclusive == 0:
        settled = bad == _ROW_BAD[badness] and good == _ROW_GOOD[badness]
        if settled:
            return tally
    return Tally(
        at_least_as_bad=_longer(bad, badness >= 0, badness >= 1, badness >= 2, badness >= 3),
        at_least_as_good=_longer(good, badness <= 0, badness <= 1, badness <= 2, badness <= 3),
        latest=result,
        disagreeing=()
        if agrees
        else (*(r for r in tally.disagreeing if r.outcome is not result.outcome), result),
    )


def _longer(row: Row, *hits: bool) -> Row:
    """Each count one higher where the result belongs to its row, 0 where it breaks it."""
    a, b, c, d = [(n + 1 if n < _MOST else n) if hit else 0 for n, hit in zip(row, hits, strict=True)]
    return a, b, c, d


_ROW_BAD: Final = tuple(tuple(_MOST if badness >= i else 0 for i in range(4)) for badness in range(4))
_ROW_GOOD: Final = tuple(tuple(_MOST if badness <= i else 0 for i in range(4)) for badness in range(4))


def _next_state(spec: DependencySpec, state: State | None, tally: Tally) -> State | None:
    present = State.UP.badness if state is None else state.badness
    for badness in (3, 2, 1):
        if badness > present and tally.at_least_as_bad[badness] >= spec.failure_threshold:
            return STATES[badness]
    # Without a state there is nothing to return from: only a row of Up makes it Up.
    for badness in range(present if state is not None else 1):
        if tally.at_least_as_good[badness] >= spec.success_threshold:
            return STATES[badness]
    return state


def _enter(state: State, spec: DependencySpec, tally: Tally, now: Now) -> Standing:
    latest = tally.latest
    shown = next((r for r in reversed(tally.disagreeing) if r.outcome.state is state), latest)
    if shown is None:
        raise AssertionError("a state is entered because of results")
    message = shown.message
    if state is not State.UP:
        seen = min(tally.at_least_as_bad[state.badness], spec.failure_threshold)
        message = f"{message} ({seen} of {spec.failure_threshold} probes)"
    return Standing(
        state=state,
        since=now.wall,
        reason=shown.reason,
        message=message,
        measured=shown.measured,
        threshold=shown.threshold,
    )


def _count_inconclusive(
    spec: DependencySpec, standing: Standing, tally: Tally, result: ProbeResult, now: Now
) -> tuple[Standing, Tally]:
    if tally.inconclusive < _MOST:
        tally = replace(tally, inconclusive=tally.inconclusive + 1)
    if tally.inconclusive >= spec.failure_threshold:
        if standing.unknown is None:
            standing = replace(standing, unknown=result, unknown_since=now.wall)
        elif standing.unknown.reason is not result.reason or standing.unknown.message != result.message:
            standing = replace(standing, unknown=result)
    return standing, tally
