"""Short ways to write results, specs and moments for tests of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from degradation.document import State
from degradation.level import Level
from degradation_operator.api.names import Reason
from degradation_operator.api.override import Override
from degradation_operator.engine.evaluate import Decision, begin, evaluate
from degradation_operator.engine.model import Now, Outcome, ProbeResult
from degradation_operator.engine.spec import DependencySpec, FeatureSpec, RuleSpec, Spec

EPOCH = datetime(2026, 11, 23, 20, 0, 0, tzinfo=UTC)

UP = ProbeResult(outcome=Outcome.UP, reason=Reason.ANSWERED, message="answered")
SLOW = ProbeResult(
    outcome=Outcome.SLOW,
    reason=Reason.SLOW_ANSWER,
    message="answered late",
    measured="5.02 s",
    threshold="500 ms",
)
READ_ONLY = ProbeResult(outcome=Outcome.READ_ONLY, reason=Reason.READ_ONLY, message="takes no writes")
DOWN = ProbeResult(outcome=Outcome.DOWN, reason=Reason.REFUSED, message="connection refused")
TIMEOUT = ProbeResult(outcome=Outcome.DOWN, reason=Reason.TIMEOUT, message="no answer in time")
UNKNOWN = ProbeResult(
    outcome=Outcome.INCONCLUSIVE,
    reason=Reason.AUTHENTICATION_FAILED,
    message="the password was refused: correct the Secret",
)
RESULTS = {
    "up": UP,
    "slow": SLOW,
    "read-only": READ_ONLY,
    "down": DOWN,
    "timeout": TIMEOUT,
    "unknown": UNKNOWN,
}


def at(seconds: float) -> Now:
    """A moment, on both clocks, `seconds` after the start of the test."""
    return Now(1000.0 + seconds, EPOCH + timedelta(seconds=seconds))


def dependency(
    slow: int = 1, read_only: int | None = None, down: int | None = None, **more: Any
) -> DependencySpec:
    """A dependency with these impacts, missing ones as the next milder."""
    read_only = slow if read_only is None else read_only
    down = read_only if down is None else down
    levels = {State.UP: 1, State.SLOW: slow, State.READ_ONLY: read_only, State.DOWN: down}
    values: dict[str, Any] = {"failure_threshold": 2, "success_threshold": 2, "first_state_within": 4.0}
    return DependencySpec(impact={s: Level(level) for s, level in levels.items()}, **(values | more))


def retail(**changes: Any) -> Spec:
    """The retail example as the engine reads it."""
    values: dict[str, Any] = {
        "hold_for": 30.0,
        "dependencies": {
            "redis": dependency(down=2),
            "openai": dependency(down=3),
            "postgres": dependency(slow=4, read_only=4, down=5),
            "s3": dependency(),
        },
        "features": (
            FeatureSpec(name="cache", max_level=Level(5), requires=("redis",)),
            FeatureSpec(name="ai-ocr", max_level=Level(2), requires=("openai",)),
            FeatureSpec(name="stock-writes", max_level=Level(3), requires=()),
            FeatureSpec(name="document-upload", max_level=Level(4), requires=("s3",)),
            FeatureSpec(name="business", max_level=Level(4), requires=()),
        ),
    }
    return Spec(**(values | changes))


def rule(name: str, level: int, *terms: tuple[str, str], every: bool = True) -> RuleSpec:
    """A rule; each term is a dependency and its states, separated by spaces."""
    return RuleSpec(
        name=name,
        level=Level(level),
        every=every,
        terms=tuple((d, frozenset(State(s) for s in states.split())) for d, states in terms),
    )


@dataclass
class Machine:
    """A policy fed by hand, in simulated time."""

    spec: Spec
    decision: Decision = field(default_factory=lambda: begin(at(0)))
    override: Override | None = None
    time: float = 0.0

    def feed(self, time: float | None = None, **results: str) -> Machine:
        """At `time`, results by dependency (names with `_` for `-`), each a word or several."""
        if time is not None:
            self.time = time
        new = [
            (name.replace("_", "-"), RESULTS[word])
            for name, words in results.items()
            for word in words.split()
        ]
        self.decision = evaluate(self.spec, new, self.decision, at(self.time), override=self.override)
        return self

    def healthy(self) -> Machine:
        """Everything Up, decided."""
        return self.feed(None, **dict.fromkeys(self.spec.dependencies, "up up"))

    @property
    def level(self) -> int | None:
        """The published level; None before the first decision."""
        return None if self.decision.verdict is None else int(self.decision.verdict.level)

    @property
    def states(self) -> dict[str, str | None]:
        """Present states."""
        return {
            name: None if m.standing.state is None else str(m.standing.state)
            for name, m in self.decision.dependencies.items()
        }

    @property
    def held(self) -> dict[str, str]:
        """Held states."""
        return {name: str(m.held) for name, m in self.decision.dependencies.items()}
