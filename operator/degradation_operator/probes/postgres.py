"""Kind `postgres`: one prepared statement answers, and says whether the server takes writes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from degradation_operator.api.names import Reason
from degradation_operator.api.targets import PostgresTarget
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.credentials import Credentials
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.dial import Dialler
from degradation_operator.probes.errors import from_os_error
from degradation_operator.probes.line import HANDSHAKE_WITHIN, Line
from degradation_operator.probes.results import CLOSED, READ_ONLY, ProbeError, down, inconclusive, slow

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

_STATEMENT: Final = (
    "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')"
)

_FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    # What the client's parser makes of garbage.
    ValueError,
    LookupError,
    BufferError,
    OverflowError,
)

_NOT_POSTGRES: Final = down(Reason.BAD_ANSWER, "answered something that is not PostgreSQL")
_NO_TLS: Final = inconclusive(
    Reason.TLS_FAILED, "the server offers no TLS; switch it on there, or take tls out of the policy"
)
_STARTING: Final = down(Reason.BAD_ANSWER, "is starting up, shutting down or recovering")
_FULL: Final = slow(Reason.THROTTLED, "takes no more connections")
_REFUSED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the user name or password is refused; see username and passwordSecretRef in the policy, and the Secret",
)
_TURNED_AWAY: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the server turns this user, database or address away, or wants TLS; see its pg_hba.conf, and tls in the policy",
)
_FORBIDDEN: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the user may not connect to this database; grant it CONNECT, or name another in the policy",
)
_NO_DATABASE: Final = inconclusive(
    Reason.NOT_FOUND, "there is no database of that name; see database in the policy"
)
_METHOD: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the server wants a way to authenticate that probes do not know; allow scram-sha-256 in its pg_hba.conf",
)

_BY_STATE: Final = {
    "53300": _FULL,  # too_many_connections
    "57P03": _STARTING,  # cannot_connect_now
    "57P01": CLOSED,  # admin_shutdown
    "57P02": CLOSED,  # crash_shutdown
    "57P04": CLOSED,  # database_dropped
    "57P05": CLOSED,  # idle_session_timeout
    "26000": CLOSED,  # invalid_sql_statement_name: a pooler gave us another connection, or discarded ours
    "08003": CLOSED,  # connection_does_not_exist: asyncpg's word for one that was closed
    "08006": CLOSED,  # connection_failure
    "28P01": _REFUSED,  # invalid_password
    "28000": _TURNED_AWAY,  # invalid_authorization_specification
    "3D000": _NO_DATABASE,  # invalid_catalog_name
    "42501": _FORBIDDEN,  # insufficient_privilege
    "55000": _FORBIDDEN,  # object_not_in_prerequisite_state: the database allows no connections
}


class PostgresConnector:
    """Connects, authenticates, prepares the statement and runs it a first time."""

    kind = "postgres"

    def __init__(self, target: PostgresTarget, dialler: Dialler, credentials: Credentials) -> None:
        self._target = target
        self._dialler = dialler
        self._credentials = credentials

    async def connect(self, line: Line, deadline: Deadline) -> PostgresSession:
        """See `Connector`."""
        target = self._target
        user = target.username or ""
        if target.username_secret_ref is not None:
            user = await self._credentials.text(target.username_secret_ref, deadline)
        password = ""  # None would make the client look for one in files and variables of this machine.
        if target.password_secret_ref is not None:
            password = await self._credentials.text(target.password_secret_ref, deadline)
        await self._dialler.dial(line, deadline)
        loop = _LineLoop(asyncio.get_running_loop(), line)
        try:
            connection = await asyncpg.connect(
                host=target.host,
                port=target.port,
                user=user,
                password=password,
                database=target.database,
                # Given, all of these, so that no variable and no file of this machine has a say.
                ssl=line.context if line.context is not None else False,
                direct_tls=False,
                target_session_attrs=SessionAttribute.any,
                server_settings={"application_name": "degradation-operator"},
                timeout=HANDSHAKE_WITHIN,
                loop=cast("asyncio.AbstractEventLoop", loop),
            )
        except _FAILURES as error:
            raise ProbeError(_judge(error, loop)) from None
        session = PostgresSession(connection, line)
        try:
            await session.prepare()
        except BaseException:
            session.abort()
            raise
        return session


class PostgresSession:
    """A connection with its statement."""

    reusable = True

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], line: Line) -> None:
        self._connection = connection
        self._line = line
        self._statement: PreparedStatement[asyncpg.Record] | None = None

    async def prepare(self) -> None:
        """Prepare the statement, and run it: from then on it takes one round trip.

        Raises:
            ProbeError: That failed.
        """
        try:
            self._statement = await self._connection.prepare(_STATEMENT)
            await self._statement.fetchrow()
        except _FAILURES as error:
            raise ProbeError(self._judge(error)) from None

    async def check(self) -> ProbeResult | None:
        """See `Session`."""
        assert self._statement is not None  # noqa: S101 - a session is prepared before it is asked
        self._line.expect_answer()
        try:
            row = await self._statement.fetchrow()
        except _FAILURES as error:
            raise ProbeError(self._judge(error)) from None
        if row is None:
            raise ProbeError(_NOT_POSTGRES)
        in_recovery, read_only = row
        return READ_ONLY if in_recovery or read_only == "on" else None

    def close(self) -> None:
        """See `Session`. The client sends its farewell before it closes."""
        self.abort()

    def abort(self) -> None:
        """See `Session`."""
        self._connection.terminate()
        self._line.abort()

    def _judge(self, error: Exception) -> ProbeResult:
        if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
            # The client cannot go on with what came while nothing was asked (a farewell, most often): a new
            # connection will tell.
            return CLOSED
        return _judge(error)


class _LineLoop:
    """The event loop as the client sees it: connecting gives the line, which is connected already.

    So the client keeps the name, for TLS, while the address is one that was checked, resolved once; and
    whatever the client opens can be cut from outside. There is no second connection: the client would open
    one to ask the server to cancel a statement.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, line: Line) -> None:
        self._loop = loop
        self._line = line
        self.garbage = False  # The answer to the request for TLS was neither yes nor no.

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, factory: Callable[[], asyncio.Protocol], _host: str, _port: int
    ) -> tuple[asyncio.BaseTransport, asyncio.Protocol]:
        """Give the line."""
        made = await self._line.start(self._noting(factory), plain=True)
        return self._line.transport, made

    async def start_tls(
        self,
        transport: asyncio.WriteTransport,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext,
        *,
        server_hostname: str,  # noqa: ARG002 - the client's idea of it; the policy may know better
    ) -> asyncio.Transport | None:
        """Speak TLS on the line from now on, and expect the line's name."""
        secured = await self._loop.start_tls(
            transport,
            protocol,
            context,
            server_hostname=self._line.server_name,
            ssl_handshake_timeout=HANDSHAKE_WITHIN,
        )
        if secured is not None:
            self._line.carry(secured)
        return secured

    def _noting(self, factory: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """The client calls garbage a refusal of TLS: note what came."""
        if self._line.context is None:
            return factory

        def make() -> asyncio.Protocol:
            protocol = factory()
            receive = protocol.data_received

            def note(data: bytes) -> None:
                self.garbage = data not in {b"S", b"N"}
                receive(data)

            protocol.data_received = note  # type: ignore[method-assign]  # of this one object
            return protocol

        return make


def _judge(error: Exception, loop: _LineLoop | None = None) -> ProbeResult:
    if isinstance(error, asyncpg.ConnectionDoesNotExistError):
        # asyncpg's word for a connection that ended; why is its cause, where it knows.
        match error.__cause__:
            case OSError() | asyncpg.PostgresError() as cause:
                error = cause
    match error:
        case asyncpg.PostgresError():
            return _by_state(error)
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return _NOT_POSTGRES if loop is not None and loop.garbage else _NO_TLS
        case ConnectionError() if loop is not None and loop.garbage:
            return _NOT_POSTGRES
        case OSError():
            return from_os_error(error)
        case asyncpg.InterfaceError() if "authentication" in str(error):
            return _METHOD
        case _:
            return _NOT_POSTGRES


def _by_state(error: asyncpg.PostgresError) -> ProbeResult:
    state = getattr(error, "sqlstate", None) or ""
    if (known := _BY_STATE.get(state)) is not None:
        return known
    if "no more connections allowed" in str(error):  # PgBouncer, by 08P01
        return _FULL
    return down(Reason.BAD_ANSWER, f"answered with an error (SQLSTATE {state})", measured=state or None)
