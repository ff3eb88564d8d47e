"""From a decision and its document to the statuses that people read, and to the event that tells of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from degradation.document import Document, Mode
from degradation.level import Level
from degradation_operator.api.names import Condition, ConditionReason, EventReason, PresentState, Reason
from degradation_operator.api.override import Override
from degradation_operator.api.status import (
    CauseEntry,
    ConditionEntry,
    DependencyEntry,
    FeatureEntry,
    LevelStatus,
    ObservedEntry,
    PolicyStatus,
    RecoveryEntry,
    TransitionEntry,
)
from degradation_operator.api.timestamps import read_moment
from degradation_operator.engine.evaluate import Decision, Verdict
from degradation_operator.engine.explanation import Explanation, Recovery
from degradation_operator.engine.level import Cause, shorten
from degradation_operator.engine.states import Standing

MOST_TRANSITIONS: Final = 50
MOST_FIGURE: Final = 64  # characters

NOT_READY: Final = frozenset(
    {Reason.SECRET_MISSING, Reason.SECRET_FORBIDDEN, Reason.SECRET_NOT_ALLOWED, Reason.ADDRESS_REFUSED}
)
"""What an Unknown dependency says of the policy itself: its spec asks for something that is not there."""


def compose_status(
    decision: Decision,
    verdict: Verdict,
    explanation: Explanation,
    document: Document,
    *,
    generation: int,
    previous: LevelStatus | None,
) -> LevelStatus:
    """The DegradationStatus' status beside a document.

    Args:
        decision: Of the policy.
        verdict: The decision's.
        explanation: Of it.
        document: That stands published.
        generation: Of the policy that was decided by.
        previous: The status before, for the list of transitions.
    """
    observed = None
    if explanation.observed is not None:
        observed = ObservedEntry(level=explanation.observed, cause=_cause(explanation.observed_cause))
    return LevelStatus(
        policy_generation=generation,
        revision=document.revision,
        level=int(document.level),
        level_name=_name(document.level),
        capacity=document.level.capacity,
        since=read_moment(document.since),
        previous_level=None if document.previous_level is None else int(document.previous_level),
        cause=_cause(explanation.cause),
        dependencies=tuple(_dependency(name, m.standing) for name, m in decision.dependencies.items()),
        features=tuple(FeatureEntry(name=name, enabled=on) for name, on in document.features.items()),
        recovery=_recovery(explanation.recovery),
        observed=observed,
        override=verdict.override,
        transitions=_transitions(document, previous),
    )


def compose_policy_status(
    document: Document | None,
    *,
    explanation: Explanation | None,
    mode: Mode | None,
    observed_generation: int,
    config_map_name: str | None,
    conditions: Sequence[ConditionEntry],
) -> PolicyStatus:
    """The DegradationPolicy's status.

    Args:
        document: That stands published, None before the first.
        explanation: Of the decision, None before the first.
        mode: In force.
        observed_generation: Of the newest policy that was looked at, valid or not.
        config_map_name: Where the document is published.
        conditions: As `compose_conditions` made them.
    """
    published: dict[str, Any] = {}
    if document is not None:
        cause = explanation.cause if explanation is not None else None
        published = {
            "level": int(document.level),
            "level_name": _name(document.level),
            "since": read_moment(document.since),
            "cause": cause.message if cause is not None else _shortened(document.cause),
        }
    return PolicyStatus(
        observed_generation=observed_generation,
        mode=mode,
        config_map_name=config_map_name,
        conditions=tuple(conditions),
        **published,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the policy's conditions tell of.

    Attributes:
        invalid: What is wrong with the newest spec, None where it is valid.
        published: False with `unpublished` as reason and message, None before the first decision.
        wanted: The override that a person asked for, in force or not.
        override_problem: What is wrong with the override where it could not be read.
    """

    invalid: str | None
    published: bool | None
    unpublished: tuple[str, str] | None
    wanted: Override | None
    override_problem: str | None


