"""Bad input, wherever it may come in.

Goal: an unknown item, an empty cart, a quantity that is none, an amount beyond all bounds, another
currency, a barcode twice, a wrong check digit, a statement that is none or cut off, a message too large,
garbage, a wrong state, a stale version: each is refused on every way in, with its own status and reason,
the field by name, and nothing changed. Method: the real server, a call as it should be with one thing
wrong, everything that lists show before and after.
"""

import random
from collections.abc import Callable

import grpc
import pytest

from kasir.v1 import booking_pb2, common_pb2, print_pb2, reconciliation_pb2, sale_pb2, stock_pb2, till_pb2
from server.calls import MAX_REQUEST_BYTES
from server.imports import MAX_CHUNK_BYTES
from tests.badinput.provoked import DOLLARS, STATEMENT
from tests.badinput.world import NOBODY, Attempt, World, attempt
from tests.properties.driver import METHODS
from tests.server.support import idr, new_id

INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
TAKEN, FAILED = grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.FAILED_PRECONDITION
HUGE = common_pb2.Money(currency_code="IDR", minor_units=10**18)
CASH = sale_pb2.TENDER_KIND_CASH


@pytest.fixture
def world(channel, engine) -> World:
    return World(channel, engine)


# --- Items and quantities, on every way in ---


def booking(world: World, item_id: int, quantity: int) -> Attempt:
    asked = world.shop.booking(quantity=quantity)
    asked.lines[0].item_id = item_id
    return attempt("CreateBooking", "booking.lines[0].quantity", booking=asked)


def quoted(world: World, item_id: int, quantity: int) -> Attempt:
    asked = world.shop.booking(quantity=quantity)
    asked.lines[0].item_id = item_id
    return attempt("QuoteBooking", "booking.lines[0].quantity", booking=asked)


def in_a_batch(world: World, item_id: int, quantity: int) -> Attempt:
    asked = world.shop.booking(quantity=quantity)
    asked.lines[0].item_id = item_id
    return attempt("BatchCreateBookings", "booking.lines[0].quantity", element=True, bookings=[asked])


def held(world: World, item_id: int, quantity: int) -> Attempt:
    return attempt("CreateHold", "hold.quantity", hold=world.hold(item_id=item_id, quantity=quantity))


def received(world: World, item_id: int, quantity: int) -> Attempt:
    line = stock_pb2.StockLine(item_id=item_id, quantity=quantity)
    return attempt("ReceiveStock", "lines[0].quantity", location_id=world.warehouse_id, lines=[line])


def transferred(world: World, item_id: int, quantity: int) -> Attempt:
    line = stock_pb2.StockLine(item_id=item_id, quantity=quantity)
    places = {"from_location_id": world.warehouse_id, "to_location_id": world.shelf()}
    return attempt("TransferStock", "lines[0].quantity", lines=[line], **places)


def dropped(world: World, item_id: int, quantity: int) -> Attempt:
    places = {"from_location_id": world.warehouse_id, "to_location_id": world.desk_id}
    return attempt("RequestDropOrder", "quantity", item_id=item_id, quantity=quantity, **places)


def sold_at_a_till(world: World, item_id: int, quantity: int) -> Attempt:
    line = till_pb2.TillLineInput(item_id=item_id, quantity=quantity)
    tender = sale_pb2.Tender(kind=CASH, amount=idr(1_000_000))
    sale = world.till_sale(lines=[line])
    return attempt("CreateTillSale", "sale.lines[0].quantity", sale=sale, tenders=[tender])


WAYS_IN = [booking, quoted, in_a_batch, held, received, transferred, dropped, sold_at_a_till]
WayIn = Callable[[World, int, int], Attempt]


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, -(2**63)])
def test_a_quantity_that_is_none(world: World, way_in: WayIn, quantity: int) -> None:
    refused = world.refuses(way_in(world, world.item_id, quantity))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_OUT_OF_RANGE")
    assert (refused.details["min"], refused.details["max"]) == ("1", "1000000")


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("item_id", [NOBODY, 2**64 - 1])
def test_an_unknown_item(world: World, way_in: WayIn, item_id: int) -> None:
    tried = way_in(world, item_id, 1)
    field = tried.field.replace("quantity", "item_id")
    refused = world.refuses(Attempt(tried.method, field, tried.body, tried.element))
    assert (refused.code, refused.reason) == (MISSING, "ITEM_NOT_FOUND")
    assert refused.details["id"] == str(item_id)


