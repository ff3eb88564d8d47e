"""Which part of which document applies when: the pure core of an agent.

Events go in with the moment at which they happened (seconds of this machine's monotonic clock); a new state
comes out, with the changes an application should hear of, or the reason why a document was refused. No
sockets, no clock, no callbacks: sources and timers live elsewhere and all of them, a watch and a directory
alike, feed this one machine.

Which document:

    the document is…                       then
    ─────────────────────────────────────  ─────────────────────────────────────────────────────────────
    the first one                          it applies at once
    of another policy                      refused, `other-policy`
    of a uid that was left before          refused, `other-policy`: a deleted policy never returns
    of a new uid under the same name       it applies at once: the policy was made anew
    of a lower revision                    refused, `older`
    more than 2^40 revisions ahead         refused, `revision`: garbage that would refuse all that follow
    of the same revision                   nothing new; brought by the API it is a confirmation
    newer                                  part by part, below

When, for each part (the level, each feature, each dependency's state) of a newer document:

    its value is…                          then
    ─────────────────────────────────────  ─────────────────────────────────────────────────────────────
    worse than what applies, or the same   it applies at once, and whatever waited is cancelled
    better than what applies               it waits its turn: `rampOver` times its share of that document. What
                                           waits already stays, with its own time, unless it is better
                                           than the new value: then it was taken back

A part that a document no longer names goes to its neutral value (on, Up) by the same rules and is then
forgotten. What is due by the time of an event applies before that event, so what applies at a moment does
not depend on how punctual anybody's timer is.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from degradation._errors import DocumentError
from degradation.document import Document, State
from degradation.level import Level
from degradation.view import Change, Confirmation, SourceName, Status, View, compare

__all__ = ["Following", "Pending", "Step", "share_of"]

ORPHANED_AFTER: Final = 10.0
"""Seconds after a deletion within which a document that comes back is taken for a mere replacement."""

MAX_REVISION_STEP: Final = 2**40
"""A revision further ahead of the last good one is garbage."""

UIDS_REMEMBERED: Final = 64
"""How many left uids are known by heart: enough for any life of a pod, and an end to what it may grow to."""

Value = Level | State | bool


def share_of(pod: str) -> float:
    """Where in a ramp a pod has its turn, from 0 to 1: the same in each ramp, spread evenly over pods."""
    return int.from_bytes(hashlib.sha256(pod.encode()).digest()[:8], "big") / 2**64


def badness(value: Value) -> int:
    """Makes two values of one part comparable; higher is worse."""
    if isinstance(value, State):
        return value.badness
    return int(value) if isinstance(value, Level) else int(not value)


@dataclass(frozen=True, slots=True)
class Pending:
    """A better value that waits its turn.

    Attributes:
        part: `level`, `features.NAME` or `dependencies.NAME`.
        value: What the part will become.
        due: When, in seconds of the monotonic clock.
        document: The first one that brought it.
    """

    part: str
    value: Value
    due: float
    document: Document


@dataclass(frozen=True, slots=True)
class Step:
    """What an event led to.

    Attributes:
        following: The state from now on.
        changes: What to tell the application, in order.
        refusal: Why the document was refused, if it was.
    """

    following: Following
    changes: tuple[Change, ...] = ()
    refusal: DocumentError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """An agent's state between two events.

    Attributes:
        view: What applies.
        share: Where in a ramp this pod has its turn (`share_of`).
        stale_after: Seconds without confirmation until Stale; None: as the document says.
        confirmation: What confirms the document; a watch is known beforehand, a heartbeat when it is seen.
        document: The newest good one; None before the first.
        source: Who brought it.
        pending: Better values that wait; several for one part where it improved in steps.
        left: uids that were followed once and never will be again.
        confirmed: When the document was last confirmed.
        deleted: When its ConfigMap was seen deleted; None while it is there.
    """

    view: View
    share: float = 0.0
    stale_after: float | None = None
    confirmation: Confirmation = "none"
    document: Document | None = None
    source: SourceName = "none"
    pending: tuple[Pending, ...] = ()
    left: tuple[str, ...] = field(default=(), repr=False)
    confirmed: float = 0.0
    deleted: float | None = None

    # -- events

    def receive(self, document: Document, source: SourceName, now: float) -> Step:
        """A source brought a document."""
        ticked = self.tick(now)
        step = _receive(ticked.following, document, source, now)
        return replace(step, changes=ticked.changes + step.changes)

    def confirm(self, confirmation: Confirmation, now: float) -> Step:
        """A sign that the document is still the newest one: a watch's event or bookmark, a heartbeat."""
        step = self.tick(now)
        if self.confirmation == "watch" and confirmation != "watch":
            return step  # a directory's heartbeat says nothing about the ConfigMap that is watched
        return replace(step, following=replace(step.following, confirmation=confirmation, confirmed=now))

    def delete(self, now: float) -> Step:
        """The API said that the ConfigMap is gone. The last document stays in force."""
        step = self.tick(now)
        deleted = now if self.deleted is None else self.deleted
        return replace(step, following=replace(step.following, deleted=deleted))

    def tick(self, now: float) -> Step:
        """Time went by: values whose turn has come apply, as one change."""
        due = sorted((p for p in self.pending if p.due <= now), key=lambda p: p.due)
        if not due:
            return Step(self)
        parts = _parts(self.view)
        level_from = None
        for pending in due:
            if _better(pending, parts):
                parts[pending.part] = pending.value
                level_from = pending.document if pending.part == "level" else level_from
        waiting = tuple(p for p in self.pending if p.due > now and _better(p, parts))
        return _apply(self, parts, waiting, level_from)

    # -- questions

    def status(self, now: float) -> Status:
        """How this agent stands with its document."""
        if self.document is None:
            return "NotReady"
        orphaned, stale = self._turns()
        if now >= orphaned:
            return "Orphaned"
        return "Stale" if now >= stale else "Ready"

    def next_due(self, now: float) -> float | None:
        """When `tick` has something to do or the status turns by itself; None: only events matter."""
        moments = [pending.due for pending in self.pending] + [t for t in self._turns() if now < t < math.inf]
        return min(moments, default=None)

    def _turns(self) -> tuple[float, float]:
        """When the status turns to Orphaned and to Stale, if nothing happens."""
        orphaned = math.inf if self.deleted is None else self.deleted + ORPHANED_AFTER
        if self.document is None or self.confirmation == "none":
            return orphaned, math.inf
        limit = self.document.stale_after if self.stale_after is None else self.stale_after
        return orphaned, self.confirmed + limit


