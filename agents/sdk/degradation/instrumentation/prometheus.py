"""An agent's metrics. They are read from its state when they are collected: counting costs no call anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, get_args

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from degradation._errors import ConfigurationError
from degradation.view import Status

if TYPE_CHECKING:
    from degradation._board import Board
    from degradation._runner import Runner

__all__ = ["AgentCollector"]


class _HasStatus(Protocol):
    @property
    def status(self) -> Status: ...


class AgentCollector(Collector):
    """The metrics of one agent.

    Args:
        agent: Its status.
        board: Its view and gates.
        runner: Its refusals.
    """

    def __init__(self, agent: _HasStatus, board: Board, runner: Runner) -> None:
        self._agent = agent
        self._board = board
        self._runner = runner
        self._registry: CollectorRegistry | None = None

    def register(self, registry: CollectorRegistry | None) -> None:
        """Be collected with a registry, None: prometheus_client's own.

        Raises:
            ConfigurationError: Another agent is.
        """
        registry = REGISTRY if registry is None else registry
        try:
            registry.register(self)
        except ValueError as error:
            raise ConfigurationError(
                "another agent has its metrics in this registry: give each agent its own, as in "
                "Agent.from_environment(registry=CollectorRegistry())"
            ) from error
        self._registry = registry

    def unregister(self) -> None:
        """Be collected no more."""
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.unregister(self)

    def describe(self) -> Iterator[Metric]:
        """The names, so that a registry notices a second agent."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are at this moment."""
        view = self._board.view
        yield GaugeMetricFamily(
            "degradation_agent_level", "Level this process runs at, 1 to 5.", int(view.level)
        )
        yield GaugeMetricFamily(
            "degradation_agent_revision",
            "Revision of the last document that applied whole; 0 before the first.",
            view.revision or 0,
        )
        status = GaugeMetricFamily(
            "degradation_agent_status", "1 for the status the agent has, 0 for the others.", labels=["status"]
        )
        present = self._agent.status
        for name in get_args(Status):
            status.add_metric([name], int(name == present))
        yield status
        refused = CounterMetricFamily(
            "degradation_agent_documents_refused",
            "Documents refused, with the last good one kept.",
            labels=["reason"],
        )
        for reason, count in self._runner.refusals.items():
            refused.add_metric([reason], count)
        yield refused
        undeclared = CounterMetricFamily(
            "degradation_feature_undeclared",
            "Questions for a feature that the document does not name.",
            labels=["feature"],
        )
        for feature, count in sorted(self._board.undeclared.copy().items()):
            undeclared.add_metric([feature], count)
        yield undeclared
        calls = CounterMetricFamily(
            "degradation_feature_calls",
            "Calls of gated functions: made, answered by a fallback, or refused.",
            labels=["feature", "outcome"],
        )
        for feature, gate in sorted(self._board.gates().items()):
            calls.add_metric([feature, "on"], gate.on)
            calls.add_metric([feature, "fallback"], gate.fallback)
            calls.add_metric([feature, "refused"], gate.refused)
        yield calls
