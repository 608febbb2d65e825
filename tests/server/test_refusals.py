"""Bad input over the wire: each kind has its own status and reason, names the field, and changes nothing.

Goal: a client can tell from code, reason and details alone what was wrong. Method: the real server, calls as
a careless or hostile client makes them, the google.rpc details read back.
"""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from engine import Code, EngineError
from kasir.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    booking_pb2,
    catalogue_pb2,
    common_pb2,
    drop_order_pb2,
    stock_pb2,
)
from server.calls import MAX_REQUEST_BYTES
from server.reconciler import ACTOR
from server.status import abort_of
from tests.server.support import Refused, Shop, new_id, raw, refusal

# What a client takes of trailers, by default; base64 makes four bytes of three.
HEADERS_MAX = 8_192
CREATE_BOOKING = "/kasir.v1.BookingService/CreateBooking"
LIST_ITEMS = "/kasir.v1.CatalogueService/ListItems"


@pytest.fixture
def shop(channel):
    return Shop(channel)


def book(shop: Shop, booking: booking_pb2.BookingInput) -> Refused:
    return refusal(
        shop.bookings.CreateBooking, booking_pb2.CreateBookingRequest(request_id=new_id(), booking=booking)
    )


def wrong_price(shop: Shop) -> catalogue_pb2.CreateItemRequest:
    item = catalogue_pb2.Item(sku="TEH-01", name="Teh")
    item.prices.add(
        price_list="retail", min_quantity=1, amount=common_pb2.Money(currency_code="IDR", minor_units=10**18)
    )
    return catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item)


def test_an_unknown_item_is_not_found(shop):
    booking = shop.booking()
    booking.lines[0].item_id = 999
    refused = book(shop, booking)
    assert (refused.code, refused.reason, refused.domain) == (
        grpc.StatusCode.NOT_FOUND,
        "ITEM_NOT_FOUND",
        "kasir",
    )


def test_an_empty_cart_names_the_field(shop):
    booking = shop.booking()
    del booking.lines[:]
    refused = book(shop, booking)
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "FIELD_REQUIRED"
    assert [name for name, _ in refused.violations] == ["booking.lines"]


@pytest.mark.parametrize("quantity", [0, -1, -(2**63)])
def test_a_quantity_that_is_none_names_the_line(shop, quantity):
    booking = shop.booking()
    booking.lines[0].quantity = quantity
    refused = book(shop, booking)
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason in ("FIELD_OUT_OF_RANGE", "FIELD_REQUIRED")
    assert refused.details["field"] == "booking.lines[0].quantity"
    assert [name for name, _ in refused.violations] == ["booking.lines[0].quantity"]


def test_an_amount_beyond_all_bounds(shop):
    refused = refusal(shop.catalogue.CreateItem, wrong_price(shop))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "AMOUNT_OUT_OF_RANGE")
    assert refused.details["field"].startswith("item.prices[0]")


def test_mixed_currencies(shop):
    booking = shop.booking()
    booking.shipping.CopyFrom(common_pb2.Money(currency_code="USD", minor_units=500))
    assert book(shop, booking).reason == "CURRENCY_MISMATCH"


def test_an_unknown_currency(shop):
    booking = shop.booking()
    booking.shipping.CopyFrom(common_pb2.Money(currency_code="XQZ", minor_units=500))
    assert book(shop, booking).reason == "CURRENCY_UNKNOWN"


def test_a_barcode_twice(shop):
    item = catalogue_pb2.Item(sku="TEH-01", name="Teh", barcodes=[shop.barcode])
    refused = refusal(
        shop.catalogue.CreateItem, catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "BARCODE_TAKEN")