def compose_conditions(
    decision: Decision,
    document: Document | None,
    explanation: Explanation | None,
    facts: Facts,
    *,
    generation: int,
    previous: Sequence[ConditionEntry],
    now: datetime,
) -> tuple[ConditionEntry, ...]:
    """The policy's conditions; `lastTransitionTime` moves only with a condition's status.

    Args:
        decision: Of the policy.
        document: That stands published, None before the first.
        explanation: Of the decision, None before the first.
        facts: What else there is to tell.
        generation: Of the newest policy that was looked at.
        previous: The conditions before.
        now: The present moment.
    """
    before = {entry.type: entry for entry in previous}
    drafts = [
        _ready(decision, facts),
        _dependency_unknown(decision),
        _published(facts),
        _degraded(document, explanation),
        _overridden(decision, facts, now),
    ]
    entries = []
    for draft in drafts:
        old = before.get(draft.type)
        since = old.last_transition_time if old is not None and old.status == draft.status else _whole(now)
        entries.append(
            ConditionEntry(
                type=draft.type,
                status=draft.status,
                reason=draft.reason,
                message=shorten(draft.message, 1024),
                observed_generation=generation,
                last_transition_time=since,
            )
        )
    return tuple(entries)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of level or override, told once.

    Attributes:
        name: The same for the same change, so that telling it again is recognised.
    """

    name: str
    reason: EventReason
    type: Literal["Normal", "Warning"]
    note: str


def compose_event(before: Document | None, after: Document) -> Event | None:
    """What people should be told of a new document; None where neither level nor override changed."""
    worse = before is not None and after.level > before.level
    old_order = None if before is None else before.override
    level = f"level {int(after.level)} ({after.level.name})"
    why = f": {after.cause}" if after.cause else ""
    reason: EventReason
    if after.override != old_order:
        reason = EventReason.OVERRIDE_ENDED if after.override is None else EventReason.OVERRIDE_STARTED
        note = f"override ended; {level}{why}" if after.override is None else f"{level}{why}"
        return Event(f"{after.uid}-{after.revision}", reason, "Normal", shorten(note, 1024))
    if before is None or before.level is after.level:
        return None
    reason = EventReason.LEVEL_WORSENED if worse else EventReason.LEVEL_IMPROVED
    note = f"from level {int(before.level)} ({before.level.name}) to {level}{why}"
    kind: Literal["Normal", "Warning"] = "Warning" if worse else "Normal"
    return Event(f"{after.uid}-{after.revision}", reason, kind, shorten(note, 1024))


# -- parts of the DegradationStatus


def _name(level: Level) -> Any:
    return level.name


def _shortened(text: str | None) -> str | None:
    """A document's words; a person may have written longer ones there."""
    return None if text is None else shorten(text)


