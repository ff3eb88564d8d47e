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
    """What held states amount to."""

    level: Level
    features: Mapping[str, bool]


def judge(spec: Spec, held: Mapping[str, State]) -> Judgement:
    """The worst of OPTIMAL, of each dependency's impact, and of each matching rule.

    Args:
        spec: The present spec.
        held: Each dependency's held state; one that is missing counts as Up.
    """
    level = Level.OPTIMAL
    for name, dependency in spec.dependencies.items():
        state = held.get(name, State.UP)
        if state is not State.UP and dependency.impact[state] > level:
            level = dependency.impact[state]
    for rule in spec.rules:
        if rule.level > level and matches(rule, held):
            level = rule.level
    return Judgement(level, features_at(spec, level, held))


def contributions(spec: Spec, held: Mapping[str, State]) -> tuple[Contribution, ...]:
    """Everything that asks for a worse level than OPTIMAL, worst first: what explains a level."""
    found = [
        Contribution(level=dependency.impact[state], dependency=name, state=state)
        for name, dependency in spec.dependencies.items()
        if (state := held.get(name, State.UP)) is not State.UP and dependency.impact[state] > Level.OPTIMAL
    ]
    found += [Contribution(level=rule.level, rule=rule) for rule in spec.rules if matches(rule, held)]
    return tuple(sorted(found, key=lambda contribution: contribution.order))


def cause(spec: Spec, held: Mapping[str, State]) -> Cause | None:
    """What makes the level worse than OPTIMAL, if it is, told by the states alone."""
    worst = next(iter(contributions(spec, held)), None)
    if worst is None:
        return None
    if worst.rule is None:
        return Cause(
            dependency=worst.dependency, state=worst.state, message=f"{worst.dependency} is {worst.state}"
        )
    words = " and ".join(
        f"{name} is {held.get(name, State.UP)}"
        for name, states in worst.rule.terms
        if held.get(name, State.UP) in states
    )
    return Cause(rule=worst.rule.name, message=shorten(f"rule {worst.rule.name}: {words}"))


def matches(rule: RuleSpec, held: Mapping[str, State]) -> bool:
    """Whether all (or any) of the rule's terms hold."""
    # The first term that decides, decides: for `allOf` one that does not hold, for `anyOf` one that does.
    for name, states in rule.terms:
        if (held.get(name, State.UP) in states) is not rule.every:
            return not rule.every
    return rule.every


def features_at(spec: Spec, level: Level, held: Mapping[str, State]) -> dict[str, bool]:
    """Each feature: on while the level is at most its `maxLevel` and nothing it requires is Down."""
    down = {name for name, state in held.items() if state is State.DOWN}
    return {
        feature.name: level <= feature.max_level and down.isdisjoint(feature.requires)
        for feature in spec.features
    }


def shorten(text: str, most: int = 256) -> str:
    """At most `most` characters; what was cut shows as `…`."""
    return text if len(text) <= most else text[: most - 1] + "…"
