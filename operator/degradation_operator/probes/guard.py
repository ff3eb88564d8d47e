"""Which addresses probes may reach. Users of policies name hosts; the operator must not be their way into itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOPBACK: Final = "a loopback address"


def _networks(**kinds: str) -> tuple[tuple[Network, str], ...]:
    return tuple(
        (ipaddress.ip_network(text), words.replace("_", " "))
        for words, texts in kinds.items()
        for text in texts.split()
    )


_REFUSED: Final = (
    *((network, _LOOPBACK) for network, _ in _networks(loopback="127.0.0.0/8 ::1/128")),
    *_networks(
        # All of 0.0.0.0/8: Linux takes 0.0.0.0 for this machine.
        an_unspecified_address="0.0.0.0/8 ::/128",
        a_link_local_address="169.254.0.0/16 fe80::/10",
        a_multicast_address="224.0.0.0/4 ff00::/8",
        # Those outside 169.254.0.0/16: AWS and Google by IPv6, Alibaba, Oracle, Azure.
        a_metadata_service="fd00:ec2::254/128 fd20:ce::254/128 100.100.100.200/32 192.0.0.192/32 168.63.129.16/32",
    ),
)

_LAST_32_BITS: Final = (
    IPv6Network("::/96"),  # compatible
    IPv6Network("::ffff:0:0/96"),  # mapped
    IPv6Network("::ffff:0:0:0/96"),  # translated (RFC 2765)
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of one's own (RFC 8215), as commonly divided
)
_ISATAP: Final = (0x00005EFE, 0x02005EFE)  # RFC 5214: the interface's half begins so


def embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address may end at."""
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    if number > 1 and any(address in network for network in _LAST_32_BITS):  # not :: and ::1 themselves
        yield low
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo  # server and client
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        yield low


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGuard:
    """Judges addresses: what is denied is refused, what is allowed passes, then the built-in refusals count.

    Attributes:
        allow: Networks that probes may reach although the built-in refusals name them.
        deny: Networks that probes may not reach.
        allow_loopback: Whether loopback passes (local mode).
        endpoints: Addresses and ports refused beside those: the API server's.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    allow_loopback: bool = False
    endpoints: frozenset[tuple[Address, int]] = frozenset()

    def refusal(self, address: Address, port: int) -> str | None:
        """What the address is that probes may not reach, in words; None where they may."""
        candidates: list[Address] = [address]
        if isinstance(address, IPv6Address):
            # A zone names an interface, and would hide the address from `in` and `==`.
            address = IPv6Address(int(address))
            candidates = [address, *embedded(address)]
        return next(
            (words for candidate in candidates if (words := self._refusal(candidate, port)) is not None), None
        )

    def _refusal(self, address: Address, port: int) -> str | None:
        if any(address in network for network in self.deny):
            return "an address that the operator's administrator denies"
        if any(address in network for network in self.allow):
            return None
        for network, words in _REFUSED:
            if address in network and not (self.allow_loopback and words is _LOOPBACK):
                return words
        if (address, port) in self.endpoints:
            return "the API server"
        return None
