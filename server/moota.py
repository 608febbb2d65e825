"""The webhook that Moota (a service that watches bank accounts) posts new mutations to, over HTTP.

A body is read only as far as its size allows, its signature is checked before anything else of it is looked
at, and it is answered with 200 only once all its rows are committed. Moota posts again what was not answered
so; since a mutation_id is given once, a body that comes again adds nothing.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, SHUT_RDWR, socket
from typing import Any

from engine import Code, EngineError
from engine._core import moota_signature_ok
from server.imports import StatementImporter
from server.logs import Logger
from server.settings import Address, SettingsError, Tls

PATH = "/moota"
# Who is written down as having imported the rows.
ACTOR = "moota"
# Moota posts a few mutations at a time.
MAX_BODY_BYTES = 4 * 1024 * 1024
# Connections open at once; more are closed as they come, and Moota comes again.
MAX_CONNECTIONS = 16
# A peer that neither sends nor takes anything for this long is cut off.
STALL_S = 20.0
# A connection is cut off after this long, whatever it does.
LIFETIME_S = 90.0
# How long a commit may take before Moota is told to come again.
COMMIT_S = 30.0

Take = Callable[[bytes], Awaitable[None]]

# What is wrong with the server for now, and not with what was posted.
PASSING = frozenset(
    {Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.INTERNAL}
)


def read_secret(path: Path) -> bytes:
    """The secret in a file, without blanks around it. Raises SettingsError."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"Cannot read {path}: {error.strerror}.") from error
    if not secret:
        raise SettingsError(f"{path} is empty: it must hold the secret that Moota signs with.")
    return secret


class MootaEndpoint:
    """Listens on threads of its own; bodies are imported in the event loop that made it."""

    def __init__(
        self, importer: StatementImporter, secret: bytes, address: Address, tls: Tls | None, log: Logger
    ) -> None:
        """Listens at once. Raises SettingsError when the address is taken."""
        self._importer = importer
        self._secret = secret
        self._log = log
        self._loop = asyncio.get_running_loop()
        try:
            self._server = _Server(address, tls, self)
        except OSError as error:
            words = error.strerror or str(error)
            raise SettingsError(f"Cannot take Moota's webhook on {address}: {words}.") from error
        self.address = Address(address.host, self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="kasir-moota", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening. What is being imported goes on; Moota asks again for what was not answered."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, body: bytes, signature: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Imports a body, on a thread that may wait, and says how it went."""
        if not moota_signature_ok(self._secret, body, signature):
            self._log.warning("moota refused", reason="SIGNATURE_WRONG", bytes=len(body))
            return HTTPStatus.UNAUTHORIZED, _problem(
                "SIGNATURE_WRONG", "The signature is not that of the body."
            )
        importing = asyncio.run_coroutine_threadsafe(
            self._importer.import_bytes(ACTOR, body, "moota"), self._loop
        )
        try:
            error = importing.exception(COMMIT_S)
        except (TimeoutError, CancelledError):
            self._log.warning("moota refused", reason="TIMED_OUT")
            words = "Not committed in time. Post it again."
            return HTTPStatus.SERVICE_UNAVAILABLE, _problem("TIMED_OUT", words)
        if isinstance(error, EngineError):
            self._log.warning("moota refused", reason=error.reason, message=error.message)
            is_passing = error.code in PASSING
            status = HTTPStatus.SERVICE_UNAVAILABLE if is_passing else HTTPStatus.UNPROCESSABLE_ENTITY
            return status, _problem(error.reason, error.message)
        if error is not None:
            self._log.error("moota failed", error=repr(error))
            return HTTPStatus.SERVICE_UNAVAILABLE, _problem("INTERNAL", "The server made a mistake.")
        taken, unknown = importing.result()
        counts = {
            "new_rows": sum(reply.new_rows for reply in taken),
            "known_rows": sum(reply.known_rows for reply in taken),
        }
        self._log.info("moota imported", **counts, accounts_unknown=unknown)
        return HTTPStatus.OK, counts


def _problem(reason: str, message: str) -> dict[str, Any]:
    return {"reason": reason, "message": message}


class _Server(ThreadingHTTPServer):
    """No more connections than are bounded, each on a thread."""

    daemon_threads = True
    # A stop waits for nobody who says nothing.
    block_on_close = False

    def __init__(self, address: Address, tls: Tls | None, endpoint: MootaEndpoint) -> None:
        self.endpoint = endpoint
        self.room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.context: ssl.SSLContext | None = None
        if tls is not None:
            # Moota shows no certificate: its signature says who it is.
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(tls.certificate, tls.key)
        if ":" in address.host:
            self.address_family = AF_INET6
        super().__init__((address.host, address.port), _Handler)

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
                # On the connection's own thread: a slow handshake holds nobody up.
                connection = self.context.wrap_socket(connection, server_side=True)
            super().finish_request(connection, client_address)
        finally:
            cut_off.cancel()
            same.close()
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away or spoke no HTTP is no error of the server."""


def _cut_off(connection: socket) -> None:
    with suppress(OSError):
        connection.shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "kasir"
    sys_version = ""

    def do_POST(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._reply(HTTPStatus.NOT_FOUND, _problem("NOT_FOUND", f"Moota's webhook is {PATH}."))
            return
        written = self.headers.get("Content-Length") or ""
        if not (written.isascii() and written.isdigit()):
            words = "The body needs a Content-Length."
            self._reply(HTTPStatus.LENGTH_REQUIRED, _problem("LENGTH_REQUIRED", words))
            return
        size = int(written[:20])
        if size > MAX_BODY_BYTES:
            words = f"The body takes at most {MAX_BODY_BYTES:,} bytes."
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _problem("BODY_TOO_LARGE", words))
            return
        body = self.rfile.read(size)
        if len(body) < size:
            return
        self._reply(*self.server.endpoint.answer(body, self.headers.get("Signature") or ""))

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
        """The endpoint logs what it takes; a line for each request would tell strangers' paths."""
