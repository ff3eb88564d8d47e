"""Publishing: what is written, in which order, and what happens where it cannot be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from degradation.document import Document
from degradation_operator.api.dependency import Dependency
from degradation_operator.api.override import Override
from degradation_operator.api.parse import parse_policy
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import InvalidPolicy, Problem
from degradation_operator.api.status import LevelStatus, PolicyStatus
from degradation_operator.control.controller import Controller
from degradation_operator.engine.model import Now, ProbeResult
from degradation_operator.engine.status import Event
from degradation_operator.ports import PolicyRef, PolicySource, Published, PublishError
from degradation_operator.probes.deadline import Deadline
from degradation_operator.telemetry.metrics import OperatorMetrics
from tests.support.waiting import eventually
from tests.unit.engine.machine import DOWN, UP

REF = PolicyRef("shop", "shop")


def policy(**spec: Any) -> DegradationPolicy:
    return parse_policy(
        {
            "apiVersion": "degradation.dev/v1alpha1",
            "kind": "DegradationPolicy",
            "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {
                "recovery": {"holdFor": "0s"},
                "dependencies": [
                    {
                        "name": "redis",
                        "impact": {"down": 2},
                        "probe": {"interval": "100ms", "redis": {"host": "redis.shop.svc"}},
                    }
                ],
            }
            | spec,
        }
    )


SOURCE = PolicySource(ref=REF, uid="u", generation=1, policy=policy())


class Clock:
    def now(self) -> Now:
        return Now(time.monotonic(), datetime.now(UTC))


@dataclass
class Store:
    """One policy, changed by the test."""

    source: PolicySource | None = SOURCE
    touched: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.touched.set()

    async def changed(self) -> PolicyRef:
        await self.touched.wait()
        self.touched.clear()
        return REF

    def get(self, ref: PolicyRef) -> PolicySource | None:
        return self.source

    def put(self, source: PolicySource | None) -> None:
        self.source = source
        self.touched.set()


@dataclass
class Place:
    """Where is published; its faults are the test's."""

    stands: Published = field(default_factory=Published)
    writes: list[object] = field(default_factory=list)
    fault: Exception | None = None

    async def read(self, source: PolicySource) -> Published:
        return self.stands

    async def write_document(self, source: PolicySource, document: Document) -> None:
        if self.fault is not None:
            raise self.fault
        self.writes.append(document)
        self.stands = replace(self.stands, document=document)

    async def write_status(self, source: PolicySource, status: LevelStatus) -> None:
        self.writes.append(status)
        self.stands = replace(self.stands, status=status)

    async def write_policy_status(self, source: PolicySource, status: PolicyStatus) -> None:
        self.writes.append(status)
        self.stands = replace(self.stands, policy_status=status)

    async def emit(self, source: PolicySource, event: Event) -> None:
        self.writes.append(event)

    def condition(self, kind: str) -> tuple[str, str] | None:
        status = self.stands.policy_status
        entries = () if status is None else status.conditions
        return next(((c.status, c.reason) for c in entries if c.type == kind), None)

    @property
    def level(self) -> int | None:
        return None if self.stands.document is None else int(self.stands.document.level)

    def kinds(self) -> list[str]:
        return [type(write).__name__ for write in self.writes]


@dataclass
class World:
    """A controller with one probe whose result is the test's."""

    store: Store = field(default_factory=Store)
    place: Place = field(default_factory=Place)
    result: ProbeResult = UP
    kind: str = "fake"
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    controller: Controller | None = None
    results: list[ProbeResult] = field(default_factory=list)

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        self.results.append(self.result)
        return self.result

    def abort(self) -> None: ...

    async def aclose(self) -> None: ...

    def build(self, dependency: Dependency, namespace: str) -> World:
        return self

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        controller = self.controller = Controller(
            store=self.store,
            publisher=self.place,
            clock=Clock(),
            build_probe=self.build,
            metrics=OperatorMetrics(self.registry),
        )
        task = asyncio.create_task(controller.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=5)
        assert [t for t in asyncio.all_tasks() if "degradation_operator" in str(t.get_stack())] == []

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World().running() as world:
        await eventually(lambda: world.place.condition("Published") == ("True", "Published"))
        world.place.writes.clear()
        yield world


async def test_a_change_is_written_in_the_order_of_the_contract(world: World) -> None:
    world.result = DOWN
    await eventually(lambda: len(world.place.writes) == 4)
    assert world.place.kinds() == ["Document", "LevelStatus", "PolicyStatus", "Event"]
    assert (
        world.metric(
            "degradation_transitions_total",
            policy_namespace="shop",
            policy="shop",
            from_level="OPTIMAL",
            to_level="DEGRADED",
        )
        == 1
    )


async def test_at_rest_nothing_is_written(world: World) -> None:
    await asyncio.sleep(0.5)  # Five probes, each as before.
    assert world.place.writes == []


