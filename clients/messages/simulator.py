"""Something that takes messages as WhatsApp's Cloud API does, and misbehaves on demand."""

import json
import random
import re
import socket
import threading
from collections import Counter
from dataclasses import dataclass, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

MAX_BODY_BYTES = 64 * 2**10
_STOP_POLL_S = 0.05
_PREFIX = "/v21.0"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often what goes wrong, from 0 to 1; the same seed and messages go wrong in the same way."""

    seed: int = 0
    errors: float = 0.0
    """500, and nothing was sent."""
    lost: float = 0.0
    """It was sent, and the line is cut."""
    busy: float = 0.0
    """Too much for now: error 130429."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name != "seed" and not 0.0 <= getattr(self, each.name) <= 1.0:
                raise ValueError(f"{each.name} is a probability: from 0 to 1")


class WhatsAppSimulator:
    """A server in this process. Use it as a context manager."""

    def __init__(self, trouble: Trouble | None = None, *, port: int = 0, token: str = "") -> None:
        """Listens on loopback only. `token`: what requests have to bring; empty: any. Raises OSError."""
        self.sent: list[dict[str, Any]] = []
        """What reached a customer, as it was asked for."""
        self.refused: set[str] = set()
        """Numbers that have no WhatsApp."""
        self.unapproved: dict[str, int] = {}
        """Templates that are not there, or do not fit, and the code that says so."""
        self.answer: tuple[int, dict[str, Any]] | None = None
        """What every request is answered with while it is set: an account that is not set up, say."""
        self.trouble = trouble or Trouble()
        self.token = token
        self.lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self._server = _Server(port, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL_S,), name="whatsapp", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, with the version that its paths begin with."""
        return f"http://127.0.0.1:{self._server.server_port}{_PREFIX}"

    def __enter__(self) -> "WhatsAppSimulator":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """Sends a message: status and answer, None when the line is cut."""
        to, about = str(body.get("to", "")), str(body.get("biz_opaque_callback_data", ""))
        if body.get("messaging_product") != "whatsapp" or not to.isdigit() or not _has_content(body):
            return 400, _error(100, "(#100) Invalid parameter")
        with self.lock:
            self.asked[about] += 1
            dice = random.Random(f"{self.trouble.seed}/{about}/{self.asked[about]}")
            if dice.random() < self.trouble.busy:
                return 400, _error(130429, "Rate limit hit")
            if dice.random() < self.trouble.errors:
                return 500, _error(2, "Service temporarily unavailable")
            if to in self.refused:
                return 400, _error(131026, "Message undeliverable")
            if code := self.unapproved.get(body.get("template", {}).get("name", "")):
                return 404, _error(code, "There is no such template")
            self.sent.append(body)
            number = len(self.sent)
        if dice.random() < self.trouble.lost:
            return None
        return 200, {
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, "wa_id": to}],
            "messages": [{"id": f"wamid.{number:08d}"}],
        }


def _has_content(body: dict[str, Any]) -> bool:
    """Whether there is something to say: a text, or a template whose parameters all have one."""
    if body.get("type") == "text":
        return bool(body.get("text", {}).get("body"))
    template = body.get("template")
    if body.get("type") != "template" or not isinstance(template, dict) or not template.get("name"):
        return False
    return all(
        parameter.get("text") and not re.search(r"[\n\t]| {5}", parameter["text"])
        for component in template.get("components", [])
        for parameter in component.get("parameters", [])
    )


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "x"}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, simulator: WhatsAppSimulator) -> None:
        self.simulator = simulator
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS, which takes seconds where there is none.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60.0
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        """Takes one message."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413, _error(100, "too large"))
            return
        content = self.rfile.read(int(length))
        simulator = self.server.simulator
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not given or (simulator.token and given != simulator.token):
            self._answer(401, _error(190, f"Invalid OAuth access token {given}"))
            return
        if not (self.path.startswith(f"{_PREFIX}/") and self.path.endswith("/messages")):
            self._answer(404, _error(100, "Unknown path"))
            return
        try:
            body = json.loads(content)
        except ValueError:
            body = {}
        found = simulator.answer or simulator.take(body if isinstance(body, dict) else {})
        if found is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(*found)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Says nothing: what was sent is in the simulator."""
