"""Carries the following core through time: events in from a source, a timer for what is due, steps out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from degradation._errors import DocumentError, RefusalReason
from degradation.document import parse
from degradation.following import Following, Step
from degradation.sources import Source
from degradation.view import Change, Confirmation, SourceName, Status, View

__all__ = ["REFUSAL_REASONS", "Runner"]

REFUSAL_REASONS: Final[tuple[RefusalReason, ...]] = (
    "missing",
    "unparsable",
    "too-large",
    "older",
    "other-policy",
    "version",
    "level",
    "revision",
)

RESTART_AFTER: Final = 1.0
"""Seconds until a source that failed is run again: never hot."""

MAX_UNKNOWN: Final = 256
"""How many unknown values are remembered, so that each is logged once."""

logger = logging.getLogger("degradation")

Publish = Callable[[View, tuple[Change, ...]], None]


class Runner:
    """The sink of an agent's source.

    Args:
        following: The state to start from.
        publish: Is told each new view, with the changes that led to it.
        clock: Monotonic, in seconds.
    """

    def __init__(self, following: Following, publish: Publish, clock: Callable[[], float]) -> None:
        self.following = following
        self.refusals: Final[dict[RefusalReason, int]] = dict.fromkeys(REFUSAL_REASONS, 0)
        self._publish = publish
        self._clock = clock
        self._first: asyncio.Event | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status: Status = "NotReady"
        self._complaint: tuple[str, str] | None = None
        self._unknown: set[tuple[str, str]] = set()

    @property
    def status(self) -> Status:
        """How the agent stands with its document at this moment."""
        return self.following.status(self._clock())

    async def run(self, source: Source | None, ready: Callable[[], None], patience: float) -> None:
        """Follow the source until cancelled.

        Args:
            source: None: there is nothing to follow.
            ready: Is called when there is a first document, or after `patience`.
            patience: Seconds.
        """
        self._first = first = asyncio.Event()
        feeding = asyncio.create_task(self._feed(source)) if source is not None else None
        try:
            self._arm()
            if feeding is not None and self.following.document is None:
                try:
                    async with asyncio.timeout(patience):
                        await first.wait()
                except TimeoutError:
                    logger.warning(
                        "no degradation document yet: running at level %d", self.following.view.level
                    )
            ready()
            if feeding is not None:
                await feeding
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait({feeding}, timeout=RESTART_AFTER)

    # -- the sink

    def received(self, raw: bytes, source: SourceName) -> None:
        """A source read the text of a document."""
        unknown: list[tuple[str, str]] = []
        try:
            document = parse(raw, on_unknown=lambda path, value: unknown.append((path, value)))
        except DocumentError as error:
            self.refused(error)
            return
        step = self.following.receive(document, source, self._clock())
        if step.refusal is None:
            self._complaint = None
            self._note_unknown(unknown)
        self._take(step)

    def refused(self, error: DocumentError) -> None:
        """Count a refusal, and say it in one line: not again until something else is wrong."""
        self.refusals[error.reason] += 1
        complaint = (error.reason, str(error))
        if complaint != self._complaint:
            kept = "nothing applies yet" if self.following.document is None else "the last good one stays"
            logger.warning("degradation document refused (%s): %s; %s", error.reason, error, kept)
        self._complaint = complaint

    def confirmed(self, confirmation: Confirmation) -> None:
        """The document is still the newest one."""
        self._take(self.following.confirm(confirmation, self._clock()))

    def deleted(self) -> None:
        """The ConfigMap was deleted."""
        self._take(self.following.delete(self._clock()))

    # -- time

    def tick(self) -> None:
        """Do what is due."""
        self._take(self.following.tick(self._clock()))

    def stop(self) -> None:
        """In the child of a fork: the timer belongs to the parent's loop."""
        self._timer = self._first = None

    def _take(self, step: Step) -> None:
        before, self.following = self.following.view, step.following
        if step.refusal is not None:
            self.refused(step.refusal)
        if step.changes or step.following.view != before:
            self._publish(step.following.view, step.changes)
        for change in step.changes:
            _log(change)
        status = self.status
        if status != self._status:
            logger.info("degradation agent: %s, was %s", status, self._status)
            self._status = status
        if self._first is not None:
            if step.following.document is not None:
                self._first.set()
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        due = self.following.next_due(now)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self.tick)

    async def _feed(self, source: Source) -> None:
        while True:
            try:
                await source.run(self)
            except Exception:
                logger.exception("following the degradation document failed; again in %g s", RESTART_AFTER)
            await asyncio.sleep(RESTART_AFTER)

    def _note_unknown(self, values: list[tuple[str, str]]) -> None:
        for path, value in values:
            if (path, value) not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
                self._unknown.add((path, value))
                logger.warning(
                    "the degradation document says %s: %r, which this version of the SDK does not know: taken for "
                    "its neutral value",
                    path,
                    value,
                )


def _log(change: Change) -> None:
    old, new = change.old.level, change.new.level
    if old != new:
        level = logging.WARNING if new > old else logging.INFO
        cause = f": {change.new.cause}" if change.new.cause else ""
        logger.log(level, "degradation level %d (%s), was %d%s", new, new.name, old, cause)
