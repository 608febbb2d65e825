"""The simulated carrier's server: takes requests, lets go wrong what shall, posts webhooks.

The standard library's server is enough: a thread a connection, and a socket that can be cut off in
mid-answer.
"""

import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from clients.couriers.carrier import TrackingState
from clients.couriers.simulator.misbehaviour import GOOD, Misbehaviour
from clients.couriers.simulator.shape import Act, Answer, Refusal, Request, Result, Shape, shape_of
from clients.couriers.simulator.webhooks import Poster, WebhookTarget
from clients.couriers.simulator.world import Order, World

MAX_BODY_BYTES = 64 * 2**10
# A connection that says nothing for so long is closed.
IDLE_SECONDS = 60.0
# How soon a stop is noticed.
STOP_POLL_S = 0.05
RETRY_AFTER_SECONDS = 1
_CONNECTIONS_WAITING = 128
# What an answer waits for a webhook that shall come before it.
_WEBHOOK_FIRST_S = 2.0
# The kind of request that makes an order.
CREATE = "POST"
# What a parcel usually goes through, after it was ordered.
JOURNEY = (
    TrackingState.COURIER_ASSIGNED,
    TrackingState.PICKING_UP,
    TrackingState.PICKED_UP,
    TrackingState.IN_TRANSIT,
    TrackingState.OUT_FOR_DELIVERY,
    TrackingState.DELIVERED,
)


