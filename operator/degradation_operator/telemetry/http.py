"""`/metrics`, `/healthz` and `/readyz`.

Served by threads: when the event loop stands still, liveness must say so, and not stand still with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, socket
from socketserver import TCPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

WORKERS: Final = 8
"""Requests answered at once; further ones wait in the listener's backlog."""

SILENCE: Final = 5.0
"""Seconds that a client may be silent before its connection is closed."""

Check = Callable[[], str | None]
"""What is wrong, in words; None where nothing is."""


class TelemetryServer:
    """Serves until it is closed.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, `port` says which.
        registry: What `/metrics` shows.
        healthy: For `/healthz`.
        ready: For `/readyz`.

    Raises:
        OSError: The address cannot be listened on.
    """

    def __init__(
        self, host: str, port: int, *, registry: CollectorRegistry, healthy: Check, ready: Check
    ) -> None:
        handler = _handler(registry, {"/healthz": healthy, "/readyz": ready})
        self._server = _Server((host, port), handler)
        self.port: Final[int] = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="telemetry", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


class _Server(HTTPServer):
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        try:
            self.address_family = AF_INET6 if ip_address(address[0]).version == 6 else AF_INET
        except ValueError:
            self.address_family = AF_INET  # A name: localhost.
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="telemetry")
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own, which asks the resolver for this machine's name, and waits for it.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self._workers.submit(self._process, request, client_address)

    def _process(self, request: socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # The client went away.
        finally:
            self.shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        self._workers.shutdown(wait=False, cancel_futures=True)


def _handler(registry: CollectorRegistry, checks: dict[str, Check]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SILENCE
        server_version = "degradation"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, encode(registry), kind)
            elif path in checks:
                problem = checks[path]()
                text = f"{problem or 'ok'}\n"
                self._answer(200 if problem is None else 503, text.encode(), "text/plain; charset=utf-8")
            else:
                self._answer(404, b"try /metrics, /healthz or /readyz\n", "text/plain; charset=utf-8")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a line for each scrape and probe of the kubelet helps nobody."""

    return Handler
