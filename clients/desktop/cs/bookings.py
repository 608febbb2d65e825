"""The orders that were booked: what each waits for, how long it still may, and the end of one."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.common.numbers import parse_id
from clients.common.problems import Word
from clients.common.shop import Shop
from clients.common.views import address_words, unless_zero
from clients.desktop.asking import Question
from clients.desktop.cs import message
from clients.desktop.cs.message_dialog import MessageDialog
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Chips, Shortcut, Table, button, label, panel
from clients.desktop.tables import PAGE_SIZE, Column, Page, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from clients.desktop.words import ORDER_TINTS, channel, order_state, seconds_until, time_left, urgency
from kasir.v1 import booking_pb2 as booking
from kasir.v1.booking_pb2 import (
    CancelBookingRequest,
    CancelBookingResponse,
    ExtendBookingRequest,
    ExtendBookingResponse,
    GetBookingRequest,
    GetBookingResponse,
    ListBookingsRequest,
    ListBookingsResponse,
    Order,
)
from kasir.v1.watch_pb2 import RESOURCE_ORDER

WAITING = (booking.ORDER_STATE_BOOKED, booking.ORDER_STATE_PARTLY_PAID)
FILTERS: tuple[tuple[str, int], ...] = (
    (marked("All"), booking.ORDER_STATE_UNSPECIFIED),
    (marked("Waiting for payment"), booking.ORDER_STATE_BOOKED),
    (marked("Partly paid"), booking.ORDER_STATE_PARTLY_PAID),
    (marked("Paid"), booking.ORDER_STATE_PAID),
    (marked("Sold"), booking.ORDER_STATE_SOLD),
    (marked("Expired"), booking.ORDER_STATE_EXPIRED),
    (marked("Cancelled"), booking.ORDER_STATE_CANCELLED),
)
TIME_LEFT_COLUMN = 4
# Of orders that changed at once so many are asked for one by one; of more the list is read anew.
RENEWED_MAX = 20
TICK_MS = 1_000
CHANGED_MS = 400


def _left(order: Order) -> str:
    return time_left(seconds_until(order.expire_time)) if order.state in WAITING else ""


def _left_tint(order: Order) -> str:
    return urgency(seconds_until(order.expire_time)) if order.state in WAITING else ""


class BookingsScreen(Screen):
    """A list by state, newest first, and one order in full beside it."""

    NAME = marked("Orders")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = booking.ORDER_STATE_UNSPECIFIED
        columns = (
            Column(marked("Order"), lambda order: str(order.order_id), right=True),
            Column(marked("Customer"), lambda order: order.customer_name or _("(erased)")),
            Column(marked("To pay"), lambda order: show_money(order.payable), right=True),
            Column(
                marked("State"),
                lambda order: order_state(order.state),
                tint=lambda order: ORDER_TINTS.get(order.state, ""),
            ),
            Column(marked("Time left"), _left, right=True, tint=_left_tint),
        )
        widths = ((96, False), (170, True), (128, False), (160, False), (124, False))
        self.orders = PagedTable(desk.calls, columns, lambda order: order.order_id, self)
        self.table = Table(self.orders, widths)
        self._lay_out()
        self._clock = QTimer(self)
        self._clock.setInterval(TICK_MS)
        self._clock.timeout.connect(self._tick)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self.reload)
        self.orders.filled.connect(self._filled)
        self.orders.failed.connect(desk.tell_failure)
        self.table.chosen.connect(self._chosen)
        self._filled()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+F", marked("find an order by its number"), self.number.setFocus),
            Shortcut("Ctrl+Right", marked("the next state"), partial(self.filters.step, 1)),
            Shortcut("Ctrl+Left", marked("the state before"), partial(self.filters.step, -1)),
            Shortcut("Ctrl+Shift+C", marked("copy the text for the customer"), self.copy_message),
            Shortcut("Ctrl+T", marked("other texts for the customer, in either language"), self.show_texts),
            Shortcut("Ctrl+E", marked("extend the deadline"), self.ask_to_extend),
            Shortcut("Del", marked("cancel the chosen order"), self.ask_to_cancel),
        )

    def entered(self) -> None:
        """The list as it is now."""
        self.table.setFocus()
        self.reload()
        self._clock.start()

    def changed(self, changes: Changes) -> None:
        """What is shown and changed is read anew; what is new comes to the head of the list."""
        ids = changes.get(RESOURCE_ORDER, set())
        if not ids:
            return
        shown = ids & self.orders.idents
        if shown != ids or len(shown) > RENEWED_MAX or self._state:
            self._soon.start()
        for order_id in list(shown)[:RENEWED_MAX]:
            read = partial(_read_order, order_id)
            self.desk.calls.look(self, read, self._renew, latest=f"order {order_id}")

    def reload(self) -> None:
        """Reads the list anew."""
        self.orders.show(partial(_list, self._state))

    def ask_to_cancel(self) -> None:
        """Asks why, and cancels the chosen order."""
        order = self.table.thing()
        if order is not None and order.state in (*WAITING, booking.ORDER_STATE_PAID):
            words = _("Cancel order {number} of {name}?").format(
                number=order.order_id, name=order.customer_name
            )
            remark = _("The goods can be booked by others at once.")
            question = Question(self, _("Cancel the order"), words, remark, _("Cancel the order"))
            question.with_field(_("Why? May be empty.")).dangerous()
            question.ask(partial(self.cancel, order.order_id))

    def cancel(self, order_id: int, reason: str) -> None:
        """Cancels an order."""
        work = partial(_cancel, order_id, reason)
        self.desk.calls.do(self, work, self._cancelled, once=f"cancel {order_id}")

    def ask_to_extend(self) -> None:
        """Asks until when, and moves the chosen order's deadline."""
        order = self.table.thing()
        if order is None or order.state not in WAITING:
            return
        facts = {"number": order.order_id, "name": order.customer_name}
        words = _("How long may order {number} of {name} still wait?").format(**facts)
        remark = _("Now it has {left}.").format(left=_left(order))
        question = Question(self, _("Extend the deadline"), words, remark, _("Extend"))
        question.with_field(_("+3h, 17:00, tomorrow 12:00"), "+3h", needed=True)
        question.ask(partial(self.extend, order))

    def extend(self, order: Order, until: str) -> None:
        """Moves an order's deadline."""
        work = partial(_extend, order.order_id, order.version, until)
        self.desk.calls.do(self, work, self._extended, once=f"extend {order.order_id}")

    def show_texts(self) -> None:
        """Texts for the chosen order's customer."""
        if (order := self.table.thing()) is not None:
            MessageDialog(self, self.desk, order).open()

    def copy_message(self) -> None:
        """Puts what is to be told to the customer into the clipboard."""
        if (order := self.table.thing()) is not None:
            self.desk.calls.look(self, partial(message.text, order.order_id), self._copy, latest="message")

    def retranslated(self) -> None:
        """List and order in the other language."""
        self.orders.retranslated()
        self._filled()
        self._chosen(self.table.thing())

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        chips = QHBoxLayout()
        chips.setSpacing(8)
        self.filters = Chips([words for words, _state in FILTERS])
        self.filters.chosen.connect(self._filter)
        chips.addWidget(self.filters)
        chips.addStretch()
        self.number = QLineEdit()
        self.number.setFixedWidth(170)
        self.say(self.number.setPlaceholderText, marked("Order number"))
        self.number.returnPressed.connect(self._find_number)
        chips.addWidget(self.number)
        self.empty = label("empty", wraps=True)
        columns = QHBoxLayout()
        columns.setSpacing(SPACE)
        left = QVBoxLayout()
        left.addWidget(self.empty)
        left.addWidget(self.table, 1)
        left.addStretch(0)
        columns.addLayout(left, 5)
        columns.addWidget(self._detail_panel(), 2)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addLayout(chips)
        whole.addLayout(columns, 1)

    def _detail_panel(self) -> QWidget:
        self.detail, inside = panel()
        self.detail.setMinimumWidth(290)
        self.detail_title = label("heading", wraps=True)
        self.detail_state = label("", wraps=True)
        self.detail_text = label("", wraps=True)
        self.detail_text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = button("", self.copy_message)
        self.say(self.copy.setText, marked("Copy text for the customer"))
        self.texts = button("", self.show_texts)
        self.say(self.texts.setText, marked("Other texts  (Ctrl+T)"))
        self.longer = button("", self.ask_to_extend)
        self.say(self.longer.setText, marked("Extend  (Ctrl+E)"))
        self.end = button("danger", self.ask_to_cancel)
        self.say(self.end.setText, marked("Cancel the order  (Del)"))
        inside.addWidget(self.detail_title)
        inside.addWidget(self.detail_state)
        inside.addWidget(self.detail_text)
        inside.addStretch()
        for each in (self.copy, self.texts, self.longer, self.end):
            inside.addWidget(each)
        return self.detail

    def _filter(self, number: int) -> None:
        self._state = FILTERS[number][1]  # type: ignore[assignment]
        self.reload()

    def _find_number(self) -> None:
        if text := self.number.text().strip():
            self.desk.calls.look(self, partial(_by_number, text), self._found, latest="number")

    def _found(self, order: Order) -> None:
        self.number.clear()
        if self.orders.row_of(order.order_id) < 0:
            self.orders.put([order])
        self.table.choose(self.orders.row_of(order.order_id))
        self.table.setFocus()

    def _filled(self) -> None:
        rows = self.orders.rowCount()
        self.table.appear()
        self.detail.setVisible(rows > 0)
        self.empty.setVisible(rows == 0)
        self.empty.setText(_("No order is in this state.") if self._state else _("Nothing was booked yet."))

    def _tick(self) -> None:
        """The time goes on in what can be seen."""
        if self.isVisible():
            first, last = self.table.visible_rows()
            self.orders.repaint_column(TIME_LEFT_COLUMN, first, last)
            self._show_state(self.table.thing())

    def _chosen(self, order: Order | None) -> None:
        if order is None:
            return
        self.detail_title.setText(
            _("Order {number}: {name}").format(number=order.order_id, name=order.customer_name)
        )
        self._show_state(order)
        lines = [f"{line.quantity} x {line.name}\n      {show_money(line.total)}" for line in order.lines]
        facts = [
            (_("To pay"), show_money(order.payable)),
            (_("Paid"), unless_zero(order.paid)),
            (_("Shipping"), unless_zero(order.totals.shipping)),
            (_("Phone"), order.customer_phone),
            (_("E-mail"), order.customer_email),
            (_("Channel"), channel(order.channel)),
            (_("To"), address_words(order.address) if order.HasField("address") else _("picked up")),
            (_("Booked by"), order.booked_by),
            (_("Note"), order.note),
            (_("Cancelled"), order.cancel_reason),
        ]
        told = [f"{name}: {value}" for name, value in facts if value]
        self.detail_text.setText("\n".join(lines) + "\n\n" + "\n".join(told))
        self.longer.setEnabled(order.state in WAITING)
        self.end.setEnabled(order.state in (*WAITING, booking.ORDER_STATE_PAID))

    def _show_state(self, order: Order | None) -> None:
        if order is not None:
            left = _left(order)
            state = order_state(order.state)
            self.detail_state.setText(f"{state}, {left}" if left else state)

    def _renew(self, order: Order) -> None:
        self.orders.renew(order)

    def _extended(self, order: Order) -> None:
        self.orders.renew(order)
        facts = {"number": order.order_id, "left": _left(order)}
        self.desk.tell(_("Order {number} has {left} from now.").format(**facts))

    def _cancelled(self, order: Order) -> None:
        self.orders.renew(order)
        self.desk.tell(_("Order {number} is cancelled.").format(number=order.order_id))

    def _copy(self, text: str) -> None:
        message.to_clipboard(text)
        self.desk.tell(_("Copied: ready to paste into the chat."))


def _list(state: booking.OrderState.ValueType, shop: Shop, token: str) -> Page:
    request = ListBookingsRequest(state=state, page_size=PAGE_SIZE, page_token=token)
    reply = shop.call(request, ListBookingsResponse)
    return Page(reply.orders, reply.next_page_token)


def _read_order(order_id: int, shop: Shop) -> Order:
    return shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order


def _by_number(text: str, shop: Shop) -> Order:
    return _read_order(parse_id(text, Word("order")), shop)


def _extend(order_id: int, version: int, until: str, shop: Shop) -> Order:
    request = ExtendBookingRequest(order_id=order_id, version=version, expire_time=shop.deadline(until))
    return shop.call(request, ExtendBookingResponse, note=f"extend order {order_id}").order


def _cancel(order_id: int, reason: str, shop: Shop) -> Order:
    request = CancelBookingRequest(order_id=order_id, reason=reason)
    return shop.call(request, CancelBookingResponse, note=f"cancel order {order_id}").order
