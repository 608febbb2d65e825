"""The shift: opened and closed with counted cash, cash put in and taken out, X and Z."""

from collections.abc import Iterable
from functools import partial

from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from clients.common.money import show_amount, show_money
from clients.common.problems import BadInput
from clients.common.times import show_time
from clients.desktop.calls import Failure
from clients.desktop.parts import SPACE, Shortcut, button, label, panel
from clients.desktop.texts import _, marked
from clients.desktop.till.count import Count
from clients.desktop.till.pad import Amount, AmountField
from clients.desktop.till.pay import KINDS
from clients.desktop.till.rows import Figures
from clients.desktop.till.work import State, TillDesk
from clients.desktop.window import Desk, Screen
from clients.till.counting import Report
from clients.till.limits import REASON_MAX
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import TENDER_KIND_CASH
from kasir.v1.till_pb2 import Shift, TenderTotal


class ShiftScreen(Screen):
    """Closed: count and open. Open: how it stands; count and close."""

    NAME = marked("Shift")

    def __init__(self, desk: Desk, till: TillDesk) -> None:
        super().__init__(desk)
        self.till = till
        self.currency = till.till.settings.currency_code
        self.report: Report | None = None
        self.pages = QStackedWidget()
        self.opening = Count(self.currency, marked("Open the shift  (Enter)"))
        self.opening.counted.connect(self._open)
        self.closing = Count(self.currency, marked("Close the shift  (Enter)"))
        self.closing.counted.connect(self._close)
        self.opening_page = self._counting(
            self.opening,
            marked("Open the shift"),
            marked("Count what is in the drawer, and the day can begin."),
        )
        self.closing_page = self._counting(
            self.closing,
            marked("Close the shift"),
            marked("Count the drawer. What should be in it is told afterwards."),
        )
        self.open_page = self._open_page()
        for page in (self.opening_page, self.open_page, self.closing_page):
            self.pages.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)
        till.stands.connect(self._stands)

    def shortcuts(self) -> tuple[Shortcut, ...]:
        """Keys of this screen."""
        return (
            Shortcut("F7", marked("cash into the drawer"), partial(self.ask_cash, 1)),
            Shortcut("F8", marked("cash out of the drawer"), partial(self.ask_cash, -1)),
            Shortcut("F9", marked("X: how the shift stands"), self.look),
            Shortcut("F12", marked("close the shift"), self.begin_closing),
        )

    def entered(self) -> None:
        """As it stands now."""
        if self.till.shift is None:
            self.pages.setCurrentWidget(self.open_page if self._is_z else self.opening_page)
            self.opening.begin()
            return
        self.pages.setCurrentWidget(self.open_page)
        self.look()

    def reload(self) -> None:
        """Anything may have changed."""
        if self.till.shift is not None:
            self.look()

    def retranslated(self) -> None:
        """Figures in the other language."""
        if self.report is not None:
            self._show(self.report)

    # --- What is done ---

    def look(self) -> None:
        """X: how the open shift stands."""
        if self.till.shift is not None:
            self.till.look(self, lambda till: till.x(), self._show, latest="x")

    def begin_closing(self) -> None:
        """Counts the drawer."""
        if self.till.shift is None:
            self._begin_anew()
        elif self.pages.currentWidget() is self.open_page:
            self.pages.setCurrentWidget(self.closing_page)
            self.closing.begin()

    def ask_cash(self, sign: int) -> None:
        """Cash into the drawer, or out of it, and why."""
        if self.till.shift is None:
            return
        title = marked("Cash into the drawer") if sign > 0 else marked("Cash out of the drawer")
        field = AmountField(self.currency)
        reason = QLineEdit()
        reason.setMaxLength(REASON_MAX)

        def taken(minor: int) -> None:
            amount = Money(currency_code=self.currency, minor_units=sign * minor)
            words = reason.text().strip()
            if not words:
                raise BadInput("Say why.")
            self.till.do(self, lambda till: till.move_cash(amount, words), self._moved)

        asked = Amount(self, title, marked("Record  (Enter)"), field, taken)
        asked.say(reason.setPlaceholderText, marked("Why: small change, parking …"))
        asked.body.insertWidget(1, reason)
        asked.open()

    def _open(self, minor: int) -> None:
        amount = Money(currency_code=self.currency, minor_units=minor)
        self.till.do(self, lambda till: till.open_shift(amount), self._opened, self._refused)

    def _opened(self, report: Report) -> None:
        self._show(report)
        self.pages.setCurrentWidget(self.open_page)
        self.desk.tell(_("The shift is open: F2 sells."))

    def _close(self, minor: int) -> None:
        amount = Money(currency_code=self.currency, minor_units=minor)
        self.till.do(self, lambda till: till.close_shift(amount), self._closed, self._refused)

    def _closed(self, report: Report) -> None:
        self._show(report)
        self.pages.setCurrentWidget(self.open_page)
        self.desk.tell(_("The shift is closed."))

    def _moved(self, report: Report) -> None:
        self._show(report)
        self.desk.tell(_("Recorded."))

    def _refused(self, failure: Failure) -> None:
        self.desk.tell_failure(failure)
        for each in (self.opening, self.closing):
            each.counting_goes_on()

    def _begin_anew(self) -> None:
        self.report = None
        self.pages.setCurrentWidget(self.opening_page)
        self.opening.begin()

    # --- What stands here ---

    @property
    def _is_z(self) -> bool:
        return self.report is not None and self.report.shift.HasField("close_time")

    def _stands(self, state: State) -> None:
        """The shift may have been opened or closed elsewhere."""
        page = self.pages.currentWidget()
        if state.shift is not None and page is self.opening_page:
            self.pages.setCurrentWidget(self.open_page)
            self.look()
        elif state.shift is None and page is self.open_page and not self._is_z:
            self._begin_anew()

    def _show(self, report: Report) -> None:
        self.report = report
        shift = report.shift
        closed = shift.HasField("close_time")
        offset = self.till.till.settings.utc_offset.ToTimedelta()
        number = str(shift.shift_id) if shift.shift_id else _("not numbered yet")
        name = _("Z report, shift {number}") if closed else _("X report, shift {number}")
        self.title.setText(name.format(number=number))
        since = _("{cashier}, since {time}").format(
            cashier=shift.cashier, time=show_time(shift.open_time, offset)
        )
        if closed:
            since += "  -  " + show_time(shift.close_time, offset)
        self.since.setText(since)
        told = [] if report.online else [_("Counted by the till; the server has not said so yet.")]
        if report.waits:
            told.append(_("{count} wait for the line.").format(count=report.waits))
        if report.unbooked_minor:
            amount = show_amount(report.unbooked_minor, self.currency)
            told.append(
                _("{amount} of refused sales are in the drawer and not in here.").format(amount=amount)
            )
        self.told.setText("  ".join(told))
        self.told.setVisible(bool(told))
        self.sales.put(_sales(shift), _("Sales"))
        cash, strong = _cash(shift)
        self.cash.put(cash, strong)
        for each in self._open_buttons:
            each.setVisible(not closed)
        self.close_button.setText(_("Open the next shift  (F12)") if closed else _("Count and close  (F12)"))

    # --- Layout ---

    def _counting(self, count: Count, title: str, words: str) -> QWidget:
        page = QWidget()
        name, said = label("title"), label("muted", wraps=True)
        self.say(name.setText, title)
        self.say(said.setText, words)
        inside = QVBoxLayout(page)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(6)
        inside.addWidget(name)
        inside.addWidget(said)
        inside.addWidget(count, 1)
        return page

    def _open_page(self) -> QWidget:
        page = QWidget()
        self.title, self.since = label("title"), label("muted")
        self.told = label("bad", wraps=True)
        self.told.hide()
        self.sales, self.cash = Figures(), Figures()
        columns = QHBoxLayout()
        columns.setSpacing(SPACE)
        for figures in (self.sales, self.cash):
            frame, inside = panel()
            inside.addWidget(figures)
            inside.addStretch()
            columns.addWidget(frame, 1)
        into, out, renew = (
            button("", partial(self.ask_cash, 1)),
            button("", partial(self.ask_cash, -1)),
            button("", self.look),
        )
        self.say(into.setText, marked("Cash in  (F7)"))
        self.say(out.setText, marked("Cash out  (F8)"))
        self.say(renew.setText, marked("Renew  (F9)"))
        self._open_buttons = (into, out, renew)
        self.close_button = button("main", self.begin_closing)
        self.say(self.close_button.setText, marked("Count and close  (F12)"))
        row = QHBoxLayout()
        for each in self._open_buttons:
            row.addWidget(each)
        row.addStretch()
        row.addWidget(self.close_button)
        inside = QVBoxLayout(page)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        inside.addWidget(self.title)
        inside.addWidget(self.since)
        inside.addWidget(self.told)
        inside.addLayout(columns, 1)
        inside.addLayout(row)
        return page


