"""From the swap of a directory to `on_change`: `python benchmarks/directory_follow.py`.

The moment before the rename that publishes a document, to the moment in which the application hears of it, in
one process with one event loop. The bound is 5 ms at the 99th percentile, on an idle machine.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import statistics
import tempfile
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from degradation import Agent, Change
from degradation.document import Document, data
from degradation.level import Level

SWAPS = 1_000


def prepare(directory: Path, revision: int) -> Path:
    """Write everything but the link, whose renaming is the swap."""
    level = Level(1 + revision % 5)
    document = Document(policy="a/b", uid="u", revision=revision, level=level, since="", ramp_over=0.0)
    files = directory / f"..{revision}"
    files.mkdir()
    for name, text in data(document).items():
        (files / name).write_text(text)
    link = directory / "..data_tmp"
    link.symlink_to(files.name)
    return link


async def main() -> None:
    heard = asyncio.Event()
    moment = 0.0
    delays = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        agent = Agent(directory, registry=CollectorRegistry())

        @agent.on_change
        def changed(_change: Change) -> None:
            nonlocal moment
            moment = time.perf_counter()
            heard.set()

        prepare(directory, 1).rename(directory / "..data")
        async with agent:
            for revision in range(2, SWAPS + 2):
                link = prepare(directory, revision)
                heard.clear()
                await asyncio.sleep(0.005)  # a loop at rest, as it is when a document comes
                began = time.perf_counter()
                link.rename(directory / "..data")
                async with asyncio.timeout(5):
                    while agent.revision != revision:
                        await heard.wait()
                        heard.clear()
                delays.append((moment - began) * 1000)
    delays.sort()
    print(
        json.dumps(
            {
                "benchmark": "directory_follow",
                "python": platform.python_version(),
                "swaps": SWAPS,
                "p50_ms": round(statistics.median(delays), 3),
                "p99_ms": round(delays[int(0.99 * SWAPS)], 3),
                "max_ms": round(delays[-1], 3),
                "bound_p99_ms": 5,
            }
        )
    )


logging.disable()  # a line for each change would be measured too
asyncio.run(main())
