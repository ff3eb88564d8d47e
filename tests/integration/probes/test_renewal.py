"""Connections are renewed in the background: rotated secrets, demoted servers, servers that take no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.demo.servers import FaultProxy, PostgresServer, RedisServer
from degradation_operator.demo.servers.server import Server
from degradation_operator.engine.model import Outcome
from degradation_operator.probes.warm import WarmProbe
from tests.support.probe_kit import Workshop, place, server_fixture, until

UP = (Outcome.UP, Reason.ANSWERED)
READ_ONLY = (Outcome.READ_ONLY, Reason.READ_ONLY)
KEEPING = ("redis", "postgres", "openai", "http")
"""Kinds whose servers keep connections: `tcp` has none to keep, and versitygw closes each after its answer."""


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(server_fixture(kind))
    return found


@pytest.mark.parametrize("kind", KEEPING)
async def test_each_kind_renews_and_keeps_one_connection(kind: str, server: Server) -> None:
    async with FaultProxy(server.host, server.port) as proxy, Workshop(renew_after=0.05) as workshop:
        probe = workshop.probe(place(kind, server, host=proxy.host, port=proxy.port))
        assert isinstance(probe, WarmProbe)
        assert await workshop.see(probe) == UP
        first = probe._session
        await asyncio.sleep(0.06)  # until it is old
        assert await workshop.see(probe) == UP
        await until(lambda: probe._session is not first)
        assert await workshop.see(probe) == UP
        await until(lambda: proxy.connections == 1)
        assert workshop.renewal_failures == []
        await probe.aclose()
        await until(lambda: proxy.connections == 0)


async def test_a_password_that_was_changed_leaves_the_warm_connection(redis_server: RedisServer) -> None:
    """The renewal fails, which is told, and moves nothing; a fresh connection would be refused."""
    async with Workshop(renew_after=0.0) as workshop:
        probe = workshop.probe(place("redis", redis_server))
        assert await workshop.see(probe) == UP
        workshop.secrets.values["password"] = "an-old-one"
        for _ in range(3):
            assert await workshop.see(probe) == UP
        await until(lambda: "redis" in workshop.renewal_failures)
        fresh = workshop.probe(place("redis", redis_server))
        workshop.secrets.values["password"] = "an-old-one"
        assert await workshop.see(fresh) == (Outcome.INCONCLUSIVE, Reason.AUTHENTICATION_FAILED)


async def test_a_renewal_that_finds_the_server_full_moves_nothing(tmp_path: Path) -> None:
    async with RedisServer(tmp_path, max_clients=1) as server, Workshop(renew_after=0.0) as workshop:
        probe = workshop.probe(place("redis", server))
        await workshop.until_seen(probe, UP)
        for _ in range(3):
            assert await workshop.see(probe) == UP
        await until(lambda: "redis" in workshop.renewal_failures)


async def test_read_only_makes_a_new_connection_at_once(postgres_server: PostgresServer) -> None:
    """As after a fail-over: the next look asks whoever holds the name now."""
    async with (
        FaultProxy(postgres_server.host, postgres_server.port) as proxy,
        Workshop() as workshop,
    ):
        probe = workshop.probe(place("postgres", postgres_server, host=proxy.host, port=proxy.port))
        assert await workshop.see(probe) == UP
        await postgres_server.set_read_only(True)
        await workshop.until_seen(probe, READ_ONLY)
        await until(lambda: proxy.connections == 1)
        rows = await postgres_server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'degradation-operator' "
            "AND backend_start > now() - interval '1 second'"
        )
        assert rows[0][0] >= 1
