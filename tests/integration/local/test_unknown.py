"""Failing to probe is not a failed dependency: the level stays, and the status says what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_run import LocalRun, policy
from tests.support.waiting import eventually

from .conftest import Shop

IMPACT = {"down": 5}


async def unknown(run: LocalRun, name: str, reason: str) -> str:
    """Wait until a dependency is shown as Unknown; what the status says of it."""
    entry = await eventually(
        lambda: (
            e if (e := run.dependency(name)).get("state") == "Unknown" and e["reason"] != "Overdue" else None
        ),
        within=20,
        what=f"{name} Unknown",
    )
    assert entry["reason"] == reason
    condition = await eventually(
        lambda: c if (c := run.condition("DependencyUnknown")).get("reason") == reason else None, within=8
    )
    assert condition["status"] == "True"
    assert f"{name}: {entry['message']}" in condition["message"]
    message: str = entry["message"]
    return message


CASES: list[tuple[str, dict[str, Any], dict[str, str], str, str]] = [
    # dependency, what is wrong in the policy, what is wrong in the secrets, reason, what the message says
    ("redis", {}, {"redis/password": "wrong"}, "AuthenticationFailed", "Secret"),
    ("postgres", {}, {"postgres/password": "wrong"}, "AuthenticationFailed", "Secret"),
    ("openai", {}, {"openai/key": "wrong"}, "AuthenticationFailed", "Secret"),
    ("s3", {}, {"s3/secretKey": "wrong"}, "AuthenticationFailed", "Secret"),
    ("postgres", {"database": "nowhere"}, {}, "NotFound", "database"),
    ("s3", {"bucket": "nowhere"}, {}, "NotFound", "bucket"),
    ("redis", {"database": 99}, {}, "NotFound", "database"),
    (
        "redis",
        {"passwordSecretRef": {"name": "none", "key": "password"}},
        {},
        "SecretMissing",
        "none/password",
    ),
    (
        "postgres",
        {"passwordSecretRef": {"name": "none", "key": "password"}},
        {},
        "SecretMissing",
        "none/password",
    ),
    ("openai", {"apiKeySecretRef": {"name": "none", "key": "key"}}, {}, "SecretMissing", "none/key"),
    ("s3", {"accessKeySecretRef": {"name": "none", "key": "key"}}, {}, "SecretMissing", "none/key"),
]


@pytest.mark.parametrize(
    ("name", "changes", "secrets", "reason", "words"), CASES, ids=lambda value: str(value)[:40]
)
async def test_our_own_mistakes_move_no_level(
    tmp_path: Path,
    shop: Shop,
    name: str,
    changes: dict[str, Any],
    secrets: dict[str, str],
    reason: str,
    words: str,
) -> None:
    spec = policy([shop.dependency(name, IMPACT, changes=changes)])
    async with LocalRun(tmp_path, spec, secrets=shop.secrets | secrets) as run:
        message = await unknown(run, name, reason)
        assert words in message
        assert (await run.level(1)).level == 1
        ready = run.condition("Ready")
        if reason.startswith("Secret"):
            ready = await eventually(
                lambda: c if (c := run.condition("Ready"))["status"] == "False" else None, within=8
            )
            assert (ready["reason"], ready["message"]) == (reason, f"{name}: {message}")
        else:
            assert ready["status"] == "True"


async def test_a_level_that_holds_is_not_left_for_a_mistake(tmp_path: Path, shop: Shop) -> None:
    """At level 5 the password is changed to a wrong one: still level 5, also when the server returns."""
    postgres = shop.servers["postgres"]
    spec = policy([shop.dependency("postgres", IMPACT)])
    async with LocalRun(tmp_path, spec, secrets=shop.secrets) as run:
        await run.level(1)
        await postgres.stop()
        down = await run.level(5)
        run.secret("postgres/password", "wrong")
        await postgres.start()
        await unknown(run, "postgres", "AuthenticationFailed")
        assert run.document() == down
        # Mended, it comes back by itself.
        run.secret("postgres/password", shop.secrets["postgres/password"])
        await run.level(1)


async def test_a_missing_secret_that_appears_is_used(tmp_path: Path, shop: Shop) -> None:
    spec = policy([shop.dependency("redis", IMPACT)])
    async with LocalRun(tmp_path, spec) as run:
        await unknown(run, "redis", "SecretMissing")
        run.secret("redis/password", shop.secrets["redis/password"])
        await eventually(lambda: run.dependency("redis").get("state") == "Up")
        await eventually(lambda: run.condition("Ready")["status"] == "True", within=8)


@pytest.mark.parametrize("name", ["redis", "postgres", "openai", "s3"])
async def test_an_authority_that_is_not_ours_moves_no_level(
    tmp_path: Path, shop: Shop, tls_targets: dict[str, dict[str, Any]], name: str
) -> None:
    spec = policy([shop.dependency(name, IMPACT, changes=tls_targets[name])])
    async with LocalRun(tmp_path, spec, secrets=shop.secrets) as run:
        assert "authorit" in await unknown(run, name, "TLSFailed")
        assert (await run.level(1)).level == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("NXDOMAIN", "NameNotFound"), ("SERVFAIL", "ResolverFailed"), ("silence", "ResolverFailed")],
)
async def test_a_name_that_never_resolved_and_a_resolver_that_is_broken_move_no_level(
    tmp_path: Path, answer: str, reason: str
) -> None:
    redis = {
        "name": "redis",
        "impact": IMPACT,
        "probe": {
            "interval": "1s",
            "timeout": "900ms",
            "redis": {"host": "redis.shop.example", "port": 6379},
        },
    }
    command = (sys.executable, "-m", "tests.support.resolver", answer, "degradation")
    async with LocalRun(tmp_path, policy([redis]), command=command) as run:
        message = await unknown(run, "redis", reason)
        assert "name" in message or "resolver" in message
        assert (await run.level(1)).level == 1
