"""What the clients were told, and what the shop shows, as sums that must be the same."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kasir.v1 import (
    booking_pb2,
    catalogue_pb2,
    drop_order_pb2,
    print_pb2,
    reconciliation_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
)
from tests.crash.ledger import Entry, Ledger
from tests.crash.load import CALL_TIMEOUT_S
from tests.crash.shop import BusyShop


def totals_acknowledged(ledger: Ledger) -> Counter[str]:
    """What all acknowledged requests together must have led to."""
    totals: Counter[str] = Counter()
    payable: dict[int, int] = {}
    for entry in ledger.acknowledged:
        _count_orders(entry, totals, payable)
    for entry in ledger.acknowledged:
        _count_money(entry, totals, payable)
        _count_goods(entry, totals)
        _count_paper(entry, totals)
    return totals


def _name(entry: Entry) -> str:
    assert entry.reply is not None
    return entry.method.rsplit("/", 1)[1]


def _count_orders(entry: Entry, totals: Counter[str], payable: dict[int, int]) -> None:
    orders = []
    match _name(entry):
        case "CreateBooking":
            orders = [booking_pb2.CreateBookingResponse.FromString(entry.reply).order]
        case "BatchCreateBookings":
            results = booking_pb2.BatchCreateBookingsResponse.FromString(entry.reply).results
            orders = [result.order for result in results if result.HasField("order")]
    totals["orders"] += len(orders)
    payable |= {order.order_id: order.payable.minor_units for order in orders}


def _count_money(entry: Entry, totals: Counter[str], payable: dict[int, int]) -> None:
    match _name(entry):
        case "RecordPayment":
            request = reconciliation_pb2.RecordPaymentRequest.FromString(entry.request)
            totals["paid"] += request.amount.minor_units
        case "ImportMutations":
            reply = reconciliation_pb2.ImportMutationsResponse.FromString(entry.reply)
            assert len(reply.mutation_ids) == reply.new_rows
            totals["mutations"] += reply.new_rows
        case "ConfirmMatches":
            reply = reconciliation_pb2.ConfirmMatchesResponse.FromString(entry.reply)
            for result in reply.results:
                totals["confirmed"] += not result.HasField("error")
                # The matcher is sure of what pays an order to the last digit, and of nothing else.
                totals["paid"] += sum(payable[order_id] for order_id in result.order_ids)
        case "OpenShift":
            totals["shifts"] += 1
        case "CloseShift":
            totals["shifts closed"] += 1


def _count_goods(entry: Entry, totals: Counter[str]) -> None:
    sales = []
    match _name(entry):
        case "CreateSales":
            results = sale_pb2.CreateSalesResponse.FromString(entry.reply).results
            sales = [result.sale for result in results if result.sale.sale_id]
        case "CreateTillSale":
            sales = [till_pb2.CreateTillSaleResponse.FromString(entry.reply).sale]
            totals["rung up"] += sales[0].totals.total.minor_units
        case "ReceiveStock":
            lines = stock_pb2.ReceiveStockRequest.FromString(entry.request).lines
            totals["units"] += sum(line.quantity for line in lines)
        case "CreateHold":
            totals["holds"] += 1
        case "ReleaseHold":
            totals["holds"] -= 1
        case "RequestDropOrder":
            totals["drop orders"] += 1
        case "UpdateItem":
            totals["changes of an item"] += 1
    totals["sales"] += len(sales)
    totals["units"] -= sum(line.quantity for sale in sales for line in sale.lines)


def _count_paper(entry: Entry, totals: Counter[str]) -> None:
    match _name(entry):
        case "PrintLabels":
            reply = shipping_pb2.PrintLabelsResponse.FromString(entry.reply)
            totals["labels"] += len(reply.queued_parcel_ids)
        case "BatchReportPrintJobs":
            reply = print_pb2.BatchReportPrintJobsResponse.FromString(entry.reply)
            totals["labels printed"] += reply.accepted


def labels_queued(ledger: Ledger) -> Counter[int]:
    """How often each parcel's label was queued, as the clients were told."""
    queued: Counter[int] = Counter()
    for entry in ledger.acknowledged:
        if _name(entry) == "PrintLabels":
            queued.update(shipping_pb2.PrintLabelsResponse.FromString(entry.reply).queued_parcel_ids)
    return queued


def _rows(call: Any, request: Any, field: str) -> Iterator[Any]:
    request.page_size = 1_000
    while True:
        reply = call(request, timeout=CALL_TIMEOUT_S)
        yield from getattr(reply, field)
        if not reply.next_page_token:
            return
        request.page_token = reply.next_page_token


def totals_there(shop: BusyShop) -> Counter[str]:
    """The same, as the shop shows it."""
    orders = list(_rows(shop.bookings.ListBookings, booking_pb2.ListBookingsRequest(), "orders"))
    sales = list(_rows(shop.sales.ListSales, sale_pb2.ListSalesRequest(), "sales"))
    drops = list(
        _rows(shop.drop_orders.ListDropOrders, drop_order_pb2.ListDropOrdersRequest(), "drop_orders")
    )
    mutations = list(
        _rows(shop.reconciliation.ListMutations, reconciliation_pb2.ListMutationsRequest(), "mutations")
    )
    shifts = list(_rows(shop.tills.ListShifts, till_pb2.ListShiftsRequest(), "shifts"))
    parcels = list(_rows(shop.shipping.ListParcels, shipping_pb2.ListParcelsRequest(), "parcels"))
    item = shop.catalogue.GetItem(
        catalogue_pb2.GetItemRequest(item_id=shop.changing_item_id), timeout=CALL_TIMEOUT_S
    ).item.item
    stocks = shop.stock.GetStock(
        stock_pb2.GetStockRequest(item_id=shop.item_id), timeout=CALL_TIMEOUT_S
    ).stocks
    claimed_by_orders = sum(line.quantity for order in orders if order.sale_id == 0 for line in order.lines)
    waiting = (drop_order_pb2.DROP_ORDER_STATE_REQUESTED, drop_order_pb2.DROP_ORDER_STATE_HANDED_OVER)
    claimed_by_drops = sum(drop.quantity for drop in drops if drop.state in waiting)
    confirmed = reconciliation_pb2.MUTATION_STATE_CONFIRMED
    return Counter(
        {
            "orders": len(orders),
            "paid": sum(order.paid.minor_units for order in orders),
            "sales": len(sales),
            "units": sum(stock.on_hand for stock in stocks) - shop.stock_received,
            "holds": sum(stock.held for stock in stocks) - claimed_by_orders - claimed_by_drops,
            "drop orders": len(drops),
            "mutations": len(mutations),
            "confirmed": sum(mutation.state == confirmed for mutation in mutations),
            "shifts": len(shifts),
            "shifts closed": sum(shift.HasField("close_time") for shift in shifts),
            "rung up": sum(shift.sale_total.minor_units for shift in shifts),
            "labels": sum(parcel.label_state != shipping_pb2.LABEL_STATE_DUE for parcel in parcels),
            "labels printed": sum(
                parcel.label_state == shipping_pb2.LABEL_STATE_LABELLED for parcel in parcels
            ),
            "changes of an item": item.version - 1,
        }
    )
