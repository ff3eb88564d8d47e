"""A server as a child process: what all of them have in common."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from degradation_operator.demo.servers.errors import ServerError
from degradation_operator.demo.servers.ports import HOST, free_port

_TETHER: Final = Path(__file__).with_name("_tether.py")
_POLL: Final = 0.02  # seconds between two looks at a process or a port
_LOG_TAIL: Final = 1_500  # characters of a server's own words in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How to run a server.

    Attributes:
        arguments: The program's full path and its arguments. No secrets: everybody on the machine reads them.
        environment: Added to this process's own; the place for secrets.
        user: To run as; None for the present one.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None


class Server(ABC):
    """One child process on a port of its own, which can be stopped and started again on the same data.

    Not bound to an event loop: it may be started in one and stopped in another.
    """

    name: ClassVar[str]
    start_within: ClassVar[float] = 30.0  # seconds
    stop_within: ClassVar[float] = 10.0  # seconds
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    kill_signal: ClassVar[signal.Signals] = signal.SIGKILL
    """Ends it without a farewell; also what the death of this process sends it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host: Final = HOST
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}:{self.port} {'running' if self.running else 'stopped'}>"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the process, None while there is none."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def log(self) -> Path:
        """What the server itself has to say."""
        return self.directory / f"{self.name}.log"

    async def start(self) -> None:
        """Start it, and wait until it answers. Does nothing where it runs already.

        Raises:
            ServerError: It is not installed, ended at once, or did not answer in time; with its last words.
        """
        if self.running:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        command = await self._prepare()
        self._process = self._spawn(command)
        try:
            await self._await_answer(self._process)
            await self._started()
        except BaseException:
            await self.stop(kill=True)
            raise

    async def stop(self, *, kill: bool = False) -> None:
        """End it and wait for its end; its data stays. Does nothing where it does not run.

        Args:
            kill: Without a farewell, as a crash would.
        """
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.send_signal(self.kill_signal if kill else self.stop_signal)
            await self._await_end(process)
        finally:  # Also where this coroutine is cancelled while it waits.
            if process.poll() is None:
                process.kill()
            process.wait()

    async def close(self) -> None:
        """End it for good."""
        await self.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @abstractmethod
    async def _prepare(self) -> Command:
        """Find the program, write what it needs."""

    @abstractmethod
    async def _answers(self) -> bool:
        """Whether a client gets what it came for; an exception says no."""

    async def _started(self) -> None:  # noqa: B027 - most servers have nothing to add
        """What is to be done once it answers."""

    def _spawn(self, command: Command) -> subprocess.Popen[bytes]:
        tether = [sys.executable, "-I", "-S", str(_TETHER)]
        life = [str(os.getpid()), str(int(self.kill_signal)), command.user or "-"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*tether, *life, *command.arguments],
                env=os.environ | command.environment,
                cwd="/",  # One that every user may enter.
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # A Ctrl-C is for us: we end it in order.
            )

    async def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.start_within
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerError(f"{self.name} ended at once (code {process.returncode}):\n{self._tail()}")
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    if await self._answers():
                        return
            await asyncio.sleep(_POLL)
        raise ServerError(
            f"{self.name} did not answer on port {self.port} in {self.start_within:.0f} s:\n{self._tail()}"
        )

    async def _await_end(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.stop_within
        while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - no event says it in every loop
            await asyncio.sleep(_POLL)

    def _tail(self) -> str:
        try:
            return self.log.read_text(errors="replace")[-_LOG_TAIL:].strip()
        except OSError:
            return "(it left no words)"


def find_program(name: str, *elsewhere: Path) -> Path | None:
    """A program from PATH, else the first of `elsewhere` that is one."""
    if found := shutil.which(name):
        return Path(found)
    return next((path for path in elsewhere if os.access(path, os.X_OK)), None)
