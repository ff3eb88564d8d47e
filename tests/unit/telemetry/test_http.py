"""Metrics and health over HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client import CollectorRegistry, Gauge

from degradation_operator.telemetry.health import Health
from degradation_operator.telemetry.http import WORKERS, TelemetryServer


class Checks:
    """What the checks say."""

    healthy: str | None = None
    ready: str | None = None


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def server(checks: Checks) -> Iterator[TelemetryServer]:
    registry = CollectorRegistry()
    Gauge("up", "Whether.", registry=registry).set(1)
    server = TelemetryServer(
        "127.0.0.1", 0, registry=registry, healthy=lambda: checks.healthy, ready=lambda: checks.ready
    )
    yield server
    server.close()


def get(server: TelemetryServer, path: str, method: str = "GET") -> tuple[int, str]:
    request = Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_paths(server: TelemetryServer, checks: Checks) -> None:
    assert get(server, "/metrics") == (200, "# HELP up Whether.\n# TYPE up gauge\nup 1.0\n")
    assert get(server, "/metrics?name=x")[0] == 200
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/healthz", "HEAD") == (200, "")
    assert get(server, "/") == (404, "try /metrics, /healthz or /readyz\n")
    assert get(server, "/healthz", "POST")[0] == 501
    checks.healthy, checks.ready = "stalled", "not yet"
    assert get(server, "/healthz") == (503, "stalled\n")
    assert get(server, "/readyz") == (503, "not yet\n")


def test_clients_that_say_nothing_are_dropped_and_others_are_served(
    server: TelemetryServer,
) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(WORKERS - 1)]
    assert get(server, "/healthz") == (200, "ok\n")
    for connection in silent:
        connection.close()


def test_health_needs_signs_of_life_and_punctual_probes() -> None:
    now = [1000.0]
    health = Health(clock=lambda: now[0])
    assert health.problem() is None
    now[0] += 10.1
    assert health.problem() == "the event loop has stood still for 10 s"

    async def one_sign(overdue: float) -> None:
        task = asyncio.ensure_future(health.run(lambda: overdue))
        await asyncio.sleep(0)
        task.cancel()

    with asyncio.Runner() as runner:
        runner.run(one_sign(0.0))
        assert health.problem() is None
        runner.run(one_sign(11.0))
    assert health.problem() == "the scheduler is stalled: a probe has been due for 11 s"


def test_liveness_answers_while_the_loop_stands_still() -> None:
    health = Health(stalled_after=0.3)
    seen: list[tuple[int, str]] = []

    async def live() -> None:
        task = asyncio.ensure_future(health.run(lambda: 0.0))
        await asyncio.sleep(0)
        server = TelemetryServer(
            "127.0.0.1", 0, registry=CollectorRegistry(), healthy=health.problem, ready=lambda: None
        )
        seen.append(get(server, "/healthz"))
        asker = threading.Timer(0.6, lambda: seen.append(get(server, "/healthz")))
        asker.start()
        time.sleep(1.0)  # noqa: ASYNC251 - the loop stands still
        asker.join()
        server.close()
        task.cancel()

    asyncio.run(live())
    assert seen == [(200, "ok\n"), (503, "the event loop has stood still for 1 s\n")]
