"""The proxy that spoils what passes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from degradation_operator.demo.servers import Fault, FaultProxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1024):
        writer.write(chunk)
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with FaultProxy(*server.sockets[0].getsockname()) as proxy:
        yield proxy
    server.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, question: bytes, *, within: float = 5.0) -> bytes:
        self.writer.write(question)
        async with asyncio.timeout(within):
            return await self.reader.readexactly(len(question))


@pytest.fixture
async def connect(proxy: FaultProxy) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection(proxy.host, proxy.port)))
        return clients[-1]

    yield connect
    for client in clients:
        client.writer.close()
    async with asyncio.timeout(5):
        while proxy.connections:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


Connect = Callable[[], Awaitable[Client]]


async def test_passes_bytes_and_counts_connections(proxy: FaultProxy, connect: Connect) -> None:
    first, second = await connect(), await connect()
    big = bytes(range(256)) * 4096
    first.writer.write(big)
    assert await first.reader.readexactly(len(big)) == big
    assert await second.ask(b"two") == b"two"
    assert proxy.connections == 2


async def test_latency_delays_each_answer_but_not_one_after_the_other(
    proxy: FaultProxy, connect: Connect
) -> None:
    client = await connect()
    await client.ask(b"warm")
    proxy.latency = 0.3
    begun = time.monotonic()
    for number in range(5):
        client.writer.write(bytes([number]))
        await asyncio.sleep(0.02)
    assert await client.reader.readexactly(5) == bytes(range(5))
    assert 0.3 <= time.monotonic() - begun < 0.3 * 3
    await proxy.mend()
    begun = time.monotonic()
    await client.ask(b"quick")
    assert time.monotonic() - begun < 0.3


async def test_a_drip_is_slow(proxy: FaultProxy, connect: Connect) -> None:
    client = await connect()
    proxy.drip = 20
    begun = time.monotonic()
    assert await client.ask(b"0123456789") == b"0123456789"
    assert time.monotonic() - begun > 0.3


async def test_a_black_hole_swallows_what_old_and_new_clients_say(
    proxy: FaultProxy, connect: Connect
) -> None:
    old = await connect()
    await old.ask(b"hello")
    await proxy.break_(Fault.BLACK_HOLE)
    new = await connect()
    for client in (old, new):
        with pytest.raises(TimeoutError):
            await client.ask(b"anybody", within=0.1)
    await proxy.mend()
    for client in (old, new):  # What was lost cannot be made up for.
        with pytest.raises(ConnectionResetError):
            await client.reader.readexactly(1)
    assert await (await connect()).ask(b"again") == b"again"


async def test_refusal_ends_old_clients_and_lets_nobody_in(proxy: FaultProxy, connect: Connect) -> None:
    old = await connect()
    await old.ask(b"hello")
    await proxy.break_(Fault.REFUSE)
    with pytest.raises(ConnectionResetError):
        await old.ask(b"there")
    with pytest.raises(ConnectionRefusedError):
        await connect()
    await proxy.mend()
    assert await (await connect()).ask(b"again") == b"again"


async def test_a_reset_comes_after_the_first_words(proxy: FaultProxy, connect: Connect) -> None:
    await proxy.break_(Fault.RESET)
    client = await connect()
    with pytest.raises(ConnectionResetError):
        await client.ask(b"hello")


async def test_garbage_is_not_what_was_asked_for(proxy: FaultProxy, connect: Connect) -> None:
    client = await connect()
    await client.ask(b"hello")
    await proxy.break_(Fault.GARBAGE)
    for spoken_to in (client, await connect()):
        assert await spoken_to.ask(b"0123456789") != b"0123456789"


async def test_what_the_server_closes_is_closed() -> None:
    async def goodbye(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")
        writer.close()

    server = await asyncio.start_server(goodbye, "127.0.0.1", 0)
    async with FaultProxy(*server.sockets[0].getsockname()) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b"goodbye"
        writer.close()
    server.close()
