"""The demo's story as data: what is broken and mended in which order, and what has to follow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from degradation_operator.demo.environment import Environment
from degradation_operator.demo.observation import Answers, Observation, Watcher
from degradation_operator.demo.servers import Failure

LATENCY: Final = 0.5
"""Seconds that the slow database takes longer."""

_POLL: Final = 0.05  # seconds between two looks
_READY_WITHIN: Final = 20.0  # seconds from the start of everything to the first good look

Act = Callable[[Environment], Awaitable[object]]
OnLook = Callable[[Observation, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be seen.

    Attributes:
        level: The level.
        cause: What its cause begins with; None at level 1, where there is none.
        uploads_on: Whether the feature document-upload is on.
        answers: What the agent answers.
    """

    level: int
    cause: str | None = None
    uploads_on: bool = True
    answers: Answers = field(default_factory=Answers)

    def met_by(self, seen: Observation) -> bool:
        """Whether an observation is just that."""
        caused = seen.cause is None if self.cause is None else (seen.cause or "").startswith(self.cause)
        return caused and (seen.level, seen.uploads_on, seen.answers) == (
            self.level,
            self.uploads_on,
            self.answers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happens, and what must follow.

    Attributes:
        title: What happens, in words.
        act: Makes it happen.
        expected: What must be seen.
        within: Seconds until then, from the moment that `act` begins.
    """

    title: str
    act: Act
    expected: Expectation
    within: float = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a step went.

    Attributes:
        step: Which.
        seen: The last look, None where the agent gave no clear answer at all.
        seconds: From the beginning of `act` until what was expected was seen, or until patience ended.
        met: Whether it was.
    """

    step: Step
    seen: Observation | None
    seconds: float
    met: bool


async def nothing(_environment: Environment) -> None:
    """For a step that only waits."""


async def slow_database(environment: Environment) -> None:
    """Delay each answer of the database."""
    environment.line.latency = LATENCY


async def read_only_database(environment: Environment) -> None:
    """Refuse writes, and only then take the delay away: at no moment is the database well."""
    await environment.postgres.set_read_only(True)
    environment.line.latency = 0.0


async def restore_database(environment: Environment) -> None:
    """Start it again, writable."""
    await environment.postgres.start()
    await environment.postgres.set_read_only(False)


WELL: Final = Expectation(level=1)
WITHOUT_CACHE: Final = Answers(price="database", new_price="database")
WITHOUT_AI: Final = Answers(price="basic", new_price="basic", recommendations="refused")
READING: Final = Answers(
    price="basic", new_price="basic", recommendations="refused", search="refused", movement="refused"
)
CLOSED: Final = Answers(
    page="status",
    price="refused",
    new_price="refused",
    recommendations="refused",
    search="refused",
    movement="refused",
    upload="refused",
)

START: Final = Step(title="everything runs", act=nothing, expected=WELL, within=_READY_WITHIN)

STEPS: Final[Sequence[Step]] = (
    Step(
        title="Redis stops",
        act=lambda environment: environment.redis.stop(),
        expected=Expectation(level=2, cause="redis is Down", answers=WITHOUT_CACHE),
    ),
    Step(title="Redis is back", act=lambda environment: environment.redis.start(), expected=WELL),
    Step(
        title="the AI fails",
        act=lambda environment: environment.openai.fail(Failure.ERROR),
        expected=Expectation(level=3, cause="openai is Down", answers=WITHOUT_AI),
    ),
    Step(title="the AI is back", act=lambda environment: environment.openai.mend(), expected=WELL),
    Step(
        title="PostgreSQL is slow",
        act=slow_database,
        expected=Expectation(level=4, cause="postgres is Slow", answers=READING),
    ),
    Step(
        title="PostgreSQL is read-only",
        act=read_only_database,
        expected=Expectation(level=4, cause="postgres is ReadOnly", answers=READING),
    ),
    Step(
        title="PostgreSQL stops",
        act=lambda environment: environment.postgres.stop(),
        expected=Expectation(level=5, cause="postgres is Down", uploads_on=False, answers=CLOSED),
    ),
    Step(title="PostgreSQL is back", act=restore_database, expected=WELL),
    Step(
        title="S3 stops",
        act=lambda environment: environment.s3.stop(),
        expected=Expectation(level=1, uploads_on=False, answers=Answers(upload="refused")),
    ),
    Step(title="S3 is back", act=lambda environment: environment.s3.start(), expected=WELL),
)


async def perform(step: Step, environment: Environment, watcher: Watcher, on_look: OnLook) -> Result:
    """Do a step, and look until what it expects is seen or its time is over.

    Args:
        step: The step.
        environment: Where.
        watcher: Looks at the agent of that environment.
        on_look: Told of each look, with the seconds since the step began.
    """
    begun = time.monotonic()
    acting = asyncio.ensure_future(step.act(environment))
    seen: Observation | None = None
    try:
        while True:
            seen = await watcher.look() or seen
            elapsed = time.monotonic() - begun
            if seen is not None:
                on_look(seen, elapsed)
                if step.expected.met_by(seen):
                    return Result(step=step, seen=seen, seconds=elapsed, met=True)
            if elapsed > step.within:
                return Result(step=step, seen=seen, seconds=elapsed, met=False)
            await asyncio.sleep(_POLL)
    finally:
        await acting
