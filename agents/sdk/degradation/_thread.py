"""One background thread with an event loop of its own, for applications that have none; and forks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Final

__all__ = ["LoopThread"]

STOP_WITHIN: Final = 5.0
"""Seconds that stopping waits for the thread. It is a daemon: it holds up no exit."""

logger = logging.getLogger("degradation")


class LoopThread:
    """Runs one coroutine in a thread of its own, again in each child of a fork.

    Args:
        main: Makes the coroutine; it is cancelled to stop it.
        after_fork: Is called in the child before `main` runs there anew.
    """

    def __init__(
        self, main: Callable[[Callable[[], None]], Coroutine[Any, Any, None]], after_fork: Callable[[], None]
    ) -> None:
        self._main = main
        self._after_fork = after_fork
        self._running: _Run | None = None
        self._left_behind: list[_Run] = []

    def start(self) -> None:
        """Start, and wait until `main` says that it is ready, or has failed.

        Raises:
            Exception: What `main` raised before it was ready.
        """
        self._running = run = _Run(self._main)
        if hasattr(os, "register_at_fork"):
            # There is no taking this back, so it must not keep this object, nor what it runs, alive.
            reference: weakref.ref[LoopThread] = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _restart(reference))
        run.start()

    def stop(self) -> None:
        """Stop, within 5 s."""
        run, self._running = self._running, None
        if run is not None:
            run.stop()

    def restart(self) -> None:
        """In the child of a fork, which has no thread but the one that forked."""
        if self._running is None:
            return
        # The parent's loop shares its epoll instance with this process: closing it here, or letting it be
        # collected, would take the parent's descriptors out of it.
        self._left_behind.append(self._running)
        self._after_fork()
        self._running = run = _Run(self._main)
        run.begin()


def _restart(reference: weakref.ref[LoopThread]) -> None:
    thread = reference()
    if thread is not None:
        thread.restart()


class _Run:
    """One life of the thread."""

    def __init__(self, main: Callable[[Callable[[], None]], Coroutine[Any, Any, None]]) -> None:
        self._main = main
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name="degradation-agent", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def start(self) -> None:
        self.begin()
        self._ready.wait()  # main has a deadline of its own
        if self._failure is not None:
            self._thread.join(STOP_WITHIN)
            raise self._failure

    def stop(self) -> None:
        self._stopping = True
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(STOP_WITHIN)
        if self._thread.is_alive():
            logger.warning(
                "the degradation agent's thread did not stop within %g s: a listener blocks it", STOP_WITHIN
            )

    def _live(self) -> None:
        try:
            asyncio.run(self._run())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            if self._ready.is_set():
                logger.exception("the degradation agent's thread ended")
            self._failure = error
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if not self._stopping:
            await self._main(self._ready.set)
