"""The five levels an application can run at."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """How much of its work an application does; a higher number is a worse level.

    Ordered integers, so `agent.level >= Level.LIMITED` reads as it is meant.
    """

    OPTIMAL = 1
    DEGRADED = 2
    LIMITED = 3
    MINIMAL = 4
    EMERGENCY = 5

    @property
    def capacity(self) -> int:
        """Share of the normal capacity that the level stands for, in percent. A constant, not a measurement."""
        return CAPACITY[self]


CAPACITY: Final = {
    Level.OPTIMAL: 100,
    Level.DEGRADED: 85,
    Level.LIMITED: 60,
    Level.MINIMAL: 30,
    Level.EMERGENCY: 10,
}
