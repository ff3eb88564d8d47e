"""Five seconds of latency are Slow, not Down, also where a connection has to be made first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from degradation.document import State
from degradation_operator.demo.servers import FaultProxy
from tests.support.local_run import LocalRun, policy
from tests.support.waiting import eventually

from .conftest import Shop


def retail(shop: Shop, proxy: FaultProxy) -> dict[str, Any]:
    """PostgreSQL as in `examples/retail.yaml`."""
    postgres = shop.dependency(
        "postgres", {"slow": 4, "readOnly": 4, "down": 5}, changes={"port": proxy.port}
    )
    postgres["probe"] |= {"interval": "10s", "timeout": "8s", "slowAfter": "500ms"}
    return policy([postgres], hold_for="30s")


async def test_postgres_5_s_late_is_slow(tmp_path: Path, shop: Shop) -> None:
    postgres = shop.servers["postgres"]
    (tmp_path / "warm").mkdir()
    (tmp_path / "cold").mkdir()

    async def while_connected() -> State:
        async with FaultProxy(postgres.host, postgres.port) as proxy:
            run = LocalRun(tmp_path / "warm", retail(shop, proxy), secrets=shop.secrets)
            async with run:
                await run.level(1)
                proxy.latency = 5.0
                document = await run.level(4, within=30)
                return document.dependencies["postgres"].state

    async def while_connecting() -> State:
        async with FaultProxy(postgres.host, postgres.port) as proxy:
            proxy.latency = 5.0
            run = LocalRun(tmp_path / "cold", retail(shop, proxy), secrets=shop.secrets)
            async with run:
                # The first decision does not wait for it; the first state comes when the connection is there.
                document = await run.level(4, within=90)
                cause = await eventually(lambda: run.status().get("cause"))
                assert 5 <= float(cause["measured"].removesuffix(" s")) < 6
                assert cause["threshold"] == "500 ms"
                return document.dependencies["postgres"].state

    seen = await asyncio.gather(while_connected(), while_connecting())
    assert list(seen) == [State.SLOW, State.SLOW]
