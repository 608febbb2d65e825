"""What is refused says so in one way: a status, a reason, plain words, facts; and changes nothing.

Goal: idempotence and refusals hold at the line itself. Method: requests as bytes, sent once, twice and
changed.
"""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from engine import Code, EngineError
from kasir.v1 import admin_pb2, booking_pb2, common_pb2
from tests.engine.desk import BY_NAME, idr, new_id


def test_a_request_sent_twice_has_one_effect_and_the_same_bytes_back(shop):
    request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=shop.booking(3))
    body = request.SerializeToString()
    first = shop.send("CreateBooking", body)
    revision = shop.engine.revision()
    assert [shop.send("CreateBooking", body) for _ in range(3)] == [first] * 3
    assert shop.engine.revision() == revision
    assert shop.engine.status()["repeated"] == 3

    # The order has moved on since; the first reply is still what was told then.
    order = booking_pb2.CreateBookingResponse.FromString(first).order
    shop("CancelBooking", order_id=order.order_id, reason="batal")
    assert shop.send("CreateBooking", body) == first


def test_an_id_in_other_letters_is_the_same_id(shop):
    request_id = new_id()
    made = shop("CreateBooking", request_id=request_id, booking=shop.booking()).order
    assert made.order_id == 1
    for same in (request_id.upper(), request_id.replace("-", "")):
        refused = shop.refused("CreateBooking", request_id=same, booking=shop.booking())
        assert refused.reason == "REQUEST_ID_REUSED"


def test_an_id_used_with_another_body_or_method_is_refused(shop):
    request_id = new_id()
    shop("CreateBooking", request_id=request_id, booking=shop.booking(1))
    for name, fields in (
        ("CreateBooking", {"booking": shop.booking(2)}),
        ("CancelBooking", {"order_id": 1, "reason": "batal"}),
    ):
        refused = shop.refused(name, request_id=request_id, **fields)
        assert (refused.code, refused.reason) == (Code.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_a_refused_request_may_be_sent_again_with_its_id(shop):
    request_id = new_id()
    refused = shop.refused("CreateBooking", request_id=request_id, booking=shop.booking(101))
    assert (refused.code, refused.reason) == (Code.FAILED_PRECONDITION, "OUT_OF_STOCK")
    assert refused.details["item_id"] == str(shop.item_id)
    assert (refused.details["available"], refused.details["wanted"]) == ("100", "101")
    shop.receive(shop.warehouse_id, 1)
    assert shop("CreateBooking", request_id=request_id, booking=shop.booking(101)).order.order_id == 1


@pytest.mark.parametrize(
    ("request_id", "reason"),
    [
        ("", "FIELD_REQUIRED"),
        ("1", "FIELD_MALFORMED"),
        ("0b2f6a1e-7c53-4f0e-9a57-6a0a4a0c1d2", "FIELD_MALFORMED"),
        ("0b2f6a1e-7c53-4f0e-9a57-6a0a4a0c1dzz", "FIELD_MALFORMED"),
        ("x" * 100_000, "FIELD_MALFORMED"),
    ],
)
def test_a_change_needs_a_uuid(shop, request_id, reason):
    body = booking_pb2.CreateBookingRequest(request_id=request_id, booking=shop.booking())
    with pytest.raises(EngineError) as refused:
        shop.send("CreateBooking", body.SerializeToString())
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, reason)
    assert refused.value.field == "request_id"
    assert len(refused.value.message) < 200


def line(shop, **fields):
    return booking_pb2.OrderLineInput(
        **({"location_id": shop.warehouse_id, "item_id": shop.item_id, "quantity": 1} | fields)
    )


