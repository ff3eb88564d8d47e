"""How a dependency is probed: when, how patiently, and of which kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, get_args

from pydantic import Field

from degradation_operator.api.base import Mistake, Model, Whole
from degradation_operator.api.durations import Between, Duration
from degradation_operator.api.targets import (
    HTTPTarget,
    Kind,
    OpenAITarget,
    PostgresTarget,
    RedisTarget,
    S3Target,
    Target,
    TCPTarget,
)

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_LONGEST_DERIVED_TIMEOUT: Final = 5.0  # seconds
_LONGEST_DERIVED_RECHECK: Final = 1.0  # seconds


class Probe(Model):
    """How the dependency is probed; exactly one kind (redis, postgres, openai, http, s3, tcp) is given."""

    interval: Annotated[Duration, Between("100ms", "1h")] = Field(
        default=Duration("10s"), description="How often to probe."
    )
    timeout: Annotated[Duration, Between("10ms", "1h")] | None = Field(
        default=None,
        description="How long to wait for the answer on a connection that is there; shorter than interval. "
        "By default half the interval, at most 5s.",
    )
    recheck_interval: Annotated[Duration, Between("100ms", "1h")] | None = Field(
        default=None,
        description="How long to wait between probes while results disagree with the present state; not "
        "longer than interval. By default the smaller of interval and 1s.",
    )
    failure_threshold: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=2, description="Consecutive results it takes to leave a better state."
    )
    success_threshold: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=2, description="Consecutive results it takes to return to a better state."
    )
    slow_after: Annotated[Duration, Between("1ms", "1h")] | None = Field(
        default=None,
        description="An expected answer later than this is Slow; shorter than timeout. Required where "
        "impact.slow is given.",
    )
    redis: RedisTarget | None = Field(default=None, description="Probe a Redis server.")
    postgres: PostgresTarget | None = Field(default=None, description="Probe a PostgreSQL server.")
    openai: OpenAITarget | None = Field(default=None, description="Probe an OpenAI-compatible API.")
    http: HTTPTarget | None = Field(default=None, description="Probe a URL.")
    s3: S3Target | None = Field(default=None, description="Probe a bucket of an S3-compatible store.")
    tcp: TCPTarget | None = Field(default=None, description="Probe a TCP port.")

    @property
    def kind(self) -> Kind:
        """The kind of the probe, as its key in the policy."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def target(self) -> Target:
        """What is asked: the model of the kind."""
        target: Target = getattr(self, self.kind)
        return target

    @property
    def interval_seconds(self) -> float:
        """Seconds from one probe's start to the next one's, at rest."""
        return self.interval.seconds

    @property
    def timeout_seconds(self) -> float:
        """Seconds to wait for an answer; by default half the interval, at most 5."""
        if self.timeout is None:
            return min(self.interval.seconds / 2, _LONGEST_DERIVED_TIMEOUT)
        return self.timeout.seconds

    @property
    def recheck_seconds(self) -> float:
        """Seconds between probes while results disagree with the state; by default the interval, at most 1."""
        if self.recheck_interval is None:
            return min(self.interval.seconds, _LONGEST_DERIVED_RECHECK)
        return self.recheck_interval.seconds

    @property
    def slow_after_seconds(self) -> float | None:
        """Seconds after which an expected answer is Slow; None where no answer is."""
        return None if self.slow_after is None else self.slow_after.seconds

    def mistakes(self) -> Iterator[Mistake]:
        """Exactly one kind; slowAfter < timeout < interval; recheckInterval ≤ interval."""
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not given:
            yield Mistake((), f"a probe kind is required: one of {', '.join(KINDS)}")
        if len(given) > 1:
            kinds = f"{', '.join(given[:-1])} and {given[-1]}"
            word = "both " if len(given) == 2 else ""
            yield Mistake((), f"only one probe kind is allowed, not {word}{kinds}")
        if self.timeout is not None and self.timeout >= self.interval:
            yield Mistake(
                ("timeout",), f"timeout ({self.timeout}) must be shorter than interval ({self.interval})"
            )
        if self.recheck_interval is not None and self.recheck_interval > self.interval:
            yield Mistake(
                ("recheckInterval",),
                f"recheckInterval ({self.recheck_interval}) must not be longer than interval ({self.interval})",
            )
        if self.slow_after is not None and self.slow_after.seconds >= self.timeout_seconds:
            timeout = str(self.timeout or f"{self.timeout_seconds:g}s, derived from interval {self.interval}")
            yield Mistake(
                ("slowAfter",), f"slowAfter ({self.slow_after}) must be shorter than timeout ({timeout})"
            )
