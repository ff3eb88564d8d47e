"""The whole exposition of an agent's metrics."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from degradation import Agent, ConfigurationError, DocumentError
from degradation.view import View
from tests.support.golden import assert_golden


@pytest.fixture
def registry() -> Iterator[CollectorRegistry]:
    registry = CollectorRegistry()
    yield registry
    assert generate_latest(registry) == b""  # what ran has taken its metrics with it


def test_before_any_document(registry: CollectorRegistry) -> None:
    with Agent.disconnected(registry=registry):
        assert_golden("sdk/metrics-at-first.txt", generate_latest(registry).decode())


def test_everything_that_can_be_counted(registry: CollectorRegistry) -> None:
    agent = Agent.disconnected(registry=registry)

    @agent.feature("cache", fallback=lambda: None)
    def cached() -> None: ...

    @agent.feature("ocr")
    def ocr() -> None: ...

    with agent:
        view = View(
            level=agent.level, policy="shop/shop", features={"cache": False, "ocr": True}, revision=42
        )
        agent._board.publish(view)
        cached()
        ocr()
        ocr()
        agent.enabled("typo")
        agent._runner.refused(DocumentError("older", "older"))
        assert_golden("sdk/metrics.txt", generate_latest(registry).decode())


def test_two_agents_need_a_registry_each(registry: CollectorRegistry) -> None:
    second = Agent.disconnected(registry=registry)
    with Agent.disconnected(registry=registry):
        with pytest.raises(ConfigurationError, match="give each agent its own"):
            second.__enter__()
        with Agent.disconnected(registry=CollectorRegistry()):
            pass
    with second:
        pass
