"""Running what is due: with a cap, one attempt at a time, and nothing left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.probes.deadline import Deadline
from degradation_operator.scheduler.lateness import LoopLateness
from degradation_operator.scheduler.plan import Follow, Timing
from degradation_operator.scheduler.runner import ProbeRunner
from tests.support.waiting import eventually

UP = ProbeResult(outcome=Outcome.UP, reason=Reason.ANSWERED, message="answered")
SOON = Timing(0.02, 0.01, 0.0)


@dataclass
class FakeProbe:
    """Answers when it is told to."""

    kind: str = "fake"
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    most: int = 0
    closed: bool = False
    aborted: bool = False
    error: Exception | None = None

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.error is not None:
                raise self.error
            await self.gate.wait()
        finally:
            self.running -= 1
        return UP

    def abort(self) -> None:
        self.aborted = True

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Counts:
    """What the runner counted."""

    flights: list[int] = field(default_factory=list)
    results: list[ProbeResult] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    def probe_started(self, lag: float) -> None:
        self.lags.append(lag)

    def probe_ended(self, kind: str, result: ProbeResult) -> None:
        self.results.append(result)

    def probes_in_flight(self, number: int) -> None:
        self.flights.append(number)


@dataclass
class Harness:
    """A runner whose results agree with everything."""

    counts: Counts = field(default_factory=Counts)
    results: list[tuple[str, ProbeResult]] = field(default_factory=list)
    fails: bool = False

    def take(self, key: str, result: ProbeResult) -> Follow:
        self.results.append((key, result))
        if self.fails:
            raise RuntimeError("evaluation failed")
        return Follow.AGREES

    @asynccontextmanager
    async def runner(self, cap: int = 256) -> AsyncIterator[ProbeRunner[str]]:
        runner: ProbeRunner[str] = ProbeRunner(max_concurrent=cap, on_result=self.take, metrics=self.counts)
        before = asyncio.all_tasks()
        try:
            yield runner
        finally:
            await runner.aclose()
        assert asyncio.all_tasks() - before == set()


async def test_a_target_is_probed_again_and_again_one_attempt_at_a_time() -> None:
    harness, probe = Harness(), FakeProbe()
    async with harness.runner() as runner:
        runner.add("a", probe, SOON)
        await eventually(lambda: probe.running)
        for _ in range(3):
            await asyncio.sleep(0.02)  # Slots go by while it runs.
        assert (probe.most, harness.results) == (1, [])
        probe.gate.set()
        await eventually(lambda: len(harness.results) >= 3)
    assert harness.results[0] == ("a", UP)
    assert probe.most == 1
    assert harness.counts.flights[-1] == 0


async def test_no_more_than_the_cap_run_and_all_get_their_turn() -> None:
    harness, probes = Harness(), {str(n): FakeProbe() for n in range(20)}
    async with harness.runner(cap=3) as runner:
        for name, probe in probes.items():
            runner.add(name, probe, SOON)
        await eventually(lambda: sum(p.running for p in probes.values()) == 3)
        await eventually(lambda: runner.overdue() > 0.05)  # The others wait, and it shows.
        for probe in probes.values():
            probe.gate.set()
        await eventually(lambda: {key for key, _ in harness.results} == set(probes))
    assert max(harness.counts.flights) == 3


async def test_a_removed_target_is_given_up_and_closed() -> None:
    harness, probe = Harness(), FakeProbe()
    async with harness.runner() as runner:
        runner.add("a", probe, SOON)
        await eventually(lambda: probe.running)
        runner.remove("a")
        await eventually(lambda: probe.closed and probe.aborted and not probe.running)
        assert harness.results == []
        assert harness.counts.flights[-1] == 0


async def test_a_replaced_probe_is_closed_and_the_new_one_runs() -> None:
    harness, old, new = Harness(), FakeProbe(), FakeProbe()
    new.gate.set()
    async with harness.runner() as runner:
        runner.add("a", old, SOON)
        await eventually(lambda: old.running)
        runner.add("a", new, SOON)
        await eventually(lambda: harness.results)
        assert old.closed


async def test_a_fault_of_the_probe_or_of_ours_does_not_end_probing() -> None:
    harness, probe = Harness(fails=True), FakeProbe(error=ValueError("a bug"))
    async with harness.runner() as runner:
        runner.add("a", probe, SOON)
        await eventually(lambda: len(harness.results) >= 2)
    assert {(key, str(r.outcome), str(r.reason)) for key, r in harness.results} == {
        ("a", "inconclusive", "Internal")
    }


async def test_lateness_of_the_loop_is_seen_and_forgotten_by_later_moments() -> None:
    loop = asyncio.get_running_loop()
    lateness = LoopLateness(loop)
    start = loop.time()
    time.sleep(0.2)  # noqa: ASYNC251 - the loop stands still
    assert 0.1 <= lateness.since(start) <= 0.4
    await asyncio.sleep(0.12)
    later = loop.time()
    await asyncio.sleep(0.06)
    assert lateness.since(start) >= 0.1
    assert lateness.since(later) < 0.1
    lateness.stop()
