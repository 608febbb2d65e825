"""The day: what was sold when and how it was paid, which orders came and went, which money stands open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from clients.common.money import show_amount, show_money
from clients.common.problems import BadInput
from clients.common.times import parse_day
from clients.desktop.calls import Failure
from clients.desktop.charts import Bar, Chart, Columns, Ranking
from clients.desktop.cs import report_calls as calls
from clients.desktop.cs.report_calls import Day, Tally
from clients.desktop.cs.report_words import DIMENSIONS, TENDERS, key_words, metric_words
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Shortcut, Table, button, label, mark, panel
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from kasir.v1 import report_pb2 as report
from kasir.v1.watch_pb2 import RESOURCE_MUTATION, RESOURCE_ORDER, RESOURCE_SALE

TOP_ITEMS = 8
RANKED_MAX = 4
# What is shown of a day without early or late sales
FIRST_HOUR, LAST_HOUR = 8, 20
CHANGED_MS = 1_500
SALES = (report.METRIC_ORDER_SALES, report.METRIC_TILL_SALES)


@dataclass(frozen=True)
class Figure:
    """One row of the table of all figures."""

    number: int
    group: str
    name: str
    count: int
    amount: str


class ReportScreen(Screen):
    """Four numbers, the hours, and rankings; or all figures as a table."""

    NAME = marked("Day report")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        # Empty: today, whatever day that is
        self._wanted = ""
        self.day: Day | None = None
        self.tally = Tally("")
        self._counting = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self._again)
        columns = (
            Column(marked("Of"), lambda figure: figure.group),
            Column(marked("Figure"), lambda figure: figure.name, wide=True),
            Column(marked("Count"), lambda figure: f"{figure.count:,}".replace(",", "."), right=True),
            Column(marked("Amount"), lambda figure: figure.amount, right=True),
        )
        self.figures = PagedTable(desk.calls, columns, lambda figure: figure.number, self)
        self.table = Table(self.figures, ((240, False), (300, True), (130, False), (190, False)))
        self._lay_out()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+Left", marked("the day before"), partial(self.step, -1)),
            Shortcut("Ctrl+Right", marked("the next day"), partial(self.step, 1)),
            Shortcut("Ctrl+T", marked("today"), partial(self.show_day, "")),
            Shortcut("Ctrl+F", marked("another day"), self._to_date),
            Shortcut("Ctrl+K", marked("all figures as a table, or charts"), self.turn),
        )

    def entered(self) -> None:
        """As it is now."""
        self.setFocus()
        self.reload()

    def changed(self, changes: Changes) -> None:
        """What is sold, booked or paid is seen a moment later."""
        if changes.keys() & {RESOURCE_SALE, RESOURCE_ORDER, RESOURCE_MUTATION}:
            self._soon.start()

    def reload(self) -> None:
        """Reads the day, all of it."""
        self.tally = Tally("")
        self._again()

    def show_day(self, wanted: str) -> None:
        """Shows a day, "YYYY-MM-DD"; today for an empty one."""
        self._wanted = wanted
        self.reload()

    def step(self, days: int) -> None:
        """A day before or after the one that is shown."""
        if self.day is not None:
            self.show_day((date.fromisoformat(self.day.date) + timedelta(days)).isoformat())

    def turn(self) -> None:
        """From charts to the table, and back."""
        self.stack.setCurrentIndex(1 - self.stack.currentIndex())
        (self.table if self.stack.currentIndex() else self).setFocus()

    def retranslated(self) -> None:
        """All words anew."""
        self.figures.retranslated()
        self._show()

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.date = QLineEdit()
        self.date.setFixedWidth(140)
        self.date.returnPressed.connect(self._typed)
        before, after = button("", partial(self.step, -1)), button("", partial(self.step, 1))
        before.setText("\N{LEFTWARDS ARROW}")
        after.setText("\N{RIGHTWARDS ARROW}")
        today = button("", partial(self.show_day, ""))
        self.say(today.setText, marked("Today  (Ctrl+T)"))
        turn = button("", self.turn)
        self.say(turn.setText, marked("Charts or table  (Ctrl+K)"))
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(title)
        head.addStretch()
        for each in (before, self.date, after, today, turn):
            head.addWidget(each)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._charts())
        self.stack.addWidget(self.table)
        self.empty = label("muted", wraps=True)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addLayout(head)
        whole.addLayout(self._cards())
        whole.addWidget(self.stack, 1)
        whole.addWidget(self.empty)

    def _cards(self) -> QHBoxLayout:
        cards = QHBoxLayout()
        cards.setSpacing(SPACE)
        self.cards: dict[str, tuple[QLabel, QLabel]] = {}
        titles = (
            ("sales", marked("Sold")),
            ("orders", marked("Orders booked")),
            ("open", marked("Unpaid orders now")),
            ("money", marked("Money without an order now")),
        )
        for name, words in titles:
            frame, inside = panel()
            title, number, remark = label("muted"), label("total"), label("muted", wraps=True)
            self.say(title.setText, words)
            for each in (title, number, remark):
                inside.addWidget(each)
            inside.addStretch()
            self.cards[name] = (number, remark)
            cards.addWidget(frame, 1)
        return cards

    def _charts(self) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(SPACE)
        self.hours = Columns("IDR")
        self.channels, self.tenders, self.items, self.cashiers = Ranking(), Ranking(), Ranking(), Ranking()
        grid.addWidget(self._framed(marked("Sales by the hour"), self.hours), 0, 0, 1, 3)
        grid.addWidget(self._framed(marked("Most sold"), self.items), 0, 3, 2, 1)
        for column, (words, chart) in enumerate(
            (
                (marked("By channel"), self.channels),
                (marked("How it was paid"), self.tenders),
                (marked("By cashier"), self.cashiers),
            )
        ):
            grid.addWidget(self._framed(words, chart), 1, column)
        for column, room in enumerate((3, 3, 3, 4)):
            grid.setColumnStretch(column, room)
        grid.setRowStretch(0, 3)
        grid.setRowStretch(1, 2)
        return made

    def _framed(self, words: str, chart: Chart) -> QFrame:
        frame, inside = panel()
        title = label("muted")
        self.say(title.setText, words)
        inside.addWidget(title)
        inside.addWidget(chart, 1 if isinstance(chart, Columns) else 0)
        inside.addStretch(0 if isinstance(chart, Columns) else 1)
        return frame

    def _to_date(self) -> None:
        self.date.setFocus()
        self.date.selectAll()

    def _typed(self) -> None:
        try:
            wanted = parse_day(self.date.text())
        except BadInput:
            mark(self.date, "bad", "true")
            return
        self.setFocus()
        self.show_day(wanted)

    def _again(self) -> None:
        self.desk.calls.look(self, partial(calls.day, self._wanted), self._took_day, latest="day")

    def _took_day(self, day: Day) -> None:
        self.day = day
        if self.tally.date != day.date:
            self.tally = Tally(day.date, day.currency_code)
        mark(self.date, "bad", "false")
        if not self.date.hasFocus():
            self.date.setText(day.date)
        self._show()
        self._count()

    def _count(self) -> None:
        """Has the day's sales counted that are not counted yet: one count at a time, none while the day is
        read anew.
        """
        if self.tally.date and not self._counting:
            self._counting = True
            work = partial(calls.count, self.tally.date, self.tally.newest)
            self.desk.calls.look(self, work, self._counted, self._not_counted)

    def _counted(self, later: Tally) -> None:
        self._counting = False
        if later.date == self.tally.date and later.newest >= self.tally.newest:
            self.tally.add(later)
            self._show_sales()
        else:
            self._count()

    def _not_counted(self, failure: Failure) -> None:
        self._counting = False
        self.desk.tell_failure(failure)

    def _show(self) -> None:
        if (day := self.day) is None:
            return
        self._show_cards(day)
        self.channels.put(self._ranked(day, report.REPORT_DIMENSION_CHANNEL))
        self.cashiers.put(self._ranked(day, report.REPORT_DIMENSION_CASHIER))
        paid = ((words, day.total(metric)) for metric, words in TENDERS.items())
        self.tenders.put(
            [
                Bar(_(words), total.amount.minor_units, show_money(total.amount))
                for words, total in paid
                if total.count
            ]
        )
        self.figures.put(_figures(day))
        self._show_sales()

    def _show_cards(self, day: Day) -> None:
        code = day.currency_code
        sold = [day.total(metric) for metric in SALES]
        amount = sum(each.amount.minor_units for each in sold)
        receipts, units = sum(each.count for each in sold), day.total(report.METRIC_UNITS_SOLD).count
        self._card("sales", show_amount(amount, code), _("{} receipts, {} items"), receipts, units)
        booked = day.total(report.METRIC_ORDERS_BOOKED)
        ended = [
            day.total(metric).count
            for metric in (
                report.METRIC_ORDERS_PAID,
                report.METRIC_ORDERS_EXPIRED,
                report.METRIC_ORDERS_CANCELLED,
            )
        ]
        words = _("{} paid, {} expired, {} cancelled")
        self._card("orders", str(booked.count), words, *ended)
        self._card("open", day.open_orders[0], _("and {} partly paid"), day.open_orders[1])
        money = {each.kind: each for each in day.open_money if each.amount.currency_code == code}
        open_ = {kind: show_money(each.amount) for kind, each in money.items()}
        nothing = show_amount(0, code)
        others = [
            words.format(amount=open_[kind])
            for kind, words in (
                (report.OPEN_KIND_REFUND_DUE, _("to give back {amount}")),
                (report.OPEN_KIND_CREDIT, _("customers' credit {amount}")),
                (report.OPEN_KIND_PENDING, _("not posted {amount}")),
            )
            if kind in open_
        ]
        unmatched = open_.get(report.OPEN_KIND_UNMATCHED, nothing)
        self._card("money", unmatched, "{}", ", ".join(others))
        mark(self.cards["money"][0], "tint", "warning" if report.OPEN_KIND_UNMATCHED in open_ else "")

    def _card(self, name: str, number: str, words: str, *facts: object) -> None:
        self.cards[name][0].setText(number)
        self.cards[name][1].setText(words.format(*facts))

    def _ranked(self, day: Day, dimension: int) -> list[Bar]:
        """Sales by each of one kind, the largest first."""
        found = []
        for group in day.of(dimension):
            amount = sum(total.amount.minor_units for total in group.totals if total.metric in SALES)
            if amount:
                name = key_words(day, group)
                found.append(Bar(name, amount, show_amount(amount, day.currency_code)))
        return sorted(found, key=lambda bar: -bar.value)[:RANKED_MAX]

    def _show_sales(self) -> None:
        tally = self.tally
        code = tally.currency_code
        self.hours.currency_code = code
        first = min(FIRST_HOUR, *tally.hours) if tally.hours else FIRST_HOUR
        last = max(LAST_HOUR, *tally.hours) if tally.hours else LAST_HOUR
        self.hours.put(
            [
                Bar(
                    f"{hour:02d}",
                    tally.hours[hour],
                    _("{amount}, {receipts} receipts").format(
                        amount=show_amount(tally.hours[hour], code), receipts=tally.receipts[hour]
                    ),
                )
                for hour in range(first, last + 1)
            ]
        )
        self.items.put(
            [
                Bar(f"{tally.units[name]} x {name}", amount, show_amount(amount, code))
                for name, amount in tally.items.most_common(TOP_ITEMS)
            ]
        )
        self.empty.setVisible(not tally.hours)
        self.empty.setText(_("Nothing was sold on this day."))


def _figures(day: Day) -> list[Figure]:
    """Every figure of every group, of every currency."""
    rows: list[Figure] = []
    for group in day.groups:
        kind = _(DIMENSIONS.get(group.dimension, ""))
        name = f"{kind}: {key_words(day, group)}" if group.key else kind
        for total in group.totals:
            amount = show_money(total.amount) if total.amount.minor_units else ""
            rows.append(Figure(len(rows), name, metric_words(total.metric), total.count, amount))
    return rows
