"""Where somebody may work: requests that name a location, and requests that name a record which has one.

Goal: who works in one place changes nothing in another, by no field, record, list or stream. Method: two
warehouses and two desks; everything is tried by who works at one of them, and by who works everywhere.
"""

import time

import grpc
import pytest

from engine.rpc import Given
from kasir.v1 import (
    access_pb2,
    booking_pb2,
    common_pb2,
    drop_order_pb2,
    print_pb2,
    sale_pb2,
    stock_pb2,
    till_pb2,
)
from server.access import pins
from tests.access.conftest import OWNER, OWNER_PIN
from tests.server.support import idr, new_id, read_refusal

CHAT = common_pb2.CHANNEL_CHAT
STOCK, TILL = "/kasir.v1.StockService/", "/kasir.v1.TillService/"
DROPS, BOOKINGS = "/kasir.v1.DropOrderService/", "/kasir.v1.BookingService/"


class Places:
    """Two warehouses and two desks, an item in each warehouse, and one who works at the first ones only."""

    def __init__(self, guarded):
        self.guarded = guarded
        kinds = stock_pb2.LocationKind
        self.here = self.location("HERE", kinds.LOCATION_KIND_WAREHOUSE)
        self.there = self.location("THERE", kinds.LOCATION_KIND_WAREHOUSE)
        self.desk_here = self.location("DESK1", kinds.LOCATION_KIND_CS_DESK)
        self.desk_there = self.location("DESK2", kinds.LOCATION_KIND_CS_DESK)
        self.item = self.make_item()
        for place in (self.here, self.there):
            line = stock_pb2.StockLine(item_id=self.item, quantity=50)
            self.boss(STOCK + "ReceiveStock", stock_pb2.ReceiveStockRequest(location_id=place, lines=[line]))
        guarded.user("sari", "cs", "warehouse", "cashier", locations=(self.here, self.desk_here))
        self.sari = guarded.login(guarded.office, "sari")

    def boss(self, method, request, reply=None):
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            request.request_id = new_id()
        return self.guarded.ask(method, request, self.guarded.office, self.guarded.owner, reply)

    def works(self, method, request, reply=None):
        """As who works here only."""
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            request.request_id = new_id()
        return self.guarded.ask(method, request, self.guarded.office, self.sari, reply)

    def refused(self, method, request):
        with pytest.raises(grpc.RpcError) as failed:
            self.works(method, request)
        return read_refusal(failed.value).reason

    def location(self, code, kind):
        location = stock_pb2.Location(code=code, name=code.title(), kind=kind)
        reply = self.boss(
            STOCK + "CreateLocation",
            stock_pb2.CreateLocationRequest(location=location),
            stock_pb2.CreateLocationResponse,
        )
        return reply.location.location_id

    def make_item(self):
        from kasir.v1 import catalogue_pb2 as pb

        price = pb.Price(price_list="retail", min_quantity=1, amount=idr(25_000))
        item = pb.Item(
            sku="KOPI-01", name="Kopi", barcodes=["8991002101234"], weight_grams=250, prices=[price]
        )
        method = "/kasir.v1.CatalogueService/CreateItem"
        return self.boss(method, pb.CreateItemRequest(item=item), pb.CreateItemResponse).item.item_id

    def hold(self, place):
        hold = stock_pb2.Hold(item_id=self.item, location_id=place, quantity=1, owner="test")
        request = stock_pb2.CreateHoldRequest(hold=hold)
        return self.boss(STOCK + "CreateHold", request, stock_pb2.CreateHoldResponse).hold.hold_id

    def booking(self, *places):
        line = booking_pb2.OrderLineInput
        lines = [line(location_id=place, item_id=self.item, quantity=1) for place in places]
        return booking_pb2.BookingInput(
            customer_name="Pembeli", customer_phone="081234567890", lines=lines, channel=CHAT
        )

    def order(self, *places):
        request = booking_pb2.CreateBookingRequest(booking=self.booking(*places))
        reply = self.boss(BOOKINGS + "CreateBooking", request, booking_pb2.CreateBookingResponse)
        return reply.order.order_id

    def drop(self, origin, desk):
        request = drop_order_pb2.RequestDropOrderRequest(
            item_id=self.item, quantity=1, from_location_id=origin, to_location_id=desk
        )
        reply = self.boss(DROPS + "RequestDropOrder", request, drop_order_pb2.RequestDropOrderResponse)
        return reply.drop_order.drop_order_id

    def shift(self, place, code):
        till = till_pb2.CreateTillRequest(till=till_pb2.Till(code=code, location_id=place))
        made = self.boss(TILL + "CreateTill", till, till_pb2.CreateTillResponse).till
        opening = till_pb2.OpenShiftRequest(till_id=made.till_id, opening_cash=idr(100_000))
        return made.till_id, self.boss(TILL + "OpenShift", opening, till_pb2.OpenShiftResponse).shift.shift_id


