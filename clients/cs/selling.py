"""From paid orders to parcels: sales, labels, airway bills."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Group

from clients.common import print_progress
from clients.common.commands import Refused, command
from clients.common.money import show_amount
from clients.common.numbers import id_argument, id_option
from clients.common.output import facts, state_number, table
from clients.common.problems import BadInput
from clients.common.selling import added_up, label_all, sell_all
from clients.common.shop import PAGE_SIZE_MAX, Shop
from clients.common.views import parcels_table
from clients.cs.desk import SALES, app
from kasir.v1.sale_pb2 import CreateSalesRequest, CreateSalesResponse, CreateSalesResult
from kasir.v1.shipping_pb2 import (
    AirwayBillState,
    AssignAirwayBillRequest,
    AssignAirwayBillResponse,
    GetParcelRequest,
    GetParcelResponse,
    LabelState,
    ListParcelsRequest,
    ListParcelsResponse,
    PrintLabelsRequest,
    PrintLabelsResponse,
    RequestAirwayBillRequest,
    RequestAirwayBillResponse,
)


@command(
    app,
    "sell",
    ["kasir cs sell --all-paid", "kasir cs sell 4711 4712", "kasir cs sell --all-paid --till KASIR-CS"],
    SALES,
)
def sell(
    shop: Shop,
    order: Annotated[list[int] | None, id_argument("Numbers of paid orders.")] = None,
    all_paid: Annotated[bool, typer.Option("--all-paid", help="All orders that are paid.")] = False,
    till: Annotated[
        str, typer.Option(metavar="CODE", help="A till whose open shift counts the receipts at its close.")
    ] = "",
) -> None:
    """Make sales from paid orders: stock leaves, receipts are printed, parcels and airway bills are queued.

    Each order is accepted or refused by itself; ends with status 1 when one was refused.
    """
    if bool(order) == all_paid:
        raise BadInput("Name the orders, or say --all-paid.")
    shift_id = shop.open_shift_id(till) if till else 0
    results = list(sell_all(shop, shift_id) if all_paid else _sell_named(shop, order or [], shift_id))
    shop.output.emit({"results": results}, lambda: _sales_view(shop, results))
    if any(each.HasField("error") for each in results):
        raise Refused


def _sell_named(shop: Shop, orders: Sequence[int], shift_id: int) -> Iterator[CreateSalesResult]:
    for start in range(0, len(orders), PAGE_SIZE_MAX):
        part = orders[start : start + PAGE_SIZE_MAX]
        request = CreateSalesRequest(order_ids=part, shift_id=shift_id)
        yield from shop.call(request, CreateSalesResponse, note=f"sell {len(part)} orders").results


def _sales_view(shop: Shop, results: Sequence[CreateSalesResult]) -> Group:
    sold = [each for each in results if not each.HasField("error")]
    amounts: dict[str, int] = {}
    for each in sold:
        total = each.sale.totals.total
        amounts[total.currency_code] = amounts.get(total.currency_code, 0) + total.minor_units
    pairs = [
        ("Sales", str(len(sold))),
        ("Amount", ", ".join(show_amount(minor, code) for code, minor in amounts.items())),
        ("Parcels", str(sum(1 for each in sold if each.parcel_id))),
    ]
    parts = [facts("Sold", pairs)]
    refused = [(str(each.order_id), shop.why(each.error)) for each in results if each.HasField("error")]
    if refused:
        parts.append(table("Refused", (">Order", "Why"), refused))
    return Group(*parts)


@command(
    app,
    "labels",
    [
        "kasir cs labels --all-unprinted --follow",
        "kasir cs labels 17 18",
        "kasir cs labels 17 --reprint 'label torn'",
    ],
    SALES,
)
def labels(
    shop: Shop,
    parcel: Annotated[list[int] | None, id_argument("Numbers of parcels.")] = None,
    all_unprinted: Annotated[
        bool, typer.Option("--all-unprinted", help="All that were not printed yet.")
    ] = False,
    reprint: Annotated[
        str, typer.Option(metavar="REASON", help="Print labels again, and why; it is recorded.")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait until all are printed, and show how far it is.")
    ] = False,
) -> None:
    """Print address labels. One that waits for its airway bill is listed as waiting."""
    if bool(parcel) == all_unprinted:
        raise BadInput("Name the parcels, or say --all-unprinted.")
    if all_unprinted and reprint:
        raise BadInput("--reprint needs the parcels' numbers.")
    total = added_up(label_all(shop) if all_unprinted else _label_named(shop, parcel or [], reprint))
    pairs = [
        ("Queued", str(len(total.queued_parcel_ids))),
        ("Waiting for an airway bill", ", ".join(map(str, total.waiting_parcel_ids))),
        ("Queued or printed before", ", ".join(map(str, total.skipped_parcel_ids))),
    ]
    if not follow:
        shop.output.emit(total, lambda: facts("Labels", pairs))
        return
    ended = print_progress.follow(shop, "Labels", total.print_job_ids)
    pairs += [
        (f"{state.capitalize()}: jobs" if state != "printed" else "Printed", shown(state, jobs))
        for state, jobs in ended.items()
    ]
    shop.output.emit({"labels": total, "jobs": ended}, lambda: facts("Labels", pairs))
    if ended.keys() - {"printed"}:
        raise Refused


def shown(state: str, jobs: Sequence[int]) -> str:
    """How many are printed; which are not."""
    return str(len(jobs)) if state == "printed" else ", ".join(map(str, jobs))


def _label_named(shop: Shop, parcels: Sequence[int], reason: str) -> Iterator[PrintLabelsResponse]:
    for start in range(0, len(parcels), PAGE_SIZE_MAX):
        part = parcels[start : start + PAGE_SIZE_MAX]
        request = PrintLabelsRequest(parcel_ids=part, reprint_reason=reason)
        yield shop.call(request, PrintLabelsResponse, note=f"{len(part)} labels")


@command(
    app,
    "parcels",
    [
        "kasir cs parcels",
        "kasir cs parcels --awb failed",
        "kasir cs parcels --label due",
        "kasir cs parcels --order 4711",
    ],
    SALES,
)
def parcels(
    shop: Shop,
    label: Annotated[str, typer.Option(help="Only these labels: due, queued, labelled.")] = "",
    awb: Annotated[
        str, typer.Option(help="Only these AWB: none, requested, assigned, failed, unknown.")
    ] = "",
    order: Annotated[int | None, id_option("--order", "Only this order's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List parcels, newest first."""
    if order:
        found = [shop.call(GetParcelRequest(order_id=order), GetParcelResponse).parcel]
    else:
        request = ListParcelsRequest(
            label_state=state_number(LabelState, label, "LABEL_STATE"),
            airway_bill_state=state_number(AirwayBillState, awb, "AIRWAY_BILL_STATE"),
        )
        found = shop.pages(request, ListParcelsResponse, "parcels", limit)
    shop.output.emit({"parcels": found}, lambda: parcels_table(shop, found, "Parcels"))


