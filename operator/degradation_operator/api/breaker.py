"""The circuit breaker that agents put around a dependency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from degradation.document import BreakerEntry, BreakerMode, HalfOpenEntry, SlidingWindowEntry
from degradation_operator.api.base import Flag, Mistake, Model, Whole
from degradation_operator.api.durations import Between, Duration

_Percent = Annotated[Whole, Field(ge=1, le=100)]


class HalfOpen(Model):
    """How an open breaker tries again after resetTimeout."""

    max_trials: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=1, description="Calls let through at the same time as trials."
    )
    success_threshold: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=1, description="Trials that must succeed before the breaker closes."
    )
    max_duration: Annotated[Duration, Between("1s", "1h")] = Field(
        default=Duration("60s"), description="How long it may stay half-open before it opens again."
    )


class SlidingWindow(Model):
    """Opens by a rate of failed or slow calls, beside the consecutive count."""

    duration: Annotated[Duration, Between("1s", "1h")] | None = Field(
        default=None, description="Rate over the calls of this long; exactly one of duration and calls."
    )
    calls: Annotated[Whole, Field(ge=10, le=10_000)] | None = Field(
        default=None, description="Rate over this many last calls; exactly one of duration and calls."
    )
    minimum_calls: Annotated[Whole, Field(ge=1, le=10_000)] = Field(
        default=10, description="With fewer calls in the window there is no rate; at most calls."
    )
    failure_rate_percent: _Percent = Field(default=50, description="Opens at this share of failed calls.")
    slow_call_duration: Annotated[Duration, Between("1ms", "1h")] | None = Field(
        default=None, description="A call longer than this is slow; without it none is."
    )
    slow_call_rate_percent: _Percent = Field(default=80, description="Opens at this share of slow calls.")

    def mistakes(self) -> Iterator[Mistake]:
        """Exactly one of duration and calls; minimumCalls within calls."""
        if self.duration is not None and self.calls is not None:
            yield Mistake((), "only one of duration and calls is allowed, not both")
        if self.duration is None and self.calls is None:
            yield Mistake((), "one of duration and calls is required")
        if self.calls is not None and self.minimum_calls > self.calls:
            yield Mistake(
                ("minimumCalls",), f"minimumCalls ({self.minimum_calls}) must not exceed calls ({self.calls})"
            )

    def entry(self) -> SlidingWindowEntry:
        """As the document holds it."""
        return SlidingWindowEntry(
            duration=_seconds(self.duration),
            calls=self.calls,
            minimum_calls=self.minimum_calls,
            failure_rate_percent=self.failure_rate_percent,
            slow_call_duration=_seconds(self.slow_call_duration),
            slow_call_rate_percent=self.slow_call_rate_percent,
        )


class Breaker(Model):
    """Settings of the circuit breaker that agents put around the dependency."""

    mode: BreakerMode = Field(
        default=BreakerMode.AUTO,
        description="Auto acts; Observe records and never rejects; Disabled does nothing; ForcedOpen rejects "
        "every call until it is taken back.",
    )
    open_when_down: Flag = Field(
        default=True,
        description="Whether the breaker is one failure from open once the dependency is published as Down.",
    )
    failure_threshold: Annotated[Whole, Field(ge=1, le=1000)] = Field(
        default=5, description="Consecutive failures that open it."
    )
    reset_timeout: Annotated[Duration, Between("100ms", "1h")] = Field(
        default=Duration("30s"), description="How long it stays open before it lets trials through."
    )
    call_timeout: Annotated[Duration, Between("1ms", "1h")] | None = Field(
        default=None, description="A call that takes longer fails; without it calls are not timed."
    )
    half_open: HalfOpen = Field(default=HalfOpen(), description="How an open breaker tries again.")
    sliding_window: SlidingWindow | None = Field(
        default=None, description="Opens by a rate as well; off by default."
    )

    def entry(self) -> BreakerEntry:
        """As the document holds it."""
        return BreakerEntry(
            mode=self.mode,
            open_when_down=self.open_when_down,
            failure_threshold=self.failure_threshold,
            reset_timeout=self.reset_timeout.seconds,
            call_timeout=_seconds(self.call_timeout),
            half_open=HalfOpenEntry(
                max_trials=self.half_open.max_trials,
                success_threshold=self.half_open.success_threshold,
                max_duration=self.half_open.max_duration.seconds,
            ),
            sliding_window=None if self.sliding_window is None else self.sliding_window.entry(),
        )


def _seconds(duration: Duration | None) -> float | None:
    return None if duration is None else duration.seconds
