"""From a host to addresses, in a bounded number of threads that nothing waits for for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

LOOKUPS: Final = 16
"""Lookups at once. A resolver that hangs keeps these, and no more, until it lets go of them."""

_UNKNOWN: Final = frozenset(
    code
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if (code := getattr(socket, name, None)) is not None
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to: an address of the resolver's answer."""

    family: int
    address: tuple[Any, ...]

    @property
    def host(self) -> str:
        """The IP address, without a zone."""
        return str(self.address[0]).partition("%")[0]


class NameUnknownError(Exception):
    """The name does not exist, says the resolver."""


class ResolverError(Exception):
    """The resolver itself failed: nothing is known about the name."""


class Resolver:
    """Looks names up as the system does.

    Every lookup has a daemon thread: the interpreter can end while the system's resolver still waits.

    Args:
        getaddrinfo: As `socket.getaddrinfo`.
        lookups: At most so many at once; further ones wait their turn.
    """

    def __init__(
        self, *, getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo, lookups: int = LOOKUPS
    ) -> None:
        self._getaddrinfo = getaddrinfo
        self._permits = asyncio.Semaphore(lookups)

    async def resolve(self, host: str, port: int) -> tuple[Endpoint, ...]:
        """All addresses of a host, in the order in which they are to be tried, each once.

        Takes as long as the resolver does: the caller sets the deadline, and may cancel at any time.

        Raises:
            NameUnknownError: There is no such name, or it has no address.
            ResolverError: It could not be found out.
        """
        literal = _literal(host, port)
        found = literal if literal is not None else await self._lookup(host, port)
        endpoints = tuple(dict.fromkeys(Endpoint(entry[0], tuple(entry[4])) for entry in found))
        if not endpoints:
            raise NameUnknownError
        return endpoints

    async def _lookup(self, host: str, port: int) -> list[Any]:
        loop = asyncio.get_running_loop()
        await self._permits.acquire()
        answer: asyncio.Future[list[Any] | Exception] = loop.create_future()

        def finished(found: list[Any] | Exception) -> None:
            # The permit goes with the thread, not with the one who waits for it.
            self._permits.release()
            if not answer.done():
                answer.set_result(found)

        def look_up() -> None:
            found: list[Any] | Exception
            try:
                found = self._getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            except Exception as error:  # noqa: BLE001 - it is judged where it is awaited
                found = error
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits.
                loop.call_soon_threadsafe(finished, found)

        try:
            threading.Thread(target=look_up, name="resolve", daemon=True).start()
        except RuntimeError as error:  # no more threads
            self._permits.release()
            raise ResolverError from error
        found = await answer
        match found:
            case socket.gaierror() if found.errno in _UNKNOWN:
                raise NameUnknownError from found
            case UnicodeError():  # no name at all: a label is empty or too long
                raise NameUnknownError from found
            case Exception():
                raise ResolverError from found
            case _:
                return found


def _literal(host: str, port: int) -> list[Any] | None:
    """The address that a host is, also in odd forms such as `0x7f.1`; None where it is a name."""
    try:
        return list(
            socket.getaddrinfo(
                host,
                port,
                type=socket.SOCK_STREAM,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        )
    except (OSError, UnicodeError):
        return None
