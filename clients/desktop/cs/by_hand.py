"""Which orders a bank mutation pays, said by hand: found by number, name, phone or amount."""

from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QDialog, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from clients.common.money import parse_money, show_amount, show_money
from clients.common.numbers import parse_whole
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from clients.desktop.calls import Failure
from clients.desktop.cs.bank_calls import allocate
from clients.desktop.cs.open_orders import OpenOrder, Read, found, read, read_one
from clients.desktop.parts import SPACE, Elided, Table, button, label, mark
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.window import Desk
from clients.desktop.words import ORDER_TINTS, order_state
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import MatchMutationResponse, Mutation, MutationAllocation

TYPING_MS = 60


class Share(Speaking, QFrame):
    """One order's part of the money."""

    changed = Signal()
    removed = Signal(object)
    done = Signal()

    def __init__(self, order: OpenOrder, amount: int) -> None:
        super().__init__()
        self.order = order
        self.setProperty("role", "panel")
        name = Elided("heading")
        name.show_text(_("Order {number}: {name}").format(number=order.order_id, name=order.name))
        due = label("muted")
        due.setText(_("{amount} to pay").format(amount=show_amount(order.left, order.currency_code)))
        self.amount = self._field(marked("Amount"), 150)
        self.amount.setText(show_amount(amount, order.currency_code))
        self.write_off = self._field(marked("Written off"), 130)
        remove = button("", lambda: self.removed.emit(self))
        remove.setText("\N{MULTIPLICATION SIGN}")
        remove.setFixedWidth(40)
        remove.setStyleSheet("padding: 0")
        self.say(remove.setToolTip, marked("Take this order away"))
        inside = QHBoxLayout(self)
        inside.setContentsMargins(14, 6, 8, 6)
        inside.setSpacing(10)
        inside.addWidget(name, 1)
        for each in (due, self.amount, self.write_off, remove):
            inside.addWidget(each)

    def allocation(self) -> MutationAllocation:
        """As it was typed; a field that cannot be read is marked. Raises BadInput."""
        made = MutationAllocation(order_id=self.order.order_id)
        made.amount.CopyFrom(self._read(self.amount))
        if self.write_off.text().strip():
            made.write_off.CopyFrom(self._read(self.write_off))
        return made

    def _read(self, field: QLineEdit) -> Money:
        try:
            money = parse_money(field.text(), self.order.currency_code)
        except BadInput:
            mark(field, "bad", "true")
            raise
        mark(field, "bad", "false")
        return money

    def _field(self, hint: str, width: int) -> QLineEdit:
        made = QLineEdit()
        made.setFixedWidth(width)
        made.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.say(made.setPlaceholderText, hint)
        made.textChanged.connect(lambda _text: self.changed.emit())
        made.returnPressed.connect(self.done)
        return made


