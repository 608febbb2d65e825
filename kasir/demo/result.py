"""What the server says at the end of the day: everything it lists, and its reports."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clients.common.shop import Shop
from kasir.demo.opening import Facts
from kasir.demo.plan import CONNECTED_COURIER
from kasir.v1.admin_pb2 import GetStatusRequest, GetStatusResponse
from kasir.v1.booking_pb2 import (
    ORDER_STATE_BOOKED,
    ORDER_STATE_CANCELLED,
    ORDER_STATE_DELIVERED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_HANDED_TO_COURIER,
    ORDER_STATE_PAID,
    ORDER_STATE_PARTLY_PAID,
    ORDER_STATE_REFUND_DUE,
    ORDER_STATE_SOLD,
    ListBookingsRequest,
    ListBookingsResponse,
    Order,
)
from kasir.v1.catalogue_pb2 import ListItemsRequest, ListItemsResponse, Stock
from kasir.v1.customer_pb2 import ListCustomersRequest, ListCustomersResponse
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_CONSUMED,
    DROP_ORDER_STATE_REJECTED,
    DROP_ORDER_STATE_RETURNED,
    DropOrder,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
)
from kasir.v1.print_pb2 import (
    DOCUMENT_KIND_ORDER_SLIP,
    DOCUMENT_KIND_SALES_RECEIPT,
    DOCUMENT_KIND_SHIFT_REPORT,
    PRINT_JOB_STATE_PRINTED,
    ListPrintJobsRequest,
    ListPrintJobsResponse,
    PrintJob,
)
from kasir.v1.reconciliation_pb2 import (
    MUTATION_STATE_CONFIRMED,
    MUTATION_STATE_IGNORED,
    MUTATION_STATE_PENDING,
    ListMutationsRequest,
    ListMutationsResponse,
    Mutation,
)
from kasir.v1.report_pb2 import (
    METRIC_CASH_DIFFERENCE,
    METRIC_DROP_ORDERS_HANDED_OVER,
    METRIC_ORDER_SALES,
    METRIC_ORDERS_BOOKED,
    METRIC_ORDERS_REBOOKED,
    METRIC_PARCELS_HANDED_OVER,
    METRIC_TILL_SALES,
    METRIC_UNITS_RECEIVED,
    METRIC_UNITS_SOLD,
    REPORT_DIMENSION_ALL,
    GetDayReportRequest,
    GetDayReportResponse,
    Metric,
)
from kasir.v1.sale_pb2 import ListSalesRequest, ListSalesResponse, Sale
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    LABEL_STATE_LABELLED,
    ListParcelsRequest,
    ListParcelsResponse,
    Parcel,
)
from kasir.v1.stock_pb2 import ListStocksRequest, ListStocksResponse
from kasir.v1.till_pb2 import ListShiftsRequest, ListShiftsResponse, Shift

ALL = 1_000_000
OPEN = frozenset({ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID})
SOLD = frozenset({ORDER_STATE_SOLD, ORDER_STATE_HANDED_TO_COURIER, ORDER_STATE_DELIVERED})


@dataclass(frozen=True)
class Evening:
    """Everything that the server lists at the end, and its reports of the day, or of two around midnight."""

    orders: Sequence[Order]
    drop_orders: Sequence[DropOrder]
    mutations: Sequence[Mutation]
    sales: Sequence[Sale]
    parcels: Sequence[Parcel]
    print_jobs: Sequence[PrintJob]
    shifts: Sequence[Shift]
    stocks: Sequence[Stock]
    items: int
    customers: int
    reports: Sequence[GetDayReportResponse]
    status: GetStatusResponse

    def count(self, metric: Metric.ValueType) -> int:
        """What the reports count of the whole shop."""
        return sum(total.count for total in self._totals(metric))

    def amount_minor(self, metric: Metric.ValueType) -> int:
        """How much money that was."""
        return sum(total.amount.minor_units for total in self._totals(metric))

    def _totals(self, metric: Metric.ValueType) -> Iterator[Any]:
        for report in self.reports:
            for group in report.groups:
                if group.dimension == REPORT_DIMENSION_ALL:
                    yield from (total for total in group.totals if total.metric == metric)

    def connected_parcels(self, courier_id: int) -> list[Parcel]:
        """Parcels with a number of this courier."""
        return [
            parcel
            for parcel in self.parcels
            if parcel.courier_id == courier_id and parcel.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
        ]


def look(shop: Shop, facts: Facts, first_day: dt.date, last_day: dt.date) -> Evening:
    """Asks the server for everything."""

    def listed(request: Any, reply_type: type[Any], field: str) -> list[Any]:
        return shop.pages(request, reply_type, field, ALL)

    stocks: list[Stock] = []
    for location_id in facts.locations.values():
        stocks += listed(ListStocksRequest(location_id=location_id), ListStocksResponse, "stocks")
    days = [first_day + dt.timedelta(days=each) for each in range((last_day - first_day).days + 1)]
    return Evening(
        orders=listed(ListBookingsRequest(), ListBookingsResponse, "orders"),
        drop_orders=listed(ListDropOrdersRequest(), ListDropOrdersResponse, "drop_orders"),
        mutations=listed(ListMutationsRequest(), ListMutationsResponse, "mutations"),
        sales=listed(ListSalesRequest(), ListSalesResponse, "sales"),
        parcels=listed(ListParcelsRequest(), ListParcelsResponse, "parcels"),
        print_jobs=listed(ListPrintJobsRequest(), ListPrintJobsResponse, "jobs"),
        shifts=listed(ListShiftsRequest(), ListShiftsResponse, "shifts"),
        stocks=stocks,
        items=len(listed(ListItemsRequest(), ListItemsResponse, "items")),
        customers=len(listed(ListCustomersRequest(), ListCustomersResponse, "customers")),
        reports=[shop.call(GetDayReportRequest(date=day.isoformat()), GetDayReportResponse) for day in days],
        status=shop.call(GetStatusRequest(), GetStatusResponse),
    )


def figures(evening: Evening, facts: Facts) -> dict[str, int]:
    """The day in numbers, all of them the server's. Orders are counted where they ended."""
    states = Counter(order.state for order in evening.orders)
    drop_orders = Counter(each.state for each in evening.drop_orders)
    mutations = Counter(each.state for each in evening.mutations)
    printed = Counter(each.kind for each in evening.print_jobs if each.state == PRINT_JOB_STATE_PRINTED)
    sold = sum(states[state] for state in SOLD)
    assigned = [each for each in evening.parcels if each.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED]
    return {
        "orders": len(evening.orders),
        "booked": evening.count(METRIC_ORDERS_BOOKED),
        "cancelled": states[ORDER_STATE_CANCELLED],
        "expired": states[ORDER_STATE_EXPIRED],
        "rebooked": evening.count(METRIC_ORDERS_REBOOKED),
        "open": sum(states[state] for state in OPEN),
        "paid": states[ORDER_STATE_PAID] + sold,
        "sold": sold,
        "refund_due": states[ORDER_STATE_REFUND_DUE],
        "parcels": len(evening.parcels),
        "labels": sum(each.label_state == LABEL_STATE_LABELLED for each in evening.parcels),
        "awb_assigned": len(assigned),
        "awb_by_courier": len(evening.connected_parcels(facts.couriers[CONNECTED_COURIER])),
        "handed_to_courier": evening.count(METRIC_PARCELS_HANDED_OVER),
        "till_sales": evening.count(METRIC_TILL_SALES),
        "receipts": printed[DOCUMENT_KIND_SALES_RECEIPT],
        "order_slips": printed[DOCUMENT_KIND_ORDER_SLIP],
        "shift_reports": printed[DOCUMENT_KIND_SHIFT_REPORT],
        "drop_orders": len(evening.drop_orders),
        "handed_over": evening.count(METRIC_DROP_ORDERS_HANDED_OVER),
        "rejected": drop_orders[DROP_ORDER_STATE_REJECTED],
        "returned": drop_orders[DROP_ORDER_STATE_RETURNED],
        "consumed": drop_orders[DROP_ORDER_STATE_CONSUMED],
        "mutations": len(evening.mutations),
        "mutations_confirmed": mutations[MUTATION_STATE_CONFIRMED],
        "mutations_ignored": mutations[MUTATION_STATE_IGNORED],
        "mutations_pending": mutations[MUTATION_STATE_PENDING],
        "items": evening.items,
        "customers": evening.customers,
        "units_received": evening.count(METRIC_UNITS_RECEIVED),
        "units_sold": evening.count(METRIC_UNITS_SOLD),
        "order_sales_minor": evening.amount_minor(METRIC_ORDER_SALES),
        "till_sales_minor": evening.amount_minor(METRIC_TILL_SALES),
        "cash_difference_minor": evening.amount_minor(METRIC_CASH_DIFFERENCE),
        "commands": evening.status.commands,
        "revision": evening.status.revision,
    }
