"""What `agent.feature()` costs while the feature is on: `python benchmarks/sdk_gate.py`.

A gated call and a bare await of the same function, measured by turns in short rounds so that a busy machine
slows both alike; the ratio of each pair of rounds, then their median. The bound is 3.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import time
from collections.abc import Awaitable, Callable

from degradation import Agent
from degradation.view import View

ROUNDS = 200
CALLS = 5_000


async def work(number: int) -> int:
    return number


async def round_of(function: Callable[[int], Awaitable[int]]) -> float:
    began = time.perf_counter()
    for number in range(CALLS):
        await function(number)
    return (time.perf_counter() - began) / CALLS * 1e9


async def main() -> None:
    agent = Agent.disconnected()
    agent._board.publish(View(level=agent.level, policy="shop/shop", features={"on": True}))  # noqa: SLF001 - as a document would
    gated = agent.feature("on")(work)
    bare_ns, gated_ns = [], []
    for _ in range(ROUNDS):
        bare_ns.append(await round_of(work))
        gated_ns.append(await round_of(gated))
    ratios = [g / b for g, b in zip(gated_ns, bare_ns, strict=True)]
    print(
        json.dumps(
            {
                "benchmark": "sdk_gate",
                "python": platform.python_version(),
                "calls": ROUNDS * CALLS,
                "bare_ns": round(statistics.median(bare_ns), 1),
                "gated_ns": round(statistics.median(gated_ns), 1),
                "ratio": round(statistics.median(ratios), 2),
                "ratio_p90": round(sorted(ratios)[int(0.9 * ROUNDS)], 2),
                "bound": 3,
            }
        )
    )


asyncio.run(main())
