"""One TCP connection, from its socket to its transport: it can be cut from outside at any time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from degradation_operator.probes.results import TOO_MUCH

MOST_BYTES: Final = 256 * 1024
"""What the other side may send per connecting and per answer; the longest certificate chains take a tenth."""

READ_AHEAD: Final = 64 * 1024
"""What a stream keeps before it stops reading, in bytes."""

HANDSHAKE_WITHIN: Final = 86_400.0
"""Seconds. The deadline of the attempt ends what hangs; what clients want to have set only has to be longer."""

_Protocol = TypeVar("_Protocol", bound=asyncio.BaseProtocol)


class TooMuchError(OSError):
    """The other side sent more than an answer can hold. An OSError, so that transports take it for one."""


class HeardSocket(socket.socket):
    """A socket that notes when something was received, and how much; and that reads to the end.

    It sees every byte of every client, plain or TLS, whoever reads it: what TCP_INFO tells only on Linux.
    Sending to a side that is gone does not fail: what that side said before it went ("too many clients", an
    alert of TLS) waits to be read, and the end comes after it.

    Attributes:
        heard_at: When something was received last, in monotonic seconds.
        allowance: Bytes that may still come.
    """

    __slots__ = ("allowance", "heard_at")

    def __init__(self, family: int) -> None:
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.heard_at = 0.0
        self.allowance = MOST_BYTES

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As of any socket."""
        data = super().recv(bufsize, flags)
        self._note(len(data))
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As of any socket."""
        size = super().recv_into(buffer, nbytes, flags)
        self._note(size)
        return size

    def send(self, data: Any, flags: int = 0, /) -> int:
        """As of any socket, and of no effect where the other side is gone."""
        try:
            return super().send(data, flags)
        except (ConnectionResetError, BrokenPipeError):
            return len(data)

    def sendmsg(self, buffers: Iterable[Any], *args: Any) -> int:
        """As of any socket, and of no effect where the other side is gone."""
        parts = list(buffers)
        try:
            return super().sendmsg(parts, *args)
        except (ConnectionResetError, BrokenPipeError):
            return sum(len(part) for part in parts)

    def _note(self, size: int) -> None:
        self.heard_at = time.monotonic()
        self.allowance -= size
        if self.allowance < 0:
            raise TooMuchError(TOO_MUCH.message)


class Line:
    """A connection to one dependency.

    Attributes:
        context: TLS to speak on it; None for none.
        server_name: The name that its certificate has to carry.
        connect_seconds: How long the other side took to accept.
    """

    def __init__(self) -> None:
        self.context: ssl.SSLContext | None = None
        self.server_name: str | None = None
        self.connect_seconds = 0.0
        self._socket: HeardSocket | None = None
        self._transport: asyncio.BaseTransport | None = None
        self._handed_over = False  # The event loop closes the socket from then on.
        self._cut = False

    @property
    def cut(self) -> bool:
        """Whether it was cut from this side."""
        return self._cut

    @property
    def transport(self) -> asyncio.BaseTransport:
        """What it is carried by; only once it was started."""
        assert self._transport is not None  # noqa: S101 - see above
        return self._transport

    def attach(self, connected: HeardSocket) -> None:
        """Take a connected socket over."""
        self._socket = connected
        if self._cut:
            self.abort()

    def expect_answer(self) -> None:
        """Let the other side send another answer's worth of bytes."""
        if self._socket is not None:
            self._socket.allowance = MOST_BYTES

    async def start(self, factory: Callable[[], _Protocol], *, plain: bool = False) -> _Protocol:
        """Put a protocol on the socket, with TLS where the line has it.

        Args:
            factory: Makes it.
            plain: Without TLS, whatever the line has: the protocol begins it later.

        Raises:
            OSError: The handshake failed, or the line was cut.
        """
        connected = self._socket
        if connected is None or self._cut or self._handed_over:
            raise ConnectionAbortedError
        self._handed_over = True
        context = None if plain else self.context
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(
            factory,
            sock=connected,
            ssl=context,
            server_hostname=self.server_name if context is not None else None,
            ssl_handshake_timeout=HANDSHAKE_WITHIN if context is not None else None,
        )
        self.carry(transport)
        return protocol

    async def stream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Put a stream on the socket, with TLS where the line has it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_AHEAD, loop=loop)
        protocol = await self.start(lambda: asyncio.StreamReaderProtocol(reader, loop=loop))
        assert isinstance(self._transport, asyncio.WriteTransport)  # noqa: S101 - a connection can be written to
        return reader, asyncio.StreamWriter(self._transport, protocol, reader, loop)

    def carry(self, transport: asyncio.BaseTransport) -> None:
        """From now on this is what has to be closed."""
        self._transport = transport
        if self._cut:
            self.abort()

    def close(self) -> None:
        """Take leave (TLS has a farewell), and end; the other side's farewell is not waited for."""
        if self._transport is not None:
            self._transport.close()
        self.abort()

    def abort(self) -> None:
        """End now."""
        self._cut = True
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
        else:
            self._close_socket()

    def _close_socket(self) -> None:
        if self._socket is None:
            return
        if self._handed_over:
            # A transport is being made of it, and must not find its number to be another socket's: it is
            # shown the end, and closes.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        else:
            self._socket.close()
