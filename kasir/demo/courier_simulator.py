"""A courier that speaks HTTP and misbehaves on demand: late answers, errors, answers lost after the deed.

    python -m kasir.demo.courier_simulator --port 8900 --errors 0.2 --lost 0.1 --late 0.3

Its interface is that of a courier as couriers are:

    POST /v1/orders  {"reference", "service", "address": {…}, "weight_grams"},
                     "cash_on_delivery": {"currency_code", "minor_units"} when it is to collect something
        201 {"reference", "airway_bill", "service", "created"}    a new order
        200 the same                                      the reference was known: the order it already has
        409 {"code": "REFERENCE_REUSED", "message"}       the reference was known with another parcel
        422 {"code": "ADDRESS_REFUSED" | "WEIGHT_REFUSED" | "CURRENCY_REFUSED", "message"}
                                                          it will never take this parcel
        400, 413                                          the request is malformed or too large
    GET /v1/orders?reference=R
        200 the order, 404 {"code": "REFERENCE_UNKNOWN", "message"}
    GET /v1/health   200, always and at once

The standard library's server is enough: a thread a connection, and a socket that can be cut off in
mid-answer.
"""

import contextlib
import hashlib
import json
import math
import random
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

MAX_BODY_BYTES = 64 * 2**10
MAX_WEIGHT_GRAMS = 50_000
# A connection that says nothing for so long is closed.
IDLE_SECONDS = 60.0
# How soon a stop is noticed.
STOP_POLL_S = 0.05
MAX_REFERENCE_CHARS = 100
MAX_SERVICE_CHARS = 50
RETRY_AFTER_SECONDS = 1
_POSTAL_CODE_DIGITS = 5
_ADDRESS_KEYS = ("recipient", "street", "city", "postal_code", "country_code")
_CONNECTIONS_WAITING = 128


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """How often what goes wrong, as probabilities from 0 to 1.

    The same seed and the same requests of a reference, in the same order, go wrong in the same way, however
    threads and references interleave.
    """

    seed: int = 0
    errors: float = 0.0
    """500, and nothing was done."""
    errors_after: float = 0.0
    """500, although the order was taken."""
    dropped: float = 0.0
    """The connection is closed before anything is done."""
    lost: float = 0.0
    """The connection is closed after the order was taken."""
    late: float = 0.0
    """The deed is done at once, the answer comes late."""
    late_before: float = 0.0
    """The deed itself comes late: whoever asks meanwhile hears that the reference is unknown."""
    late_seconds: float = 1.0
    """How late, at most."""
    busy: float = 0.0
    """429 with Retry-After, and nothing was done."""

    def __post_init__(self) -> None:
        for name in ("errors", "errors_after", "dropped", "lost", "late", "late_before", "busy"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability: from 0 to 1")
        if self.late_seconds < 0 or not math.isfinite(self.late_seconds):
            raise ValueError("late_seconds is a time: 0 or more")

    def dice(self, method: str, reference: str, nth: int) -> random.Random:
        """Decides about the nth request with this method for this reference."""
        return random.Random(f"{self.seed}/{method}/{reference}/{nth}")


GOOD = Misbehaviour()


@dataclass(frozen=True, slots=True)
class Order:
    """One order as the courier has it."""

    reference: str
    airway_bill: str
    service: str
    parcel: str
    """Digest of what was ordered: to tell a repeat from another parcel under the same reference."""
    created_ms: int

    def body(self) -> dict[str, Any]:
        """The order as it is answered."""
        return {
            "reference": self.reference,
            "airway_bill": self.airway_bill,
            "service": self.service,
            "created": self.created_ms,
        }


@dataclass
class Ledger:
    """What the courier did, for tests to look at. Every access is under `lock`."""

    idempotent: bool = True
    """False: a second request makes a second order, as with couriers that keep no references."""
    orders: dict[str, list[Order]] = field(default_factory=dict)
    """By reference."""
    asked: dict[tuple[str, str], int] = field(default_factory=dict)
    """Requests by method and reference."""
    given: set[str] = field(default_factory=set)
    """Airway bill numbers given so far."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, method: str, reference: str) -> int:
        """Counts a request; returns which one for its reference it is, from 1."""
        with self.lock:
            nth = self.asked.get((method, reference), 0) + 1
            self.asked[method, reference] = nth
            return nth

    def find(self, reference: str) -> Order | None:
        """The first order of a reference."""
        with self.lock:
            orders = self.orders.get(reference)
            return orders[0] if orders else None

    def take(self, reference: str, service: str, parcel: str) -> tuple[Order, bool]:
        """Takes an order, or finds the one that the reference already has; whether it is new."""
        with self.lock:
            orders = self.orders.setdefault(reference, [])
            if orders and self.idempotent:
                return orders[0], False
            airway_bill = self._number(reference)
            order = Order(reference, airway_bill, service, parcel, int(time.time() * 1000))
            orders.append(order)
            return order, True

    def _number(self, reference: str) -> str:
        """A number that no other order has; the same reference gets the same one in every run."""
        attempt = 0
        while True:
            digest = hashlib.blake2b(f"{reference}/{attempt}".encode(), digest_size=8).digest()
            airway_bill = f"JX{int.from_bytes(digest) % 10**10:010}"
            if airway_bill not in self.given:
                self.given.add(airway_bill)
                return airway_bill
            attempt += 1


class CourierSimulator:
    """The courier's server, in this process. Use it as a context manager, or `start` and `stop` it.

    simulator = CourierSimulator(Misbehaviour(seed=7, errors=0.2, lost=0.1))
    with simulator:
        agent(url=simulator.url)
    assert simulator.orders_per_reference() == {"KASIR-1-17": 1}
    """

    def __init__(self, misbehaviour: Misbehaviour = GOOD, *, port: int = 0, idempotent: bool = True) -> None:
        """Listens on loopback only; port 0 takes a free one. Raises OSError when the port is taken."""
        self.ledger = Ledger(idempotent=idempotent)
        self._server = _Server(port, self.ledger, misbehaviour)
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

    def serve(self) -> None:
        """Answers in this thread until interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()

    def __enter__(self) -> "CourierSimulator":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def orders_per_reference(self) -> dict[str, int]:
        """How many orders were made under each reference: one, if all is well."""
        with self.ledger.lock:
            return {reference: len(orders) for reference, orders in self.ledger.orders.items()}

    def airway_bills(self) -> dict[str, str]:
        """The first airway bill number of each reference."""
        with self.ledger.lock:
            return {reference: orders[0].airway_bill for reference, orders in self.ledger.orders.items()}

    def requests(self, method: str) -> int:
        """How many requests came, "GET" or "POST", for orders."""
        with self.ledger.lock:
            return sum(count for (asked, _), count in self.ledger.asked.items() if asked == method)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Threads that answer late do not hold up the stop.
    block_on_close = False
    request_queue_size = _CONNECTIONS_WAITING

    def __init__(self, port: int, ledger: Ledger, misbehaviour: Misbehaviour) -> None:
        self.ledger = ledger
        self.misbehaviour = misbehaviour
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS, which takes seconds where there is none.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Refusal(Exception):  # noqa: N818 (an answer)
    """An answer other than the order."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kasir-courier-simulator"
    timeout = IDLE_SECONDS
    # Head and body leave in one piece; in two, the second would wait for the other side's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Takes an order."""
        try:
            self._answer(*self._take(self._body()))
        except _Refusal as refusal:
            self._refuse(refusal)

    def do_GET(self) -> None:
        """Finds an order by its reference."""
        try:
            self._answer(*self._find())
        except _Refusal as refusal:
            self._refuse(refusal)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the parent's word)
        """Says nothing: what happened is in the ledger."""

    def _take(self, body: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any] | None]:
        reference = _text(body, "reference", MAX_REFERENCE_CHARS)
        if not reference:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "REFERENCE_MISSING", "an order needs a reference")
        service = _text(body, "service", MAX_SERVICE_CHARS)
        address, weight_grams = body.get("address"), body.get("weight_grams")
        misbehaviour, dice = self._fate("POST", reference)
        if not self._goes_on(misbehaviour, dice):
            return HTTPStatus.OK, None
        _check_parcel(address, weight_grams)
        collects = body.get("cash_on_delivery")
        _check_collects(collects)
        parcel = json.dumps([service, address, weight_grams, collects], sort_keys=True)
        digest = hashlib.blake2b(parcel.encode(), digest_size=16).hexdigest()
        order, is_new = self.server.ledger.take(reference, service, digest)
        if dice.random() < misbehaviour.errors_after:
            raise _Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "something went wrong")
        if dice.random() < misbehaviour.lost:
            return HTTPStatus.OK, None
        if dice.random() < misbehaviour.late:
            time.sleep(dice.uniform(0, misbehaviour.late_seconds))
        if order.parcel != digest:
            message = "this reference has an order for another parcel"
            raise _Refusal(HTTPStatus.CONFLICT, "REFERENCE_REUSED", message)
        return HTTPStatus.CREATED if is_new else HTTPStatus.OK, order.body()

    def _find(self) -> tuple[HTTPStatus, dict[str, Any] | None]:
        address = urlsplit(self.path)
        if address.path == "/v1/health":
            return HTTPStatus.OK, {"status": "ok"}
        if address.path != "/v1/orders":
            raise _Refusal(HTTPStatus.NOT_FOUND, "NO_SUCH_PAGE", "there is nothing here")
        references = parse_qs(address.query).get("reference", [])
        if len(references) != 1:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "REFERENCE_MISSING", "name one reference")
        misbehaviour, dice = self._fate("GET", references[0])
        if not self._goes_on(misbehaviour, dice):
            return HTTPStatus.OK, None
        order = self.server.ledger.find(references[0])
        if dice.random() < misbehaviour.late:
            time.sleep(dice.uniform(0, misbehaviour.late_seconds))
        if order is None:
            raise _Refusal(HTTPStatus.NOT_FOUND, "REFERENCE_UNKNOWN", "no order has this reference")
        return HTTPStatus.OK, order.body()

    def _fate(self, method: str, reference: str) -> tuple[Misbehaviour, random.Random]:
        misbehaviour = self.server.misbehaviour
        return misbehaviour, misbehaviour.dice(method, reference, self.server.ledger.ask(method, reference))

    @staticmethod
    def _goes_on(misbehaviour: Misbehaviour, dice: random.Random) -> bool:
        """What goes wrong before anything is done; False drops the connection."""
        if dice.random() < misbehaviour.busy:
            raise _Refusal(HTTPStatus.TOO_MANY_REQUESTS, "BUSY", "too many requests: come back in a second")
        if dice.random() < misbehaviour.errors:
            raise _Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "something went wrong")
        if dice.random() < misbehaviour.dropped:
            return False
        if dice.random() < misbehaviour.late_before:
            time.sleep(dice.uniform(0, misbehaviour.late_seconds))
        return True

    def _body(self) -> dict[str, Any]:
        if urlsplit(self.path).path != "/v1/orders":
            raise _Refusal(HTTPStatus.NOT_FOUND, "NO_SUCH_PAGE", "there is nothing here")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            # The body is not read, so nothing more can be on this connection.
            self.close_connection = True
            message = f"a body of at most {MAX_BODY_BYTES} bytes with its length is wanted"
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", message)
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", "the body is not JSON") from error
        if not isinstance(body, dict):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", "the body is not an object")
        return body

    def _refuse(self, refusal: _Refusal) -> None:
        self._answer(refusal.status, {"code": refusal.code, "message": str(refusal)})

    def _answer(self, status: HTTPStatus, body: dict[str, Any] | None) -> None:
        """Sends `body`; None cuts the connection off instead."""
        if body is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", str(RETRY_AFTER_SECONDS))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _text(body: dict[str, Any], key: str, max_chars: int) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or len(value) > max_chars:
        message = f"{key} is a text of at most {max_chars} characters"
        raise _Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", message)
    return value


