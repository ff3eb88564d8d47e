"""Everything that the demo runs, from the first server to the agent."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from degradation_operator.demo.agent.settings import Settings
from degradation_operator.demo.policy import placed, policy_text
from degradation_operator.demo.processes import Operator, Shop
from degradation_operator.demo.servers import FaultProxy, OpenAIServer, PostgresServer, RedisServer, S3Server
from degradation_operator.demo.servers.ports import HOST

_SCHEMA: Final = (
    "CREATE TABLE items (sku text PRIMARY KEY, name text, list_price numeric(10, 2), stock integer NOT NULL)",
    "INSERT INTO items SELECT 'SKU-' || n, 'item ' || n, 10 + n * 0.25, 100 FROM generate_series(1, 5000) AS n",
)


class Environment:
    """Four servers, the operator and an agent; all of it ends with the context.

    Attributes:
        redis: The cache.
        openai: The AI.
        postgres: The database; operator and agent reach it through `line`.
        line: The line to the database, which can be made slow.
        s3: The store of documents.
        operator: What decides.
        shop: What follows.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = AsyncExitStack()
        self._redis_password = secrets.token_urlsafe(12)
        self.redis: Final = RedisServer(directory / "redis", password=self._redis_password)
        self.openai: Final = OpenAIServer(directory / "openai")
        self.postgres: Final = PostgresServer(directory / "postgres")
        self.line: Final = FaultProxy(HOST, self.postgres.port)
        self.s3: Final = S3Server(directory / "s3")
        self._policy = directory / "policy.yaml"
        self._secrets = directory / "secrets"
        self._settings = directory / "shop.json"
        self.operator: Final = Operator(directory / "operator", policy=self._policy, secrets=self._secrets)
        self.shop: Final = Shop(
            directory / "shop", settings=self._settings, following=self.operator.published
        )

    async def __aenter__(self) -> Self:
        """Start everything, each part when those that it needs answer.

        Raises:
            ServerError: Something cannot be started; what was, is ended.
        """
        try:
            for server in (self.redis, self.openai, self.postgres, self.line, self.s3):
                await self._stack.enter_async_context(server)
            for statement in (*_SCHEMA, f"GRANT ALL ON items TO {self.postgres.user}"):
                await self.postgres.execute(statement)
            self._write_policy()
            self._write_settings()
            await self._stack.enter_async_context(self.operator)
            await self._stack.enter_async_context(self.shop)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _write_policy(self) -> None:
        postgres = {"host": self.line.host, "port": self.line.port, "database": self.postgres.database}
        places: dict[str, dict[str, Any]] = {
            "redis": {"host": self.redis.host, "port": self.redis.port},
            "openai": {"baseURL": self.openai.base_url},
            "postgres": postgres,
            "s3": {"endpoint": self.s3.endpoint, "bucket": self.s3.bucket, "region": self.s3.region},
        }
        self._policy.write_text(placed(policy_text(), places))
        contents = {
            "redis/password": self._redis_password,
            "openai/apiKey": self.openai.api_key,
            "postgres/username": self.postgres.user,
            "postgres/password": self.postgres.password,
            "s3/accessKey": self.s3.access_key,
            "s3/secretKey": self.s3.secret_key,
        }
        for name, value in contents.items():
            file = self._secrets / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(value)

    def _write_settings(self) -> None:
        Settings(
            host=self.shop.host,
            port=self.shop.port,
            redis_host=self.redis.host,
            redis_port=self.redis.port,
            redis_password=self._redis_password,
            postgres_host=self.line.host,
            postgres_port=self.line.port,
            postgres_user=self.postgres.user,
            postgres_password=self.postgres.password,
            postgres_database=self.postgres.database,
            openai_base_url=self.openai.base_url,
            openai_api_key=self.openai.api_key,
            openai_model=self.openai.model,
            s3_endpoint=self.s3.endpoint,
            s3_bucket=self.s3.bucket,
            s3_region=self.s3.region,
            s3_access_key=self.s3.access_key,
            s3_secret_key=self.s3.secret_key,
        ).write(self._settings)
