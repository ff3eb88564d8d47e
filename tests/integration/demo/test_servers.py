"""The servers that everything else is tried against."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import openai
import psutil
import pytest
from botocore.exceptions import ClientError
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from degradation_operator.demo.servers import (
    Failure,
    OpenAIServer,
    PostgresServer,
    RedisServer,
    S3Server,
    ServerError,
    Tls,
)
from degradation_operator.demo.servers.openai_app import answer


async def until(condition: Callable[[], bool], *, within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("kill", [False, True])
async def test_redis_keeps_port_and_data_over_a_stop(tmp_path: Path, kill: bool) -> None:
    async with RedisServer(tmp_path, password="one two") as server:
        port = server.port
        async with server.client() as client:
            await client.set("price", "12")
        await server.stop(kill=kill)
        assert not server.running
        with pytest.raises(RedisConnectionError):
            async with server.client() as client:
                await client.ping()
        await server.start()
        async with server.client() as client:
            assert await client.get("price") == "12"
        assert server.port == port


async def test_redis_refuses_a_wrong_password(redis_server: RedisServer) -> None:
    client = redis_server.client()
    client.connection_pool.connection_kwargs["password"] = "wrong"
    with pytest.raises(AuthenticationError):
        await client.ping()
    await client.aclose()


async def test_redis_turns_away_what_is_too_much(tmp_path: Path) -> None:
    async with RedisServer(tmp_path, max_clients=1) as server, server.client() as first:
        await first.ping()
        with pytest.raises(RedisConnectionError, match="max number of clients"):
            async with server.client() as second:
                await second.ping()


async def test_a_replica_without_its_master_says_so(tmp_path: Path) -> None:
    async with (
        RedisServer(tmp_path / "master", password="m") as master,
        RedisServer(tmp_path / "replica", replica_of=master) as replica,
        replica.client() as client,
    ):
        await until_(lambda: linked(client, "up"))
        await master.stop(kill=True)
        await until_(lambda: linked(client, "down"))


async def linked(client: Any, state: str) -> bool:
    return bool((await client.info("replication"))["master_link_status"] == state)


async def until_(condition: Callable[[], Awaitable[bool]], *, within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("kill", [False, True])
async def test_postgres_keeps_port_and_data_over_a_stop(tmp_path: Path, kill: bool) -> None:
    async with PostgresServer(tmp_path) as server:
        await server.execute("CREATE TABLE stock (item text)")
        await server.execute("INSERT INTO stock VALUES ('one')")
        await server.stop(kill=kill)
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await server.execute("SELECT 1")
        await server.start()
        assert [tuple(row) for row in await server.execute("SELECT item FROM stock")] == [("one",)]


async def connected(server: PostgresServer, *, password: str | None = None) -> Any:
    return await asyncpg.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=password or server.password,
        database=server.database,
        timeout=5,
    )


async def test_postgres_refuses_a_wrong_password(postgres_server: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connected(postgres_server, password="wrong")


async def test_postgres_turns_read_only_for_connections_that_exist(postgres_server: PostgresServer) -> None:
    connection = await connected(postgres_server)
    try:

        async def state(expected: str) -> bool:
            return bool(await connection.fetchval("SHOW transaction_read_only") == expected)

        await until_(lambda: state("off"))
        await postgres_server.set_read_only(True)
        await until_(lambda: state("on"))
        await postgres_server.set_read_only(False)
        await until_(lambda: state("off"))
    finally:
        await connection.close()


async def test_postgres_turns_away_what_is_too_much(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path, max_connections=1) as server:
        first = await connected(server)
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await connected(server)
        await server.execute("SELECT 1")  # The superuser's are kept.
        await first.close()


async def test_s3_keeps_its_objects_and_refuses_wrong_keys(tmp_path: Path, s3_server: S3Server) -> None:
    async with s3_server.client() as s3:
        await s3.put_object(Bucket=s3_server.bucket, Key="a/b", Body=b"content")
    await s3_server.stop()
    await s3_server.start()
    async with s3_server.client() as s3:
        answered = await s3.get_object(Bucket=s3_server.bucket, Key="a/b")
        assert await answered["Body"].read() == b"content"

    stranger = S3Server(tmp_path)
    stranger.port = s3_server.port
    async with stranger.client() as s3:
        with pytest.raises(ClientError, match="No user exists with the provided access key"):
            await s3.list_objects_v2(Bucket=s3_server.bucket)
    stranger.access_key = s3_server.access_key  # type: ignore[misc]
    async with stranger.client() as s3:
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            await s3.list_objects_v2(Bucket=s3_server.bucket)


async def test_s3_by_moto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("degradation_operator.demo.servers.s3.find_program", lambda *_: None)
    async with S3Server(tmp_path) as server, server.client() as s3:
        await s3.head_bucket(Bucket=server.bucket)
        assert not server.verifies_signatures


def openai_client(server: OpenAIServer, *, api_key: str | None = None) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=server.base_url, api_key=api_key or server.api_key, max_retries=0, timeout=0.5
    )


async def ask(client: openai.AsyncOpenAI, prompt: str) -> str | None:
    answered = await client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": prompt}]
    )
    return answered.choices[0].message.content


async def test_openai_answers_what_it_was_asked(openai_server: OpenAIServer) -> None:
    prompt = "The list price of SKU-7 is 129.90."
    async with openai_client(openai_server) as client:
        assert [model.id async for model in client.models.list()] == [openai_server.model]
        assert await ask(client, prompt) == answer(prompt)
        stream = await client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": prompt}], stream=True
        )
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == answer(prompt)
    async with openai_client(openai_server, api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure.ERROR, openai.InternalServerError),
        (Failure.THROTTLE, openai.RateLimitError),
        (Failure.INVALID_KEY, openai.AuthenticationError),
        (Failure.HANG, openai.APITimeoutError),
        (Failure.RESET, openai.APIConnectionError),
    ],
)
async def test_openai_fails_when_told(
    openai_server: OpenAIServer, failure: Failure, expected: type[Exception]
) -> None:
    async with openai_client(openai_server) as client:
        await openai_server.fail(failure, retry_after=7)
        with pytest.raises(expected) as raised:
            await client.models.list()
        if failure is Failure.THROTTLE:
            assert isinstance(raised.value, openai.RateLimitError)
            assert raised.value.response.headers["retry-after"] == "7"
        await openai_server.mend()
        await client.models.list()


async def test_an_exhausted_quota_shows_in_completions_alone(openai_server: OpenAIServer) -> None:
    async with openai_client(openai_server) as client:
        await openai_server.fail(Failure.QUOTA)
        await client.models.list()
        with pytest.raises(openai.RateLimitError) as raised:
            await ask(client, "hello")
        assert raised.value.code == "insufficient_quota"


async def test_each_speaks_tls(
    redis_tls_server: RedisServer,
    postgres_tls_server: PostgresServer,
    s3_tls_server: S3Server,
    openai_tls_server: OpenAIServer,
) -> None:
    async with redis_tls_server.client() as client:
        assert await client.ping()
    assert await postgres_tls_server.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    async with s3_tls_server.client() as s3:
        await s3.head_bucket(Bucket=s3_tls_server.bucket)
    await openai_tls_server.mend()
    assert openai_tls_server.base_url.startswith("https://")


async def test_redis_of_the_wheel_serves_without_tls_alone(
    tmp_path: Path, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    async with RedisServer(tmp_path / "plain") as server, server.client() as client:
        assert (await client.info("server"))["redis_version"].startswith("6.")
    with pytest.raises(ServerError, match="apt-get install redis-server"):
        await RedisServer(tmp_path / "tls", tls=tls).start()


async def test_what_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, options={"maxmemory-policy": "nonsense"})
    with pytest.raises(ServerError, match=r"(?s)redis ended at once \(code 1\).*maxmemory-policy"):
        await server.start()


PARENT = """
import asyncio, pathlib, sys
from degradation_operator.demo.servers import OpenAIServer, PostgresServer, RedisServer, S3Server

async def main():
    kinds = (OpenAIServer, PostgresServer, RedisServer, S3Server)
    for kind in kinds:
        server = kind(pathlib.Path(sys.argv[1]) / kind.name)
        await server.start()
        print(server.pid, flush=True)
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_servers_die_with_their_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids = []
    while (line := (await parent.stdout.readline()).decode().strip()) != "ready":
        assert line, "the parent ended"
        pids.append(int(line))
    family = [psutil.Process(pid) for pid in pids]
    family += [child for process in family for child in process.children(recursive=True)]
    assert len(family) > 4  # PostgreSQL has children of its own.
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until(lambda: not any(process.is_running() for process in family))
