"""What clients of a FastAPI application see."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from degradation import Agent, BreakerOpen, FeatureDisabled, Level
from degradation.document import State
from degradation.fastapi import DegradationMiddleware
from degradation.testing import simulate
from degradation.view import View


@pytest.fixture
def agent() -> Agent:
    agent = Agent.disconnected(registry=CollectorRegistry())
    agent._board.publish(
        View(
            level=Level.DEGRADED,
            features={"cache": False, "ai": True},
            dependencies={"redis": State.DOWN},
            policy="shop/shop",
            revision=41,
            pending_revision=42,
            since="2026-11-23T20:04:05.123Z",
            cause="redis is Down",
            retry_after=29.5,
            source="directory",
        )
    )
    return agent


def application(agent: Agent, **routes: Callable[..., Awaitable[Any]]) -> FastAPI:
    app = FastAPI()
    app.include_router(agent.router())
    app.add_middleware(DegradationMiddleware, agent=agent)
    for name, route in routes.items():
        app.get(f"/{name}")(route)
    return app


async def get(app: FastAPI, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://shop") as client:
        return await client.get(path)


async def test_the_state(agent: Agent) -> None:
    response = await get(application(agent), "/degradation")

    assert response.status_code == 200
    assert response.headers["degradation-level"] == "2"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "level": 2,
        "name": "DEGRADED",
        "capacity": 85,
        "since": "2026-11-23T20:04:05.123Z",
        "cause": "redis is Down",
        "revision": 41,
        "pendingRevision": 42,
        "policy": "shop/shop",
        "status": "NotReady",
        "source": "directory",
        "confirmation": "none",
        "features": {"ai": True, "cache": False},
        "dependencies": {"redis": "Down"},
        "breakers": {},
    }


async def test_stale_stands_in_the_header(agent: Agent) -> None:
    with simulate(agent, level=4, stale=True):
        assert (await get(application(agent), "/degradation")).headers["degradation-level"] == "4;stale"


async def test_a_required_feature_that_is_off(agent: Agent) -> None:
    app = application(agent)

    @app.get("/recommendations", dependencies=[Depends(agent.require_feature("cache"))])
    async def recommendations() -> str:
        raise AssertionError

    @app.get("/prices", dependencies=[Depends(agent.require_feature("ai"))])
    async def prices() -> str:
        return "42"

    response = await get(app, "/recommendations")

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "30"
    assert response.headers["degradation-level"] == "2"
    assert response.json() == {
        "type": "urn:degradation:feature-disabled",
        "title": "Feature disabled",
        "status": 503,
        "detail": "feature 'cache' is off at level 2 (DEGRADED); try again in 29.5 s",
        "level": 2,
        "feature": "cache",
    }
    assert (await get(app, "/prices")).json() == "42"
    gates = {name: (gate.on, gate.refused) for name, gate in agent._board.gates().items()}
    assert gates == {"cache": (0, 1), "ai": (1, 0)}


async def test_a_rejection_in_a_handler(agent: Agent) -> None:
    async def order() -> None:
        raise BreakerOpen("redis", "is open", retry_after=0.2, level=None)

    response = await get(application(agent, order=order), "/order")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json() == {
        "type": "urn:degradation:breaker-open",
        "title": "Breaker open",
        "status": 503,
        "detail": "breaker 'redis' is open; try again in 0.2 s",
        "level": 2,
        "breaker": "redis",
    }


async def test_a_gated_route_with_annotations_that_are_texts(agent: Agent) -> None:
    app = application(agent)

    @app.get("/price")
    @agent.feature("ai", fallback=lambda sku, count=1: "basic")
    async def price(sku: str, count: int = 1) -> "str":
        return f"{sku} {count + 1}"

    assert (await get(app, "/price?sku=x&count=2")).json() == "x 3"


async def test_nothing_is_answered_twice(agent: Agent) -> None:
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "begun"
            raise FeatureDisabled("cache", "is off", retry_after=1, level=None)

        return StreamingResponse(parts())

    with pytest.raises((FeatureDisabled, ExceptionGroup)):
        await get(application(agent, stream=stream), "/stream")


async def test_other_failures_stay_what_they_are(agent: Agent) -> None:
    async def broken() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await get(application(agent, broken=broken), "/broken")
    assert (await get(application(agent), "/nowhere")).status_code == 404
    assert (await get(application(agent), "/nowhere")).headers["degradation-level"] == "2"


def test_the_lifespan_starts_and_stops_the_agent_each_time() -> None:
    agent = Agent.disconnected(2, registry=CollectorRegistry())
    app = FastAPI(lifespan=agent.lifespan)
    app.include_router(agent.router())

    for _ in range(2):
        with TestClient(app) as client:
            assert agent._task is not None
            assert client.get("/degradation").json()["level"] == 2
        assert agent._task is None


def test_the_applications_own_lifespan_is_within_the_agents() -> None:
    agent = Agent.disconnected(registry=CollectorRegistry())
    order = []

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[dict[str, int]]:
        order.append(agent._task is not None)
        yield {"pool": 1}
        await asyncio.sleep(0)
        order.append(agent._task is not None)

    with TestClient(FastAPI(lifespan=agent.lifespan_with(own))) as client:
        assert client.app_state == {"pool": 1}
    assert order == [True, True]
    assert agent._task is None
