"""Booking: items by scan or code, the customer, and what the server makes of both while one types."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.common.shop import Shop
from clients.common.specs import LineSpec, parse_line
from clients.common.views import unless_zero
from clients.desktop.calls import Failure
from clients.desktop.cs.draft import Draft, DraftLine, booking_input
from clients.desktop.cs.form import OrderForm
from clients.desktop.cs.lines import LineRow, Lines
from clients.desktop.in_order import InOrder
from clients.desktop.parts import SPACE, CodeField, Shortcut, button, label, panel
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from kasir.v1.booking_pb2 import (
    CreateBookingRequest,
    CreateBookingResponse,
    Order,
    QuoteBookingRequest,
    QuoteBookingResponse,
    Totals,
)
from kasir.v1.catalogue_pb2 import ItemAvailability
from kasir.v1.customer_pb2 import Customer
from kasir.v1.drop_order_pb2 import DropOrder
from kasir.v1.reconciliation_pb2 import BankAccount
from kasir.v1.shipping_pb2 import Courier
from kasir.v1.stock_pb2 import Location

# Before the server is asked for the total: after a line came or went, after a letter.
SCANNED_MS, TYPED_MS = 10, 120
PHONE_MS = 250
# A shorter one is still being typed.
PHONE_LENGTH_MIN = 8


class BookScreen(Screen):
    """Lines at the left, the customer at the right, the amount to pay below."""

    NAME = marked("Book an order")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._places: list[Location] = []
        self.codes = InOrder(desk.calls, self)
        self._booking = False
        # What had the keys when it was booked
        self._focused: QWidget | None = None
        self.booked: Order | None = None
        self._newest: LineRow | None = None
        self._quote_soon = _soon(self, TYPED_MS)
        self._phone_soon = _soon(self, PHONE_MS)
        self._lay_out()
        self._quote_soon.timeout.connect(self._quote)
        self._phone_soon.timeout.connect(self._look_up_phone)
        self.lines.changed.connect(partial(self._edited, SCANNED_MS))
        self.area.verticalScrollBar().rangeChanged.connect(lambda _least, _most: self._show_newest())
        self.form.changed.connect(partial(self._edited, TYPED_MS))
        self.form.phone_typed.connect(self._phone_typed)
        self._show_totals(None)

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+I", marked("add an item"), self.code.setFocus),
            Shortcut("Ctrl+T", marked("the customer's phone"), self.form.phone.setFocus),
            Shortcut("Ctrl+Return", marked("book the order"), self.book),
            Shortcut("Ctrl+Backspace", marked("take the last line away"), self._take_last),
            Shortcut("Ctrl+N", marked("begin anew"), self.begin_anew),
            Shortcut("Ctrl+Shift+C", marked("copy what the customer has to pay"), self.copy_message),
        )

    def entered(self) -> None:
        """The field for items waits for a code."""
        self.code.setFocus()
        if self.stale or not self._places:
            self.reload()

    def scanned(self, code: str) -> None:
        """One more of what was scanned."""
        self._find(LineSpec(code))

    def reload(self) -> None:
        """Places, couriers and accounts anew."""
        self.desk.calls.look(self, _choices, self._offer, latest="choices")

    def add(self, item: ItemAvailability) -> None:
        """One more of an item that was found elsewhere."""
        item_id, spec = item.item.item_id, LineSpec(item.item.sku)
        work = partial(_read_id, item_id, spec)
        self.codes.look(work, self._found, self.desk.tell_failure)

    def add_drop_order(self, drop_order: DropOrder) -> None:
        """What the warehouse handed over."""
        work = partial(_read_id, drop_order.item_id, LineSpec(""))

        def found(read: tuple[ItemAvailability, LineSpec, list[Location]]) -> None:
            self.lines.add_drop_order(read[0], drop_order)

        self.codes.look(work, found, self.desk.tell_failure)

    def book(self) -> None:
        """Asks the server to book what stands here, when all that was scanned stands here."""
        self.codes.then(self._book)

    def _book(self) -> None:
        if self._booking:
            return
        self._focused = self.focusWidget()
        self._set_booking(booking=True)
        draft = self._draft()
        self.desk.calls.do(self, partial(_book, draft), self._booked, self._refused)

    def begin_anew(self) -> None:
        """Empties lines and form, unless they are being booked."""
        if not self._booking:
            self._empty()

    def _empty(self) -> None:
        self.lines.clear()
        self.form.clear()
        self._show_totals(None)
        self.code.setFocus()

    def copy_message(self) -> None:
        """Puts the amount and the deadline of the last order into the clipboard."""
        if self.booked is not None:
            QApplication.clipboard().setText(self.paid_by.text())
            self.desk.tell(_("Copied: ready to paste into the chat."))

    def retranslated(self) -> None:
        """Totals in the other language."""
        self._show_totals(self._totals)
        self._show_button()

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.code = CodeField()
        self.say(self.code.setPlaceholderText, marked("SKU or barcode, like KOPI-01x2; or scan"))
        self.code.taken.connect(self._typed_code)
        self.lines = Lines()
        scroll = self.area = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.lines)
        scroll.viewport().setAutoFillBackground(False)
        self.lines.setAutoFillBackground(False)
        self.empty = label("empty", wraps=True)
        self.say(self.empty.setText, marked("Scan the item, type its code, or take it over from F2."))
        left = QVBoxLayout()
        left.setSpacing(SPACE)
        left.addWidget(self.code)
        left.addWidget(self.empty)
        left.addWidget(scroll, 1)
        left.addWidget(self._totals_panel())
        self.form = OrderForm()
        frame, inside = panel()
        form_scroll = QScrollArea()
        form_scroll.setWidgetResizable(True)
        form_scroll.setWidget(self.form)
        form_scroll.setMinimumWidth(350)
        self.form.setAutoFillBackground(False)
        form_scroll.viewport().setAutoFillBackground(False)
        inside.addWidget(form_scroll)
        columns = QHBoxLayout()
        columns.setSpacing(SPACE)
        columns.addLayout(left, 3)
        columns.addWidget(frame, 2)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addLayout(columns, 1)

    def _totals_panel(self) -> QWidget:
        frame, inside = panel()
        self.parts = label("muted", wraps=True)
        self.why_not = label("bad", wraps=True)
        self.total = label("total")
        self.paid_by = label("", wraps=True)
        self.send = button("main", self.book)
        row = QHBoxLayout()
        row.addWidget(self.total, 1)
        row.addWidget(self.send)
        for each in (self.parts, self.why_not):
            inside.addWidget(each)
        inside.addLayout(row)
        inside.addWidget(self.paid_by)
        self._totals: Totals | None = None
        self._show_button()
        return frame

    def _offer(self, found: "tuple[list[Location], list[Courier], list[BankAccount]]") -> None:
        self._places = found[0]
        self.form.offer(found[1], found[2])

    def _typed_code(self, text: str) -> None:
        self.codes.look(partial(_read_typed, text), self._found, partial(self._not_found, text))

    def _not_found(self, text: str, failure: Failure) -> None:
        self.code.give_back(text)
        self.desk.tell_failure(failure)

    def _find(self, spec: LineSpec) -> None:
        self.codes.look(partial(_read_spec, spec), self._found, self.desk.tell_failure)

    def _found(self, found: tuple[ItemAvailability, LineSpec, list[Location]]) -> None:
        item, spec, self._places = found
        row = self.lines.add(item, self._places, spec.quantity)
        self._newest = row
        self._show_newest()
        if spec.discount:
            row.discount.setText(spec.discount)
        for place in self._places:
            if spec.place and place.code.lower() == spec.place.lower():
                row.place.setCurrentIndex(row.place.findData(place.location_id))

    def _show_newest(self) -> None:
        """Scrolls to the line that was added last: once more when there is room for it."""
        if self._newest in self.lines.rows:
            self.area.ensureWidgetVisible(self._newest)

    def _take_last(self) -> None:
        if self.lines.rows and not self._booking:
            self.lines.take(self.lines.rows[-1])

    def _edited(self, pause_ms: int) -> None:
        self.empty.setVisible(not self.lines.rows)
        self._show_button()
        self._quote_soon.start(pause_ms)

    def _draft(self) -> Draft:
        return self.form.draft(
            tuple(
                DraftLine(
                    row.item.item.item_id,
                    row.quantity.value(),
                    row.location_id,
                    row.discount.text().strip(),
                    row.drop_order_id,
                )
                for row in self.lines.rows
            )
        )

    def _quote(self) -> None:
        if self.lines.rows:
            work = partial(_quoted, self._draft())
            self.desk.calls.look(self, work, self._priced, self._not_priced, latest="quote")
        else:
            self._show_totals(None)

    def _priced(self, quote: QuoteBookingResponse) -> None:
        self.lines.priced(quote.lines)
        self._show_totals(quote.totals)
        self.why_not.hide()

    def _not_priced(self, failure: Failure) -> None:
        self.lines.priced([])
        self._show_totals(None)
        self.why_not.setText(failure.words)
        self.why_not.show()

    def _show_totals(self, totals: Totals | None) -> None:
        self._totals = totals
        self.why_not.hide()
        self.total.setText(show_money(totals.total) if totals else "-")
        if totals is None:
            self.parts.hide()
            return
        pairs = (
            (_("Goods"), show_money(totals.goods)),
            (_("Discount"), unless_zero(totals.discount)),
            (_("Tax added"), unless_zero(totals.tax_added)),
            (_("Shipping"), unless_zero(totals.shipping)),
            (_("Tax in it"), unless_zero(totals.tax)),
        )
        self.parts.setText("    ".join(f"{name} {amount}" for name, amount in pairs if amount))
        self.parts.show()

    def _show_button(self) -> None:
        self.send.setText(_("Booking …") if self._booking else _("Book  (Ctrl+Enter)"))
        self.send.setEnabled(bool(self.lines.rows) and not self._booking)

    def _set_booking(self, *, booking: bool) -> None:
        """While it is booked nothing of it is changed; what is scanned meanwhile is the next order's."""
        self._booking = booking
        self.form.setEnabled(not booking)
        self.lines.setEnabled(not booking)
        self._show_button()
        if booking:
            self.codes.hold()
        else:
            self.codes.go_on()

    def _booked(self, done: tuple[Order, str, str]) -> None:
        order, deadline, account = done
        self.booked = order
        self._empty()
        self.desk.tell(
            _("Order {number} is booked for {name}.").format(number=order.order_id, name=order.customer_name)
        )
        self.paid_by.setText(
            _("Order {number}, {name}: {amount} to {account}, until {deadline}.").format(
                number=order.order_id,
                name=order.customer_name,
                amount=show_money(order.payable),
                account=account or _("the shop"),
                deadline=deadline,
            )
        )
        self._set_booking(booking=False)

    def _refused(self, failure: Failure) -> None:
        """The order stands here still: what was meant for the next one does not go into it."""
        not_taken = self.codes.drop()
        self._set_booking(booking=False)
        if self._focused is not None and self.isVisible():
            self._focused.setFocus()
        if not_taken:
            QApplication.beep()
            words = _("For the next order and not taken: {count}. Scan it again when this order is booked.")
            failure = replace(failure, words=f"{failure.words} {words.format(count=not_taken)}")
        self.desk.tell_failure(failure)
        self.form.point_at(failure.field)

    def _phone_typed(self, phone: str) -> None:
        self.form.know(None)
        if len(phone.strip()) >= PHONE_LENGTH_MIN:
            self._phone_soon.start()
        else:
            self._phone_soon.stop()

    def _look_up_phone(self) -> None:
        phone = self.form.phone.text().strip()
        self.desk.calls.look(
            self,
            lambda shop: shop.customer(phone),
            partial(self._known, phone),
            lambda _failure: None,
            latest="phone",
        )

    def _known(self, phone: str, customer: Customer) -> None:
        if self.form.phone.text().strip() == phone:
            self.form.know(customer)


