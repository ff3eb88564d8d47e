"""What type checkers have to make of the SDK's surface: checked by mypy and pyright, never run."""

from collections.abc import Awaitable, Callable
from typing import assert_type

from fastapi import Depends, FastAPI

from degradation import Agent, Change, FeatureDisabled, Level, Rejected, current_rejection
from degradation.document import State
from degradation.fastapi import DegradationMiddleware
from degradation.testing import simulate

agent = Agent.from_environment()
assert_type(agent, Agent)
assert_type(Agent.disconnected(level=3), Agent)
assert_type(agent.level, Level)
assert_type(agent.level >= Level.LIMITED, bool)
assert_type(agent.enabled("cache"), bool)
assert_type(agent.dependency("redis").state, State)
assert_type(agent.dependency("redis").known, bool)
assert_type(agent.revision, int | None)
assert_type(current_rejection(), Rejected | None)


@agent.feature("plain")
def plain(sku: str, *, count: int = 1) -> float:
    return len(sku) * count


assert_type(plain("x", count=2), float)
plain(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
plain("x", number=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def basic(sku: str) -> int:
    return len(sku)


async def basic_async(sku: str) -> int:
    return len(sku)


@agent.feature("sync", fallback=basic)
def with_fallback(sku: str) -> int:
    return len(sku)


@agent.feature("async", fallback=basic)
async def plain_fallback(sku: str) -> int:
    return len(sku)


@agent.feature("async", fallback=basic_async)
async def async_fallback(sku: str) -> int:
    return len(sku)


@agent.feature("other", fallback=basic)
async def other_result(sku: str) -> str:
    return sku


assert_type(with_fallback("x"), int)
with_fallback(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@agent.feature("wrong", fallback=basic)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
def other_parameters(count: bytes) -> int:
    return len(count)


@agent.feature("wrong", fallback=basic_async)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
def plain_with_async_fallback(sku: str) -> int:
    return len(sku)


@agent.on_change
async def note(change: Change) -> None:
    assert_type(change.new.level, Level)
    assert_type(change.old.revision, int | None)
    assert_type(change.changed, frozenset[str])


async def used() -> None:
    assert_type(await plain_fallback("x"), int)
    assert_type(await async_fallback("x"), int)
    assert_type(await other_result("x"), str | int)
    listener: Callable[[Change], Awaitable[None]] = note
    agent.on_change(listener)
    async with agent as entered:
        assert_type(entered, Agent)
    with simulate(agent, level=4, down={"redis"}, off=["cache"], stale=True) as simulated:
        assert_type(simulated, Agent)
    try:
        plain("x")
    except FeatureDisabled as refused:
        assert_type(refused.retry_after, float)
        assert_type(refused.level, Level | None)


app = FastAPI(lifespan=agent.lifespan)
app.include_router(agent.router())
app.add_middleware(DegradationMiddleware, agent=agent)
assert_type(agent.require_feature("cache"), Callable[[], Awaitable[None]])


@app.get("/", dependencies=[Depends(agent.require_feature("cache"))])
async def root() -> int:
    return await plain_fallback("x")