class ByHand(Speaking, QDialog):
    """A mutation above, orders that may be meant below it, and what each of them gets."""

    # The server's answer
    matched = Signal(object)

    def __init__(self, parent: QWidget, desk: Desk, mutation: Mutation) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk = desk
        self.mutation = mutation
        self._orders: list[OpenOrder] = []
        self.shares: list[Share] = []
        self._sending = self._taking = False
        columns = (
            Column(marked("Order"), lambda order: str(order.order_id), right=True),
            Column(marked("Customer"), lambda order: order.name),
            Column(marked("Phone"), lambda order: order.phone),
            Column(
                marked("State"),
                lambda order: order_state(order.state),
                tint=lambda order: ORDER_TINTS.get(order.state, ""),
            ),
            Column(marked("Still to pay"), self._left_words, right=True, tint=self._left_tint),
        )
        widths = ((96, False), (200, True), (160, False), (130, False), (140, False))
        self.found = PagedTable(desk.calls, columns, lambda order: order.order_id, self)
        self.table = Table(self.found, widths)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._search)
        self._lay_out()
        self.table.opened.connect(self.add)
        self._count()
        self._read((0, ""))

    def scanned(self, code: str) -> None:
        """Searches for what was scanned."""
        self.query.setText(code)
        self._search()

    def add(self, order: OpenOrder) -> None:
        """One more order that it pays, with all that is left of the money and due to it."""
        if any(share.order.order_id == order.order_id for share in self.shares):
            return
        share = Share(order, min(order.left, max(self._left() or 0, 0)))
        share.changed.connect(self._count)
        share.removed.connect(self._remove)
        share.done.connect(self.send.setFocus)
        self.shares.append(share)
        self._share_rows.addWidget(share)
        self._count()
        share.amount.setFocus()
        share.amount.selectAll()

    def match(self) -> None:
        """Asks the server."""
        if self._sending:
            return
        try:
            allocations = [share.allocation() for share in self.shares]
        except BadInput as wrong:
            self._tell(wrong.told(_))
            return
        if not allocations:
            self._tell(_("Say first which orders it pays."))
            return
        self._sending = True
        self.send.setEnabled(False)
        work = partial(allocate, self.mutation.mutation_id, allocations, self.credit.isChecked())
        self._desk.calls.do(self, work, self._done, self._failed)

    def _lay_out(self) -> None:
        self.setWindowTitle(_("Match by hand"))
        self.resize(900, 680)
        whose = label("total")
        whose.setText(show_money(self.mutation.amount))
        says = label("", wraps=True)
        facts = (self.mutation.date, self.mutation.counterparty, self.mutation.description)
        says.setText("   ".join(filter(None, facts)))
        self.query = QLineEdit()
        self.query.setProperty("role", "search")
        self.query.setPlaceholderText(_("Order number, name, phone or amount; or scan"))
        self.query.textEdited.connect(lambda _text: self._typing.start())
        self.query.returnPressed.connect(self._enter)
        self.reading = label("muted")
        pays = label("muted")
        pays.setText(_("It pays"))
        self._share_rows = QVBoxLayout()
        self._share_rows.setSpacing(6)
        self.left = label("heading")
        self.credit = QCheckBox(_("the rest is the customer's credit"))
        self.problem = label("bad", wraps=True)
        self.send = button("main", self.match)
        self.send.setText(_("Match  (Ctrl+Enter)"))
        close = button("", self.reject)
        close.setText(_("Leave it"))
        for each in (self.send, close):
            each.setAutoDefault(False)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE)
        foot.addWidget(self.left)
        foot.addWidget(self.credit)
        foot.addStretch()
        foot.addWidget(close)
        foot.addWidget(self.send)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 18)
        whole.setSpacing(SPACE)
        whole.addWidget(whose)
        whole.addWidget(says)
        whole.addWidget(self.query)
        whole.addWidget(self.table, 1)
        whole.addWidget(self.reading)
        whole.addWidget(pays)
        whole.addLayout(self._share_rows)
        whole.addWidget(self.problem)
        whole.addLayout(foot)
        self.problem.hide()
        for key, act in (("Ctrl+Return", self.match), ("Ctrl+F", self.query.setFocus)):
            QShortcut(QKeySequence(key), self).activated.connect(act)
        down = QShortcut(QKeySequence("Down"), self.query)
        down.setContext(Qt.ShortcutContext.WidgetShortcut)
        down.activated.connect(self.table.setFocus)
        self.query.setFocus()

    def _read(self, at: tuple[int, str]) -> None:
        self.reading.setText(_("Open orders are being read: {count} …").format(count=len(self._orders)))
        self._desk.calls.look(self, partial(read, at), self._took, self._read_failed)

    def _took(self, page: Read) -> None:
        self._orders += page.orders
        if page.next is not None:
            self._read(page.next)
        else:
            self.reading.setText(_("Those that are nearest in amount stand first."))
        self._search()

    def _search(self) -> None:
        """Looks through the orders beside the window."""
        orders, words = self._orders[:], self.query.text()
        minor_units = self.mutation.amount.minor_units
        work = partial(_find, orders, words, minor_units)
        self._desk.calls.look(self, work, self._show, self._read_failed, latest="found")

    def _show(self, fitting: list[OpenOrder]) -> None:
        self.found.put(fitting)
        if fitting and not self.table.hasFocus():
            self.table.choose(0)
        taking, self._taking = self._taking, False
        if taking and (order := self.table.thing()) is not None:
            self.add(order)

    def _enter(self) -> None:
        """Enter in the field: takes the order that is chosen, the first unless another is."""
        self._typing.stop()
        # A page of orders that comes meanwhile has all looked through anew.
        self._taking = True
        self._search()

    def _remove(self, share: Share) -> None:
        self.shares.remove(share)
        share.hide()
        share.deleteLater()
        self._count()
        self.query.setFocus()

    def _left(self) -> int | None:
        """What nobody gets yet, in minor units; None while an amount cannot be read."""
        try:
            given = sum(share.allocation().amount.minor_units for share in self.shares)
        except BadInput:
            return None
        return self.mutation.amount.minor_units - given

    def _count(self) -> None:
        left = self._left()
        words = "…" if left is None else show_amount(left, self.mutation.amount.currency_code)
        self.left.setText(_("Left over: {amount}").format(amount=words))
        mark(self.left, "tint", "bad" if left is not None and left < 0 else "good" if left == 0 else "")
        self.credit.setVisible(bool(self.shares) and (left or 0) > 0)
        self.problem.hide()

    def _left_words(self, order: OpenOrder) -> str:
        return show_amount(order.left, order.currency_code)

    def _left_tint(self, order: OpenOrder) -> str:
        return "good" if order.left == self.mutation.amount.minor_units else ""

    def _done(self, reply: MatchMutationResponse) -> None:
        self.matched.emit(reply)
        self.accept()

    def _failed(self, failure: Failure) -> None:
        self._sending = False
        self.send.setEnabled(True)
        self._tell(failure.words)

    def _read_failed(self, failure: Failure) -> None:
        self.reading.setText(failure.words)

    def _tell(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.show()


def _find(orders: list[OpenOrder], words: str, minor_units: int, shop: Shop) -> list[OpenOrder]:
    """Those that fit; the one whose number was typed before all others, whatever became of it."""
    fitting = found(orders, words, minor_units)
    number = parse_whole(words.strip())
    if not number:
        return fitting
    named = [each for each in fitting if each.order_id == number] or _named(number, shop)
    return named + [each for each in fitting if each.order_id != number]


def _named(number: int, shop: Shop) -> list[OpenOrder]:
    try:
        return [read_one(number, shop)]
    except CallFailed as failed:
        if not failed.settled:
            raise
        return []
