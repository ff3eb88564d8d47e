"""Telling the application what changed."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from degradation.view import Change

__all__ = ["Listener", "Listeners"]

Listener = Callable[[Change], Any]
"""A plain or a coroutine function."""

logger = logging.getLogger("degradation")


class Listeners:
    """Calls whoever wants to hear of changes, in the order in which they asked.

    A plain function is called on the spot. A coroutine function runs as a task; what happens while it is
    still busy reaches it as one change afterwards, so that nothing piles up behind a slow one. What a
    listener raises is logged and harms nobody.
    """

    def __init__(self) -> None:
        self._entries: Final[list[_Entry]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, listener: Listener) -> None:
        """Tell this one too."""
        self._entries.append(_Entry(listener))

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Coroutines run in this loop from now on."""
        self._loop = loop

    def tell(self, change: Change) -> None:
        """Tell everybody.

        Called within a loop, coroutines run in it; elsewhere in the loop that was opened, or, where there is
        none, to their end before this returns.
        """
        for entry in tuple(self._entries):
            self._tell(entry, change)

    def close(self) -> set[asyncio.Task[None]]:
        """Cancel what still runs, and return it; to be called in the loop that was opened."""
        self._loop = None
        return {task for entry in self._entries if (task := entry.cancel()) is not None}

    def forget(self) -> None:
        """In the child of a fork: what ran belongs to the parent, whose loop must not be touched."""
        self._loop = None
        for entry in self._entries:
            entry.task = entry.missed = None

    def _tell(self, entry: _Entry, change: Change) -> None:
        if entry.busy:
            entry.missed = change if entry.missed is None else entry.missed.then(change)
            return
        result = entry.call(change)
        if not inspect.isawaitable(result):
            return
        work = entry.follow(result)
        try:
            entry.task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:  # no loop in this thread
            if self._loop is not None:
                entry.task = asyncio.run_coroutine_threadsafe(work, self._loop)
            else:
                asyncio.run(work)


class _Entry:
    def __init__(self, listener: Listener) -> None:
        self.missed: Change | None = None
        self.task: Any = None  # an asyncio task, or the future of one in another thread
        self._listener = listener

    @property
    def busy(self) -> bool:
        return self.task is not None and not self.task.done()

    def call(self, change: Change) -> Any:
        try:
            return self._listener(change)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is the application's, and harms nobody
            self._complain(error)
            return None

    async def follow(self, awaitable: Awaitable[Any]) -> None:
        """Run a coroutine to its end, then tell what it missed."""
        while True:
            try:
                await awaitable
            except Exception as error:  # noqa: BLE001 - it is the application's, and harms nobody
                self._complain(error)
            change, self.missed = self.missed, None
            if change is None:
                return
            result = self.call(change)
            if not inspect.isawaitable(result):
                return
            awaitable = result

    def cancel(self) -> asyncio.Task[None] | None:
        task, self.task, self.missed = self.task, None, None
        if task is None or task.done():
            return None
        task.cancel()
        return task if isinstance(task, asyncio.Task) else None

    def _complain(self, error: BaseException) -> None:
        logger.error("%r failed on a change of the degradation level", self._listener, exc_info=error)