def test_bad_input_names_its_field(shop):
    dollars = common_pb2.Money(currency_code="USD", minor_units=100)
    nonsense = common_pb2.Money(currency_code="XXQ", minor_units=100)
    cases = [
        ({"lines": []}, "FIELD_REQUIRED", "booking.lines"),
        ({"lines": [line(shop, quantity=0)]}, "FIELD_OUT_OF_RANGE", "booking.lines[0].quantity"),
        ({"lines": [line(shop, quantity=-1)]}, "FIELD_OUT_OF_RANGE", "booking.lines[0].quantity"),
        ({"lines": [line(shop, quantity=10**18)]}, "FIELD_OUT_OF_RANGE", "booking.lines[0].quantity"),
        (
            {"lines": [line(shop), line(shop, discount=dollars)]},
            "CURRENCY_MISMATCH",
            "booking.lines[1].discount",
        ),
        ({"shipping": idr(10**16)}, "AMOUNT_OUT_OF_RANGE", "booking.shipping.minor_units"),
        ({"shipping": nonsense}, "CURRENCY_UNKNOWN", "booking.shipping.currency_code"),
        ({"channel": common_pb2.CHANNEL_UNSPECIFIED}, "FIELD_REQUIRED", "booking.channel"),
        ({"expire_time": Timestamp(seconds=2**62)}, "FIELD_MALFORMED", "booking.expire_time"),
        ({"expire_time": Timestamp(nanos=-1)}, "FIELD_MALFORMED", "booking.expire_time"),
        ({"note": "x" * 501}, "FIELD_TOO_LONG", "booking.note"),
        ({"note": "kartu 4111 1111 1111 1111"}, "CARD_NUMBER_REFUSED", None),
    ]
    for fields, reason, field in cases:
        refused = shop.refused("CreateBooking", booking=shop.booking(**fields))
        assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, reason), refused
        if field is not None:
            assert refused.field == field, refused
    unknown = shop.refused("CreateBooking", booking=shop.booking(lines=[line(shop, item_id=999)]))
    assert (unknown.code, unknown.reason) == (Code.NOT_FOUND, "ITEM_NOT_FOUND")
    assert shop.engine.verify()["ok"]


def test_a_span_that_is_none_is_refused(shop):
    settings = admin_pb2.Settings(currency_code="IDR", utc_offset=Duration(seconds=1, nanos=-5))
    refused = shop.refused("UpdateSettings", settings=settings)
    assert (refused.reason, refused.field) == ("FIELD_MALFORMED", "settings.utc_offset")


def test_what_is_not_named_is_asked_for(shop):
    for name in ("GetItem", "GetCustomer", "GetParcel"):
        refused = shop.refused(name)
        assert (refused.reason, refused.field) == ("FIELD_REQUIRED", "name"), name


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        ("", "FIELD_REQUIRED"),
        ("x" * 101, "FIELD_TOO_LONG"),
        ("a\x00b", "FIELD_MALFORMED"),
        ("a\n", "FIELD_MALFORMED"),
    ],
)
def test_an_actor_has_a_name_that_can_be_printed(shop, actor, reason):
    body = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=shop.booking()).SerializeToString()
    with pytest.raises(EngineError) as refused:
        shop.engine.submit_blocking(BY_NAME["CreateBooking"], body, actor)
    assert (refused.value.reason, refused.value.field) == (reason, "actor")


def test_the_journal_is_asked_within_its_bounds(shop):
    engine = shop.engine
    head = engine.revision()
    for call, field in [
        (lambda: engine.read_changes(-1, 10), "start_revision"),
        (lambda: engine.read_changes(head + 1, 10), "start_revision"),
        (lambda: engine.read_changes(0, 0), "limit"),
        (lambda: engine.read_changes(0, 10, [0]), "resources"),
        (lambda: engine.read_changes(0, 10, [99]), "resources"),
    ]:
        with pytest.raises(EngineError) as refused:
            call()
        assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE")
        assert refused.value.field == field


def test_a_list_too_long_is_named_and_one_far_too_long_is_not_even_read(shop):
    for count, field in ((1_001, "bookings"), (1_000_000, None)):
        bookings = [booking_pb2.BookingInput()] * count
        refused = shop.refused("BatchCreateBookings", bookings=bookings)
        assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, "TOO_MANY_ELEMENTS")
        assert refused.field == field
    lines = [booking_pb2.OrderLineInput()] * 1_000_000
    refused = shop.refused("QuoteBooking", booking=shop.booking(lines=lines))
    assert (refused.code, refused.reason) == (Code.INVALID_ARGUMENT, "TOO_MANY_ELEMENTS")


def test_a_text_too_long_is_named_however_long(shop):
    for length in (201, 3_000_000):
        refused = shop.refused("RejectDropOrder", drop_order_id=1, reason="z" * length)
        assert refused.reason in {"FIELD_TOO_LONG", "DROP_ORDER_NOT_FOUND"}
        refused = shop.refused("CreateBooking", booking=shop.booking(note="x" * (length + 300)))
        assert (refused.reason, refused.field) == ("FIELD_TOO_LONG", "booking.note")
