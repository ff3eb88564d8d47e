"""What is our configuration and not their failure: the level must not move, and the message says what to do."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.demo.servers import Failure, OpenAIServer, PostgresServer, RedisServer, S3Server
from degradation_operator.demo.servers.server import Server
from degradation_operator.engine.model import Outcome
from degradation_operator.ports import SecretError, SecretKey
from tests.support.probe_kit import NAMESPACE, Workshop, place, ref, server_fixture

UP = (Outcome.UP, Reason.ANSWERED)
UNAUTHENTICATED = (Outcome.INCONCLUSIVE, Reason.AUTHENTICATION_FAILED)
NOT_FOUND = (Outcome.INCONCLUSIVE, Reason.NOT_FOUND)
THROTTLED = (Outcome.SLOW, Reason.THROTTLED)
WRONG = "a-wrong-one-that-must-not-show"

PASSWORDS = {"redis": "password", "postgres": "password", "openai": "key", "s3": "secretKey"}


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    async with Workshop() as workshop:
        yield workshop


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(server_fixture(kind))
    return found


@pytest.mark.parametrize("kind", PASSWORDS)
async def test_a_wrong_secret_until_it_is_mended(
    kind: str, server: Server, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """It is read anew each time, and stands in no message, log or text of a probe."""
    caplog.set_level(logging.DEBUG)
    where = place(kind, server)
    right = where.secrets[PASSWORDS[kind]]
    where.secrets[PASSWORDS[kind]] = WRONG
    probe = workshop.probe(where)
    result = await workshop.look(probe)
    assert (result.outcome, result.reason) == UNAUTHENTICATED
    assert "SecretRef" in result.message or "Secret" in result.message
    workshop.secrets.values[PASSWORDS[kind]] = right
    assert await workshop.see(probe) == UP
    shown = f"{result!r} {probe!r} {caplog.text}"
    assert WRONG not in shown
    assert str(right) not in shown


@pytest.mark.parametrize("kind", PASSWORDS)
async def test_a_missing_secret_until_it_is_there(kind: str, server: Server, workshop: Workshop) -> None:
    where = place(kind, server)
    right = where.secrets[PASSWORDS[kind]]
    where.secrets[PASSWORDS[kind]] = SecretError(
        Reason.SECRET_NOT_ALLOWED, "Secret credentials may not be sent there: kubectl annotate …"
    )
    probe = workshop.probe(where)
    result = await workshop.look(probe)
    assert (result.outcome, result.reason, result.message) == (
        Outcome.INCONCLUSIVE,
        Reason.SECRET_NOT_ALLOWED,
        "Secret credentials may not be sent there: kubectl annotate …",
    )
    workshop.secrets.values[PASSWORDS[kind]] = right
    assert await workshop.see(probe) == UP
    key = SecretKey("Secret", NAMESPACE, "credentials", PASSWORDS[kind])
    assert workshop.secrets.read_for.count((key, server.host)) == 2


@pytest.mark.parametrize("kind", PASSWORDS)
@pytest.mark.parametrize("value", [b"", b"ends with a line break\n", b"\xff\xfe"])
async def test_a_secret_that_no_protocol_can_carry(
    kind: str, value: bytes, server: Server, workshop: Workshop
) -> None:
    where = place(kind, server)
    where.secrets[PASSWORDS[kind]] = value
    result = await workshop.look(workshop.probe(where))
    assert (result.outcome, result.reason) == UNAUTHENTICATED
    assert f"key {PASSWORDS[kind]} of Secret credentials" in result.message


async def test_redis_wants_a_password(redis_server: RedisServer, workshop: Workshop) -> None:
    where = place("redis", redis_server)
    del where.target["passwordSecretRef"]
    result = await workshop.look(workshop.probe(where))
    assert (result.outcome, result.reason) == UNAUTHENTICATED
    assert "passwordSecretRef" in result.message


async def test_redis_wants_no_password(tmp_path: Path, workshop: Workshop) -> None:
    async with RedisServer(tmp_path) as server:
        where = place("redis", server).but(passwordSecretRef=ref("password"))
        where.secrets["password"] = WRONG
        result = await workshop.look(workshop.probe(where))
    assert (result.outcome, result.reason) == UNAUTHENTICATED
    assert "take passwordSecretRef out" in result.message


async def test_redis_users_and_their_rights(tmp_path: Path, workshop: Workshop) -> None:
    users = {"user": f'pinger" "on" ">{WRONG}" "+ping" "+select'}
    async with RedisServer(tmp_path, options=users) as server:
        pinger = place("redis", server).but(username="pinger", passwordSecretRef=ref("password"))
        pinger.secrets["password"] = WRONG
        assert await workshop.see(workshop.probe(pinger)) == UP  # ROLE is more than it needs
        async with server.client() as client:
            await client.execute_command("ACL", "SETUSER", "pinger", "-ping")  # type: ignore[no-untyped-call]
        result = await workshop.look(workshop.probe(pinger))
        assert (result.outcome, result.reason) == UNAUTHENTICATED
        assert "+ping" in result.message
        assert await workshop.see(workshop.probe(pinger.but(username="nobody"))) == UNAUTHENTICATED


async def test_redis_database_out_of_range(redis_server: RedisServer, workshop: Workshop) -> None:
    where = place("redis", redis_server)
    assert await workshop.see(workshop.probe(where.but(database=15))) == UP
    assert await workshop.see(workshop.probe(where.but(database=16))) == NOT_FOUND


async def test_redis_has_too_many_clients(tmp_path: Path, workshop: Workshop) -> None:
    async with RedisServer(tmp_path, max_clients=1) as server:
        first, second = (workshop.probe(place("tcp", server)), workshop.probe(place("redis", server)))
        keeper = workshop.probe(place("redis", server))
        await workshop.until_seen(keeper, UP)
        for _ in range(20):
            assert await workshop.see(second) == THROTTLED
        assert await workshop.see(first) == UP
        assert await workshop.see(keeper) == UP


async def test_redis_loading_and_replicas(tmp_path: Path, workshop: Workshop) -> None:
    for name in ("master", "patient", "strict"):
        (tmp_path / name).mkdir()
    async with (
        RedisServer(tmp_path / "master") as master,
        RedisServer(
            tmp_path / "patient", replica_of=master, options={"slave-serve-stale-data": "yes"}
        ) as patient,
        RedisServer(tmp_path / "strict", replica_of=master) as strict,
    ):
        probes = [workshop.probe(place("redis", server)) for server in (patient, strict)]
        for probe in probes:
            await workshop.until_seen(probe, UP)
        await master.stop()
        for probe in probes:
            await workshop.until_seen(probe, (Outcome.DOWN, Reason.BAD_ANSWER))
            result = await workshop.look(probe)
            assert result.message == "is a replica that has lost its master"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"database": "nowhere"}, NOT_FOUND),
        ({"username": "nobody"}, UNAUTHENTICATED),
    ],
)
async def test_postgres_configuration(
    changes: dict[str, str],
    expected: tuple[Outcome, Reason],
    postgres_server: PostgresServer,
    workshop: Workshop,
) -> None:
    assert await workshop.see(workshop.probe(place("postgres", postgres_server).but(**changes))) == expected


async def test_postgres_user_from_a_secret(postgres_server: PostgresServer, workshop: Workshop) -> None:
    where = place("postgres", postgres_server).but(usernameSecretRef=ref("username"))
    del where.target["username"]
    where.secrets["username"] = postgres_server.user
    assert await workshop.see(workshop.probe(where)) == UP


async def test_postgres_without_the_right_to_connect(
    postgres_server: PostgresServer, workshop: Workshop
) -> None:
    await postgres_server.execute("CREATE DATABASE closed")
    try:
        await postgres_server.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        where = place("postgres", postgres_server).but(database="closed")
        result = await workshop.look(workshop.probe(where))
    finally:
        await postgres_server.execute("DROP DATABASE closed")
    assert (result.outcome, result.reason) == UNAUTHENTICATED
    assert "CONNECT" in result.message


async def test_postgres_has_too_many_connections(tmp_path: Path, workshop: Workshop) -> None:
    async with PostgresServer(tmp_path, max_connections=1) as server:
        keeper = workshop.probe(place("postgres", server))
        assert await workshop.see(keeper) == UP
        assert await workshop.see(workshop.probe(place("postgres", server))) == THROTTLED
        assert await workshop.see(keeper) == UP


async def test_postgres_turns_read_only_and_back(postgres_server: PostgresServer, workshop: Workshop) -> None:
    read_only = (Outcome.READ_ONLY, Reason.READ_ONLY)
    probe = workshop.probe(place("postgres", postgres_server))
    assert await workshop.see(probe) == UP
    await postgres_server.set_read_only(True)
    await workshop.until_seen(probe, read_only)
    await postgres_server.set_read_only(False)
    await workshop.until_seen(probe, UP)


async def test_postgres_ends_the_connection_and_is_asked_anew(
    postgres_server: PostgresServer, workshop: Workshop
) -> None:
    """As after a restart or a fail-over: the same look makes a new connection."""
    probe = workshop.probe(place("postgres", postgres_server))
    assert await workshop.see(probe) == UP
    await postgres_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'degradation-operator'"
    )
    assert await workshop.see(probe) == UP


async def test_postgres_keeps_one_connection_and_takes_leave(
    postgres_server: PostgresServer, workshop: Workshop
) -> None:
    async def connections() -> int:
        rows = await postgres_server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'degradation-operator'"
        )
        return int(rows[0][0])

    before = await connections()
    probe = workshop.probe(place("postgres", postgres_server))
    for _ in range(3):
        assert await workshop.see(probe) == UP
    assert await connections() - before == 1
    await probe.aclose()
    for _ in range(500):
        if await connections() == before:
            break
    assert await connections() == before


async def test_openai_is_asked_for_models_or_for_a_token(
    openai_server: OpenAIServer, workshop: Workshop
) -> None:
    models = place("openai", openai_server)
    completion = models.but(check="Completion", model=openai_server.model)
    probes = [workshop.probe(models), workshop.probe(completion)]
    assert [await workshop.see(probe) for probe in probes] == [UP, UP]
    await openai_server.fail(Failure.QUOTA)
    assert [await workshop.see(probe) for probe in probes] == [UP, (Outcome.DOWN, Reason.THROTTLED)]
    await openai_server.fail(Failure.THROTTLE)
    assert [await workshop.see(probe) for probe in probes] == [THROTTLED, THROTTLED]
    await openai_server.fail(Failure.ERROR)
    assert [await workshop.see(probe) for probe in probes] == [(Outcome.DOWN, Reason.BAD_ANSWER)] * 2
    await openai_server.fail(Failure.INVALID_KEY)
    assert [await workshop.see(probe) for probe in probes] == [UNAUTHENTICATED] * 2
    await openai_server.mend()
    assert [await workshop.see(probe) for probe in probes] == [UP, UP]


async def test_openai_at_the_wrong_path(openai_server: OpenAIServer, workshop: Workshop) -> None:
    where = place("openai", openai_server)
    where.target["baseURL"] = where.target["baseURL"].replace("/v1", "/v2")
    assert await workshop.see(workshop.probe(where)) == NOT_FOUND


@pytest.mark.parametrize(
    ("expect", "method", "expected"),
    [
        (["401"], "GET", UP),
        (["401"], "HEAD", UP),
        (["200-299", "400-403"], "GET", UP),
        (["200-299"], "GET", (Outcome.DOWN, Reason.BAD_ANSWER)),
    ],
)
async def test_http_status(
    expect: list[str],
    method: str,
    expected: tuple[Outcome, Reason],
    openai_server: OpenAIServer,
    workshop: Workshop,
) -> None:
    """For kind `http`, 401 is what expectStatus says."""
    where = place("http", openai_server).but(expectStatus=expect, method=method)
    probe = workshop.probe(where)
    assert [await workshop.see(probe) for _ in range(2)] == [expected] * 2


@pytest.mark.parametrize(
    ("changes", "without_keys", "expected"),
    [
        ({"bucket": "nowhere"}, False, NOT_FOUND),
        (
            {"pathStyle": False, "endpoint": "http://127.0.0.1:{port}"},
            False,
            (Outcome.INCONCLUSIVE, Reason.NAME_NOT_FOUND),
        ),
        ({}, True, UNAUTHENTICATED),
    ],
)
async def test_s3_configuration(
    changes: dict[str, Any],
    without_keys: bool,
    expected: tuple[Outcome, Reason],
    s3_server: S3Server,
    workshop: Workshop,
) -> None:
    if "endpoint" in changes:
        changes = {**changes, "endpoint": changes["endpoint"].format(port=s3_server.port)}
    where = place("s3", s3_server).but(**changes)
    if without_keys:
        del where.target["accessKeySecretRef"], where.target["secretKeySecretRef"]
    assert await workshop.see(workshop.probe(where)) == expected


async def test_s3_by_host_name_and_region(s3_server: S3Server, workshop: Workshop) -> None:
    where = place("s3", s3_server).but(region="eu-central-1")
    outcome, reason = await workshop.see(workshop.probe(where))
    assert (outcome, reason) in {UNAUTHENTICATED, NOT_FOUND}


async def test_nothing_is_left_on_the_server(redis_server: RedisServer, workshop: Workshop) -> None:
    async with redis_server.client() as client:
        before = len(await client.client_list())
        probe = workshop.probe(place("redis", redis_server))
        assert await workshop.see(probe) == UP
        await probe.aclose()

        counts: list[int] = []
        for _ in range(500):
            counts.append(len(await client.client_list()))
            if counts[-1] <= before:
                break
        assert counts[-1] <= before
