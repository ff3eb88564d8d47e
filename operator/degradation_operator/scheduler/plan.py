"""What is due when: pure bookkeeping, told the time, asked for what is due.

Every target runs once an interval, at a phase of its own, so that thousands spread evenly. While results
disagree with the present state it runs again soon; after an inconclusive one never sooner than an interval,
because wrong passwords lock accounts.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Generic, TypeVar

FIRST_WITHIN: Final = 1.0
"""Seconds within which a new target is probed for the first time, where its interval is not shorter."""

Key = TypeVar("Key", bound=Hashable)


class Follow(Enum):
    """What the last result means for the time of the next probe."""

    AGREES = auto()
    DISAGREES = auto()
    INCONCLUSIVE = auto()


@dataclass(frozen=True, slots=True)
class Timing:
    """When a target is probed. Seconds.

    Attributes:
        phase: Its place within the interval, from 0 to 1.
    """

    interval: float
    recheck_interval: float
    phase: float


def phase_of(uid: str, dependency: str) -> float:
    """A place within the interval that stays the same and spreads evenly: from 0 to 1."""
    digest = hashlib.sha256(f"{uid}/{dependency}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(slots=True)
class _Target:
    timing: Timing
    due: float
    generation: int = 0  # What stands in the heap for an earlier one is void.
    running: bool = False


@dataclass(slots=True)
class Plan(Generic[Key]):
    """The targets and when each is due next. Times are monotonic seconds."""

    _targets: dict[Key, _Target] = field(default_factory=dict)
    _heap: list[tuple[float, int, Key]] = field(default_factory=list)
    _generation: int = 0

    def add(self, key: Key, timing: Timing, now: float) -> None:
        """Add a target, or give one a new timing: it is probed within the smaller of interval and 1 s."""
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = _Target(timing, now)
        target.timing = timing
        if not target.running:
            self._schedule(key, target, now + timing.phase * min(timing.interval, FIRST_WITHIN))

    def remove(self, key: Key) -> None:
        """Forget a target; one that is not there is fine."""
        self._targets.pop(key, None)
        self._shrink()

    def __len__(self) -> int:
        return len(self._targets)

    def next_due(self) -> float | None:
        """When the earliest target that is not running is due; None without one."""
        while self._heap:
            due, generation, key = self._heap[0]
            target = self._targets.get(key)
            if target is not None and target.generation == generation:
                return due
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> tuple[Key, float] | None:
        """The target that is due longest, now running, and when it was due; None when none is due."""
        due = self.next_due()
        if due is None or due > now:
            return None
        _, _, key = heapq.heappop(self._heap)
        self._targets[key].running = True
        return key, due

    def finished(self, key: Key, follow: Follow, now: float) -> None:
        """A probe of the target ended at `now`; one that was removed meanwhile is fine."""
        target = self._targets.get(key)
        if target is None or not target.running:
            return
        target.running = False
        timing = target.timing
        if follow is Follow.DISAGREES:
            due = now + timing.recheck_interval
        elif follow is Follow.INCONCLUSIVE:
            due = now + timing.interval
        else:
            due = _next_slot(timing, now)
        self._schedule(key, target, due)

    def _schedule(self, key: Key, target: _Target, due: float) -> None:
        self._generation += 1
        target.due, target.generation = due, self._generation
        heapq.heappush(self._heap, (due, self._generation, key))
        self._shrink()

    def _shrink(self) -> None:
        """Void entries never outnumber the targets by much."""
        if len(self._heap) > 2 * len(self._targets) + 64:
            self._heap = [
                (target.due, target.generation, key)
                for key, target in self._targets.items()
                if not target.running
            ]
            heapq.heapify(self._heap)


def _next_slot(timing: Timing, now: float) -> float:
    offset = timing.phase * timing.interval
    return offset + (math.floor((now - offset) / timing.interval) + 1) * timing.interval
