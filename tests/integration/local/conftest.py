"""Parts of policies for the servers of the session."""

from __future__ import annotations

from typing import Any

import pytest

from degradation_operator.demo.servers import OpenAIServer, PostgresServer, RedisServer, S3Server

QUICK = {"interval": "250ms", "timeout": "200ms"}
PATIENT = {"interval": "500ms", "timeout": "450ms"}


class Shop:
    """The dependencies of a shop, as a policy names them."""

    def __init__(
        self, redis: RedisServer, postgres: PostgresServer, openai: OpenAIServer, s3: S3Server
    ) -> None:
        self.servers = {"redis": redis, "postgres": postgres, "openai": openai, "s3": s3}
        self.targets: dict[str, dict[str, Any]] = {
            "redis": {
                "redis": {
                    "host": redis.host,
                    "port": redis.port,
                    "passwordSecretRef": {"name": "redis", "key": "password"},
                }
            },
            "postgres": {
                "postgres": {
                    "host": postgres.host,
                    "port": postgres.port,
                    "database": postgres.database,
                    "username": postgres.user,
                    "passwordSecretRef": {"name": "postgres", "key": "password"},
                }
            },
            "openai": {
                "openai": {"baseURL": openai.base_url, "apiKeySecretRef": {"name": "openai", "key": "key"}}
            },
            "s3": {
                "s3": {
                    "endpoint": s3.endpoint,
                    "bucket": s3.bucket,
                    "region": s3.region,
                    "accessKeySecretRef": {"name": "s3", "key": "accessKey"},
                    "secretKeySecretRef": {"name": "s3", "key": "secretKey"},
                }
            },
        }
        self.secrets = {
            "redis/password": str(redis.password),
            "postgres/password": postgres.password,
            "openai/key": str(openai.api_key),
            "s3/accessKey": s3.access_key,
            "s3/secretKey": s3.secret_key,
        }

    def dependency(
        self, name: str, impact: dict[str, int] | None, *, changes: dict[str, Any] | None = None, **probe: Any
    ) -> dict[str, Any]:
        """A dependency with a quick probe; `changes` are made to its kind."""
        ((kind, target),) = self.targets[name].items()
        entry: dict[str, Any] = {
            "name": name,
            "probe": PATIENT | {kind: target | (changes or {})} | probe,
        }
        return entry | ({} if impact is None else {"impact": impact})


@pytest.fixture
def shop(
    redis_server: RedisServer,
    postgres_server: PostgresServer,
    openai_server: OpenAIServer,
    s3_server: S3Server,
) -> Shop:
    """All servers, running."""
    return Shop(redis_server, postgres_server, openai_server, s3_server)


@pytest.fixture
def tls_targets(
    redis_tls_server: RedisServer,
    postgres_tls_server: PostgresServer,
    openai_tls_server: OpenAIServer,
    s3_tls_server: S3Server,
) -> dict[str, dict[str, Any]]:
    """What to change in each target to ask a server by TLS, whose authority nobody knows."""
    return {
        "redis": {"port": redis_tls_server.port, "tls": {}},
        "postgres": {"port": postgres_tls_server.port, "tls": {}},
        "openai": {"baseURL": openai_tls_server.base_url},
        "s3": {"endpoint": s3_tls_server.endpoint},
    }