def _soon(screen: BookScreen, milliseconds: int) -> QTimer:
    """Once, after that long without another start."""
    timer = QTimer(screen)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    return timer


def _choices(shop: Shop) -> tuple[list[Location], list[Courier], list[BankAccount]]:
    return list(shop.locations), list(shop.couriers), list(shop.accounts)


def _read_typed(text: str, shop: Shop) -> tuple[ItemAvailability, LineSpec, list[Location]]:
    return _read_spec(parse_line(text), shop)


def _read_spec(spec: LineSpec, shop: Shop) -> tuple[ItemAvailability, LineSpec, list[Location]]:
    if spec.place:
        shop.location(spec.place)
    return shop.item(spec.code), spec, list(shop.locations)


def _read_id(item_id: int, spec: LineSpec, shop: Shop) -> tuple[ItemAvailability, LineSpec, list[Location]]:
    return shop.item_by_id(item_id), spec, list(shop.locations)


def _quoted(draft: Draft, shop: Shop) -> QuoteBookingResponse:
    return shop.call(QuoteBookingRequest(booking=booking_input(shop, draft)), QuoteBookingResponse)


def _book(draft: Draft, shop: Shop) -> tuple[Order, str, str]:
    request = CreateBookingRequest(booking=booking_input(shop, draft))
    note = f"book for {draft.name or draft.phone or 'a customer'}"
    order = shop.call(request, CreateBookingResponse, note=note).order
    return order, shop.time(order.expire_time), shop.account_words(order.bank_account_id)
