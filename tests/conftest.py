"""Real servers for every test that asks for one; `tests/README.md` names them.

They run once for the whole session. Each fixture hands its server over running, writable and mended, whatever
the test before did to it. What cannot be started fails the test: nothing is skipped.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import TypeVar

import pytest
import trustme

from degradation_operator.demo.servers import OpenAIServer, PostgresServer, RedisServer, S3Server, Tls
from degradation_operator.demo.servers.server import Server

S = TypeVar("S", bound=Server)


def _do(work: Coroutine[object, object, None]) -> None:
    """Run to the end in a loop of its own, and leave the thread's current loop, which is the tests', alone."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def _serve(server: S) -> Iterator[S]:
    _do(server.start())
    yield server
    _do(server.close())


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody knows."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate of that authority for `localhost` and 127.0.0.1."""
    directory = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    files = Tls(certificate=directory / "tls.crt", key=directory / "tls.key", authority=directory / "ca.crt")
    files.certificate.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    files.key.write_bytes(certificate.private_key_pem.bytes())
    authority.cert_pem.write_to_path(files.authority)
    return files


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    yield from _serve(RedisServer(tmp_path_factory.mktemp("redis"), password="redis-password-of-the-tests"))


@pytest.fixture
def redis_server(_redis: RedisServer) -> RedisServer:
    """Redis with a password."""
    _do(_redis.start())
    return _redis


@pytest.fixture(scope="session")
def _redis_tls(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> Iterator[RedisServer]:
    password = "redis-password-of-the-tests"
    yield from _serve(RedisServer(tmp_path_factory.mktemp("redis-tls"), password=password, tls=tls))


@pytest.fixture
def redis_tls_server(_redis_tls: RedisServer) -> RedisServer:
    """Redis with a password, by TLS alone."""
    _do(_redis_tls.start())
    return _redis_tls


@pytest.fixture(scope="session")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    yield from _serve(PostgresServer(tmp_path_factory.mktemp("postgres")))


@pytest.fixture
def postgres_server(_postgres: PostgresServer) -> PostgresServer:
    """PostgreSQL, writable."""
    _do(_postgres.start())
    _do(_postgres.set_read_only(False))
    return _postgres


@pytest.fixture(scope="session")
def _postgres_tls(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> Iterator[PostgresServer]:
    yield from _serve(PostgresServer(tmp_path_factory.mktemp("postgres-tls"), tls=tls))


@pytest.fixture
def postgres_tls_server(_postgres_tls: PostgresServer) -> PostgresServer:
    """PostgreSQL, writable, by TLS alone."""
    _do(_postgres_tls.start())
    _do(_postgres_tls.set_read_only(False))
    return _postgres_tls


def _verifying(server: S3Server) -> S3Server:
    assert server.verifies_signatures, (
        "versitygw is missing (moto verifies no signatures): run `make versitygw`"
    )
    return server


@pytest.fixture(scope="session")
def _s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from _serve(_verifying(S3Server(tmp_path_factory.mktemp("s3"))))


@pytest.fixture
def s3_server(_s3: S3Server) -> S3Server:
    """An S3 server that verifies signatures, with one bucket."""
    _do(_s3.start())
    return _s3


@pytest.fixture(scope="session")
def _s3_tls(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> Iterator[S3Server]:
    yield from _serve(_verifying(S3Server(tmp_path_factory.mktemp("s3-tls"), tls=tls)))


@pytest.fixture
def s3_tls_server(_s3_tls: S3Server) -> S3Server:
    """An S3 server that verifies signatures, with one bucket, by TLS alone."""
    _do(_s3_tls.start())
    return _s3_tls


@pytest.fixture(scope="session")
def _openai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAIServer]:
    yield from _serve(OpenAIServer(tmp_path_factory.mktemp("openai")))


@pytest.fixture
def openai_server(_openai: OpenAIServer) -> OpenAIServer:
    """An OpenAI-compatible server that fails when told, and does not yet."""
    _do(_openai.start())
    _do(_openai.mend())
    return _openai


@pytest.fixture(scope="session")
def _openai_tls(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> Iterator[OpenAIServer]:
    yield from _serve(OpenAIServer(tmp_path_factory.mktemp("openai-tls"), tls=tls))


@pytest.fixture
def openai_tls_server(_openai_tls: OpenAIServer) -> OpenAIServer:
    """An OpenAI-compatible server that fails when told, by TLS alone."""
    _do(_openai_tls.start())
    _do(_openai_tls.mend())
    return _openai_tls
