"""Where carriers post to: POST /webhooks, or /webhooks/WORD for those that sign nothing and bring a word of
ours in the address instead.

A body is read only as far as its size allows, whether it is genuine is found out before anything else of it
is looked at, and it is answered with 200 only when what it led to is done; a carrier posts again what was
not. Behind a proxy that holds the certificate, or with --tls-cert and --tls-key.
"""

import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from typing import Any

from clients.common.problems import BadInput
from clients.couriers.carrier import Carrier, News, NotGenuine
from clients.couriers.signatures import WORD

PATH = "/webhooks"
MAX_BODY_BYTES = 256 * 1024
# Connections open at once; more are closed as they come, and the carrier comes again.
MAX_CONNECTIONS = 16
# A peer that neither sends nor takes anything for this long is cut off, and any after the second time.
STALL_S = 20.0
LIFETIME_S = 60.0
_STOP_POLL_S = 0.05


class Webhooks:
    """Listens on threads of its own until it is closed."""

    def __init__(
        self,
        carrier: Carrier,
        take: Callable[[News], bool],
        address: tuple[str, int],
        *,
        tls: tuple[Path, Path] | None = None,
        on_refused: Callable[[str], None] = lambda _words: None,
    ) -> None:
        """Listens at once; `on_refused` hears why a body was not genuine. Raises BadInput."""
        try:
            self._server = _Server(address, carrier, take, on_refused, tls)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(f"Webhooks cannot be taken on {address[0]}:{address[1]}: {error}.") from error
        self.address = f"{address[0]}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL_S,), name="webhooks", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops listening. What is being acted on is cut off; the carrier posts it again."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        address: tuple[str, int],
        carrier: Carrier,
        take: Callable[[News], bool],
        on_refused: Callable[[str], None],
        tls: tuple[Path, Path] | None,
    ) -> None:
        self.carrier = carrier
        self.take = take
        self.on_refused = on_refused
        self.room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.context: ssl.SSLContext | None = None
        if tls is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        super().__init__(address, _Handler)

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
        cut_off = threading.Timer(LIFETIME_S, _cut_off, (same,))
        cut_off.daemon = True
        cut_off.start()
        try:
            if self.context is not None:
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
        path = self.path.partition("?")[0]
        if path != PATH and not path.startswith(f"{PATH}/"):
            self._reply(HTTPStatus.NOT_FOUND)
            return
        written = self.headers.get("Content-Length") or ""
        if not (written.isascii() and written.isdigit()):
            self._reply(HTTPStatus.LENGTH_REQUIRED)
            return
        size = int(written[:20])
        if size > MAX_BODY_BYTES:
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(size)
        if len(body) < size:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers[WORD] = path[len(PATH) + 1 :]
        try:
            news = self.server.carrier.webhook(headers, body)
        except NotGenuine as wrong:
            self.server.on_refused(str(wrong))
            self._reply(HTTPStatus.UNAUTHORIZED)
            return
        self._reply(HTTPStatus.OK if self.server.take(news) else HTTPStatus.SERVICE_UNAVAILABLE)

    def _reply(self, status: HTTPStatus) -> None:
        data = json.dumps({"status": status.phrase}).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """A line for each request would tell the word in the address."""
