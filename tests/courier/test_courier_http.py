"""Goal: of each answer a courier can give, only what it surely says is believed.

Method: a socket that answers anything.
"""

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clients.common.problems import BadInput
from clients.couriers.carrier import Absent, Ordered, Refused, Unclear, shipment_of
from clients.couriers.carriers.generic import Generic
from clients.couriers.line import MAX_ANSWER_BYTES
from clients.couriers.settings import CarrierSettings
from clients.couriers.simulator import CourierSimulator
from kasir.v1.booking_pb2 import Allocation, Order
from kasir.v1.common_pb2 import Money
from tests.certificates import make_certificates


def generic(url: str, **options: Any) -> Generic:
    return Generic(CarrierSettings("generic", url, **options))


def shipment(parcel: Any, collect_minor: int = 0) -> Any:
    amount = Money(currency_code="IDR", minor_units=collect_minor)
    paid = [Allocation(method="cod", amount=amount)] if collect_minor else []
    return shipment_of(parcel, Order(payable=Money(currency_code="IDR"), allocations=paid))


class Answering:
    """A courier that gives each connection the same bytes, whatever it asks."""

    def __init__(self, answer: bytes, *, pause_s: float = 0.0) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.answer = answer
        self.pause_s = pause_s
        self.asked: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def close(self) -> None:
        # Closing alone leaves the thread in `accept`.
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self.asked.append(self._request(connection))
            size = 64 if self.pause_s else len(self.answer) + 1
            with contextlib.suppress(OSError):
                for start in range(0, len(self.answer), size):
                    connection.sendall(self.answer[start : start + size])
                    time.sleep(self.pause_s)

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        """Head and body of one request."""
        asked = b""
        while True:
            asked += connection.recv(64_000)
            head, end, body = asked.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            if end and len(body) >= (int(length[1]) if length else 0):
                return asked


def http(status: int, body: Any, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + content


@pytest.fixture
def ask() -> Iterator[Callable[..., Generic]]:
    open_now: list[Any] = []

    def start(answer: bytes, *, timeout_s: float = 1.0, pause_s: float = 0.0) -> Generic:
        answering = Answering(answer, pause_s=pause_s)
        api = generic(answering.url, timeout_s=timeout_s, secrets={"token": "secret"})
        api.answering = answering
        open_now.extend([api, answering])
        return api

    yield start
    for each in open_now:
        each.close()


MADE = Ordered("KASIR-0-1", "KASIR-0-1", "JX0000000001")
GOOD = {"reference": "KASIR-0-1", "airway_bill": "JX0000000001"}
UNKNOWN = {"code": "REFERENCE_UNKNOWN", "message": "no order has this reference"}


def test_what_is_asked(ask, make_parcel) -> None:
    api = ask(http(200, {**GOOD, "reference": "KASIR/0 1&x=ü"}))
    strange = "KASIR/0 1&x=ü"
    assert api.find(strange) == Ordered(strange, strange, MADE.airway_bill)
    assert api.answering.asked[0].startswith(
        b"GET /v1/orders?reference=KASIR%2F0%201%26x%3D%C3%BC HTTP/1.1\r\n"
    )
    assert b"Authorization: Bearer secret" in api.answering.asked[0]

    api = ask(http(201, GOOD))
    assert api.create(shipment(make_parcel(1))) == MADE
    _, _, body = api.answering.asked[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {
        "reference": "KASIR-0-1",
        "service": "REG",
        "weight_grams": 500,
        "address": {
            "recipient": "Budi Santoso",
            "phone": "+628123456789",
            "street": "Jl. Merdeka 1",
            "district": "Sumur Bandung",
            "city": "Bandung",
            "province": "Jawa Barat",
            "postal_code": "40111",
            "country_code": "",
        },
    }

    api = ask(http(201, GOOD))
    assert api.create(shipment(make_parcel(1), 15_000_000)) == MADE
    _, _, body = api.answering.asked[0].partition(b"\r\n\r\n")
    assert json.loads(body)["cash_on_delivery"] == {"currency_code": "IDR", "minor_units": 15_000_000}


@pytest.mark.parametrize(
    ("answer", "found", "created"),
    [
        (http(200, GOOD), Ordered, Ordered),
        (http(201, GOOD), Unclear, Ordered),
        (http(404, UNKNOWN), Absent, Unclear),
        # A proxy's 404 denies nothing.
        (http(404, b"<html>not found</html>"), Unclear, Unclear),
        (http(404, {}), Unclear, Unclear),
        (http(422, {"code": "ADDRESS_REFUSED", "message": "no such place"}), Unclear, Refused),
        (http(400, {}), Unclear, Refused),
        (http(409, {"code": "REFERENCE_REUSED"}), Unclear, Refused),
        (http(409, {"code": "BUSY"}), Unclear, Unclear),
        (http(401, {}), Unclear, Unclear),
        (http(429, {}), Unclear, Unclear),
        (http(500, GOOD), Unclear, Unclear),
        (http(503, b""), Unclear, Unclear),
        (http(302, b"", "Location: http://127.0.0.1:9/"), Unclear, Unclear),
        # About another order, or not about one at all
        (http(200, {**GOOD, "reference": "KASIR-0-2"}), Unclear, Unclear),
        (http(200, {"airway_bill": "JX0000000001"}), Unclear, Unclear),
        (http(200, {"reference": "KASIR-0-1"}), Unclear, Unclear),
        # The number comes later
        (http(200, {**GOOD, "airway_bill": ""}), Ordered, Ordered),
        (http(200, {**GOOD, "airway_bill": None}), Ordered, Ordered),
        (http(200, {**GOOD, "airway_bill": 7}), Unclear, Unclear),
        (http(200, {**GOOD, "airway_bill": "x" * 51}), Unclear, Unclear),
        (http(200, {**GOOD, "airway_bill": "a\nb"}), Unclear, Unclear),
        (http(200, [GOOD]), Unclear, Unclear),
        (http(200, b"{"), Unclear, Unclear),
        (http(200, b"\xff\xfe"), Unclear, Unclear),
        (http(200, b"[" * 50_000), Unclear, Unclear),
        (http(200, b" " * (MAX_ANSWER_BYTES + 1)), Unclear, Unclear),
        # No HTTP, or cut off
        (b"", Unclear, Unclear),
        (b"hello\r\n\r\n", Unclear, Unclear),
        (http(200, GOOD)[:-5], Unclear, Unclear),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Unclear, Unclear),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Unclear, Unclear),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", Unclear, Unclear),
    ],
)
def test_answers(ask, make_parcel, answer: bytes, found: type, created: type) -> None:
    api = ask(answer)
    assert isinstance(api.find("KASIR-0-1"), found)
    assert isinstance(api.create(shipment(make_parcel(1))), created)


