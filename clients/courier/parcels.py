"""Which parcels wait for the courier, and what became of them."""

from collections.abc import Iterator
from typing import Annotated

import typer

from clients.common.commands import command
from clients.common.numbers import id_option
from clients.common.output import table
from clients.common.problems import BadInput
from clients.common.shop import PAGE_SIZE_MAX, Shop
from clients.common.views import parcels_table
from clients.courier.desk import PARCELS, CourierCode, app
from kasir.v1.booking_pb2 import ORDER_STATE_SOLD, ListBookingsRequest, ListBookingsResponse
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    DeliverParcelRequest,
    DeliverParcelResponse,
    GetParcelRequest,
    GetParcelResponse,
    HandOverParcelRequest,
    HandOverParcelResponse,
    ListParcelsRequest,
    ListParcelsResponse,
    Parcel,
)

# Of orders that are sold and not handed to a courier so many are looked at, the newest.
WAITING_LIMIT = 10 * PAGE_SIZE_MAX
# So few parcels are read one by one rather than by going on through the pages of all.
FEW = 50


@command(app, "list", ["kasir courier list", "kasir courier list --json"], PARCELS)
def list_(shop: Shop) -> None:
    """List the couriers, and whether they give airway bill numbers by themselves."""
    rows = ((each.code, each.name, "connected" if each.connected else "by hand") for each in shop.couriers)
    shop.output.emit({"couriers": shop.couriers}, lambda: table("Couriers", ("Courier", "Name", "AWB"), rows))


@command(app, "waiting", ["kasir courier waiting", "kasir courier waiting --courier JNE"], PARCELS)
def waiting(shop: Shop, courier: CourierCode = "") -> None:
    """List parcels that have their airway bill and wait for the courier."""
    found = waiting_parcels(shop, shop.courier(courier).courier_id if courier else 0)
    shop.output.emit({"parcels": found}, lambda: parcels_table(shop, found, "Waiting for the courier"))


def waiting_parcels(shop: Shop, courier_id: int) -> list[Parcel]:
    """Parcels that have their airway bill and were not handed over, newest first.

    The contract lists parcels by airway bill, those of years ago too, and not by hand-over; but an order
    whose parcel waits is SOLD and not HANDED_TO_COURIER. So the orders say which parcels are looked for.
    """
    request = ListBookingsRequest(state=ORDER_STATE_SOLD)
    orders = shop.pages(request, ListBookingsResponse, "orders", WAITING_LIMIT + 1)
    if len(orders) > WAITING_LIMIT:
        shop.output.say(
            f"Only the {WAITING_LIMIT} newest orders that are sold and not handed over were looked at:"
            " parcels of older ones may wait, too.",
            "yellow",
        )
    parcels = _parcels(shop, {each.parcel_id for each in orders[:WAITING_LIMIT] if each.parcel_id})
    return [
        each
        for each in sorted(parcels, key=lambda parcel: parcel.parcel_id, reverse=True)
        if each.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
        and not each.HasField("hand_over_time")
        and courier_id in {0, each.courier_id}
    ]


def _parcels(shop: Shop, wanted: set[int]) -> Iterator[Parcel]:
    """These parcels, by pages from the newest for as long as many are missing, then one by one."""
    request = ListParcelsRequest(page_size=PAGE_SIZE_MAX)
    while len(wanted) > FEW:
        reply = shop.call(request, ListParcelsResponse)
        yield from (each for each in reply.parcels if each.parcel_id in wanted)
        wanted = wanted - {each.parcel_id for each in reply.parcels}
        if not reply.next_page_token:
            return
        request.page_token = reply.next_page_token
    for parcel_id in wanted:
        yield shop.call(GetParcelRequest(parcel_id=parcel_id), GetParcelResponse).parcel


def hand_over(shop: Shop, number: str, courier_id: int) -> Parcel:
    """The parcel of that number goes with the courier. Raises CallFailed."""
    request = HandOverParcelRequest(airway_bill=number, courier_id=courier_id)
    return shop.call(request, HandOverParcelResponse, note=f"hand over parcel {number}").parcel


@command(
    app, "scan", ["kasir courier scan JP1234567890", "kasir courier scan JP1234567890 --courier JNE"], PARCELS
)
def scan(
    shop: Shop,
    awb: Annotated[str, typer.Argument(help="The airway bill on the parcel.")],
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Whose it is, where two couriers gave the same number.")
    ] = "",
) -> None:
    """Scan one parcel out to the courier."""
    parcel = hand_over(shop, awb, shop.courier(courier).courier_id if courier else 0)
    shop.output.emit({"parcel": parcel}, lambda: parcels_table(shop, [parcel], "Handed over"))


@command(
    app, "delivered", ["kasir courier delivered JP1234567890", "kasir courier delivered --parcel 17"], PARCELS
)
def delivered(
    shop: Shop,
    awb: Annotated[list[str] | None, typer.Argument(help="Airway bills of what arrived.")] = None,
    parcel: Annotated[list[int] | None, id_option("--parcel", "A parcel by its number.")] = None,
) -> None:
    """Record that parcels arrived."""
    named = (
        shop.call(GetParcelRequest(airway_bill=number), GetParcelResponse).parcel for number in awb or []
    )
    numbers = [*(parcel or []), *(each.parcel_id for each in named)]
    if not numbers:
        raise BadInput("Name what arrived: airway bills, or --parcel N.")
    done = [_deliver(shop, number) for number in numbers]
    shop.output.emit({"parcels": done}, lambda: parcels_table(shop, done, "Delivered"))


def _deliver(shop: Shop, parcel_id: int) -> Parcel:
    request = DeliverParcelRequest(parcel_id=parcel_id)
    return shop.call(request, DeliverParcelResponse, note=f"parcel {parcel_id} arrived").parcel
