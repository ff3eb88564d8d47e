"""All policies: each has a loop of its own; this starts, feeds and ends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from degradation_operator.api.dependency import Dependency
from degradation_operator.control.policy_loop import PolicyLoop, ProbeKey
from degradation_operator.engine.model import ProbeResult
from degradation_operator.ports import Clock, PolicyRef, PolicySource, Publisher, Store
from degradation_operator.probes.protocol import Probe
from degradation_operator.scheduler.plan import Follow
from degradation_operator.scheduler.runner import ProbeRunner
from degradation_operator.telemetry.metrics import OperatorMetrics

BEGIN_AGAIN_AFTER: Final = 1.0
"""Seconds after which a loop that failed by a fault of ours begins again, from what stands published."""

CANCEL_WITHIN: Final = 5.0
"""Seconds that a loop may take to end a write that is under way."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    loop: PolicyLoop
    task: asyncio.Task[None]


class Controller:
    """Keeps a loop for each policy of the store.

    Args:
        store: Where policies come from.
        publisher: Where decisions go.
        clock: Both clocks.
        build_probe: Makes the probe of a dependency of a namespace.
        metrics: Counts.
        max_concurrent_probes: For all policies together.
    """

    def __init__(
        self,
        *,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        build_probe: Callable[[Dependency, str], Probe],
        metrics: OperatorMetrics,
        max_concurrent_probes: int = 256,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._build_probe = build_probe
        self._metrics = metrics
        self._policies: dict[PolicyRef, _Running] = {}
        self.runner: Final[ProbeRunner[ProbeKey]] = ProbeRunner(
            max_concurrent=max_concurrent_probes, on_result=self._take, metrics=metrics
        )

    async def run(self) -> None:
        """Follow the store until cancelled; then end every loop and close every probe."""
        try:
            while True:
                ref = await self._store.changed()
                await self._follow(ref)
        finally:
            await asyncio.gather(*(self._end(ref) for ref in list(self._policies)))
            await self.runner.aclose()

    @property
    def restored(self) -> dict[PolicyRef, bool]:
        """Of each known policy, whether it goes on from what stood published."""
        return {ref: running.loop.restored for ref, running in list(self._policies.items())}

    @property
    def published(self) -> bool:
        """Whether there are policies, and every one's decision stands where agents look."""
        loops = [running.loop for running in self._policies.values()]
        return bool(loops) and all(loop.published for loop in loops)

    def _take(self, key: ProbeKey, result: ProbeResult) -> Follow:
        running = self._policies.get(PolicyRef(key[0], key[1]))
        return running.loop.take(key[2], result) if running else Follow.INCONCLUSIVE

    async def _follow(self, ref: PolicyRef) -> None:
        source = self._store.get(ref)
        running = self._policies.get(ref)
        if running is not None and (source is None or source.uid != running.loop.source.uid):
            await self._end(ref)
            running = None
        if source is None:
            return
        if running is None:
            self._begin(source)
        else:
            running.loop.update(source)

    def _begin(self, source: PolicySource) -> None:
        loop = PolicyLoop(
            source,
            publisher=self._publisher,
            clock=self._clock,
            runner=self.runner,
            build_probe=self._build_probe,
            metrics=self._metrics,
        )
        task = asyncio.create_task(loop.run(), name=f"policy {source.ref}")
        self._policies[source.ref] = _Running(loop, task)
        task.add_done_callback(lambda done: self._ended(loop, done))

    def _ended(self, loop: PolicyLoop, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        # A loop only ends when it is cancelled. One policy's fault must not be another's.
        log.error(
            "a policy's loop failed by a fault of its own; it begins again",
            exc_info=task.exception(),
            extra={"policy": str(loop.source.ref)},
        )
        asyncio.get_running_loop().call_later(BEGIN_AGAIN_AFTER, self._begin_again, loop)

    def _begin_again(self, loop: PolicyLoop) -> None:
        running = self._policies.get(loop.source.ref)
        if running is not None and running.loop is loop:
            loop.close()
            self._begin(loop.source)

    async def _end(self, ref: PolicyRef) -> None:
        running = self._policies.pop(ref)
        running.loop.close()
        running.task.cancel()
        await asyncio.wait({running.task}, timeout=CANCEL_WITHIN)
