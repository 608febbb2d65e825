"""Reports of a day or a month, and of what money stands open: `kasir report`."""

import csv
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from clients.common.commands import command, new_app
from clients.common.money import show_money
from clients.common.numbers import parse_whole
from clients.common.output import state_number, state_words, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.times import parse_day, parse_month
from kasir.v1.report_pb2 import (
    METRIC_CREDITS,
    METRIC_LATE_PAYMENTS,
    METRIC_REFUNDED,
    METRIC_REFUNDS_DUE,
    METRIC_WRITE_OFFS,
    OPEN_KIND_CREDIT,
    OPEN_KIND_PENDING,
    OPEN_KIND_REFUND_DUE,
    OPEN_KIND_UNMATCHED,
    REPORT_DIMENSION_ALL,
    REPORT_DIMENSION_LOCATION,
    GetDayReportRequest,
    GetDayReportResponse,
    GetMonthReportRequest,
    GetMonthReportResponse,
    GetOpenMoneyRequest,
    GetOpenMoneyResponse,
    Metric,
    MetricTotal,
    OpenKind,
    OpenMoney,
    ReportDimension,
    ReportGroup,
)

app = new_app("report", "Reports: everything that happened on a day or in a month; open money.")

CSV_COLUMNS = ("period", "group", "key", "metric", "count", "currency", "amount_minor_units")

