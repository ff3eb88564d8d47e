"""HTTP over one connection: what is sent, what is read, when the connection stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.probes.http import MOST_BODY
from degradation_operator.probes.origin import Origin
from tests.support.probe_kit import Place, Seen, Workshop, ref

UP = (Outcome.UP, Reason.ANSWERED)
BAD = (Outcome.DOWN, Reason.BAD_ANSWER)
CLOSED = (Outcome.DOWN, Reason.CLOSED)
TIMEOUT = (Outcome.DOWN, Reason.TIMEOUT)
THROTTLED = (Outcome.SLOW, Reason.THROTTLED)
UNAUTHENTICATED = (Outcome.INCONCLUSIVE, Reason.AUTHENTICATION_FAILED)
NOT_FOUND = (Outcome.INCONCLUSIVE, Reason.NOT_FOUND)
KEY = "sk-the-key-that-must-not-show"


class Canned:
    """Answers every request with the same bytes, and keeps the requests."""

    def __init__(self, answer: bytes, *, then_close: bool = False) -> None:
        self.answer = answer
        self.then_close = then_close
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.lower().splitlines()
                        if line.startswith(b"content-length")
                    ),
                    0,
                )
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self.answer)
                await writer.drain()
                if self.then_close:
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def shop() -> AsyncIterator[Workshop]:
    async with Workshop() as workshop:
        yield workshop


async def looks(
    shop: Workshop,
    canned: Canned,
    target: dict[str, Any] | None = None,
    *,
    kind: str = "http",
    times: int = 2,
) -> list[ProbeResult]:
    server = await asyncio.start_server(canned.serve, "127.0.0.1", 0)
    canned.port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{canned.port}"
    targets: dict[str, dict[str, Any]] = {
        "http": {"url": f"{url}/health?deep=1"},
        "openai": {"baseURL": f"{url}/v1", "apiKeySecretRef": ref("key")},
        "s3": {"endpoint": url, "bucket": "documents"},
    }
    try:
        shop.secrets.values["key"] = KEY
        probe = shop.probe(Place(kind, {**targets[kind], **(target or {})}), timeout="300ms")
        return [await shop.look(probe) for _ in range(times)]
    finally:
        server.close()


def seen(results: list[ProbeResult]) -> list[Seen]:
    return [(result.outcome, result.reason) for result in results]


async def test_what_is_asked(shop: Workshop) -> None:
    canned = Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert seen(await looks(shop, canned)) == [UP, UP]
    assert canned.requests[0].decode().split("\r\n") == [
        "GET /health?deep=1 HTTP/1.1",
        f"Host: 127.0.0.1:{canned.port}",
        "User-Agent: degradation-operator",
        "Accept: */*",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 2),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * (MOST_BODY + 1), 2),
    ],
    ids=["length", "chunked", "no-content", "continue", "redirect", "close", "http-1.0", "large"],
)
async def test_up_and_how_many_connections_that_takes(
    answer: bytes, connections: int, shop: Workshop
) -> None:
    """A redirect is an answer, and is not followed; of a large body the beginning is read."""
    canned = Canned(answer)
    assert seen(await looks(shop, canned)) == [UP, UP]
    assert canned.connections == connections


@pytest.mark.parametrize(
    ("answer", "then_close", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", True, CLOSED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nok", True, CLOSED),
        (b"HTTP/1.1 20", True, CLOSED),
        (b"", True, CLOSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", False, TIMEOUT),
        (b"HTTP/1.1 200 OK\r\n", False, TIMEOUT),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", False, BAD),
        (b"\x00" * 64, False, BAD),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", False, BAD),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", False, BAD),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", False, BAD),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", False, BAD),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", False, THROTTLED),
    ],
)
async def test_what_is_not_up(answer: bytes, then_close: bool, expected: Seen, shop: Workshop) -> None:
    assert seen(await looks(shop, Canned(answer, then_close=then_close), times=1)) == [expected]


async def test_an_unexpected_status_says_which_was_expected(shop: Workshop) -> None:
    canned = Canned(b"HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n")
    (result,) = await looks(shop, canned, {"expectStatus": ["200-299", "301"]}, times=1)
    assert result.seconds is not None
    assert (result.outcome, result.reason, result.message, result.measured, result.threshold) == (
        Outcome.DOWN,
        Reason.BAD_ANSWER,
        "answered with HTTP status 503, expected 200-299, 301",
        "503",
        "200-299, 301",
    )


async def test_no_proxy_of_the_environment_is_used(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    canned = Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert seen(await looks(shop, canned, times=1)) == [UP]


def status(code: int, body: bytes = b"") -> Canned:
    return Canned(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (code, len(body), body))


COMPLETION = {"check": "Completion", "model": "small"}
QUOTA = b'{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}'
QUOTA_BY_TYPE = b'{"error": {"code": null, "type": "insufficient_quota"}}'
RATE = b'{"error": {"code": "rate_limit_exceeded"}}'
NO_QUOTA = (Outcome.DOWN, Reason.THROTTLED)
QUESTION_REFUSED = (Outcome.INCONCLUSIVE, Reason.BAD_ANSWER)


@pytest.mark.parametrize(
    ("canned", "models", "completion"),
    [
        (status(200, b"{}"), UP, UP),
        (status(201), BAD, BAD),
        (status(302), BAD, BAD),
        (status(400), BAD, QUESTION_REFUSED),
        (status(401), UNAUTHENTICATED, UNAUTHENTICATED),
        (status(402), BAD, NO_QUOTA),
        (status(403), UNAUTHENTICATED, UNAUTHENTICATED),
        (status(404), NOT_FOUND, NOT_FOUND),
        (status(422), BAD, QUESTION_REFUSED),
        (status(429), THROTTLED, THROTTLED),
        (status(429, RATE), THROTTLED, THROTTLED),
        (status(429, QUOTA), THROTTLED, NO_QUOTA),
        (status(429, QUOTA_BY_TYPE), THROTTLED, NO_QUOTA),
        (status(429, b"[]"), THROTTLED, THROTTLED),
        (status(429, b'{"error": "no"}'), THROTTLED, THROTTLED),
        (status(429, b"[" * 50_000), THROTTLED, THROTTLED),
        (status(500), BAD, BAD),
        (status(529), BAD, BAD),
    ],
    ids=lambda value: value.answer[9:12].decode() if isinstance(value, Canned) else None,
)
async def test_openai(canned: Canned, models: Seen, completion: Seen, shop: Workshop) -> None:
    assert seen(await looks(shop, canned, kind="openai", times=1)) == [models]
    results = await looks(shop, canned, COMPLETION, kind="openai", times=1)
    assert seen(results) == [completion]
    assert KEY not in repr(results)
    first, second = (request.decode() for request in canned.requests)
    assert first.startswith("GET /v1/models HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}\r\n" in first
    assert second.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert second.endswith(
        '\r\n\r\n{"model": "small", "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}'
    )


@pytest.mark.parametrize(
    ("code", "anonymous", "expected"),
    [
        (200, True, UP),
        (301, True, NOT_FOUND),
        (307, False, NOT_FOUND),
        (400, False, UNAUTHENTICATED),
        (401, False, UNAUTHENTICATED),
        (403, False, UNAUTHENTICATED),
        (403, True, UNAUTHENTICATED),
        (404, False, NOT_FOUND),
        (429, False, THROTTLED),
        (500, False, BAD),
        (503, False, BAD),
    ],
)
async def test_s3(code: int, anonymous: bool, expected: Seen, shop: Workshop) -> None:
    canned = Canned(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % code)
    keys = {} if anonymous else {"accessKeySecretRef": ref("access"), "secretKeySecretRef": ref("key")}
    shop.secrets.values["access"] = "AKEXAMPLE"
    assert seen(await looks(shop, canned, keys, kind="s3", times=1)) == [expected]
    request = canned.requests[0].decode()
    assert request.startswith("HEAD /documents HTTP/1.1\r\n")
    assert ("Authorization: AWS4-HMAC-SHA256 Credential=AKEXAMPLE/" in request) is not anonymous
    assert KEY not in request


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://db.example.com", Origin("db.example.com", 80, False, "db.example.com", "/")),
        ("https://db.example.com:443/a/b", Origin("db.example.com", 443, True, "db.example.com", "/a/b")),
        (
            "https://DB.example.com:8443?x=1",
            Origin("db.example.com", 8443, True, "db.example.com:8443", "/?x=1"),
        ),
        ("http://[fd00::1]:8080/#top", Origin("fd00::1", 8080, False, "[fd00::1]:8080", "/")),
    ],
)
def test_whom_a_url_asks(url: str, origin: Origin) -> None:
    assert Origin.of(url) == origin