async def test_a_document_that_cannot_be_written_is_told_and_tried_again(world: World) -> None:
    revision = world.place.stands.document
    world.place.fault = PublishError("forbidden", "the operator may not write: grant it patch")
    world.result = DOWN
    await eventually(lambda: world.place.condition("Published") == ("False", "Forbidden"))
    assert (world.place.kinds(), world.place.level) == (["PolicyStatus"], 1)
    assert world.metric("degradation_publish_failures_total", reason="forbidden") == 1
    world.place.fault = None
    await eventually(lambda: world.place.level == 2)
    await eventually(lambda: world.place.condition("Published") == ("True", "Published"), within=8)
    assert revision is not None
    assert world.place.stands.document is not None
    assert world.place.stands.document.revision == revision.revision + 1


async def test_a_document_behind_its_status_is_written_again_ahead_of_both() -> None:
    async with World().running() as before:
        await eventually(lambda: before.place.condition("Published") == ("True", "Published"))
        stands = before.place.stands
    assert stands.document is not None
    assert stands.status is not None
    ahead = stands.document.revision + 100
    old = replace(stands, status=stands.status.model_copy(update={"revision": ahead}))
    world = World(place=Place(stands=old))
    async with world.running():
        await eventually(lambda: (d := world.place.stands.document) is not None and d.revision == ahead + 1)
        await eventually(lambda: (s := world.place.stands.status) is not None and s.revision == ahead + 1)


async def test_an_override_that_cannot_be_read_after_a_start_holds_as_it_was_published() -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    order = Override(level=4, reason="drill", until=until)
    async with World(store=Store(source=replace(SOURCE, override=order))).running() as before:
        await eventually(lambda: before.place.level == 4)
        await eventually(lambda: before.place.condition("Overridden") == ("True", "Overridden"))
        stands = before.place.stands
    unreadable = replace(SOURCE, override=None, override_problem="is no JSON")
    world = World(store=Store(source=unreadable), place=Place(stands=stands))
    async with world.running():
        await eventually(lambda: len(world.results) > 3)
        assert world.place.stands.document == stands.document


async def test_what_cannot_be_written_does_not_count_as_published() -> None:
    world = World()
    async with world.running() as running:
        await eventually(lambda: running.controller is not None and running.controller.published)
        running.place.fault = PublishError("other", "the disk is full")
        running.result = DOWN
        await eventually(lambda: running.controller is not None and not running.controller.published)


async def test_what_changed_while_writing_failed_is_written_as_it_is_then(world: World) -> None:
    world.place.fault = PublishError("unavailable", "no answer")
    world.result = DOWN
    await eventually(lambda: world.place.condition("Published") == ("False", "Unavailable"))
    world.result = UP
    await asyncio.sleep(0.5)
    world.place.fault = None
    await eventually(lambda: world.place.condition("Published") == ("True", "Published"), within=10)
    assert "Document" not in world.place.kinds()  # It is as it was before: nothing to write.


async def test_an_invalid_spec_is_told_and_the_last_valid_one_goes_on(world: World) -> None:
    broken = InvalidPolicy([Problem("spec.dependencies", "is required")])
    world.store.put(replace(SOURCE, generation=2, policy=broken))
    await eventually(lambda: world.place.condition("Ready") == ("False", "InvalidSpec"), within=8)
    world.result = DOWN
    await eventually(lambda: world.place.level == 2)
    status, policy_status = world.place.stands.status, world.place.stands.policy_status
    assert status is not None
    assert policy_status is not None
    assert (status.policy_generation, policy_status.observed_generation) == (1, 2)


async def test_a_fault_of_ours_in_one_loop_begins_it_again_from_what_stands(world: World) -> None:
    world.place.fault = ZeroDivisionError("a bug")
    world.result = DOWN
    await asyncio.sleep(0.5)
    world.place.fault = None
    await eventually(lambda: world.place.level == 2)


async def test_a_policy_that_is_gone_is_probed_no_more_and_its_document_stays(world: World) -> None:
    world.store.put(None)
    labels = {"policy_namespace": "shop", "policy": "shop", "level_name": "OPTIMAL"}
    await eventually(lambda: world.metric("degradation_level", **labels) is None)
    world.result = DOWN
    await asyncio.sleep(0.3)
    assert world.place.writes == []


async def test_another_uid_under_the_name_begins_anew(world: World) -> None:
    world.store.put(replace(SOURCE, uid="another"))
    await eventually(lambda: (d := world.place.stands.document) is not None and d.uid == "another")
    document = world.place.stands.document
    assert document is not None
    assert document.previous_level is None


async def test_started_on_an_invalid_spec_the_document_stays_frozen() -> None:
    async with World().running() as before:
        await eventually(lambda: before.place.condition("Published") == ("True", "Published"))
        stands = before.place.stands
    broken = InvalidPolicy([Problem("spec", "is required")])
    world = World(store=Store(source=replace(SOURCE, policy=broken)), place=Place(stands=stands), result=DOWN)
    async with world.running():
        await eventually(lambda: world.place.condition("Ready") == ("False", "InvalidSpec"))
        await asyncio.sleep(0.3)
        assert world.place.stands.document == stands.document
