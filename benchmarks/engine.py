"""Evaluations a second of a policy with 10 dependencies, on one core, and the cost per policy with many policies.

Three kinds of step: one more answer as expected (what nearly every step is), a state that changes (the level is
decided anew), and the same with the explanation and the document that follow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from degradation.document import State, render
from degradation.level import Level
from degradation_operator.api.names import Reason
from degradation_operator.engine.document import compose_document
from degradation_operator.engine.evaluate import Decision, begin, evaluate
from degradation_operator.engine.explanation import explain
from degradation_operator.engine.model import Now, Outcome, ProbeResult
from degradation_operator.engine.spec import DependencySpec, FeatureSpec, RuleSpec, Spec

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
UP = ProbeResult(outcome=Outcome.UP, reason=Reason.ANSWERED, message="answered")
DOWN = ProbeResult(outcome=Outcome.DOWN, reason=Reason.REFUSED, message="connection refused")
NAMES = [f"dependency-{n}" for n in range(10)]
SECONDS = 1.0  # for each figure


def now(step: int) -> Now:
    return Now(step * 0.01, EPOCH + timedelta(seconds=step * 0.01))


def spec() -> Spec:
    impact = {State.UP: Level(1), State.SLOW: Level(2), State.READ_ONLY: Level(3), State.DOWN: Level(4)}
    return Spec(
        hold_for=0.0,
        dependencies={
            name: DependencySpec(
                failure_threshold=1, success_threshold=1, impact=impact, first_state_within=1.0
            )
            for name in NAMES
        },
        rules=tuple(
            RuleSpec(
                name=f"rule-{n}",
                level=Level(5),
                every=True,
                terms=tuple((name, frozenset({State.DOWN})) for name in NAMES[n : n + 3]),
            )
            for n in range(4)
        ),
        features=tuple(
            FeatureSpec(name=f"feature-{n}", max_level=Level(1 + n % 5), requires=(NAMES[n],))
            for n in range(8)
        ),
    )


def healthy(of: Spec) -> Decision:
    decision = begin(now(0))
    for _ in range(120):  # Until the rows are as long as rows get.
        decision = evaluate(of, [(name, UP) for name in NAMES], decision, now(1))
    return decision


def per_second(step: Callable[[int], None]) -> float:
    count, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        for _ in range(200):
            step(count)
            count += 1
    return count / (time.process_time() - start)


def as_expected() -> float:
    of = spec()
    decision = healthy(of)

    def step(count: int) -> None:
        nonlocal decision
        decision = evaluate(of, [(NAMES[count % 10], UP)], decision, now(2 + count))

    return per_second(step)


def changing(*, written: bool = False) -> float:
    of = spec()
    decision = healthy(of)

    def step(count: int) -> None:
        nonlocal decision
        result = DOWN if count // 10 % 2 == 0 else UP
        decision = evaluate(of, [(NAMES[count % 10], result)], decision, now(2 + count))
        if written and decision.verdict is not None:
            cause = explain(of, decision, decision.verdict).cause
            document = compose_document(
                "a/b", "u", of, decision, decision.verdict, cause=cause, revision=1, previous=None, now=EPOCH
            )
            render(document)

    return per_second(step)


def microseconds_per_policy(policies: int) -> float:
    """Of a step as expected, when the policies take turns."""
    of = spec()
    decisions = [healthy(of) for _ in range(min(policies, 20))]
    decisions = [decisions[n % len(decisions)] for n in range(policies)]
    rounds = max(1, 40_000 // policies)
    start = time.process_time()
    for turn in range(rounds):
        moment = now(2 + turn)
        for n in range(policies):
            decisions[n] = evaluate(of, [(NAMES[turn % 10], UP)], decisions[n], moment)
    return (time.process_time() - start) / (rounds * policies) * 1e6


def main() -> None:
    figures = {
        "evaluations_per_second_as_expected": round(as_expected()),
        "evaluations_per_second_changing": round(changing()),
        "evaluations_per_second_changing_explained_and_written": round(changing(written=True)),
        "microseconds_per_policy": {
            str(n): round(microseconds_per_policy(n), 2) for n in (10, 100, 1_000, 10_000)
        },
    }
    print(json.dumps({"benchmark": "engine", **figures}))


if __name__ == "__main__":
    main()