@command(app, "awb", ["kasir cs awb 17 JP1234567890", "kasir cs awb 17 JP1234567890 --courier JNE"], SALES)
def awb(
    shop: Shop,
    parcel: Annotated[int, id_argument("The parcel's number.")],
    number: Annotated[str, typer.Argument(help="The airway bill number from the courier's slip.")],
    courier: Annotated[str, typer.Option(metavar="CODE", help="The courier, when another.")] = "",
) -> None:
    """Enter an airway bill number by hand. The customer is told."""
    courier_id = shop.courier(courier).courier_id if courier else 0
    request = AssignAirwayBillRequest(parcel_id=parcel, airway_bill=number, courier_id=courier_id)
    reply = shop.call(request, AssignAirwayBillResponse, note=f"airway bill of parcel {parcel}")
    shop.output.emit(reply, lambda: parcels_table(shop, [reply.parcel], "Airway bill"))


@command(app, "request-awb", ["kasir cs request-awb 17", "kasir cs request-awb 17 --courier JNE"], SALES)
def request_awb(
    shop: Shop,
    parcel: Annotated[int, id_argument("The parcel's number.")],
    courier: Annotated[str, typer.Option(metavar="CODE", help="Another connected courier.")] = "",
) -> None:
    """Ask a connected courier for an airway bill, for the first time or after it failed."""
    courier_id = shop.courier(courier).courier_id if courier else 0
    request = RequestAirwayBillRequest(parcel_id=parcel, courier_id=courier_id)
    reply = shop.call(request, RequestAirwayBillResponse, note=f"ask for airway bill of parcel {parcel}")
    shop.output.emit(reply, lambda: parcels_table(shop, [reply.parcel], "Asked for"))