def _unless_zero(money: Money) -> str:
    return show_money(money) if money.minor_units else ""


def _sales(shift: Shift) -> list[tuple[str, str]]:
    given_back = _("Given back, {count} times").format(count=shift.refund_count)
    return [
        (_("Receipts"), str(shift.sale_count)),
        (_("Sales"), show_money(shift.sale_total)),
        (_("Discounts"), _unless_zero(shift.discount_total)),
        (_("Tax in it"), _unless_zero(shift.tax_total)),
        *_by_kind(shift.tenders),
        (given_back, _unless_zero(shift.refund_total)),
    ]


def _by_kind(totals: Iterable[TenderTotal]) -> list[tuple[str, str]]:
    return [
        (
            _("{kind}, {count} times").format(kind=_(KINDS.get(total.kind, "")), count=total.count),
            show_money(total.amount),
        )
        for total in totals
    ]


def _cash(shift: Shift) -> tuple[list[tuple[str, str]], str]:
    expected = _("Should be in the drawer")
    pairs = [
        (_("At the opening"), show_money(shift.opening_cash)),
        (_("Put in"), _unless_zero(shift.cash_in)),
        (_("Taken out"), _unless_zero(shift.cash_out)),
        *[
            (_("Given back in cash"), show_money(total.amount))
            for total in shift.refund_tenders
            if total.kind == TENDER_KIND_CASH
        ],
        (expected, show_money(shift.expected_cash)),
    ]
    if not shift.HasField("close_time"):
        return pairs, expected
    difference = _("Difference")
    return [
        *pairs,
        (_("Counted"), show_money(shift.counted_cash)),
        (difference, show_money(shift.difference)),
    ], difference
