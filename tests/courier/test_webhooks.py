"""Goal: only what is genuine is listened to, whoever posts; and it is answered when it was acted on."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.common.problems import BadInput
from clients.couriers.carrier import News, TrackingState
from clients.couriers.lately import KNOWN_S, MAX_KNOWN, PAUSE_S, Lately
from clients.couriers.signatures import sign
from clients.couriers.webhooks import MAX_BODY_BYTES, Webhooks
from tests.courier import kit

BODY = json.dumps({"reference": "KASIR-0-1", "airway_bill": "JX1", "state": "picked_up"}).encode()


class Listening:
    def __init__(self, name: str, folder: Path) -> None:
        self.heard: list[News] = []
        self.refused: list[str] = []
        self.acts = True
        self.carrier = kit.carrier(name, "http://127.0.0.1:9", folder)
        self.webhooks = Webhooks(self.carrier, self.take, ("127.0.0.1", 0), on_refused=self.refused.append)

    def take(self, news: News) -> bool:
        self.heard.append(news)
        return self.acts

    def post(self, body: bytes, path: str = "/webhooks", **headers: str) -> int:
        connection = http.client.HTTPConnection(self.webhooks.address, timeout=10)
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def close(self) -> None:
        self.webhooks.close()
        self.carrier.close()


@pytest.fixture
def generic(tmp_path: Path) -> Iterator[Listening]:
    listening = Listening("generic", tmp_path)
    yield listening
    listening.close()


def test_a_signed_one_is_heard(generic) -> None:
    assert generic.post(BODY, **{"X-Courier-Signature": sign(kit.WORD, BODY)}) == 200
    assert generic.heard == [News("KASIR-0-1", "KASIR-0-1", "JX1", TrackingState.PICKED_UP)]


def test_one_that_was_not_acted_on_shall_come_again(generic) -> None:
    generic.acts = False
    assert generic.post(BODY, **{"X-Courier-Signature": sign(kit.WORD, BODY)}) == 503


@pytest.mark.parametrize("signature", ["", "x", sign("other", BODY), "ü"])
def test_one_that_is_not_signed_is_not(generic, signature: str) -> None:
    headers = {"X-Courier-Signature": signature.encode().decode("latin-1")} if signature else {}
    assert generic.post(BODY, **headers) == 401
    assert generic.heard == []
    assert generic.refused
    assert kit.WORD not in "".join(generic.refused)


def test_a_flood_of_forged_ones_makes_few_lines(generic, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, *[100.0 + 0.1 * nth for nth in range(19)], 200.0])
    monkeypatch.setattr("clients.couriers.webhooks.monotonic", lambda: next(times))
    for _ in range(20):
        assert generic.post(BODY) == 401
    assert generic.refused == ["the signature is not right"]
    generic.post(BODY)
    assert generic.refused == [
        "the signature is not right",
        "the signature is not right (and 19 more before)",
    ]
    assert generic.heard == []


def test_what_is_too_large_or_elsewhere(generic) -> None:
    assert generic.post(BODY, "/") == 404
    assert generic.post(BODY, "/webhooks-too") == 404
    with socket.create_connection(generic.webhooks.address.split(":"), timeout=10) as line:
        line.sendall(
            f"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode()
        )
        assert b" 413 " in line.recv(1_000)
    with socket.create_connection(generic.webhooks.address.split(":"), timeout=10) as line:
        line.sendall(b"POST /webhooks HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 411 " in line.recv(1_000)
    assert generic.heard == []


def test_a_word_of_ours_in_the_address_where_nothing_is_signed(tmp_path: Path) -> None:
    listening = Listening("rajaongkir", tmp_path)
    body = b'{"order_no":"KOM1","cnote":"JX1","status":"Dijemput"}'
    try:
        assert listening.post(body, f"/webhooks/{kit.WORD}") == 200
        # Not by a header of that name
        headers: dict[str, Any] = {"X-Kasir-Word": kit.WORD}
        assert listening.post(body, **headers) == 401
        assert listening.post(body, "/webhooks/guess", **headers) == 401
        assert len(listening.heard) == 1
    finally:
        listening.close()


def test_an_address_that_is_taken(generic) -> None:
    host, port = generic.webhooks.address.split(":")
    with socket.create_server((host, 0)) as taken, pytest.raises(BadInput):
        Webhooks(generic.carrier, generic.take, (host, taken.getsockname()[1]))
    assert port


def test_news_is_acted_on_by_one_at_a_time_and_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("clients.couriers.lately.monotonic", lambda: now[0])
    lately, news = Lately(), News(order_id="bs1")
    assert lately.begin(news) is None
    now[0] += 50.0  # however long the carrier takes to answer
    assert lately.begin(news) is False
    lately.end(news, acted=False)
    assert lately.begin(news) is False
    now[0] += PAUSE_S
    assert lately.begin(news) is None
    lately.end(news, acted=True)
    assert lately.begin(news) is True
    now[0] += KNOWN_S
    assert lately.begin(news) is None
    for nth in range(MAX_KNOWN):
        lately.begin(News(order_id=f"x{nth}"))
    assert lately.begin(news) is None
