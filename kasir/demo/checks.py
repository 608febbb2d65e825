"""What the server counts must be what the people of the demo did. Each difference is a sentence."""

from collections.abc import Iterator, Mapping

from kasir.demo.opening import Facts
from kasir.demo.plan import DESK, Plan
from kasir.demo.result import Evening
from kasir.demo.stage import Ledger
from kasir.v1.report_pb2 import (
    METRIC_AIRWAY_BILLS_ASSIGNED,
    METRIC_DROP_ORDERS_REJECTED,
    METRIC_DROP_ORDERS_REQUESTED,
    METRIC_DROP_ORDERS_RETURNED,
    METRIC_LABELS_PRINTED,
    METRIC_ORDER_SALES,
    METRIC_ORDERS_CANCELLED,
    METRIC_ORDERS_EXPIRED,
    METRIC_ORDERS_PAID,
    METRIC_PAYMENTS,
    METRIC_PAYMENTS_UNDONE,
    METRIC_REFUNDS_DUE,
    METRIC_UNITS_ADJUSTED,
)

# What is counted, what the demo says, what the server says
Row = tuple[str, int, int]


def differences(
    evening: Evening, numbers: Mapping[str, int], plan: Plan, ledger: Ledger, facts: Facts
) -> list[str]:
    """What does not agree, in plain words."""
    rows = (
        *_orders(evening, numbers, plan, ledger),
        *_money(evening, numbers, ledger),
        *_goods(evening, numbers, plan, ledger, facts),
        *_parcels(evening, numbers, ledger),
        *_paper(evening, numbers),
        *_tills(evening, numbers, ledger),
    )
    return [
        f"{what}: the demo says {ours}, the server {servers}."
        for what, ours, servers in rows
        if ours != servers
    ]


def _orders(evening: Evening, numbers: Mapping[str, int], plan: Plan, ledger: Ledger) -> Iterator[Row]:
    expired = ledger["expired"] - ledger["rebooked"] - ledger["refund_due"]
    ends = ("cancelled", "expired", "paid", "refund_due", "open")
    yield "Book Orders", len(plan.orders), numbers["orders"]
    yield "Book Orders in the report", len(plan.orders), numbers["booked"]
    yield "Book Orders that came to an end", sum(numbers[end] for end in ends), numbers["orders"]
    yield "cancelled Book Orders", ledger["cancelled"], numbers["cancelled"]
    yield "cancelled Book Orders in the report", ledger["cancelled"], evening.count(METRIC_ORDERS_CANCELLED)
    yield "Book Orders that never were paid", expired, numbers["expired"]
    yield "Book Orders expired in the report", ledger["expired"], evening.count(METRIC_ORDERS_EXPIRED)
    yield "Book Orders booked again", ledger["rebooked"], numbers["rebooked"]
    yield "refunds due", ledger["refund_due"], numbers["refund_due"]
    yield "refunds due in the report", ledger["refund_due"], evening.count(METRIC_REFUNDS_DUE)
    yield "Book Orders still open", 0, numbers["open"]
    yield "sales from Book Orders", ledger["order_sales"], numbers["sold"]
    yield "sales from Book Orders in the report", ledger["order_sales"], evening.count(METRIC_ORDER_SALES)
    yield "paid Book Orders", numbers["paid"], numbers["sold"]


def _money(evening: Evening, numbers: Mapping[str, int], ledger: Ledger) -> Iterator[Row]:
    undone = ledger["undone"]
    # What was undone was paid twice.
    yield "payments in full", numbers["paid"] + undone, evening.count(METRIC_ORDERS_PAID)
    payments = sum(ledger[way] for way in ("confirmed", "matched_by_hand", "payments_recorded")) + undone
    yield "payments", payments, evening.count(METRIC_PAYMENTS)
    yield "payments taken back", undone, evening.count(METRIC_PAYMENTS_UNDONE)
    paid_minor = sum(order.paid.minor_units for order in evening.orders)
    kept_minor = evening.amount_minor(METRIC_PAYMENTS) - evening.amount_minor(METRIC_PAYMENTS_UNDONE)
    yield "money paid, in minor units", paid_minor, kept_minor
    yield "mutations", ledger["mutations"], numbers["mutations"]
    confirmed = ledger["confirmed"] + ledger["matched_by_hand"]
    yield "confirmed mutations", confirmed, numbers["mutations_confirmed"]
    yield "ignored mutations", ledger["ignored"], numbers["mutations_ignored"]


