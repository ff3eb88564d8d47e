"""From a host to a connected socket: every address checked, the first that accepts is taken."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome
from degradation_operator.probes.errors import from_os_error
from degradation_operator.probes.guard import AddressGuard
from degradation_operator.probes.line import MOST_BYTES, HeardSocket
from degradation_operator.probes.resolve import Resolver
from tests.support.probe_kit import Place, Workshop, until

UP = (Outcome.UP, Reason.ANSWERED)
REFUSED = (Outcome.DOWN, Reason.REFUSED)
TIMEOUT = (Outcome.DOWN, Reason.TIMEOUT)
NAME_UNKNOWN = (Outcome.INCONCLUSIVE, Reason.NAME_NOT_FOUND)
NAME_GONE = (Outcome.DOWN, Reason.NAME_NOT_FOUND)
RESOLVER_FAILED = (Outcome.INCONCLUSIVE, Reason.RESOLVER_FAILED)
ADDRESS_REFUSED = (Outcome.INCONCLUSIVE, Reason.ADDRESS_REFUSED)


class Names:
    """A resolver's table; also counts."""

    def __init__(self, *addresses: str) -> None:
        self.answer: list[str] | Exception = list(addresses)
        self.lookups = 0

    def getaddrinfo(self, _host: str, port: int, **_options: object) -> list[Any]:
        self.lookups += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port),
            )
            for address in self.answer
        ]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A port of 127.0.0.1 that accepts."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port of 127.0.0.2 whose queue is full: nothing answers."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as server:
        number = server.getsockname()[1]
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.2", number))
            waiting.append(client)
        yield number
        for client in waiting:
            client.close()


def workshop(names: Names, guard: AddressGuard | None = None) -> Workshop:
    return Workshop(resolver=Resolver(getaddrinfo=names.getaddrinfo), guard=guard)


def target(port: int, host: str = "db.example.com") -> Place:
    return Place("tcp", {"host": host, "port": port})


async def test_the_first_address_that_accepts(port: int) -> None:
    names = Names("127.0.0.3", "::1", "127.0.0.1")
    async with workshop(names) as shop:
        assert await shop.see(shop.probe(target(port))) == UP
        assert names.lookups == 1


async def test_resolved_once_for_each_connection(port: int) -> None:
    names = Names("127.0.0.1")
    async with workshop(names) as shop:
        probe = shop.probe(target(port))
        assert [await shop.see(probe) for _ in range(3)] == [UP] * 3
        assert names.lookups == 3


async def test_an_address_that_is_silent_leaves_time_for_the_next(full_port: int) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", full_port)
    async with workshop(Names("127.0.0.2", "127.0.0.1")) as shop:
        assert await shop.see(shop.probe(target(full_port), timeout="200ms")) == UP
    async with workshop(Names("127.0.0.1", "127.0.0.2")) as shop:
        assert await shop.see(shop.probe(target(full_port), timeout="200ms")) == UP
    server.close()


async def test_silence_of_the_only_address(full_port: int) -> None:
    async with workshop(Names("127.0.0.2")) as shop:
        result = await shop.look(shop.probe(target(full_port), timeout="100ms"))
    assert (result.outcome, result.reason) == TIMEOUT
    assert result.message == "nothing heard for 100 ms while connecting"


async def test_where_all_refuse_it_is_refused() -> None:
    async with workshop(Names("127.0.0.3", "127.0.0.4")) as shop:
        assert await shop.see(shop.probe(target(1))) == REFUSED


