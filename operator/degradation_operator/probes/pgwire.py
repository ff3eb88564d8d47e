"""What stands between asyncpg and the other side: the line it is given, TLS, and messages that it can survive.

asyncpg 0.32 never returns from a message whose length is less than its own, and the whole process hangs with it;
it follows a challenge that it did not begin through a null pointer; and it computes as many rounds of SCRAM as a
server asks for. Servers are named by users of policies, so what comes is looked at before the client sees it.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable
from typing import Any, Final

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.line import HANDSHAKE_WITHIN, MOST_BYTES, Line
from degradation_operator.probes.results import ProbeError, down, inconclusive

MOST_ROUNDS: Final = 100_000
"""Rounds of SCRAM; 4,096 are usual. So many take some 50 ms, during which nothing else runs."""

NOT_POSTGRES: Final = down(Reason.BAD_ANSWER, "answered something that is not PostgreSQL")
_NO_TLS: Final = inconclusive(
    Reason.TLS_FAILED, "the server offers no TLS; switch it on there, or take tls out of the policy"
)
_TOO_MANY_ROUNDS: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    f"the server asks for more than {MOST_ROUNDS} rounds of SCRAM; set scram_iterations lower, and the password anew",
)

_METHOD: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the server wants a way to authenticate that probes do not know; allow scram-sha-256 in its pg_hba.conf",
)

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_HEADER: Final = struct.Struct("!ci")
_LEAST_LENGTH: Final = 4  # A length counts itself.
_KINDS: Final = frozenset(b"RSKZENA123tTDCsnI")
_CODE: Final = struct.Struct("!i")
_OK, _CLEARTEXT, _MD5, _SASL, _CHALLENGE, _PROOF = 0, 3, 5, 10, 11, 12
_BEFORE: Final = {_CHALLENGE: _SASL, _PROOF: _CHALLENGE}
_SCRAM: Final = b"SCRAM-SHA-256\0"
_ROUNDS: Final = re.compile(rb",i=([0-9]+)")
_VERSION: Final = re.compile(rb"server_version\x00[0-9]+[^\x00]*\x00")
_COLUMNS: Final = re.compile(
    # Two of them: a name, six bytes of the table, the type (bool; text), eight bytes of its details.
    rb"\x00\x02[^\x00]*\x00.{6}\x00\x00\x00\x10.{8}[^\x00]*\x00.{6}\x00\x00\x00\x19.{8}",
    re.DOTALL,
)


class WireError(OSError):
    """What came is not for the client. An OSError, so that the client takes it for the end of the connection."""

    def __init__(self, result: ProbeResult) -> None:
        super().__init__(result.message)
        self.result: Final = result


class LineLoop:
    """The event loop as the client sees it: connecting gives the line, which is connected already.

    So the address is one that was checked, resolved once, and whatever the client opens can be cut from outside.
    There is no second connection: the client would open one to ask the server to cancel a statement. TLS is
    begun here and the client is told of none, for it would want to verify the address.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, line: Line) -> None:
        self._loop = loop
        self._line = line
        self._given = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, factory: Callable[[], asyncio.Protocol], _host: str, _port: int
    ) -> tuple[asyncio.BaseTransport, asyncio.Protocol]:
        """Give the line.

        Raises:
            OSError: It failed, or was given before.
            ProbeError: The server does not speak TLS.
        """
        if self._given:
            raise ConnectionAbortedError
        self._given = True
        if self._line.context is None:
            reader = await self._line.start(lambda: Reader(factory()))
        else:
            transport = await self._begin_tls()
            reader = Reader(factory())
            transport.set_protocol(reader)
            reader.connection_made(transport)
        return self._line.transport, reader.client

    async def _begin_tls(self) -> asyncio.Transport:
        line, context = self._line, self._line.context
        assert context is not None  # noqa: S101 - see the only caller
        request = await line.start(_Request, plain=True)
        answer = await request.answer
        if answer != b"S":
            # An error before TLS may come from anyone in between: not even its code is believed.
            raise ProbeError(_NO_TLS if answer == b"N" else NOT_POSTGRES)
        assert isinstance(line.transport, asyncio.WriteTransport)  # noqa: S101 - a connection can be written to
        secured = await self._loop.start_tls(
            line.transport,
            request,
            context,
            server_hostname=line.server_name,
            ssl_handshake_timeout=HANDSHAKE_WITHIN,
        )
        if secured is None:
            raise ConnectionAbortedError
        line.carry(secured)
        return secured


