"""A person's hand on the level, and policies that only observe."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from degradation.document import Mode, State
from degradation_operator.demo.servers import RedisServer
from tests.support.local_run import LocalRun, policy
from tests.support.waiting import eventually

from .conftest import QUICK


def shop(redis: RedisServer, **spec: Any) -> dict[str, Any]:
    target = {
        "host": redis.host,
        "port": redis.port,
        "passwordSecretRef": {"name": "redis", "key": "password"},
    }
    return policy(
        [{"name": "redis", "impact": {"down": 2}, "probe": QUICK | {"redis": target}}],
        features=[{"name": "cache", "requires": ["redis"]}, {"name": "business", "maxLevel": 4}],
        **spec,
    )


@pytest.fixture
def run(tmp_path: Path, redis_server: RedisServer) -> LocalRun:
    return LocalRun(tmp_path, shop(redis_server), secrets={"redis/password": str(redis_server.password)})


def override(run: LocalRun, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "degradation_operator.cli.main"),
            *("override", "shop", "-n", "shop", "--dir", str(run.directory), *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


async def test_to_5_and_back(run: LocalRun, redis_server: RedisServer) -> None:
    async with run:
        await run.level(1)
        said = override(run, "--level", "5", "--for", "30m", "--reason", "drill")
        document = await run.level(5, within=1.0)
        assert said.startswith("level 5 (EMERGENCY) until ")
        assert document.override is not None
        assert (document.override.level, document.override.reason, document.features) == (
            5,
            "drill",
            {"cache": True, "business": False},
        )
        assert document.dependencies["redis"].state is State.UP
        status = await eventually(lambda: s if (s := run.status()).get("level") == 5 else None)
        assert status["override"] == {
            "level": 5,
            "reason": "drill",
            "until": document.override.until,
        }
        assert (status["observed"], status["recovery"]["eligibleAt"]) == (
            {"level": 1},
            document.override.until,
        )
        overridden = await eventually(
            lambda: c if (c := run.condition("Overridden"))["status"] == "True" else None
        )
        assert overridden["reason"] == "Overridden"
        # The states stay what they are, and what breakers are told.
        await redis_server.stop()
        down = await eventually(
            lambda: d if (d := run.document()) and d.dependencies["redis"].state is State.DOWN else None
        )
        assert (down.level, down.features["cache"]) == (5, False)
        assert 'degradation_observed_level{policy="shop",policy_namespace="shop"} 2.0' in run.get("/metrics")
        assert "taken back" in override(run, "--clear")
        assert (await run.level(2, within=1.0)).override is None
        assert "degradation_observed_level{" not in run.get("/metrics")
        condition = await eventually(
            lambda: c if (c := run.condition("Overridden"))["status"] == "False" else None
        )
        assert condition["reason"] == "NoOverride"


async def test_it_ends_by_itself(run: LocalRun) -> None:
    async with run:
        await run.level(1)
        override(run, "--level", "3", "--for", "1500ms", "--reason", "drill")
        document = await run.level(3)
        assert document.override is not None
        await run.level(1)
        late = (datetime.now(UTC) - datetime.fromisoformat(document.override.until)).total_seconds()
        assert 0 <= late < 1
        expired = await eventually(
            lambda: c if (c := run.condition("Overridden"))["status"] == "False" else None
        )
        assert expired["reason"] == "Expired"


async def test_it_ends_also_while_nothing_ran(run: LocalRun) -> None:
    async with run:
        first = await run.level(1)
        override(run, "--level", "4", "--for", "1s", "--reason", "drill")
        document = await run.level(4)
        assert document.override is not None
        run.kill()
        until = datetime.fromisoformat(document.override.until)
        await eventually(lambda: datetime.now(UTC) > until)
        assert run.document() == document
        run.start()
        after = await run.level(1)
        assert (after.revision, after.override, after.previous_level) == (first.revision + 2, None, 4)


async def test_one_that_holds_survives_a_restart_without_a_write(run: LocalRun) -> None:
    async with run:
        await run.level(1)
        override(run, "--level", "4", "--for", "1h", "--reason", "drill")
        await run.level(4)
        await eventually(lambda: run.status().get("level") == 4)
        before = run.swapped()
        run.kill()
        run.start()
        await eventually(lambda: "degradation_level{" in _metrics(run))
        await run.stays(seconds=0.7)
        assert run.swapped() == before


def _metrics(run: LocalRun) -> str:
    try:
        return run.get("/metrics")
    except OSError:
        return ""


async def test_one_that_is_not_valid_is_told_and_the_last_good_one_counts(run: LocalRun) -> None:
    async with run:
        await run.level(1)
        override(run, "--level", "3", "--for", "1h", "--reason", "drill")
        await run.level(3)
        (run.directory / "override.json").write_text('{"level": 9, "reason": "", "until": "tomorrow"}')
        ready = await eventually(
            lambda: c if "override" in (c := run.condition("Ready"))["message"] else None, within=8
        )
        assert ready["status"] == "True"
        assert "level" in ready["message"]
        assert "until" in ready["message"]
        document = run.document()
        assert document is not None
        assert document.level == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--level", "6", "--for", "1m", "--reason", "x"], 2, "6 is not in the range 1<=x<=5"),
        (["--level", "5", "--for", "soon", "--reason", "x"], 2, "'soon' is no duration such as 30m"),
        (["--level", "5", "--for", "0s", "--reason", "x"], 2, "must be longer than nothing"),
        (["--level", "5"], 2, "--for, --reason missing"),
        (["--level", "5", "--for", "1m", "--reason", "x" * 257], 2, "reason"),
        (["--level", "5", "--for", "1m", "--reason", ""], 2, "reason"),
        (["--clear", "--level", "5"], 2, "--clear takes the override back"),
        (["--clear"], 0, "there is no override"),
    ],
)
async def test_wrong_use_is_explained(run: LocalRun, arguments: list[str], code: int, words: str) -> None:
    run.directory.mkdir()
    kept = {"policy": "shop/shop", "uid": "u", "status": None, "policyStatus": None}
    (run.directory / ".state.json").write_text(json.dumps(kept))
    assert words in override(run, *arguments, code=code)


async def test_a_directory_of_another_policy_or_of_none_is_refused(run: LocalRun) -> None:
    run.directory.mkdir()
    assert "nothing is published" in override(run, "--clear", code=1)
    kept = {"policy": "shop/other", "uid": "u", "status": None, "policyStatus": None}
    (run.directory / ".state.json").write_text(json.dumps(kept))
    assert "belongs to the policy shop/other, not to shop/shop" in override(run, "--clear", code=1)


async def test_observe_publishes_a_neutral_document(run: LocalRun, redis_server: RedisServer) -> None:
    async with run:
        await run.level(1)
        await redis_server.stop()
        await run.level(2)
        run.edit(shop(redis_server, mode="Observe"))
        neutral = await run.level(1)
        assert (neutral.mode, neutral.override, neutral.cause, neutral.features) == (
            Mode.OBSERVE,
            None,
            None,
            {"cache": True, "business": True},
        )
        assert {name: entry.state for name, entry in neutral.dependencies.items()} == {"redis": State.UP}
        status = await eventually(lambda: s if (s := run.status()).get("observed") else None)
        assert (status["level"], status["observed"]["level"], status["observed"]["cause"]["dependency"]) == (
            1,
            2,
            "redis",
        )
        assert run.dependency("redis")["state"] == "Down"
        # Observe wins over an override.
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        (run.directory / "override.json").write_text(
            json.dumps({"level": 5, "reason": "drill", "until": until})
        )
        overridden = await eventually(
            lambda: c if (c := run.condition("Overridden"))["reason"] == "Observing" else None, within=8
        )
        assert overridden["status"] == "False"
        assert run.document() == neutral
        # A restart under Observe keeps the states that the status shows.
        run.kill()
        run.start()
        await eventually(lambda: "degradation_observed_level{" in _metrics(run))
        assert 'degradation_observed_level{policy="shop",policy_namespace="shop"} 2.0' in _metrics(run)
        assert run.document() == neutral
