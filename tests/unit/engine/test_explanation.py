"""Why this level, and what is still needed for a better one."""

from __future__ import annotations

from degradation.document import Mode
from degradation_operator.api.override import Override
from degradation_operator.engine.explanation import Explanation, Need, explain

from .machine import Machine, at, retail, rule


def explained(machine: Machine) -> Explanation:
    verdict = machine.decision.verdict
    assert verdict is not None
    return explain(machine.spec, machine.decision, verdict)


def test_optimal_needs_no_words() -> None:
    assert explained(Machine(retail()).healthy()) == Explanation(
        cause=None, observed=None, observed_cause=None, recovery=None
    )


def test_a_present_state_is_explained_by_what_was_measured_and_what_is_missing() -> None:
    machine = Machine(retail()).healthy().feed(10, postgres="slow slow")
    cause, recovery = explained(machine).cause, explained(machine).recovery
    assert cause is not None
    assert (cause.dependency, cause.state, cause.message, cause.measured, cause.threshold) == (
        "postgres",
        "Slow",
        "postgres is Slow: answered late (2 of 2 probes)",
        "5.02 s",
        "500 ms",
    )
    assert recovery is not None
    assert (recovery.target_level, recovery.eligible_at, recovery.message, recovery.needs) == (
        1,
        None,
        "2 clean probes of postgres in a row and 30 s of hold; then level 1 (OPTIMAL)",
        (Need(dependency="postgres", state="Up", clean_probes=2, hold_for=30.0),),  # type: ignore[arg-type]
    )


def test_a_held_state_is_explained_by_its_end() -> None:
    machine = Machine(retail()).healthy().feed(10, redis="down down").feed(20, redis="up up")
    explanation = explained(machine)
    assert explanation.cause is not None
    assert explanation.recovery is not None
    assert explanation.cause.message == (
        "redis was Down until 20:00:20Z and counts as that until 20:00:50Z; now it is Up"
    )
    assert (explanation.recovery.target_level, explanation.recovery.eligible_at) == (1, at(50).wall)
    assert explanation.recovery.message == "redis counts as Down until 20:00:50Z; then level 1 (OPTIMAL)"


def test_of_several_the_next_better_level_is_named() -> None:
    machine = (
        Machine(retail()).healthy().feed(10, redis="down down", openai="down down", postgres="down down")
    )
    machine.feed(20, postgres="up up").feed(25, openai="up up")
    recovery = explained(machine).recovery
    assert recovery is not None
    assert (recovery.target_level, recovery.eligible_at) == (3, at(50).wall)


def test_a_rule_is_explained_by_its_terms() -> None:
    spec = retail(rules=(rule("both", 5, ("redis", "Down"), ("openai", "Down")),))
    machine = Machine(spec).healthy().feed(10, redis="down down", openai="timeout timeout")
    explanation = explained(machine)
    assert explanation.cause is not None
    assert (explanation.cause.rule, explanation.cause.dependency, explanation.cause.message) == (
        "both",
        None,
        "rule both: redis is Down: connection refused (2 of 2 probes) and openai is Down: no answer in time (2 of 2 probes)",
    )
    assert explanation.recovery is not None
    assert [need.dependency for need in explanation.recovery.needs] == ["redis", "openai"]


def test_an_override_is_explained_by_the_person_and_shows_the_rules_beside_it() -> None:
    machine = Machine(retail()).healthy().feed(10, redis="down down")
    machine.override = Override(level=5, reason="drill", until=at(100).wall)
    explanation = explained(machine.feed(20))
    assert explanation.cause is not None
    assert explanation.cause.message == "set by hand until 2026-11-23T20:01:40Z: drill"
    assert (explanation.observed, explanation.observed_cause and explanation.observed_cause.dependency) == (
        2,
        "redis",
    )
    assert explanation.recovery is not None
    assert (explanation.recovery.target_level, explanation.recovery.eligible_at) == (2, at(100).wall)


def test_observe_shows_the_rules_beside_nothing() -> None:
    machine = Machine(retail(mode=Mode.OBSERVE)).healthy().feed(10, redis="down down")
    explanation = explained(machine)
    assert (machine.level, explanation.cause, explanation.observed, explanation.recovery) == (
        1,
        None,
        2,
        None,
    )


def test_words_fit_into_a_status() -> None:
    spec = retail(rules=(rule("r" * 63, 5, *((name, "Down") for name in ("redis", "openai", "s3"))),))
    machine = Machine(spec).healthy().feed(10, redis="down down", openai="down down", s3="down down")
    cause = explained(machine).cause
    assert cause is not None
    assert len(cause.message) <= 256
