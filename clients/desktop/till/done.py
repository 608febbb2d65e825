"""Sold: the change in figures that are read from afar, and the receipt."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.desktop.parts import SPACE, button, label, mark, panel
from clients.desktop.texts import Speaking, _, marked
from clients.till.till import Sold


class DonePage(Speaking, QWidget):
    """Until the next customer's first item."""

    over = Signal()
    # The receipt is wanted by e-mail, or on paper once more.
    mail_wanted = Signal()
    paper_wanted = Signal()

    def __init__(self, *, mails: bool) -> None:
        """`mails`: a mail server was named."""
        super().__init__()
        self.sold: Sold | None = None
        frame, inside = panel()
        self.name = label("heading")
        self.change = label("change")
        self.paid = label("muted")
        self.receipt = label("heading")
        self.where, self.printed = label("muted", wraps=True), label("", wraps=True)
        for each in (self.name, self.change, self.paid, self.receipt, self.where, self.printed):
            each.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.mail = button("", self.mail_wanted.emit)
        self.say(self.mail.setText, marked("Send by e-mail  (F9)"))
        self.mail.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._mails = mails
        self.paper = button("", self.paper_wanted.emit)
        self.say(self.paper.setText, marked("Print once more  (F8)"))
        self.paper.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        following = button("pay", self.over.emit)
        self.say(following.setText, marked("Next customer  (Enter)"))
        following.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout()
        row.addWidget(self.paper)
        row.addWidget(self.mail)
        row.addWidget(following, 1)
        inside.addStretch(2)
        inside.addWidget(self.name)
        inside.addWidget(self.change)
        inside.addWidget(self.paid)
        inside.addSpacing(SPACE)
        inside.addWidget(self.receipt)
        inside.addWidget(self.where)
        inside.addWidget(self.printed)
        inside.addStretch(3)
        inside.addLayout(row)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(frame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def show_sold(self, sold: Sold) -> None:
        """What a sale came to."""
        self.sold = sold
        self.say(self.name.setText, marked("Change") if sold.sale.change.minor_units else marked("Sold"))
        self.change.setText(
            show_money(sold.sale.change) if sold.sale.change.minor_units else "\N{CHECK MARK}"
        )
        total = show_money(sold.sale.totals.total)
        given = sum(tender.amount.minor_units for tender in sold.sale.tenders)
        paid = type(sold.sale.change)(currency_code=sold.sale.totals.total.currency_code, minor_units=given)
        self.say(self.paid.setText, marked("{total} of {given}"), total=total, given=show_money(paid))
        self.say(self.receipt.setText, marked("Receipt {number}"), number=sold.entry.receipt)
        self.tell(self.where.setText, partial(_where, sold))
        self.mail.setVisible(self._mails and sold.online)
        self.paper.hide()
        self.printed.setText("" if sold.online else _("The receipt is being printed …"))
        mark(self.printed, "role", "muted")
        self.setFocus()

    def tell_printed(self, words: str, bad: bool) -> None:
        """What became of the receipt that was printed here."""
        self.printed.setText(words)
        mark(self.printed, "role", "bad" if bad else "good")
        self.paper.setVisible(bad)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Enter or Esc: the next customer."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape}:
            self.over.emit()
        else:
            super().keyPressEvent(event)


def _where(sold: Sold) -> str:
    if sold.online:
        return _("The receipt comes out of the printer.")
    return _("The sale is kept on this machine and is sent as soon as the line takes it.")