def test_refusals_keep_the_couriers_words(ask, make_parcel) -> None:
    api = ask(http(422, {"code": "ADDRESS_REFUSED", "message": "no  such\nplace"}))
    assert api.create(shipment(make_parcel(1))) == Refused("422: no such place")
    api = ask(http(422, {"message": "x" * 1_000}))
    assert len(api.create(shipment(make_parcel(1))).words) < 200
    api = ask(http(422, b""))
    assert api.create(shipment(make_parcel(1))) == Refused("422: no reason given")


@pytest.mark.parametrize(("said", "meant"), [("7", 7.0), ("999999", 300.0), ("soon", 0.0), ("-1", 0.0)])
def test_how_long_to_wait(ask, said: str, meant: float) -> None:
    answer = ask(http(429, {}, f"Retry-After: {said}")).find("KASIR-0-1")
    assert answer.retry_after_s == meant


def test_an_answer_that_trickles_is_not_waited_for(ask) -> None:
    """Each piece comes in time, the whole never would."""
    api = ask(http(200, b" " * 20_000), timeout_s=0.5, pause_s=0.1)
    began = time.monotonic()
    assert api.find("KASIR-0-1") == Unclear("no answer in time")
    assert time.monotonic() - began < 5


def test_a_connection_that_failed_does_not_use_up_a_place(ask) -> None:
    api = ask(http(200, b" " * (MAX_ANSWER_BYTES + 1)))
    for _ in range(20):
        assert isinstance(api.find("KASIR-0-1"), Unclear)


def test_connections_are_kept(make_parcel) -> None:
    with CourierSimulator() as courier:
        api = generic(courier.url)
        began = time.monotonic()
        for number in range(1, 101):
            assert api.find(f"KASIR-0-{number}") == Absent()
            assert isinstance(api.create(shipment(make_parcel(number))), Ordered)
        # With an answer in two packets, each would wait 40 ms for an acknowledgement.
        assert time.monotonic() - began < 4
        api.close()


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Listens with a certificate whose authority nobody here knows."""
    folder = tmp_path_factory.mktemp("stranger")
    make_certificates(folder, "authority", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "localhost.pem", folder / "localhost.key")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).recv(1)
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://localhost:{listening.getsockname()[1]}"
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    listening.close()


def test_a_certificate_that_is_not_trusted_was_told_nothing(untrusted: str, make_parcel) -> None:
    api = generic(untrusted, timeout_s=5.0)
    made = api.create(shipment(make_parcel(1)))
    api.close()
    assert made == Unclear("the courier's certificate is not trusted", nothing_done=True)


@pytest.mark.parametrize("host", ["courier..example", f"{'x' * 64}.example"])
def test_a_name_that_cannot_be_looked_up(host: str) -> None:
    with pytest.raises(BadInput):
        generic(f"https://{host}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "courier.example",
        "ftp://courier.example",
        "http://courier.example",
        "http://192.0.2.1:80",
        "https://user:secret@courier.example",
        "https://courier.example/?a=b",
        "https://courier.example:port",
        "https://",
        "http://[::1",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(BadInput):
        generic(url)


@pytest.mark.parametrize(
    "url", ["https://courier.example/api/", "http://127.0.0.1:8900", "http://[::1]:8900"]
)
def test_addresses_that_are_taken(url: str) -> None:
    generic(url).close()
