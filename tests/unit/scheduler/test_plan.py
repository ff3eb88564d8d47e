"""What is due when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from degradation_operator.scheduler.plan import Follow, Plan, Timing, phase_of


def started(timing: Timing, now: float = 100.0) -> tuple[Plan[str], float]:
    plan: Plan[str] = Plan()
    plan.add("t", timing, now)
    due = plan.next_due()
    assert due is not None
    assert plan.pop_due(due) == ("t", due)
    return plan, due


@pytest.mark.parametrize(("interval", "within"), [(10.0, 1.0), (0.5, 0.5), (3600.0, 1.0)])
@given(phase=st.floats(0, 1, exclude_max=True))
def test_a_new_target_is_first_probed_within_the_smaller_of_interval_and_1_s(
    interval: float, within: float, phase: float
) -> None:
    _, due = started(Timing(interval, interval, phase))
    assert 100.0 <= due <= 100.0 + within


@pytest.mark.parametrize(
    ("follow", "ended", "due"),
    [
        # interval 10, recheck 1, phase 0.5: its slots are …, 105, 115, …; the first probe was due at 100.5
        (Follow.AGREES, 100.6, 105.0),
        (Follow.AGREES, 104.9, 105.0),
        (Follow.AGREES, 105.0, 115.0),  # A slot that went by while it ran is left out.
        (Follow.AGREES, 127.0, 135.0),
        (Follow.DISAGREES, 100.6, 101.6),
        (Follow.DISAGREES, 104.9, 105.9),
        (Follow.INCONCLUSIVE, 100.6, 110.6),  # An interval after it ended: never sooner.
        (Follow.INCONCLUSIVE, 109.0, 119.0),
        (Follow.INCONCLUSIVE, 130.0, 140.0),
    ],
)
def test_what_a_result_means_for_the_next_probe(follow: Follow, ended: float, due: float) -> None:
    plan, _ = started(Timing(10.0, 1.0, 0.5))
    plan.finished("t", follow, ended)
    assert plan.next_due() == pytest.approx(due)


def test_a_target_that_runs_is_not_due() -> None:
    plan, _ = started(Timing(10.0, 1.0, 0.0))
    assert (plan.next_due(), plan.pop_due(1e9)) == (None, None)


def test_targets_are_given_out_in_the_order_they_are_due() -> None:
    plan: Plan[str] = Plan()
    for name, phase in (("b", 0.5), ("c", 0.9), ("a", 0.1)):
        plan.add(name, Timing(10.0, 1.0, phase), 0.0)
    assert [plan.pop_due(1.0) for _ in range(4)] == [("a", 0.1), ("b", 0.5), ("c", 0.9), None]


def test_a_removed_target_is_never_due_also_when_it_ends_later() -> None:
    plan, _ = started(Timing(10.0, 1.0, 0.0))
    plan.remove("t")
    plan.finished("t", Follow.AGREES, 101.0)
    assert (plan.next_due(), len(plan)) == (None, 0)


def test_a_new_timing_counts_at_once() -> None:
    plan, _ = started(Timing(3600.0, 1.0, 0.5))
    plan.finished("t", Follow.AGREES, 100.6)
    plan.add("t", Timing(1.0, 1.0, 0.5), 101.0)
    assert plan.next_due() == 101.5


def test_phases_spread_evenly_and_stay_the_same() -> None:
    phases = sorted(phase_of(f"uid-{n}", "redis") for n in range(4000))
    assert phase_of("uid-0", "redis") == phase_of("uid-0", "redis")
    assert max(abs(phase - (n + 0.5) / 4000) for n, phase in enumerate(phases)) < 0.05


def test_what_is_void_does_not_pile_up() -> None:
    plan: Plan[int] = Plan()
    for n in range(10_000):
        plan.add(n % 10, Timing(10.0, 1.0, 0.5), float(n))
    assert len(plan._heap) <= 2 * 10 + 64
