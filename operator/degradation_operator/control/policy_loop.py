"""One policy's life: its probes, its decisions, and what of them stands published.

Results are evaluated where they arrive; a task publishes what has changed. The two meet in one object and one
event loop, so that there is nothing to lock: the task always writes the newest decision.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

from degradation.document import Document
from degradation_operator.api.dependency import Dependency
from degradation_operator.api.names import ConditionReason
from degradation_operator.api.override import Override
from degradation_operator.api.parse import parse_override
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import InvalidOverride, InvalidPolicy
from degradation_operator.engine.document import change_key, compose_document, next_revision
from degradation_operator.engine.evaluate import Decision, begin, evaluate
from degradation_operator.engine.explanation import Explanation, explain
from degradation_operator.engine.model import ProbeResult
from degradation_operator.engine.seed import seed
from degradation_operator.engine.spec import Spec, compile_spec
from degradation_operator.engine.status import (
    Event,
    Facts,
    compose_conditions,
    compose_event,
    compose_policy_status,
    compose_status,
)
from degradation_operator.ports import (
    Clock,
    PolicySource,
    Published,
    Publisher,
    PublishError,
    PublishFailure,
)
from degradation_operator.probes.protocol import Probe
from degradation_operator.scheduler.plan import Follow, Timing, phase_of
from degradation_operator.scheduler.runner import ProbeRunner
from degradation_operator.telemetry.metrics import OperatorMetrics

STATUS_EVERY: Final = 5.0
"""Seconds between two writes of a status where the document does not change."""

RETRY_FIRST: Final = 0.5
RETRY_MOST: Final = 5.0
"""Seconds from a failed write to the next attempt; doubled each time from the first to the most."""

ProbeKey = tuple[str, str, str]
"""Namespace and name of the policy, name of the dependency."""

log = logging.getLogger(__name__)

_UNPUBLISHED: Final[dict[PublishFailure, ConditionReason]] = {
    "conflict": ConditionReason.CONFIG_MAP_CONFLICT,
    "forbidden": ConditionReason.FORBIDDEN,
    "unavailable": ConditionReason.UNAVAILABLE,
    "other": ConditionReason.UNAVAILABLE,
}


class PolicyLoop:
    """Owns one policy.

    Args:
        source: The policy as it stands; `update` brings later versions.
        publisher: Where decisions are written.
        clock: Both clocks.
        runner: Runs the probes of all policies.
        build_probe: Makes the probe of a dependency.
        metrics: Counts.
    """

    def __init__(
        self,
        source: PolicySource,
        *,
        publisher: Publisher,
        clock: Clock,
        runner: ProbeRunner[ProbeKey],
        build_probe: Callable[[Dependency, str], Probe],
        metrics: OperatorMetrics,
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._clock = clock
        self._runner = runner
        self._build_probe = build_probe
        self._metrics = metrics
        self._policy: DegradationPolicy | None = None  # the last valid one
        self._spec: Spec | None = None
        self._override: Override | None = None  # the last valid one
        self._decision: Decision = begin(clock.now())
        self._published = Published()
        self._stands = False  # whether the document that was published last is what stands there
        self._events: list[Event] = []
        self._unpublished: tuple[str, str] | None = None
        self._complained: str | None = None
        self._wake = asyncio.Event()
        self._look_again = True  # at what stands published
        self._found_revision: int | None = None  # of the document that was found when looking last
        self._generation = 0  # of the last valid policy
        self._status_written = -inf
        self._status_due = inf
        self.restored = False

    @property
    def source(self) -> PolicySource:
        """The version of the policy that was given last."""
        return self._source

    @property
    def published(self) -> bool:
        """Whether the decision stands published, as far as is known."""
        return self._stands and self._unpublished is None

    def update(self, source: PolicySource) -> None:
        """A newer version of the policy or its override, or somebody touched what is published."""
        self._source = source
        self._look_again = True
        self._wake.set()

    def take(self, dependency: str, result: ProbeResult) -> Follow:
        """Evaluate a result, and say what it means for the next probe of that dependency."""
        if self._spec is None:
            return Follow.INCONCLUSIVE
        before = self._decision
        self._decision = evaluate(
            self._spec, [(dependency, result)], before, self._clock.now(), override=self._override
        )
        after = self._decision
        old, new = before.dependencies.get(dependency), after.dependencies.get(dependency)
        shown = old is None or new is None or old.standing is not new.standing
        if shown or after.verdict is not before.verdict or after.next_at != before.next_at:
            self._wake.set()
        if result.outcome.state is None:
            return Follow.INCONCLUSIVE
        state = None if new is None else new.standing.state
        return Follow.AGREES if result.outcome.state is state else Follow.DISAGREES

    async def run(self) -> None:
        """Publish what changes, until cancelled."""
        delay = RETRY_FIRST
        while True:
            self._wake.clear()
            if await self._step():
                delay = RETRY_FIRST
                until = min(self._decision.next_at if self._spec else inf, self._status_due)
                await self._sleep(until)
            else:
                # Whatever happens meanwhile waits: a place that is in trouble is not asked again at once.
                await asyncio.sleep(delay)
                delay = min(RETRY_MOST, delay * 2)

    def close(self) -> None:
        """Probe no more; what is published stays."""
        for dependency in self._policy.spec.dependencies if self._policy else ():
            self._runner.remove(self._key(dependency.name))
        self._metrics.forget_policy(self._source.ref)

    async def _sleep(self, until: float) -> None:
        left = until - self._clock.now().monotonic
        try:
            async with asyncio.timeout(None if left == inf else max(0.0, left)):
                await self._wake.wait()
        except TimeoutError:
            pass

    # -- one step: what stands there, what was asked for, what is decided, what must be written

    async def _step(self) -> bool:
        """Whether all that had to be read and written was."""
        try:
            if self._look_again:
                await self._look()
            self._adopt_source()
            if self._spec is not None:
                self._decision = evaluate(
                    self._spec, [], self._decision, self._clock.now(), override=self._override
                )
            await self._publish()
        except PublishError as error:
            self._metrics.publish_failed(error.failure)
            if error.message != self._complained:
                log.warning("%s", error.message, extra={"policy": str(self._source.ref)})
            self._complained = error.message
            self._look_again = True
            return False
        self._complained = None
        return True

    async def _look(self) -> None:
        """Read what stands published; at first it is what the engine goes on from."""
        self._look_again = False
        try:
            found = await self._publisher.read(self._source)
        except PublishError:
            self._look_again = True
            raise
        ours = found.document
        if ours is not None and ours.uid != self._source.uid:
            ours = None
        self._found_revision = None if ours is None else ours.revision
        if not self.restored:
            self._decision = seed(ours, found.status, self._clock.now())
            self._published = replace(found, document=ours)
            # A document behind its status is an old one that somebody put back: agents are ahead of it.
            seen = 0 if found.status is None else found.status.revision or 0
            self._stands = ours is not None and ours.revision >= seen
            self._override = _override_of(ours)
            self.restored = True
            return
        if found.document != self._published.document:
            if self._stands:
                log.warning(
                    "the document was changed or deleted by somebody else; writing it again",
                    extra={"policy": str(self._source.ref)},
                )
            self._stands = False
        touched = replace(self._published, status=found.status, policy_status=found.policy_status)
        if touched != self._published:
            self._published = touched
            self._status_written = -inf  # What somebody else touched is mended at once.

    def _adopt_source(self) -> None:
        source = self._source
        if source.override_problem is None:
            self._override = source.override
        if isinstance(source.policy, InvalidPolicy) or source.policy is self._policy:
            return
        policy, old = source.policy, self._policy
        before = {} if old is None else {d.name: d for d in old.spec.dependencies}
        self._policy, self._spec = policy, compile_spec(policy)
        self._generation = source.generation
        for dependency in policy.spec.dependencies:
            was = before.pop(dependency.name, None)
            if was is None or was.probe != dependency.probe:
                self._probe(dependency)
        for name in before:
            self._runner.remove(self._key(name))

    def _probe(self, dependency: Dependency) -> None:
        probe = dependency.probe
        timing = Timing(
            interval=probe.interval_seconds,
            recheck_interval=probe.recheck_seconds,
            phase=phase_of(self._source.uid, dependency.name),
        )
        self._runner.add(
            self._key(dependency.name), self._build_probe(dependency, self._source.ref.namespace), timing
        )

    def _key(self, dependency: str) -> ProbeKey:
        return (self._source.ref.namespace, self._source.ref.name, dependency)

    async def _publish(self) -> None:
        explanation = None
        if self._spec is not None and self._decision.verdict is not None:
            explanation = explain(self._spec, self._decision, self._decision.verdict)
            try:
                await self._publish_document(explanation)
            except PublishError as error:
                # Where the document cannot be written, the policy's status can perhaps say so.
                self._unpublished = (_UNPUBLISHED[error.failure], error.message)
                await self._publish_policy_status(explanation)
                raise
            self._unpublished = None
        self._metrics.show(self._source.ref, self._decision, self._published.document)
        await self._publish_statuses(explanation)

    async def _publish_document(self, explanation: Explanation) -> None:
        spec, decision, verdict = self._spec, self._decision, self._decision.verdict
        if spec is None or verdict is None:
            return
        previous = self._published.document
        now = self._clock.now().wall
        draft = compose_document(
            str(self._source.ref),
            self._source.uid,
            spec,
            decision,
            verdict,
            cause=explanation.cause,
            revision=0 if previous is None else previous.revision,
            previous=previous,
            now=now,
        )
        if self._stands and previous is not None and change_key(draft) == change_key(previous):
            return
        status = self._published.status
        revision = next_revision(
            self._found_revision,
            None if previous is None else previous.revision,
            None if status is None else status.revision,
            wall=now,
        )
        document = replace(draft, revision=revision)
        with self._metrics.publishing():
            await self._publisher.write_document(self._source, document)
        self._published = replace(self._published, document=document)
        self._found_revision = revision
        self._stands = True
        self._status_written = -inf  # A status goes with each change of the document.
        self._tell(previous, document)

    def _tell(self, previous: Document | None, document: Document) -> None:
        event = compose_event(previous, document)
        if event is not None:
            self._events.append(event)
        if previous is not None and previous.level is not document.level:
            self._metrics.transition(self._source.ref, previous.level, document.level)

    async def _publish_statuses(self, explanation: Explanation | None) -> None:
        now = self._clock.now().monotonic
        if now < self._status_written + STATUS_EVERY:
            self._status_due = self._status_written + STATUS_EVERY
            return
        document = self._published.document
        wrote = False
        if explanation is not None and document is not None and self._decision.verdict is not None:
            status = compose_status(
                self._decision,
                self._decision.verdict,
                explanation,
                document,
                generation=self._generation,
                previous=self._published.status,
            )
            if status != self._published.status:
                await self._publisher.write_status(self._source, status)
                self._published = replace(self._published, status=status)
                wrote = True
        wrote = await self._publish_policy_status(explanation) or wrote
        while self._events:
            await self._publisher.emit(self._source, self._events[0])
            del self._events[0]
        self._status_due = inf
        if wrote:
            self._status_written = now

    async def _publish_policy_status(self, explanation: Explanation | None) -> bool:
        source = self._source
        before = self._published.policy_status
        facts = Facts(
            invalid="; ".join(map(str, source.policy.problems))
            if isinstance(source.policy, InvalidPolicy)
            else None,
            published=self._published.document is not None,
            unpublished=self._unpublished,
            wanted=self._override,
            override_problem=source.override_problem,
        )
        conditions = compose_conditions(
            self._decision,
            self._published.document,
            explanation,
            facts,
            generation=source.generation,
            previous=() if before is None else before.conditions,
            now=self._clock.now().wall,
        )
        status = compose_policy_status(
            self._published.document,
            explanation=explanation,
            mode=None if self._spec is None else self._spec.mode,
            observed_generation=source.generation,
            config_map_name=None if self._policy is None else self._policy.config_map_name,
            conditions=conditions,
        )
        self._metrics.policy_ready(source.ref, ready=conditions[0].status == "True")
        if status == before:
            return False
        await self._publisher.write_policy_status(source, status)
        self._published = replace(self._published, policy_status=status)
        return True


def _override_of(document: Document | None) -> Override | None:
    """The override that was in force when the document was written: it holds where its source is unreadable."""
    order = None if document is None else document.override
    if order is None:
        return None
    try:
        return parse_override({"level": int(order.level), "reason": order.reason, "until": order.until})
    except InvalidOverride:
        return None