@pytest.mark.parametrize("quantity", [0, 1_000_001, -1_000_001, -(2**63)])
def test_an_adjustment_that_is_none(world: World, quantity: int) -> None:
    line = stock_pb2.StockLine(item_id=world.item_id, quantity=quantity)
    place = {"location_id": world.warehouse_id, "reason": "count"}
    refused = world.refuses(attempt("AdjustStock", "lines[0].quantity", lines=[line], **place))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_OUT_OF_RANGE")


def test_an_adjustment_below_what_is_held(world: World) -> None:
    world.do("CreateHold", hold=world.hold(quantity=60))
    line = stock_pb2.StockLine(item_id=world.item_id, quantity=-41)
    place = {"location_id": world.warehouse_id, "reason": "count"}
    refused = world.refuses(attempt("AdjustStock", lines=[line], **place))
    assert (refused.code, refused.reason) == (FAILED, "OUT_OF_STOCK")
    assert (refused.details["available"], refused.details["wanted"]) == ("40", "41")


# --- Carts ---


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("CreateBooking", "booking.lines"),
        ("QuoteBooking", "booking.lines"),
        ("BatchCreateBookings", "bookings"),
        ("BatchCreateHolds", "holds"),
        ("BatchCreateItems", "items"),
        ("BatchReportPrintJobs", "reports"),
        ("ReceiveStock", "lines"),
        ("CreateTillSale", "sale.lines"),
        ("CreateSales", "order_ids"),
        ("PrintLabels", "parcel_ids"),
        ("CreateManifest", "parcel_ids"),
        ("MatchMutation", "allocations"),
        ("ConfirmMatches", "mutation_ids"),
        ("ImportMutations", "mutations"),
    ],
)
def test_an_empty_cart(world: World, name: str, field: str) -> None:
    asked = world.shop.booking()
    del asked.lines[:]
    fields = {
        "CreateBooking": {"booking": asked},
        "QuoteBooking": {"booking": asked},
        "ReceiveStock": {"location_id": world.warehouse_id},
        "CreateTillSale": {"sale": world.till_sale(lines=[])},
        "MatchMutation": {"mutation_id": world.mutation(100)},
        "ConfirmMatches": {"bank_account_id": world.shop.bank_account("77")},
        "ImportMutations": {"bank_account_id": world.shop.bank_account("78")},
    }.get(name, {})
    refused = world.refuses(attempt(name, field, **fields))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_REQUIRED")


@pytest.mark.parametrize("name", ["QuoteRefund", "RefundSale"])
def test_a_refund_of_nothing(world: World, name: str) -> None:
    refused = world.refuses(attempt(name, "refund.lines", refund=world.refund(lines=[])))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_REQUIRED")


def test_an_order_asks_for_more_in_two_lines_than_there_is(world: World) -> None:
    # Each line alone could be had; both together cannot (medusa#16502).
    asked = world.shop.booking(quantity=60)
    asked.lines.append(asked.lines[0])
    refused = world.refuses(attempt("CreateBooking", booking=asked))
    assert (refused.code, refused.reason) == (FAILED, "OUT_OF_STOCK")
    assert (refused.details["available"], refused.details["wanted"]) == ("100", "120")


def test_one_drop_order_in_two_lines(world: World) -> None:
    asked = world.shop.booking(drop_order_id=world.drop_order(handed_over=True))
    asked.lines.append(asked.lines[0])
    refused = world.refuses(attempt("CreateBooking", "booking.lines[1]", booking=asked))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_MALFORMED")


# --- Money, in every field that takes it ---


