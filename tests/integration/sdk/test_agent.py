"""A running agent: in an event loop, in a thread, in a process of its own, after a fork."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from degradation import Agent, Change, ConfigurationError
from degradation.document import KEY, State
from tests.support.directory import swap
from tests.support.documents import document
from tests.support.waiting import eventually


def agent_of(directory: Path, **settings: Any) -> Agent:
    return Agent(directory, registry=CollectorRegistry(), **settings)


async def test_it_follows_in_the_running_loop(tmp_path: Path) -> None:
    swap(tmp_path, document(1, 3, states={"redis": State.DOWN}, features={"cache": False}))
    agent, heard = agent_of(tmp_path), list[Change]()
    agent.on_change(heard.append)

    async with agent:
        assert (agent.level, agent.revision, agent.status, agent.view.source) == (3, 1, "Ready", "directory")
        assert (agent.enabled("cache"), agent.dependency("redis").state) == (False, "Down")
        swap(tmp_path, document(2, 1, ramp_over=0.0))
        await eventually(lambda: agent.level == 1)
        (tmp_path / "heartbeat").touch()
        await eventually(lambda: agent.confirmation == "heartbeat")
    assert [change.changed for change in heard] == [
        {"level", "features.cache", "dependencies.redis"},
        {"level", "features.cache", "dependencies.redis"},
    ]
    assert (agent.level, agent.revision) == (1, 2)  # what applied last


async def test_improvements_come_in_turn(tmp_path: Path) -> None:
    swap(tmp_path, document(1, 4))
    async with agent_of(tmp_path, pod="pod-a") as agent:  # its share is 0.608
        swap(tmp_path, document(2, 2, ramp_over=0.5))
        await eventually(lambda: agent.pending_revision == 2)
        began = time.monotonic()
        assert agent.level == 4
        await eventually(lambda: agent.level == 2, every=0.005)
        assert 0.2 < time.monotonic() - began < 2.0
        assert (agent.revision, agent.pending_revision) == (2, None)


async def test_stale_without_heartbeats(tmp_path: Path) -> None:
    swap(tmp_path, document(1, 2))
    (tmp_path / "heartbeat").touch()
    async with agent_of(tmp_path, stale_after=0.3) as agent:
        assert agent.status == "Ready"
        await eventually(lambda: agent.status == "Stale")
        assert agent.level == 2


async def test_a_start_waits_two_seconds_for_a_document_and_no_longer(tmp_path: Path) -> None:
    began = time.monotonic()
    async with agent_of(tmp_path / "absent", initial_level=2) as agent:
        assert 1.9 < time.monotonic() - began < 4
        assert (agent.level, agent.status, agent.revision) == (2, "NotReady", None)
        swap(tmp_path / "absent", document(1, 3))
        await eventually(lambda: agent.level == 3)


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    agent = agent_of(tmp_path / "absent")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await agent.__aenter__()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(TimeoutError):  # and it may start again
        async with asyncio.timeout(0.1):
            await agent.__aenter__()


async def test_it_runs_once_at_a_time(tmp_path: Path) -> None:
    swap(tmp_path, document(1))
    async with agent_of(tmp_path) as agent:
        with pytest.raises(ConfigurationError, match="runs already"):
            await agent.__aenter__()
        assert agent.status == "Ready"


async def test_stopping_does_not_wait_for_a_listener(tmp_path: Path) -> None:
    swap(tmp_path, document(1, 2))
    agent, began = agent_of(tmp_path), asyncio.Event()

    @agent.on_change
    async def endless(_change: Change) -> None:
        began.set()
        await asyncio.Event().wait()

    async with agent, asyncio.timeout(5):
        await began.wait()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_refusals_are_counted_and_the_last_good_one_stays(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    swap(tmp_path, document(5, 4))
    async with Agent(tmp_path, registry=registry) as agent:

        async def refused(reason: str, **_: object) -> None:
            line = f'documents_refused_total{{reason="{reason}"}} 1.0'
            await eventually(lambda: line in generate_latest(registry).decode(), what=line)
            assert (agent.level, agent.revision) == (4, 5)

        swap(tmp_path, {KEY: b"{"})
        await refused("unparsable")
        swap(tmp_path, document(4, 1))
        await refused("older")
        swap(tmp_path, document(9, 1, policy="shop/other"))
        await refused("other-policy")
        swap(tmp_path, {KEY: b" " * 65 * 1024})
        await refused("too-large")
        swap(tmp_path, {})
        await refused("missing")
        swap(tmp_path, document(6, 5))
        await eventually(lambda: agent.level == 5)


def test_in_a_thread(tmp_path: Path) -> None:
    swap(tmp_path, document(1, 2))
    agent, heard = agent_of(tmp_path), threading.Event()

    @agent.on_change
    async def note(change: Change) -> None:
        if change.new.level == 5:
            heard.set()

    for _ in range(2):
        heard.clear()
        with agent:
            assert agent.level == 2
            swap(tmp_path, document(2, 5))
            assert heard.wait(5)
        assert not [thread for thread in threading.enumerate() if thread.name == "degradation-agent"]
        (tmp_path / "..data").unlink()  # the next start begins anew
        swap(tmp_path, document(1, 2))
    gc.collect()


def test_a_thread_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing to follow"), Agent():
        pass


class App:
    """The application of `tests/support/following_app.py`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> str:
        rest, errors = self._process.communicate(timeout=10)
        assert self._process.returncode == 0, errors
        return errors + rest


@contextmanager
def app(directory: Path, *flags: str) -> Iterator[App]:
    command = [sys.executable, "-m", "tests.support.following_app", str(directory), *flags]
    root = Path(__file__).parents[3]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield App(process)
        finally:
            process.kill()


@pytest.mark.parametrize("flags", [(), ("--threaded",)], ids=["async", "threaded"])
def test_a_process_follows_within_100_ms(tmp_path: Path, flags: tuple[str, ...]) -> None:
    swap(tmp_path, document(1, 1, features={"cache": True}, ramp_over=0.0))
    delays = []
    with app(tmp_path, *flags) as process:
        assert process.line()["what"] == "started"
        for revision in range(2, 12):
            bad = revision % 2 == 0
            level = 4 if bad else 1
            began = time.monotonic()
            swap(tmp_path, document(revision, level, features={"cache": not bad}, ramp_over=0.0))
            line = process.line()
            delays.append(line["at"] - began)
            assert (line["what"], line["level"], line["revision"], line["cache"]) == (
                "changed",
                level,
                revision,
                not bad,
            )
        process.end()
    assert sorted(delays)[len(delays) // 2] < 0.1, delays


def test_after_a_fork_both_follow(tmp_path: Path) -> None:
    swap(tmp_path, document(1, 2))
    with app(tmp_path, "--threaded", "--fork") as process:
        lines = [process.line() for _ in range(2)]
        changed = {line["pid"] for line in lines if line["what"] == "changed"}
        while len(lines) < 3:
            lines.append(process.line())
        whats = [line["what"] for line in lines]
        pids = {line["pid"] for line in lines}
        assert sorted(whats) == ["changed", "forked", "started"]
        assert [line["level"] for line in lines] == [2, 2, 2]
        assert len(pids) == 2
        assert len(changed) == 1

        for revision in (2, 3):
            swap(tmp_path, document(revision, revision + 1))
            heard = [process.line(), process.line()]
            assert [(line["what"], line["level"]) for line in heard] == [("changed", revision + 1)] * 2
            assert {line["pid"] for line in heard} == pids
        process.end()
