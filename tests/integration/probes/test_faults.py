"""Every kind against a server that is up, slow, gone, reset, dripping, babbling or silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.demo.servers import Fault, FaultProxy
from degradation_operator.demo.servers.server import Server
from degradation_operator.engine.model import Outcome
from degradation_operator.probes.protocol import Probe
from tests.support.probe_kit import KINDS, Workshop, place, server_fixture, until

TALKING = tuple(kind for kind in KINDS if kind != "tcp")
"""Kinds that ask something; `tcp` is content when it is accepted."""

UP = (Outcome.UP, Reason.ANSWERED)
SLOW = (Outcome.SLOW, Reason.SLOW_ANSWER)
REFUSED = (Outcome.DOWN, Reason.REFUSED)
CLOSED = (Outcome.DOWN, Reason.CLOSED)
TIMEOUT = (Outcome.DOWN, Reason.TIMEOUT)
GARBAGE = (Outcome.DOWN, Reason.BAD_ANSWER)


@dataclass
class Bench:
    """A probe before a proxy before a real server."""

    probe: Probe
    proxy: FaultProxy
    workshop: Workshop

    async def see(self) -> tuple[Outcome, Reason]:
        return await self.workshop.see(self.probe)


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(server_fixture(kind))
    return found


@pytest.fixture
async def bench(kind: str, server: Server) -> AsyncIterator[Bench]:
    async with FaultProxy(server.host, server.port) as proxy, Workshop() as workshop:
        where = place(kind, server, host=proxy.host, port=proxy.port)
        yield Bench(workshop.probe(where, timeout="400ms", slow_after="100ms"), proxy, workshop)


@pytest.mark.parametrize("kind", KINDS)
async def test_up_first_and_again(bench: Bench) -> None:
    assert [await bench.see() for _ in range(3)] == [UP] * 3


@pytest.mark.parametrize("kind", TALKING)
async def test_one_connection_serves_many_looks(bench: Bench) -> None:
    for _ in range(5):
        await bench.see()
    assert bench.proxy.connections == 1


@pytest.mark.parametrize("kind", TALKING)
async def test_slow_where_it_has_to_connect_first_and_then(bench: Bench) -> None:
    """Connecting takes several round trips, of which none counts; the answer takes one."""
    bench.proxy.latency = 0.2
    results = [await bench.workshop.look(bench.probe) for _ in range(3)]
    assert [(result.outcome, result.reason) for result in results] == [SLOW] * 3
    assert all(0.2 <= (result.seconds or 0) < 0.35 for result in results)
    assert results[0].message == "the answer took longer than 100 ms"
    assert results[0].threshold == "100 ms"


@pytest.mark.parametrize("kind", KINDS)
async def test_refused_and_back(bench: Bench) -> None:
    assert await bench.see() == UP
    await bench.proxy.break_(Fault.REFUSE)
    assert [await bench.see() for _ in range(2)] == [REFUSED] * 2
    await bench.proxy.mend()
    assert await bench.see() == UP


@pytest.mark.parametrize("kind", TALKING)
async def test_reset_in_the_middle(bench: Bench) -> None:
    assert await bench.see() == UP
    await bench.proxy.break_(Fault.RESET)
    assert [await bench.see() for _ in range(3)] == [CLOSED] * 3
    await bench.proxy.mend()
    assert await bench.see() == UP


@pytest.mark.parametrize("kind", TALKING)
async def test_a_connection_closed_while_idle_is_made_anew(bench: Bench) -> None:
    """Servers close idle connections, and fail over: the look judges by a new one."""
    assert await bench.see() == UP
    await bench.proxy.break_(Fault.RESET)
    await until(lambda: bench.proxy.connections == 0)
    await bench.proxy.mend()
    assert await bench.see() == UP


@pytest.mark.parametrize("kind", TALKING)
async def test_a_black_hole_ends_by_its_deadline_and_frees_its_connection(bench: Bench) -> None:
    await bench.proxy.break_(Fault.BLACK_HOLE)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await bench.see() == TIMEOUT
    assert 0.4 <= loop.time() - started < 0.8
    await until(lambda: bench.proxy.connections == 0)


@pytest.mark.parametrize("kind", TALKING)
async def test_a_warm_connection_that_falls_silent_is_down_at_once(bench: Bench) -> None:
    assert await bench.see() == UP
    await bench.proxy.break_(Fault.BLACK_HOLE)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await bench.see() == TIMEOUT
    assert 0.4 <= loop.time() - started < 0.8
    await until(lambda: bench.proxy.connections == 0)
    await bench.proxy.mend()
    assert await bench.see() == UP


@pytest.mark.parametrize("kind", TALKING)
async def test_an_answer_that_drips(bench: Bench) -> None:
    assert await bench.see() == UP
    bench.proxy.drip = 10
    assert await bench.see() == TIMEOUT


@pytest.mark.parametrize("kind", TALKING)
async def test_garbage(bench: Bench) -> None:
    """Of random bytes some protocols make the length of a long message, and wait for it."""
    await bench.proxy.break_(Fault.GARBAGE)
    seen = {await bench.see() for _ in range(5)}
    assert seen <= {GARBAGE, TIMEOUT, CLOSED}
    assert seen & {GARBAGE, TIMEOUT}


@pytest.mark.parametrize("kind", ["tcp"])
async def test_a_port_that_accepts_is_up_for_tcp_whatever_comes_then(bench: Bench) -> None:
    await bench.proxy.break_(Fault.BLACK_HOLE)
    assert await bench.see() == UP
