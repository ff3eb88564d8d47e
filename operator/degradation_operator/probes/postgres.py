"""Kind `postgres`: one prepared statement answers, and says whether the server takes writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

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
from degradation_operator.probes.pgwire import NOT_POSTGRES, LineLoop, WireError
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

_ENVIRONMENT: Final = inconclusive(
    Reason.INTERNAL,
    "the client refuses how it is configured; unset the variables PG… where the operator runs",
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
        loop = LineLoop(asyncio.get_running_loop(), line)
        try:
            connection = await asyncpg.connect(
                host=target.host,
                port=target.port,
                user=user,
                password=password,
                database=target.database,
                # Given, all of these, so that variables and files of this machine have little say.
                ssl=False,  # as far as the client knows; see LineLoop
                direct_tls=False,
                target_session_attrs=SessionAttribute.any,
                server_settings={"application_name": "degradation-operator"},
                timeout=HANDSHAKE_WITHIN,
                loop=cast("asyncio.AbstractEventLoop", loop),
            )
        except _FAILURES as error:
            raise ProbeError(_judge(error)) from None
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
            raise ProbeError(NOT_POSTGRES)
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


def _judge(error: Exception) -> ProbeResult:
    if isinstance(error, asyncpg.ConnectionDoesNotExistError):
        # asyncpg's word for a connection that ended; why is its cause, where it knows.
        match error.__cause__:
            case OSError() | asyncpg.PostgresError() as cause:
                error = cause
    match error:
        case WireError():
            return error.result
        case asyncpg.exceptions.ClientConfigurationError():
            return _ENVIRONMENT
        case asyncpg.PostgresError():
            return _by_state(error)
        case OSError():
            return from_os_error(error)
        case _:
            return NOT_POSTGRES


def _by_state(error: asyncpg.PostgresError) -> ProbeResult:
    state = getattr(error, "sqlstate", None) or ""
    if (known := _BY_STATE.get(state)) is not None:
        return known
    if "no more connections allowed" in str(error):  # PgBouncer, by 08P01
        return _FULL
    return down(Reason.BAD_ANSWER, f"answered with an error (SQLSTATE {state})", measured=state or None)