def _check_collects(collects: Any) -> None:
    """Refuses an amount that is none, or in a currency that its people do not carry."""
    if collects is None:
        return
    amount = collects.get("minor_units") if isinstance(collects, dict) else None
    if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", "cash_on_delivery has minor_units above 0")
    if collects.get("currency_code") != "IDR":
        message = "rupiah are collected, nothing else"
        raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "CURRENCY_REFUSED", message)


def _check_parcel(address: Any, weight: Any) -> None:
    """Refuses for good what the courier does not carry, or where it cannot go."""
    if not isinstance(weight, int) or isinstance(weight, bool) or not isinstance(address, dict):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", "an order has weight_grams and address")
    # 0: it is weighed at the pick-up.
    if not 0 <= weight <= MAX_WEIGHT_GRAMS:
        message = f"{weight} g: up to {MAX_WEIGHT_GRAMS} g are carried"
        raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "WEIGHT_REFUSED", message)
    said = {key: str(address.get(key, "")).strip() for key in _ADDRESS_KEYS}
    missing = [key for key in ("recipient", "street", "city") if not said[key]]
    postal_code = said["postal_code"]
    if missing:
        words = f"the address lacks {', '.join(missing)}"
    elif said["country_code"] not in {"", "ID"}:
        words = f"{said['country_code']}: only Indonesia is served"
    elif not (postal_code.isascii() and postal_code.isdigit() and len(postal_code) == _POSTAL_CODE_DIGITS):
        words = f"{postal_code!r} is not a postal code of Indonesia"
    else:
        return
    raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "ADDRESS_REFUSED", words)


