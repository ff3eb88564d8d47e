"""Whom a URL asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """A URL taken apart.

    Attributes:
        host: Name or address, without brackets.
        port: TCP port.
        secure: Whether TLS is spoken.
        authority: The host as requests name it: with brackets, and with the port unless that is the scheme's.
        path: Path and query, `/` at least.
    """

    host: str
    port: int
    secure: bool
    authority: str
    path: str

    @classmethod
    def of(cls, url: str) -> Origin:
        """Take a URL apart.

        Args:
            url: `http` or `https`, with a host; the policy's model has seen to that.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        usual = _PORTS[parts.scheme]
        port = parts.port or usual
        named = f"[{host}]" if ":" in host else host
        return cls(
            host=host,
            port=port,
            secure=parts.scheme == "https",
            authority=named if port == usual else f"{named}:{port}",
            path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