def price(world: World, money: common_pb2.Money) -> Attempt:
    item = world.item()
    item.prices[0].amount.CopyFrom(money)
    return attempt("CreateItem", "item.prices[0].amount", item=item)


def discount(world: World, money: common_pb2.Money) -> Attempt:
    asked = world.shop.booking()
    asked.lines[0].discount.CopyFrom(money)
    return attempt("CreateBooking", "booking.lines[0].discount", booking=asked)


def shipping(world: World, money: common_pb2.Money) -> Attempt:
    asked = world.shop.booking()
    asked.shipping.CopyFrom(money)
    return attempt("CreateBooking", "booking.shipping", booking=asked)


def payment(world: World, money: common_pb2.Money) -> Attempt:
    fields = {"order_id": world.order().order_id, "amount": money, "method": "marketplace"}
    return attempt("RecordPayment", "amount", **fields)


def allocation(world: World, money: common_pb2.Money) -> Attempt:
    part = reconciliation_pb2.MutationAllocation(order_id=world.order().order_id, amount=money)
    return attempt(
        "MatchMutation", "allocations[0].amount", mutation_id=world.mutation(100), allocations=[part]
    )


def row(world: World, money: common_pb2.Money) -> Attempt:
    of_a_bank = reconciliation_pb2.MutationInput(date="2026-11-22", amount=money)
    account_id = world.shop.bank_account()
    fields = {"bank_account_id": account_id, "mutations": [of_a_bank]}
    return attempt("ImportMutations", "mutations[0].amount", **fields)


def tender(world: World, money: common_pb2.Money) -> Attempt:
    cash = sale_pb2.Tender(kind=CASH, amount=money)
    return attempt("CreateTillSale", "tenders[0].amount", sale=world.till_sale(), tenders=[cash])


def opening_cash(world: World, money: common_pb2.Money) -> Attempt:
    till = till_pb2.Till(code="KASIR-1", location_id=world.shelf())
    till_id = world.do("CreateTill", till=till).till.till_id
    return attempt("OpenShift", "opening_cash", till_id=till_id, opening_cash=money)


def counted_cash(world: World, money: common_pb2.Money) -> Attempt:
    return attempt("CloseShift", "counted_cash", shift_id=world.shift(), counted_cash=money)


def cash_moved(world: World, money: common_pb2.Money) -> Attempt:
    return attempt("RecordCashMovement", "amount", shift_id=world.shift(), amount=money, reason="change")


MONEY_FIELDS = [
    price, discount, shipping, payment, allocation, row, tender, opening_cash, counted_cash, cash_moved,
]  # fmt: skip
MoneyField = Callable[[World, common_pb2.Money], Attempt]


@pytest.mark.parametrize("money_field", MONEY_FIELDS)
@pytest.mark.parametrize("minor_units", [10**18, 10**15 + 1, -(2**63)])
def test_an_amount_beyond_all_bounds(world: World, money_field: MoneyField, minor_units: int) -> None:
    tried = money_field(world, common_pb2.Money(currency_code="IDR", minor_units=minor_units))
    refused = world.refuses(Attempt(tried.method, f"{tried.field}.minor_units", tried.body))
    assert (refused.code, refused.reason) == (INVALID, "AMOUNT_OUT_OF_RANGE")


@pytest.mark.parametrize("money_field", MONEY_FIELDS)
def test_mixed_currencies(world: World, money_field: MoneyField) -> None:
    refused = world.refuses(money_field(world, DOLLARS))
    assert (refused.code, refused.reason) == (INVALID, "CURRENCY_MISMATCH")
    assert (refused.details["currency"], refused.details["wanted"]) == ("USD", "IDR")


@pytest.mark.parametrize("money_field", MONEY_FIELDS)
@pytest.mark.parametrize("code", ["XQZ", "idr"])
def test_a_currency_that_is_none(world: World, money_field: MoneyField, code: str) -> None:
    tried = money_field(world, common_pb2.Money(currency_code=code, minor_units=100))
    refused = world.refuses(Attempt(tried.method, f"{tried.field}.currency_code", tried.body))
    assert (refused.code, refused.reason) == (INVALID, "CURRENCY_UNKNOWN")


