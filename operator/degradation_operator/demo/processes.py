"""The two processes that the demo is about: the one that decides, and the one that follows."""

import sys
from pathlib import Path
from typing import Final

import httpx2

from degradation_operator.demo.servers.server import Command, Server


class Operator(Server):
    """`degradation run` on a policy file."""

    name = "operator"

    def __init__(self, directory: Path, *, policy: Path, secrets: Path) -> None:
        """Nothing runs yet.

        Args:
            directory: Of its own.
            policy: The policy file.
            secrets: Holds NAME/KEY for each secret of the policy.
        """
        super().__init__(directory)
        self.published: Final = directory / "published"
        """Where the document lies: what agents are told as DEGRADATION_DIR."""
        self._policy = policy
        self._secrets = secrets

    async def _prepare(self) -> Command:
        return Command(
            arguments=[
                *(sys.executable, "-m", "degradation_operator.cli.main", "run", str(self._policy)),
                *("--dir", str(self.published), "--secrets-dir", str(self._secrets)),
                *("--listen", f"{self.host}:{self.port}"),
            ]
        )

    async def _answers(self) -> bool:
        return await _is_well(f"http://{self.host}:{self.port}/healthz")


class Shop(Server):
    """The agent: the shop in a process of its own."""

    name = "agent"

    def __init__(self, directory: Path, *, settings: Path, following: Path) -> None:
        """Nothing runs yet.

        Args:
            directory: Of its own.
            settings: Where its `Settings` lie, with `port` the port of this server.
            following: The directory of the document.
        """
        super().__init__(directory)
        self._settings = settings
        self._following = following

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"

    async def _prepare(self) -> Command:
        return Command(
            arguments=[sys.executable, "-m", "degradation_operator.demo.agent", str(self._settings)],
            environment={"DEGRADATION_DIR": str(self._following), "DEGRADATION_POD": "shop-0"},
        )

    async def _answers(self) -> bool:
        return await _is_well(f"{self.url}/healthz")


async def _is_well(url: str) -> bool:
    async with httpx2.AsyncClient(trust_env=False, timeout=1) as client:
        return (await client.get(url)).status_code == 200