@pytest.fixture
def places(guarded):
    return Places(guarded)


def test_a_field_that_names_a_location(places):
    line = stock_pb2.StockLine(item_id=places.item, quantity=1)

    def receive(place):
        return stock_pb2.ReceiveStockRequest(location_id=place, lines=[line])

    assert places.works(STOCK + "ReceiveStock", receive(places.here)) is not None
    assert places.refused(STOCK + "ReceiveStock", receive(places.there)) == "LOCATION_DENIED"
    # 0 stands for all in a list, and for nothing here: neither is the own place.
    assert places.refused(STOCK + "ReceiveStock", receive(0)) == "LOCATION_DENIED"
    assert places.refused(STOCK + "ListStocks", stock_pb2.ListStocksRequest()) == "LOCATION_DENIED"


def test_both_ends_of_a_transfer(places):
    line = stock_pb2.StockLine(item_id=places.item, quantity=1)
    for origin, target in ((places.here, places.there), (places.there, places.here)):
        request = stock_pb2.TransferStockRequest(from_location_id=origin, to_location_id=target, lines=[line])
        assert places.refused(STOCK + "TransferStock", request) == "LOCATION_DENIED"
        assert places.boss(STOCK + "TransferStock", request) is not None


def test_one_line_of_many(places):
    def book(*where):
        return booking_pb2.CreateBookingRequest(booking=places.booking(*where))

    assert places.works(BOOKINGS + "CreateBooking", book(places.here)) is not None
    assert places.refused(BOOKINGS + "CreateBooking", book(places.here, places.there)) == "LOCATION_DENIED"


def test_a_field_that_is_written_twice(places):
    # As protobuf has it the last one counts; here each of them does.
    for first, last in ((places.here, places.there), (places.there, places.here)):
        request = stock_pb2.ListStocksRequest(location_id=first).SerializeToString()
        request += stock_pb2.ListStocksRequest(location_id=last).SerializeToString()
        with pytest.raises(grpc.RpcError) as failed:
            places.guarded.ask(STOCK + "ListStocks", request, places.guarded.office, places.sari)
        assert read_refusal(failed.value).reason == "LOCATION_DENIED"


def test_the_hold_of_a_line(places):
    there = places.hold(places.there)
    line = booking_pb2.OrderLineInput(hold_id=there, item_id=places.item, quantity=1)
    booking = booking_pb2.BookingInput(
        customer_name="Pembeli", customer_phone="081234567890", lines=[line], channel=CHAT
    )
    request = booking_pb2.CreateBookingRequest(booking=booking)
    assert places.refused(BOOKINGS + "CreateBooking", request) == "LOCATION_DENIED"


def test_the_same_order_many_times_is_looked_up_once_and_many_orders_are_not(places):
    here, there = places.order(places.here), places.order(places.there)

    def asked(*orders):
        began = time.monotonic()
        request = sale_pb2.CreateSalesRequest(order_ids=orders)
        return places.refused("/kasir.v1.SaleService/CreateSales", request), time.monotonic() - began

    reason, seconds = asked(*[here] * 100_000)
    assert reason == "TOO_MANY_ELEMENTS"
    assert seconds < 5
    assert asked(*[here] * 2, there)[0] == "LOCATION_DENIED"
    reason, seconds = asked(*range(1, 100_001))
    assert reason == "TOO_MANY_ELEMENTS"
    assert seconds < 5


