"""Requests over one HTTP/1.1 connection, and kind `http`: the status is one that is expected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import h11

from degradation_operator.api.names import Reason
from degradation_operator.api.targets import HTTPTarget
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.dial import Dialler
from degradation_operator.probes.errors import from_os_error
from degradation_operator.probes.line import Line
from degradation_operator.probes.origin import Origin
from degradation_operator.probes.results import CLOSED, ProbeError, down, slow

MOST_BODY: Final = 64 * 1024
"""Bytes of a body that are read; with more to come the connection is given up, and the status decides."""

_CHUNK: Final = 16 * 1024

_NOT_HTTP: Final = down(Reason.BAD_ANSWER, "answered something that is not HTTP")

TOO_MANY_REQUESTS: Final = slow(
    Reason.THROTTLED, "turns requests away (HTTP 429, too many requests)", measured="429"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `Host`, `User-Agent` and `Accept` are added to it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; of the body no more than `MOST_BODY` bytes."""

    status: int
    body: bytes


class Question(Protocol):
    """What a connection asks each time, and what the answers mean."""

    def request(self) -> Request:
        """The next request."""
        ...

    def judge(self, response: Response) -> ProbeResult | None:
        """None where the response is the expected one.

        Raises:
            ProbeError: It is not worth asking on with what is known: credentials have to be read again.
        """
        ...


class Check(Protocol):
    """One kind over HTTP."""

    @property
    def kind(self) -> str:
        """Its kind, as the policy names it."""
        ...

    async def question(self, deadline: Deadline) -> Question:
        """What to ask, by the credentials as they are now.

        Raises:
            ProbeError: They cannot be used.
        """
        ...


class HTTPConnector:
    """Connects; requests are what is measured."""

    def __init__(self, origin: Origin, dialler: Dialler, check: Check) -> None:
        self.kind: Final = check.kind
        self._origin = origin
        self._dialler = dialler
        self._check = check

    async def connect(self, line: Line, deadline: Deadline) -> HTTPSession:
        """See `Connector`."""
        question = await self._check.question(deadline)
        await self._dialler.dial(line, deadline)
        try:
            reader, writer = await line.stream()
        except OSError as error:
            raise ProbeError(from_os_error(error)) from None
        return HTTPSession(self._origin, question, line, reader, writer)


class HTTPSession:
    """One connection. No proxy, no redirect, no cookie; the state of the protocol is h11's."""

    def __init__(
        self,
        origin: Origin,
        question: Question,
        line: Line,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._origin = origin
        self._question = question
        self._line = line
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT)

    @property
    def reusable(self) -> bool:
        """Whether both sides keep the connection, and the answer was read to its end."""
        return self._state.our_state is h11.IDLE

    async def check(self) -> ProbeResult | None:
        """See `Session`."""
        self._line.expect_answer()
        try:
            response = await self._exchange(self._question.request())
        except OSError as error:
            raise ProbeError(from_os_error(error)) from None
        except h11.RemoteProtocolError:
            raise ProbeError(CLOSED if self._reader.at_eof() else _NOT_HTTP) from None
        return self._question.judge(response)

    def close(self) -> None:
        """See `Session`."""
        self._line.close()

    def abort(self) -> None:
        """See `Session`."""
        self._line.abort()

    async def _exchange(self, request: Request) -> Response:
        self._send(request)
        head = await self._next()
        while isinstance(head, h11.InformationalResponse):
            head = await self._next()
        if not isinstance(head, h11.Response):
            raise ProbeError(CLOSED if self._reader.at_eof() else _NOT_HTTP)
        body = bytearray()
        while len(body) <= MOST_BODY:
            event = await self._next()
            if isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
        return Response(head.status_code, bytes(body[:MOST_BODY]))

    def _send(self, request: Request) -> None:
        headers = [
            ("Host", self._origin.authority),
            ("User-Agent", "degradation-operator"),
            ("Accept", "*/*"),
            *request.headers,
        ]
        if request.body:
            headers.append(("Content-Length", str(len(request.body))))
        events: list[h11.Event] = [h11.Request(method=request.method, target=request.path, headers=headers)]
        if request.body:
            events.append(h11.Data(data=request.body))
        events.append(h11.EndOfMessage())
        self._writer.write(b"".join(self._state.send(event) or b"" for event in events))

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            self._state.receive_data(await self._reader.read(_CHUNK))
        return event  # type: ignore[return-value]  # mypy does not see that NEED_DATA is left behind


class StatusCheck:
    """Kind `http`."""

    kind: Final = "http"

    def __init__(self, target: HTTPTarget) -> None:
        self._target = target
        self._request = Request(target.method, Origin.of(target.url).path)
        self._expected = ", ".join(target.expect_status)

    async def question(self, _deadline: Deadline) -> StatusCheck:
        """See `Check`: the same each time, for there are no credentials."""
        return self

    def request(self) -> Request:
        """See `Question`."""
        return self._request

    def judge(self, response: Response) -> ProbeResult | None:
        """See `Question`."""
        status = response.status
        if self._target.expects(status):
            return None
        if status == 429:
            return TOO_MANY_REQUESTS
        return down(
            Reason.BAD_ANSWER,
            f"answered with HTTP status {status}, expected {self._expected}",
            measured=str(status),
            threshold=self._expected,
        )
