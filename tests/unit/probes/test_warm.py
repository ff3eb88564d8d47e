"""A connection that stays: what is measured, when it is made anew, when and how it is renewed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.line import Line
from degradation_operator.probes.results import (
    CLOSED,
    INTERNAL,
    OVERDUE,
    READ_ONLY,
    Patience,
    ProbeError,
    down,
)
from degradation_operator.probes.warm import MOST_STUCK, WarmProbe
from tests.support.probe_kit import Look, settled, until

REFUSED = down(Reason.REFUSED, "connection refused")
BROKEN = down(Reason.BAD_ANSWER, "broken")
UP, SLOW, DOWN, INCONCLUSIVE = Outcome.UP, Outcome.SLOW, Outcome.DOWN, Outcome.INCONCLUSIVE

Answer = Callable[[], Awaitable[ProbeResult | None]]


async def expected() -> ProbeResult | None:
    return None


async def read_only() -> ProbeResult | None:
    return READ_ONLY


async def closed() -> ProbeResult | None:
    raise ProbeError(CLOSED)


async def broken() -> ProbeResult | None:
    raise ProbeError(BROKEN)


async def silent() -> ProbeResult | None:
    await asyncio.get_running_loop().create_future()
    return None


async def late() -> ProbeResult | None:
    await asyncio.sleep(0.05)
    return None


@dataclass
class FakeSession:
    """Answers as its server says at the time."""

    server: FakeServer
    number: int
    reusable: bool = True
    ended: str = ""

    async def check(self) -> ProbeResult | None:
        self.server.asked.append(self.number)
        return await self.server.answer()

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"


@dataclass
class FakeServer:
    """Makes sessions, or does not."""

    kind: str = "fake"
    answer: Answer = expected
    refuses: bool = False
    stubborn: asyncio.Event | None = None
    reusable: bool = True
    silence: float = 0.0
    made: list[FakeSession] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    async def connect(self, _line: Line, deadline: Deadline) -> FakeSession:
        deadline.expect_progress(silence=0.1, otherwise=BROKEN, total=0.3, endless=BROKEN)
        await asyncio.sleep(self.silence)
        while self.stubborn is not None and not self.stubborn.is_set():
            try:
                await self.stubborn.wait()
            except asyncio.CancelledError:
                continue
        if self.refuses:
            raise ProbeError(REFUSED)
        self.made.append(FakeSession(self, len(self.made), self.reusable))
        return self.made[-1]

    @property
    def ended(self) -> list[str]:
        return [session.ended for session in self.made]


@dataclass
class Bench:
    """A probe of a fake server."""

    server: FakeServer
    renew_after: float = 30.0
    slow_after: float | None = 0.03
    lateness: float = 0.0
    renewal_failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.probe = WarmProbe(
            self.server,
            patience=Patience.of(0.1, self.slow_after),
            on_renewal_failure=self.renewal_failures.append,
            renew_after=self.renew_after,
        )

    async def look(self) -> ProbeResult:
        result = await Look(self.probe, lambda _since: self.lateness).result
        await settled()
        return result

    async def see(self) -> Outcome:
        return (await self.look()).outcome


async def test_one_connection_is_asked_again_and_again() -> None:
    bench = Bench(FakeServer())
    assert [await bench.see() for _ in range(3)] == [UP] * 3
    assert bench.server.asked == [0, 0, 0]
    await bench.probe.aclose()
    assert bench.server.ended == ["closed"]


async def test_only_the_answer_is_measured() -> None:
    bench = Bench(FakeServer(silence=0.05))
    assert await bench.see() is UP


async def test_slow_with_what_was_measured() -> None:
    result = await Bench(FakeServer(answer=late)).look()
    assert (result.outcome, result.reason, result.message, result.threshold) == (
        SLOW,
        Reason.SLOW_ANSWER,
        "the answer took longer than 30 ms",
        "30 ms",
    )
    assert result.measured is not None
    assert result.measured.endswith(" ms")


async def test_without_slow_after_nothing_is_slow() -> None:
    assert await Bench(FakeServer(answer=late), slow_after=None).see() is UP


async def test_an_answer_that_only_this_loop_made_slow_is_not_judged() -> None:
    assert await Bench(FakeServer(answer=late), lateness=0.04).look() is OVERDUE


async def test_read_only_also_when_slow() -> None:
    async def late_and_read_only() -> ProbeResult | None:
        await late()
        return READ_ONLY

    result = await Bench(FakeServer(answer=late_and_read_only)).look()
    assert (result.outcome, result.reason) == (Outcome.READ_ONLY, Reason.READ_ONLY)
    assert (result.seconds or 0) >= 0.05


async def test_a_connection_that_was_closed_is_made_anew_in_the_same_look() -> None:
    bench = Bench(FakeServer())
    await bench.see()
    bench.server.answer = closed_once(expected)
    assert await bench.see() is UP
    assert bench.server.asked == [0, 0, 1]
    assert bench.server.ended == ["aborted", ""]


def closed_once(then: Answer) -> Answer:
    answers = [closed]

    async def answer() -> ProbeResult | None:
        return await (answers.pop() if answers else then)()

    return answer


async def test_where_a_new_connection_is_refused_that_is_the_result() -> None:
    bench = Bench(FakeServer())
    await bench.see()
    bench.server.answer, bench.server.refuses = closed, True
    assert await bench.look() == REFUSED
    bench.server.answer, bench.server.refuses = expected, False
    assert await bench.see() is UP


async def test_a_new_connection_that_is_closed_too_is_down() -> None:
    bench = Bench(FakeServer(answer=closed))
    assert await bench.look() == CLOSED
    assert bench.server.asked == [0]


async def test_another_failure_is_the_result_and_ends_the_connection() -> None:
    bench = Bench(FakeServer())
    await bench.see()
    bench.server.answer = broken
    assert await bench.look() == BROKEN
    assert bench.server.asked == [0, 0]
    assert bench.server.ended == ["aborted"]


async def test_silence_of_a_warm_connection_is_down_at_once() -> None:
    bench = Bench(FakeServer())
    await bench.see()
    bench.server.answer = silent
    result = await bench.look()
    assert (result.outcome, result.reason, result.threshold) == (DOWN, Reason.TIMEOUT, "100 ms")
    assert bench.server.asked == [0, 0]
    assert bench.server.ended == ["aborted"]
    assert len(asyncio.all_tasks()) == 1


async def test_a_connection_that_is_not_to_be_used_again() -> None:
    bench = Bench(FakeServer(reusable=False))
    assert [await bench.see() for _ in range(2)] == [UP, UP]
    assert bench.server.asked == [0, 1]
    assert bench.server.ended == ["closed", "closed"]


async def test_renewed_in_the_background_once_it_is_old() -> None:
    bench = Bench(FakeServer(), renew_after=0.02)
    await bench.see()
    assert len(bench.server.made) == 1
    await asyncio.sleep(0.03)
    assert await bench.see() is UP
    await until(lambda: len(bench.server.made) == 2)
    await settled()
    assert await bench.see() is UP
    assert bench.server.asked == [0, 0, 1, 1]  # the new one answered before it took the old one's place
    assert bench.server.ended[0] == "closed"


async def test_a_new_connection_that_is_turned_away_does_not_take_the_place_of_one_that_works() -> None:
    bench = Bench(FakeServer(), renew_after=0.02)
    await bench.see()
    await asyncio.sleep(0.03)
    bench.server.answer = full_for_new_ones(bench.server)
    assert await bench.see() is UP
    await until(lambda: bench.renewal_failures == ["fake"])
    assert await bench.see() is UP
    assert bench.server.asked == [0, 0, 1, 0]
    assert bench.server.ended == ["", "aborted"]


def full_for_new_ones(server: FakeServer) -> Answer:
    async def answer() -> ProbeResult | None:
        return await (expected if server.asked[-1] == 0 else broken)()

    return answer


async def test_a_renewal_does_not_end_the_connection_that_is_being_asked() -> None:
    bench = Bench(FakeServer(), renew_after=0.0)
    await bench.see()
    bench.server.silence = 0.02
    assert await bench.see() is UP  # starts a renewal
    bench.server.answer = late  # which ends while this is asked
    assert await bench.see() is SLOW
    assert "aborted" not in bench.server.ended
    await bench.probe.aclose()
    assert "" not in bench.server.ended


async def test_a_renewal_that_fails_moves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(FakeServer(), renew_after=0.0)
    await bench.see()
    await bench.probe.aclose()
    bench = Bench(FakeServer(), renew_after=0.01)
    await bench.see()
    await asyncio.sleep(0.02)
    bench.server.refuses = True
    assert await bench.see() is UP
    assert bench.renewal_failures == ["fake"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "connection refused" in record.getMessage()
    assert await bench.see() is UP
    assert bench.server.asked == [0, 0, 0]


async def test_a_renewal_that_hangs_ends_by_its_deadline() -> None:
    bench = Bench(FakeServer(), renew_after=0.01)
    await bench.see()
    await asyncio.sleep(0.02)
    bench.server.silence = 60
    assert await bench.see() is UP
    assert await bench.see() is UP  # no second one beside it
    assert len(asyncio.all_tasks()) == 2
    await until(lambda: bench.renewal_failures == ["fake"])
    await settled()
    assert len(asyncio.all_tasks()) == 1
    assert bench.server.ended == [""]


async def test_renewed_after_the_first_read_only_result_of_a_row() -> None:
    """A fail-over leaves old connections on the server that was demoted."""
    bench = Bench(FakeServer())
    await bench.see()
    bench.server.answer = read_only
    assert [await bench.see() for _ in range(3)] == [Outcome.READ_ONLY] * 3
    assert bench.server.asked == [0, 0, 1, 1, 1]
    bench.server.answer = expected
    await bench.see()
    bench.server.answer = read_only
    assert [await bench.see() for _ in range(2)] == [Outcome.READ_ONLY] * 2
    assert bench.server.asked[-3:] == [1, 2, 2]


async def test_a_client_that_cannot_be_ended_is_given_up_and_leaves_nothing() -> None:
    release = asyncio.Event()
    bench = Bench(FakeServer(stubborn=release))
    for _ in range(MOST_STUCK):
        assert await bench.look() == BROKEN
    assert await bench.look() is INTERNAL  # no more of them beside those
    release.set()
    await until(lambda: len(asyncio.all_tasks()) == 1)
    assert bench.server.ended == ["aborted"] * MOST_STUCK
    assert await bench.see() is UP


async def test_closing_ends_a_renewal_too() -> None:
    bench = Bench(FakeServer(), renew_after=0.0)
    bench.server.silence = 0.01
    await bench.see()
    assert len(asyncio.all_tasks()) == 2
    await bench.probe.aclose()
    await settled()
    assert len(asyncio.all_tasks()) == 1
    assert bench.server.ended == ["closed"]
    assert bench.renewal_failures == []
