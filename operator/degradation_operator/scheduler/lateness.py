"""How late the event loop runs: when it is very late, a deadline that passed says nothing about the other side."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

BEAT: Final = 0.05  # seconds between two beats
NOTABLE: Final = 0.02  # seconds of lateness worth remembering
REMEMBERED: Final = 256  # late beats: at 20 beats a second and all of them late, the last 12 s


class LoopLateness:
    """Beats, and remembers how late each beat was."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._late: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._expected = loop.time() + BEAT
        self._handle = loop.call_at(self._expected, self._beat)

    def since(self, start: float) -> float:
        """The worst lateness, in seconds, between `start` (monotonic, of the loop) and now."""
        now = self._loop.time()
        worst = max(0.0, now - self._expected)
        for at, late in reversed(self._late):
            if at < start:
                break
            worst = max(worst, late)
        return worst

    def stop(self) -> None:
        """Beat no more."""
        self._handle.cancel()

    def _beat(self) -> None:
        now = self._loop.time()
        late = now - self._expected
        if late > NOTABLE:
            self._late.append((now, late))
        self._expected = now + BEAT
        self._handle = self._loop.call_at(self._expected, self._beat)