class CourierSimulator:
    """A carrier's server, in this process. Use it as a context manager, or `start` and `stop` it.

    simulator = CourierSimulator(Misbehaviour(seed=7, errors=0.2, lost=0.1))
    with simulator:
        agent(url=simulator.url)
    assert simulator.orders_per_reference() == {"KASIR-1-17": 1}
    """

    def __init__(
        self,
        misbehaviour: Misbehaviour = GOOD,
        *,
        port: int = 0,
        carrier: str = "generic",
        idempotent: bool | None = None,
        keys: Mapping[str, str] | None = None,
        webhooks: WebhookTarget | None = None,
    ) -> None:
        """Listens on loopback only; port 0 takes a free one. `carrier`: whose HTTP it speaks. `idempotent`:
        whether it knows a reference again; else as that carrier does. `keys`: what requests have to bring and
        webhooks are signed with. Raises OSError when the port is taken, ValueError for an unknown carrier.
        """
        made = shape_of(carrier)
        self.world = World(idempotent=made.idempotent if idempotent is None else idempotent)
        shape = made(self.world, keys or {})
        self._poster = Poster(webhooks)
        self._server = _Server(port, self.world, shape, misbehaviour, self._poster)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_POLL_S,), name="courier-simulator", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, e.g. "http://127.0.0.1:40123"."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def behave(self, misbehaviour: Misbehaviour) -> None:
        """Changes how it misbehaves from the next request on."""
        self._server.misbehaviour = misbehaviour

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stops answering; what is being answered may be cut off."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._poster.close()

    def __enter__(self) -> "CourierSimulator":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def move(self, order: Order, *states: TrackingState) -> None:
        """The parcel goes through these states; each is posted, in the order that the misbehaviour wants."""
        misbehaviour = self._server.misbehaviour
        dice = misbehaviour.dice("move", order.reference, self.world.ask("move", order.reference))
        moved = [self.world.move(order, state).state for state in states]
        if misbehaviour.shuffled:
            dice.shuffle(moved)
        for state in moved:
            self._server.tell(order, state, dice)

    def wait_posted(self, timeout_s: float) -> bool:
        """Waits until every webhook was taken or given up."""
        return self._poster.wait(timeout_s)

    def go_on(self) -> None:
        """Every parcel that has its number and is not at an end goes one step further."""
        for order in self.world.all():
            if order.number and not order.state.is_final:
                at = JOURNEY.index(order.state) + 1 if order.state in JOURNEY else 0
                self.move(order, JOURNEY[at])

    def orders_per_reference(self) -> dict[str, int]:
        """How many orders were made under each reference: one, if all is well."""
        return dict(Counter(order.reference for order in self.world.all()))

    def airway_bills(self) -> dict[str, str]:
        """The first airway bill number of each reference."""
        with self.world.lock:
            return {reference: orders[0].airway_bill for reference, orders in self.world.orders.items()}

    def requests(self, kind: str) -> int:
        """How many requests came: "GET" questions for an order or "POST" orders."""
        with self.world.lock:
            return sum(count for (asked, _), count in self.world.asked.items() if asked == kind)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Threads that answer late do not hold up the stop.
    block_on_close = False
    request_queue_size = _CONNECTIONS_WAITING

    def __init__(
        self, port: int, world: World, shape: Shape, misbehaviour: Misbehaviour, poster: Poster
    ) -> None:
        self.world = world
        self.shape = shape
        self.misbehaviour = misbehaviour
        self.poster = poster
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS, which takes seconds where there is none.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def made(self, order: Order, dice: random.Random) -> None:
        """A new order is posted: before its answer, or whenever; and again when it has its number later."""
        first = dice.random() < self.misbehaviour.webhook_first
        posted = self.tell(order, TrackingState.ORDERED, dice)
        if first and posted is not None:
            with_timeout = threading.Event()
            posted.add_done_callback(lambda _done: with_timeout.set())
            with_timeout.wait(_WEBHOOK_FIRST_S)
        if order.number is None:
            self.tell(order, TrackingState.ORDERED, dice, max(0.0, order.number_from - time.monotonic()))

    def tell(self, order: Order, state: TrackingState, dice: random.Random, pause_s: float = 0.0) -> Any:
        """Posts a webhook, once, twice or never."""
        if dice.random() < self.misbehaviour.webhook_lost:
            return None
        make = partial(self._posted, order, state)
        if dice.random() < self.misbehaviour.webhook_twice:
            self.poster.post(make, pause_s + dice.uniform(0, self.misbehaviour.late_seconds))
        return self.poster.post(make, pause_s)

    def _posted(self, order: Order, state: TrackingState) -> tuple[dict[str, str], bytes]:
        return self.shape.posted(order, state, order.number)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kasir-courier-simulator"
    timeout = IDLE_SECONDS
    # Head and body leave in one piece; in two, the second would wait for the other side's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Anything with a body."""
        self._serve()

    def do_PUT(self) -> None:
        """Anything with a body."""
        self._serve()

    def do_GET(self) -> None:
        """Anything without one."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the parent's word)
        """Says nothing: what happened is in the world."""

    def _serve(self) -> None:
        try:
            answer = self._done(self.server.shape.act(self._request()))
        except Refusal as refusal:
            answer = self.server.shape.refused(refusal)
            if refusal.status is HTTPStatus.TOO_MANY_REQUESTS:
                answer = Answer(answer.status, answer.body, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        self._answer(answer)

    def _done(self, act: Act) -> Answer | None:
        """Does what is wanted, as well as it is to go; None cuts the connection off."""
        if not act.kind:
            return act.do(0.0).answer
        misbehaviour = self.server.misbehaviour
        dice = misbehaviour.dice(act.kind, act.reference, self.server.world.ask(act.kind, act.reference))
        if dice.random() < misbehaviour.busy:
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "BUSY", "too many requests: come back in a second")
        if dice.random() < misbehaviour.errors:
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "something went wrong")
        if dice.random() < misbehaviour.dropped:
            return None
        if dice.random() < misbehaviour.late_before:
            time.sleep(dice.uniform(0, misbehaviour.late_seconds))
        later = dice.random() < misbehaviour.later
        later_s = dice.uniform(0, misbehaviour.later_seconds) if later else 0.0
        if act.kind == CREATE:
            return self._ordered(act.do(later_s), misbehaviour, dice)
        try:
            return act.do(later_s).answer
        finally:
            # A no comes as late as a yes.
            if dice.random() < misbehaviour.late:
                time.sleep(dice.uniform(0, misbehaviour.late_seconds))

    def _ordered(self, result: Result, misbehaviour: Misbehaviour, dice: random.Random) -> Answer | None:
        if result.made is not None:
            self.server.made(result.made, dice)
        if dice.random() < misbehaviour.errors_after:
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "something went wrong")
        if dice.random() < misbehaviour.lost:
            return None
        if dice.random() < misbehaviour.late:
            time.sleep(dice.uniform(0, misbehaviour.late_seconds))
        return result.answer

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            # The body is not read, so nothing more can be on this connection.
            self.close_connection = True
            message = f"a body of at most {MAX_BODY_BYTES} bytes with its length is wanted"
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", message)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(self.command, parts.path, query, headers, self.rfile.read(int(length)))

    def _answer(self, answer: Answer | None) -> None:
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        is_json = isinstance(answer.body, dict)
        data = json.dumps(answer.body).encode() if isinstance(answer.body, dict) else answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json" if is_json else "application/pdf")
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
