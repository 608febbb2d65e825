"""Unary calls: one effect however often they are sent, who asked, deadlines, and calls side by side.

Goal: the server adds nothing to and takes nothing from what the engine answers. Method: the real server, raw
bytes.
"""

import ast
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import server as server_package
from engine import Code
from kasir.v1 import booking_pb2, stock_pb2, watch_pb2
from tests.server.support import Shop, new_id, raw, refusal, until

CREATE_BOOKING = "/kasir.v1.BookingService/CreateBooking"
GET_STOCK = "/kasir.v1.StockService/GetStock"


@pytest.fixture
def shop(channel):
    return Shop(channel)


def test_a_request_sent_twice_has_one_effect_and_the_same_bytes_back(shop, channel, engine):
    request = booking_pb2.CreateBookingRequest(
        request_id=new_id(), booking=shop.booking()
    ).SerializeToString()
    first = raw(channel, CREATE_BOOKING)(request)
    revision = engine.revision()
    assert raw(channel, CREATE_BOOKING)(request) == first
    assert engine.revision() == revision
    stock = shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
    assert [level.held for level in stock.stocks if level.location_id == shop.warehouse_id] == [1]


def test_the_same_request_from_many_at_once_has_one_effect(shop, channel, engine):
    request = booking_pb2.CreateBookingRequest(
        request_id=new_id(), booking=shop.booking()
    ).SerializeToString()
    before = engine.revision()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: raw(channel, CREATE_BOOKING)(request), range(64)))
    assert len(set(replies)) == 1
    assert engine.revision() == before + 1


def test_one_last_item_goes_to_one_of_many(channel):
    shop = Shop(channel, stock=1)

    def try_to_book(number: int) -> str:
        booking = shop.booking(phone=f"0812000{number:04}")
        request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=booking)
        return raw(channel, CREATE_BOOKING).future(request.SerializeToString()).code().name

    with ThreadPoolExecutor(64) as pool:
        outcomes = Counter(pool.map(try_to_book, range(64)))
    assert outcomes == {"OK": 1, "FAILED_PRECONDITION": 63}


def test_replies_find_their_callers(shop, channel):
    def book(quantity: int) -> int:
        request = booking_pb2.CreateBookingRequest(
            request_id=new_id(), booking=shop.booking(quantity=quantity, phone=f"0813{quantity:06}")
        )
        return shop.bookings.CreateBooking(request).order.lines[0].quantity

    shop.receive(shop.item_id, 100_000)
    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(book, range(1, 257))) == list(range(1, 257))


def test_python_that_is_busy_holds_up_no_command(shop, channel, server, engine):
    """Commands and queries never wait for the interpreter. (That a command which came too late is not begun
    is tested where it is decided, in engine_rs/transport/tests.)
    """
    before = engine.revision()
    with server.paused(), ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: shop.receive(shop.item_id, 1), range(16)))
        assert engine.revision() == before + 16


def test_a_caller_waits_no_longer_than_its_deadline(channel):
    watch = channel.unary_stream("/kasir.v1.WatchService/Watch")
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        for _ in watch(watch_pb2.WatchRequest().SerializeToString(), timeout=0.2):
            pass
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0.2 <= time.monotonic() - began < 10


def test_a_caller_that_goes_away_loses_the_reply_and_not_the_command(shop, channel):
    request = booking_pb2.CreateBookingRequest(
        request_id=new_id(), booking=shop.booking()
    ).SerializeToString()
    call = raw(channel, CREATE_BOOKING)
    for _ in range(20):
        pending = call.future(request)
        pending.cancel()
    order = booking_pb2.CreateBookingResponse.FromString(call(request)).order
    stock = shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
    assert order.order_id
    assert [level.held for level in stock.stocks if level.location_id == shop.warehouse_id] == [1]


