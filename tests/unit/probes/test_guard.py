"""Which addresses probes may reach."""

from __future__ import annotations

import ipaddress

import pytest

from degradation_operator.probes.guard import AddressGuard

LOOPBACK = "a loopback address"
LINK_LOCAL = "a link local address"
METADATA = "a metadata service"
MULTICAST = "a multicast address"
UNSPECIFIED = "an unspecified address"


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        # where dependencies live
        ("10.0.0.1", None),
        ("172.16.5.4", None),
        ("192.168.1.1", None),
        ("100.64.0.1", None),
        ("93.184.216.34", None),
        ("255.255.255.254", None),
        ("fd00::1", None),
        ("2001:db8::1", None),
        ("2606:4700::1111", None),
        # this machine
        ("127.0.0.1", LOOPBACK),
        ("127.255.255.254", LOOPBACK),
        ("::1", LOOPBACK),
        ("::1%lo", LOOPBACK),
        ("0.0.0.0", UNSPECIFIED),
        ("0.1.2.3", UNSPECIFIED),
        ("::", UNSPECIFIED),
        # its neighbours, and those who know its secrets
        ("169.254.0.1", LINK_LOCAL),
        ("169.254.169.254", LINK_LOCAL),
        ("169.254.170.2", LINK_LOCAL),
        ("fe80::1", LINK_LOCAL),
        ("fe80::1%eth0", LINK_LOCAL),
        ("febf::1", LINK_LOCAL),
        ("fd00:ec2::254", METADATA),
        ("fd20:ce::254", METADATA),
        ("100.100.100.200", METADATA),
        ("168.63.129.16", METADATA),
        ("192.0.0.192", METADATA),
        ("224.0.0.1", MULTICAST),
        ("239.255.255.255", MULTICAST),
        ("ff02::1", MULTICAST),
        # the same, wrapped
        ("::ffff:127.0.0.1", LOOPBACK),
        ("::ffff:169.254.169.254", LINK_LOCAL),
        ("::ffff:10.0.0.1", None),
        ("::127.0.0.1", LOOPBACK),
        ("::169.254.169.254", LINK_LOCAL),
        ("::ffff:0:127.0.0.1", LOOPBACK),
        ("64:ff9b::127.0.0.1", LOOPBACK),
        ("64:ff9b::a9fe:a9fe", LINK_LOCAL),
        ("64:ff9b::10.0.0.1", None),
        ("64:ff9b:1::169.254.169.254", LINK_LOCAL),
        ("64:ff9b:1:abcd::7f00:1", LOOPBACK),
        ("2002:7f00:0001::", LOOPBACK),
        ("2002:a9fe:a9fe::1", LINK_LOCAL),
        ("2002:6464:64c8::1", METADATA),
        ("2002:0a00:0001::1", None),
        ("2001:0:7f00:1::", LOOPBACK),  # Teredo's server
        ("2001:0:5ef5:79fb:0:0:80ff:fffe", LOOPBACK),  # Teredo's client, inverted
        ("2001:db8::5efe:127.0.0.1", LOOPBACK),  # ISATAP
        ("2001:db8::200:5efe:169.254.169.254", LINK_LOCAL),
        ("2001:db8::5efe:10.0.0.1", None),
    ],
)
def test_built_in_refusals(address: str, refusal: str | None) -> None:
    assert AddressGuard().refusal(ipaddress.ip_address(address), 443) == refusal


def guard(*, allow: str = "", deny: str = "", allow_loopback: bool = False) -> AddressGuard:
    return AddressGuard(
        allow=tuple(ipaddress.ip_network(text) for text in allow.split()),
        deny=tuple(ipaddress.ip_network(text) for text in deny.split()),
        allow_loopback=allow_loopback,
    )


@pytest.mark.parametrize(
    ("rules", "address", "passes"),
    [
        (guard(allow="127.0.0.0/8"), "127.0.0.1", True),
        (guard(allow="127.0.0.0/8"), "::1", False),
        (guard(allow="127.0.0.0/8"), "::ffff:127.0.0.1", True),
        (guard(allow="169.254.20.10/32"), "169.254.20.10", True),
        (guard(allow="169.254.20.10/32"), "169.254.169.254", False),
        (guard(allow="64:ff9b::/96"), "64:ff9b::169.254.169.254", False),
        (guard(deny="10.0.0.0/8"), "10.1.2.3", False),
        (guard(deny="10.0.0.0/8"), "::ffff:10.1.2.3", False),
        (guard(deny="10.0.0.0/8"), "64:ff9b::10.1.2.3", False),
        (guard(deny="10.0.0.0/8"), "2002:0a01:0203::1", False),
        (guard(deny="10.0.0.0/8"), "192.168.0.1", True),
        (guard(deny="0.0.0.0/0"), "93.184.216.34", False),
        (guard(deny="fd00::/8"), "fd00::1", False),
        (guard(deny="10.0.0.0/8", allow="10.1.0.0/16"), "10.1.2.3", False),
        (guard(allow_loopback=True), "127.0.0.1", True),
        (guard(allow_loopback=True), "::1", True),
        (guard(allow_loopback=True), "::ffff:127.0.0.1", True),
        (guard(allow_loopback=True), "0.0.0.0", False),
        (guard(allow_loopback=True), "169.254.169.254", False),
        (guard(allow_loopback=True, deny="127.0.0.0/8"), "127.0.0.1", False),
    ],
)
def test_what_an_administrator_says(rules: AddressGuard, address: str, passes: bool) -> None:
    assert (rules.refusal(ipaddress.ip_address(address), 443) is None) is passes


@pytest.mark.parametrize(
    ("address", "port", "refusal"),
    [
        ("10.96.0.1", 443, "the API server"),
        ("::ffff:10.96.0.1", 443, "the API server"),
        ("10.96.0.1", 5432, None),
        ("10.96.0.2", 443, None),
    ],
)
def test_the_api_server_is_refused_by_address_and_port(address: str, port: int, refusal: str | None) -> None:
    rules = AddressGuard(endpoints=frozenset({(ipaddress.ip_address("10.96.0.1"), 443)}))
    assert rules.refusal(ipaddress.ip_address(address), port) == refusal