def test_a_hold(places):
    here, there = places.hold(places.here), places.hold(places.there)
    release = stock_pb2.ReleaseHoldRequest
    assert places.refused(STOCK + "ReleaseHold", release(hold_id=there)) == "LOCATION_DENIED"
    assert places.refused(STOCK + "GetHold", stock_pb2.GetHoldRequest(hold_id=there)) == "LOCATION_DENIED"
    assert places.works(STOCK + "ReleaseHold", release(hold_id=here)) is not None
    # What is gone is told as ever; what was not given yet may be anybody's by the time it is decided.
    assert places.refused(STOCK + "ReleaseHold", release(hold_id=here)) == "HOLD_NOT_FOUND"
    for not_yet in (there + 1, 999):
        assert places.refused(STOCK + "ReleaseHold", release(hold_id=not_yet)) == "LOCATION_DENIED"


def test_an_order(places):
    here, there = places.order(places.here), places.order(places.here, places.there)
    cancel = booking_pb2.CancelBookingRequest
    assert places.refused(BOOKINGS + "CancelBooking", cancel(order_id=there, reason="x")) == "LOCATION_DENIED"
    assert places.works(BOOKINGS + "CancelBooking", cancel(order_id=here, reason="x")) is not None


def test_a_drop_order_at_its_two_ends(places):
    hand_over = drop_order_pb2.HandOverDropOrderRequest
    from_there = places.drop(places.there, places.desk_here)
    from_here = places.drop(places.here, places.desk_there)
    wrong = hand_over(drop_order_id=from_there, barcode="8991002101234")
    assert places.refused(DROPS + "HandOverDropOrder", wrong) == "LOCATION_DENIED"
    right = hand_over(drop_order_id=from_here, barcode="8991002101234")
    assert places.works(DROPS + "HandOverDropOrder", right) is not None
    cancel = drop_order_pb2.CancelDropOrderRequest
    assert places.works(DROPS + "CancelDropOrder", cancel(drop_order_id=from_there)) is not None
    release = drop_order_pb2.ReleaseDropOrderRequest(drop_order_id=from_here)
    assert places.refused(DROPS + "ReleaseDropOrder", release) == "LOCATION_DENIED"


def test_a_till_and_its_shift(places):
    till_here, shift_here = places.shift(places.desk_here, "T1")
    till_there, shift_there = places.shift(places.desk_there, "T2")
    move = till_pb2.RecordCashMovementRequest
    amount = {"amount": idr(10_000), "reason": "x"}
    assert places.works(TILL + "RecordCashMovement", move(shift_id=shift_here, **amount)) is not None
    assert (
        places.refused(TILL + "RecordCashMovement", move(shift_id=shift_there, **amount)) == "LOCATION_DENIED"
    )
    opening = till_pb2.OpenShiftRequest(till_id=till_there, opening_cash=idr(1))
    assert places.refused(TILL + "OpenShift", opening) == "LOCATION_DENIED"
    opening = till_pb2.OpenShiftRequest(till_id=till_here, opening_cash=idr(1))
    assert places.refused(TILL + "OpenShift", opening) == "SHIFT_OPEN"


def test_each_command_of_a_stream(places):
    def hold(sequence, place):
        hold = stock_pb2.Hold(item_id=places.item, location_id=place, quantity=1, owner="test")
        command = stock_pb2.CreateHoldRequest(request_id=new_id(), hold=hold)
        return booking_pb2.StreamCommandsRequest(sequence=sequence, create_hold=command)

    there = places.hold(places.there)
    release = stock_pb2.ReleaseHoldRequest(request_id=new_id(), hold_id=there)
    asked = [
        hold(1, places.here),
        hold(2, places.there),
        booking_pb2.StreamCommandsRequest(sequence=3, release_hold=release),
        hold(4, places.here),
    ]
    stream = places.guarded.line(places.guarded.office).stream_stream(
        BOOKINGS + "StreamCommands",
        booking_pb2.StreamCommandsRequest.SerializeToString,
        booking_pb2.StreamCommandsResponse.FromString,
    )
    metadata = [("authorization", f"Bearer {places.sari}")]
    answers = list(stream(iter(asked), timeout=20, metadata=metadata))
    assert [answer.sequence for answer in answers] == [1, 2, 3, 4]
    assert [answer.error.reason for answer in answers] == ["", "LOCATION_DENIED", "LOCATION_DENIED", ""]


