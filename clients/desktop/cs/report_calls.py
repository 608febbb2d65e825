"""A day's figures: the totals that the server keeps, and what its sales say of hours and items."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from clients.common.shop import Shop
from kasir.v1.booking_pb2 import (
    ORDER_STATE_BOOKED,
    ORDER_STATE_PARTLY_PAID,
    ListBookingsRequest,
    ListBookingsResponse,
)
from kasir.v1.report_pb2 import (
    GetDayReportRequest,
    GetDayReportResponse,
    GetOpenMoneyRequest,
    GetOpenMoneyResponse,
    MetricTotal,
    OpenMoney,
    ReportGroup,
)
from kasir.v1.sale_pb2 import ListSalesRequest, ListSalesResponse, Sale

# Open orders are counted so far.
COUNTED_MAX = 1_000


@dataclass(frozen=True)
class Day:
    """A day's totals, and what stands open now."""

    date: str
    currency_code: str
    groups: Sequence[ReportGroup]
    open_money: Sequence[OpenMoney]
    # Orders that wait for money, by their state; "1000+" for more than are counted
    open_orders: tuple[str, str]
    location_codes: dict[str, str]

    def total(self, metric: int, dimension: int = 1, key: str = "") -> MetricTotal:
        """One figure of the shop's currency; of nothing when there is none."""
        for group in self.of(dimension):
            if group.key == key:
                return next((each for each in group.totals if each.metric == metric), MetricTotal())
        return MetricTotal()

    def of(self, dimension: int) -> list[ReportGroup]:
        """The groups of one kind, in the shop's currency."""
        return [
            each
            for each in self.groups
            if each.dimension == dimension and each.currency_code in {"", self.currency_code}
        ]


@dataclass
class Tally:
    """What of a day's sales was counted; `newest` is the last of them."""

    date: str
    currency_code: str = ""
    hours: Counter[int] = field(default_factory=Counter)
    receipts: Counter[int] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    newest: int = 0

    def take(self, sale: Sale, hour: int) -> None:
        """Counts one."""
        self.newest = max(self.newest, sale.sale_id)
        if sale.totals.total.currency_code != self.currency_code:
            return
        self.hours[hour] += sale.totals.total.minor_units
        self.receipts[hour] += 1
        for line in sale.lines:
            self.items[line.name] += line.total.minor_units
            self.units[line.name] += line.quantity

    def add(self, later: "Tally") -> None:
        """What was counted after these."""
        self.hours.update(later.hours)
        self.receipts.update(later.receipts)
        self.items.update(later.items)
        self.units.update(later.units)
        self.newest = later.newest


def day(wanted: str, shop: Shop) -> Day:
    """A day of the shop's; today for an empty one."""
    report = shop.call(GetDayReportRequest(date=wanted), GetDayReportResponse)
    open_money = shop.call(GetOpenMoneyRequest(), GetOpenMoneyResponse).open_money
    booked, partly = (_count(shop, state) for state in (ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID))
    codes = {str(place.location_id): place.code for place in shop.locations}
    return Day(report.date, shop.settings.currency_code, report.groups, open_money, (booked, partly), codes)


def _count(shop: Shop, state: int) -> str:
    request = ListBookingsRequest(state=state, page_size=COUNTED_MAX)  # type: ignore[arg-type]
    reply = shop.call(request, ListBookingsResponse)
    return f"{len(reply.orders)}{'+' if reply.next_page_token else ''}"


def count(wanted: str, after: int, shop: Shop) -> Tally:
    """What a day's sales say, without those up to the number `after`."""
    start = datetime.combine(date.fromisoformat(wanted), datetime.min.time(), UTC) - shop.utc_offset
    end = start + timedelta(days=1)
    found = Tally(wanted, shop.settings.currency_code, newest=after)
    # Newest first: those of later days come before, those of earlier ones behind.
    for sale in shop.each(ListSalesRequest(), ListSalesResponse, "sales"):
        at = sale.create_time.ToDatetime(UTC)
        if sale.sale_id <= after or at < start:
            break
        if at < end:
            found.take(sale, (_paid_at(sale, start, end) + shop.utc_offset).hour)
    return found


def _paid_at(sale: Sale, start: datetime, end: datetime) -> datetime:
    """When the customer paid; where that was on another day than the sale counts for, when it came in."""
    if sale.HasField("sold_time") and start <= (sold := sale.sold_time.ToDatetime(UTC)) < end:
        return sold
    return sale.create_time.ToDatetime(UTC)
