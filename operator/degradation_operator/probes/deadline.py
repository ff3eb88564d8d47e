"""The dead man's timer of an attempt: one timer of the loop, which the attempt moves on as it gets further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.results import OVERDUE

LATE_SHARE: Final = 0.5
"""A deadline means nothing where the loop was late by this share of the time that was allowed, or more."""


class Listener(Protocol):
    """Something that knows when the other side was heard last."""

    @property
    def heard_at(self) -> float:
        """Monotonic seconds."""
        ...


class _Total(NamedTuple):
    """Bounds of silences, and of all together."""

    silence: float
    began: float
    ends: float
    endless: ProbeResult


class Deadline:
    """How long an attempt may still take, and what it means when it takes longer.

    Args:
        loop: The loop in which it runs.
        on_expired: Told once what the expiry means, in the loop, as soon as it is known.
        lateness: The worst lateness of the loop, in seconds, since a moment of the loop's clock.

    Attributes:
        over: Whether it expired or was stopped. Whoever finds it over has been given up and must leave
            nothing behind.
    """

    __slots__ = (
        "_due",
        "_handle",
        "_lateness",
        "_listener",
        "_loop",
        "_on_expired",
        "_otherwise",
        "_since",
        "_total",
        "over",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        on_expired: Callable[[ProbeResult], None],
        lateness: Callable[[float], float],
    ) -> None:
        self._loop = loop
        self._on_expired = on_expired
        self._lateness = lateness
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._since = loop.time()
        self._otherwise = OVERDUE
        self._total: _Total | None = None
        self._listener: Listener | None = None
        self.over = False

    @property
    def lateness(self) -> Callable[[float], float]:
        """The worst lateness of the loop, in seconds, since a moment of the loop's clock."""
        return self._lateness

    def expect_within(self, seconds: float, otherwise: ProbeResult) -> None:
        """From now on there are this many seconds, else that is the result."""
        self._total = self._listener = None
        self._since = self._loop.time()
        self._otherwise = otherwise
        self._arm(self._since + seconds)

    def expect_progress(
        self, *, silence: float, otherwise: ProbeResult, total: float, endless: ProbeResult
    ) -> None:
        """From now on the other side may be silent for `silence` seconds at a time, else `otherwise`.

        All together may take `total` seconds, else `endless`. Progress is what `heard` says, and what a
        listener heard.
        """
        now = self._loop.time()
        self._total = _Total(silence=silence, began=now, ends=now + total, endless=endless)
        self._otherwise = otherwise
        self._since = now
        self._arm(now + min(silence, total))

    def heard(self) -> None:
        """The other side was heard, or another one is asked now."""
        self._since = self._loop.time()

    def listen(self, listener: Listener) -> None:
        """What this one hears is progress, until the next `expect_within`."""
        self._listener = listener

    def stop(self) -> None:
        """The result is known."""
        self.over = True
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, due: float) -> None:
        self._due = due
        if self.over:
            return
        if self._handle is not None:
            if self._handle.when() <= due:
                return  # It will find out then that it is early.
            self._handle.cancel()
        self._handle = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._handle = None
        now = self._loop.time()
        since, otherwise = self._since, self._otherwise
        if self._total is not None:
            since, otherwise = self._move_by_what_was_heard(self._total)
        if self._due > now:
            self._arm(self._due)
            return
        late = max(now - self._due, self._lateness(since))
        means_nothing = late >= LATE_SHARE * (self._due - since)
        self.stop()
        self._on_expired(OVERDUE if means_nothing else otherwise)

    def _move_by_what_was_heard(self, total: _Total) -> tuple[float, ProbeResult]:
        """Set when the time is up; since when it counts, and what it means."""
        if self._listener is not None:
            self._since = max(self._since, self._listener.heard_at)
        self._due = self._since + total.silence
        if total.ends > self._due:
            return self._since, self._otherwise
        self._due = total.ends
        return total.began, total.endless
