"""Which orders a bank mutation pays, said by hand: found by number, name, phone or amount."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from clients.common.money import parse_money, show_amount, show_money
from clients.common.problems import BadInput
from clients.desktop.cs.bank_calls import allocate
from clients.desktop.cs.matching import Matching
from clients.desktop.cs.open_orders import OpenOrder
from clients.desktop.parts import Elided, button, label, mark
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.window import Desk
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import Mutation, MutationAllocation


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


class ByHand(Matching):
    """A mutation, and what each order gets of it."""

    def __init__(self, parent: QWidget, desk: Desk, mutation: Mutation) -> None:
        super().__init__(parent, desk, mutation.amount.minor_units)
        self.mutation = mutation
        self.shares: list[Share] = []
        self._lay_out()
        self.picker.picked.connect(self.add)
        self._count()

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

    def _ask(self) -> None:
        try:
            allocations = [share.allocation() for share in self.shares]
        except BadInput as wrong:
            self._tell(wrong.told(_))
            return
        if not allocations:
            self._tell(_("Say first which orders it pays."))
            return
        self._send(partial(allocate, self.mutation.mutation_id, allocations, self.credit.isChecked()))

    def _lay_out(self) -> None:
        self.setWindowTitle(_("Match by hand"))
        self.resize(900, 680)
        whose = label("total")
        whose.setText(show_money(self.mutation.amount))
        says = label("", wraps=True)
        facts = (self.mutation.date, self.mutation.counterparty, self.mutation.description)
        says.setText("   ".join(filter(None, facts)))
        pays = label("muted")
        pays.setText(_("It pays"))
        self._share_rows = QVBoxLayout()
        self._share_rows.setSpacing(6)
        self.send.setText(_("Match  (Ctrl+Enter)"))
        self._lay_out_around([whose, says], [pays, self._share_rows])

    def _remove(self, share: Share) -> None:
        self.shares.remove(share)
        share.hide()
        share.deleteLater()
        self._count()
        self.picker.setFocus()

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
