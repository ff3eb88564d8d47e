"""One attempt: one task, one timer, exactly one result, by the deadline, whatever the client does."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable

from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.protocol import Probe
from degradation_operator.probes.results import INTERNAL

log = logging.getLogger(__name__)


class Attempt:
    """An attempt under way; made by `start_attempt`."""

    __slots__ = ("_deadline", "_on_result", "_probe", "_settled", "_task")

    def __init__(
        self,
        probe: Probe,
        *,
        on_result: Callable[[ProbeResult], None],
        lateness: Callable[[float], float],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._probe = probe
        self._on_result = on_result
        self._settled = False
        self._deadline = Deadline(loop, on_expired=self._expired, lateness=lateness)
        self._task = loop.create_task(self._run())

    def cancel(self) -> None:
        """Give up with no result; the probe's sockets are closed."""
        if not self._settled:
            self._settled = True
            self._give_up()

    async def _run(self) -> None:
        try:
            result = await self._probe.attempt(self._deadline)
        except asyncio.CancelledError:
            if self._settled:
                return
            if _was_asked_to_end():
                self._settled = True
                self._deadline.stop()
                raise
            # A client that lets one of its own cancellations out is no reason to be without a result.
            self._abort()
            result = INTERNAL
        except Exception as error:  # noqa: BLE001 - whatever a client comes up with, there is a result
            if self._settled:
                return
            log_fault(self._probe.kind, error)
            self._abort()
            result = INTERNAL
        self._settle(result)

    def _settle(self, result: ProbeResult) -> None:
        if self._settled:
            return
        self._settled = True
        self._deadline.stop()
        self._on_result(result)

    def _expired(self, result: ProbeResult) -> None:
        if self._settled:
            return
        self._settled = True
        self._give_up()
        self._on_result(result)

    def _give_up(self) -> None:
        """Nobody waits for the task: a client may ignore its cancellation, and its sockets' end too."""
        self._deadline.stop()
        self._abort()
        self._task.cancel()

    def _abort(self) -> None:
        try:
            self._probe.abort()
        except Exception as error:  # noqa: BLE001 - the result must go out
            log_fault(self._probe.kind, error)


def start_attempt(
    probe: Probe, *, on_result: Callable[[ProbeResult], None], lateness: Callable[[float], float]
) -> Attempt:
    """Let a probe look once.

    Args:
        probe: The probe; no other attempt of it may be under way.
        on_result: Told exactly one result, in the loop, unless the attempt is cancelled before.
        lateness: The worst lateness of the loop, in seconds, since a moment of the loop's clock. Where that
            makes a deadline meaningless the result is inconclusive, `Overdue`.
    """
    return Attempt(probe, on_result=on_result, lateness=lateness)


def log_fault(kind: str, error: BaseException) -> None:
    """Log where a probe failed by its own fault: frames and type alone, for a text may hold a secret."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("a %s probe failed by a fault of its own: %s\n%s", kind, type(error).__name__, frames.rstrip())


def _was_asked_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
