"""Orders whose money is to be given back."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.desktop.asking import Question
from clients.desktop.cs.bank_calls import refund, refunds
from clients.desktop.parts import SPACE, Table, label
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.window import Desk
from kasir.v1.booking_pb2 import Order


class Refunds(Speaking, QWidget):
    """A list; Enter says that one was paid back."""

    paid_back = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        columns = (
            Column(marked("Order"), lambda order: str(order.order_id), right=True),
            Column(marked("Customer"), lambda order: order.customer_name),
            Column(marked("Phone"), lambda order: order.customer_phone),
            Column(
                marked("To give back"), lambda order: show_money(order.paid), right=True, tint=lambda _: "bad"
            ),
            Column(marked("Reason"), lambda order: order.cancel_reason or _("paid too late")),
        )
        widths = ((96, False), (220, True), (170, False), (160, False), (260, False))
        self.orders = PagedTable(desk.calls, columns, lambda order: order.order_id, self)
        self.table = Table(self.orders, widths)
        self.empty = label("empty", wraps=True)
        keys = label("muted", wraps=True)
        self.say(
            keys.setText,
            marked("Send the money from the bank's own program, then Enter: note its reference here."),
        )
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        for each in (self.empty, self.table, keys):
            whole.addWidget(each, 1 if each is self.table else 0)
        whole.addStretch(0)
        self.orders.filled.connect(self._filled)
        self.orders.failed.connect(desk.tell_failure)
        self.table.opened.connect(self.ask)

    def reload(self) -> None:
        """Reads the list anew."""
        self.orders.show(refunds)

    def ask(self, order: Order) -> None:
        """Asks for the reference of the money sent back, and records it."""
        facts = {"amount": show_money(order.paid), "name": order.customer_name, "number": order.order_id}
        words = _("Was {amount} of order {number} given back to {name}?").format(**facts)
        remark = _("Kasir sends no money itself: this only notes that it was sent.")
        question = Question(self, _("Refund"), words, remark, _("It was given back"))
        question.with_field(_("The bank's reference of the transfer"), needed=True)
        question.ask(lambda reference: self._refund(order.order_id, reference))

    def retranslated(self) -> None:
        """The list in the other language."""
        self.orders.retranslated()
        self._filled()

    def _refund(self, order_id: int, reference: str) -> None:
        work = partial(refund, order_id, reference)
        self._desk.calls.do(self, work, self._refunded, once=f"refund {order_id}")

    def _refunded(self, order: Order) -> None:
        self.orders.remove(order.order_id)
        self._filled()
        words = _("Noted: the money of order {number} was given back.")
        self._desk.tell(words.format(number=order.order_id))
        self.paid_back.emit(order)

    def _filled(self) -> None:
        rows = self.orders.rowCount()
        self.table.setVisible(rows > 0)
        self.empty.setVisible(rows == 0)
        self.empty.setText(_("No money is to be given back."))