def test_every_call_has_a_line_in_the_log_without_what_was_said(shop, channel, server):
    request = booking_pb2.CreateBookingRequest(
        request_id=new_id(), booking=shop.booking(phone="081299988877")
    )
    shop.bookings.CreateBooking(request, metadata=(("kasir-actor", "sari"),))
    refusal(
        shop.bookings.GetBooking,
        booking_pb2.GetBookingRequest(order_id=99),
        metadata=(("kasir-actor", "budi"),),
    )
    asked_for = "/kasir.v1.BookingService/GetBooking"
    until(lambda: asked_for in {line.get("method") for line in server.log}, "the line of the last call")
    calls = {line["method"]: line for line in server.log if line["event"] == "call"}
    booked = calls[CREATE_BOOKING]
    assert (booked["actor"], booked["code"], booked["level"]) == ("sari", "OK", "info")
    assert booked["ms"] > 0
    asked = calls[asked_for]
    assert (asked["actor"], asked["code"], asked["reason"]) == ("budi", "NOT_FOUND", "ORDER_NOT_FOUND")
    assert "081299988877" not in str(server.log)
    assert "Siti" not in str(server.log)


def test_a_bug_in_a_handler_is_internal_and_logged(server, channel, monkeypatch, engine):
    def broken() -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(engine, "status", broken)
    refused = refusal(raw(channel, "/kasir.v1.AdminService/GetStatus"), b"")
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in refused.message
    (bug,) = [line for line in server.log if line["event"] == "bug"]
    assert bug["method"] == "/kasir.v1.AdminService/GetStatus"
    assert "a secret detail" in bug["exception"]


def test_a_stop_answers_what_it_accepted(server, shop, channel):
    answered: list[str] = []
    ends: set[grpc.StatusCode] = set()

    def book_until_refused(number: int) -> None:
        while True:
            request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=shop.booking())
            code = shop.bookings.CreateBooking.future(request, timeout=20).code()
            if code != grpc.StatusCode.OK:
                ends.add(code)
                return
            answered.append(request.request_id)

    shop.receive(shop.item_id, 100_000)
    callers = [threading.Thread(target=book_until_refused, args=(number,)) for number in range(16)]
    for caller in callers:
        caller.start()
    while len(answered) < 100:
        callers[0].join(0.01)
    server.stop()
    for caller in callers:
        caller.join(30)
    assert not any(caller.is_alive() for caller in callers)
    assert ends <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    began = [line for line in server.log if line["event"] == "call" and line["method"] == CREATE_BOOKING]
    # Nothing that was accepted went without an answer: no call ended CANCELLED.
    assert {line["code"] for line in began} == {"OK"}


def test_an_engine_that_stops_takes_the_server_with_it(server, channel, engine):
    """Nothing is answered any more then: whoever runs the server has to learn it from its end."""
    stream = channel.unary_stream("/kasir.v1.WatchService/Watch")(
        watch_pb2.WatchRequest(start_revision=-1).SerializeToString()
    )
    next(stream)
    engine.close()
    failure = server.run(server.service.failed())
    assert (failure.code, failure.reason) == (Code.UNAVAILABLE, "WRITER_STOPPED")
    ended = refusal(lambda **_: stream)
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "WRITER_STOPPED")
    asked = refusal(raw(channel, GET_STOCK), b"")
    assert (asked.code, asked.reason) == (grpc.StatusCode.UNAVAILABLE, "WRITER_STOPPED")
    server.stop()


@pytest.mark.parametrize("actor", ["sari", "a" * 64, "Bu Sari"])
def test_who_calls(channel, server, actor):
    refused = refusal(raw(channel, CREATE_BOOKING), b"", metadata=(("kasir-actor", actor),))
    assert refused.reason == "FIELD_REQUIRED"
    until(lambda: actor in {line.get("actor") for line in server.log}, "the line of the call")


def test_the_server_has_one_transport() -> None:
    """grpcio is for clients: of its packages the server uses the messages of health and reflection."""
    guilty = []
    for path in Path(server_package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            guilty += [f"{path.name}: {name}" for name in names if name.split(".")[0] == "grpc"]
    assert not guilty
