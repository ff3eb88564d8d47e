"""One step of a policy's life: what is known so far, and what is new, make a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf

from degradation.document import Mode, State
from degradation.level import Level
from degradation_operator.api.override import Override
from degradation_operator.engine import held as window_of
from degradation_operator.engine import states
from degradation_operator.engine.held import Window
from degradation_operator.engine.level import Judgement, features_at, judge
from degradation_operator.engine.model import Now, ProbeResult
from degradation_operator.engine.spec import Spec
from degradation_operator.engine.states import Standing, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyMemory:
    """What is remembered of one dependency."""

    standing: Standing
    tally: Tally = field(default_factory=Tally)
    window: Window = ()

    @property
    def held(self) -> State:
        """The state that counts for the level."""
        return window_of.held(self.standing.state, self.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is decided and published. The same object as long as nothing of it changes.

    Attributes:
        level: The published level: the override's while one is in force, OPTIMAL under Observe.
        override: The one in force, if any.
        features: As published.
        held: As published: all Up under Observe.
        computed: What the rules say, whatever is published.
    """

    mode: Mode
    level: Level
    override: Override | None
    features: Mapping[str, bool]
    held: Mapping[str, State]
    computed: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The state of a policy after one step; the `previous` of the next.

    Attributes:
        started: Monotonic seconds at which probing began, for the deadline of the first decision.
        hold_for: Of the spec of this step: by it the windows have been emptied.
        verdict: None until the first decision: until then nothing is published.
        level_since: When the verdict's level began.
        next_at: Monotonic seconds at which evaluating again, without anything new, will change something.
        spec: The spec of this step.
        wanted: The override that was asked for at this step, in force or not.
    """

    started: float
    hold_for: float
    dependencies: Mapping[str, DependencyMemory]
    verdict: Verdict | None = None
    level_since: datetime
    next_at: float = -inf
    spec: Spec | None = None
    wanted: Override | None = None


def begin(now: Now) -> Decision:
    """The state of a policy about which nothing is known."""
    return Decision(started=now.monotonic, hold_for=0.0, dependencies={}, level_since=now.wall)


def evaluate(
    spec: Spec,
    results: Sequence[tuple[str, ProbeResult]],
    previous: Decision,
    now: Now,
    *,
    override: Override | None = None,
) -> Decision:
    """Take results, the present spec and the present override into account.

    Args:
        spec: The present spec; dependencies that it no longer names are forgotten, new ones begin.
        results: New results in the order they came, by dependency name; those of unknown names are dropped.
        previous: The decision before.
        now: The present moment; its monotonic clock must not go back.
        override: The override that a person asked for, in force or not.

    Returns:
        A decision whose `verdict` is the previous object where nothing of it changed.
    """
    memory = previous.dependencies
    fresh_spec = spec is not previous.spec
    due = now.monotonic >= previous.next_at or _override_ended(previous, now)
    if fresh_spec or due:
        # By the hold that was in force until now: what it let go stays gone, also when the hold has grown.
        memory = {name: _expire(m, previous.hold_for, now) for name, m in memory.items()}
    moved = False
    for name, result in results:
        dependency = spec.dependencies.get(name)
        if dependency is None:
            continue
        before = memory.get(name) or DependencyMemory(standing=states.begin(now))
        standing, tally = states.count(dependency, before.standing, before.tally, result, now)
        if standing is before.standing and tally is before.tally and name in memory:
            continue
        window = window_of.leave(before.window, before.standing.state, standing.state, now)
        moved = moved or standing.state is not before.standing.state
        if memory is previous.dependencies:
            memory = dict(memory)
        memory[name] = DependencyMemory(standing=standing, tally=tally, window=window)  # type: ignore[index]
    same_override = override is previous.wanted or override == previous.wanted
    if not (moved or fresh_spec or due) and same_override:
        # The common case: one more answer as expected. Nothing that is decided can have changed.
        return previous if memory is previous.dependencies else replace(previous, dependencies=memory)
    return _decide(spec, memory, previous, now, override)


def _decide(
    spec: Spec,
    memory: Mapping[str, DependencyMemory],
    previous: Decision,
    now: Now,
    override: Override | None,
) -> Decision:
    memory = {
        name: DependencyMemory(standing=states.begin(now))
        if (known := memory.get(name)) is None
        else _expire(known, spec.hold_for, now)
        if known.window
        else known
        for name in spec.dependencies
    }
    verdict = previous.verdict
    if verdict is None:
        overdue = now.monotonic >= previous.started + spec.first_decision_within
        if not overdue and any(m.standing.state is None for m in memory.values()):
            return replace(
                previous,
                hold_for=spec.hold_for,
                dependencies=memory,
                next_at=previous.started + spec.first_decision_within,
                spec=spec,
                wanted=override,
            )
        memory = {name: _first_state(spec, name, m, now) for name, m in memory.items()}
    held = {name: m.held for name, m in memory.items()}
    fresh = _verdict(spec, held, now, override)
    if verdict is None or fresh != verdict:
        verdict = fresh
    same_level = previous.verdict is not None and previous.verdict.level is verdict.level
    return Decision(
        started=previous.started,
        hold_for=spec.hold_for,
        dependencies=memory,
        verdict=verdict,
        level_since=previous.level_since if same_level else now.wall,
        next_at=_next_at(spec, memory, verdict, now),
        spec=spec,
        wanted=override,
    )


def _override_ended(previous: Decision, now: Now) -> bool:
    """Also where the wall clock was set forward."""
    in_force = previous.verdict.override if previous.verdict is not None else None
    return in_force is not None and now.wall >= in_force.until


def _expire(memory: DependencyMemory, hold_for: float, now: Now) -> DependencyMemory:
    if not memory.window:
        return memory
    window = window_of.expire(memory.window, hold_for, now)
    return memory if window is memory.window else replace(memory, window=window)


def _first_state(spec: Spec, name: str, memory: DependencyMemory, now: Now) -> DependencyMemory:
    if memory.standing.state is not None:
        return memory
    standing = states.adopt_latest(spec.dependencies[name], memory.tally, now)
    return memory if standing is None else replace(memory, standing=standing)


def _verdict(spec: Spec, held: Mapping[str, State], now: Now, override: Override | None) -> Verdict:
    computed = judge(spec, held)
    if spec.mode is Mode.OBSERVE:
        return Verdict(
            mode=spec.mode,
            level=Level.OPTIMAL,
            override=None,
            features={feature.name: True for feature in spec.features},
            held=dict.fromkeys(held, State.UP),
            computed=computed,
        )
    if override is not None and now.wall < override.until:
        level = Level(override.level)
        features = computed.features
        if level is not computed.level:
            features = features_at(spec, level, held)
        return Verdict(
            mode=spec.mode,
            level=level,
            override=override,
            features=features,
            held=held,
            computed=computed,
        )
    return Verdict(
        mode=spec.mode,
        level=computed.level,
        override=None,
        features=computed.features,
        held=held,
        computed=computed,
    )


def _next_at(spec: Spec, memory: Mapping[str, DependencyMemory], verdict: Verdict, now: Now) -> float:
    due = min((m.window[0].ends(spec.hold_for) for m in memory.values() if m.window), default=inf)
    if verdict.override is not None:
        left = (verdict.override.until - now.wall).total_seconds()
        due = min(due, now.monotonic + left)
    return due
