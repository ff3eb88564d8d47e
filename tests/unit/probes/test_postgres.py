"""What PostgreSQL may say, and what it means."""

from __future__ import annotations

import asyncio
import struct

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome, ProbeResult
from tests.support.probe_kit import Seen, Workshop, bare

BAD = (Outcome.DOWN, Reason.BAD_ANSWER)
CLOSED = (Outcome.DOWN, Reason.CLOSED)
THROTTLED = (Outcome.SLOW, Reason.THROTTLED)
UNAUTHENTICATED = (Outcome.INCONCLUSIVE, Reason.AUTHENTICATION_FAILED)
NOT_FOUND = (Outcome.INCONCLUSIVE, Reason.NOT_FOUND)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def error(state: str, text: str) -> bytes:
    return message(b"E", f"SFATAL\0VFATAL\0C{state}\0M{text}\0\0".encode())


async def look(answer: bytes, *, secure: bool = False) -> ProbeResult:
    """Ask a server that answers the first message with these bytes, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            await reader.readexactly(length - 4)
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with Workshop() as shop:
            place = bare("postgres", port)
            if secure:
                place = place.but(tls={})
            return await shop.look(shop.probe(place, timeout="300ms"))
    finally:
        server.close()


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        ("53300", "sorry, too many clients already", THROTTLED),
        ("08P01", "no more connections allowed (max_client_conn)", THROTTLED),
        ("57P03", "the database system is starting up", BAD),
        ("57P03", "the database system is shutting down", BAD),
        ("57P01", "terminating connection due to administrator command", CLOSED),
        ("28P01", "password authentication failed for user", UNAUTHENTICATED),
        ("28000", "no pg_hba.conf entry for host", UNAUTHENTICATED),
        ("3D000", "database does not exist", NOT_FOUND),
        ("42501", "permission denied for database", UNAUTHENTICATED),
        ("55000", "database is not currently accepting connections", UNAUTHENTICATED),
        ("53200", "out of memory", BAD),
        ("08P01", "unsupported startup parameter", BAD),
        ("XX000", "internal error", BAD),
        ("ZZZZZ", "a state that nobody knows", BAD),
    ],
)
async def test_errors_at_the_start(state: str, text: str, expected: Seen) -> None:
    result = await look(error(state, text))
    assert (result.outcome, result.reason) == expected
    assert text not in result.message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", {CLOSED}),
        (message(b"R", struct.pack("!i", 7)), {UNAUTHENTICATED}),  # GSSAPI
        (message(b"R", struct.pack("!i", 99)), {UNAUTHENTICATED, BAD}),  # a method that nobody knows
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", {BAD, CLOSED}),
        (b"+PONG\r\n+PONG\r\n", {BAD, CLOSED}),
        (b"\x00" * 64, {BAD, CLOSED}),
        (b"\xff" * 64, {BAD, CLOSED}),
        (message(b"R", b""), {BAD, CLOSED}),
        (message(b"E", b"no terminator"), {BAD, CLOSED}),
        (message(b"Z", b"I"), {BAD, CLOSED}),
    ],
)
async def test_what_is_no_postgres(answer: bytes, expected: set[Seen]) -> None:
    result = await look(answer)
    assert (result.outcome, result.reason) in expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"N", (Outcome.INCONCLUSIVE, Reason.TLS_FAILED)),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", BAD),
        (b"\x00", BAD),
        (error("53300", "sorry, too many clients already"), BAD),  # before TLS nothing is believed
        (b"", CLOSED),
        (b"S", CLOSED),
    ],
)
async def test_answers_to_the_request_for_tls(answer: bytes, expected: Seen) -> None:
    result = await look(answer, secure=True)
    assert (result.outcome, result.reason) == expected