@pytest.mark.parametrize("money_field", MONEY_FIELDS)
def test_an_amount_without_a_currency(world: World, money_field: MoneyField) -> None:
    tried = money_field(world, common_pb2.Money(minor_units=100))
    refused = world.refuses(Attempt(tried.method, f"{tried.field}.currency_code", tried.body))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_REQUIRED")


def test_a_product_beyond_all_bounds(world: World) -> None:
    item = world.item()
    item.prices[0].amount.minor_units = 10**15
    item_id = world.do("CreateItem", item=item).item.item_id
    asked = world.shop.booking(quantity=2)
    asked.lines[0].item_id = item_id
    refused = world.refuses(attempt("CreateBooking", "booking.lines[0]", booking=asked))
    assert (refused.code, refused.reason) == (INVALID, "AMOUNT_OUT_OF_RANGE")


def test_a_discount_above_the_price(world: World) -> None:
    refused = world.refuses(discount(world, idr(25_001)))
    assert (refused.code, refused.reason) == (INVALID, "AMOUNT_OUT_OF_RANGE")


# --- Barcodes ---


def test_a_barcode_twice_in_one_item(world: World) -> None:
    item = world.item(barcodes=["4006381333931", "4006381333931"])
    refused = world.refuses(attempt("CreateItem", "item.barcodes[1]", item=item))
    assert (refused.code, refused.reason) == (TAKEN, "BARCODE_TAKEN")


@pytest.mark.parametrize("written", ["036000291452", "0036000291452", "00036000291452"])
def test_one_barcode_written_in_three_ways(world: World, written: str) -> None:
    world.do("CreateItem", item=world.item(sku="GUM", barcodes=["036000291452"]))
    refused = world.refuses(attempt("CreateItem", "item.barcodes[0]", item=world.item(barcodes=[written])))
    assert (refused.code, refused.reason) == (TAKEN, "BARCODE_TAKEN")


@pytest.mark.parametrize("barcode", ["4006381333932", "96385075", "036000291453", "10012345678903"])
def test_a_wrong_check_digit(world: World, barcode: str) -> None:
    refused = world.refuses(attempt("CreateItem", "item.barcodes[0]", item=world.item(barcodes=[barcode])))
    assert (refused.code, refused.reason) == (INVALID, "BARCODE_CHECK_DIGIT")
    assert refused.details["barcode"] == barcode


@pytest.mark.parametrize("barcode", ["", "with blank", "ä", "9" * 49, "\n"])
def test_a_barcode_that_no_scanner_gives(world: World, barcode: str) -> None:
    refused = world.refuses(attempt("CreateItem", "item.barcodes[0]", item=world.item(barcodes=[barcode])))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_MALFORMED")


def test_a_batch_takes_the_good_and_says_what_is_wrong_with_the_bad(world: World) -> None:
    items = [
        world.item(sku="A", barcodes=["4006381333931"]),
        world.item(sku="B", barcodes=["4006381333932"]),
        world.item(sku="A"),
        world.item(sku="C", barcodes=["4006381333931"]),
    ]
    results = world.do("BatchCreateItems", items=items).results
    reasons = [result.error.reason for result in results]
    assert reasons == ["", "BARCODE_CHECK_DIGIT", "SKU_TAKEN", "BARCODE_TAKEN"]
    assert results[0].item.sku == "A"
    assert results[3].error.details["barcode"] == "4006381333931"


# --- Statements ---


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello",
        b"\x00" * 1_000,
        b"PK\x03\x04" + bytes(500),
        b"{}",
        b"a,b,c\n1,2,3\n",
    ],
)
def test_a_statement_that_is_not_one(world: World, data: bytes) -> None:
    refused = world.refuses(world.statement(data))
    assert (refused.code, refused.reason) == (INVALID, "STATEMENT_UNRECOGNISED")


