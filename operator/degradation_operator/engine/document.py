"""From a decision to the document, and what counts as a change of it."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Final

from degradation.document import MAX_REVISION, Dependency, Document, Override, State
from degradation_operator.api.timestamps import rfc3339
from degradation_operator.engine.evaluate import Decision, Verdict
from degradation_operator.engine.level import Cause
from degradation_operator.engine.spec import Spec

MAX_LEAP: Final = 2**40
"""A revision that is higher than a known one by more than this is garbage: no policy has so many changes."""


def next_revision(*revisions: int | None, wall: datetime) -> int:
    """The revision of the next document.

    Args:
        revisions: Those of what stands there and of what is remembered, None for what is absent.
        wall: The present moment.
    """
    known = [r for r in revisions if r is not None and 0 < r < MAX_REVISION]
    if known:
        # One that leaps ahead of the other is garbage, as agents hold it to be.
        sound = [r for r in known if r - min(known) <= MAX_LEAP]
        return max(sound) + 1
    return int(wall.timestamp() * 1000)


def compose_document(
    policy: str,
    uid: str,
    spec: Spec,
    decision: Decision,
    verdict: Verdict,
    *,
    cause: Cause | None,
    revision: int,
    previous: Document | None,
    now: datetime,
) -> Document:
    """Write down a decision.

    Args:
        policy: `namespace/name`.
        uid: Of the policy.
        spec: The spec of the decision.
        decision: Of the policy.
        verdict: The decision's.
        cause: Of the verdict's level.
        revision: Of this document.
        previous: The document before it, None at first; what has not changed keeps its times.
        now: When a state that has changed began.
    """
    if previous is not None and previous.level is verdict.level:
        since, previous_level = previous.since, previous.previous_level
    else:
        since = rfc3339(decision.level_since)
        previous_level = None if previous is None else previous.level
    order = verdict.override
    return Document(
        policy=policy,
        uid=uid,
        revision=revision,
        mode=verdict.mode,
        level=verdict.level,
        previous_level=previous_level,
        since=since,
        cause=None if cause is None else cause.message,
        override=None
        if order is None
        else Override(level=verdict.level, reason=order.reason, until=rfc3339(order.until)),
        retry_after=spec.retry_after,
        stale_after=spec.stale_after,
        ramp_over=spec.ramp_over,
        dependencies={
            name: Dependency(state=state, since=_since(name, state, decision, previous, now))
            for name, state in verdict.held.items()
        },
        features=verdict.features,
        breakers=spec.breakers,
    )


def _since(name: str, state: State, decision: Decision, previous: Document | None, now: datetime) -> str:
    before = None if previous is None else previous.dependencies.get(name)
    if before is not None and before.state is state:
        return before.since
    standing = decision.dependencies[name].standing
    began = standing.since if standing.state is state else now
    return rfc3339(began.astimezone(UTC))


def change_key(document: Document) -> Hashable:
    """What makes a document worth writing: two with equal keys are the same to every reader that acts."""
    return (
        document.policy,
        document.uid,
        document.mode,
        document.level,
        document.override,
        document.retry_after,
        document.stale_after,
        document.ramp_over,
        tuple(sorted((name, entry.state) for name, entry in document.dependencies.items())),
        tuple(sorted(document.features.items())),
        tuple(sorted(document.breakers.items(), key=lambda item: item[0])),
    )