async def test_what_is_said_of_the_other_side_goes_before_what_is_said_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine without IPv6 still learns that IPv4 was refused."""

    def make(family: int) -> HeardSocket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return HeardSocket(family)

    monkeypatch.setattr("degradation_operator.probes.dial.HeardSocket", make)
    async with workshop(Names("::1", "127.0.0.1")) as shop:
        assert await shop.see(shop.probe(target(1))) == REFUSED


async def test_one_address_that_may_not_be_reached_refuses_all(port: int) -> None:
    async with workshop(Names("127.0.0.1", "169.254.169.254")) as shop:
        result = await shop.look(shop.probe(target(port)))
    assert (result.outcome, result.reason) == ADDRESS_REFUSED
    assert "link local" in result.message
    assert "169.254" not in result.message


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "0"],
)
async def test_addresses_in_any_form_are_checked(host: str) -> None:
    async with workshop(Names(), AddressGuard()) as shop:
        assert await shop.see(shop.probe(target(1, host))) == ADDRESS_REFUSED


async def test_the_api_server_is_refused(port: int) -> None:
    endpoints = frozenset({(ipaddress.ip_address("127.0.0.1"), port)})
    guard = AddressGuard(allow_loopback=True, endpoints=endpoints)
    async with workshop(Names("127.0.0.1"), guard) as shop:
        result = await shop.look(shop.probe(target(port)))
    assert (result.outcome, result.reason) == ADDRESS_REFUSED
    assert "the API server" in result.message


async def test_a_name_that_never_resolved_and_one_that_did(port: int) -> None:
    """A typo must not cause an emergency; a name that disappears is a failure."""
    unknown = socket.gaierror(socket.EAI_NONAME, "not known")
    names = Names()
    names.answer = unknown
    async with workshop(names) as shop:
        probe = shop.probe(target(port))
        assert await shop.see(probe) == NAME_UNKNOWN
        names.answer = ["127.0.0.1"]
        assert await shop.see(probe) == UP
        names.answer = unknown
        assert await shop.see(probe) == NAME_GONE


async def test_a_resolver_that_fails(port: int) -> None:
    names = Names("127.0.0.1")
    async with workshop(names) as shop:
        probe = shop.probe(target(port))
        assert await shop.see(probe) == UP
        names.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
        assert await shop.see(probe) == RESOLVER_FAILED


async def test_a_resolver_that_hangs(port: int) -> None:
    import threading

    hanging = threading.Event()

    def getaddrinfo(*_args: object, **_options: object) -> list[Any]:
        hanging.wait(10)
        return []

    async with Workshop(resolver=Resolver(getaddrinfo=getaddrinfo)) as shop:
        assert await shop.see(shop.probe(target(port), timeout="50ms")) == RESOLVER_FAILED
        hanging.set()


async def test_a_flood_is_no_answer() -> None:
    """What the other side sends is bounded, whichever client reads it."""

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"$1000000000\r\n" + b"x" * MOST_BYTES)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Workshop() as shop:
        probe = shop.probe(Place("redis", {"host": "127.0.0.1", "port": port}), timeout="5s")
        assert await shop.see(probe) == (Outcome.DOWN, Reason.BAD_ANSWER)
    server.close()
    await until(lambda: len(asyncio.all_tasks()) == 1)


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), Outcome.DOWN, Reason.REFUSED),
        (ConnectionResetError(errno.ECONNRESET, ""), Outcome.DOWN, Reason.CLOSED),
        (ConnectionResetError("asyncio's own"), Outcome.DOWN, Reason.CLOSED),
        (ConnectionAbortedError(errno.ECONNABORTED, ""), Outcome.DOWN, Reason.CLOSED),
        (BrokenPipeError(errno.EPIPE, ""), Outcome.DOWN, Reason.CLOSED),
        (OSError(errno.EHOSTUNREACH, ""), Outcome.DOWN, Reason.UNREACHABLE),
        (OSError(errno.EHOSTDOWN, ""), Outcome.DOWN, Reason.UNREACHABLE),
        (TimeoutError(errno.ETIMEDOUT, ""), Outcome.DOWN, Reason.TIMEOUT),
        (ssl.SSLEOFError(ssl.SSL_ERROR_EOF, ""), Outcome.DOWN, Reason.CLOSED),
        (OSError(errno.ENETUNREACH, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (OSError(errno.EADDRNOTAVAIL, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (OSError(errno.EMFILE, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (OSError(errno.ENFILE, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (OSError(errno.ENOBUFS, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (PermissionError(errno.EPERM, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (PermissionError(errno.EACCES, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
        (OSError(errno.EINVAL, ""), Outcome.INCONCLUSIVE, Reason.UNREACHABLE),
    ],
)
def test_what_errors_of_sockets_mean(error: OSError, outcome: Outcome, reason: Reason) -> None:
    result = from_os_error(error)
    assert (result.outcome, result.reason) == (outcome, reason)
    assert len(result.message) <= 256
    assert ("the system reports" in result.message) is (error.errno == errno.EINVAL)


async def test_a_process_without_files_left_is_no_failure_of_the_other_side(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_args: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with workshop(Names("127.0.0.1")) as shop:
        probe = shop.probe(target(port))
        monkeypatch.setattr("degradation_operator.probes.dial.HeardSocket", exhausted)
        result = await shop.look(probe)
    assert (result.outcome, result.reason, result.measured) == (
        Outcome.INCONCLUSIVE,
        Reason.UNREACHABLE,
        "EMFILE",
    )
