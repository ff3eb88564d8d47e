"""What an application depends on, and what each failure costs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from degradation.document import State
from degradation_operator.api.base import DegradedLevel, Mistake, Model, Name
from degradation_operator.api.breaker import Breaker
from degradation_operator.api.durations import Between, Duration
from degradation_operator.api.probe import Probe


class Impact(Model):
    """The level at which the application runs while the dependency is in a state; at least one is given."""

    slow: DegradedLevel | None = Field(
        default=None, description="Level while it is Slow, and worse ones too."
    )
    read_only: DegradedLevel | None = Field(
        default=None, description="Level while it is ReadOnly; by default that of slow."
    )
    down: DegradedLevel | None = Field(
        default=None, description="Level while it is Down; by default that of readOnly, then of slow."
    )

    def level(self, state: State) -> int:
        """The level for a state: its own entry, else the next milder one's, else 1."""
        entries = {State.SLOW: self.slow, State.READ_ONLY: self.read_only, State.DOWN: self.down}
        given = [
            (at.badness, level)
            for at, level in entries.items()
            if level is not None and at.badness <= state.badness
        ]
        return max(given)[1] if given else 1

    def mistakes(self) -> Iterator[Mistake]:
        """At least one entry; slow ≤ readOnly ≤ down."""
        entries = [("slow", self.slow), ("readOnly", self.read_only), ("down", self.down)]
        given = [(key, level) for key, level in entries if level is not None]
        if not given:
            yield Mistake((), "at least one of slow, readOnly and down is required, such as {down: 3}")
        for (milder, low), (worse, high) in pairwise(given):
            if low > high:
                yield Mistake((worse,), f"{worse} ({high}) must not be a better level than {milder} ({low})")


class Dependency(Model):
    """Something the application depends on."""

    name: Name = Field(description="Unique within the policy.")
    impact: Impact | None = Field(
        default=None,
        description="What each state costs. Without it the dependency moves no level by itself; rules and "
        "the requires of features still see it.",
    )
    recovery_time_objective: Annotated[Duration, Between("1s", "168h")] | None = Field(
        default=None, description="How soon it should be back after a failure; for figures and alerts."
    )
    probe: Probe = Field(description="How it is probed.")
    breaker: Breaker = Field(default=Breaker(), description="Settings of the agents' circuit breaker.")

    def mistakes(self) -> Iterator[Mistake]:
        """An impact of slowness needs to know what slow is."""
        if self.impact and self.impact.slow is not None and self.probe.slow_after is None:
            yield Mistake(
                ("probe", "slowAfter"),
                "slowAfter is required because impact.slow is given; it says from when on an answer is slow",
            )
