"""What a report's figures and groups are called."""

from clients.desktop.cs.report_calls import Day
from clients.desktop.texts import _, marked
from clients.desktop.words import channel
from kasir.v1 import report_pb2 as report
from kasir.v1.common_pb2 import Channel

DIMENSIONS: dict[int, str] = {
    report.REPORT_DIMENSION_ALL: marked("Everything"),
    report.REPORT_DIMENSION_LOCATION: marked("Location"),
    report.REPORT_DIMENSION_CASHIER: marked("Cashier"),
    report.REPORT_DIMENSION_CHANNEL: marked("Channel"),
}
# How sales were paid: orders by what was allocated to them, tills by their tenders
TENDERS: dict[int, str] = {
    report.METRIC_PAYMENTS: marked("Orders"),
    report.METRIC_TENDERS_CASH: marked("Cash"),
    report.METRIC_TENDERS_CARD: marked("Card"),
    report.METRIC_TENDERS_QR: marked("QR"),
    report.METRIC_TENDERS_TRANSFER: marked("Bank transfer"),
    report.METRIC_TENDERS_EXTERNAL: marked("Marketplace or gateway"),
    report.METRIC_TENDERS_POINTS: marked("Points"),
    report.METRIC_TENDERS_CREDIT: marked("Credit"),
}
METRICS: dict[int, str] = {
    report.METRIC_DROP_ORDERS_REQUESTED: marked("Drop Orders asked for"),
    report.METRIC_DROP_ORDERS_HANDED_OVER: marked("Drop Orders handed over"),
    report.METRIC_DROP_ORDERS_REJECTED: marked("Drop Orders rejected"),
    report.METRIC_DROP_ORDERS_CANCELLED: marked("Drop Orders cancelled"),
    report.METRIC_DROP_ORDERS_RETURNED: marked("Drop Orders returned"),
    report.METRIC_ORDERS_BOOKED: marked("Orders booked"),
    report.METRIC_ORDERS_CANCELLED: marked("Orders cancelled"),
    report.METRIC_ORDERS_EXPIRED: marked("Orders expired"),
    report.METRIC_ORDERS_PAID: marked("Orders paid"),
    report.METRIC_ORDERS_REBOOKED: marked("Orders booked again by late money"),
    report.METRIC_ORDER_SALES: marked("Sales from orders"),
    report.METRIC_TILL_SALES: marked("Sales at tills"),
    report.METRIC_TAX: marked("Tax in sales"),
    report.METRIC_DISCOUNTS: marked("Discounts in sales"),
    report.METRIC_SHIPPING: marked("Shipping in sales"),
    report.METRIC_PAYMENTS: marked("Payments of orders"),
    report.METRIC_PAYMENTS_UNDONE: marked("Payments taken back"),
    report.METRIC_REFUNDS_DUE: marked("Refunds that fell due"),
    report.METRIC_REFUNDED: marked("Given back"),
    report.METRIC_UNITS_SOLD: marked("Units sold"),
    report.METRIC_UNITS_RECEIVED: marked("Units received"),
    report.METRIC_UNITS_ADJUSTED: marked("Units adjusted"),
    report.METRIC_LABELS_PRINTED: marked("Labels printed"),
    report.METRIC_AIRWAY_BILLS_ASSIGNED: marked("Airway bills assigned"),
    report.METRIC_PARCELS_HANDED_OVER: marked("Parcels handed to couriers"),
    report.METRIC_PARCELS_DELIVERED: marked("Parcels delivered"),
    report.METRIC_CASH_DIFFERENCE: marked("Shifts closed, cash over or short"),
    report.METRIC_TENDERS_CASH: marked("Cash taken at tills"),
    report.METRIC_TENDERS_CARD: marked("Cards taken at tills"),
    report.METRIC_TENDERS_QR: marked("QR payments at tills"),
    report.METRIC_TENDERS_TRANSFER: marked("Bank transfers at tills"),
    report.METRIC_TENDERS_POINTS: marked("Points redeemed at tills"),
    report.METRIC_TENDERS_CREDIT: marked("Credit used at tills"),
    report.METRIC_TENDERS_EXTERNAL: marked("Marketplace and gateway payments at tills"),
    report.METRIC_CASH_IN: marked("Cash put into drawers"),
    report.METRIC_CASH_OUT: marked("Cash taken from drawers"),
    report.METRIC_UNIQUE_CODES: marked("Unique codes in sales"),
    report.METRIC_UNITS_TRANSFERRED: marked("Units moved to another location"),
    report.METRIC_LATE_PAYMENTS: marked("Payments after the deadline"),
    report.METRIC_WRITE_OFFS: marked("Written off"),
    report.METRIC_CREDITS: marked("Became customers' credit"),
    report.METRIC_SALES_REFUNDED: marked("Given back at tills"),
    report.METRIC_TAX_REFUNDED: marked("Tax in what tills gave back"),
    report.METRIC_DISCOUNTS_REFUNDED: marked("Discounts in what tills gave back"),
    report.METRIC_UNITS_REFUNDED: marked("Units given back at tills"),
    report.METRIC_REFUNDS_CASH: marked("Cash given back at tills"),
    report.METRIC_REFUNDS_CARD: marked("Given back to cards"),
    report.METRIC_REFUNDS_QR: marked("Given back by QR"),
    report.METRIC_REFUNDS_TRANSFER: marked("Given back by bank transfer"),
    report.METRIC_REFUNDS_POINTS: marked("Points given back at tills"),
    report.METRIC_REFUNDS_CREDIT: marked("Became credit at tills"),
    report.METRIC_REFUNDS_EXTERNAL: marked("Given back through marketplaces and gateways"),
}


def metric_words(metric: int) -> str:
    """Such as "Orders expired"; the contract's name for one that is new."""
    found = METRICS.get(metric)
    return _(found) if found else report.Metric.Name(metric).removeprefix("METRIC_").lower()  # type: ignore[arg-type]


def key_words(day: Day, group: report.ReportGroup) -> str:
    """Which of its kind a group is: a location's code, a channel's name, a cashier."""
    if group.dimension == report.REPORT_DIMENSION_LOCATION:
        return day.location_codes.get(group.key, group.key)
    if group.dimension == report.REPORT_DIMENSION_CHANNEL:
        name = f"CHANNEL_{group.key}"
        return channel(Channel.Value(name)) if name in Channel.DESCRIPTOR.values_by_name else group.key
    return group.key
