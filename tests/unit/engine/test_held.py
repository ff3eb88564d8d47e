"""Held states: worse at once, better after the hold."""

from __future__ import annotations

from dataclasses import replace

from .machine import Machine, dependency, retail


def test_worse_counts_at_once_and_better_after_the_hold() -> None:
    machine = Machine(retail()).healthy()
    levels = {0: machine.level}
    for time, words in ((10, "down down"), (20, "up up"), (49.9, ""), (50, "")):
        levels[int(time * 10)] = machine.feed(time, redis=words).level
    assert levels == {0: 1, 100: 2, 200: 2, 499: 2, 500: 1}


def test_the_engine_says_when_to_look_again() -> None:
    machine = Machine(retail()).healthy().feed(10, redis="down down").feed(20, redis="up up")
    assert machine.decision.next_at == 1000 + 50


def test_a_server_that_flaps_moves_the_level_once() -> None:
    machine = Machine(retail()).healthy()
    verdicts = set()
    for time in range(10, 100, 4):
        machine.feed(time, redis="down down")
        verdicts.add(id(machine.decision.verdict))
        machine.feed(time + 2, redis="up up")
        verdicts.add(id(machine.decision.verdict))
    assert (machine.level, len(verdicts)) == (2, 1)


def test_a_dependency_steps_up_as_each_worse_state_leaves_the_window() -> None:
    machine = Machine(retail()).healthy().feed(0, postgres="down down")
    machine.feed(10, postgres="read-only read-only").feed(15, postgres="up up")
    seen = []
    for time in (39, 40, 44, 45):
        machine.feed(time)
        seen.append((machine.held["postgres"], machine.level))
    assert seen == [("Down", 5), ("ReadOnly", 4), ("ReadOnly", 4), ("Up", 1)]


def test_what_has_left_the_window_never_returns_also_when_the_hold_grows() -> None:
    machine = Machine(retail(hold_for=5.0)).healthy().feed(10, redis="down down").feed(20, redis="up up")
    machine.spec = replace(machine.spec, hold_for=600.0)
    assert machine.feed(26).level == 1


def test_what_is_in_the_window_stays_for_a_longer_hold_and_goes_by_a_shorter_one() -> None:
    machine = Machine(retail()).healthy().feed(10, redis="down down").feed(20, redis="up up")
    machine.spec = replace(machine.spec, hold_for=60.0)
    assert (machine.feed(40).level, machine.feed(60).level) == (2, 2)
    machine.spec = replace(machine.spec, hold_for=5.0)
    assert machine.feed(61).level == 1


def test_no_hold_means_at_once() -> None:
    machine = Machine(retail(hold_for=0.0)).healthy().feed(1, redis="down down")
    assert (machine.level, machine.feed(2, redis="up up").level) == (2, 1)


def test_a_batch_of_results_is_held_like_results_one_by_one() -> None:
    machine = Machine(retail()).feed(0, redis="down down up up", openai="up up", postgres="up up", s3="up up")
    assert (machine.level, machine.feed(29).level, machine.feed(30).level) == (2, 2, 1)


def test_an_edited_policy_is_judged_at_once_and_keeps_the_states() -> None:
    machine = Machine(retail()).healthy().feed(10, postgres="down down", redis="down down")
    assert machine.level == 5
    spec = machine.spec
    machine.spec = replace(
        spec, dependencies={**spec.dependencies, "postgres": dependency(slow=3, read_only=3, down=3)}
    )
    assert machine.feed(11).level == 3
    machine.spec = replace(spec, dependencies={k: v for k, v in spec.dependencies.items() if k != "postgres"})
    assert machine.feed(12).level == 2
    machine.spec = spec  # The dependency returns as a new one: Up until it has a state.
    assert (machine.feed(13).level, machine.states["postgres"]) == (2, None)
