"""What asyncpg is spared: messages that would hang it, crash it, or keep it computing."""

from __future__ import annotations

import asyncio
import struct

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome
from degradation_operator.probes.line import MOST_BYTES
from degradation_operator.probes.pgwire import MOST_ROUNDS, Reader, WireError


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def authentication(code: int, body: bytes = b"") -> bytes:
    return message(b"R", struct.pack("!i", code) + body)


def column(name: bytes, kind: int) -> bytes:
    return name + b"\0" + struct.pack("!iHIhih", 0, 0, kind, -1, -1, 0)


OK = authentication(0)
VERSION = message(b"S", b"server_version\x0015.18 (Debian 15.18-0+deb12u1)\0")
READY = message(b"Z", b"I")
SASL = authentication(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
CHALLENGE = authentication(11, b"r=abc,s=YWJj,i=4096")
PROOF = authentication(12, b"v=YWJj")
COLUMNS = message(b"T", b"\0\2" + column(b"pg_is_in_recovery", 16) + column(b"current_setting", 25))

METHOD = Reason.AUTHENTICATION_FAILED
NOT_POSTGRES = Reason.BAD_ANSWER


class Client(asyncio.Protocol):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.received += data
        if b"raise" in data:
            raise AttributeError("'NoneType' object has no attribute 'cancelled'")

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
def test_what_postgres_says_passes_in_any_pieces(size: int) -> None:
    said = b"".join(
        [
            *(SASL, CHALLENGE, PROOF, OK, VERSION, message(b"S", b"TimeZone\0UTC\0")),
            *(message(b"K", bytes(8)), READY, message(b"1"), message(b"t", b"\0\0"), COLUMNS, READY),
            *(message(b"2"), message(b"D", b"\0\2" + bytes(20)), message(b"s"), READY),
            *(message(b"N", b"SNOTICE\0\0"), message(b"E", b"SFATAL\0C57P01\0\0")),
        ]
    )
    reader = Reader(client := Client())
    for start in range(0, len(said), size):
        reader.data_received(said[start : start + size])
    reader.connection_lost(None)
    assert (client.received, client.lost) == (said, [None])


@pytest.mark.parametrize(
    ("said", "passed", "reason"),
    [
        (bytes(64), b"", NOT_POSTGRES),  # would hang the process
        (b"R" + struct.pack("!i", 3), b"", NOT_POSTGRES),
        (b"R" + struct.pack("!i", -1), b"", NOT_POSTGRES),
        (b"D" + struct.pack("!i", MOST_BYTES + 1), b"", NOT_POSTGRES),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", NOT_POSTGRES),
        (b"+PONG\r\n", b"", NOT_POSTGRES),
        (message(b"R"), b"", NOT_POSTGRES),
        (CHALLENGE, b"", NOT_POSTGRES),  # would crash the process
        (PROOF, b"", NOT_POSTGRES),
        (SASL + PROOF, b"", NOT_POSTGRES),
        (SASL + CHALLENGE + CHALLENGE, b"", NOT_POSTGRES),
        (SASL + CHALLENGE + PROOF + CHALLENGE, b"", NOT_POSTGRES),
        (authentication(10, b"OTHER\0\0") + CHALLENGE, b"", METHOD),
        (SASL + authentication(11, b"r=abc,s=YWJj,i=%d" % (MOST_ROUNDS + 1)), b"", METHOD),
        (SASL + authentication(11, b"r=abc,s=YWJj,i=" + b"9" * 5_000), b"", METHOD),
        (authentication(7), b"", METHOD),  # GSSAPI
        (authentication(9), b"", METHOD),  # SSPI
        (authentication(99), b"", METHOD),
        (READY, b"", NOT_POSTGRES),
        (OK + READY, b"", NOT_POSTGRES),
        (OK + message(b"S", b"server_version\0fifteen\0") + READY, b"", NOT_POSTGRES),
        (message(b"t", b"\0\1" + bytes(4)), b"", NOT_POSTGRES),
        (message(b"T", b"\0\0"), b"", NOT_POSTGRES),
        (message(b"T", b"\0\2" + column(b"a", 16) + column(b"b", 1700)), b"", NOT_POSTGRES),
        (message(b"G", b"\0\0\0"), b"", NOT_POSTGRES),  # COPY
        (message(b"N", b"raise"), message(b"N", b"raise"), NOT_POSTGRES),
    ],
)
def test_what_does_not_pass_ends_the_connection(said: bytes, passed: bytes, reason: Reason) -> None:
    reader = Reader(client := Client())
    reader.data_received(said)
    reader.data_received(OK)
    reader.connection_lost(None)
    (error,) = client.lost
    assert isinstance(error, WireError)
    assert error.result.reason is reason
    assert error.result.outcome is (Outcome.DOWN if reason is NOT_POSTGRES else Outcome.INCONCLUSIVE)
    assert client.received == passed


def test_as_many_rounds_as_are_usual_pass() -> None:
    reader = Reader(client := Client())
    reader.data_received(SASL + authentication(11, b"r=abc,s=YWJj,i=%d" % MOST_ROUNDS))
    assert client.lost == []
