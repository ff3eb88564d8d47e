"""Hosts and URLs, and how a connection is protected."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from degradation_operator.api.base import Flag, Mistake, Model, Subdomain, Text, Whole

_PART: Final = r"[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_PART}(\.{_PART})*\.?")


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_host(host: str) -> str:
    # A zone (fe80::1%eth0) names an interface of one machine; the operator may run on any.
    if _HOST_NAME.fullmatch(host) or (is_address(host) and "%" not in host):
        return host
    raise PydanticCustomError(
        "host",
        "must be {expected}",
        {"expected": "a host name or an IP address alone, without scheme, port or path"},
    )


def _check_url(url: str) -> str:
    if problem := _url_problem(url):
        # Never the URL itself: what stands before an @ may be a password.
        raise PydanticCustomError("url", "{problem}", {"problem": problem})
    return url


def _url_problem(url: str) -> str | None:
    if not url.startswith(("http://", "https://")):
        return "must be a URL that begins with http:// or https://"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "must be a URL of printable ASCII characters without spaces"
    if "@" in re.split("[/?#]", url.split("://", 1)[1], maxsplit=1)[0]:
        return "must not hold a user name or password; give credentials by a SecretRef"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "must be a URL with a valid host and a port from 1 to 65535"
    if not host or port == 0:
        return "must be a URL with a host, such as https://api.example.com, and a port from 1 to 65535 if any"
    if not (_HOST_NAME.fullmatch(host) or (is_address(host) and "%" not in host)):
        return "must be a URL whose host is a host name or an IP address"
    return None


Host = Annotated[
    Text,
    # A rougher pattern, for the schema alone: a failed one would hide the message that helps.
    Field(min_length=1, max_length=253, json_schema_extra={"pattern": r"^[-A-Za-z0-9_.:]+$"}),
    AfterValidator(_check_host),
]
Port = Annotated[Whole, Field(ge=1, le=65535)]
URL = Annotated[
    Text,
    Field(min_length=1, max_length=2048, json_schema_extra={"pattern": r"^https?://[^/?#@]+([/?#].*)?$"}),
    AfterValidator(_check_url),
]
"""`http` or `https`, with a host, without user name and password."""


class KeyRef(Model):
    """One key of a Secret or ConfigMap in the policy's own namespace."""

    name: Subdomain = Field(description="Name of the Secret or ConfigMap.")
    # Kubernetes' own rule for keys; in local mode the key is a file's name, so `..` must not pass.
    key: Annotated[
        Text, Field(min_length=1, max_length=253, pattern=r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$")
    ] = Field(description="The key in its data.")


class TLS(Model):
    """How the connection is protected; an empty object means TLS with the system's authorities."""

    ca_secret_ref: KeyRef | None = Field(
        default=None, description="Secret key with the authorities (PEM) to trust instead of the system's."
    )
    ca_config_map_ref: KeyRef | None = Field(
        default=None, description="ConfigMap key with the authorities (PEM) to trust instead of the system's."
    )
    server_name: Host | None = Field(
        default=None, description="The name to expect in the certificate; by default the host."
    )
    insecure_skip_verify: Flag = Field(
        default=False, description="Accept any certificate. Whoever is in between can then answer for it."
    )

    def mistakes(self) -> Iterator[Mistake]:
        """At most one source of authorities."""
        if self.ca_secret_ref and self.ca_config_map_ref:
            yield Mistake((), "only one of caSecretRef and caConfigMapRef is allowed, not both")