def test_a_wrong_check_digit(shop):
    item = catalogue_pb2.Item(sku="TEH-01", name="Teh", barcodes=["8991002101235"])
    refused = refusal(
        shop.catalogue.CreateItem, catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BARCODE_CHECK_DIGIT")
    assert refused.details["field"] == "item.barcodes[0]"


def test_more_than_there_is(shop):
    refused = book(shop, shop.booking(quantity=101))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")
    assert refused.details["item_id"] == str(shop.item_id)
    assert refused.details["available"] == "100"


def test_a_wrong_state(shop):
    drop_order = shop.request_drop_order()
    reject = drop_order_pb2.RejectDropOrderRequest(
        request_id=new_id(), drop_order_id=drop_order.drop_order_id, reason="broken"
    )
    shop.drop_orders.RejectDropOrder(reject)
    refused = refusal(
        shop.drop_orders.HandOverDropOrder,
        drop_order_pb2.HandOverDropOrderRequest(
            request_id=new_id(), drop_order_id=drop_order.drop_order_id, barcode=shop.barcode
        ),
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")


def test_a_stale_version(shop, channel):
    admin = admin_pb2_grpc.AdminServiceStub(channel)
    settings = admin.GetSettings(admin_pb2.GetSettingsRequest()).settings
    settings.shop_name = "Toko Maju"
    admin.UpdateSettings(admin_pb2.UpdateSettingsRequest(request_id=new_id(), settings=settings))
    refused = refusal(
        admin.UpdateSettings, admin_pb2.UpdateSettingsRequest(request_id=new_id(), settings=settings)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "VERSION_STALE")


def test_the_same_request_id_with_another_body(shop):
    request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=shop.booking())
    shop.bookings.CreateBooking(request)
    request.booking.lines[0].quantity = 2
    refused = refusal(shop.bookings.CreateBooking, request)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


@pytest.mark.parametrize(
    ("request_id", "reason"), [("", "FIELD_REQUIRED"), ("yesterday's", "FIELD_MALFORMED")]
)
def test_a_command_needs_a_uuid(shop, request_id, reason):
    refused = refusal(
        shop.bookings.CreateBooking,
        booking_pb2.CreateBookingRequest(request_id=request_id, booking=shop.booking()),
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refused.details["field"] == "request_id"


@pytest.mark.parametrize("garbage", [b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b"\x12\x05ab"])
@pytest.mark.parametrize("method", [CREATE_BOOKING, LIST_ITEMS])
def test_garbage_bytes(channel, method, garbage):
    refused = refusal(raw(channel, method), garbage)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED")


@pytest.mark.parametrize(
    "method", ["AdminService/VerifyStore", "WatchService/Watch", "PrintService/WatchPrintJobs"]
)
def test_garbage_bytes_to_what_python_answers(channel, method):
    call = channel.unary_stream(f"/kasir.v1.{method}")
    refused = refusal(call, b"\xff\xff\xff")
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED")


def test_an_oversized_message_says_how_much_is_taken(channel):
    refused = refusal(raw(channel, CREATE_BOOKING), b"\0" * (MAX_REQUEST_BYTES + 1))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
    assert "4,194,304" in refused.message


def test_a_hugely_oversized_message_is_not_even_read(channel):
    refused = refusal(raw(channel, CREATE_BOOKING), b"\0" * (5 * MAX_REQUEST_BYTES))
    assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.reason == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize("method", ["/kasir.v1.BookingService/StealBooking", "/other.v1.Service/Method"])
def test_an_unknown_method(channel, method):
    assert refusal(raw(channel, method), b"").code == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("actor", ["", " ", "a" * 65])
def test_a_user_name_that_is_none(channel, actor):
    refused = refusal(raw(channel, LIST_ITEMS), b"", metadata=(("kasir-actor", actor),))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ACTOR_MALFORMED")
    assert refused.details["field"] == "kasir-actor"


def test_a_user_name_that_is_the_servers_own(channel):
    refused = refusal(raw(channel, LIST_ITEMS), b"", metadata=(("kasir-actor", ACTOR),))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ACTOR_RESERVED")
    assert refused.details["field"] == "kasir-actor"


def test_what_was_refused_left_no_trace(shop, channel, engine):
    before = engine.status()
    stock = shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
    book(shop, shop.booking(quantity=101))
    empty = shop.booking()
    del empty.lines[:]
    book(shop, empty)
    refusal(shop.catalogue.CreateItem, wrong_price(shop))
    refusal(raw(channel, CREATE_BOOKING), b"\xff" * 20)
    after = engine.status()
    assert (after["revision"], after["journal_head"]) == (before["revision"], before["journal_head"])
    assert shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id)) == stock


def test_a_refused_request_id_can_be_used_again(shop):
    request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=shop.booking(quantity=101))
    assert refusal(shop.bookings.CreateBooking, request).reason == "OUT_OF_STOCK"
    shop.receive(shop.item_id, 1)
    assert shop.bookings.CreateBooking(request).order.lines[0].quantity == 101


def status_of(error: EngineError) -> status_pb2.Status:
    return status_pb2.Status.FromString(abort_of(error).details)


def test_a_retry_time_travels_as_retry_info():
    # The wire form alone: making a real queue overflow is the business of the engine's own tests.
    status = status_of(EngineError(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", "Try again.", {"retry_ms": "1500"}))
    kinds = [packed.TypeName() for packed in status.details]
    assert kinds == ["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]
    assert (
        error_details_pb2.RetryInfo.FromString(status.details[1].value).retry_delay.ToMilliseconds() == 1500
    )


def test_details_fit_into_the_trailers():
    details = {"field": "x" * 400, **{f"row_{number}": "words " * 200 for number in range(100)}}
    status = status_of(EngineError(Code.INVALID_ARGUMENT, "STATEMENT_BROKEN", "too long " * 1000, details))
    assert status.ByteSize() < HEADERS_MAX * 3 / 4
