"""What is valid in a policy, and yet cannot be meant. Without a cluster, from the policy alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from degradation.document import State
from degradation_operator.api.addresses import is_address
from degradation_operator.api.dependency import Dependency
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import Problem
from degradation_operator.api.rules import Rule, Term
from degradation_operator.api.targets import HTTPTarget, OpenAITarget, S3Target

MOST_RECOVERY_SECONDS: Final = 60.0
"""Within which an application is to be back to OPTIMAL once its dependencies are healthy."""


def check(policy: DegradationPolicy) -> tuple[Problem, ...]:
    """All that cannot be meant, in the policy's order."""
    return tuple(
        found for checked in (_dependencies(policy), _rules(policy), _features(policy)) for found in checked
    )


def possible_states(dependency: Dependency) -> frozenset[State]:
    """The states that a dependency's probe can lead to.

    Only PostgreSQL says read-only. Slow needs `slowAfter`, or a kind that can say that it turns more away:
    HTTP's 429, PostgreSQL's "too many connections", redis' "max number of clients"; TCP says nothing.
    """
    states = {State.UP, State.DOWN}
    if dependency.probe.kind == "postgres":
        states.add(State.READ_ONLY)
    if dependency.probe.slow_after is not None or dependency.probe.kind != "tcp":
        states.add(State.SLOW)
    return frozenset(states)


def recovery_seconds(policy: DegradationPolicy, dependency: Dependency) -> float:
    """The longest time from a dependency being healthy to the last pod being better, in seconds.

    `interval + recheckInterval * (successThreshold - 1) + timeout + holdFor + rampOver`: the interval until
    the next probe, one recheck for each further success that is needed, once the timeout for a probe that
    was under way when the dependency healed, the hold, the ramp. Healthy answers take no time of their own.
    With the defaults (timeout 5 s, recheckInterval 1 s, two successes, 30 s, 5 s) that is the interval and
    41 s: 60 s at an interval of 19 s, which still counts as within 60 s.
    """
    probe, recovery = dependency.probe, policy.spec.recovery
    total = (
        probe.interval_seconds
        + probe.recheck_seconds * (probe.success_threshold - 1)
        + probe.timeout_seconds
        + recovery.hold_for.seconds
        + recovery.ramp_over.seconds
    )
    return round(total, 4)  # durations are whole milliseconds, a derived timeout a half; floats are not


# -- dependencies


def _dependencies(policy: DegradationPolicy) -> Iterator[Problem]:
    spec = policy.spec
    used = {term.dependency for rule in spec.rules for term in rule.terms}
    used |= {name for feature in spec.features for name in feature.requires}
    for dependency in spec.dependencies:
        at = f"spec.dependencies[{dependency.name}]"
        if dependency.impact is None and dependency.name not in used:
            yield Problem(
                at, "nothing uses it: give it an impact, name it in a rule, or in the requires of a feature"
            )
        yield from _impact(dependency, at)
        yield from _host(policy, dependency, at)
        yield from _recovery(policy, dependency, at)


def _impact(dependency: Dependency, at: str) -> Iterator[Problem]:
    impact = dependency.impact
    if impact is None or impact.read_only is None or State.READ_ONLY in possible_states(dependency):
        return
    instead = "leave it out" if impact.down is not None else f"write down: {impact.read_only} instead"
    yield Problem(
        f"{at}.impact.readOnly", f"a probe of kind {dependency.probe.kind} never finds it ReadOnly; {instead}"
    )


def _host(policy: DegradationPolicy, dependency: Dependency, at: str) -> Iterator[Problem]:
    target, kind = dependency.probe.target, dependency.probe.kind
    match target:
        case HTTPTarget():
            key, host = "url", urlsplit(target.url).hostname or ""
        case OpenAITarget():
            key, host = "baseURL", urlsplit(target.base_url).hostname or ""
        case S3Target():
            key, host = "endpoint", urlsplit(target.endpoint).hostname or ""
        case _:
            key, host = "host", target.host
    name = host.rstrip(".")
    if "." not in name and not is_address(name):
        yield Problem(
            f"{at}.probe.{kind}.{key}",
            f"the host {name} has no dot, and names are resolved where the operator runs; "
            f"write {name}.{policy.metadata.namespace}.svc if it is a Service beside the policy",
        )


