"""Whether the scheduler does its work, as threads outside its event loop can see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

BEAT: Final = 0.25
"""Seconds between two signs of life of the event loop."""

STALLED_AFTER: Final = 10.0
"""Seconds without a sign of life, or that a probe may be overdue, after which the scheduler counts as stalled."""


class Health:
    """The last sign of life of the event loop, and how far the scheduler was behind then.

    Args:
        stalled_after: Seconds without a sign, or that a probe may be overdue.
        clock: Monotonic seconds.
    """

    def __init__(
        self, *, stalled_after: float = STALLED_AFTER, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stalled_after = stalled_after
        self._clock = clock
        self._sign = (clock(), 0.0)  # One tuple, replaced whole: threads read it without a lock.

    def problem(self) -> str | None:
        """What is wrong, in words; None where nothing is."""
        at, overdue = self._sign
        silent = self._clock() - at
        if silent > self._stalled_after:
            return f"the event loop has stood still for {silent:.0f} s"
        if overdue > self._stalled_after:
            return f"the scheduler is stalled: a probe has been due for {overdue:.0f} s"
        return None

    async def run(self, overdue: Callable[[], float]) -> None:
        """Give signs of life until cancelled.

        Args:
            overdue: By how many seconds the earliest probe is overdue.
        """
        while True:
            self._sign = (self._clock(), overdue())
            await asyncio.sleep(BEAT)
