"""A policy as the engine reads it: durations in seconds, impacts filled in, names looked up once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from degradation.document import BreakerEntry, Mode, State
from degradation.level import Level
from degradation_operator.api.dependency import Dependency
from degradation_operator.api.policy import DegradationPolicy

FIRST_DECISION_GRACE: Final = 1.0
"""Seconds beyond the slowest dependency's own time that a first decision waits: probes start within 1 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencySpec:
    """What the engine needs of a dependency.

    Attributes:
        impact: The level at which the application runs while the state is held; OPTIMAL where it has none.
        first_state_within: Seconds within which probing leads to a first state, if it gets answers.
    """

    failure_threshold: int
    success_threshold: int
    impact: Mapping[State, Level]
    first_state_within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A level for a combination of states: of all its terms, or of any."""

    name: str
    level: Level
    every: bool
    terms: tuple[tuple[str, frozenset[State]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """On while the level is at most `max_level` and nothing in `requires` is Down."""

    name: str
    max_level: Level
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A policy's spec. Durations are seconds."""

    mode: Mode = Mode.ENFORCE
    hold_for: float = 30.0
    ramp_over: float = 5.0
    stale_after: float = 300.0
    dependencies: Mapping[str, DependencySpec]
    rules: tuple[RuleSpec, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    breakers: Mapping[str, BreakerEntry] = field(default_factory=dict)

    @property
    def first_decision_within(self) -> float:
        """Seconds from the start of probing after which the first decision waits for nobody."""
        return (
            max((d.first_state_within for d in self.dependencies.values()), default=0.0)
            + FIRST_DECISION_GRACE
        )

    @property
    def retry_after(self) -> float:
        """Seconds that a refused client should be told to wait: the hold, within 5…120."""
        return min(120.0, max(5.0, self.hold_for))


def compile_spec(policy: DegradationPolicy) -> Spec:
    """Prepare a valid policy for evaluation."""
    spec = policy.spec
    return Spec(
        mode=spec.mode,
        hold_for=spec.recovery.hold_for.seconds,
        ramp_over=spec.recovery.ramp_over.seconds,
        stale_after=spec.stale_after.seconds,
        dependencies={dependency.name: _dependency(dependency) for dependency in spec.dependencies},
        rules=tuple(
            RuleSpec(
                name=rule.name,
                level=Level(rule.level),
                every=bool(rule.all_of),
                terms=tuple((term.dependency, frozenset(term.states)) for term in rule.terms),
            )
            for rule in spec.rules
        ),
        features=tuple(
            FeatureSpec(
                name=feature.name, max_level=Level(feature.max_level), requires=tuple(feature.requires)
            )
            for feature in spec.features
        ),
        breakers={dependency.name: dependency.breaker.entry() for dependency in spec.dependencies},
    )


def _dependency(dependency: Dependency) -> DependencySpec:
    probe = dependency.probe
    return DependencySpec(
        failure_threshold=probe.failure_threshold,
        success_threshold=probe.success_threshold,
        impact={
            state: Level(dependency.impact.level(state)) if dependency.impact else Level.OPTIMAL
            for state in State
        },
        first_state_within=probe.failure_threshold * (probe.recheck_seconds + probe.timeout_seconds),
    )