def _recovery(policy: DegradationPolicy, dependency: Dependency, at: str) -> Iterator[Problem]:
    probe, recovery = dependency.probe, policy.spec.recovery
    seconds = recovery_seconds(policy, dependency)
    sum_ = (
        f"interval {probe.interval_seconds:g} s + recheckInterval {probe.recheck_seconds:g} s * "
        f"{probe.success_threshold - 1} + timeout {probe.timeout_seconds:g} s + "
        f"holdFor {recovery.hold_for.seconds:g} s + rampOver {recovery.ramp_over.seconds:g} s"
    )
    limits = [(MOST_RECOVERY_SECONDS, "60 s")]
    if (objective := dependency.recovery_time_objective) is not None:
        limits.append((objective.seconds, f"its recoveryTimeObjective of {objective}"))
    for limit, words in limits:
        if seconds > limit:
            yield Problem(
                at, f"recovery takes up to {seconds:g} s once it is healthy ({sum_}), longer than {words}"
            )


# -- rules


def _rules(policy: DegradationPolicy) -> Iterator[Problem]:
    dependencies = {dependency.name: dependency for dependency in policy.spec.dependencies}
    for rule in policy.spec.rules:
        at = f"spec.rules[{rule.name}]"
        cases = _cases(rule, dependencies)
        if not cases:
            yield Problem(at, f"never matches: {_why_never(rule, dependencies)}")
            continue
        if rule.any_of:
            yield from _dead_terms(rule, dependencies, at)
        if any(all(State.UP in states for states in case.values()) for case in cases):
            yield Problem(
                at, f"matches while everything is Up, so the level is never better than {rule.level}"
            )
        if all(_least_level(case, dependencies) >= rule.level for case in cases):
            yield Problem(
                at,
                f"changes nothing: whenever it matches, the impacts of its dependencies give level "
                f"{rule.level} or worse already",
            )


_Case = dict[str, frozenset[State]]
"""For each dependency concerned, the states in which a rule matches, whatever the others are."""


def _cases(rule: Rule, dependencies: dict[str, Dependency]) -> list[_Case]:
    """The ways in which a rule can match: one of all its terms, or one of each."""
    groups = [rule.terms] if rule.all_of else [(term,) for term in rule.terms]
    cases = []
    for terms in groups:
        case: _Case = {}
        for term in terms:
            allowed = case.get(term.dependency, possible_states(dependencies[term.dependency]))
            case[term.dependency] = allowed & frozenset(term.states)
        if all(case.values()):
            cases.append(case)
    return cases


def _least_level(case: _Case, dependencies: dict[str, Dependency]) -> int:
    """The best level that impacts leave when a case is met; dependencies are independent of each other."""
    return max(
        min(impact.level(state) if (impact := dependencies[name].impact) else 1 for state in states)
        for name, states in case.items()
    )


def _why_never(rule: Rule, dependencies: dict[str, Dependency]) -> str:
    for term in rule.terms:
        if not possible_states(dependencies[term.dependency]) & set(term.states):
            return _why_dead(term, dependencies[term.dependency])
    return "its terms ask one dependency to be in different states at once"


def _dead_terms(rule: Rule, dependencies: dict[str, Dependency], at: str) -> Iterator[Problem]:
    for index, term in enumerate(rule.terms):
        dependency = dependencies[term.dependency]
        if not possible_states(dependency) & set(term.states):
            yield Problem(f"{at}.anyOf[{index}]", f"never matches: {_why_dead(term, dependency)}")


def _why_dead(term: Term, dependency: Dependency) -> str:
    missing = "; slowAfter would tell" if State.SLOW in term.states else ""
    return (
        f"the {dependency.probe.kind} probe of {dependency.name} never finds it "
        f"{' or '.join(term.states)}{missing}"
    )


# -- features


def _features(policy: DegradationPolicy) -> Iterator[Problem]:
    worst = _worst_level(policy)
    for feature in policy.spec.features:
        if not feature.requires and feature.max_level >= worst:
            yield Problem(
                f"spec.features[{feature.name}]",
                f"is never off: it requires nothing, and no state gives a level worse than {worst}"
                if feature.max_level < 5
                else "is never off: it requires nothing and stays on at every level; give it a maxLevel below 5",
            )


def _worst_level(policy: DegradationPolicy) -> int:
    """The worst level that the policy can give by itself, overrides aside."""
    dependencies = {dependency.name: dependency for dependency in policy.spec.dependencies}
    impacts = [
        dependency.impact.level(state)
        for dependency in policy.spec.dependencies
        if dependency.impact
        for state in possible_states(dependency)
    ]
    rules = [rule.level for rule in policy.spec.rules if _cases(rule, dependencies)]
    return max([1, *impacts, *rules])
