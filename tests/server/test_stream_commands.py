"""StreamCommands: many commands on one call, each answered in its turn.

Goal: a command on a stream is the command of that name, refusals and repeats included; answers keep the
order; neither side can make the other hold more than a window. Method: the real server and grpcio's client,
with a queue behind its requests so that a test says when what is sent.
"""

import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from kasir.v1 import booking_pb2, booking_pb2_grpc, stock_pb2
from tests.server.support import (
    TIMEOUT_S,
    Refused,
    Shop,
    new_id,
    patient_channel,
    raw,
    read_refusal,
    refusal,
    until,
)

METHOD = "/kasir.v1.BookingService/StreamCommands"
CREATE_HOLD = "/kasir.v1.StockService/CreateHold"
# Its window does not grow: what the network holds is kilobytes rather than megabytes.
SMALL = [("grpc.http2.bdp_probe", 0)]
Asked = booking_pb2.StreamCommandsRequest
Answered = booking_pb2.StreamCommandsResponse


class Talk:
    """One stream, asked and read by hand."""

    def __init__(self, channel: grpc.Channel, **keywords: Any) -> None:
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        self.sequence = 0
        keywords.setdefault("timeout", TIMEOUT_S)
        stub = booking_pb2_grpc.BookingServiceStub(channel)
        self.call = stub.StreamCommands(iter(self._asked.get, None), **keywords)

    def send(self, sequence: int = 0, **command: Any) -> None:
        """Sends a command, under the next sequence unless one is given."""
        self.sequence = sequence or self.sequence + 1
        self._asked.put(Asked(sequence=self.sequence, **command))

    def ask(self, **command: Any) -> Any:
        """Sends a command and returns what became of it."""
        self.send(**command)
        answer = next(self.call)
        assert answer.sequence == self.sequence
        return getattr(answer, answer.WhichOneof("outcome"))

    def close(self) -> None:
        """Says that no more come."""
        self._asked.put(None)

    def rest(self) -> tuple[list[Answered], Refused | None]:
        """All answers to come, and how the stream ended if not well."""
        answers: list[Answered] = []
        try:
            answers.extend(self.call)
        except grpc.RpcError as error:
            return answers, read_refusal(error)
        return answers, None


@pytest.fixture
def shop(channel: grpc.Channel) -> Shop:
    return Shop(channel, stock=999_999)


def hold(shop: Shop, quantity: int = 1) -> stock_pb2.CreateHoldRequest:
    wanted = stock_pb2.Hold(
        item_id=shop.item_id, location_id=shop.warehouse_id, quantity=quantity, owner="cart-1"
    )
    return stock_pb2.CreateHoldRequest(request_id=new_id(), hold=wanted)


def holds(shop: Shop, count: int) -> Iterator[Asked]:
    return (Asked(sequence=number, create_hold=hold(shop)) for number in range(1, count + 1))


def committed(engine: Any) -> int:
    return engine.status()["commands"]


def test_every_command_is_the_call_of_its_name(shop, channel):
    talk = Talk(channel, metadata=(("kasir-actor", "sari"),))
    made = talk.ask(create_hold=hold(shop)).hold
    assert (made.quantity, made.owner) == (1, "cart-1")
    released = talk.ask(release_hold=stock_pb2.ReleaseHoldRequest(request_id=new_id(), hold_id=made.hold_id))
    assert isinstance(released, stock_pb2.ReleaseHoldResponse)
    booking = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=shop.booking())
    order = talk.ask(create_booking=booking).order
    assert (order.booked_by, order.lines[0].item_id) == ("sari", shop.item_id)
    later = booking_pb2.ExtendBookingRequest(request_id=new_id(), order_id=order.order_id, version=1)
    later.expire_time.FromSeconds(order.expire_time.seconds + 60)
    assert talk.ask(extend_booking=later).order.version == 2
    cancel = booking_pb2.CancelBookingRequest(request_id=new_id(), order_id=order.order_id, reason="x")
    assert talk.ask(cancel_booking=cancel).order.state == booking_pb2.ORDER_STATE_CANCELLED
    talk.close()
    assert talk.rest() == ([], None)
    assert shop.bookings.GetBooking(booking_pb2.GetBookingRequest(order_id=order.order_id)).order.version == 3


