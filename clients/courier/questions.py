"""Parcels whose airway bill needs a person: the courier refused, or nobody knows whether it has the order."""

from typing import Annotated

import typer

from clients.common.commands import command
from clients.common.numbers import id_argument
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import parcels_table
from clients.courier.desk import NUMBERS, CourierCode, app
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_UNKNOWN,
    ListParcelsRequest,
    ListParcelsResponse,
    ReportAirwayBillRequest,
    ReportAirwayBillResponse,
)

LIMIT = 1_000


@command(
    app, "questions", ["kasir courier questions", "kasir courier questions --courier JNE --json"], NUMBERS
)
def questions(shop: Shop, courier: CourierCode = "") -> None:
    """List parcels whose airway bill needs a person: refused ones, and those that the courier may have."""
    courier_id = shop.courier(courier).courier_id if courier else 0
    found = [
        parcel
        for state in (AIRWAY_BILL_STATE_UNKNOWN, AIRWAY_BILL_STATE_FAILED)
        for parcel in shop.pages(
            ListParcelsRequest(airway_bill_state=state), ListParcelsResponse, "parcels", LIMIT
        )
        if courier_id in {0, parcel.courier_id}
    ]
    shop.output.emit({"parcels": found}, lambda: parcels_table(shop, found, "Parcels that need a person"))


@command(
    app,
    "settle",
    ["kasir courier settle 17 --awb JP1234567890", "kasir courier settle 17 --not-ordered"],
    NUMBERS,
)
def settle(
    shop: Shop,
    parcel: Annotated[int, id_argument("The parcel's number.")],
    awb: Annotated[str, typer.Option(metavar="NUMBER", help="The courier has the order: its number.")] = "",
    not_ordered: Annotated[
        bool, typer.Option("--not-ordered", help="The courier has no such order: it may be asked for again.")
    ] = False,
) -> None:
    """Say what you found at the courier of a parcel of which nobody knew whether it was ordered.

    After --not-ordered, kasir cs request-awb orders it.
    """
    if bool(awb) == not_ordered:
        raise BadInput("Say one of the two: --awb NUMBER, or --not-ordered.")
    report = ReportAirwayBillRequest(
        parcel_id=parcel,
        state=AIRWAY_BILL_STATE_ASSIGNED if awb else AIRWAY_BILL_STATE_FAILED,
        airway_bill=awb,
        detail=f"settled by {shop.client.connection.actor}",
    )
    found = shop.call(report, ReportAirwayBillResponse, note=f"airway bill of parcel {parcel}").parcel
    shop.output.emit({"parcel": found}, lambda: parcels_table(shop, [found], "Settled"))
