"""What holds for every policy and every history, against a reference that remembers everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from degradation.document import Document, State, parse, render
from degradation.level import Level
from degradation_operator.api.override import Override
from degradation_operator.engine.document import change_key, compose_document
from degradation_operator.engine.evaluate import Decision, begin, evaluate
from degradation_operator.engine.explanation import explain
from degradation_operator.engine.level import cause, judge
from degradation_operator.engine.seed import seed
from degradation_operator.engine.spec import DependencySpec, FeatureSpec, RuleSpec, Spec
from degradation_operator.engine.status import compose_status

from .machine import EPOCH, RESULTS, at

STATES = list(State)
NAMES = ("a", "b", "c")

levels = st.integers(2, 5)


@st.composite
def dependencies(draw: st.DrawFn) -> DependencySpec:
    slow, read_only, down = sorted(draw(st.lists(st.integers(1, 5), min_size=3, max_size=3)))
    return DependencySpec(
        failure_threshold=draw(st.integers(1, 4)),
        success_threshold=draw(st.integers(1, 4)),
        impact={
            State.UP: Level(1),
            State.SLOW: Level(slow),
            State.READ_ONLY: Level(read_only),
            State.DOWN: Level(down),
        },
        first_state_within=draw(st.sampled_from([0.0, 3.0, 20.0])),
    )


@st.composite
def rules(draw: st.DrawFn, *, upward: bool) -> RuleSpec:
    terms = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        if upward:
            least = draw(st.integers(1, 3))
            states = frozenset(STATES[least:])
        else:
            states = frozenset(draw(st.lists(st.sampled_from(STATES), min_size=1, max_size=4)))
        terms.append((name, states))
    return RuleSpec(
        name=draw(st.sampled_from("xyz")),
        level=Level(draw(levels)),
        every=draw(st.booleans()),
        terms=tuple(terms),
    )


@st.composite
def specs(draw: st.DrawFn, *, upward: bool = False) -> Spec:
    return Spec(
        hold_for=draw(st.sampled_from([0.0, 2.0, 10.0])),
        dependencies={name: draw(dependencies()) for name in NAMES},
        rules=tuple(draw(st.lists(rules(upward=upward), max_size=3, unique_by=lambda r: r.name))),
        features=tuple(
            FeatureSpec(
                name=name,
                max_level=Level(draw(st.integers(1, 5))),
                requires=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))),
            )
            for name in ("f", "g")
        ),
    )


held_states = st.fixed_dictionaries({name: st.sampled_from(STATES) for name in NAMES})
conclusive = st.sampled_from(["up", "slow", "read-only", "down"])
results = st.tuples(st.sampled_from(NAMES), st.one_of(conclusive, st.just("unknown")))
"""A dependency and what its probe saw."""
gaps = st.sampled_from([0.0, 0.3, 1.0, 2.0, 5.0, 10.0])
histories = st.lists(st.tuples(gaps, st.lists(results, max_size=4)), max_size=25)
"""Seconds since the step before, and the results of the step."""


def run(spec: Spec, history: Sequence[tuple[float, Sequence[tuple[str, str]]]]) -> list[Decision]:
    decision, time, decisions = evaluate(spec, [], begin(at(0)), at(0)), 0.0, []
    for gap, step in history:
        time += gap
        new = [(name, RESULTS[word]) for name, word in step]
        # As the control loop does: it looks again when something is due.
        while decision.next_at < at(time).monotonic and decision.next_at > at(0).monotonic:
            due = decision.next_at - at(0).monotonic
            decision = evaluate(spec, [], decision, at(due))
            if decision.next_at <= at(due).monotonic:
                break
        decision = evaluate(spec, new, decision, at(time))
        decisions.append(decision)
    return decisions


@given(specs(), held_states)
def test_the_level_is_the_worst_of_what_the_held_states_give(spec: Spec, held: dict[str, State]) -> None:
    asked = [spec.dependencies[name].impact[state] for name, state in held.items()]
    for rule in spec.rules:
        terms = [held[name] in states for name, states in rule.terms]
        if all(terms) if rule.every else any(terms):
            asked.append(rule.level)
    judgement = judge(spec, held)
    assert judgement.level == max(asked)
    assert (cause(spec, held) is None) == (judgement.level == 1)
    assert judgement.features == {
        f.name: judgement.level <= f.max_level and all(held[n] is not State.DOWN for n in f.requires)
        for f in spec.features
    }


@given(specs(upward=True), held_states, st.sampled_from(NAMES), st.integers(0, 3))
def test_more_broken_is_never_a_better_level(
    spec: Spec, held: dict[str, State], name: str, badness: int
) -> None:
    worse = held | {name: STATES[max(badness, held[name].badness)]}
    before, after = judge(spec, held), judge(spec, worse)
    assert after.level >= before.level
    assert all(before.features[feature] or not on for feature, on in after.features.items())


@given(specs(), held_states, st.permutations(NAMES))
def test_the_order_of_dependencies_means_nothing(
    spec: Spec, held: dict[str, State], order: list[str]
) -> None:
    shuffled = replace(
        spec, dependencies={name: spec.dependencies[name] for name in order}, rules=spec.rules[::-1]
    )
    again = {name: held[name] for name in order}
    assert (judge(shuffled, again), cause(shuffled, again)) == (judge(spec, held), cause(spec, held))


@given(specs(), histories)
def test_replaying_gives_the_same_decisions(
    spec: Spec, history: list[tuple[float, list[tuple[str, str]]]]
) -> None:
    assert run(spec, history) == run(spec, history)


@given(specs(), histories)
def test_unknown_changes_nothing(spec: Spec, history: list[tuple[float, list[tuple[str, str]]]]) -> None:
    without = [(gap, [r for r in step if r[1] != "unknown"]) for gap, step in history]
    with_, bare = run(spec, history), run(spec, without)
    assert [d.verdict for d in with_] == [d.verdict for d in bare]


@dataclass
class Reference:
    """Remembers every result and every state for ever, and works everything out from the start."""

    spec: Spec
    results: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in NAMES})
    state: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(NAMES))
    spans: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: {name: [] for name in NAMES})

    def feed(self, time: float, name: str, word: str) -> None:
        state = RESULTS[word].outcome.state
        if state is None:
            return
        rows, present = self.results[name], self.state[name]
        rows.append(state.badness)
        spec = self.spec.dependencies[name]

        def row(good: bool, than: int) -> int:
            count = 0
            for seen in reversed(rows):
                if seen > than if good else seen < than:
                    break
                count += 1
            return count

        after = present
        worse = [
            s
            for s in range(3, 0, -1)
            if s > (present or 0) and row(good=False, than=s) >= spec.failure_threshold
        ]
        better = [
            s
            for s in range(1 if present is None else present)
            if row(good=True, than=s) >= spec.success_threshold
        ]
        if worse:
            after = worse[0]
        elif better:
            after = better[0]
        if after != present and after is not None:
            if present is not None:
                self.spans[name].append((time, present))
            self.state[name] = after

    def adopt(self) -> None:
        """At the deadline of the first decision."""
        for name, rows in self.results.items():
            if self.state[name] is None and rows:
                self.state[name] = rows[-1]

    def held(self, time: float) -> dict[str, State]:
        return {
            name: STATES[
                max(
                    [self.state[name] or 0]
                    + [state for left, state in self.spans[name] if left + self.spec.hold_for > time]
                )
            ]
            for name in NAMES
        }


@given(specs(), histories)
def test_a_reference_that_remembers_everything_agrees(
    spec: Spec, history: list[tuple[float, list[tuple[str, str]]]]
) -> None:
    reference, time, decided = Reference(spec), 0.0, False
    for (gap, step), decision in zip(history, run(spec, history), strict=True):
        before, time = time, time + gap
        if not decided and before < spec.first_decision_within < time:
            # The loop looked when the deadline came, before the results of this step.
            reference.adopt()
            decided = True
        for name, word in step:
            reference.feed(at(time).monotonic, name, word)
        if not decided and (
            time >= spec.first_decision_within or all(s is not None for s in reference.state.values())
        ):
            reference.adopt()
            decided = True
        assert (decision.verdict is not None) == decided
        if decision.verdict is not None:
            held = reference.held(at(time).monotonic)
            assert decision.verdict.held == held
            assert decision.verdict.level == judge(spec, held).level


def published(spec: Spec, decision: Decision, time: float) -> tuple[Document, object]:
    verdict = decision.verdict
    assert verdict is not None
    explanation = explain(spec, decision, verdict)
    document = compose_document(
        "ns/p",
        "uid",
        spec,
        decision,
        verdict,
        cause=explanation.cause,
        revision=7,
        previous=None,
        now=at(time).wall,
    )
    return document, compose_status(decision, verdict, explanation, document, generation=1, previous=None)


@given(specs(), histories, st.booleans(), st.booleans())
def test_a_restart_at_any_point_moves_nothing(
    spec: Spec, history: list[tuple[float, list[tuple[str, str]]]], behind: bool, later: bool
) -> None:
    time = sum(gap for gap, _ in history)
    decisions = run(spec, history)
    if not decisions or decisions[-1].verdict is None:
        return
    before = decisions[-1]
    document, status = published(spec, before, time)
    if behind:  # Killed between the two writes.
        status = status.model_copy(update={"revision": 6})  # type: ignore[attr-defined]
    began = at(time + (1000 if later else 0))
    after = evaluate(spec, [], seed(parse(render(document)), status, began), began)  # type: ignore[arg-type]
    assert after.verdict is not None
    again, _ = published(spec, after, time)
    assert change_key(again) == change_key(document)
    assert after.level_since == before.level_since.replace(
        microsecond=before.level_since.microsecond // 1000 * 1000
    )
    if not behind:
        states = {name: m.standing.state or State.UP for name, m in before.dependencies.items()}
        assert {name: m.standing.state for name, m in after.dependencies.items()} == states


@given(specs(), held_states, levels, st.floats(0.1, 100))
def test_an_override_is_the_level_until_it_ends(
    spec: Spec, held: dict[str, State], level: int, seconds: float
) -> None:
    words = {State.UP: "up", State.SLOW: "slow", State.READ_ONLY: "read-only", State.DOWN: "down"}
    decision = begin(at(0))
    order = Override(level=level, reason="drill", until=EPOCH + timedelta(seconds=seconds))
    step = [(name, RESULTS[words[state]]) for name, state in held.items()] * 4
    decision = evaluate(spec, step, decision, at(0), override=order)
    assert decision.verdict is not None
    assert (decision.verdict.level, decision.verdict.held) == (level, held)
    ended = evaluate(spec, [], decision, at(seconds), override=order)
    assert ended.verdict is not None
    assert (ended.verdict.override, ended.verdict.level) == (None, judge(spec, held).level)
