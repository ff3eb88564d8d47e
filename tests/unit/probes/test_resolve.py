"""Names to addresses: what is known, what is unknown, and a resolver that hangs."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from degradation_operator.probes.resolve import Endpoint, NameUnknownError, Resolver, ResolverError


def entry(address: str, family: int = socket.AF_INET) -> tuple[Any, ...]:
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 5432)


def answering(found: object) -> Resolver:
    def getaddrinfo(*_args: object, **_options: object) -> list[Any]:
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, list)
        return found

    return Resolver(getaddrinfo=getaddrinfo)


async def test_every_address_once_in_the_resolvers_order() -> None:
    resolver = answering(
        [entry("fd00::1", socket.AF_INET6), entry("10.0.0.2"), entry("10.0.0.1"), entry("10.0.0.2")]
    )
    assert await resolver.resolve("db.example.com", 5432) == (
        Endpoint(socket.AF_INET6, ("fd00::1", 5432)),
        Endpoint(socket.AF_INET, ("10.0.0.2", 5432)),
        Endpoint(socket.AF_INET, ("10.0.0.1", 5432)),
    )


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),
        ("::1", "::1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
async def test_addresses_in_any_form_are_not_looked_up(host: str, address: str) -> None:
    (endpoint,) = await answering(AssertionError("looked up")).resolve(host, 5432)
    assert endpoint.host == address


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), NameUnknownError),
        (socket.gaierror(socket.EAI_NODATA, "no address"), NameUnknownError),
        (UnicodeError("label too long"), NameUnknownError),
        ([], NameUnknownError),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), ResolverError),
        (socket.gaierror(socket.EAI_FAIL, "failed"), ResolverError),
        (socket.gaierror(socket.EAI_SYSTEM, "system error"), ResolverError),
        (OSError("no files left"), ResolverError),
        (RuntimeError("a bug"), ResolverError),
    ],
)
async def test_unknown_is_not_failed(failure: object, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await answering(failure).resolve("db.example.com", 5432)


async def test_a_resolver_that_hangs_keeps_its_threads_and_no_more() -> None:
    hanging, running = threading.Event(), []

    def getaddrinfo(host: str, *_args: object, **_options: object) -> list[Any]:
        running.append(host)
        assert hanging.wait(10)
        return [entry("10.0.0.1")]

    resolver = Resolver(getaddrinfo=getaddrinfo, lookups=2)
    before = threading.active_count()
    for number in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await resolver.resolve(f"host-{number}.example.com", 5432)
    assert running == ["host-0.example.com", "host-1.example.com"]
    assert threading.active_count() <= before + 2

    hanging.set()  # It recovers, and so does everybody.
    async with asyncio.timeout(5):
        assert await resolver.resolve("host.example.com", 5432)


async def test_threads_do_not_hold_the_interpreter_up() -> None:
    kinds: list[bool] = []

    def getaddrinfo(*_args: object, **_options: object) -> list[Any]:
        kinds.append(threading.current_thread().daemon)
        return [entry("10.0.0.1")]

    await Resolver(getaddrinfo=getaddrinfo).resolve("db.example.com", 5432)
    assert kinds == [True]