def test_answers_come_in_order_and_a_refusal_is_one_of_them(shop, engine):
    before = committed(engine)
    # Some are refused before they are queued, some by the rules: there is not that much.
    quantities = [{0: 0, 1: 1_000_000}.get(number % 9, 1) for number in range(3_000)]
    asked = [
        Asked(sequence=10 + 2 * number, create_hold=hold(shop, quantity))
        for number, quantity in enumerate(quantities)
    ]
    asked.append(Asked(sequence=2**64 - 1, create_hold=stock_pb2.CreateHoldRequest()))
    answers = list(shop.bookings.StreamCommands(iter(asked), timeout=TIMEOUT_S))
    assert [answer.sequence for answer in answers] == [each.sequence for each in asked]
    wanted = {0: "FIELD_OUT_OF_RANGE", 1_000_000: "OUT_OF_STOCK", 1: ""}
    expected = [wanted[quantity] for quantity in quantities] + ["FIELD_REQUIRED"]
    assert [answer.error.reason for answer in answers] == expected
    assert committed(engine) == before + expected.count("")


def test_a_refusal_says_what_the_call_would(shop, channel):
    request = hold(shop, 1_000_000)
    unary = refusal(shop.stock.CreateHold, request)
    error = Talk(channel).ask(create_hold=request)
    assert (error.code, error.reason, error.message) == (unary.code.value[0], unary.reason, unary.message)
    assert dict(error.details) == unary.details


def test_a_request_id_is_one_command_whichever_way_it_comes(shop, channel, engine):
    talk = Talk(channel)
    request = hold(shop)
    first = talk.ask(create_hold=request)
    revision = engine.revision()
    assert talk.ask(create_hold=request) == first
    assert raw(channel, CREATE_HOLD)(request.SerializeToString()) == first.SerializeToString()
    assert Talk(channel).ask(create_hold=request) == first
    other = hold(shop, 2)
    other.request_id = request.request_id
    assert talk.ask(create_hold=other).reason == refusal(shop.stock.CreateHold, other).reason != ""
    assert engine.revision() == revision


@pytest.mark.parametrize(
    ("wrong", "reason", "field"),
    [
        (b"", "FIELD_OUT_OF_RANGE", "sequence"),
        (Asked(sequence=7).SerializeToString(), "FIELD_OUT_OF_RANGE", "sequence"),
        (Asked(sequence=6, create_hold=stock_pb2.CreateHoldRequest()), "FIELD_OUT_OF_RANGE", "sequence"),
        (Asked(sequence=8).SerializeToString(), "FIELD_REQUIRED", "command"),
        # A command of a later contract.
        (b"\x08\x09\x4a\x02\x08\x01", "FIELD_REQUIRED", "command"),
        (b"\x0a\xff", "MESSAGE_MALFORMED", ""),
    ],
)
def test_what_is_no_command_ends_the_stream_after_its_answers(shop, channel, engine, wrong, reason, field):
    before = committed(engine)
    asked = [Asked(sequence=number, create_hold=hold(shop)).SerializeToString() for number in (3, 7)]
    never = Asked(sequence=100, create_hold=hold(shop)).SerializeToString()
    wrong = wrong if isinstance(wrong, bytes) else wrong.SerializeToString()
    stream = channel.stream_stream(METHOD)(iter([*asked, wrong, never]), timeout=TIMEOUT_S)
    answers = [Answered.FromString(next(stream)) for _ in asked]
    assert [(each.sequence, each.HasField("create_hold")) for each in answers] == [(3, True), (7, True)]
    refused = refusal(lambda **_: stream)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refused.details.get("field", "") == field
    assert committed(engine) == before + len(asked)


def test_a_user_name_that_is_none_begins_nothing(shop, channel, engine):
    before = committed(engine)
    stub = booking_pb2_grpc.BookingServiceStub(channel)
    refused = refusal(stub.StreamCommands, holds(shop, 1), metadata=(("kasir-actor", " "),))
    assert refused.reason == "ACTOR_MALFORMED"
    assert committed(engine) == before


