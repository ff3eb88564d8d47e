"""From held states to level and features."""

from __future__ import annotations

import pytest

from degradation.document import State
from degradation_operator.engine.level import cause, judge

from .machine import dependency, retail, rule


def held(**states: str) -> dict[str, State]:
    return {name: State(state) for name, state in states.items()}


@pytest.mark.parametrize(
    ("states", "level", "off"),
    [
        ({}, 1, set()),
        ({"redis": "Down"}, 2, {"cache"}),
        ({"redis": "Slow"}, 1, set()),
        ({"openai": "Down"}, 3, {"ai-ocr"}),
        ({"redis": "Down", "openai": "Down"}, 3, {"cache", "ai-ocr"}),
        ({"postgres": "Slow"}, 4, {"ai-ocr", "stock-writes"}),
        ({"postgres": "ReadOnly"}, 4, {"ai-ocr", "stock-writes"}),
        ({"postgres": "Down"}, 5, {"ai-ocr", "stock-writes", "document-upload", "business"}),
        (
            {"postgres": "Down", "redis": "Down"},
            5,
            {"cache", "ai-ocr", "stock-writes", "document-upload", "business"},
        ),
        ({"s3": "Down"}, 1, {"document-upload"}),
        ({"s3": "Slow"}, 1, set()),
    ],
)
def test_retail(states: dict[str, str], level: int, off: set[str]) -> None:
    judgement = judge(retail(), held(**states))
    assert (judgement.level, {name for name, on in judgement.features.items() if not on}) == (level, off)


BOTH = rule("both", 5, ("redis", "Down"), ("openai", "Slow Down"))
EITHER = rule("either", 3, ("redis", "Slow Down"), ("openai", "Slow Down"), every=False)
HEALTHY = rule("healthy", 2, ("redis", "Up"))


@pytest.mark.parametrize(
    ("rules", "states", "level", "words"),
    [
        ((BOTH,), {"redis": "Down"}, 2, "redis is Down"),
        ((BOTH,), {"redis": "Down", "openai": "Slow"}, 5, "rule both: redis is Down and openai is Slow"),
        ((EITHER,), {"redis": "Slow"}, 3, "rule either: redis is Slow"),
        ((EITHER,), {"openai": "Down"}, 3, "openai is Down"),  # A dependency by itself explains more.
        ((BOTH, EITHER), {}, 1, None),
        ((HEALTHY,), {}, 2, "rule healthy: redis is Up"),
    ],
)
def test_rules(rules: tuple[object, ...], states: dict[str, str], level: int, words: str | None) -> None:
    spec = retail(rules=rules)
    found = cause(spec, held(**states))
    assert (judge(spec, held(**states)).level, found and found.message) == (level, words)


def test_the_worst_state_is_named_as_the_cause_where_several_ask_for_the_level() -> None:
    spec = retail(dependencies={"a": dependency(slow=4), "b": dependency(down=4), "c": dependency(down=4)})
    found = cause(spec, held(a="Slow", c="Down", b="Down"))
    assert found is not None
    assert found.message == "b is Down"