def _goods(
    evening: Evening, numbers: Mapping[str, int], plan: Plan, ledger: Ledger, facts: Facts
) -> Iterator[Row]:
    yield "items", len(plan.goods), numbers["items"]
    yield "Drop Orders", ledger["drop_orders"], numbers["drop_orders"]
    requested = evening.count(METRIC_DROP_ORDERS_REQUESTED)
    yield "Drop Orders in the report", ledger["drop_orders"], requested
    yield "Drop Orders handed over", ledger["handed_over"], numbers["handed_over"]
    yield "rejected Drop Orders", ledger["rejected"], numbers["rejected"]
    rejected = evening.count(METRIC_DROP_ORDERS_REJECTED)
    yield "rejected Drop Orders in the report", ledger["rejected"], rejected
    yield "returned Drop Orders", ledger["returned"], numbers["returned"]
    returned = evening.count(METRIC_DROP_ORDERS_RETURNED)
    yield "returned Drop Orders in the report", ledger["returned"], returned
    closed = sum(numbers[end] for end in ("rejected", "returned", "consumed"))
    yield "Drop Orders that came to an end", closed, numbers["drop_orders"]
    yield "units received", ledger["units_received"], numbers["units_received"]
    yield "units sold", ledger["units_sold"], numbers["units_sold"]
    yield "units adjusted", ledger["units_adjusted"], evening.count(METRIC_UNITS_ADJUSTED)
    left = ledger["units_received"] + ledger["units_adjusted"] - ledger["units_sold"]
    yield "units on hand", left, sum(stock.on_hand for stock in evening.stocks)
    yield "units set aside", 0, sum(stock.held for stock in evening.stocks)
    desk = facts.locations[DESK]
    on_desk = sum(stock.on_hand for stock in evening.stocks if stock.location_id == desk)
    yield "units left on the CS desk", 0, on_desk


def _parcels(evening: Evening, numbers: Mapping[str, int], ledger: Ledger) -> Iterator[Row]:
    parcels = ledger["parcels"]
    yield "parcels", parcels, numbers["parcels"]
    yield "labels", parcels, numbers["labels"]
    yield "labels in the report", ledger["labels"], evening.count(METRIC_LABELS_PRINTED)
    yield "labels printed once", parcels, sum(parcel.label_prints for parcel in evening.parcels)
    yield "airway bills", parcels, numbers["awb_assigned"]
    yield "airway bills in the report", parcels, evening.count(METRIC_AIRWAY_BILLS_ASSIGNED)
    yield "airway bills by the courier", parcels - ledger["awb_by_hand"], numbers["awb_by_courier"]
    yield "parcels with couriers", parcels, numbers["handed_to_courier"]
    yield "parcels scanned out", ledger["handed_to_courier"], numbers["handed_to_courier"]


def _paper(evening: Evening, numbers: Mapping[str, int]) -> Iterator[Row]:
    yield "order slips", numbers["orders"], numbers["order_slips"]
    yield "sales receipts", len(evening.sales), numbers["receipts"]
    yield "shift reports", len(evening.shifts), numbers["shift_reports"]
    papers = sum(numbers[kind] for kind in ("order_slips", "receipts", "labels", "shift_reports"))
    yield "print jobs", papers, len(evening.print_jobs)


def _tills(evening: Evening, numbers: Mapping[str, int], ledger: Ledger) -> Iterator[Row]:
    yield "sales", ledger["order_sales"] + ledger["till_sales"], len(evening.sales)
    yield "till sales", ledger["till_sales"], numbers["till_sales"]
    yield "till sales, in minor units", ledger["till_sales_minor"], numbers["till_sales_minor"]
    yield "receipts counted at closing", len(evening.sales), sum(each.sale_count for each in evening.shifts)
    closed = sum(shift.HasField("close_time") for shift in evening.shifts)
    yield "closed shifts", len(evening.shifts), closed
    yield "cash difference, in minor units", -ledger["cash_short_minor"], numbers["cash_difference_minor"]
