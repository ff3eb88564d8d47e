"""A TCP proxy that stands between a client and a server and spoils what passes."""

import asyncio
import contextlib
import secrets
import socket
import struct
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from degradation_operator.demo.servers.ports import HOST, free_port

_CHUNK: Final = 64 * 1024
_QUEUED: Final = 256
"""Chunks on their way at most; a writer that is faster waits, as on a network."""


class Fault(StrEnum):
    """What is wrong with everything that passes."""

    BLACK_HOLE = "black hole"  # connections are accepted and what comes is swallowed
    REFUSE = "refuse"  # nothing listens
    RESET = "reset"  # connections are reset once the client has said something
    GARBAGE = "garbage"  # random bytes instead of answers


class FaultProxy:
    """Forwards 127.0.0.1:`port` to a server, and can spoil it at any moment, for existing connections too.

    Lives in the event loop that started it.

    Attributes:
        latency: Seconds by which each answer is late, as on a long line: what follows is not held up further.
        drip: Bytes a second that pass towards the client; None for no limit.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host: Final = HOST
        self.port: Final = free_port()
        self.latency = 0.0
        self.drip: float | None = None
        self._target = (host, port)
        self._fault: Fault | None = None
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}

    def __repr__(self) -> str:
        return (
            f"<FaultProxy {self.host}:{self.port} → {self._target[0]}:{self._target[1]} {self._fault or ''}>"
        )

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    @property
    def fault(self) -> Fault | None:
        """The present one."""
        return self._fault

    async def start(self) -> None:
        """Listen."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, self.host, self.port, backlog=1024)

    async def stop(self) -> None:
        """Listen no more and reset every connection."""
        await self._close_listener()
        self._reset_all()
        if self._connections:
            await asyncio.wait(self._connections, timeout=5)

    async def break_(self, fault: Fault) -> None:
        """Spoil everything in this way. `RESET` and `REFUSE` end the connections that exist."""
        self._fault = fault
        if fault is Fault.REFUSE:
            await self._close_listener()
        else:
            await self.start()
        if fault in {Fault.REFUSE, Fault.RESET}:
            self._reset_all()

    async def mend(self) -> None:
        """Pass everything on again, without delay. Connections that lost something are reset."""
        self._fault, self.latency, self.drip = None, 0.0, None
        for connection in self._connections.values():
            if connection.spoilt:
                connection.reset()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            await asyncio.sleep(0)  # Not wait_closed(): from Python 3.12 on it waits for every connection.

    def _reset_all(self) -> None:
        for connection in self._connections.values():
            connection.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a stream's callback runs in a task
        connection = _Connection(self, reader, writer)
        self._connections[task] = connection
        try:
            with contextlib.suppress(OSError):
                await connection.run(self._target)
        finally:
            connection.reset()
            del self._connections[task]


class _Connection:
    """One client, and its connection to the server once there is one."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._server: asyncio.StreamWriter | None = None
        self._ended = asyncio.Event()
        self.spoilt = False  # Bytes were lost or made up: nobody can go on from here.

    def reset(self) -> None:
        """End both sides at once, the client's with a reset."""
        self._ended.set()
        for writer in (self._writer, self._server):
            if writer is not None and not writer.transport.is_closing():
                _reset(writer)

    async def run(self, target: tuple[str, int]) -> None:
        """Pass bytes on until one side ends."""
        if self._proxy.fault in {Fault.BLACK_HOLE, Fault.GARBAGE, Fault.RESET}:
            self.spoilt = True  # Such a client never reaches the server.
            await self._spoil()
            return
        async with asyncio.timeout(5):
            reader, self._server = await asyncio.open_connection(*target)
        if self._ended.is_set():
            return
        async with asyncio.TaskGroup() as group:
            passing = [
                group.create_task(self._pass_questions(self._server)),
                group.create_task(self._pass_answers(reader)),
            ]
            await self._ended.wait()
            for task in passing:
                task.cancel()

    async def _spoil(self) -> None:
        while await self._reader.read(_CHUNK):
            if await self._swallowed(self._writer):
                continue
            break

    async def _swallowed(self, client: asyncio.StreamWriter) -> bool:
        """Do with a client's bytes what the fault says; whether they are gone."""
        match self._proxy.fault:
            case Fault.BLACK_HOLE:
                self.spoilt = True
                return True
            case Fault.GARBAGE:
                self.spoilt = True
                client.write(secrets.token_bytes(64))
                await client.drain()
                return True
            case Fault.RESET | Fault.REFUSE:
                self.reset()
                return True
            case None:
                return False

    async def _pass_questions(self, server: asyncio.StreamWriter) -> None:
        try:
            while chunk := await self._reader.read(_CHUNK):
                if not await self._swallowed(self._writer):
                    server.write(chunk)
                    await server.drain()
        except OSError:
            pass
        self._ended.set()

    async def _pass_answers(self, server: asyncio.StreamReader) -> None:
        """Read answers as they come, hand them on when they are due."""
        loop = asyncio.get_running_loop()
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)

        async def read() -> None:
            chunk = b"-"
            while chunk:
                try:
                    chunk = await server.read(_CHUNK)
                except OSError:
                    chunk = b""
                await on_the_way.put((loop.time() + self._proxy.latency, chunk))

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            while True:
                due, chunk = await on_the_way.get()
                await asyncio.sleep(due - loop.time())
                if not chunk:
                    break
                if self._proxy.fault in {Fault.BLACK_HOLE, Fault.GARBAGE}:
                    self.spoilt = True
                    continue
                await self._hand_on(chunk)
        self._close_in_order()

    async def _hand_on(self, chunk: bytes) -> None:
        with contextlib.suppress(OSError):  # The side that reads ends the connection.
            while chunk and (rate := self._proxy.drip) is not None:
                # A tenth of a second's worth at a time, one byte at least.
                size = max(1, int(rate / 10))
                self._writer.write(chunk[:size])
                await self._writer.drain()
                chunk = chunk[size:]
                await asyncio.sleep(size / rate)
            self._writer.write(chunk)
            await self._writer.drain()

    def _close_in_order(self) -> None:
        """The server ended in order: so does the client's side."""
        self._writer.close()
        self._ended.set()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset instead of a farewell."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
