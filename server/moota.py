"""The webhook that Moota (a service that watches bank accounts) posts new mutations to, over HTTP.

A body is read only as far as its size allows, its signature is checked before anything else of it is looked
at, and it is answered with 200 only once all its rows are committed. Moota posts again what was not answered
so; since a mutation_id is given once, a body that comes again adds nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from http import HTTPStatus
from pathlib import Path

from engine import Code, EngineError
from engine._core import moota_signature_ok
from kasir.webhook_server import Endpoint, Posted, Reply, WebhookServer, problem
from server.imports import StatementImporter
from server.logs import Logger
from server.settings import Address, SettingsError, Tls

PATH = "/moota"
# Who is written down as having imported the rows.
ACTOR = "moota"
# Moota posts a few mutations at a time.
MAX_BODY_BYTES = 4 * 1024 * 1024
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
        endpoint = Endpoint(PATH, self.answer, MAX_BODY_BYTES, LIFETIME_S)
        files = (tls.certificate, tls.key) if tls is not None else None
        try:
            self._server = WebhookServer("kasir-moota", address.host, address.port, endpoint, files)
        except OSError as error:
            words = error.strerror or str(error)
            raise SettingsError(f"Cannot take Moota's webhook on {address}: {words}.") from error
        self.address = Address(address.host, self._server.port)

    def show(self, certificate: Path, key: Path) -> None:
        """Shows another certificate to who connects from now on. Raises OSError."""
        self._server.show(certificate, key)

    def close(self) -> None:
        """Stops listening. What is being imported goes on; Moota asks again for what was not answered."""
        self._server.close()

    def answer(self, posted: Posted) -> Reply:
        """Imports a body, on a thread that may wait, and says how it went."""
        body, signature = posted.body, posted.headers.get("signature", "")
        if not moota_signature_ok(self._secret, body, signature):
            self._log.warning("moota refused", reason="SIGNATURE_WRONG", bytes=len(body))
            return HTTPStatus.UNAUTHORIZED, problem(
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
            return HTTPStatus.SERVICE_UNAVAILABLE, problem("TIMED_OUT", words)
        if isinstance(error, EngineError):
            self._log.warning("moota refused", reason=error.reason, message=error.message)
            is_passing = error.code in PASSING
            status = HTTPStatus.SERVICE_UNAVAILABLE if is_passing else HTTPStatus.UNPROCESSABLE_ENTITY
            return status, problem(error.reason, error.message)
        if error is not None:
            self._log.error("moota failed", error=repr(error))
            return HTTPStatus.SERVICE_UNAVAILABLE, problem("INTERNAL", "The server made a mistake.")
        taken, unknown = importing.result()
        counts = {
            "new_rows": sum(reply.new_rows for reply in taken),
            "known_rows": sum(reply.known_rows for reply in taken),
        }
        self._log.info("moota imported", **counts, accounts_unknown=unknown)
        return HTTPStatus.OK, counts
