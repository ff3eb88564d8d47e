"""Edits of the policy file are followed; a broken one leaves the last good decision in force and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.local_run import LocalRun, policy
from tests.support.waiting import eventually

from .conftest import Shop


def shop_policy(shop: Shop, down: int = 2, **spec: Any) -> dict[str, Any]:
    return policy(
        [shop.dependency("redis", {"down": down}), shop.dependency("openai", {"down": 3})],
        features=[{"name": "cache", "requires": ["redis"]}],
        **spec,
    )


async def invalid(run: LocalRun) -> str:
    condition = await eventually(
        lambda: c if (c := run.condition("Ready")).get("reason") == "InvalidSpec" else None, within=8
    )
    assert condition["status"] == "False"
    assert 'degradation_policy_ready{policy="shop",policy_namespace="shop"} 0.0' in run.get("/metrics")
    message: str = condition["message"]
    return message


async def test_a_broken_edit_keeps_the_last_good_decision_and_probing_goes_on(
    tmp_path: Path, shop: Shop
) -> None:
    redis = shop.servers["redis"]
    async with LocalRun(tmp_path, shop_policy(shop), secrets=shop.secrets) as run:
        good = await run.level(1)
        run.edit("spec: [")
        assert "line 2, column 1: is no valid YAML" in await invalid(run)
        run.edit(shop_policy(shop, down=9))
        message = await eventually(
            lambda: (
                m if "dependencies[redis].impact.down" in (m := run.condition("Ready")["message"]) else None
            ),
            within=8,
        )
        assert "the last valid spec stays in force" in message
        assert run.document() == good
        # The spec of before goes on being probed and decided by.
        await redis.stop()
        await run.level(2)
        run.file.unlink()
        await eventually(lambda: "cannot be read" in run.condition("Ready")["message"], within=8)
        assert run.revision() == good.revision + 1
        # Mended, it counts at once, by its new rules.
        run.edit(shop_policy(shop, down=4))
        await run.level(4)
        await eventually(lambda: run.condition("Ready")["status"] == "True", within=8)
        assert "Traceback" not in run.log.read_text()


async def test_at_a_worse_level_an_edit_is_judged_by_its_new_rules_at_once(
    tmp_path: Path, shop: Shop
) -> None:
    spec = shop_policy(shop, down=4)
    async with LocalRun(tmp_path, spec, secrets=shop.secrets) as run:
        await run.level(1)
        await shop.servers["redis"].stop()
        await run.level(4)
        run.edit(shop_policy(shop, down=2, hold_for="1h"))
        document = await run.level(2, within=1.0)
        assert document.retry_after == 120
        without = shop_policy(shop)
        del without["spec"]["dependencies"][0]
        del without["spec"]["features"]
        run.edit(without)
        document = await run.level(1, within=1.0)
        assert (set(document.dependencies), document.features, set(document.breakers)) == (
            {"openai"},
            {},
            {"openai"},
        )
        # It returns as a new one: Up until it has a state.
        run.edit(shop_policy(shop, down=3))
        await run.level(3)


async def test_breaker_settings_are_published_and_nothing_else_moves(tmp_path: Path, shop: Shop) -> None:
    spec = shop_policy(shop)
    async with LocalRun(tmp_path, spec, secrets=shop.secrets) as run:
        before = await run.level(1)
        spec["spec"]["dependencies"][0]["breaker"] = {"failureThreshold": 7}
        run.edit(spec)
        after = await eventually(
            lambda: d if (d := run.document()) and d.breakers["redis"].failure_threshold == 7 else None
        )
        assert (after.revision, after.level, after.since, after.dependencies) == (
            before.revision + 1,
            1,
            before.since,
            before.dependencies,
        )


async def test_another_policy_in_the_file_is_not_followed(tmp_path: Path, shop: Shop) -> None:
    spec = shop_policy(shop)
    async with LocalRun(tmp_path, spec, secrets=shop.secrets) as run:
        before = await run.level(1)
        spec["metadata"]["name"] = "other"
        run.edit(spec)
        assert "names the policy shop/other, but shop/shop is being followed" in await invalid(run)
        assert run.document() == before


async def test_started_on_an_invalid_policy_it_ends_and_leaves_the_document(
    tmp_path: Path, shop: Shop
) -> None:
    async with LocalRun(tmp_path, shop_policy(shop), secrets=shop.secrets) as run:
        before = await run.level(1)
        run.stop()
        run.edit(shop_policy(shop, down=9))
        run.start()
        assert run.ended() == 1
        assert run.document() == before
        assert "spec.dependencies[redis].impact.down" in run.log.read_text()
        assert "Traceback" not in run.log.read_text()
