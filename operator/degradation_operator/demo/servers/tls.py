"""Certificates of a server."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files, all PEM: what a server shows, and the authority by which its clients know it."""

    certificate: Path
    key: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """What a client of the server uses."""
        return ssl.create_default_context(cafile=str(self.authority))