def main(
    port: Annotated[
        int, typer.Option(help="Where to listen, on this machine only; 0 takes a free one.")
    ] = 8900,
    seed: Annotated[int, typer.Option(help="The same seed goes wrong in the same way.")] = 0,
    errors: Annotated[float, typer.Option(help="How often 500 is answered and nothing done, 0 to 1.")] = 0.0,
    errors_after: Annotated[
        float, typer.Option(help="How often 500 is answered although all was done.")
    ] = 0.0,
    dropped: Annotated[float, typer.Option(help="How often the connection is closed before anything.")] = 0.0,
    lost: Annotated[float, typer.Option(help="How often the connection is closed after the deed.")] = 0.0,
    late: Annotated[float, typer.Option(help="How often the answer is late.")] = 0.0,
    late_seconds: Annotated[float, typer.Option(help="How late an answer is at most.")] = 1.0,
) -> None:
    """Run a courier that takes orders over HTTP, and misbehaves as often as it is told to."""
    try:
        misbehaviour = Misbehaviour(
            seed=seed,
            errors=errors,
            errors_after=errors_after,
            dropped=dropped,
            lost=lost,
            late=late,
            late_seconds=late_seconds,
        )
        simulator = CourierSimulator(misbehaviour, port=port)
    except (ValueError, OSError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"The courier listens at {simulator.url} (Ctrl-C ends it).")
    with contextlib.suppress(KeyboardInterrupt):
        simulator.serve()
    orders = simulator.orders_per_reference()
    typer.echo(f"{len(orders)} references, {sum(orders.values())} orders.")


if __name__ == "__main__":
    typer.run(main)
