"""A small HTTP server for what others post to us: banks' watchers, carriers.

Strangers reach it, so everything is bounded: connections at once, silence, a connection's life, a body's
size. A body is read only as far as its size allows; whether it is genuine, and what it means, is for whoever
is given it.
"""

import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, SHUT_RDWR, socket
from socketserver import TCPServer
from typing import Any

# Connections open at once; more are closed as they come, and whoever posts comes again.
MAX_CONNECTIONS = 16
# A peer that neither sends nor takes anything for this long is cut off, in seconds.
STALL_S = 20.0
_STOP_POLL_S = 0.05

Reply = tuple[HTTPStatus, dict[str, Any]]


@dataclass(frozen=True)
class Posted:
    """One request: the path without its query, headers by their names in lower case, the body."""

    path: str
    headers: dict[str, str]
    body: bytes


def problem(reason: str, message: str) -> dict[str, str]:
    """A refusal, for programs and for people."""
    return {"reason": reason, "message": message}


@dataclass(frozen=True)
class Endpoint:
    """What is taken: below which path, and by whom."""

    path: str
    # Answers on a thread of its own, which may wait.
    answer: Callable[[Posted], Reply]
    body_bytes_max: int
    # A connection is cut off after this long, whatever it does, in seconds.
    lifetime_s: float
    # Whether what stands behind the path is part of it
    below: bool = False

    def has(self, path: str) -> bool:
        """Whether a path is this endpoint's."""
        return path == self.path or (self.below and path.startswith(f"{self.path}/"))


class WebhookServer:
    """Listens on threads of its own until it is closed."""

    def __init__(
        self, name: str, host: str, port: int, endpoint: Endpoint, tls: tuple[Path, Path] | None = None
    ) -> None:
        """Listens at once; port 0 lets the system choose. `tls`: certificate chain and key, as PEM files. Who
        posts shows no certificate: a signature says who it is. Raises OSError (ssl.SSLError is one).
        """
        self._server = _Server(host, port, endpoint, tls)
        self.port = int(self._server.server_port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL_S,), name=name, daemon=True
        )
        self._thread.start()

    def show(self, certificate: Path, key: Path) -> None:
        """Shows another certificate to who connects from now on. Raises OSError."""
        if self._server.context is not None:
            # Not loaded into the one that there is: somebody may just be connecting by it.
            self._server.context = _shows(certificate, key)

    def close(self) -> None:
        """Stops listening. What is being acted on goes on; what was not answered is posted again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _shows(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A stop waits for nobody who says nothing.
    block_on_close = False

    def __init__(self, host: str, port: int, endpoint: Endpoint, tls: tuple[Path, Path] | None) -> None:
        self.endpoint = endpoint
        self.room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.context: ssl.SSLContext | None = None
        if tls is not None:
            self.context = _shows(*tls)
        if ":" in host:
            self.address_family = AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS, which takes seconds where there is none.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        connection: socket = request
        connection.settimeout(STALL_S)
        same = connection.dup()
        cut_off = threading.Timer(self.endpoint.lifetime_s, _cut_off, (same,))
        cut_off.daemon = True
        cut_off.start()
        try:
            if self.context is not None:
                # On the connection's own thread: a slow handshake holds nobody up.
                connection = self.context.wrap_socket(connection, server_side=True)
            super().finish_request(connection, client_address)
        finally:
            cut_off.cancel()
            same.close()
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away or spoke no HTTP is no error of ours."""


def _cut_off(connection: socket) -> None:
    with suppress(OSError):
        connection.shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "kasir"
    sys_version = ""

    def do_POST(self) -> None:
        """Takes one body."""
        endpoint, path = self.server.endpoint, self.path.partition("?")[0]
        if not endpoint.has(path):
            self._reply(
                HTTPStatus.NOT_FOUND, problem("NOT_FOUND", f"What is posted here goes to {endpoint.path}.")
            )
            return
        written = self.headers.get("Content-Length") or ""
        if not (written.isascii() and written.isdigit()):
            words = "The body needs a Content-Length."
            self._reply(HTTPStatus.LENGTH_REQUIRED, problem("LENGTH_REQUIRED", words))
            return
        size = int(written[:20])
        if size > endpoint.body_bytes_max:
            words = f"The body takes at most {endpoint.body_bytes_max:,} bytes."
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem("BODY_TOO_LARGE", words))
            return
        body = self.rfile.read(size)
        if len(body) == size:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._reply(*endpoint.answer(Posted(path, headers, body)))

    def _reply(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """A line for each request would tell strangers' paths, and a word of ours that stands in one."""
