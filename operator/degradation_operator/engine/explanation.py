"""Why this level, and what is still needed for a better one: as data and as words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from degradation.document import Mode, State
from degradation.level import Level
from degradation_operator.api.override import Override
from degradation_operator.engine.evaluate import Decision, DependencyMemory, Verdict
from degradation_operator.engine.level import Cause, cause, contributions, judge, shorten
from degradation_operator.engine.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one dependency still has to show.

    Attributes:
        clean_probes: Consecutive results at least as good as `state` that are needed.
        hold_for: Seconds that the better state then has to last.
    """

    dependency: str
    state: State
    clean_probes: int
    hold_for: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The next better level.

    Attributes:
        eligible_at: When it is due if nothing gets worse; None while something is still missing.
        needs: What is missing; empty where only time is.
    """

    target_level: Level
    eligible_at: datetime | None
    message: str
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, explained.

    Attributes:
        cause: Of the published level; None at OPTIMAL.
        observed: What the rules say, under Observe and an override; None otherwise.
        observed_cause: Its cause.
        recovery: None at OPTIMAL and under Observe.
    """

    cause: Cause | None
    observed: Level | None
    observed_cause: Cause | None
    recovery: Recovery | None


def explain(spec: Spec, decision: Decision, verdict: Verdict) -> Explanation:
    """Explain a decision by the present spec."""
    computed = _computed_cause(spec, decision)
    aside = verdict.mode is Mode.OBSERVE or verdict.override is not None
    published = computed if verdict.override is None else _override_cause(verdict.override)
    return Explanation(
        cause=None if verdict.level is Level.OPTIMAL else published,
        observed=verdict.computed.level if aside else None,
        observed_cause=computed if aside else None,
        recovery=_recovery(spec, decision, verdict),
    )


def time_of_day(moment: datetime) -> str:
    """Such as `20:05:31Z`."""
    return moment.astimezone(UTC).strftime("%H:%M:%SZ")


def _override_cause(override: Override) -> Cause:
    until = override.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Cause(message=shorten(f"set by hand until {until}: {override.reason}"))


def _computed_cause(spec: Spec, decision: Decision) -> Cause | None:
    """The cause by the held states, with what is known of them beside."""
    held = {name: memory.held for name, memory in decision.dependencies.items()}
    bare = cause(spec, held)
    if bare is None:
        return None
    if bare.dependency is not None:
        memory = decision.dependencies[bare.dependency]
        standing = memory.standing
        present = standing.state is bare.state
        return replace(
            bare,
            message=shorten(_why(spec, bare.dependency, memory)),
            measured=standing.measured if present else None,
            threshold=standing.threshold if present else None,
        )
    rule = next(rule for rule in spec.rules if rule.name == bare.rule)
    words = [
        _why(spec, name, decision.dependencies[name]) for name, states in rule.terms if held[name] in states
    ]
    return replace(bare, message=shorten(f"rule {rule.name}: {' and '.join(words)}"))


def _why(spec: Spec, name: str, memory: DependencyMemory) -> str:
    standing = memory.standing
    held = memory.held
    if not memory.window:
        words = f"{name} is {held}"
        if standing.state is not None and held is not State.UP:
            words += f": {standing.message}"
    else:
        departure = memory.window[0]
        words = (
            f"{name} was {departure.state} until {time_of_day(departure.wall)}"
            f" and counts as that until {time_of_day(departure.ends_wall(spec.hold_for))};"
            f" now it is {standing.state}"
        )
    if standing.unknown is not None:
        words += f" (its present state is unknown: {standing.unknown.message})"
    return words


def _recovery(spec: Spec, decision: Decision, verdict: Verdict) -> Recovery | None:
    if verdict.mode is Mode.OBSERVE or verdict.level is Level.OPTIMAL:
        return None
    if verdict.override is not None:
        if verdict.computed.level >= verdict.level:
            return None
        return Recovery(
            target_level=verdict.computed.level,
            eligible_at=verdict.override.until,
            message=f"the override ends; the rules say level {int(verdict.computed.level)}"
            f" ({verdict.computed.level.name})",
        )
    return _recovery_by_time(spec, decision, verdict) or _recovery_by_results(spec, decision, verdict)


def _recovery_by_time(spec: Spec, decision: Decision, verdict: Verdict) -> Recovery | None:
    """What the present states amount to once windows have emptied, if that is better."""
    departures = sorted(
        ((d.ends(spec.hold_for), name, d) for name, m in decision.dependencies.items() for d in m.window),
        key=lambda item: item[:2],
    )
    for ends, name, departure in departures:
        later = {
            other: next(
                (d.state for d in m.window if d.ends(spec.hold_for) > ends), m.standing.state or State.UP
            )
            for other, m in decision.dependencies.items()
        }
        judgement = judge(spec, later)
        if judgement.level < verdict.level:
            at = departure.ends_wall(spec.hold_for)
            return Recovery(
                target_level=judgement.level,
                eligible_at=at,
                message=shorten(
                    f"{name} counts as {departure.state} until {time_of_day(at)};"
                    f" then level {int(judgement.level)} ({judgement.level.name})"
                ),
            )
    return None


def _recovery_by_results(spec: Spec, decision: Decision, verdict: Verdict) -> Recovery | None:
    """What has to become Up, and how that is seen."""
    present = {name: m.standing.state or State.UP for name, m in decision.dependencies.items()}
    culprits = _culprits(spec, present, verdict.level)
    if not culprits:
        return None
    mended = judge(spec, present | dict.fromkeys(culprits, State.UP))
    if mended.level >= verdict.level:
        return None
    needs = tuple(
        Need(
            dependency=name,
            state=State.UP,
            clean_probes=spec.dependencies[name].success_threshold,
            hold_for=spec.hold_for,
        )
        for name in culprits
    )
    words = " and ".join(f"{need.clean_probes} clean probes of {need.dependency}" for need in needs)
    return Recovery(
        target_level=mended.level,
        eligible_at=None,
        message=shorten(
            f"{words} in a row and {spec.hold_for:g} s of hold;"
            f" then level {int(mended.level)} ({mended.level.name})"
        ),
        needs=needs,
    )


def _culprits(spec: Spec, present: Mapping[str, State], level: Level) -> list[str]:
    """The dependencies without which the level would be better, in the spec's order."""
    names: set[str] = set()
    for contribution in contributions(spec, present):
        if contribution.level < level:
            continue
        if contribution.dependency is not None:
            names.add(contribution.dependency)
        elif contribution.rule is not None:
            names.update(
                name for name, _ in contribution.rule.terms if present.get(name, State.UP) is not State.UP
            )
    return [name for name in spec.dependencies if name in names]
