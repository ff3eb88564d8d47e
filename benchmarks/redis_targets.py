"""CPU of probing many Redis targets, against a plain client that sends the same PINGs and renews as often.

`python benchmarks/redis_targets.py [--full]`: 1,000 targets (4,000 with --full), each asked every 5 s, with
connections renewed every 30 s at moments spread evenly. Both sides run in this process, in turns, each on its
own connections to one real Redis server; what counts is this process's CPU time. Both are started by the same
ticker; the plain side is `redis.asyncio.Redis` with its defaults, one client per target.

Prints one JSON line. Exit code 1 where the ratio is over the limit of 2.5.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import redis
import redis.asyncio

from degradation_operator.api.dependency import Dependency
from degradation_operator.demo.servers import RedisServer
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.ports import SecretKey
from degradation_operator.probes.attempt import start_attempt
from degradation_operator.probes.factory import ProbeFactory
from degradation_operator.probes.guard import AddressGuard
from degradation_operator.probes.warm import RENEW_AFTER, WarmProbe
from degradation_operator.scheduler.lateness import LoopLateness

INTERVAL = 5.0  # seconds
LIMIT = 2.5
PASSWORD = "made-up-for-the-benchmark"  # noqa: S105 - of a server that lives as long as this


class Side(Protocol):
    """One of the two that are compared."""

    done: int
    failed: int

    def ask(self, number: int) -> None:
        """Start to ask a target once."""

    def spread(self, number: int, seconds: float) -> None:
        """Renew a target's connection in so many seconds."""

    async def close(self) -> None:
        """Close all connections."""


class Probes:
    """What the operator does, from the scheduler's call on."""

    def __init__(self, server: RedisServer, targets: int) -> None:
        self.done = self.failed = 0
        self.reasons: Counter[str] = Counter()
        self._lateness = LoopLateness(asyncio.get_running_loop())
        factory = ProbeFactory(
            secrets=self, guard=AddressGuard(allow_loopback=True), on_renewal_failure=self._renewal_failed
        )
        dependency = Dependency.model_validate(
            {
                "name": "redis",
                "probe": {
                    "interval": "5s",
                    "timeout": "1s",
                    "redis": {
                        "host": server.host,
                        "port": server.port,
                        "passwordSecretRef": {"name": "redis", "key": "password"},
                    },
                },
            }
        )
        self._under_way: set[int] = set()
        self._probes = [factory.build(dependency, namespace="benchmark") for _ in range(targets)]

    async def read(self, _ref: SecretKey, *, host: str) -> bytes:  # noqa: ARG002
        return PASSWORD.encode()

    def ask(self, number: int) -> None:
        if number in self._under_way:
            return  # As the scheduler does: one attempt at a time.
        self._under_way.add(number)
        start_attempt(
            self._probes[number],
            on_result=lambda result: self._finished(number, result),
            lateness=self._lateness.since,
        )

    def spread(self, number: int, seconds: float) -> None:
        probe = self._probes[number]
        assert isinstance(probe, WarmProbe)
        probe._renew_at = time.monotonic() + seconds  # noqa: SLF001

    async def close(self) -> None:
        self._lateness.stop()
        for probe in self._probes:
            await probe.aclose()

    def _finished(self, number: int, result: ProbeResult) -> None:
        self._under_way.discard(number)
        self.done += 1
        if result.outcome is not Outcome.UP:
            self.failed += 1
            self.reasons[f"{result.outcome}: {result.reason}"] += 1

    def _renewal_failed(self, _kind: str) -> None:
        self.failed += 1


class Client:
    """The plain client."""

    def __init__(self, server: RedisServer, targets: int) -> None:
        self.done = self.failed = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = [
            redis.asyncio.Redis(host=server.host, port=server.port, password=PASSWORD) for _ in range(targets)
        ]
        self._renew_at = [time.monotonic() + RENEW_AFTER] * targets

    def ask(self, number: int) -> None:
        self._keep(self._ping(number))

    def spread(self, number: int, seconds: float) -> None:
        self._renew_at[number] = time.monotonic() + seconds

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def _ping(self, number: int) -> None:
        client = self._clients[number]
        if not await client.ping():
            self.failed += 1
        self.done += 1
        now = time.monotonic()
        if now >= self._renew_at[number]:
            self._renew_at[number] = now + RENEW_AFTER
            await client.connection_pool.disconnect()
            await client.ping()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run(side: Side, targets: int, seconds: float) -> float:
    """Ask every target each `INTERVAL`, evenly spread, for so long; CPU seconds."""
    loop = asyncio.get_running_loop()
    step = INTERVAL / targets
    started, cpu = loop.time(), time.process_time()
    for turn in range(round(seconds / INTERVAL) * targets):
        side.ask(turn % targets)
        delay = started + (turn + 1) * step - loop.time()
        if delay > 0.002:  # Several targets for each waking, as with a timer of the loop.
            await asyncio.sleep(delay)
    return time.process_time() - cpu


async def measure(targets: int, seconds: float, rounds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory), password=PASSWORD, max_clients=4 * targets + 100)
        async with server:
            probes = Probes(server, targets)
            sides: dict[str, Side] = {"probes": probes, "client": Client(server, targets)}
            for side in sides.values():
                await run(side, targets, INTERVAL)  # connects
                for number in range(targets):
                    side.spread(number, RENEW_AFTER * number / targets)
            cpu = dict.fromkeys(sides, 0.0)
            asked = {name: side.done for name, side in sides.items()}
            for _ in range(rounds):
                for name, side in sides.items():
                    cpu[name] += await run(side, targets, seconds)
            await asyncio.sleep(0.5)
            for name, side in sides.items():
                asked[name] = side.done - asked[name]
                await side.close()
    per_ask: Callable[[str], float] = lambda name: cpu[name] / asked[name] * 1e6  # noqa: E731
    return {
        "benchmark": "redis_targets",
        "targets": targets,
        "seconds": seconds * rounds,
        "probes_cpu_seconds": round(cpu["probes"], 3),
        "client_cpu_seconds": round(cpu["client"], 3),
        "probes_microseconds_each": round(per_ask("probes"), 1),
        "client_microseconds_each": round(per_ask("client"), 1),
        "failed": {name: side.failed for name, side in sides.items()},
        "reasons": dict(probes.reasons),
        "ratio": round(cpu["probes"] / cpu["client"], 2),
        "limit": LIMIT,
        "python": platform.python_version(),
        "redis": redis.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="4,000 targets, a minute of each side")
    parser.add_argument("--targets", type=int)
    options = parser.parse_args()
    targets = options.targets or (4_000 if options.full else 1_000)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 5 * targets + 500), hard))
    figures = asyncio.run(measure(targets, seconds=15.0, rounds=4 if options.full else 1))
    print(json.dumps(figures))
    ratio = figures["ratio"]
    assert isinstance(ratio, float)
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
