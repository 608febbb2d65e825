"""Which parcels wait for their courier is found out without reading all that ever left."""

import json

import pytest
from typer.testing import CliRunner

from clients import courier
from clients.courier.parcels import WAITING_LIMIT
from kasir.v1.booking_pb2 import (
    ORDER_STATE_SOLD,
    ListBookingsRequest,
    ListBookingsResponse,
    Order,
)
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_REQUESTED,
    Courier,
    GetParcelRequest,
    GetParcelResponse,
    ListCouriersRequest,
    ListCouriersResponse,
    ListParcelsRequest,
    ListParcelsResponse,
    Parcel,
)

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")


def parcel(parcel_id: int) -> Parcel:
    """Every third has no airway bill yet; odd ones go by courier 1."""
    state = AIRWAY_BILL_STATE_ASSIGNED if parcel_id % 3 else AIRWAY_BILL_STATE_REQUESTED
    made = Parcel(parcel_id=parcel_id, airway_bill_state=state, courier_id=2 - parcel_id % 2)
    made.airway_bill = f"JP{parcel_id}" if parcel_id % 3 else ""
    return made


class ManyParcels:
    """A shop of 50,000 parcels of which few wait."""

    def __init__(self, scripted, waiting, orders=None):
        self.scripted = scripted
        self.waiting = waiting
        orders = orders or [Order(order_id=each, parcel_id=each) for each in waiting]
        self.orders = [*orders, Order(order_id=99_999)]  # one to be picked up has no parcel
        scripted.answers(ListBookingsRequest, self.bookings)
        scripted.answers(ListParcelsRequest, self.parcels)
        scripted.answers(GetParcelRequest, lambda asked: GetParcelResponse(parcel=parcel(asked.parcel_id)))
        couriers = [Courier(courier_id=1, code="JNE"), Courier(courier_id=2, code="TIKI")]
        scripted.answers(ListCouriersRequest, ListCouriersResponse(couriers=couriers))

    def bookings(self, asked):
        assert asked.state == ORDER_STATE_SOLD
        start = int(asked.page_token or "0")
        end = start + asked.page_size
        more = str(end) if end < len(self.orders) else ""
        return ListBookingsResponse(orders=self.orders[start:end], next_page_token=more)

    def parcels(self, asked):
        newest = int(asked.page_token or "50000")
        oldest = max(newest - asked.page_size, 0)
        found = [parcel(each) for each in range(newest, oldest, -1)]
        for each in found:
            if each.parcel_id not in self.waiting:
                each.hand_over_time.FromSeconds(1)
        return ListParcelsResponse(parcels=found, next_page_token=str(oldest or ""))

    def ask(self, *words):
        shown = CliRunner().invoke(
            courier.app, ["waiting", *words, "--server", self.scripted.address, "--json"]
        )
        assert shown.exit_code == 0, shown.output
        return [int(each["parcel_id"]) for each in json.loads(shown.stdout)["parcels"]], shown.stderr

    def count(self, request_type):
        return sum(isinstance(asked, request_type) for asked in self.scripted.asked)


def test_few_are_read_one_by_one(scripted):
    shop = ManyParcels(scripted, {7, 49_000, 49_999, 3})
    assert shop.ask() == ([49_999, 49_000, 7], "")
    assert (shop.count(ListParcelsRequest), shop.count(GetParcelRequest)) == (0, 4)
    assert shop.ask("--courier", "TIKI")[0] == [49_000]


def test_many_are_read_in_pages_and_old_ones_one_by_one(scripted):
    shop = ManyParcels(scripted, {*range(48_500, 50_001), 8})
    found, said = shop.ask()
    assert found == [each for each in range(50_000, 48_499, -1) if each % 3] + [8]
    assert said == ""
    assert (shop.count(ListParcelsRequest), shop.count(GetParcelRequest)) == (2, 1)


def test_none_waits(scripted):
    assert ManyParcels(scripted, set()).ask() == ([], "")


def test_more_than_are_looked_at_is_told(scripted):
    orders = [Order(order_id=each) for each in range(WAITING_LIMIT)]
    _, said = ManyParcels(scripted, {5}, [*orders, Order(order_id=1, parcel_id=5)]).ask()
    assert "Only the 10000 newest orders" in said
