"""The agent: what an application holds to follow its degradation level."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar, overload

from degradation._board import Board
from degradation._errors import ConfigurationError
from degradation._runner import Runner
from degradation._settings import Settings
from degradation._thread import LoopThread
from degradation.features import OrElse, OrElseAwait, gated
from degradation.following import Following, share_of
from degradation.level import Level
from degradation.sources import Source
from degradation.sources.directory import DirectorySource
from degradation.view import Change, Confirmation, DependencyView, Status, View

if TYPE_CHECKING:
    from fastapi import APIRouter
    from prometheus_client import CollectorRegistry

    from degradation.instrumentation.prometheus import AgentCollector

__all__ = ["Agent"]

FIRST_DOCUMENT_WITHIN: Final = 2.0
"""Seconds that a start waits for a first document before the application goes on without."""

STOP_WITHIN: Final = 2.0
"""Seconds that a stop waits for what it cancelled."""

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
AppT = TypeVar("AppT")
StateT = TypeVar("StateT")


class Agent:
    """Follows the degradation level of one policy.

    Making one does no I/O and starts no thread or task, so it may stand at module level. It follows while it
    is entered: `async with agent` in the running event loop, `with agent` in a background thread. What it
    says may be read from any thread at any time, also before and after: then it is what applied last.

    Args:
        directory: Where the document lies as files; a mounted ConfigMap, or what `degradation run` writes.
        pod: The identity that says when it is this process' turn to improve; None: the host's name.
        initial_level: The level before the first document, 1 to 5.
        stale_after: Seconds without confirmation after which the agent calls itself Stale; None: as the
            document says.
        registry: Where the metrics go; None: prometheus_client's own.
        clock: Monotonic, in seconds.

    Raises:
        ValueError: `initial_level` is none.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        pod: str | None = None,
        initial_level: int = Level.OPTIMAL,
        stale_after: float | None = None,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = Settings(
            directory=None if directory is None else Path(directory).absolute(),
            pod=pod,
            initial_level=Level(initial_level),
            stale_after=stale_after,
        )
        self._set_up(settings, registry, clock)

    @classmethod
    def from_environment(
        cls, *, registry: CollectorRegistry | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """The agent that the variables `DEGRADATION_…` describe.

        Never fails, so that importing an application does not: what is wrong is raised by the start.

        Args:
            registry: Where the metrics go; None: prometheus_client's own.
            environ: The variables; None: the process' own.
        """
        return cls._made(Settings.from_environment(os.environ if environ is None else environ), registry)

    @classmethod
    def disconnected(cls, level: int = Level.OPTIMAL, *, registry: CollectorRegistry | None = None) -> Self:
        """An agent that follows nothing and stays at a level: for development, and for tests.

        Args:
            level: From 1 to 5.
            registry: Where the metrics go; None: prometheus_client's own.

        Raises:
            ValueError: The level does not exist.
        """
        return cls._made(Settings(connected=False, initial_level=Level(level)), registry)

    @classmethod
    def _made(cls, settings: Settings, registry: CollectorRegistry | None) -> Self:
        agent = cls.__new__(cls)
        agent._set_up(settings, registry, time.monotonic)  # noqa: SLF001 - a second constructor
        return agent

    def _set_up(
        self, settings: Settings, registry: CollectorRegistry | None, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._clock = clock
        self._board = Board(View(level=settings.initial_level))
        self._runner = self._new_runner()
        self._collector: AgentCollector | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: LoopThread | None = None

    def __repr__(self) -> str:
        return f"<Agent level={int(self.level)} status={self.status} revision={self.revision}>"

    # -- what applies

    @property
    def view(self) -> View:
        """Everything that applies at this moment, as one immutable object."""
        return self._board.view

    @property
    def level(self) -> Level:
        """The level this process runs at."""
        return self._board.view.level

    @property
    def revision(self) -> int | None:
        """Of the last document that applied whole; None before the first one."""
        return self._board.view.revision

    @property
    def pending_revision(self) -> int | None:
        """Of the newest document, while some of its better parts wait their turn; else None."""
        return self._board.view.pending_revision

    @property
    def retry_after(self) -> float:
        """Seconds that a client who is refused should wait."""
        return self._board.view.retry_after

    @property
    def status(self) -> Status:
        """How this agent stands with its document; it changes neither the level nor a feature."""
        if self._board.simulations:
            return "Stale" if any(s.stale for s in self._board.simulations) else "Ready"
        return self._runner.status

    @property
    def confirmation(self) -> Confirmation:
        """What tells this agent, between changes, that its document is still the newest one."""
        return self._runner.following.confirmation

    def enabled(self, feature: str) -> bool:
        """Whether a feature is on. One that the document does not name is on below level 5, and is counted."""
        return self._board.enabled(feature)

    def dependency(self, name: str) -> DependencyView:
        """How a dependency is: `.state`, and whether the document names it: `.known`."""
        return self._board.view.dependency(name)

    def on_change(self, listener: Callable[[Change], T]) -> Callable[[Change], T]:
        """Call this with each change, until the process ends.

        A plain function is called in the agent's loop (with `with agent`, in its thread): it should be
        short. A coroutine function runs as a task, and what changes while it runs reaches it as one change
        afterwards. What it raises is logged. May be used as a decorator.
        """
        self._board.listeners.add(listener)
        return listener

    # -- features

    @overload
    def feature(self, name: str) -> Callable[[F], F]: ...
    @overload
    def feature(self, name: str, *, fallback: None) -> Callable[[F], F]: ...
    @overload
    def feature(  # type: ignore[overload-overlap]  # a coroutine function is a Callable[P, T] too: the first that fits is meant
        self, name: str, *, fallback: Callable[P, Coroutine[Any, Any, T]]
    ) -> OrElseAwait[P, T]: ...
    @overload
    def feature(self, name: str, *, fallback: Callable[P, T]) -> OrElse[P, T]: ...
    def feature(self, name: str, *, fallback: Callable[..., Any] | None = None) -> Any:
        """Decorate a function that is called only while a feature is on.

        Signature and types stay. While it is off the fallback answers (`current_rejection()` tells it why),
        or, without one, the call raises FeatureDisabled.

        Args:
            name: The feature's, as in the policy.
            fallback: Takes the same parameters; a coroutine function only for a coroutine function.

        Raises:
            TypeError: At decoration: a generator function, or a fallback that does not fit.
        """
        gate = self._board.gate(name)
        return lambda function: gated(function, gate, self._board.admit, fallback)

    # -- life

    async def __aenter__(self) -> Self:
        """Start in the running event loop, and wait at most 2 s for a first document.

        Raises:
            ConfigurationError: It cannot start as it is configured.
        """
        self._begin()
        ready = asyncio.get_running_loop().create_future()

        def set_ready() -> None:
            if not ready.done():
                ready.set_result(None)

        self._task = asyncio.create_task(self._follow(set_ready), name="degradation-agent")
        try:
            # The deadline is the runner's; one that fails ends the wait too, and says why.
            await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                self._task.result()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        try:
            if task is not None:
                task.cancel()
                await asyncio.wait({task}, timeout=STOP_WITHIN)
        finally:
            self._end()

    def __enter__(self) -> Self:
        """Start in a background thread, and wait at most 2 s for a first document.

        After a fork the child starts a thread of its own and goes on from what applied.

        Raises:
            ConfigurationError: It cannot start as it is configured.
        """
        self._begin()
        self._thread = LoopThread(self._follow, self._after_fork)
        try:
            self._thread.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        thread, self._thread = self._thread, None
        try:
            if thread is not None:
                thread.stop()
        finally:
            self._end()

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """The lifespan of an application that needs no other: `FastAPI(lifespan=agent.lifespan)`."""
        async with self:
            yield

    def lifespan_with(
        self, lifespan: Callable[[AppT], AbstractAsyncContextManager[StateT]]
    ) -> Callable[[AppT], AbstractAsyncContextManager[StateT]]:
        """The application's own lifespan, within the agent's: the agent starts first and stops last."""

        @asynccontextmanager
        async def both(app: AppT) -> AsyncIterator[StateT]:
            async with self, lifespan(app) as state:
                yield state

        return both

    # -- FastAPI

    def router(self) -> APIRouter:
        """The route `GET /degradation`: what applies, and why.

        Raises:
            ConfigurationError: FastAPI is not installed.
        """
        try:
            from degradation import fastapi  # noqa: PLC0415 - an extra, and slow to import
        except ImportError as error:
            raise ConfigurationError("FastAPI is not installed: install degradation[fastapi]") from error
        return fastapi.router(self)

    def require_feature(self, name: str) -> Callable[[], Awaitable[None]]:
        """A FastAPI dependency that refuses while a feature is off: `Depends(agent.require_feature("x"))`.

        It raises FeatureDisabled, which DegradationMiddleware answers with a 503 problem.
        """
        check = gated(_nothing, self._board.gate(name), self._board.admit, None)

        async def required() -> None:  # a coroutine function: FastAPI runs plain ones in a thread
            check()

        return required

    # -- inside

    def _begin(self) -> None:
        if self._collector is not None:
            raise ConfigurationError("the agent runs already: enter it once")
        self._settings.check()
        from degradation.instrumentation.prometheus import AgentCollector  # noqa: PLC0415 - not before the start

        self._runner = self._new_runner()
        self._board.publish(self._runner.following.view)
        self._collector = AgentCollector(self, self._board, self._runner)
        try:
            self._collector.register(self._registry)
        except BaseException:
            self._collector = None
            raise

    def _end(self) -> None:
        collector, self._collector = self._collector, None
        if collector is not None:
            collector.unregister()

    def _new_runner(self) -> Runner:
        settings = self._settings
        following = Following(
            view=View(level=settings.initial_level),
            share=share_of(settings.pod or socket.gethostname()),
            stale_after=settings.stale_after,
        )
        return Runner(following, self._board.publish, self._clock)

    async def _follow(self, ready: Callable[[], None]) -> None:
        self._board.listeners.open(asyncio.get_running_loop())
        try:
            await self._runner.run(self._source(), ready, FIRST_DOCUMENT_WITHIN)
        finally:
            if ending := self._board.listeners.close():
                await asyncio.wait(ending, timeout=STOP_WITHIN / 2)

    def _source(self) -> Source | None:
        directory = self._settings.directory
        return None if directory is None else DirectorySource(directory)

    def _after_fork(self) -> None:
        self._board.after_fork()
        self._runner.stop()


def _nothing() -> None:
    """What a required feature guards: the route behind it."""
