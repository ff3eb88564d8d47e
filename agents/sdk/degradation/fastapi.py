"""For FastAPI and other ASGI applications: the level in each response, refusals as 503, `GET /degradation`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from degradation._errors import BreakerOpen, Rejected

if TYPE_CHECKING:
    from degradation.agent import Agent

__all__ = ["DegradationMiddleware", "problem", "router"]

_HEADER: Final = b"degradation-level"


class DegradationMiddleware:
    """Adds `Degradation-Level` to each response, and answers what was rejected with a 503 problem.

    `app.add_middleware(DegradationMiddleware, agent=agent)`. A rejection after the response began goes on
    upwards: there is no taking back what was sent.

    Args:
        app: The application.
        agent: Whose level it is.
    """

    def __init__(self, app: ASGIApp, *, agent: Agent) -> None:
        self._app = app
        self._agent = agent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; all but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_level(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                others = [header for header in message.get("headers", ()) if header[0].lower() != _HEADER]
                message = {**message, "headers": [*others, (_HEADER, self._level())]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_level)
        except Rejected as rejection:
            if started:
                raise
            await _respond(rejection, self._agent, send_with_level)

    def _level(self) -> bytes:
        stale = ";stale" if self._agent.status == "Stale" else ""
        return f"{int(self._agent.level)}{stale}".encode()


def problem(rejection: Rejected, agent: Agent) -> dict[str, Any]:
    """What a rejected caller is told (RFC 9457)."""
    level = agent.level if rejection.level is None else rejection.level
    breaker = isinstance(rejection, BreakerOpen)
    return {
        "type": "urn:degradation:breaker-open" if breaker else "urn:degradation:feature-disabled",
        "title": "Breaker open" if breaker else "Feature disabled",
        "status": 503,
        "detail": str(rejection),
        "level": int(level),
        "breaker" if breaker else "feature": rejection.name,
    }


async def _respond(rejection: Rejected, agent: Agent, send: Send) -> None:
    body = json.dumps(problem(rejection, agent)).encode()
    retry_after = max(1, math.ceil(rejection.retry_after))  # whole seconds; 0 would mean "at once"
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(retry_after).encode()),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def router(agent: Agent) -> APIRouter:
    """The route `GET /degradation`."""
    routes = APIRouter()

    @routes.get("/degradation", summary="The level this process runs at, and why")
    async def degradation() -> JSONResponse:
        return JSONResponse(_state(agent), headers={"cache-control": "no-store"})

    return routes


def _state(agent: Agent) -> dict[str, Any]:
    view = agent.view
    return {
        "level": int(view.level),
        "name": view.level.name,
        "capacity": view.level.capacity,
        "since": view.since,
        "cause": view.cause,
        "revision": view.revision,
        "pendingRevision": view.pending_revision,
        "policy": view.policy,
        "status": agent.status,
        "source": view.source,
        "confirmation": agent.confirmation,
        "features": dict(sorted(view.features.items())),
        "dependencies": {name: state.value for name, state in sorted(view.dependencies.items())},
        "breakers": {},
    }