# Cut off in the preamble, after the header, in a row, between rows, in the sums, in the last sum.
@pytest.mark.parametrize("length", [20, 115, 161, 180, 226, 260, len(STATEMENT) - 4])
def test_a_truncated_statement(world: World, length: int) -> None:
    refused = world.refuses(world.statement(STATEMENT[:length]))
    assert (refused.code, refused.reason) == (INVALID, "STATEMENT_BROKEN")
    assert "cut" in refused.message or int(refused.details["problems"]) >= 1, refused


def test_a_statement_whose_sums_are_wrong_names_what_is(world: World) -> None:
    refused = world.refuses(world.statement(STATEMENT.replace(b"500.00,CR,1500.00", b"600.00,CR,1500.00")))
    assert (refused.code, refused.reason) == (INVALID, "STATEMENT_BROKEN")
    assert [name for name in refused.details if name.startswith("line_")] == ["line_6"]


def test_a_good_statement_is_taken_in_pieces_of_any_size(world: World) -> None:
    pieces = [STATEMENT[start : start + 7] for start in range(0, len(STATEMENT), 7)]
    tried = world.statement(*pieces)
    reply = world.channel.stream_unary(tried.method)(iter(tried.body), timeout=20)
    assert reconciliation_pb2.ImportStatementResponse.FromString(reply).new_rows == 2


# --- Messages ---


def test_an_oversized_message(world: World) -> None:
    asked = world.shop.booking()
    asked.note = "x" * MAX_REQUEST_BYTES
    refused = world.refuses(attempt("CreateBooking", booking=asked))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
    assert refused.details["limit"] == str(MAX_REQUEST_BYTES)


def test_an_oversized_piece_of_a_statement(world: World) -> None:
    refused = world.refuses(Attempt(*_without_field(world.statement(b"x" * (MAX_CHUNK_BYTES + 100)))))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


def _without_field(tried: Attempt) -> tuple[str, str, bytes | list[bytes]]:
    return tried.method, "", tried.body


UNARY = {
    name: method
    for name, method in METHODS.items()
    if not name.startswith("Watch") and name not in {"ImportStatement", "VerifyStore", "CreateSnapshot"}
}


def test_garbage_bytes_to_every_method(world: World) -> None:
    chance = random.Random(20_261_122)
    before, revision = world.seen(), world.engine.revision()
    for method in UNARY.values():
        for _ in range(10):
            # A tag of field 1 with a length that the bytes do not have: no message at all.
            garbage = b"\x0a\xff\x7f" + chance.randbytes(chance.randint(0, 60))
            refused = world.make(Attempt(method.path, "", garbage))
            assert (refused.code, refused.reason) == (INVALID, "MESSAGE_MALFORMED"), method
    assert (world.seen(), world.engine.revision()) == (before, revision)


def test_any_bytes_are_answered_in_a_known_way(world: World) -> None:
    """Random bytes may by chance be a message: one with random fields, refused for what it says."""
    chance = random.Random(20_261_122)
    revision = world.engine.revision()
    for method in UNARY.values():
        for _ in range(20):
            answer = world.channel.unary_unary(method.path).future(chance.randbytes(chance.randint(1, 40)))
            known = {grpc.StatusCode.OK, INVALID, MISSING, TAKEN, FAILED}
            assert answer.code() in known, (method, answer.code(), answer.details())
    # None has a request id that is a UUID, so none is a command.
    assert world.engine.revision() == revision


# --- States and versions ---


def test_an_id_used_before_is_told_even_where_nothing_could_be_proposed(world: World) -> None:
    request_id = new_id()
    world.do("ProposeMatches", request_id=request_id, bank_account_id=world.shop.bank_account())
    again = attempt("ProposeMatches", request_id=request_id, bank_account_id=NOBODY)
    assert world.make(again).reason == "REQUEST_ID_REUSED"


def test_a_wrong_state_says_which(world: World) -> None:
    order = world.order()
    world.do("CancelBooking", order_id=order.order_id)
    fields = {"order_id": order.order_id, "version": order.version + 1}
    refused = world.refuses(attempt("ExtendBooking", "order_id", **fields))
    assert (refused.code, refused.reason) == (FAILED, "WRONG_STATE")
    assert (refused.details["state"], refused.details["action"]) == ("Cancelled", "Extend")
    assert refused.details["id"] == str(order.order_id)


