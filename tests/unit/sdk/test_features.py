"""Gates and their decorators, on a board without a life."""

import asyncio
import inspect
import logging
import pickle
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from degradation import Agent, FeatureDisabled, Level, current_rejection
from degradation.view import View


def agent_with(*, level: int = 1, policy: str | None = "shop/shop", **features: bool) -> Agent:
    agent = Agent.disconnected(level)
    agent._board.publish(View(level=Level(level), policy=policy, features=features, retry_after=7.0))
    return agent


def counts(agent: Agent, name: str) -> tuple[int, int, int]:
    gate = agent._board.gate(name)
    return gate.on, gate.fallback, gate.refused


async def test_on_calls_through_and_off_falls_back() -> None:
    agent = agent_with(ai=True)

    async def basic(sku: str, *, tax: int = 0) -> str:
        return f"basic {sku} {tax}"

    @agent.feature("ai", fallback=basic)
    async def price(sku: str, *, tax: int = 0) -> str:
        """Its price."""
        return f"clever {sku} {tax}"

    assert await price("x", tax=2) == "clever x 2"
    agent._board.publish(View(level=Level.DEGRADED, policy="shop/shop", features={"ai": False}))
    assert await price("x", tax=2) == "basic x 2"
    assert counts(agent, "ai") == (1, 1, 0)
    assert price.__doc__ == "Its price."
    assert str(inspect.signature(price)) == "(sku: str, *, tax: int = 0) -> str"
    assert inspect.iscoroutinefunction(price)


def test_off_without_a_fallback_raises() -> None:
    agent = agent_with(level=3, ai=False)

    @agent.feature("ai")
    def price(sku: str) -> str:
        return sku

    with pytest.raises(FeatureDisabled) as raised:
        price("x")
    error = raised.value
    assert (error.name, error.reason, error.retry_after, error.level) == (
        "ai",
        "is off at level 3 (LIMITED)",
        7.0,
        3,
    )
    assert str(error) == "feature 'ai' is off at level 3 (LIMITED); try again in 7 s"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes
    assert counts(agent, "ai") == (0, 0, 1)


async def test_a_fallback_knows_why_and_nests() -> None:
    agent = agent_with(outer=False, inner=False)
    seen: list[str | None] = []

    def note() -> None:
        rejection = current_rejection()
        seen.append(rejection.name if rejection else None)

    def inner_fallback() -> None:
        note()

    @agent.feature("inner", fallback=inner_fallback)
    def inner() -> None:
        raise AssertionError

    async def outer_fallback() -> None:
        note()
        inner()
        await asyncio.sleep(0)
        note()

    @agent.feature("outer", fallback=outer_fallback)
    async def outer() -> None:
        raise AssertionError

    await outer()
    note()

    assert seen == ["outer", "inner", "outer", None]


async def test_a_plain_fallback_of_a_coroutine_function() -> None:
    agent = agent_with(ai=False)

    @agent.feature("ai", fallback=lambda: 1)
    async def answer() -> int:
        return 2

    assert await answer() == 1


def test_a_fallback_that_fails_leaves_nothing_behind() -> None:
    agent = agent_with(ai=False)

    def broken() -> None:
        raise LookupError

    @agent.feature("ai", fallback=broken)
    def answer() -> None: ...

    with pytest.raises(LookupError):
        answer()
    assert current_rejection() is None


async def test_what_the_function_raises_is_not_taken_for_a_refusal() -> None:
    agent = agent_with(ai=True)

    @agent.feature("ai", fallback=lambda: 1)
    async def answer() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        await answer()


class Callable_:  # noqa: N801 - what it is
    async def __call__(self) -> str:
        return "called"


async def test_what_is_called_by_other_means() -> None:
    agent = agent_with(ai=True)

    async def with_argument(word: str) -> str:
        return word

    assert await agent.feature("ai")(partial(with_argument, "partial"))() == "partial"
    assert await agent.feature("ai")(Callable_())() == "called"


class Shop:
    agent = agent_with(ai=False)

    def basic(self) -> str:
        return f"basic {self.name}"

    @agent.feature("ai", fallback=basic)
    def price(self) -> str:
        return "clever"

    @staticmethod
    @agent.feature("ai", fallback=lambda: "static basic")
    def rate() -> str:
        return "static"

    name = "shop"


def test_methods() -> None:
    assert (Shop().price(), Shop.rate()) == ("basic shop", "static basic")


def _generate() -> Iterator[int]:
    yield 1


async def _generate_async() -> AsyncIterator[int]:
    yield 1


async def _coroutine() -> int:
    return 1


def _plain() -> int:
    return 1


@pytest.mark.parametrize(
    ("function", "fallback", "message"),
    [
        (_generate, None, "_generate is a generator function"),
        (_generate_async, None, "_generate_async is a generator function"),
        (_coroutine, _generate_async, "the fallback of _coroutine is a generator function"),
        (_plain, _coroutine, "_plain is a plain function, so its fallback has to be one too"),
        (staticmethod(_plain), None, "put the decorator below @staticmethod"),
        (classmethod(_plain), None, "put the decorator below @classmethod"),  # type: ignore[arg-type]
    ],
)
def test_refused_at_decoration(function: Any, fallback: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        agent_with().feature("ai", fallback=fallback)(function)


@pytest.mark.parametrize(("level", "on"), [(1, True), (4, True), (5, False)])
def test_undeclared_is_on_below_level_5_and_counted_and_said_once(
    level: int, on: bool, caplog: pytest.LogCaptureFixture
) -> None:
    agent = agent_with(level=level, other=True)

    @agent.feature("typo", fallback=lambda: False)
    def works() -> bool:
        return True

    assert [agent.enabled("typo"), works(), works()] == [on] * 3
    assert agent._board.undeclared == {"typo": 3}
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_before_a_document_nothing_counts_as_undeclared() -> None:
    agent = agent_with(level=4, policy=None)

    assert agent.enabled("anything")
    assert agent._board.gate("anything").open
    assert agent._board.undeclared == {}


def test_made_up_names_do_not_grow_for_ever() -> None:
    agent = agent_with(level=1)
    for number in range(2000):
        agent.enabled(f"feature-{number}")

    assert len(agent._board.undeclared) == 256


def test_a_gate_follows_from_undeclared_to_declared() -> None:
    agent = agent_with()
    gate = agent._board.gate("late")
    seen = [gate.open]
    for on in (True, False):
        agent._board.publish(View(level=Level.OPTIMAL, policy="shop/shop", features={"late": on}))
        seen.append(gate.open)

    assert seen == [False, True, False]
