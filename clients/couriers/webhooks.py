"""Where carriers post to: POST /webhooks, or /webhooks/WORD for those that sign nothing and bring a word of
ours in the address instead.

A body is read only as far as its size allows, whether it is genuine is found out before anything else of it
is looked at, and it is answered with 200 only when what it led to is done; a carrier posts again what was
not. Behind a proxy that holds the certificate, or with --tls-cert and --tls-key.
"""

import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from time import monotonic

from clients.common.problems import BadInput
from clients.couriers.carrier import Carrier, News, NotGenuine
from clients.couriers.signatures import WORD
from kasir.webhook_server import Endpoint, Posted, Reply, WebhookServer, problem

PATH = "/webhooks"
MAX_BODY_BYTES = 256 * 1024
# Why a body was not genuine is told once in this time: anybody may post, and a log is somebody's disk.
REFUSED_EVERY_S = 60.0
# A connection is cut off after this long, whatever it does, in seconds.
LIFETIME_S = 60.0


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
        """Listens at once; `on_refused` hears why a body was not genuine, once a minute. Raises BadInput."""
        self._carrier, self._take, self._on_refused = carrier, take, on_refused
        self._refusals = threading.Lock()
        self._quiet_until, self._not_told = 0.0, 0
        host, port = address
        endpoint = Endpoint(PATH, self._answer, MAX_BODY_BYTES, LIFETIME_S, below=True)
        try:
            self._server = WebhookServer("webhooks", host, port, endpoint, tls)
        except OSError as error:
            raise BadInput(f"Webhooks cannot be taken on {host}:{port}: {error}.") from error
        self.address = f"{host}:{self._server.port}"

    def close(self) -> None:
        """Stops listening. What is being acted on is cut off; the carrier posts it again."""
        self._server.close()

    def _answer(self, posted: Posted) -> Reply:
        word = posted.path[len(PATH) + 1 :]
        try:
            news = self._carrier.webhook(posted.headers | {WORD: word}, posted.body)
        except NotGenuine as wrong:
            self._refused(str(wrong))
            return HTTPStatus.UNAUTHORIZED, problem("NOT_GENUINE", "The body is not from the carrier.")
        if self._take(news):
            return HTTPStatus.OK, {}
        return HTTPStatus.SERVICE_UNAVAILABLE, problem("UNAVAILABLE", "Post it again.")

    def _refused(self, words: str) -> None:
        with self._refusals:
            now = monotonic()
            if now < self._quiet_until:
                self._not_told += 1
                return
            more = f" (and {self._not_told} more before)" if self._not_told else ""
            self._quiet_until, self._not_told = now + REFUSED_EVERY_S, 0
        self._on_refused(words + more)