@pytest.mark.parametrize("off", [-1, 1, 100, -(2**62)])
def test_a_stale_version(world: World, off: int) -> None:
    settings = world.do("GetSettings").settings
    item = world.do("GetItem", item_id=world.item_id).item.item
    order = world.order()
    customer = world.do("GetCustomer", customer_id=order.customer_id).customer
    order.expire_time.seconds += 60
    for changed in (settings, item, customer):
        changed.version += off
    attempts = [
        attempt("UpdateSettings", "settings.version", settings=settings),
        attempt("UpdateItem", "item.version", item=item),
        attempt("UpdateCustomer", "customer.version", customer=customer),
        attempt("EraseCustomer", "version", customer_id=customer.customer_id, version=customer.version),
        attempt(
            "ExtendBooking",
            "version",
            order_id=order.order_id,
            version=order.version + off,
            expire_time=order.expire_time,
        ),
    ]
    for tried in attempts:
        refused = world.refuses(tried)
        assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "VERSION_STALE")
        assert int(refused.details["given"]) == int(refused.details["current"]) + off


def test_a_list_of_a_place_that_is_not_there(world: World) -> None:
    refused = world.refuses(attempt("ListDropOrders", "from_location_id", from_location_id=NOBODY))
    assert (refused.code, refused.reason) == (MISSING, "LOCATION_NOT_FOUND")


def test_a_day_does_not_begin_between_two_minutes(world: World) -> None:
    settings = world.do("GetSettings").settings
    settings.utc_offset.seconds += 1
    refused = world.refuses(attempt("UpdateSettings", "settings.utc_offset", settings=settings))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_OUT_OF_RANGE")


def test_a_till_makes_no_book_order(world: World) -> None:
    booking = world.shop.booking()
    booking.channel = common_pb2.CHANNEL_TILL
    refused = world.refuses(attempt("CreateBooking", "booking.channel", booking=booking))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_OUT_OF_RANGE")


@pytest.mark.parametrize("name", ["\u200b", "a\u202eb", "A\x00B", "x" * 101])
def test_a_name_that_shows_something_else(world: World, name: str) -> None:
    world.order()
    booking = world.shop.booking()
    booking.customer_name = name
    refused = world.refuses(attempt("CreateBooking", "booking.customer_name", booking=booking))
    assert refused.code == INVALID


def test_an_order_bears_the_name_that_was_given(world: World) -> None:
    first = world.order()
    booking = world.shop.booking()
    booking.customer_name = "Ibu Siti"
    second = world.do("CreateBooking", booking=booking).order
    assert (second.customer_id, second.customer_name) == (first.customer_id, "Ibu Siti")
    assert world.do("GetCustomer", customer_id=first.customer_id).customer.name == first.customer_name


@pytest.mark.parametrize("state", [0, 1, 99])
def test_a_state_that_nobody_reports(world: World, state: int) -> None:
    world.order()
    report = print_pb2.PrintReport(print_job_id=1, state=state)  # type: ignore[arg-type]
    refused = world.refuses(attempt("ReportPrintJob", "report.state", report=report))
    assert (refused.code, refused.reason) == (INVALID, "FIELD_OUT_OF_RANGE")


# --- Request ids ---


@pytest.mark.parametrize(
    ("request_id", "reason"),
    [
        ("", "FIELD_REQUIRED"),
        ("1", "FIELD_MALFORMED"),
        ("x" * 36, "FIELD_MALFORMED"),
        ("-" * 36, "FIELD_MALFORMED"),
    ],
)
def test_a_request_id_that_is_none(world: World, request_id: str, reason: str) -> None:
    request = booking_pb2.CreateBookingRequest(request_id=request_id, booking=world.shop.booking())
    body = request.SerializeToString()
    refused = world.refuses(Attempt(METHODS["CreateBooking"].path, "request_id", body))
    assert (refused.code, refused.reason) == (INVALID, reason)