def _whole(moment: datetime) -> datetime:
    """To the second, as Kubernetes writes times of conditions."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _cause(cause: Cause | None) -> CauseEntry | None:
    if cause is None:
        return None
    return CauseEntry(
        dependency=cause.dependency,
        rule=cause.rule,
        state=cause.state,
        message=cause.message,
        measured=None if cause.measured is None else shorten(cause.measured, MOST_FIGURE),
        threshold=None if cause.threshold is None else shorten(cause.threshold, MOST_FIGURE),
    )


def _dependency(name: str, standing: Standing) -> DependencyEntry:
    unknown = standing.unknown
    if unknown is not None:
        return DependencyEntry(
            name=name,
            state=PresentState.UNKNOWN,
            since=standing.unknown_since,
            reason=unknown.reason,
            message=shorten(unknown.message),
        )
    return DependencyEntry(
        name=name,
        state=PresentState.UNKNOWN if standing.state is None else PresentState(standing.state.value),
        since=standing.since,
        reason=standing.reason,
        message=shorten(standing.message),
    )


def _recovery(recovery: Recovery | None) -> RecoveryEntry | None:
    if recovery is None:
        return None
    return RecoveryEntry(
        target_level=int(recovery.target_level), eligible_at=recovery.eligible_at, message=recovery.message
    )


def _transitions(document: Document, previous: LevelStatus | None) -> tuple[TransitionEntry, ...]:
    before = () if previous is None else previous.transitions
    old = document.previous_level
    if old is None or previous is None or previous.level == document.level:
        return before
    if previous.revision is not None and previous.revision >= document.revision:
        return before
    began, ended = previous.since, read_moment(document.since)
    seconds = int(max(0.0, (ended - began).total_seconds())) if began and ended else 0
    if ended is None:
        return before
    entry = TransitionEntry(
        **{"from": int(old)},
        to=int(document.level),
        at=ended,
        cause=shorten(document.cause or ""),
        revision=document.revision,
        seconds=seconds,
    )
    return (entry, *before)[:MOST_TRANSITIONS]


# -- conditions


@dataclass(frozen=True, slots=True)
class _Draft:
    type: Condition
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def _true(kind: Condition, message: str, *, reason: str | None = None) -> _Draft:
    return _Draft(kind, "True", reason or kind.value, message)


def _ready(decision: Decision, facts: Facts) -> _Draft:
    kind = Condition.READY
    if facts.invalid is not None:
        words = f"{facts.invalid}; the last valid spec stays in force"
        return _Draft(kind, "False", ConditionReason.INVALID_SPEC, words)
    for name, memory in decision.dependencies.items():
        unknown = memory.standing.unknown
        if unknown is not None and unknown.reason in NOT_READY:
            return _Draft(kind, "False", unknown.reason, f"{name}: {unknown.message}")
    words = "probing"
    if facts.override_problem is not None:
        words += f"; the override is not valid and was left out of account: {facts.override_problem}"
    return _true(kind, words)


def _dependency_unknown(decision: Decision) -> _Draft:
    kind = Condition.DEPENDENCY_UNKNOWN
    unknown = []
    for name, memory in decision.dependencies.items():
        standing = memory.standing
        if standing.unknown is not None:
            unknown.append((name, standing.unknown.reason, standing.unknown.message))
        elif standing.state is None and decision.verdict is not None:
            unknown.append((name, standing.reason, standing.message))
    if not unknown:
        return _Draft(kind, "False", ConditionReason.ALL_KNOWN, "every dependency is known")
    words = "; ".join(f"{name}: {message}" for name, _, message in unknown)
    return _true(kind, words, reason=unknown[0][1].value)


def _published(facts: Facts) -> _Draft:
    kind = Condition.PUBLISHED
    if facts.unpublished is not None:
        return _Draft(kind, "False", *facts.unpublished)
    if not facts.published:
        return _Draft(
            kind, "Unknown", ConditionReason.AWAITING_DECISION, "waiting for the dependencies' first states"
        )
    return _true(kind, "the document holds the decision")


def _degraded(document: Document | None, explanation: Explanation | None) -> _Draft:
    kind = Condition.DEGRADED
    if document is None or document.level is Level.OPTIMAL:
        return _Draft(kind, "False", ConditionReason.OPTIMAL, "level 1 (OPTIMAL)" if document else "")
    cause = explanation.cause.message if explanation and explanation.cause else document.cause
    return _true(kind, f"level {int(document.level)} ({document.level.name}): {cause}")


def _overridden(decision: Decision, facts: Facts, now: datetime) -> _Draft:
    kind = Condition.OVERRIDDEN
    wanted = facts.wanted
    if wanted is None:
        return _Draft(kind, "False", ConditionReason.NO_OVERRIDE, "")
    until = wanted.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if decision.spec is not None and decision.spec.mode is Mode.OBSERVE:
        return _Draft(
            kind, "False", ConditionReason.OBSERVING, "the policy observes; its override has no effect"
        )
    if now >= wanted.until:
        return _Draft(kind, "False", ConditionReason.EXPIRED, f"the override ended at {until}")
    return _true(kind, f"level {int(wanted.level)} until {until}: {wanted.reason}")
