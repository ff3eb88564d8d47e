"""TLS with authorities on each kind: trusted, untrusted, of another name, expired, and not there."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from degradation_operator.api.names import Reason
from degradation_operator.demo.servers import RedisServer
from degradation_operator.demo.servers.server import Server
from degradation_operator.engine.model import Outcome
from tests.support.probe_kit import KINDS, Workshop, bare, place, ref, server_fixture

UP = (Outcome.UP, Reason.ANSWERED)
OURS = (Outcome.INCONCLUSIVE, Reason.TLS_FAILED)
THEIRS = (Outcome.DOWN, Reason.TLS_FAILED)


@pytest.fixture
def secure_server(kind: str, request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(server_fixture(kind, secure=True))
    return server


@pytest.fixture
def plain_server(kind: str, request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(server_fixture(kind))
    return server


@pytest.fixture
async def workshop(authority: trustme.CA) -> AsyncIterator[Workshop]:
    async with Workshop() as workshop:
        workshop.secrets.values["authority"] = authority.cert_pem.bytes()
        yield workshop


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_with_the_authority_it_is_up(
    kind: str, host: str, secure_server: Server, workshop: Workshop
) -> None:
    """`localhost` may be ::1 first, where nothing listens: the next address is tried, by the same name."""
    probe = workshop.probe(place(kind, secure_server, host=host, secure=True))
    assert [await workshop.see(probe) for _ in range(2)] == [UP] * 2


@pytest.mark.parametrize("kind", KINDS)
async def test_with_the_authority_in_a_secret(kind: str, secure_server: Server, workshop: Workshop) -> None:
    where = place(kind, secure_server, secure=True).but(tls={"caSecretRef": ref("authority")})
    assert await workshop.see(workshop.probe(where)) == UP


@pytest.mark.parametrize("kind", KINDS)
async def test_with_the_systems_authorities_it_is_not_trusted(
    kind: str, secure_server: Server, workshop: Workshop
) -> None:
    result = await workshop.look(workshop.probe(place(kind, secure_server, secure=True).but(tls={})))
    assert (result.outcome, result.reason) == OURS
    assert "caSecretRef" in result.message


@pytest.mark.parametrize("kind", KINDS)
async def test_with_another_authority_it_is_not_trusted(
    kind: str, secure_server: Server, workshop: Workshop
) -> None:
    workshop.secrets.values["authority"] = trustme.CA().cert_pem.bytes()
    assert await workshop.see(workshop.probe(place(kind, secure_server, secure=True))) == OURS


@pytest.mark.parametrize("kind", KINDS)
async def test_another_name_is_not_trusted(kind: str, secure_server: Server, workshop: Workshop) -> None:
    tls = {"caConfigMapRef": ref("authority"), "serverName": "db.example.com"}
    result = await workshop.look(workshop.probe(place(kind, secure_server, secure=True).but(tls=tls)))
    assert (result.outcome, result.reason) == OURS
    assert "serverName" in result.message


@pytest.mark.parametrize("kind", KINDS)
async def test_the_server_name_replaces_the_host(
    kind: str, secure_server: Server, workshop: Workshop
) -> None:
    tls = {"caConfigMapRef": ref("authority"), "serverName": "localhost"}
    assert await workshop.see(workshop.probe(place(kind, secure_server, secure=True).but(tls=tls))) == UP


@pytest.mark.parametrize("kind", KINDS)
async def test_without_verification_anything_is_taken(
    kind: str, secure_server: Server, workshop: Workshop
) -> None:
    tls = {"insecureSkipVerify": True, "serverName": "db.example.com"}
    assert await workshop.see(workshop.probe(place(kind, secure_server, secure=True).but(tls=tls))) == UP


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "authorities",
    [
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "Zertifikate".encode("utf-16"),
    ],
    ids=["empty", "no-certificate", "cut", "utf-16"],
)
async def test_broken_authorities(
    kind: str, authorities: bytes, secure_server: Server, workshop: Workshop
) -> None:
    workshop.secrets.values["authority"] = authorities
    result = await workshop.look(workshop.probe(place(kind, secure_server, secure=True)))
    assert (result.outcome, result.reason) == OURS
    assert "BEGIN CERTIFICATE" in result.message


@pytest.mark.parametrize("kind", KINDS)
async def test_missing_authorities(kind: str, secure_server: Server, workshop: Workshop) -> None:
    del workshop.secrets.values["authority"]
    seen = await workshop.see(workshop.probe(place(kind, secure_server, secure=True)))
    assert seen == (Outcome.INCONCLUSIVE, Reason.SECRET_MISSING)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "postgres"])
async def test_a_server_without_tls_answers_something_else(
    kind: str, plain_server: Server, workshop: Workshop
) -> None:
    """By the table of results that is garbage: Down. Redis waits for more of what it takes for a command."""
    probe = workshop.probe(place(kind, plain_server, secure=True), timeout="300ms")
    expected = Reason.TIMEOUT if isinstance(plain_server, RedisServer) else Reason.BAD_ANSWER
    assert await workshop.see(probe) == (Outcome.DOWN, expected)


@pytest.mark.parametrize("kind", ["postgres"])
async def test_postgres_says_that_it_has_no_tls(kind: str, plain_server: Server, workshop: Workshop) -> None:
    assert await workshop.see(workshop.probe(place(kind, plain_server, secure=True))) == OURS


@pytest.mark.parametrize("kind", ["postgres"])
async def test_postgres_says_that_it_wants_tls(kind: str, secure_server: Server, workshop: Workshop) -> None:
    result = await workshop.look(workshop.probe(place(kind, secure_server)))
    assert (result.outcome, result.reason) == (Outcome.INCONCLUSIVE, Reason.AUTHENTICATION_FAILED)
    assert "tls" in result.message


@contextmanager
def listener(context: ssl.SSLContext, kind: str) -> Iterator[int]:
    """A port that shows a certificate, and does no more. By blocking sockets: those send alerts."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        client.settimeout(2)
                        show(client)

        def show(client: socket.socket) -> None:
            with contextlib.suppress(OSError):
                if kind == "postgres":
                    client.recv(8)
                    client.sendall(b"S")
                with context.wrap_socket(client, server_side=True) as secured:
                    secured.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("kind", KINDS)