def test_a_stream_that_python_answers(places):
    watch = places.guarded.line(places.guarded.office).unary_stream("/kasir.v1.PrintService/WatchPrintJobs")
    agent = places.guarded.device("printer", places.here, ("hardware",))
    watch = places.guarded.line(agent).unary_stream("/kasir.v1.PrintService/WatchPrintJobs")
    for place in (places.there, 0):
        request = print_pb2.WatchPrintJobsRequest(location_id=place).SerializeToString()
        with pytest.raises(grpc.RpcError) as failed:
            next(watch(request, timeout=20))
        assert read_refusal(failed.value).reason == "LOCATION_DENIED"
    assert (
        next(watch(print_pb2.WatchPrintJobsRequest(location_id=places.here).SerializeToString(), timeout=20))
        is not None
    )


def test_a_device_has_a_place_and_so_has_who_works_there(places):
    guarded = places.guarded
    elsewhere = guarded.device("till-there", places.there)
    with pytest.raises(grpc.RpcError) as failed:
        guarded.login(elsewhere, "sari")
    assert read_refusal(failed.value).reason == "LOCATION_DENIED"
    guarded.user("joko", "warehouse")
    token = guarded.login(elsewhere, "joko")
    for place, allowed in ((places.there, True), (places.here, False)):
        request = stock_pb2.ListStocksRequest(location_id=place)
        if allowed:
            assert guarded.ask(STOCK + "ListStocks", request, elsewhere, token) is not None
            continue
        with pytest.raises(grpc.RpcError) as failed:
            guarded.ask(STOCK + "ListStocks", request, elsewhere, token)
        assert read_refusal(failed.value).reason == "LOCATION_DENIED"


def test_a_manager_of_one_place_gives_no_more_than_that(places):
    guarded = places.guarded
    guarded.user("manager-1", "manager", locations=(places.here,))
    token = guarded.login(guarded.office, "manager-1")

    def create(name, roles, locations):
        user = access_pb2.User(name=name, roles=roles, location_ids=locations)
        request = access_pb2.CreateUserRequest(user=user)
        return guarded.ask("/kasir.v1.AccessService/CreateUser", request, guarded.office, token)

    assert create("a", ["cashier"], [places.here]) is not None
    for roles, locations in (
        (["cashier"], [places.there]),
        (["cashier"], []),
        (["manager"], [places.here]),
        (["owner"], []),
    ):
        with pytest.raises(grpc.RpcError) as failed:
            create("b", roles, locations)
        assert read_refusal(failed.value).reason == "ROLE_MISSING"
    code = access_pb2.CreateEnrolmentCodeRequest(device="x", location_id=places.there)
    with pytest.raises(grpc.RpcError) as failed:
        guarded.ask("/kasir.v1.AccessService/CreateEnrolmentCode", code, guarded.office, token)
    assert read_refusal(failed.value).reason == "LOCATION_DENIED"


def test_a_manager_of_one_place_moves_no_device_of_another_there(places):
    guarded = places.guarded
    guarded.device("till-there", places.there)
    guarded.user("manager-1", "manager", locations=(places.here,))
    token = guarded.login(guarded.office, "manager-1")
    for name, reason in (("till-there", "ROLE_MISSING"), ("office", "ROLE_MISSING"), ("till-new", "")):
        code = access_pb2.CreateEnrolmentCodeRequest(device=name, location_id=places.here)
        method = "/kasir.v1.AccessService/CreateEnrolmentCode"
        if not reason:
            assert guarded.ask(method, code, guarded.office, token) is not None
            continue
        with pytest.raises(grpc.RpcError) as failed:
            guarded.ask(method, code, guarded.office, token)
        assert read_refusal(failed.value).reason == reason


