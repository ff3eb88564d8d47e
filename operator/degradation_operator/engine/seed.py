"""After a start: what was published is where the engine goes on from, so that a restart moves no level."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import Final

from degradation.document import Document, Mode, State
from degradation.level import Level
from degradation_operator.api.names import PresentState, Reason
from degradation_operator.api.status import CauseEntry, DependencyEntry, LevelStatus
from degradation_operator.api.timestamps import read_moment
from degradation_operator.engine.evaluate import Decision, DependencyMemory, Verdict, begin
from degradation_operator.engine.held import leave
from degradation_operator.engine.level import Judgement
from degradation_operator.engine.model import Now, Outcome, ProbeResult
from degradation_operator.engine.states import Standing

_LIKELY_REASON: Final = {
    State.UP: Reason.ANSWERED,
    State.SLOW: Reason.SLOW_ANSWER,
    State.READ_ONLY: Reason.READ_ONLY,
    State.DOWN: Reason.UNREACHABLE,
}


def seed(document: Document | None, status: LevelStatus | None, now: Now) -> Decision:
    """The decision that goes on from what stands published.

    Each dependency's state is the status's where status and document are of the same revision, else (and
    where the status says Unknown) the document's; its window starts with that state and the document's.

    Args:
        document: The document, None where there is none.
        status: The DegradationStatus' status, None where there is none.
        now: The present moment; what is held is held from now on.
    """
    if document is not None:
        level = document.level
    elif status is not None and status.level is not None:
        level = Level(status.level)
    else:
        return begin(now)
    same = status is not None and (document is None or status.revision == document.revision)
    entries = {entry.name: entry for entry in status.dependencies} if status is not None and same else {}
    held = {} if document is None else {name: entry.state for name, entry in document.dependencies.items()}
    names = dict.fromkeys([*held, *entries])
    cause = _cause(status) if status is not None and same else None
    of = None if cause is None else cause.dependency
    return Decision(
        started=now.monotonic,
        hold_for=inf,  # No hold was in force: none has let anything go.
        dependencies={
            name: _memory(entries.get(name), held.get(name), cause if name == of else None, now)
            for name in names
        },
        verdict=Verdict(
            mode=document.mode if document is not None else Mode.ENFORCE,
            level=level,
            override=None,
            features={} if document is None else document.features,
            held=held,
            computed=Judgement(level, {}),
        ),
        level_since=_since(document, status, now),
    )


def _since(document: Document | None, status: LevelStatus | None, now: Now) -> datetime:
    if document is not None:
        return read_moment(document.since) or now.wall
    return status.since if status is not None and status.since is not None else now.wall


def _cause(status: LevelStatus) -> CauseEntry | None:
    """By the rules: under Observe and an override it stands aside."""
    return status.observed.cause if status.observed is not None else status.cause


def _memory(
    entry: DependencyEntry | None, held: State | None, cause: CauseEntry | None, now: Now
) -> DependencyMemory:
    known = entry is not None and entry.state is not PresentState.UNKNOWN
    state = State(entry.state.value) if entry is not None and known else held
    standing = Standing(
        state=state,
        since=entry.since if entry is not None and known and entry.since is not None else now.wall,
        reason=entry.reason
        if entry is not None and known and entry.reason is not None
        else _LIKELY_REASON[state or State.UP],
        message=entry.message if entry is not None and known else "as published before the start",
        measured=cause.measured if cause is not None and cause.state is state else None,
        threshold=cause.threshold if cause is not None and cause.state is state else None,
        unknown=_unknown(entry),
        unknown_since=entry.since if entry is not None and not known else None,
    )
    window = () if held is None or state is None else leave((), held, state, now)
    return DependencyMemory(standing=standing, window=window)


def _unknown(entry: DependencyEntry | None) -> ProbeResult | None:
    if entry is None or entry.state is not PresentState.UNKNOWN:
        return None
    return ProbeResult(
        outcome=Outcome.INCONCLUSIVE, reason=entry.reason or Reason.OVERDUE, message=entry.message
    )
