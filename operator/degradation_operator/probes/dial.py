"""From a host to a connected socket: authorities, name, guard, address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import Outcome
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.errors import from_os_error
from degradation_operator.probes.guard import AddressGuard
from degradation_operator.probes.line import HeardSocket, Line
from degradation_operator.probes.resolve import Endpoint, NameUnknownError, Resolver, ResolverError
from degradation_operator.probes.results import Patience, ProbeError, down, inconclusive
from degradation_operator.probes.tls import TLSClient

_SHARE: Final = 0.9
"""An address that is not the last one has this share of the silence that would end the attempt."""

_RESOLVER_FAILED: Final = inconclusive(
    Reason.RESOLVER_FAILED,
    "the name could not be looked up: the resolver fails or does not answer; see the DNS of where the operator runs",
)
_NAME_GONE: Final = down(Reason.NAME_NOT_FOUND, "the host name does not exist any more")
_NAME_UNKNOWN: Final = inconclusive(
    Reason.NAME_NOT_FOUND, "the host name does not exist, and never did while this ran; see how it is written"
)


class Dialler:
    """Connects to one host and port.

    Args:
        host: As the policy names it.
        port: TCP port.
        patience: How long that may take.
        guard: Says which addresses may be reached.
        resolver: Looks the name up, once for each connection.
        tls: TLS to be spoken on the connection; None for none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        patience: Patience,
        guard: AddressGuard,
        resolver: Resolver,
        tls: TLSClient | None,
    ) -> None:
        self.host: Final = host
        self.port: Final = port
        self._patience = patience
        self._guard = guard
        self._resolver = resolver
        self._tls = tls
        self._resolved_before = False

    async def dial(self, line: Line, deadline: Deadline) -> None:
        """Connect; from here on the deadline counts the silences of the other side, and all together.

        Raises:
            ProbeError: It could not be connected; the result says why.
        """
        if self._tls is not None:
            line.context = await self._tls.context(deadline)
            line.server_name = self._tls.server_name
        endpoints = await self._resolve(deadline)
        self._check(endpoints)
        deadline.expect_progress(
            silence=self._patience.timeout,
            otherwise=self._patience.silent,
            total=self._patience.total,
            endless=self._patience.endless,
        )
        await self._connect(line, endpoints, deadline)

    async def _resolve(self, deadline: Deadline) -> tuple[Endpoint, ...]:
        deadline.expect_within(self._patience.timeout, _RESOLVER_FAILED)
        try:
            endpoints = await self._resolver.resolve(self.host, self.port)
        except NameUnknownError:
            raise ProbeError(_NAME_GONE if self._resolved_before else _NAME_UNKNOWN) from None
        except ResolverError:
            raise ProbeError(_RESOLVER_FAILED) from None
        self._resolved_before = True
        return endpoints

    def _check(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Refuse all addresses because of one: whoever answers for the name could name another each time."""
        for endpoint in endpoints:
            refusal = self._guard.refusal(ipaddress.ip_address(endpoint.host), self.port)
            if refusal is not None:
                raise ProbeError(
                    inconclusive(
                        Reason.ADDRESS_REFUSED,
                        f"the host is {refusal}, which probes may not reach; name another host, or have the "
                        "operator's --probe-allow-cidr and --probe-deny-cidr changed",
                    )
                )

    async def _connect(self, line: Line, endpoints: tuple[Endpoint, ...], deadline: Deadline) -> None:
        """Try one address after the other; the first that accepts is it.

        Raises:
            ProbeError: None did. What is said of the dependency goes before what is said of this machine: one
                without IPv6 still learns that IPv4 was refused.
        """
        failures = []
        for endpoint in endpoints:
            deadline.heard()
            try:
                async with asyncio.timeout(
                    None if endpoint is endpoints[-1] else _SHARE * self._patience.timeout
                ):
                    await self._connect_to(endpoint, line, deadline)
            except TimeoutError as error:
                failures.append(self._patience.silent if error.errno is None else from_os_error(error))
            except OSError as error:
                failures.append(from_os_error(error))
            else:
                return
        conclusive = [result for result in failures if result.outcome is not Outcome.INCONCLUSIVE]
        raise ProbeError((conclusive or failures)[0])

    async def _connect_to(self, endpoint: Endpoint, line: Line, deadline: Deadline) -> None:
        loop = asyncio.get_running_loop()
        connecting = HeardSocket(endpoint.family)
        try:
            connecting.setblocking(False)
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            started = loop.time()
            await loop.sock_connect(connecting, endpoint.address)
            line.connect_seconds = loop.time() - started
        except BaseException:
            connecting.close()
            raise
        deadline.heard()
        deadline.listen(connecting)
        line.attach(connecting)
