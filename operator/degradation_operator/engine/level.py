"""The heart: from held states and a spec to the level, the features and what explains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from degradation.document import State
from degradation.level import Level
from degradation_operator.engine.spec import RuleSpec, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What made the level what it is: a dependency, a rule or a person's override, in data and words.

    Attributes:
        message: At most 256 characters.
        measured: What the probe measured, where it explains the state.
        threshold: What that was compared with.
    """

    dependency: str | None = None
    rule: str | None = None
    state: State | None = None
    message: str
    measured: str | None = None
    threshold: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One dependency or rule, and the level that it asks for by itself (never OPTIMAL)."""

    level: Level
    dependency: str | None = None
    rule: RuleSpec | None = None
    state: State | None = None

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Worst first; a dependency before a rule; then by name, so that the spec's order means nothing."""
        name = self.rule.name if self.rule else self.dependency or ""
        badness = self.state.badness if self.state else 0
        return (-self.level, 1 if self.rule else 0, -badness, name)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What held states amount to.

    Attributes:
        contributions: Everything that asks for a worse level than OPTIMAL, worst first.
    """

    level: Level
    contributions: tuple[Contribution, ...]
    features: Mapping[str, bool]
    cause: Cause | None


def judge(spec: Spec, held: Mapping[str, State]) -> Judgement:
    """The worst of OPTIMAL, of each dependency's impact, and of each matching rule.

    Args:
        spec: The present spec.
        held: Each dependency's held state; one that is missing counts as Up.
    """
    contributions = contributions_of(spec, held)
    level = contributions[0].level if contributions else Level.OPTIMAL
    cause = _cause(contributions[0], held) if contributions else None
    return Judgement(level, contributions, features_at(spec, level, held), cause)


def contributions_of(spec: Spec, held: Mapping[str, State]) -> tuple[Contribution, ...]:
    """Everything that asks for a worse level than OPTIMAL, worst first."""
    found = [
        Contribution(level=level, dependency=name, state=state)
        for name, state in held.items()
        if state is not State.UP
        and (dependency := spec.dependencies.get(name)) is not None
        and (level := dependency.impact[state]) is not Level.OPTIMAL
    ]
    found += [Contribution(level=rule.level, rule=rule) for rule in spec.rules if matches(rule, held)]
    if len(found) > 1:
        found.sort(key=lambda contribution: contribution.order)
    return tuple(found)


def matches(rule: RuleSpec, held: Mapping[str, State]) -> bool:
    """Whether all (or any) of the rule's terms hold."""
    terms = (held.get(name, State.UP) in states for name, states in rule.terms)
    return all(terms) if rule.every else any(terms)


def features_at(spec: Spec, level: Level, held: Mapping[str, State]) -> dict[str, bool]:
    """Each feature: on while the level is at most its `maxLevel` and nothing it requires is Down."""
    return {
        feature.name: level <= feature.max_level
        and not (feature.requires and any(held.get(name) is State.DOWN for name in feature.requires))
        for feature in spec.features
    }


def _cause(contribution: Contribution, held: Mapping[str, State]) -> Cause:
    if contribution.rule is None:
        return Cause(
            dependency=contribution.dependency,
            state=contribution.state,
            message=f"{contribution.dependency} is {contribution.state}",
        )
    words = " and ".join(
        f"{name} is {held.get(name, State.UP)}"
        for name, states in contribution.rule.terms
        if held.get(name, State.UP) in states
    )
    return Cause(rule=contribution.rule.name, message=shorten(f"rule {contribution.rule.name}: {words}"))


def shorten(text: str, most: int = 256) -> str:
    """At most `most` characters; what was cut shows as `…`."""
    return text if len(text) <= most else text[: most - 1] + "…"
