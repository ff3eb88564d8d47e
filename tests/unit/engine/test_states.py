"""From results to the present state."""

from __future__ import annotations

import pytest

from .machine import Machine, dependency, retail


def one(failure: int = 2, success: int = 2) -> Machine:
    spec = retail(
        dependencies={"db": dependency(slow=4, down=5, failure_threshold=failure, success_threshold=success)},
        features=(),
        hold_for=0.0,
    )
    return Machine(spec)


@pytest.mark.parametrize(
    ("thresholds", "results", "state"),
    [
        # no state yet
        ((2, 2), "", None),
        ((2, 2), "up", None),
        ((2, 2), "up up", "Up"),
        ((2, 2), "down", None),
        ((2, 2), "down down", "Down"),
        ((2, 2), "slow down", "Slow"),
        ((2, 2), "up down", None),
        ((2, 2), "down up", None),
        ((2, 2), "up down up", None),
        ((3, 1), "down down up", "Up"),
        # worse: after failureThreshold at least that bad
        ((2, 2), "up up down", "Up"),
        ((2, 2), "up up down down", "Down"),
        ((2, 2), "up up down up down", "Up"),
        ((2, 2), "up up slow down", "Slow"),
        ((2, 2), "up up slow down down", "Down"),
        ((3, 2), "up up slow down slow", "Slow"),
        ((3, 2), "up up down read-only down", "ReadOnly"),
        ((1, 1), "up down", "Down"),
        ((1, 1), "up read-only slow", "Slow"),
        # better: after successThreshold at least that good
        ((2, 2), "down down up", "Down"),
        ((2, 2), "down down up up", "Up"),
        ((2, 2), "down down up slow", "Slow"),
        ((2, 2), "down down slow up up", "Up"),
        ((2, 3), "down down read-only up slow", "ReadOnly"),
        ((2, 2), "down down up down up", "Down"),
        # inconclusive results change nothing and break no row
        ((2, 2), "unknown unknown unknown", None),
        ((2, 2), "up up down unknown down", "Down"),
        ((2, 2), "up up unknown unknown unknown", "Up"),
        ((2, 2), "down down unknown unknown", "Down"),
        ((2, 2), "down down up unknown up", "Up"),
    ],
)
def test_state_follows_rows_of_results(thresholds: tuple[int, int], results: str, state: str | None) -> None:
    machine = one(*thresholds)
    for word in results.split():
        machine.feed(None, db=word)
    assert machine.feed().states == {"db": state}


def test_a_row_longer_than_any_threshold_still_ends() -> None:
    machine = one(failure=100, success=100)
    for _ in range(300):
        machine.feed(None, db="up")
    for n in range(100):
        assert machine.states == {"db": "Up"}, n
        machine.feed(None, db="down")
    assert machine.states == {"db": "Down"}


def test_one_more_answer_as_expected_changes_no_object() -> None:
    machine = one().healthy()
    for _ in range(200):
        machine.feed(None, db="up")
    before = machine.decision
    assert machine.feed(None, db="up").decision is before


def test_unknown_is_shown_after_a_row_and_ends_with_the_first_answer() -> None:
    machine = one().healthy()
    shown = []
    for word in ("unknown", "unknown", "up"):
        unknown = machine.feed(None, db=word).decision.dependencies["db"].standing.unknown
        shown.append(unknown and str(unknown.reason))
    assert shown == [None, "AuthenticationFailed", None]


def test_the_reason_shown_is_that_of_the_result_that_led_to_the_state() -> None:
    machine = one().healthy().feed(1, db="slow").feed(2, db="down")
    standing = machine.decision.dependencies["db"].standing
    assert (standing.state, standing.message, standing.measured) == (
        "Slow",
        "answered late (2 of 2 probes)",
        "5.02 s",
    )


def test_another_reason_for_the_same_state_is_shown_with_its_old_time() -> None:
    machine = one().healthy().feed(1, db="down down")
    since = machine.decision.dependencies["db"].standing.since
    standing = machine.feed(2, db="timeout").decision.dependencies["db"].standing
    assert (standing.reason, standing.message, standing.since) == ("Timeout", "no answer in time", since)
