"""Results in words, and the error that carries one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult

LONGEST_MESSAGE: Final = 256  # characters


class ProbeError(Exception):
    """The connection is of no more use; `result` says what that means.

    Its text is the result's message: it holds no secret and nothing that the other side sent.
    """

    def __init__(self, result: ProbeResult) -> None:
        super().__init__(result.message)
        self.result: Final = result


def slow(reason: Reason, message: str, *, measured: str | None = None) -> ProbeResult:
    """It is there, and not as it should be."""
    return ProbeResult(outcome=Outcome.SLOW, reason=reason, message=message, measured=measured)


def down(
    reason: Reason, message: str, *, measured: str | None = None, threshold: str | None = None
) -> ProbeResult:
    """It fails."""
    return ProbeResult(
        outcome=Outcome.DOWN, reason=reason, message=message, measured=measured, threshold=threshold
    )


def inconclusive(reason: Reason, message: str, *, measured: str | None = None) -> ProbeResult:
    """It could not be judged; the message says what to do."""
    return ProbeResult(
        outcome=Outcome.INCONCLUSIVE, reason=reason, message=message[:LONGEST_MESSAGE], measured=measured
    )


ANSWERED: Final = "answered"

READ_ONLY: Final = ProbeResult(
    outcome=Outcome.READ_ONLY, reason=Reason.READ_ONLY, message="answers, and takes no writes"
)

CLOSED: Final = down(Reason.CLOSED, "the connection was closed before the answer was complete")

OVERDUE: Final = inconclusive(
    Reason.OVERDUE, "the operator itself ran too late to judge; give it more CPU, or probe less often"
)

INTERNAL: Final = inconclusive(
    Reason.INTERNAL, "the probe failed by a fault of its own; the operator's log says where: please report it"
)

TOO_MUCH: Final = down(Reason.BAD_ANSWER, "answered with far more than an answer holds")


def words(seconds: float) -> str:
    """A duration as a person reads it: `250 ms`, `5.02 s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    return f"{round(seconds, 2):g} s"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a probe waits, and what it means when that was not long enough.

    Attributes:
        timeout: Seconds for the answer on a connection that is there, and for each silence while one is made.
        slow_after: Seconds after which an answer is slow; None where none is.
        total: Seconds that making a connection may take in all.
        no_answer: When no answer came.
        silent: When nothing was heard while connecting.
        endless: When connecting took too long in all.
    """

    timeout: float
    slow_after: float | None
    total: float
    no_answer: ProbeResult
    silent: ProbeResult
    endless: ProbeResult

    @classmethod
    def of(cls, timeout: float, slow_after: float | None) -> Patience:
        """Derive everything from `timeout` and `slowAfter`, in seconds."""
        total = 10 * timeout
        return cls(
            timeout=timeout,
            slow_after=slow_after,
            total=total,
            no_answer=down(Reason.TIMEOUT, f"no answer within {words(timeout)}", threshold=words(timeout)),
            silent=down(
                Reason.TIMEOUT,
                f"nothing heard for {words(timeout)} while connecting",
                threshold=words(timeout),
            ),
            endless=down(
                Reason.TIMEOUT, f"connecting took longer than {words(total)} in all", threshold=words(total)
            ),
        )

    def grade(self, started: float, seconds: float, lateness: Callable[[float], float]) -> ProbeResult:
        """What an expected answer means.

        Args:
            started: When it was asked for, on the loop's clock.
            seconds: How long it took.
            lateness: The worst lateness of the loop, in seconds, since a moment of its clock.
        """
        limit = self.timeout if self.slow_after is None else self.slow_after
        if seconds <= limit:
            return ProbeResult(outcome=Outcome.UP, reason=Reason.ANSWERED, message=ANSWERED, seconds=seconds)
        if seconds - lateness(started) <= limit:
            return OVERDUE
        if seconds > self.timeout:
            return self.no_answer
        return ProbeResult(
            outcome=Outcome.SLOW,
            reason=Reason.SLOW_ANSWER,
            message=f"the answer took longer than {words(limit)}",
            measured=words(seconds),
            threshold=words(limit),
            seconds=seconds,
        )