# -- which document


def _receive(following: Following, document: Document, source: SourceName, now: float) -> Step:
    if refusal := _refusal(following, document):
        return Step(following, refusal=refusal)
    last = following.document
    # A directory, by itself, confirms nothing and can lag behind a deletion: that the same document is back
    # is the API's word.
    confirmed = now if last is None or source == "api" else following.confirmed
    if last is not None and (document.uid, document.revision) == (last.uid, last.revision):
        deleted = None if source == "api" else following.deleted
        return Step(replace(following, confirmed=confirmed, deleted=deleted))
    parts, left = _parts(document), following.left
    waiting: tuple[Pending, ...] = ()
    if last is not None and last.uid == document.uid:
        parts, waiting = _take(following, document, now)
    elif last is not None:
        left = (*left, last.uid)[-UIDS_REMEMBERED:]
    accepted = replace(
        following, document=document, source=source, confirmed=confirmed, deleted=None, left=left
    )
    step = _apply(accepted, parts, waiting, None)
    turn = step.following.tick(now)  # a ramp of no length is over at once
    return replace(turn, changes=step.changes + turn.changes)


def _refusal(following: Following, document: Document) -> DocumentError | None:
    last = following.document
    if last is None:
        return None
    if document.policy != last.policy:
        return DocumentError(
            "other-policy", f"the document is of policy {document.policy}; {last.policy} is followed"
        )
    if document.uid in following.left:
        return DocumentError(
            "other-policy",
            f"the document is of a policy {document.policy} (uid {document.uid}) that was replaced",
        )
    if document.uid != last.uid:
        return None
    if document.revision < last.revision:
        return DocumentError(
            "older", f"revision {document.revision} is older than {last.revision}, the last one"
        )
    if document.revision - last.revision > MAX_REVISION_STEP:
        return DocumentError(
            "revision",
            f"revision {document.revision} is over 2^40 ahead of {last.revision}, the last good one",
        )
    return None


# -- when its parts apply


def _take(following: Following, document: Document, now: float) -> tuple[_Parts, tuple[Pending, ...]]:
    """What of a newer document applies at once, and what waits."""
    parts, wanted = _parts(following.view), _parts(document)
    due = now + following.share * document.ramp_over
    waiting: list[Pending] = []
    for part in sorted(parts.keys() | wanted.keys()):
        new = Pending(part, wanted.get(part, _neutral(part)), due, document)
        if not _better(new, parts):
            parts[part] = new.value
            continue
        stays = [p for p in following.pending if p.part == part and badness(p.value) >= badness(new.value)]
        waiting += stays if any(p.value == new.value for p in stays) else [*stays, new]
    return parts, tuple(waiting)


def _apply(
    following: Following, parts: _Parts, waiting: tuple[Pending, ...], level_from: Document | None
) -> Step:
    """The step to these parts, with the settings of the newest document.

    Args:
        following: The state to start from; it has a document.
        parts: What applies from now on.
        waiting: What waits from now on.
        level_from: The document that brought the level, where that is an earlier one.
    """
    document = following.document
    assert document is not None  # noqa: S101 - nothing applies before the first document
    level = cast("Level", parts["level"])
    said = document if document.level is level else level_from
    forgotten = [part for part in parts if part not in _parts(document) and parts[part] == _neutral(part)]
    view = View(
        level=level,
        features={n: cast("bool", v) for n, v in _named("features.", parts, forgotten)},
        dependencies={n: cast("State", v) for n, v in _named("dependencies.", parts, forgotten)},
        breakers=document.breakers,
        policy=document.policy,
        revision=following.view.revision if waiting else document.revision,
        pending_revision=document.revision if waiting else None,
        since=said.since if said else following.view.since,
        cause=said.cause if said else following.view.cause,
        retry_after=document.retry_after,
        source=following.source,
    )
    change = compare(following.view, view)
    return Step(replace(following, view=view, pending=waiting), (change,) if change else ())


_Parts = dict[str, Value]


def _parts(of: Document | View) -> _Parts:
    """Level, features and dependencies of a document or a view, by the names that changes use."""
    parts: _Parts = {"level": of.level}
    parts |= {f"features.{name}": on for name, on in of.features.items()}
    for name, dependency in of.dependencies.items():
        parts[f"dependencies.{name}"] = dependency if isinstance(dependency, State) else dependency.state
    return parts


def _named(prefix: str, parts: _Parts, forgotten: Sequence[str]) -> Iterator[tuple[str, Value]]:
    for part, value in parts.items():
        if part.startswith(prefix) and part not in forgotten:
            yield part.removeprefix(prefix), value


def _neutral(part: str) -> Value:
    return State.UP if part.startswith("dependencies.") else True


def _better(pending: Pending, parts: _Parts) -> bool:
    """Whether a value would improve its part."""
    return badness(pending.value) < badness(parts.get(pending.part, _neutral(pending.part)))
