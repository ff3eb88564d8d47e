"""The shop's clients, set so that one call is one try with an end.

What they do of themselves is worse than it looks: redis tries eleven times and openai three, and an asyncpg pool
waits without end for a connection whose other side is gone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import openai
import redis.asyncio
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from degradation_operator.demo.agent.settings import Settings


class CacheError(Exception):
    """The cache did not do what it was asked."""


class DatabaseError(Exception):
    """The database did not do what it was asked."""


class Cache:
    """Prices by item, in Redis."""

    _TOTAL: Final = 1.5  # seconds
    _KEPT: Final = 300  # seconds

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client

    async def get(self, sku: str) -> str | None:
        """The price kept for an item, None where there is none.

        Raises:
            CacheError: Within 1.5 s.
        """
        try:
            async with asyncio.timeout(self._TOTAL):
                price = await self._client.get(f"price:{sku}")
        except (RedisError, OSError) as error:
            raise CacheError(str(error)) from error
        return str(price) if price is not None else None

    async def put(self, sku: str, price: str) -> None:
        """Keep a price for five minutes.

        Raises:
            CacheError: Within 1.5 s.
        """
        try:
            async with asyncio.timeout(self._TOTAL):
                await self._client.set(f"price:{sku}", price, ex=self._KEPT)
        except (RedisError, OSError) as error:
            raise CacheError(str(error)) from error


class Database:
    """PostgreSQL behind a pool."""

    _ACQUIRE: Final = 0.5  # seconds

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """Run one statement; its rows.

        Raises:
            DatabaseError: Within 5.5 s.
        """
        try:
            connection = await self._pool.acquire(timeout=self._ACQUIRE)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseError(f"no connection: {error!r}") from error
        try:
            rows = list(await connection.fetch(statement, *arguments))
        except BaseException as error:
            # Before it goes back: the pool would wait for a connection that may never answer again.
            connection.terminate()
            await self._pool.release(connection)
            if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
                raise DatabaseError(repr(error)) from error
            raise
        await self._pool.release(connection)
        return rows


@dataclass(frozen=True, slots=True)
class Clients:
    """One of each; `s3` is aiobotocore's."""

    cache: Cache
    database: Database
    ai: openai.AsyncOpenAI
    s3: Any


async def _nothing_to_reset(_connection: object) -> None:
    """Single statements change no session.

    asyncpg's own reset is a further round trip, which may fail after the statement went well.
    """


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Clients]:
    """Make the clients. Nothing is dialled yet: the shop starts also while everything is down."""
    async with AsyncExitStack() as stack:
        cache = redis.asyncio.Redis(
            connection_pool=redis.asyncio.BlockingConnectionPool(
                host=settings.redis_host,
                port=settings.redis_port,
                password=settings.redis_password,
                decode_responses=True,
                max_connections=10,
                timeout=0.2,
                socket_connect_timeout=0.5,
                socket_timeout=1,
                retry=Retry(NoBackoff(), 0),
            )
        )
        stack.push_async_callback(cache.aclose, close_connection_pool=True)
        pool = await asyncpg.create_pool(
            host=settings.postgres_host,
            port=settings.postgres_port,
            user=settings.postgres_user,
            password=settings.postgres_password,
            database=settings.postgres_database,
            ssl=False,
            min_size=0,
            max_size=10,
            timeout=2,
            command_timeout=5,
            reset=_nothing_to_reset,
        )
        stack.callback(pool.terminate)
        ai = openai.AsyncOpenAI(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            max_retries=0,
            timeout=openai.Timeout(connect=2, read=30, write=10, pool=1),
        )
        stack.push_async_callback(ai.close)
        s3 = await stack.enter_async_context(
            get_session().create_client(
                "s3",
                endpoint_url=settings.s3_endpoint,
                region_name=settings.s3_region,
                aws_access_key_id=settings.s3_access_key,
                aws_secret_access_key=settings.s3_secret_key,
                config=AioConfig(
                    connect_timeout=1,
                    read_timeout=10,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    s3={"addressing_style": "path"},
                ),
            )
        )
        yield Clients(Cache(cache), Database(pool), ai, s3)
