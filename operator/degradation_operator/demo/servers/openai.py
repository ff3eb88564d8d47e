"""An OpenAI-compatible server."""

import secrets
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpcore2

from degradation_operator.demo.servers.server import Command, Server
from degradation_operator.demo.servers.tls import Tls


class Failure(StrEnum):
    """How the server is told to fail."""

    ERROR = "error"  # 500 to everything
    THROTTLE = "throttle"  # 429 with Retry-After
    QUOTA = "quota"  # 429 insufficient_quota to completions; models are listed
    INVALID_KEY = "invalid-key"  # 401 to every key
    HANG = "hang"  # no answer
    RESET = "reset"  # the connection is reset instead of an answer


class OpenAIServer(Server):
    """A server that speaks OpenAI's protocol, derives its answers from what it is asked, and fails when told.

    A restart mends it.
    """

    name = "openai"

    def __init__(self, directory: Path, *, api_key: str | None = None, tls: Tls | None = None) -> None:
        """Nothing runs yet.

        Args:
            directory: Of its own.
            api_key: The one that it lets in; None for one made up.
            tls: Speak TLS, and nothing else.
        """
        super().__init__(directory)
        self.tls = tls
        self.api_key: Final = api_key if api_key is not None else f"sk-{secrets.token_urlsafe(24)}"
        self.model: Final = "demo"

    @property
    def base_url(self) -> str:
        """What clients call `base_url`."""
        return f"{self._origin}/v1"

    async def fail(self, failure: Failure, *, retry_after: int = 5) -> None:
        """Fail in this way from the next request on; what hangs already goes on hanging until `mend`.

        Args:
            failure: The way.
            retry_after: Seconds that a throttled client is told to wait.
        """
        await self._tell(f"{failure}?retry_after={retry_after}")

    async def mend(self) -> None:
        """Work again."""
        await self._tell("none")

    @property
    def _origin(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://{self.host}:{self.port}"

    async def _tell(self, what: str) -> None:
        context = self.tls.context() if self.tls is not None else None
        async with httpcore2.AsyncConnectionPool(ssl_context=context) as pool:
            timeouts = {"connect": 2.0, "read": 2.0, "write": 2.0, "pool": 2.0}
            response = await pool.request(
                "PUT", f"{self._origin}/failure/{what}", extensions={"timeout": timeouts}
            )
        if response.status != 204:
            raise RuntimeError(f"the OpenAI server does not know the failure {what}: {response.status}")

    async def _prepare(self) -> Command:
        tls = [str(self.tls.certificate), str(self.tls.key)] if self.tls is not None else []
        module = "degradation_operator.demo.servers.openai_app"
        return Command(
            arguments=[sys.executable, "-m", module, self.host, str(self.port), *tls],
            environment={"OPENAI_SERVER_API_KEY": self.api_key},
        )

    async def _answers(self) -> bool:
        await self.mend()
        return True
