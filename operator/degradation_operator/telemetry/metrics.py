"""The operator's metrics, by the names of the contract."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from degradation.document import Document, Mode
from degradation.level import Level
from degradation_operator.api.names import PresentState
from degradation_operator.engine.evaluate import Decision
from degradation_operator.engine.model import Outcome, ProbeResult
from degradation_operator.engine.states import Standing
from degradation_operator.ports import PolicyRef, PublishFailure

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_POLICY: Final = ("policy_namespace", "policy")


class OperatorMetrics:
    """Counts what the operator does.

    Args:
        registry: Where the metrics are registered; each object needs one of its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._level = Gauge(
            "degradation_level",
            "The published level, 1 (OPTIMAL) to 5 (EMERGENCY).",
            (*_POLICY, "level_name"),
            registry=registry,
        )
        self._transitions = Counter(
            "degradation_transitions",
            "Changes of the published level.",
            (*_POLICY, "from_level", "to_level"),
            registry=registry,
        )
        self._dependency = Gauge(
            "degradation_dependency_state",
            "1 for the dependency's present state, 0 for the others.",
            (*_POLICY, "dependency", "state"),
            registry=registry,
        )
        self._duration = Histogram(
            "degradation_probe_duration_seconds",
            "Time to the answer on a warm connection.",
            ("kind",),
            registry=registry,
            buckets=_FAST,
        )
        self._results = Counter(
            "degradation_probe_results", "Results of probes.", ("kind", "result"), registry=registry
        )
        self._lag = Gauge(
            "degradation_schedule_lag_seconds",
            "How late after it was due the last probe started.",
            registry=registry,
        )
        self._in_flight = Gauge("degradation_probes_in_flight", "Probes that run now.", registry=registry)
        self._publish = Histogram(
            "degradation_publish_duration_seconds",
            "Time to write a document.",
            registry=registry,
            buckets=_FAST,
        )
        self._failures = Counter(
            "degradation_publish_failures", "Writes that failed.", ("reason",), registry=registry
        )
        self._ready = Gauge(
            "degradation_policy_ready",
            "1 where the policy's condition Ready is True.",
            _POLICY,
            registry=registry,
        )
        self._observed = Gauge(
            "degradation_observed_level",
            "The level that the rules give, under Observe and while an override is in force.",
            _POLICY,
            registry=registry,
        )
        self._renewals = Counter(
            "degradation_connection_renewal_failures",
            "Warm connections that could not be renewed in the background.",
            ("kind",),
            registry=registry,
        )
        # Looking a labelled series up costs more than counting: the two that every probe needs are kept.
        self._by_kind: dict[str, Histogram] = {}
        self._by_result: dict[tuple[str, Outcome], Counter] = {}
        # What is shown now, so that only what changed is touched.
        self._shown_level: dict[PolicyRef, Level] = {}
        self._shown: dict[PolicyRef, dict[str, Standing]] = {}

    # -- probes

    def probe_started(self, lag: float) -> None:
        """A probe started, `lag` seconds after it was due."""
        self._lag.set(lag)

    def probe_ended(self, kind: str, result: ProbeResult) -> None:
        """A probe ended with a result."""
        counter = self._by_result.get((kind, result.outcome))
        if counter is None:
            counter = self._results.labels(kind, result.outcome.value)
            self._by_result[kind, result.outcome] = counter
        counter.inc()
        if result.seconds is not None:
            histogram = self._by_kind.get(kind)
            if histogram is None:
                histogram = self._by_kind[kind] = self._duration.labels(kind)
            histogram.observe(result.seconds)

    def probes_in_flight(self, number: int) -> None:
        """How many probes run now."""
        self._in_flight.set(number)

    def renewal_failed(self, kind: str) -> None:
        """A warm connection could not be renewed."""
        self._renewals.labels(kind).inc()

    # -- publishing

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Time the write of a document that succeeds."""
        start = time.perf_counter()
        yield
        self._publish.observe(time.perf_counter() - start)

    def publish_failed(self, failure: PublishFailure) -> None:
        """A write failed."""
        self._failures.labels(failure).inc()

    def transition(self, ref: PolicyRef, old: Level, new: Level) -> None:
        """The published level changed."""
        self._transitions.labels(ref.namespace, ref.name, old.name, new.name).inc()

    # -- policies

    def policy_ready(self, ref: PolicyRef, *, ready: bool) -> None:
        """Whether the policy's condition Ready is True."""
        self._ready.labels(ref.namespace, ref.name).set(ready)

    def show(self, ref: PolicyRef, decision: Decision, document: Document | None) -> None:
        """Show a policy as it stands: what is published, and the present states."""
        labels = (ref.namespace, ref.name)
        if document is not None:
            before = self._shown_level.get(ref)
            if before is not None and before is not document.level:
                self._level.remove(*labels, before.name)
            self._shown_level[ref] = document.level
            self._level.labels(*labels, document.level.name).set(document.level)
        verdict = decision.verdict
        if verdict is not None and (verdict.mode is Mode.OBSERVE or verdict.override is not None):
            self._observed.labels(*labels).set(verdict.computed.level)
        else:
            _remove(self._observed, *labels)
        shown = self._shown.setdefault(ref, {})
        for name in shown.keys() - decision.dependencies.keys():
            self.forget_dependency(ref, name)
        for name, memory in decision.dependencies.items():
            if shown.get(name) is not memory.standing:
                shown[name] = memory.standing
                present = _present(memory.standing)
                for state in PresentState:
                    self._dependency.labels(*labels, name, state.value).set(state is present)

    def forget_dependency(self, ref: PolicyRef, dependency: str) -> None:
        """Show a dependency no more."""
        self._shown.get(ref, {}).pop(dependency, None)
        for state in PresentState:
            _remove(self._dependency, ref.namespace, ref.name, dependency, state.value)

    def forget_policy(self, ref: PolicyRef) -> None:
        """Show a policy no more; what was counted of it stays counted."""
        labels = (ref.namespace, ref.name)
        for name in list(self._shown.pop(ref, {})):
            self.forget_dependency(ref, name)
        level = self._shown_level.pop(ref, None)
        if level is not None:
            _remove(self._level, *labels, level.name)
        _remove(self._ready, *labels)
        _remove(self._observed, *labels)


def _present(standing: Standing) -> PresentState:
    if standing.unknown is not None or standing.state is None:
        return PresentState.UNKNOWN
    return PresentState(standing.state.value)


def _remove(metric: Gauge, *labels: str) -> None:
    with suppress(KeyError):
        metric.remove(*labels)
