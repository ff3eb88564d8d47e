"""What is imported, and what is shown."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.probe_kit import bare

CLIENTS = {"redis": "redis", "postgres": "asyncpg", "openai": "h11", "http": "h11", "s3": "botocore"}

SCRIPT = """
import asyncio, json, sys
from degradation_operator.api.dependency import Dependency
from degradation_operator.probes.factory import ProbeFactory
from degradation_operator.probes.guard import AddressGuard

async def main():
    factory = ProbeFactory(secrets=None, guard=AddressGuard(), on_renewal_failure=print)
    for dependency in json.loads(sys.argv[1]):
        factory.build(Dependency.model_validate(dependency), namespace="retail")

asyncio.run(main())
print(*sorted(name for name in sys.modules if name in {"redis", "asyncpg", "h11", "botocore"}))
"""


@pytest.mark.parametrize("kind", ["tcp", *CLIENTS])
def test_only_the_clients_of_kinds_in_use_are_imported(kind: str) -> None:
    import json

    dependencies = [{"name": kind, "probe": {"interval": "5s", kind: bare(kind, 1).target}}]
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(dependencies)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    expected = {CLIENTS[kind]} if kind in CLIENTS else set()
    assert set(ended.stdout.split()) == expected | ({"h11"} if kind == "s3" else set())