def test_a_stream_without_commands_ends_well(channel, server):
    talk = Talk(channel)
    talk.close()
    assert talk.rest() == ([], None)
    until(lambda: any(line.get("method") == METHOD for line in server.log), "the line of the call")
    (line,) = [line for line in server.log if line.get("method") == METHOD]
    assert (line["event"], line["code"], line["messages"]) == ("stream", "OK", 0)


def test_who_reads_nothing_is_read_no_further(start_server, engine):
    server = start_server()
    count = 30_000
    with grpc.insecure_channel(server.target, SMALL) as channel:
        shop = Shop(channel, stock=100_000)
        before = committed(engine)
        stream = shop.bookings.StreamCommands(holds(shop, count), timeout=4 * TIMEOUT_S)
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < 0.5:
            if (now := committed(engine)) != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.01)
        # A window of commands, the answers that wait to go out, and those that are on the way.
        assert 1_024 <= seen - before < 6_000
        assert shop.bookings.QuoteBooking(booking_pb2.QuoteBookingRequest(booking=shop.booking())).lines
        assert [answer.sequence for answer in stream] == list(range(1, count + 1))
        assert committed(engine) == before + count


def test_a_small_window_is_enough(start_server, engine):
    server = start_server(max_under_way=1)
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1_000)
        answers = list(shop.bookings.StreamCommands(holds(shop, 200), timeout=TIMEOUT_S))
        assert [answer.sequence for answer in answers] == list(range(1, 201))
        assert not any(answer.HasField("error") for answer in answers)


def test_a_cancelled_stream_loses_answers_and_not_commands(shop, channel, server, engine):
    before = committed(engine)
    talk = Talk(channel)
    request = hold(shop)
    talk.send(create_hold=request)
    next(talk.call)
    for _ in range(500):
        talk.send(create_hold=hold(shop))
    talk.call.cancel()
    until(lambda: server.service._native.awaited() == 0, "the end of the call")
    until(lambda: engine.status()["queue_length"] == 0, "the commands under way")
    assert 1 <= committed(engine) - before <= 501
    assert engine.verify()["ok"]
    assert Talk(channel).ask(create_hold=request).hold.quantity == 1
    until(lambda: any(line.get("method") == METHOD for line in server.log), "the line of the call")
    assert next(line for line in server.log if line.get("method") == METHOD)["code"] == "CANCELLED"


def test_a_deadline_ends_a_stream(shop, channel):
    talk = Talk(channel, timeout=0.3)
    talk.ask(create_hold=hold(shop))
    answers, refused = talk.rest()
    assert answers == []
    assert refused is not None
    assert refused.code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_stop_answers_what_it_accepted(server, shop, channel, engine):
    before = committed(engine)
    stream = shop.bookings.StreamCommands(holds(shop, 500_000), timeout=4 * TIMEOUT_S)
    answers = [next(stream) for _ in range(100)]
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    try:
        answers.extend(stream)
    except grpc.RpcError as error:
        refused = read_refusal(error)
    stopping.join(TIMEOUT_S)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    assert refused.retry_ms is not None
    assert [answer.sequence for answer in answers] == list(range(1, len(answers) + 1))
    assert committed(engine) == before + len(answers)


def test_an_idle_stream_does_not_hold_up_a_stop(server, shop, channel):
    talk = Talk(channel)
    talk.ask(create_hold=hold(shop))
    began = time.monotonic()
    server.stop()
    _, refused = talk.rest()
    assert refused is not None
    assert refused.reason == "SERVER_STOPPING"
    assert time.monotonic() - began < 5


def test_a_full_queue_is_waited_for(serve):
    started = serve("--max-queue", "1", "--max-batch", "1")
    with patient_channel(started.target) as channel:
        shop = Shop(channel, stock=1_000)
        streams = [shop.bookings.StreamCommands(holds(shop, 100), timeout=4 * TIMEOUT_S) for _ in range(4)]
        for stream in streams:
            answers = list(stream)
            assert [answer.sequence for answer in answers] == list(range(1, 101))
            assert not any(answer.HasField("error") for answer in answers)
