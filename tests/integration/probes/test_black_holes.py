"""A thousand probes into a black hole leave no task, no socket and no memory behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psutil
import pytest

from degradation_operator.api.names import Reason
from degradation_operator.demo.servers import Fault, FaultProxy, Tls
from degradation_operator.engine.model import Outcome
from tests.support.probe_kit import KINDS, Look, Workshop, bare, settled, until

ENDED = {
    (Outcome.DOWN, Reason.TIMEOUT),
    (Outcome.INCONCLUSIVE, Reason.OVERDUE),  # where a busy machine runs so many at once too late
}
ROUNDS, AT_ONCE = 5, 200


@pytest.fixture
async def hole() -> AsyncIterator[FaultProxy]:
    async with FaultProxy("127.0.0.1", 1) as proxy:
        await proxy.break_(Fault.BLACK_HOLE)
        yield proxy


@dataclass(frozen=True)
class Census:
    """What there is in this process."""

    tasks: int
    sockets: int
    objects: int


def census() -> Census:
    gc.collect()
    return Census(
        tasks=len(asyncio.all_tasks()),
        sockets=len(psutil.Process().net_connections()),
        objects=len(gc.get_objects()),
    )


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tcp"])
async def test_a_thousand_probes_leave_nothing(kind: str, secure: bool, hole: FaultProxy, tls: Tls) -> None:
    await leave_nothing(kind, secure=secure, hole=hole, tls=tls)


async def test_a_thousand_handshakes_of_tcp_leave_nothing(hole: FaultProxy, tls: Tls) -> None:
    await leave_nothing("tcp", secure=True, hole=hole, tls=tls)


async def leave_nothing(kind: str, *, secure: bool, hole: FaultProxy, tls: Tls) -> None:
    async with Workshop() as workshop:
        workshop.secrets.values["authority"] = tls.authority.read_bytes()
        where = bare(kind, hole.port, secure=secure)
        probes = [workshop.probe(where, timeout="200ms") for _ in range(AT_ONCE)]

        async def once() -> None:
            looks = [Look(probe) for probe in probes]
            async with asyncio.timeout(5):
                seen = [await look.result for look in looks]
            assert {(result.outcome, result.reason) for result in seen} <= ENDED
            await until(lambda: hole.connections == 0)
            await settled()

        for _ in range(2):  # what is made once and kept: caches, code
            await once()
        before = census()
        for _ in range(ROUNDS):
            await once()
        after = census()
        assert (after.tasks, after.sockets) == (before.tasks, before.sockets)
        assert after.objects - before.objects < ROUNDS * AT_ONCE / 10
