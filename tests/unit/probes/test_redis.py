"""What Redis may say, and what it means."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome
from tests.support.probe_kit import Place, Seen, Workshop, ref

UP = (Outcome.UP, Reason.ANSWERED)
BAD = (Outcome.DOWN, Reason.BAD_ANSWER)
CLOSED = (Outcome.DOWN, Reason.CLOSED)
THROTTLED = (Outcome.SLOW, Reason.THROTTLED)
UNAUTHENTICATED = (Outcome.INCONCLUSIVE, Reason.AUTHENTICATION_FAILED)
NOT_FOUND = (Outcome.INCONCLUSIVE, Reason.NOT_FOUND)

NO_PASSWORD_SET = (
    b"-ERR AUTH <password> called without any password configured for the default user. "
    b"Are you sure your configuration is correct?\r\n"
)
PONG = b"+PONG\r\n"
MASTER = b"*3\r\n$6\r\nmaster\r\n:3129659\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n9001\r\n$7\r\n3129242\r\n"


def replica(state: bytes) -> bytes:
    return b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:9000\r\n$%d\r\n%s\r\n:3167038\r\n" % (len(state), state)


async def see(answers: dict[bytes, bytes], target: dict[str, Any] | None = None) -> tuple[Seen, str]:
    """Ask a server that answers each command by its name, and closes where it knows no answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readline():
                words = []
                for _ in range(int(head[1:])):
                    length = int((await reader.readline())[1:])
                    words.append(await reader.readexactly(length + 2))
                if (answer := answers.get(words[0].strip())) is None:
                    break
                writer.write(answer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with Workshop() as shop:
            shop.secrets.values["password"] = "made-up"
            place = Place("redis", {"host": "127.0.0.1", "port": port, **(target or {})})
            result = await shop.look(shop.probe(place, timeout="500ms"))
            return (result.outcome, result.reason), result.message
    finally:
        server.close()


@pytest.mark.parametrize(
    ("ping", "role", "expected"),
    [
        (PONG, MASTER, UP),
        (b"$4\r\nPONG\r\n", MASTER, UP),
        (PONG, replica(b"connected"), UP),
        (PONG, replica(b"connect"), BAD),
        (PONG, replica(b"connecting"), BAD),
        (PONG, replica(b"sync"), BAD),
        (PONG, b"*2\r\n$8\r\nsentinel\r\n*1\r\n$6\r\nmaster\r\n", UP),
        (PONG, b"-NOPERM this user has no permissions to run the 'role' command\r\n", UP),
        (PONG, b"-ERR unknown command 'ROLE'\r\n", UP),
        (PONG, b"*-1\r\n", UP),
        (PONG, None, CLOSED),
        (b"-LOADING Redis is loading the dataset in memory\r\n", MASTER, BAD),
        (
            b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
            MASTER,
            BAD,
        ),
        (b"-BUSY Redis is busy running a script.\r\n", MASTER, BAD),
        (b"-MISCONF Redis is configured to save RDB snapshots, but is unable to persist.\r\n", MASTER, BAD),
        (b"-ERR something\r\n", MASTER, BAD),
        (b"+OK\r\n", MASTER, BAD),
        (b":1\r\n", MASTER, BAD),
        (b"$-1\r\n", MASTER, BAD),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", BAD),
        (b"$x\r\n", MASTER, BAD),
        (b"*1\r\n" * 5_000, MASTER, BAD),
        (b"-NOAUTH Authentication required.\r\n", MASTER, UNAUTHENTICATED),
        (b"-NOPERM this user has no permissions to run the 'ping' command\r\n", MASTER, UNAUTHENTICATED),
        (b"-DENIED Redis is running in protected mode because of this\r\n", MASTER, UNAUTHENTICATED),
        (b"-ERR max number of clients reached\r\n", b"", THROTTLED),
        (None, MASTER, CLOSED),
    ],
)
async def test_answers(ping: bytes | None, role: bytes | None, expected: Seen) -> None:
    answers = {b"PING": ping, b"ROLE": role}
    found, message = await see({name: answer for name, answer in answers.items() if answer is not None})
    assert found == expected
    assert len(message) <= 256


@pytest.mark.parametrize(
    ("auth", "select", "expected"),
    [
        (b"+OK\r\n", b"+OK\r\n", UP),
        (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", b"+OK\r\n", UNAUTHENTICATED),
        (b"-ERR invalid password\r\n", b"+OK\r\n", UNAUTHENTICATED),
        (NO_PASSWORD_SET, b"+OK\r\n", UNAUTHENTICATED),
        (b"-ERR max number of clients reached\r\n", b"+OK\r\n", THROTTLED),
        (b"-LOADING Redis is loading the dataset in memory\r\n", b"+OK\r\n", BAD),
        (b"+OK\r\n", b"-ERR DB index is out of range\r\n", NOT_FOUND),
        (b"+OK\r\n", b"-ERR invalid DB index\r\n", NOT_FOUND),
        (b"+OK\r\n", b"-ERR SELECT is not allowed in cluster mode\r\n", NOT_FOUND),
        (b"+OK\r\n", b"-NOPERM no permissions to run the 'select' command\r\n", UNAUTHENTICATED),
        (b"+OK\r\n", b"-MASTERDOWN Link with MASTER is down\r\n", BAD),
    ],
)
async def test_answers_while_connecting(auth: bytes, select: bytes, expected: Seen) -> None:
    found, _ = await see(
        {b"AUTH": auth, b"SELECT": select, b"PING": PONG, b"ROLE": MASTER},
        {"passwordSecretRef": ref("password"), "database": 3},
    )
    assert found == expected
