"""What it means that the system, or the other side, ended a connection."""

from __future__ import annotations

import errno
import os
import ssl
from typing import Final

from degradation_operator.api.names import Reason
from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.line import TooMuchError
from degradation_operator.probes.results import CLOSED, TOO_MUCH, down, inconclusive
from degradation_operator.probes.tls import failed_handshake

RESET: Final = down(Reason.CLOSED, "the connection was reset")

_OUR_MACHINE: Final = {
    errno.EMFILE: "this process may open no more files; raise its limit (ulimit -n)",
    errno.ENFILE: "this machine may open no more files; raise its limit (fs.file-max)",
    errno.ENOBUFS: "this machine has no buffers left for connections; give it more memory",
    errno.ENOMEM: "this machine has no memory left for connections; give it more memory",
    errno.EADDRNOTAVAIL: "this machine has no free local port or address for the connection; see its open connections",
    errno.ENETUNREACH: "this machine has no route to the network; see where the operator runs",
    errno.ENETDOWN: "this machine's network is down; see where the operator runs",
    errno.EPERM: "this machine may not connect there; see its firewall and network policies",
    errno.EACCES: "this machine may not connect there; see its firewall and network policies",
    errno.EAFNOSUPPORT: "this machine does not speak the address's protocol (IPv4 or IPv6)",
}

_THEIR_END: Final = {
    errno.ECONNREFUSED: down(Reason.REFUSED, "connection refused"),
    errno.ECONNRESET: RESET,
    errno.ECONNABORTED: RESET,
    errno.EPIPE: RESET,
    errno.EHOSTUNREACH: down(Reason.UNREACHABLE, "the host is unreachable"),
    errno.EHOSTDOWN: down(Reason.UNREACHABLE, "the host is down"),
    errno.ETIMEDOUT: down(Reason.TIMEOUT, "the connection timed out"),
}


def from_os_error(error: OSError) -> ProbeResult:
    """What an error of a socket means."""
    if isinstance(error, TooMuchError):
        return TOO_MUCH
    if isinstance(error, ssl.SSLError):
        return failed_handshake(error)
    if error.errno is None:
        # asyncio's own: without a number it says that the connection is gone.
        return RESET if isinstance(error, ConnectionResetError) else CLOSED
    if (theirs := _THEIR_END.get(error.errno)) is not None:
        return theirs
    name = errno.errorcode.get(error.errno, str(error.errno))
    ours = _OUR_MACHINE.get(error.errno, f"the system reports {name}: {os.strerror(error.errno)}")
    return inconclusive(Reason.UNREACHABLE, ours, measured=name)