async def test_an_expired_certificate_is_their_failure(
    kind: str, authority: trustme.CA, workshop: Workshop
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = authority.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=1), not_after=yesterday)
    with listener(context_of(expired), kind) as port:
        result = await workshop.look(workshop.probe(bare(kind, port, secure=True)))
    assert (result.outcome, result.reason) == THEIRS
    assert result.message == "the server's certificate has expired"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_not_yet_valid_is_a_matter_of_clocks(
    kind: str, authority: trustme.CA, workshop: Workshop
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    early = authority.issue_cert("127.0.0.1", not_before=tomorrow, not_after=tomorrow + timedelta(days=1))
    with listener(context_of(early), kind) as port:
        result = await workshop.look(workshop.probe(bare(kind, port, secure=True)))
    assert (result.outcome, result.reason) == OURS
    assert "clocks" in result.message


@pytest.mark.parametrize("kind", KINDS)
async def test_no_common_version_is_for_people_to_settle(
    kind: str, authority: trustme.CA, workshop: Workshop
) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with listener(context, kind) as port:
        assert await workshop.see(workshop.probe(bare(kind, port, secure=True))) == OURS


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tcp"])
async def test_a_client_certificate_that_is_wanted(
    kind: str, authority: trustme.CA, workshop: Workshop
) -> None:
    """With TLS 1.3 the client hears of it when it asks its first question."""
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with listener(context, kind) as port:
        result = await workshop.look(workshop.probe(bare(kind, port, secure=True)))
    assert (result.outcome, result.reason) == OURS
    assert "client certificate" in result.message
