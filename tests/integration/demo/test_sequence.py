"""The demo's story, with an agent in a process of its own."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from degradation_operator.demo.environment import Environment
from degradation_operator.demo.observation import Watcher
from degradation_operator.demo.sequence import START, STEPS, perform
from degradation_operator.demo.servers.scratch import make_scratch
from degradation_operator.demo.views import verdict


@pytest.fixture
def directory() -> Iterator[Path]:
    made = make_scratch("test")
    yield made
    shutil.rmtree(made)


async def test_each_fault_has_its_level_and_its_answers(directory: Path) -> None:
    async with Environment(directory) as environment, Watcher(environment.shop.url) as watcher:
        for step in (START, *STEPS):
            result = await perform(step, environment, watcher, lambda *_: None)
            assert result.met, f"{step.title}: {verdict(result)}"
        state = json.loads((environment.operator.published / ".state.json").read_text())
        agent_log = environment.shop.log.read_text()
    levels = [transition["to"] for transition in reversed(state["status"]["transitions"])]
    assert levels[-7:] == [2, 1, 3, 1, 4, 5, 1], "a level between the steps"
    assert "Traceback" not in agent_log
