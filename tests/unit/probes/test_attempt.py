"""One attempt: exactly one result, by the deadline, whatever the client does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.probes.attempt import start_attempt
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.results import INTERNAL, OVERDUE, down, inconclusive
from tests.support.probe_kit import settled, until

UP = ProbeResult(outcome=Outcome.UP, reason=Reason.ANSWERED, message="answered", seconds=0.001)
NO_ANSWER = down(Reason.TIMEOUT, "no answer")
RESOLVER = inconclusive(Reason.RESOLVER_FAILED, "no resolver")
ENDLESS = down(Reason.TIMEOUT, "endless")
SECRET = "a-secret-in-an-exception"


class FakeProbe:
    """Behaves as it is told."""

    kind = "fake"

    def __init__(self, behave: Callable[[Deadline], Awaitable[ProbeResult]]) -> None:
        self._behave = behave
        self.aborted = 0

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        return await self._behave(deadline)

    def abort(self) -> None:
        self.aborted += 1

    async def aclose(self) -> None:
        self.abort()


class Results(list[ProbeResult]):
    """What was delivered."""

    async def one(self) -> ProbeResult:
        await until(lambda: bool(self))
        await settled()
        (result,) = self
        return result


async def hang() -> None:
    await asyncio.get_running_loop().create_future()


async def test_a_result_is_delivered() -> None:
    async def answer(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(1, NO_ANSWER)
        return UP

    results, probe = Results(), FakeProbe(answer)
    start_attempt(probe, on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is UP
    assert probe.aborted == 0
    assert len(asyncio.all_tasks()) == 1


async def test_silence_ends_by_what_was_expected_last() -> None:
    async def stall(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(0.01, RESOLVER)
        deadline.expect_within(0.05, NO_ANSWER)
        await hang()
        return UP

    loop = asyncio.get_running_loop()
    results, probe, started = Results(), FakeProbe(stall), loop.time()
    start_attempt(probe, on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is NO_ANSWER
    assert 0.05 <= loop.time() - started < 0.5
    assert probe.aborted == 1
    assert len(asyncio.all_tasks()) == 1


async def test_an_earlier_deadline_replaces_a_later_one() -> None:
    async def stall(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(60, RESOLVER)
        deadline.expect_within(0.01, NO_ANSWER)
        await hang()
        return UP

    results = Results()
    start_attempt(FakeProbe(stall), on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is NO_ANSWER


async def test_progress_moves_the_deadline_and_the_total_bounds_it() -> None:
    class Listener:
        heard_at = 0.0

    async def drip(deadline: Deadline) -> ProbeResult:
        listener, loop = Listener(), asyncio.get_running_loop()
        deadline.expect_progress(silence=0.06, otherwise=NO_ANSWER, total=0.2, endless=ENDLESS)
        deadline.listen(listener)
        while True:
            await asyncio.sleep(0.01)
            listener.heard_at = loop.time()

    loop = asyncio.get_running_loop()
    results, started = Results(), loop.time()
    start_attempt(
        FakeProbe(drip), on_result=results.append, lateness=lambda _: 0.03
    )  # much for one silence, little for all
    assert await results.one() is ENDLESS
    assert 0.2 <= loop.time() - started < 0.5


async def test_silence_counts_from_when_something_was_heard() -> None:
    async def drip(deadline: Deadline) -> ProbeResult:
        deadline.expect_progress(silence=0.08, otherwise=NO_ANSWER, total=60, endless=ENDLESS)
        await asyncio.sleep(0.05)
        deadline.heard()
        await hang()
        return UP

    loop = asyncio.get_running_loop()
    results, started = Results(), loop.time()
    start_attempt(FakeProbe(drip), on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is NO_ANSWER
    assert 0.13 <= loop.time() - started < 0.5


async def test_a_client_that_ignores_its_cancellation() -> None:
    release = asyncio.Event()

    async def stubborn(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(0.02, NO_ANSWER)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return UP  # too late to count

    results, probe = Results(), FakeProbe(stubborn)
    start_attempt(probe, on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is NO_ANSWER
    assert probe.aborted == 1
    release.set()
    await until(lambda: len(asyncio.all_tasks()) == 1)
    assert results == [NO_ANSWER]


@pytest.mark.parametrize("late_failure", [True, False])
async def test_a_fault_of_the_probe_is_no_failure_of_the_other_side(
    late_failure: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged with the place and the type, and without the text, which may hold a secret."""

    async def fail(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(0.02 if late_failure else 60, NO_ANSWER)
        try:
            await hang() if late_failure else None
        finally:
            raise ValueError(SECRET)

    results, probe = Results(), FakeProbe(fail)
    start_attempt(probe, on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is (NO_ANSWER if late_failure else INTERNAL)
    assert probe.aborted == 1
    assert SECRET not in caplog.text
    if not late_failure:
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "ValueError" in record.getMessage()
        assert __file__ in record.getMessage()
    assert len(asyncio.all_tasks()) == 1


async def test_a_client_that_lets_its_own_cancellation_out() -> None:
    async def leak(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(60, NO_ANSWER)
        raise asyncio.CancelledError

    results = Results()
    start_attempt(FakeProbe(leak), on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is INTERNAL


async def test_a_cancelled_attempt_has_no_result() -> None:
    async def stall(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(0.02, NO_ANSWER)
        await hang()
        return UP

    results, probe = Results(), FakeProbe(stall)
    attempt = start_attempt(probe, on_result=results.append, lateness=lambda _: 0.0)
    await settled()
    attempt.cancel()
    attempt.cancel()
    await asyncio.sleep(0.05)
    assert results == []
    assert probe.aborted == 1
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(("late", "expected"), [(0.01, NO_ANSWER), (0.03, OVERDUE), (5.0, OVERDUE)])
async def test_a_deadline_means_nothing_where_the_loop_was_late(late: float, expected: ProbeResult) -> None:
    async def stall(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(0.05, NO_ANSWER)
        await hang()
        return UP

    results = Results()
    start_attempt(FakeProbe(stall), on_result=results.append, lateness=lambda _: late)
    assert await results.one() is expected


async def test_a_timer_that_is_late_itself_means_nothing() -> None:
    """Whoever measures lateness may not have had its turn yet."""
    loop = asyncio.get_running_loop()

    async def stall(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(0.02, NO_ANSWER)
        busy_until = loop.time() + 0.06
        while loop.time() < busy_until:
            pass
        await hang()
        return UP

    results = Results()
    start_attempt(FakeProbe(stall), on_result=results.append, lateness=lambda _: 0.0)
    assert await results.one() is OVERDUE


async def test_the_end_of_the_loop_is_no_result() -> None:
    results = Results()

    async def stall(deadline: Deadline) -> ProbeResult:
        deadline.expect_within(60, NO_ANSWER)
        await hang()
        return UP

    start_attempt(FakeProbe(stall), on_result=results.append, lateness=lambda _: 0.0)
    await settled()
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert results == []