By = Annotated[
    str, typer.Option("--by", help="Only these groups: all, location, cashier, channel. Else every group.")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values; amounts in minor units.")]


@command(
    app,
    "day",
    ["kasir report day", "kasir report day 2026-03-05 --by cashier", "kasir report day --csv > day.csv"],
)
def day(
    shop: Shop,
    date: Annotated[str, typer.Argument(metavar="[YYYY-MM-DD]", help="The day; else today.")] = "",
    by: By = "",
    as_csv: AsCsv = False,
) -> None:
    """Report one day of the shop's time zone."""
    reply = shop.call(GetDayReportRequest(date=parse_day(date) if date else ""), GetDayReportResponse)
    _show(shop, reply, reply.date, reply.groups, by, as_csv)


@command(
    app,
    "month",
    ["kasir report month", "kasir report month 2026-03 --by channel", "kasir report month --json"],
)
def month(
    shop: Shop,
    month_: Annotated[str, typer.Argument(metavar="[YYYY-MM]", help="The month; else this one.")] = "",
    by: By = "",
    as_csv: AsCsv = False,
) -> None:
    """Report one month."""
    request = GetMonthReportRequest(month=parse_month(month_) if month_ else "")
    reply = shop.call(request, GetMonthReportResponse)
    _show(shop, reply, reply.month, reply.groups, by, as_csv)


# Why money is open, and the command that lists it.
_OPEN: dict[int, tuple[str, str]] = {
    OPEN_KIND_REFUND_DUE: ("To give back", "kasir cs refunds"),
    OPEN_KIND_CREDIT: ("Customers' credit", "kasir cs credits"),
    OPEN_KIND_UNMATCHED: ("Came in, not matched", "kasir cs proposals; kasir cs mutations --state posted"),
    OPEN_KIND_PENDING: ("Not posted by the bank yet", "kasir cs mutations --state pending"),
}
# What became of money today that did not go as planned.
_OF_TODAY = (METRIC_LATE_PAYMENTS, METRIC_CREDITS, METRIC_WRITE_OFFS, METRIC_REFUNDS_DUE, METRIC_REFUNDED)


@command(app, "money", ["kasir report money", "kasir report money --json"])
def money(shop: Shop) -> None:
    """Report what money stands open now: to give back, owed as credit, not matched, not posted.

    Beside it, what came late today, became credit, was written off, is to be given back or was.
    """
    reply = shop.call(GetOpenMoneyRequest(), GetOpenMoneyResponse)
    today = shop.call(GetDayReportRequest(), GetDayReportResponse)
    totals = [
        total
        for group in today.groups
        if group.dimension == REPORT_DIMENSION_ALL
        for total in group.totals
        if total.metric in _OF_TODAY
    ]
    value = {"open_money": reply.open_money, "date": today.date, "totals": totals}
    shop.output.emit(value, lambda: _money_view(reply.open_money, today.date, totals))


def _money_view(open_money: Sequence[OpenMoney], date: str, totals: Sequence[MetricTotal]) -> RenderableType:
    open_rows = []
    for each in open_money:
        words, listed_by = _OPEN.get(each.kind) or (state_words(OpenKind, each.kind, "OPEN_KIND"), "")
        open_rows.append((words, str(each.count), show_money(each.amount), listed_by))
    of_today = [(metric_words(each.metric), str(each.count), show_money(each.amount)) for each in totals]
    parts = [
        table("Open money", ("", ">Count", ">Amount", "See"), open_rows)
        if open_rows
        else Text("No money stands open.")
    ]
    if of_today:
        parts.append(table(f"Today, {date}", ("", ">Count", ">Amount"), of_today))
    return Group(*parts)


def _show(
    shop: Shop,
    reply: GetDayReportResponse | GetMonthReportResponse,
    period: str,
    groups: Iterable[ReportGroup],
    by: str,
    as_csv: bool,
) -> None:
    if as_csv and shop.output.as_json:
        raise BadInput("Choose one of --csv and --json.")
    wanted = state_number(ReportDimension, by, "REPORT_DIMENSION")
    chosen = [group for group in groups if wanted in {0, group.dimension}]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        writer.writerows(_csv_rows(shop, period, chosen))
        return
    if wanted:
        del reply.groups[:]
        reply.groups.extend(chosen)
    shop.output.emit(reply, lambda: report_view(shop, period, chosen))


def report_view(shop: Shop, period: str, groups: Sequence[ReportGroup]) -> Group:
    """The whole shop as one table; beside it, for each kind of group, a table with a column a group."""
    parts = []
    for dimension in dict.fromkeys(group.dimension for group in groups):
        of_kind = [group for group in groups if group.dimension == dimension]
        words = state_words(ReportDimension, dimension, "REPORT_DIMENSION")
        title = f"Report {period}" if dimension == REPORT_DIMENSION_ALL else f"By {words}"
        parts.append(_dimension_table(shop, title, of_kind))
    if not parts:
        return Group(table(f"Report {period}", ("Nothing happened.",), ()))
    return Group(*parts)


def _dimension_table(shop: Shop, title: str, groups: Sequence[ReportGroup]) -> RenderableType:
    whole = len(groups) == 1 and groups[0].dimension == REPORT_DIMENSION_ALL
    by_metric: dict[int, dict[int, tuple[str, str]]] = {}
    for index, group in enumerate(groups):
        for total in group.totals:
            amount = show_money(total.amount) if total.HasField("amount") and total.amount.minor_units else ""
            by_metric.setdefault(total.metric, {})[index] = (str(total.count), amount)
    if whole:
        rows = [(metric_words(metric), *cells[0]) for metric, cells in sorted(by_metric.items())]
        return table(title, ("", ">Count", ">Amount"), rows)
    rows_of_groups = [
        (
            metric_words(metric),
            *(" ".join(cells.get(index, ("", ""))).strip() for index in range(len(groups))),
        )
        for metric, cells in sorted(by_metric.items())
    ]
    return table(title, ("", *(f">{_key(shop, group)}" for group in groups)), rows_of_groups)


def metric_words(metric: int) -> str:
    """A metric as people read it, like "Book Orders expired"."""
    words = state_words(Metric, metric, "METRIC").capitalize()
    if words.startswith("Orders "):
        return f"Book {words}"
    return words.replace("Drop orders", "Drop Orders")


def _key(shop: Shop, group: ReportGroup) -> str:
    number = parse_whole(group.key)
    if group.dimension == REPORT_DIMENSION_LOCATION and number is not None:
        return shop.location_code(number)
    return group.key or "all"


def _csv_rows(shop: Shop, period: str, groups: Iterable[ReportGroup]) -> Iterable[tuple[object, ...]]:
    for group in groups:
        dimension = state_words(ReportDimension, group.dimension, "REPORT_DIMENSION")
        for total in group.totals:
            metric = Metric.Name(total.metric).removeprefix("METRIC_").lower()
            amount = total.amount.minor_units if total.HasField("amount") else ""
            key = _key(shop, group) if group.key else ""
            yield (period, dimension, key, metric, total.count, group.currency_code, amount)
