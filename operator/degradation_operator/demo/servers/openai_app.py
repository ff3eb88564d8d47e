"""The OpenAI-compatible server itself.

`python -m degradation_operator.demo.servers.openai_app HOST PORT [CERTIFICATE KEY]`; the key that it lets in
comes in OPENAI_SERVER_API_KEY (none: every key). `PUT /failure/NAME?retry_after=SECONDS` tells it how to fail.
"""

import asyncio
import hashlib
import json
import os
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from degradation_operator.demo.servers.openai import Failure

_PRICE: Final = re.compile(r"\b(\d{1,9}\.\d{2})\b")
_BOUND: Final = Decimal("0.10")  # An adjusted price stays within this share of the one given.
_CREATED: Final = 1_700_000_000  # No clock: the same question has the same answer.

Cut = Callable[[Request], None]


def answer(prompt: str) -> str:
    """What the model says: a pure function of the prompt.

    A prompt that names a price gets that price moved by at most 10 %, as JSON; another one gets the words of
    the prompt that look like item numbers in an order of their own, as JSON, or an echo where there are none.
    """
    digest = hashlib.sha256(prompt.encode()).digest()
    if price := _PRICE.search(prompt):
        share = Decimal(int.from_bytes(digest[:4])) / Decimal(2**32 - 1)
        moved = Decimal(price[1]) * (1 + _BOUND * (2 * share - 1))
        return json.dumps({"price": str(moved.quantize(Decimal("0.01"), ROUND_HALF_UP))})
    items = sorted(set(re.findall(r"\b[A-Z]{2,5}-\d{1,6}\b", prompt)))
    if items:
        return json.dumps(
            {"items": sorted(items, key=lambda item: hashlib.sha256(f"{prompt}{item}".encode()).digest())}
        )
    return f"You said: {prompt}"


class _Model:
    """The endpoints, and how they fail at present."""

    def __init__(self, api_key: str | None, cut: Cut) -> None:
        self._api_key = api_key
        self._cut = cut
        self._failure: Failure | None = None
        self._retry_after = 5
        self._mended = asyncio.Event()

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self._guarded(self._models)),
                Route("/v1/chat/completions", self._guarded(self._completions), methods=["POST"]),
                Route("/failure/{name}", self._set_failure, methods=["PUT"]),
            ]
        )

    async def _set_failure(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            self._failure = None if name == "none" else Failure(name)
        except ValueError:
            return _error(404, f"no failure {name}", "invalid_request_error", "unknown_failure")
        self._retry_after = int(request.query_params.get("retry_after", "5"))
        self._mended.set()
        self._mended = asyncio.Event()
        return Response(status_code=204)

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            while self._failure is Failure.HANG:
                await self._mended.wait()
            return await self._failed(request) or self._unauthorised(request) or await endpoint(request)

        return guarded

    async def _failed(self, request: Request) -> Response | None:
        match self._failure:
            case Failure.ERROR:
                return _error(500, "The server had an error", "server_error", None)
            case Failure.THROTTLE:
                headers = {"Retry-After": str(self._retry_after)}
                return _error(429, "Rate limit reached", "requests", "rate_limit_exceeded", headers)
            case Failure.QUOTA if request.url.path.endswith("/completions"):
                message = "You exceeded your current quota, please check your plan and billing details."
                return _error(429, message, "insufficient_quota", "insufficient_quota")
            case Failure.INVALID_KEY:
                return _error(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key")
            case Failure.RESET:
                self._cut(request)
                return Response(status_code=204)  # Nobody gets it.
            case _:
                return None

    def _unauthorised(self, request: Request) -> Response | None:
        if self._api_key is None or request.headers.get("authorization") == f"Bearer {self._api_key}":
            return None
        return _error(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key")

    async def _models(self, _request: Request) -> Response:
        model = {"id": "demo", "object": "model", "created": _CREATED, "owned_by": "demo"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _completions(self, request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            prompt = "\n".join(_text(message["content"]) for message in asked["messages"])
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, f"Not a chat completion: {error!r}", "invalid_request_error", None)
        said = answer(prompt)
        identity = {
            "id": f"chatcmpl-{hashlib.sha256(prompt.encode()).hexdigest()[:24]}",
            "created": _CREATED,
            "model": asked.get("model", "demo"),
        }
        if asked.get("stream"):
            return StreamingResponse(_events(identity, said), media_type="text/event-stream")
        message = {"role": "assistant", "content": said, "refusal": None}
        counts = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said.split())}
        return JSONResponse(
            identity
            | {
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
                "usage": counts | {"total_tokens": sum(counts.values())},
            }
        )


def _text(content: Any) -> str:
    """A message's words, which come as a string or as parts."""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part.get("type") == "text")


async def _events(identity: dict[str, Any], said: str) -> AsyncIterator[bytes]:
    def event(delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = identity | {"object": "chat.completion.chunk", "choices": [choice]}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    yield event({"role": "assistant", "content": ""}, None)
    for word in re.findall(r"\S+\s*", said):
        yield event({"content": word}, None)
    yield event({}, "stop")
    yield b"data: [DONE]\n\n"


def _error(
    status: int, message: str, kind: str, code: str | None, headers: dict[str, str] | None = None
) -> Response:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


def main(host: str, port: int, certificate: str | None = None, key: str | None = None) -> None:
    """Serve until told to end."""

    def cut(request: Request) -> None:
        """Reset the connection that a request came on: ASGI has no word for it, so it is looked up."""
        for connection in tuple(server.server_state.connections):
            if getattr(connection, "client", None) == tuple(request.scope["client"]):
                transport = connection.transport
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                transport.abort()

    model = _Model(os.environ.get("OPENAI_SERVER_API_KEY") or None, cut)
    server = uvicorn.Server(
        uvicorn.Config(
            model.application(),
            host=host,
            port=port,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )
    server.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5])
