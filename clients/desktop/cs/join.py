"""Several transfers that pay one order together, said by hand."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from clients.common.money import parse_money, show_amount, show_money
from clients.common.problems import BadInput
from clients.desktop.cs.bank_calls import join
from clients.desktop.cs.matching import Matching
from clients.desktop.cs.open_orders import OpenOrder
from clients.desktop.parts import Elided, label, mark, panel
from clients.desktop.texts import _
from clients.desktop.window import Desk
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import Mutation

# Of more only the sum is shown.
LISTED_MAX = 6


class Join(Matching):
    """Their sum is held against what is open of one order."""

    def __init__(self, parent: QWidget, desk: Desk, mutations: Sequence[Mutation]) -> None:
        """`mutations` are of one account."""
        self.sum = sum(each.amount.minor_units for each in mutations)
        super().__init__(parent, desk, self.sum)
        # As they came
        self.mutations = sorted(mutations, key=lambda each: each.mutation_id)
        self._currency_code = mutations[0].amount.currency_code
        self.order: OpenOrder | None = None
        self._lay_out()
        self.picker.picked.connect(self.choose)
        self.write_off.textChanged.connect(lambda _text: self._count())
        self._count()

    def choose(self, order: OpenOrder) -> None:
        """The order that they pay."""
        self.order = order
        self.write_off.clear()
        self.credit.setChecked(False)
        self._count()
        self.send.setFocus()

    def _ask(self) -> None:
        if self.order is None:
            self._tell(_("Say first which order they pay."))
            return
        try:
            write_off = self._written_off()
        except BadInput as wrong:
            mark(self.write_off, "bad", "true")
            self._tell(wrong.told(_))
            return
        numbers = [each.mutation_id for each in self.mutations]
        self._send(partial(join, numbers, self.order.order_id, write_off, self.credit.isChecked()))

    def _lay_out(self) -> None:
        self.setWindowTitle(_("Several transfers for one order"))
        self.resize(900, 700)
        together = label("total")
        words = _("{count} transfers, together {amount}")
        together.setText(words.format(count=len(self.mutations), amount=self._amount(self.sum)))
        frame, self._order_rows = panel()
        self.whose = Elided("heading")
        self.against = label(wraps=True)
        self._order_rows.addWidget(self.whose)
        self._order_rows.addWidget(self.against)
        self.write_off = QLineEdit()
        self.write_off.setFixedWidth(150)
        self.write_off.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.write_off.setPlaceholderText(_("Written off"))
        self.send.setText(_("They pay it  (Ctrl+Enter)"))
        self._lay_out_around([together, *self._transfers()], [frame], [self.write_off])

    def _transfers(self) -> list[Elided]:
        lines = [
            "   ".join(
                filter(None, (each.date, show_money(each.amount), each.counterparty, each.description))
            )
            for each in self.mutations[:LISTED_MAX]
        ]
        more = len(self.mutations) - LISTED_MAX
        if more > 0:
            lines.append(_("and {count} more").format(count=more))
        rows = [Elided() for _line in lines]
        for row, line in zip(rows, lines, strict=True):
            row.show_text(line)
        return rows

    def _amount(self, minor_units: int) -> str:
        return show_amount(minor_units, self._currency_code)

    def _written_off(self) -> Money | None:
        """As it was typed; None for nothing. Raises BadInput."""
        text = self.write_off.text().strip()
        return parse_money(text, self._currency_code) if text and self.write_off.isVisibleTo(self) else None

    def _count(self) -> None:
        """What the sum is against what is open."""
        self.problem.hide()
        mark(self.write_off, "bad", "false")
        order = self.order
        short = order.left - self.sum if order is not None else 0
        self.write_off.setVisible(short > 0)
        self.credit.setVisible(short < 0)
        self.left.setVisible(order is not None)
        if order is None:
            self.whose.show_text(_("Choose the order that they pay."))
            self.against.clear()
            return
        words = _("Order {number}: {name}").format(number=order.order_id, name=order.name)
        self.whose.show_text(words)
        words = _("{open} to pay, {sum} came in")
        self.against.setText(words.format(open=self._amount(order.left), sum=self._amount(self.sum)))
        words = _("Still to pay then: {amount}") if short > 0 else _("Left over: {amount}")
        self.left.setText(words.format(amount=self._amount(abs(short))))
        mark(self.left, "tint", "good" if short == 0 else "warning")
