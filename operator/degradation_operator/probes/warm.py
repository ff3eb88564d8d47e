"""Probes over a connection that stays: connect, measure one round trip, renew in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.probes.attempt import Attempt, start_attempt
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.line import Line
from degradation_operator.probes.results import ANSWERED, INTERNAL, Patience, ProbeError

RENEW_AFTER: Final = 30.0
"""Seconds after which a connection is replaced by a new one."""

MOST_STUCK: Final = 3
"""Attempts of one probe that may go on after their deadline; as long as there are so many, none is started."""

log = logging.getLogger(__name__)


class Session(Protocol):
    """A connection that was made, with everything that one needs to be asked."""

    @property
    def reusable(self) -> bool:
        """Whether it can be asked again."""
        ...

    async def check(self) -> ProbeResult | None:
        """Ask once: one round trip. None is the answer that was expected; else what the answer means.

        Raises:
            ProbeError: The connection is of no more use. With reason `Closed`, where the other side closed it:
                a new one may well work.
        """
        ...

    def close(self) -> None:
        """Take leave, without waiting."""
        ...

    def abort(self) -> None:
        """Close now."""
        ...


class Connector(Protocol):
    """Makes connections of one kind."""

    @property
    def kind(self) -> str:
        """Its kind, as the policy names it."""
        ...

    async def connect(self, line: Line, deadline: Deadline) -> Session:
        """Make one over this line.

        Raises:
            ProbeError: It could not be made.
        """
        ...


class WarmProbe:
    """A probe that keeps its connection.

    A new connection is only made for: the first attempt, one after a failure, and a renewal. Where the other
    side closed the connection that was there (idle for too long, a fail-over), the same attempt makes a new
    one and judges by that.

    Args:
        connector: Of the kind.
        patience: How long to wait for what.
        on_renewal_failure: Told the kind when a renewal failed.
        renew_after: Seconds until a connection is renewed.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        patience: Patience,
        on_renewal_failure: Callable[[str], None],
        renew_after: float = RENEW_AFTER,
    ) -> None:
        self.kind: Final = connector.kind
        self._connector = connector
        self._patience = patience
        self._on_renewal_failure = on_renewal_failure
        self._renew_after = renew_after
        self._session: Session | None = None
        self._renew_at = 0.0
        self._line: Line | None = None  # of the connection that is being made
        self._spare: Session | None = None  # a renewed connection, until the present attempt has ended
        self._renewal: Attempt | None = None
        self._read_only = False
        self._under_way: set[asyncio.Task[None]] = set()

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        """Look once; see `Probe`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - an attempt is a task
        if len(self._under_way) >= MOST_STUCK:
            return INTERNAL
        self._under_way.add(task)
        try:
            result = await self._look(deadline)
        finally:
            self._under_way.discard(task)
        if not deadline.over:
            if self._spare is not None:
                self._keep(self._spare)
                self._spare = None
            self._renew_if_due(result, deadline)
        return result

    def abort(self) -> None:
        """Close every socket now; see `Probe`."""
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        if self._line is not None:
            self._line.abort()
            self._line = None
        for session in self._take_sessions():
            session.abort()

    async def aclose(self) -> None:
        """Take leave of the other side; see `Probe`."""
        for session in self._take_sessions():
            session.close()
        self.abort()
        await asyncio.sleep(0)  # Transports close in the loop's next round.

    def _take_sessions(self) -> list[Session]:
        sessions = [session for session in (self._session, self._spare) if session is not None]
        self._session = self._spare = None
        return sessions

    async def _look(self, deadline: Deadline) -> ProbeResult:
        try:
            if self._session is not None:
                try:
                    return await self._measure(self._session, deadline)
                except ProbeError as error:
                    if error.result.reason is not Reason.CLOSED:
                        raise
            return await self._measure(await self._connect(deadline), deadline)
        except ProbeError as error:
            return error.result

    async def _connect(self, deadline: Deadline) -> Session:
        line = self._line = Line()
        try:
            session = await self._connector.connect(line, deadline)
        except BaseException:
            line.abort()
            raise
        finally:
            if self._line is line:
                self._line = None
        if deadline.over:  # Given up, by a client that took no notice.
            session.abort()
            raise asyncio.CancelledError
        self._keep(session)
        return session

    def _keep(self, session: Session) -> None:
        if self._session is not None:
            self._session.close()
        self._session = session
        self._renew_at = asyncio.get_running_loop().time() + self._renew_after

    async def _measure(self, session: Session, deadline: Deadline) -> ProbeResult:
        loop = asyncio.get_running_loop()
        deadline.expect_within(self._patience.timeout, self._patience.no_answer)
        started = loop.time()
        try:
            answer = await session.check()
        except BaseException:
            session.abort()
            if self._session is session:
                self._session = None
            raise
        seconds = loop.time() - started
        if not session.reusable:
            session.close()
            if self._session is session:
                self._session = None
        if answer is None:
            return self._patience.grade(started, seconds, deadline.lateness)
        return replace(answer, seconds=seconds)

    def _renew_if_due(self, result: ProbeResult, deadline: Deadline) -> None:
        """Replace an old connection, and one that turned read-only: a fail-over leaves it where it was."""
        turned_read_only = result.outcome is Outcome.READ_ONLY and not self._read_only
        if result.outcome is not Outcome.INCONCLUSIVE:
            self._read_only = result.outcome is Outcome.READ_ONLY
        if self._session is None or self._renewal is not None:
            return
        now = asyncio.get_running_loop().time()
        if turned_read_only or now >= self._renew_at:
            self._renew_at = now + self._renew_after
            renewal = _Renewal(self._connector, self._patience, self._take_renewed)
            self._renewal = start_attempt(renewal, on_result=self._renewal_ended, lateness=deadline.lateness)

    def _take_renewed(self, session: Session) -> None:
        if self._under_way:
            self._spare = session
        else:
            self._keep(session)

    def _renewal_ended(self, result: ProbeResult) -> None:
        self._renewal = None
        if result.outcome is not Outcome.UP:
            log.warning(
                "renewing the connection of a %s probe failed (%s: %s); the present one goes on",
                self.kind,
                result.reason,
                result.message,
            )
            self._on_renewal_failure(self.kind)


_RENEWED: Final = ProbeResult(outcome=Outcome.UP, reason=Reason.ANSWERED, message=ANSWERED)


class _Renewal:
    """Makes one connection within the bounds of an attempt, and hands it over once it has answered.

    A connection that was accepted may still be turned away at its first question ("too many clients"), and must
    not take the place of one that works.
    """

    def __init__(self, connector: Connector, patience: Patience, take: Callable[[Session], None]) -> None:
        self.kind = connector.kind
        self._connector = connector
        self._patience = patience
        self._take = take
        self._line = Line()
        self._session: Session | None = None

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        try:
            session = self._session = await self._connector.connect(self._line, deadline)
            deadline.expect_within(self._patience.timeout, self._patience.no_answer)
            await session.check()
        except ProbeError as error:
            self.abort()
            return error.result
        if session.reusable and not deadline.over:
            self._take(session)
        else:
            self.abort()
        return _RENEWED

    def abort(self) -> None:
        self._line.abort()
        if self._session is not None:
            self._session.abort()

    async def aclose(self) -> None:
        self.abort()
