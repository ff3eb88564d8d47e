"""What the operator shows of itself, as text."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from degradation.document import Document, Mode
from degradation.level import Level
from degradation_operator.ports import PolicyRef
from degradation_operator.telemetry.metrics import OperatorMetrics
from tests.support.golden import assert_golden
from tests.unit.engine.machine import DOWN, UNKNOWN, UP, Machine, retail

REF = PolicyRef("retail", "retail")


def document(level: int) -> Document:
    return Document(policy="retail/retail", uid="u", revision=1, level=Level(level), since="")


def text(registry: CollectorRegistry) -> str:
    lines = generate_latest(registry).decode().splitlines(keepends=True)
    return "".join(line for line in lines if "_created" not in line)


def test_all_of_it() -> None:
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    machine = Machine(retail()).healthy()
    metrics.show(REF, machine.decision, document(1))
    metrics.policy_ready(REF, ready=True)
    machine.feed(1, redis="down down", openai="unknown unknown")
    metrics.transition(REF, Level(1), Level(2))
    metrics.show(REF, machine.decision, document(2))
    metrics.probe_started(0.25)
    metrics.probes_in_flight(3)
    metrics.probe_ended("redis", replace(UP, seconds=0.002))
    metrics.probe_ended("redis", DOWN)
    metrics.probe_ended("openai", UNKNOWN)
    metrics.renewal_failed("redis")
    metrics.publish_failed("forbidden")
    assert_golden("telemetry/metrics.txt", text(registry))


def test_the_observed_level_is_shown_only_beside_the_published_one() -> None:
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    machine = Machine(retail(mode=Mode.OBSERVE)).healthy().feed(1, redis="down down")
    metrics.show(REF, machine.decision, document(1))
    assert 'degradation_observed_level{policy="retail",policy_namespace="retail"} 2.0' in text(registry)
    machine.spec = retail()
    metrics.show(REF, machine.feed(2).decision, document(2))
    assert "degradation_observed_level{" not in text(registry)


def test_a_policy_that_is_gone_is_shown_no_more() -> None:
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    metrics.show(REF, Machine(retail()).healthy().decision, document(1))
    metrics.policy_ready(REF, ready=True)
    metrics.forget_policy(REF)
    assert 'policy="retail"' not in text(registry)
