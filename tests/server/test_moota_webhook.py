"""Moota's webhook, over real HTTP.

Goal: what Moota posts is imported once and is on disk before it is told so; what somebody else posts is not
even read. Method: a server in this process, and requests as Moota makes them and as it never would.
"""

import hashlib
import hmac
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from engine import Code, EngineError
from kasir import webhook_server
from kasir.v1 import reconciliation_pb2
from server import moota
from server.settings import Settings, SettingsError, parse_address
from tests.conftest import RunningServer
from tests.server.support import Shop, new_id
from tests.server.test_import_again import moota as body_of
from tests.server.test_import_again import posted
from tests.server.test_import_statement import mutations

SECRET = b"9f8a7b6c"


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "moota.secret"
    path.write_bytes(SECRET + b"\n")
    return path


@pytest.fixture
def running(engine, secret_file) -> Iterator[RunningServer]:
    server = RunningServer(engine, moota_listen=parse_address("127.0.0.1:0"), moota_secret_file=secret_file)
    yield server
    server.stop()


@pytest.fixture
def shop(running) -> Iterator[Shop]:
    with grpc.insecure_channel(running.target) as channel:
        shop = Shop(channel)
        shop.bank_account("123")
        yield shop


def sign(body: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def post(
    running: RunningServer, body: bytes, signature: str | None = None, path: str = "/moota"
) -> tuple[int, Any]:
    address = running.service.moota_address
    connection = http.client.HTTPConnection(address.host, address.port, timeout=30)
    headers = {
        "Content-Type": "application/json",
        "Signature": sign(body) if signature is None else signature,
    }
    connection.request("POST", path, body, headers)
    reply = connection.getresponse()
    told = json.loads(reply.read())
    connection.close()
    return reply.status, told


def test_what_is_posted_is_imported_once_however_often_it_comes(running, shop, engine):
    body = body_of("m1", "m2")
    assert post(running, body) == (200, {"new_rows": 2, "known_rows": 0})
    revision = engine.revision()
    # What was taken is answered as it was the first time.
    for _ in range(3):
        assert post(running, body) == (200, {"new_rows": 2, "known_rows": 0})
    assert engine.revision() == revision
    # Another look of Moota's at the same account, with a time of its own.
    assert post(running, body_of("m2", "m3", date="2026-03-17 09:00:00"))[1] == {
        "new_rows": 1,
        "known_rows": 1,
    }
    assert posted(shop) == [5_000] * 3


def test_the_same_body_at_once_is_imported_once(running, shop):
    body = body_of(*(f"m{number}" for number in range(50)))
    told: list[tuple[int, Any]] = []
    callers = [threading.Thread(target=lambda: told.append(post(running, body))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert told == [(200, {"new_rows": 50, "known_rows": 0})] * 8
    assert len(mutations(shop)) == 50


@pytest.mark.parametrize("wrong", ["", "00", "zz", "ä", sign(body_of("m2")), sign(body_of("m1"), b"other")])
def test_a_wrong_signature_is_refused_before_the_body_is_read(running, shop, engine, wrong, monkeypatch):
    monkeypatch.setattr(running.service._importer, "import_bytes", None)
    revision = engine.revision()
    status, told = post(running, body_of("m1"), wrong)
    assert (status, told["reason"]) == (401, "SIGNATURE_WRONG")
    assert engine.revision() == revision


def test_what_is_no_list_of_mutations_is_refused(running, shop):
    for body in (b"", b"{}", b'[{"mutation_id": "m1"', body_of("m1", type="XX")):
        status, told = post(running, body)
        assert (status, told["reason"][:10]) == (422, "STATEMENT_"), body
    assert post(running, b"[]") == (200, {"new_rows": 0, "known_rows": 0})
    status, told = post(running, body_of("m1", account_number="999"))
    assert (status, told["reason"]) == (422, "BANK_ACCOUNT_NOT_FOUND")
    assert mutations(shop) == []


def test_accounts_of_the_shop_are_taken_from_a_body_of_several(running, shop):
    shop.bank_account("456")
    bodies = [json.loads(body_of(f"m{number}", account_number=number)) for number in ("123", "456", "999")]
    assert post(running, json.dumps([one for each in bodies for one in each]).encode())[1]["new_rows"] == 2
    (line,) = (line for line in running.log if line["event"] == "moota imported")
    assert line["accounts_unknown"] == ["999"]


def test_it_says_to_come_again_while_it_cannot_take_anything(running, shop, monkeypatch):
    taken = running.service._importer.import_bytes

    async def full(*_: Any) -> None:
        raise EngineError(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", "Too much waits.", {})

    monkeypatch.setattr(running.service._importer, "import_bytes", full)
    assert post(running, body_of("m1"))[0] == 503
    monkeypatch.setattr(moota, "COMMIT_S", 0.0)
    monkeypatch.setattr(running.service._importer, "import_bytes", taken)
    assert post(running, body_of("m1")) == (
        503,
        {"reason": "TIMED_OUT", "message": "Not committed in time. Post it again."},
    )
    monkeypatch.setattr(moota, "COMMIT_S", 30.0)
    status, told = post(running, body_of("m1"))
    assert (status, told["new_rows"] + told["known_rows"]) == (200, 1)
    assert posted(shop) == [5_000]


def raw(running: RunningServer, data: bytes) -> bytes:
    address = running.service.moota_address
    with socket.create_connection((address.host, address.port), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return answer


def test_requests_that_moota_does_not_make(running, shop):
    length = moota.MAX_BODY_BYTES + 1
    for request, status in (
        (b"POST /moota HTTP/1.1\r\nHost: x\r\n\r\n", b"411"),
        (b"POST /moota HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"411"),
        (b"POST /moota HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length, b"413"),
        (b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"404"),
        (b"GET /moota HTTP/1.1\r\n\r\n", b"501"),
        (b"nonsense\r\n\r\n", b"400"),
    ):
        assert status in raw(running, request)[:200], request
    assert post(running, body_of("m1"))[0] == 200


def test_peers_that_say_nothing_are_few_and_cut_off(running, shop, monkeypatch):
    monkeypatch.setattr(webhook_server, "STALL_S", 0.5)
    address = running.service.moota_address
    silent = [
        socket.create_connection((address.host, address.port), timeout=30)
        for _ in range(webhook_server.MAX_CONNECTIONS + 5)
    ]
    for connection in silent:
        assert connection.recv(1) == b""
        connection.close()
    assert post(running, body_of("m1"))[0] == 200


def test_the_secret_is_told_to_nobody(running, shop):
    post(running, body_of("m1"), "00")
    post(running, body_of("m1"))
    assert SECRET.decode() not in json.dumps(running.log)
    assert SECRET.decode() not in repr(running.service.settings)


def test_what_it_needs_is_said_before_it_starts(engine, tmp_path, secret_file):
    here = parse_address("127.0.0.1:0")
    for settings, words in (
        (Settings(moota_listen=here), "--moota-secret-file"),
        (Settings(moota_secret_file=secret_file), "--moota-webhook"),
        (Settings(moota_listen=parse_address("0.0.0.0:0"), moota_secret_file=secret_file), "TLS"),
    ):
        with pytest.raises(SettingsError, match=words):
            settings.check()
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    for path, words in ((empty, "is empty"), (tmp_path / "none", "Cannot read")):
        with pytest.raises(SettingsError, match=words):
            RunningServer(engine, moota_listen=here, moota_secret_file=path)


def test_a_number_in_two_currencies_is_nobodys_until_it_is_said(running, shop):
    dollars = reconciliation_pb2.BankAccount(bank="BCA", number="123", holder="Toko", currency_code="USD")
    shop.reconciliation.CreateBankAccount(
        reconciliation_pb2.CreateBankAccountRequest(request_id=new_id(), bank_account=dollars)
    )
    status, told = post(running, body_of("m1"))
    assert (status, told["reason"]) == (422, "BANK_ACCOUNT_AMBIGUOUS")
    assert mutations(shop) == []
