"""Starts, stops and kills: none of them moves a level."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from degradation_operator.demo.servers import OpenAIServer, RedisServer
from tests.support.local_run import LocalRun, policy
from tests.support.waiting import eventually

QUICK = {"interval": "250ms", "timeout": "200ms"}


def shop(redis: RedisServer, openai: OpenAIServer, **spec: Any) -> dict[str, Any]:
    return policy(
        [
            {
                "name": "redis",
                "impact": {"down": 2},
                "probe": QUICK
                | {
                    "redis": {
                        "host": redis.host,
                        "port": redis.port,
                        "passwordSecretRef": {"name": "redis", "key": "password"},
                    }
                },
            },
            {
                "name": "openai",
                "impact": {"down": 3},
                "probe": QUICK
                | {
                    "openai": {
                        "baseURL": openai.base_url,
                        "apiKeySecretRef": {"name": "openai", "key": "key"},
                    }
                },
            },
        ],
        features=[{"name": "cache", "requires": ["redis"]}, {"name": "ai", "maxLevel": 2}],
        **spec,
    )


@pytest.fixture
def run(tmp_path: Path, redis_server: RedisServer, openai_server: OpenAIServer) -> LocalRun:
    secrets = {"redis/password": str(redis_server.password), "openai/key": str(openai_server.api_key)}
    return LocalRun(tmp_path, shop(redis_server, openai_server), secrets=secrets)


async def test_a_kill_at_level_3_moves_nothing(run: LocalRun, openai_server: OpenAIServer) -> None:
    async with run:
        await run.level(1)
        await openai_server.stop()
        await run.level(3)
        await eventually(lambda: run.status().get("level") == 3)
        await run.stays(seconds=0.5)
        before = (run.swapped(), run.document(), run.state())
        for _ in range(3):
            run.kill()
            run.start()
            await eventually(lambda: _ready(run))
            await run.stays(seconds=1.0)
            assert (run.swapped(), run.document(), run.state()) == before
        await openai_server.start()
        after = await run.level(1)
        assert before[1] is not None
        assert (after.revision, after.previous_level) == (before[1].revision + 1, 3)


def _ready(run: LocalRun) -> bool:
    try:
        return run.get("/readyz") == "ok\n"
    except OSError:
        return False


WRITES = ("write_document", "write_status", "write_policy_status")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_kill_between_two_writes_is_completed_with_no_new_revision(
    run: LocalRun, openai_server: OpenAIServer, write: str, when: str
) -> None:
    async with run:
        await run.level(1)
        await eventually(lambda: run.condition("Published").get("status") == "True")
        first = run.revision()
        run.stop()
        # The level changes, and the process dies around one of the writes that tell of it.
        await openai_server.stop()
        run.start([sys.executable, "-m", "tests.support.killed_run", write, when])
        assert run.ended() == -9
        half = run.document()
        assert half is not None
        run.start()
        after = await run.level(3)
        await eventually(lambda: run.status().get("level") == 3)
        await eventually(lambda: run.condition("Degraded").get("status") == "True")
        assert run.revision() == first + 1
        assert run.status()["revision"] == run.state()["revision"] == first + 1
        assert [(t["from"], t["to"], t["revision"]) for t in run.status()["transitions"]] == [
            (1, 3, first + 1)
        ]
        if half.level == 3:  # Written before the kill: not written again.
            assert half == after


async def test_a_document_edited_or_deleted_by_hand_is_right_again_with_a_higher_revision(
    run: LocalRun,
) -> None:
    async with run:
        before = await run.level(1)
        await eventually(lambda: run.status().get("level") == 1)
        document = run.directory / "degradation.json"
        for deed in ("edit", "garbage", "delete", "delete data", "delete all", "delete state"):
            revision = run.revision()
            if deed == "edit":
                document.write_text(document.read_text().replace('"level":1', '"level":4'))
            elif deed == "garbage":
                document.write_text("{")
            elif deed == "delete":
                document.unlink()
            elif deed == "delete all":
                shutil.rmtree(run.directory)
            elif deed == "delete data":
                (run.directory / "..data").unlink()
            else:
                (run.directory / ".state.json").unlink()
                await eventually(lambda: run.status().get("level") == 1, within=1.0, what=deed)
                assert run.revision() == revision
                continue
            after = await eventually(
                lambda: d if (d := run.document()) and d.revision > revision else None,  # noqa: B023 - waited for here
                within=1.0,
                what=deed,
            )
            assert (after.level, after.since) == (1, before.since)
            await eventually(lambda: run.status().get("revision") == run.revision(), within=1.0)


async def test_it_ends_in_order_and_leaves_the_document(run: LocalRun) -> None:
    async with run:
        await run.level(1)
        assert run.stop() == 0
        assert run.document() is not None
        assert "Traceback" not in run.log.read_text()


async def test_two_cannot_publish_into_one_directory(run: LocalRun) -> None:
    async with run:
        await run.level(1)
        second = LocalRun(run.file.parent, run.file.read_text(), command=())  # type: ignore[arg-type]
        second.log = run.file.parent / "second.log"
        second.start([sys.executable, "-m", "degradation_operator.cli.main"])
        assert second.ended() == 1
        assert "another `degradation run` publishes into" in second.log.read_text()


async def test_a_directory_of_another_policy_is_refused(run: LocalRun) -> None:
    async with run:
        await run.level(1)
        before = run.document()
        run.stop()
        run.edit(run.file.read_text().replace("name: shop", "name: other"))
        run.start()
        assert run.ended() == 1
        assert "belongs to the policy shop/shop, not to shop/other" in run.log.read_text()
        assert run.document() == before
