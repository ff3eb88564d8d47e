"""Kind `redis`: PING answers PONG, and a replica has its master."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from redis import exceptions
from redis.asyncio.connection import AbstractConnection

from degradation_operator.api.names import Reason
from degradation_operator.api.targets import RedisTarget
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.credentials import Credentials
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.dial import Dialler
from degradation_operator.probes.errors import from_os_error
from degradation_operator.probes.line import Line
from degradation_operator.probes.results import CLOSED, ProbeError, down, inconclusive, slow

_FAILURES: Final = (exceptions.RedisError, OSError, ValueError, RecursionError)
"""What redis-py raises for what the other side does; the last two for garbage."""

_QUESTION: Final = b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nROLE\r\n"
"""Both in one round trip: a replica that lost its master and serves stale data still answers PONG."""

_LOADING: Final = down(Reason.BAD_ANSWER, "is loading its data")
_MASTER_LOST: Final = down(Reason.BAD_ANSWER, "is a replica that has lost its master")
_NO_PONG: Final = down(Reason.BAD_ANSWER, "answered PING with something else than PONG")
_NOT_REDIS: Final = down(Reason.BAD_ANSWER, "answered something that is not Redis")
_FULL: Final = slow(Reason.THROTTLED, "takes no more clients (maxclients)")
_NO_DATABASE: Final = inconclusive(
    Reason.NOT_FOUND, "there is no database of that number; see database in the policy"
)
_REFUSED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the user name or password is refused; see username and passwordSecretRef in the policy, and the Secret",
)
_WANTED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED, "a password is required; give passwordSecretRef in the policy"
)
_NOT_WANTED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED, "no password is set there; take passwordSecretRef out of the policy"
)
_PROTECTED: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED, "its protected mode turns other machines away; set a password there"
)
_FORBIDDEN: Final = inconclusive(
    Reason.AUTHENTICATION_FAILED,
    "the user may not PING or SELECT; allow it both (ACL SETUSER … +ping +select)",
)


class RedisConnector:
    """Connects, authenticates, selects the database."""

    kind = "redis"

    def __init__(self, target: RedisTarget, dialler: Dialler, credentials: Credentials) -> None:
        self._target = target
        self._dialler = dialler
        self._credentials = credentials

    async def connect(self, line: Line, deadline: Deadline) -> RedisSession:
        """See `Connector`."""
        password = None
        if self._target.password_secret_ref is not None:
            password = await self._credentials.text(self._target.password_secret_ref, deadline)
        await self._dialler.dial(line, deadline)
        try:
            session = RedisSession(_Connection(*await line.stream(), self._target, password), line)
        except OSError as error:
            raise ProbeError(from_os_error(error)) from None
        try:
            await session.prepare()
        except BaseException:
            session.abort()
            raise
        return session


class RedisSession:
    """A connection that is ready for commands."""

    reusable = True

    def __init__(self, connection: _Connection, line: Line) -> None:
        self._connection = connection
        self._line = line

    async def prepare(self) -> None:
        """Authenticate, and select the database.

        Raises:
            ProbeError: That failed.
        """
        try:
            await self._connection.on_connect()
        except _FAILURES as error:
            raise ProbeError(_judge(error)) from None

    async def check(self) -> ProbeResult | None:
        """See `Session`."""
        self._line.expect_answer()
        try:
            await self._connection.send_packed_command(_QUESTION, check_health=False)
            pong = await self._connection.read_response()
            role = await self._role()
        except _FAILURES as error:
            raise ProbeError(_judge(error)) from None
        if pong != b"PONG":
            raise ProbeError(_NO_PONG)
        if isinstance(role, list) and len(role) == 5 and role[0] == b"slave" and role[3] != b"connected":
            return _MASTER_LOST
        return None

    def close(self) -> None:
        """See `Session`."""
        self._line.close()
        self._connection.forget()

    def abort(self) -> None:
        """See `Session`."""
        self._line.abort()
        self._connection.forget()

    async def _role(self) -> Any:
        try:
            return await self._connection.read_response()
        except exceptions.ResponseError:
            return None  # Not everybody may ask, and not everything that speaks Redis knows: PONG has to do.


class _Connection(AbstractConnection):
    """redis-py's connection, on a stream that is there already; it neither dials nor closes it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: RedisTarget,
        password: str | None,
    ) -> None:
        super().__init__(
            db=target.database,
            username=target.username,
            password=password,
            protocol=2,
            driver_info=None,  # or it introduces itself, which needs two more rights
            socket_timeout=None,  # The deadline of the attempt rules.
            socket_connect_timeout=None,
        )
        self._reader = reader
        self._writer = writer

    def forget(self) -> None:
        """Let go of the stream, which the line closes; else it complains when it is collected."""
        self._reader = self._writer = None
        self._parser.on_disconnect()  # type: ignore[no-untyped-call]

    def repr_pieces(self) -> list[tuple[str, object]]:
        """Nothing: no address, no password."""
        return []

    async def _connect(self) -> None:
        raise exceptions.ConnectionError  # It was closed; the probe makes another.

    def _connection_arguments(self) -> dict[str, object]:
        return {}

    def _host_error(self) -> str:
        return "the server"


def _judge(error: Exception) -> ProbeResult:
    text = str(error)
    match error:
        case OSError():
            return from_os_error(error)
        case exceptions.BusyLoadingError():
            return _LOADING
        case exceptions.MasterDownError():
            return _MASTER_LOST
        case exceptions.NoPermissionError():
            return _FORBIDDEN
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            return _unauthenticated(error, text)
        case exceptions.ConnectionError() if "max number of clients" in text:
            return _FULL
        case exceptions.ConnectionError():
            # redis-py keeps the error of the socket as the context alone.
            cause = error.__context__
            return from_os_error(cause) if isinstance(cause, OSError) else CLOSED
        case exceptions.InvalidResponse():
            return _NOT_REDIS
        case exceptions.ResponseError():
            return _refused(text)
        case _:
            return _NOT_REDIS


def _unauthenticated(error: Exception, text: str) -> ProbeResult:
    if "without any password" in text or "no password is set" in text:
        return _NOT_WANTED
    return _WANTED if getattr(error, "status_code", None) == "NOAUTH" else _REFUSED


def _refused(text: str) -> ProbeResult:
    if text.startswith("DENIED"):
        return _PROTECTED
    if any(words in text for words in ("index is out of range", "invalid DB index", "SELECT is not allowed")):
        return _NO_DATABASE
    return down(Reason.BAD_ANSWER, "answered with an error")
