"""The day in customer service's window, over a real server: figures as the report has them, and charts."""

import datetime as dt
import re
from functools import partial

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from clients.desktop import texts, theme
from clients.desktop.charts import Bar, Columns, Ranking, nice, short
from clients.desktop.cs.report_calls import Tally, count
from clients.desktop.cs.report_words import METRICS
from kasir.v1 import report_pb2 as report
from kasir.v1.admin_pb2 import GetSettingsRequest, GetSettingsResponse, Settings
from kasir.v1.booking_pb2 import Totals
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import ListSalesRequest, ListSalesResponse, Sale
from tests.clients.conftest import KOPI, SARI

CONTROL = Qt.KeyboardModifier.ControlModifier
WIB = dt.timezone(dt.timedelta(hours=7))


@pytest.fixture
def traded(run, shop) -> None:
    """Two orders sold, one waiting, one cancelled; a sale at a till; money that nobody knows."""
    for line in ("KOPI-01x2@GUDANG", "GULA-5@GUDANG", "GULA-5@GUDANG", "GULA-5@GUDANG"):
        run("cs", "book", "--line", line, *SARI)
    for order in ("1", "2"):
        run("cs", "pay", order, "--method", "cash")
    run("cs", "cancel", "4")
    run("cs", "sell", "--all-paid")
    run("till", "open", "KASIR-1", "--cash", "100.000", actor="budi")
    run("till", "sell", "--scan", KOPI, "--cash", "200.000", actor="budi")


def shown(window, wait) -> None:
    window.go(window.report)
    wait(lambda: window.report.day is not None and sum(window.report.tally.receipts.values()) == 3)


def minor(total: dict) -> int:
    return int(total["amount"]["minor_units"])


def all_totals(ask) -> dict[str, dict]:
    (group,) = [g for g in ask("report", "day")["groups"] if g["dimension"] == "REPORT_DIMENSION_ALL"]
    return {each["metric"]: each for each in group["totals"]}


def test_the_days_figures_are_the_servers(traded, window, wait, ask):
    shown(window, wait)
    screen = window.report
    totals = all_totals(ask)
    sold = minor(totals["METRIC_ORDER_SALES"]) + minor(totals["METRIC_TILL_SALES"])
    assert screen.cards["sales"][0].text() == f"Rp {sold // 100:,}".replace(",", ".")
    assert screen.cards["sales"][1].text() == "3 receipts, 4 items"
    assert screen.cards["orders"][0].text() == "4"
    assert screen.cards["orders"][1].text() == "2 paid, 0 expired, 1 cancelled"
    assert screen.cards["open"][0].text() == "1"
    assert screen.cards["money"][0].text() == "Rp 0"
    # Hours, channels, cashiers and items each make up what was sold.
    assert sum(screen.tally.hours.values()) == sold
    assert sum(bar.value for bar in screen.channels.bars) == sold
    assert sum(bar.value for bar in screen.cashiers.bars) == sold
    assert sum(screen.tally.items.values()) == sold
    assert {bar.name for bar in screen.channels.bars} == {"Chat", "Till"}
    assert {bar.name for bar in screen.cashiers.bars} == {"sari", "budi"}
    assert screen.items.bars[0].name.startswith("3 x Kopi")
    assert {bar.name for bar in screen.tenders.bars} == {"Orders", "Cash"}
    hour = dt.datetime.now(WIB).hour
    assert {int(bar.name) for bar in screen.hours.bars if bar.value} <= {hour, (hour - 1) % 24}


def test_what_is_sold_meanwhile_is_counted_once(traded, window, wait, run, ask):
    shown(window, wait)
    run("till", "sell", "--scan", KOPI, "--cash", "200.000", actor="budi")
    wait(lambda: sum(window.report.tally.receipts.values()) == 4)
    totals = all_totals(ask)
    sold = minor(totals["METRIC_ORDER_SALES"]) + minor(totals["METRIC_TILL_SALES"])
    assert sum(window.report.tally.hours.values()) == sold


def test_another_day_by_key_and_typed(traded, window, wait):
    shown(window, wait)
    today = window.report.day.date
    QTest.keyClick(window, Qt.Key.Key_Left, CONTROL)
    wait(lambda: window.report.day.date < today)
    wait(window.report.empty.isVisible)
    assert window.report.cards["sales"][0].text() == "Rp 0"
    assert not any(bar.value for bar in window.report.hours.bars)
    QTest.keyClick(window, Qt.Key.Key_T, CONTROL)
    wait(lambda: window.report.day.date == today and window.report.tally.hours)
    QTest.keyClick(window, Qt.Key.Key_F, CONTROL)
    window.report.date.setText("last tuesday")
    QTest.keyClick(window.report.date, Qt.Key.Key_Return)
    assert window.report.date.property("bad") == "true"
    window.report.date.setText("2026-01-02")
    QTest.keyClick(window.report.date, Qt.Key.Key_Return)
    wait(lambda: window.report.day.date == "2026-01-02")


