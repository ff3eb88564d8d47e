"""Until there is something to decide on, nothing is published."""

from __future__ import annotations

from .machine import Machine, dependency, retail


def test_nothing_is_decided_before_every_dependency_has_a_state() -> None:
    machine = Machine(retail())
    levels = [
        machine.feed(0.5, redis="up up", openai="up up", postgres="down down").level,
        machine.feed(1, s3="up").level,
        machine.feed(2, s3="up").level,
    ]
    assert levels == [None, None, 5]


def test_the_deadline_is_that_of_the_slowest_dependency() -> None:
    spec = retail(dependencies={"a": dependency(), "b": dependency(first_state_within=10.0)}, features=())
    machine = Machine(spec).feed(0)
    assert machine.decision.next_at == 1000 + 11
    assert (machine.feed(10.9).level, machine.feed(11).level) == (None, 1)


def test_at_the_deadline_the_last_conclusive_result_counts() -> None:
    machine = Machine(retail()).feed(1, redis="up up", openai="up up", s3="up up")
    machine.feed(2, postgres="down unknown").feed(5)
    standing = machine.decision.dependencies["postgres"].standing
    assert (machine.level, standing.state, standing.message) == (
        5,
        "Down",
        "connection refused (1 of 2 probes)",
    )


def test_at_the_deadline_one_without_any_conclusive_result_counts_as_up() -> None:
    machine = Machine(retail()).feed(1, redis="up up", openai="up up", s3="up up")
    machine.feed(2, postgres="unknown unknown").feed(5)
    assert (machine.level, machine.states["postgres"], machine.held["postgres"]) == (1, None, "Up")
    assert machine.feed(6, postgres="down down").level == 5