class _Request(asyncio.Protocol):
    """Asks for TLS, and hears one answer."""

    def __init__(self) -> None:
        self.answer: Final[asyncio.Future[bytes]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a connection can be written to
        transport.write(_SSL_REQUEST)

    def data_received(self, data: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error if error is not None else ConnectionAbortedError())


class Reader(asyncio.Protocol):
    """Reads along, and ends the connection instead of passing on what the client would not survive.

    Args:
        client: The client's protocol.
    """

    def __init__(self, client: asyncio.Protocol) -> None:
        self.client: Final = client
        self._transport: asyncio.BaseTransport | None = None
        self._pending = b""
        self._asked = _OK  # the last step of authentication
        self._greeted = False  # whether the client knows what it needs to know before it may go on
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As of any protocol."""
        self._transport = transport
        self.client.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass whole messages on, once they are found to be fit."""
        if self._ended:
            return
        pending = self._pending + data if self._pending else data
        try:
            end = self._fit(pending)
            self._pending = pending[end:]
            if end:
                self.client.data_received(pending[:end])
        except WireError as error:
            self._end(error)
        except Exception:  # noqa: BLE001 - what the client makes of a message out of place; asyncio would log it all
            self._end(WireError(NOT_POSTGRES))

    def eof_received(self) -> bool | None:
        """As of any protocol."""
        return self.client.eof_received()

    def pause_writing(self) -> None:
        """As of any protocol."""
        self.client.pause_writing()

    def resume_writing(self) -> None:
        """As of any protocol."""
        self.client.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """As of any protocol."""
        if not self._ended:
            self._ended = True
            self.client.connection_lost(error)

    def _end(self, error: WireError) -> None:
        self._ended = True
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
        self.client.connection_lost(error)

    def _fit(self, data: bytes) -> int:
        """Where the last whole message ends.

        Raises:
            WireError: One is not to be passed on.
        """
        end = 0
        while len(data) - end >= _HEADER.size:
            kind, length = _HEADER.unpack_from(data, end)
            if kind[0] not in _KINDS or not _LEAST_LENGTH <= length <= MOST_BYTES:
                raise WireError(NOT_POSTGRES)
            if len(data) - end <= length:
                break
            self._check(kind, data[end + _HEADER.size : end + 1 + length])
            end += 1 + length
        return end

    def _check(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"R":
                self._check_authentication(body)
            case b"S":
                self._greeted = self._greeted or _VERSION.fullmatch(body) is not None
            case b"Z" if not self._greeted:
                raise WireError(NOT_POSTGRES)
            case b"t" if body != b"\0\0":  # The statement has no parameters,
                raise WireError(NOT_POSTGRES)
            case b"T" if not _COLUMNS.fullmatch(
                body
            ):  # and two columns: other types are decoded by much code.
                raise WireError(NOT_POSTGRES)

    def _check_authentication(self, body: bytes) -> None:
        """Keep the client to its steps: one too early would be the end of the process."""
        if len(body) < _CODE.size:
            raise WireError(NOT_POSTGRES)
        (asked,) = _CODE.unpack_from(body)
        if asked not in {_OK, _CLEARTEXT, _MD5, _SASL, _CHALLENGE, _PROOF}:
            raise WireError(_METHOD)
        if asked == _SASL and _SCRAM not in body:
            raise WireError(_METHOD)
        if asked in _BEFORE and self._asked != _BEFORE[asked]:
            raise WireError(NOT_POSTGRES)
        if asked == _CHALLENGE:
            rounds = _ROUNDS.search(body)
            if rounds is not None and (
                len(rounds[1]) > len(str(MOST_ROUNDS)) or int(rounds[1]) > MOST_ROUNDS
            ):
                raise WireError(_TOO_MANY_ROUNDS)
        self._asked = asked
