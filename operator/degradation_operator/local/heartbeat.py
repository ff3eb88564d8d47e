"""`DIR/heartbeat`: its time of change tells agents that somebody still stands behind the document."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

NAME: Final = "heartbeat"
EVERY: Final = 5.0  # seconds
DEADLINE: Final = 10.0  # seconds

log = logging.getLogger(__name__)


async def beat(directory: Path, disk: ThreadPoolExecutor, *, alive: Callable[[], bool]) -> None:
    """Touch the file every 5 s while `alive` says so, until cancelled."""
    loop = asyncio.get_running_loop()
    failed = False
    while True:
        if alive():
            try:
                async with asyncio.timeout(DEADLINE):
                    await loop.run_in_executor(disk, (directory / NAME).touch)
                failed = False
            except (OSError, TimeoutError) as error:
                if not failed:
                    log.warning("cannot touch %s: %s; agents will call themselves Stale", NAME, error)
                failed = True
        await asyncio.sleep(EVERY)