def test_a_count_that_ends_while_another_day_is_read_is_left_aside(traded, window, wait):
    shown(window, wait)
    screen = window.report
    screen._counting = True
    screen.reload()
    screen._counted(Tally("2026-01-02", "IDR", newest=1))
    wait(lambda: sum(screen.tally.receipts.values()) == 3)
    assert not window.desk.notice.isVisible()


def test_all_figures_stand_in_a_table(traded, window, wait, ask):
    shown(window, wait)
    QTest.keyClick(window, Qt.Key.Key_K, CONTROL)
    assert window.report.table.isVisible()
    model = window.report.figures
    rows = [
        tuple(model.data(model.index(row, column)) for column in range(4)) for row in range(model.rowCount())
    ]
    assert len(rows) == sum(len(group["totals"]) for group in ask("report", "day")["groups"])
    assert ("Everything", "Orders booked", "4") in {row[:3] for row in rows}
    assert ("Location: TOKO", "Sales at tills", "1") in {row[:3] for row in rows}
    assert ("Channel: Till", "Sales at tills", "1") in {row[:3] for row in rows}


def test_every_figure_of_the_contract_has_a_name():
    assert set(METRICS) == {number for number in report.Metric.values() if number}


def test_bars_are_painted_as_high_as_they_are(qtbot, qapp):
    chart = Columns("IDR")
    qtbot.addWidget(chart)
    chart.resize(600, 300)
    chart.put([Bar("08", 0, ""), Bar("09", 300_000_00, ""), Bar("10", 150_000_00, "")])
    heights = []
    image = chart.grab().toImage()
    ink = QColor(theme.colours().accent).rgb()
    for number in range(3):
        x = int(chart.area_of(number).center().x())
        heights.append(sum(image.pixel(x, y) == ink for y in range(image.height())))
    assert heights[0] == 0
    assert heights[1] == pytest.approx(chart.area_of(1).height(), abs=3)
    assert heights[2] == pytest.approx(heights[1] / 2, abs=3)


def test_a_ranking_is_painted_as_long_as_its_bars_are(qtbot, qapp):
    chart = Ranking()
    qtbot.addWidget(chart)
    chart.resize(400, 2 * Ranking.ROW_PX)
    chart.put([Bar("a", 100, "100"), Bar("b", 25, "25")])
    image = chart.grab().toImage()
    ink = QColor(theme.colours().accent).rgb()
    lengths = []
    for number in range(2):
        y = number * Ranking.ROW_PX + 30
        lengths.append(sum(image.pixel(x, y) == ink for x in range(image.width())))
    assert lengths[0] == pytest.approx(400, abs=6)
    assert lengths[1] == pytest.approx(100, abs=6)


@pytest.mark.parametrize(
    ("largest", "end"), [(0, 1), (1, 1), (4, 5), (51, 80), (100, 100), (101, 200), (900, 1000)]
)
def test_an_axis_ends_at_a_round_number(largest, end):
    assert nice(largest) == end


def test_amounts_on_an_axis_are_short_in_either_language(settings):
    assert [short(each, "IDR") for each in (0, 50_000_00, 1_500_000_00, 2_000_000_000_00)] == [
        "0",
        "50 k",
        "1.5 m",
        "2 bn",
    ]
    texts.speak("id")
    assert short(1_500_000_00, "IDR") == "1,5 jt"
    texts.speak("en")
    assert re.fullmatch(r"[\d.]+ k", short(50_000_00, "IDR"))


def at(day: str, hour: int) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(dt.datetime.fromisoformat(f"{day}T{hour:02d}:30").replace(tzinfo=WIB))
    return made


def test_a_sale_is_shown_at_the_hour_in_which_it_was_paid(scripted, calls, wait):
    """A till that was without its line brings its sales hours later; a sale counts on the day it came in."""
    day, before = "2026-11-27", "2026-11-26"
    total = Totals(total=Money(currency_code="IDR", minor_units=1_000))
    facts = ((4, at(day, 15), None), (3, at(day, 14), at(day, 9)), (2, at(day, 8), at(before, 22)))
    sales = [
        Sale(sale_id=number, create_time=came, sold_time=paid, totals=total) for number, came, paid in facts
    ]
    scripted.answers(ListSalesRequest, ListSalesResponse(sales=sales))
    settings = Settings(currency_code="IDR", utc_offset=Duration(seconds=7 * 3600))
    scripted.answers(GetSettingsRequest, GetSettingsResponse(settings=settings))
    counted = []
    owner = QObject()
    calls(scripted.address).look(owner, partial(count, day, 0), counted.append)
    wait(lambda: counted)
    assert dict(counted[0].receipts) == {15: 1, 9: 1, 8: 1}
