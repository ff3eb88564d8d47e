"""Any sequence of documents, times and sources, against a reference that keeps the whole history.

The reference has no list of what waits: it looks at each document that was accepted and asks whether what it
brought survived until its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from degradation.document import Document, State
from degradation.following import Following
from degradation.level import Level
from degradation.view import Change, View
from tests.support.documents import document

NAMES: Final = ("a", "b")
SHARE: Final = 0.5

DOCUMENTS: Final = st.builds(
    document,
    st.integers(1, 30),
    st.integers(1, 5),
    states=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(State)),
    features=st.dictionaries(st.sampled_from(NAMES), st.booleans()),
    ramp_over=st.sampled_from([0.0, 4.0, 10.0, 20.0]),
    stale_after=st.sampled_from([10.0, 50.0]),
    uid=st.sampled_from(["one", "one", "one", "two", "three"]),
    policy=st.sampled_from(["shop/shop"] * 9 + ["shop/other"]),
)
SOURCES: Final = st.sampled_from(["api", "directory"])


def wanted(given: Document) -> dict[str, int]:
    """The badness of each part of a document, absent ones neutral."""
    parts = {"level": int(given.level)}
    for name in NAMES:
        parts[f"features.{name}"] = int(not given.features.get(name, True))
        state = given.dependencies[name].state if name in given.dependencies else State.UP
        parts[f"dependencies.{name}"] = list(State).index(state)
    return parts


def applied(view: View) -> dict[str, int]:
    """The same of a view."""
    parts = {"level": int(view.level)}
    for name in NAMES:
        parts[f"features.{name}"] = int(not view.features.get(name, True))
        parts[f"dependencies.{name}"] = list(State).index(view.dependencies.get(name, State.UP))
    return parts


@dataclass
class Reference:
    """Everything that was accepted since the policy was made, and what follows from it."""

    history: list[tuple[float, Document]] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    whole: int | None = None
    confirmed: float = 0.0
    kind: str = "none"
    deleted: float | None = None

    def receive(self, now: float, given: Document, source: str) -> str | None:
        last = self.history[-1][1] if self.history else None
        if last and (given.policy != last.policy or given.uid in self.left):
            return "other-policy"
        if last and given.uid == last.uid and given.revision < last.revision:
            return "older"
        if not last or source == "api":
            self.confirmed = now
        if last and (given.uid, given.revision) == (last.uid, last.revision):
            if source == "api":
                self.deleted = None
            return None
        if last and given.uid != last.uid:
            self.left.add(last.uid)
            self.history.clear()
            self.whole = None
        self.history.append((now, given))
        self.deleted = None
        return None

    def value(self, part: str, now: float) -> int:
        """What a part is at a moment."""
        values = [(at, wanted(given)[part], given.ramp_over) for at, given in self.history]
        # (moment, order, whether it is a turn, value)
        moments = [(at, index, False, value) for index, (at, value, _) in enumerate(values)]
        for index, (at, value, ramp) in enumerate(values[1:], 1):
            due = at + SHARE * ramp
            taken_back = any(v > value for t, v, _ in values[index + 1 :] if t < due)
            if not taken_back and not self._brought_before(values, index):
                moments.append((due, index, True, value))
        present = values[0][1]
        for moment, _, turn, value in sorted(moments):
            if moment <= now:
                present = min(present, value) if turn else max(present, value)
        return present

    @staticmethod
    def _brought_before(values: list[tuple[float, int, float]], index: int) -> bool:
        """Whether an earlier document's same value was waiting still when this one came."""
        at, value, _ = values[index]
        for earlier in range(index - 1, 0, -1):
            began, same, ramp = values[earlier]
            if same > value:
                return False  # taken back in between
            if same == value and at < began + SHARE * ramp and not Reference._brought_before(values, earlier):
                return True
        return False

    def status(self, now: float) -> str:
        if not self.history:
            return "NotReady"
        if self.deleted is not None and now >= self.deleted + 10:
            return "Orphaned"
        if self.kind != "none" and now >= self.confirmed + self.history[-1][1].stale_after:
            return "Stale"
        return "Ready"


class FollowingMachine(RuleBasedStateMachine):
    """The core and the reference, fed alike."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.reference = Reference()
        self.following = Following(view=View(level=Level.OPTIMAL), share=SHARE)

    @initialize(watch=st.booleans(), first=DOCUMENTS)
    def begin(self, watch: bool, first: Document) -> None:
        if watch:
            self.following = replace(self.following, confirmation="watch")
            self.reference.kind = "watch"
        self.receive(first, "directory")

    @rule(given=DOCUMENTS, source=SOURCES)
    def receive(self, given: Document, source: Any) -> None:
        expected = self.reference.receive(self.now, given, source)
        step = self.following.receive(given, source, self.now)
        assert (step.refusal.reason if step.refusal else None) == expected
        self._changed(step.changes)
        self.following = step.following

    @precondition(lambda self: self.reference.history)
    @rule(data=st.data(), source=SOURCES, further=st.integers(0, 2))
    def receive_newer(self, data: st.DataObject, source: Any, further: int) -> None:
        last = self.reference.history[-1][1]
        given = data.draw(DOCUMENTS)
        newer = replace(given, uid=last.uid, policy=last.policy, revision=last.revision + further)
        self.receive(newer, source)

    @rule(seconds=st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 11.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def tick(self) -> None:
        step = self.following.tick(self.now)
        assert len(step.changes) <= 1
        self._changed(step.changes)
        self.following = step.following
        due = self.following.next_due(self.now)
        assert due is None or due > self.now

    @rule()
    def delete(self) -> None:
        step = self.following.delete(self.now)
        self._changed(step.changes)
        self.following = step.following
        self.reference.deleted = self.now if self.reference.deleted is None else self.reference.deleted

    @rule(kind=st.sampled_from(["watch", "heartbeat"]))
    def confirm(self, kind: Any) -> None:
        step = self.following.confirm(kind, self.now)
        self._changed(step.changes)
        self.following = step.following
        if (self.reference.kind, kind) != ("watch", "heartbeat"):
            self.reference.kind, self.reference.confirmed = kind, self.now

    @invariant()
    def the_core_says_what_the_reference_says(self) -> None:
        if not self.reference.history:
            return
        view = self.following.tick(self.now).following.view  # whenever a timer comes
        newest = self.reference.history[-1][1]
        expected = {part: self.reference.value(part, self.now) for part in wanted(newest)}
        assert applied(view) == expected
        whole = expected == wanted(newest)
        self.reference.whole = newest.revision if whole else self.reference.whole
        assert view.pending_revision == (None if whole else newest.revision)
        if whole:
            assert view.revision == newest.revision
        # What is forgotten is what the document no longer names and has become neutral.
        assert {n for n in view.features if view.features[n]} <= newest.features.keys()
        assert newest.features.keys() <= view.features.keys()
        assert len(self.following.pending) <= 4 + 2 * (1 + 3)
        assert self.following.status(self.now) == self.reference.status(self.now)

    @staticmethod
    def _changed(changes: tuple[Change, ...]) -> None:
        for change in changes:
            assert change.changed
            assert ("level" in change.changed) == (change.old.level != change.new.level)


FollowingMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestFollowing = FollowingMachine.TestCase
