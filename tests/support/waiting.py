"""Waiting for something to be so, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], T | None], *, within: float = 10.0, every: float = 0.02, what: str = ""
) -> T:
    """The first true value that `look` gives.

    Raises:
        AssertionError: There was none within `within` seconds; the last value is shown.
    """
    deadline = time.monotonic() + within
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'it'} was not so within {within:g} s; last seen: {value!r}")
        await asyncio.sleep(every)
