"""What is secret stands in no log, status, metric or exception's text, whatever fails."""

from __future__ import annotations

from pathlib import Path

from degradation_operator.demo.servers import Fault, FaultProxy
from tests.support.local_run import LocalRun, policy
from tests.support.waiting import eventually

from .conftest import Shop


async def test_secrets_stay_secret(tmp_path: Path, shop: Shop) -> None:
    wrong = {name: f"a-wrong-secret-of-{name.replace('/', '-')}" for name in shop.secrets}
    wrong["s3/accessKey"] = shop.secrets["s3/accessKey"]  # Without a body, a HEAD says 404 of an unknown one.
    dependencies = [shop.dependency(name, {"down": 2}) for name in shop.servers]
    run = LocalRun(tmp_path, policy(dependencies), secrets=shop.secrets)
    texts = []

    def everything() -> str:
        text = run.log.read_text() + run.get("/metrics")
        return text + "".join(p.read_text() for p in run.directory.iterdir() if p.is_file())

    async with run:
        await run.level(1)
        texts.append(everything())
        # Connections are made anew with wrong secrets.
        for name, secret in wrong.items():
            run.secret(name, secret)
        for server in shop.servers.values():
            await server.stop()
        await run.level(2)
        for server in shop.servers.values():
            await server.start()
        await eventually(
            lambda: {run.dependency(name).get("reason") for name in shop.servers} == {"AuthenticationFailed"},
            within=20,
        )
        texts.append(everything())
        # Answers are garbage.
        redis = shop.servers["redis"]
        async with FaultProxy(redis.host, redis.port) as proxy:
            await proxy.break_(Fault.GARBAGE)
            run.edit(policy([shop.dependency("redis", {"down": 2}, changes={"port": proxy.port})]))
            await eventually(
                lambda: run.dependency("redis").get("reason") in {"BadAnswer", "Timeout"}, within=20
            )
        texts.append(everything())
    texts.append(run.log.read_text())
    secrets = [s for kept in (wrong, shop.secrets) for name, s in kept.items() if name != "s3/accessKey"]
    found = [secret for secret in secrets for text in texts if secret in text]
    assert found == []
    assert all(len(secret) >= 8 for secret in secrets)
