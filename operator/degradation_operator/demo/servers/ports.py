"""Ports to listen on."""

import secrets
import socket
from typing import Final

from degradation_operator.demo.servers.errors import ServerError

HOST: Final = "127.0.0.1"

# Below the range from which kernels take the ports of outgoing connections: so no client's connection sits on
# the port of a server that is stopped for a while, and no client connects to itself there.
_FIRST: Final = 15_000
_LAST: Final = 32_000
_ATTEMPTS: Final = 200


def free_port() -> int:
    """A port of 127.0.0.1 that nothing uses at this moment.

    Raises:
        ServerError: None was found.
    """
    for _ in range(_ATTEMPTS):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
        return port
    raise ServerError(
        f"no free port between {_FIRST} and {_LAST} on {HOST}: end something that listens there"
    )
