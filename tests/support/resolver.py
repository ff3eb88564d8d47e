"""Runs `degradation` in a network of its own, in which a resolver answers as it is told.

`python -m tests.support.resolver NXDOMAIN|SERVFAIL|silence degradation run …`

The namespaces need no privilege beyond what `unshare --user` needs; where the caller is root, not even that.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CODES = {"NXDOMAIN": 3, "SERVFAIL": 2}


def main() -> int:
    """Become root of new namespaces, then serve and run."""
    answer, _, *arguments = sys.argv[1:]
    if os.environ.get("IN_NAMESPACE") != "1":
        unshare = ["unshare", "--mount", "--net"] + (
            [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        )
        os.environ["IN_NAMESPACE"] = "1"
        os.execvp(  # noqa: S606 - the point is to become it
            unshare[0], [*unshare, sys.executable, "-m", "tests.support.resolver", *sys.argv[1:]]
        )
    _raise_loopback()
    _be_the_resolver(answer)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        file.flush()
        Path(file.name).chmod(0o644)
        resolv = str(Path("/etc/resolv.conf").resolve())
        subprocess.run(["mount", "--bind", file.name, resolv], check=True)
        from degradation_operator.cli.main import run

        return run(arguments)


def _raise_loopback() -> None:
    siocgifflags, siocsifflags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, siocgifflags, request))[1]
        fcntl.ioctl(control, siocsifflags, struct.pack("16sh14x", b"lo", flags | up))


def _be_the_resolver(answer: str) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            query, client = server.recvfrom(4096)
            if answer in CODES:
                flags = 0x8180 | CODES[answer]  # An answer; recursion desired and available.
                server.sendto(
                    query[:2] + struct.pack(">H", flags) + query[4:6] + bytes(6) + query[12:], client
                )

    threading.Thread(target=serve, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
