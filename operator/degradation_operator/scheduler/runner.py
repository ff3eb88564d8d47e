"""Runs what the plan says is due: one attempt at a time for a target, a bounded number for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.attempt import Attempt, start_attempt
from degradation_operator.probes.protocol import Probe
from degradation_operator.scheduler.lateness import LoopLateness
from degradation_operator.scheduler.plan import Follow, Plan, Timing

CLOSE_WITHIN: Final = 2.0
"""Seconds that closing a probe may take; then its sockets are closed from outside."""

Key = TypeVar("Key", bound=Hashable)
log = logging.getLogger(__name__)


class RunnerMetrics(Protocol):
    """What the runner counts."""

    def probe_started(self, lag: float) -> None:
        """A probe started, `lag` seconds after it was due."""

    def probe_ended(self, kind: str, result: ProbeResult) -> None:
        """A probe ended with a result."""

    def probes_in_flight(self, number: int) -> None:
        """How many run now."""


@dataclass(slots=True)
class _Target:
    probe: Probe
    attempt: Attempt | None = None


class ProbeRunner(Generic[Key]):
    """Owns the probes, and every task that they need.

    Args:
        max_concurrent: Attempts in flight at once, for all targets together.
        on_result: Told every result, with the target's key; says what it means for the next probe. It is
            called in the event loop and must not block.
        metrics: Counts.
    """

    def __init__(
        self,
        *,
        max_concurrent: int,
        on_result: Callable[[Key, ProbeResult], Follow],
        metrics: RunnerMetrics,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._lateness = LoopLateness(self._loop)
        self._max_concurrent = max_concurrent
        self._on_result = on_result
        self._metrics = metrics
        self._plan: Plan[Key] = Plan()
        self._targets: dict[Key, _Target] = {}
        self._in_flight = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, key: Key, probe: Probe, timing: Timing) -> None:
        """Probe a target from now on; a probe that it had before is closed."""
        self._dismiss(key)
        self._targets[key] = _Target(probe)
        self._plan.add(key, timing, self._loop.time())
        self._arm()

    def remove(self, key: Key) -> None:
        """Probe a target no more; one that is not there is fine."""
        self._dismiss(key)
        self._plan.remove(key)
        self._arm()

    def overdue(self) -> float:
        """By how many seconds the earliest target is overdue; 0 where none is."""
        due = self._plan.next_due()
        return 0.0 if due is None else max(0.0, self._loop.time() - due)

    async def aclose(self) -> None:
        """Stop all; ends within `CLOSE_WITHIN` seconds or a little more."""
        for key in list(self._targets):
            self.remove(key)
        if self._timer is not None:
            self._timer.cancel()
        self._lateness.stop()
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=CLOSE_WITHIN + 1)

    def _dismiss(self, key: Key) -> None:
        target = self._targets.pop(key, None)
        if target is None:
            return
        if target.attempt is not None:
            target.attempt.cancel()
            target.attempt = None
            self._ended()
            self._plan.remove(key)  # The plan thinks that it runs; `add` begins anew.
        task = self._loop.create_task(_close(target.probe), name=f"close {target.probe.kind} probe")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._plan.next_due()
        if due is not None and self._in_flight < self._max_concurrent:
            self._timer = self._loop.call_at(due, self._start_due)

    def _start_due(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._in_flight < self._max_concurrent and (item := self._plan.pop_due(now)) is not None:
            key, due = item
            self._start(key, now - due)
        self._arm()

    def _start(self, key: Key, lag: float) -> None:
        target = self._targets[key]
        self._in_flight += 1
        self._metrics.probes_in_flight(self._in_flight)
        self._metrics.probe_started(lag)
        target.attempt = start_attempt(
            target.probe,
            on_result=lambda result: self._finished(key, target, result),
            lateness=self._lateness.since,
        )

    def _finished(self, key: Key, target: _Target, result: ProbeResult) -> None:
        target.attempt = None
        self._ended()
        self._metrics.probe_ended(target.probe.kind, result)
        try:
            follow = self._on_result(key, result)
        except Exception:
            # Whatever went wrong there, this target must be probed again.
            log.exception("taking a probe's result into account failed")
            follow = Follow.INCONCLUSIVE
        self._plan.finished(key, follow, self._loop.time())
        self._arm()

    def _ended(self) -> None:
        self._in_flight -= 1
        self._metrics.probes_in_flight(self._in_flight)


async def _close(probe: Probe) -> None:
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await probe.aclose()
    except Exception as error:  # noqa: BLE001 - nothing depends on it; the socket is closed next
        log.debug("closing a %s probe: %s", probe.kind, type(error).__name__)
    finally:
        probe.abort()
