"""Held states: a dependency counts as its worst state of the last `holdFor`.

So worse counts at once and better after `holdFor`, a server that flaps every few seconds moves the level
once, and every held state can be explained by the states beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from degradation.document import State
from degradation_operator.engine.model import Now


@dataclass(frozen=True, slots=True)
class Departure:
    """A state worse than the present one, and when it was left."""

    state: State
    monotonic: float
    wall: datetime

    def ends(self, hold_for: float) -> float:
        """The monotonic time at which it no longer counts."""
        return self.monotonic + hold_for

    def ends_wall(self, hold_for: float) -> datetime:
        """The same moment for people."""
        return self.wall + timedelta(seconds=hold_for)


Window = tuple[Departure, ...]
"""Departures in the order of time. Each is milder than those before it: a milder or equal one that was left
earlier ends sooner and never shows."""


def leave(window: Window, old: State | None, new: State | None, now: Now) -> Window:
    """The window after the present state changed from `old` to `new`."""
    if new is None or old is new:
        return window
    if old is not None and old.badness > new.badness:
        window = (
            *(d for d in window if d.state.badness > old.badness),
            Departure(old, now.monotonic, now.wall),
        )
    return tuple(d for d in window if d.state.badness > new.badness)


def expire(window: Window, hold_for: float, now: Now) -> Window:
    """The window without what has left it; what has left never returns, also when `holdFor` grows."""
    if not window or window[0].ends(hold_for) > now.monotonic:
        return window
    return tuple(d for d in window if d.ends(hold_for) > now.monotonic)


def held(state: State | None, window: Window) -> State:
    """The worst state that counts; Up where there never was one."""
    return window[0].state if window else state or State.UP