def test_what_somebody_did_at_a_till_is_sent_by_the_next_one(places):
    guarded = places.guarded
    till = guarded.device("till-1", places.desk_here)
    guarded.user("budi", "cashier")
    guarded.user("wati", "cashier")
    guarded.user("joko", "cashier")
    guarded.login(till, "budi")
    token = guarded.login(till, "wati")
    _, shift = places.shift(places.desk_here, "T1")
    request = till_pb2.RecordCashMovementRequest(
        request_id=new_id(), shift_id=shift, amount=idr(5_000), reason="x"
    )
    assert guarded.ask(TILL + "RecordCashMovement", request, till, token, actor="budi") is not None
    # Neither for who never was there, nor for what is not sent later.
    for method, actor in ((TILL + "RecordCashMovement", "joko"), (TILL + "ListTills", "budi")):
        with pytest.raises(grpc.RpcError) as failed:
            guarded.ask(method, request, till, token, actor=actor)
        assert read_refusal(failed.value).reason == "ACTOR_MISMATCH"


@pytest.fixture
def counter(places):
    """A device anywhere, where several people were logged in, and a shift at each desk."""
    guarded = places.guarded
    counter = guarded.device("counter")
    everywhere = {"andi": "cashier", "wati": "cashier", "mina": "manager"}
    for name, role in everywhere.items():
        guarded.user(name, role)
        guarded.login(counter, name)
    shifts = [
        places.shift(place, code)[1] for place, code in ((places.desk_here, "T1"), (places.desk_there, "T2"))
    ]

    def move(shift, token, actor):
        request = till_pb2.RecordCashMovementRequest(
            request_id=new_id(), shift_id=shift, amount=idr(5_000), reason="x"
        )
        try:
            return guarded.ask(TILL + "RecordCashMovement", request, counter, token, actor=actor) and "done"
        except grpc.RpcError as error:
            return read_refusal(error).reason

    return counter, shifts, move


def test_who_sends_for_somebody_stays_at_the_own_place(places, counter):
    device, (here, there), move = counter
    places.guarded.user("rina", "cashier", locations=(places.desk_here,))
    rina = places.guarded.login(device, "rina")
    assert [move(shift, rina, "andi") for shift in (here, there)] == ["done", "LOCATION_DENIED"]
    # Nor does who works everywhere do there what the other one could not have done.
    wati = places.guarded.login(device, "wati")
    assert [move(shift, wati, "rina") for shift in (here, there)] == ["done", "LOCATION_DENIED"]


def test_only_who_is_in_charge_sends_for_who_is(places, counter):
    device, (here, _), move = counter
    owner = places.guarded.login(device, OWNER, OWNER_PIN)
    wati, mina = (places.guarded.login(device, name) for name in ("wati", "mina"))
    found = {
        (who, actor): move(here, token, actor)
        for who, token in (("wati", wati), ("mina", mina), (OWNER, owner))
        for actor in ("andi", "mina", OWNER)
    }
    refused = {("wati", "mina"), ("wati", OWNER)}
    assert {pair for pair, answer in found.items() if answer == "ACTOR_MISMATCH"} == refused
    assert all(answer == "done" for pair, answer in found.items() if pair not in refused)


def test_a_key_sends_for_nobody(places, counter):
    device, (here, _), move = counter
    secret = places.guarded.key("web", "catalogue.read", device=device.name)
    assert move(here, secret, "andi") == "ACTOR_MISMATCH"


def test_who_sends_for_many_is_as_quick_as_for_oneself(places, counter):
    device, (here, _), move = counter
    wati = places.guarded.login(device, "wati")
    table = places.guarded.control.guard.table
    slow = Given("wati", device.name, [], None, expires_ms=2**60, per_second=1, rank="staff")
    table.set_token(pins.digest(wati), slow)
    found = [move(here, wati, "andi") for _ in range(6)]
    assert found[:2] == ["done", "done"]
    assert "RATE_EXCEEDED" in found[2:]
