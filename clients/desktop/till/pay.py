"""Paying: what is left, in how many ways it is paid, what goes back."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from clients.common.money import show_amount
from clients.common.problems import BadInput
from clients.desktop.parts import SPACE, button, label, mark, panel
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.till.pad import AmountField, Pad
from clients.desktop.till.work import TillDesk
from clients.till.limits import TENDERS_MAX
from clients.till.paying import QUICK_MAX, check_own, check_reference, quick_amounts, rest
from clients.till.prices import AUTHORISED
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_CREDIT,
    TENDER_KIND_POINTS,
    TENDER_KIND_QR,
    TENDER_KIND_TRANSFER,
    Tender,
    TenderKind,
)

KINDS: dict[TenderKind.ValueType, str] = {
    TENDER_KIND_CASH: marked("Cash"),
    TENDER_KIND_QR: marked("QRIS"),
    TENDER_KIND_CARD: marked("Card"),
    TENDER_KIND_TRANSFER: marked("Transfer"),
    TENDER_KIND_POINTS: marked("Points"),
    TENDER_KIND_CREDIT: marked("Credit"),
}
OF_A_CUSTOMER = (TENDER_KIND_POINTS, TENDER_KIND_CREDIT)
REFERENCES = {
    TENDER_KIND_QR: marked("Reference of the QRIS payment"),
    TENDER_KIND_CARD: marked("Approval code of the terminal, never the card's number"),
    TENDER_KIND_TRANSFER: marked("Reference of the transfer"),
}


class PayPage(Speaking, QWidget):
    """Payments one after the other, until nothing is left."""

    # The tenders that pay all of it
    paid = Signal(object)
    left = Signal()
    # The kind of payment that is asked for, and how much, for the customer's display
    asked = Signal(int, int)

    def __init__(self, desk: TillDesk) -> None:
        super().__init__()
        self._desk = desk
        self.currency = desk.till.settings.currency_code
        self.tenders: list[Tender] = []
        self.total_minor = 0
        self._customer_id = 0
        # Whether these tenders are on their way: until it is known what became of them, nothing changes here.
        self.is_selling = False
        self.kind: TenderKind.ValueType = TENDER_KIND_CASH
        columns = QHBoxLayout(self)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(SPACE)
        columns.addWidget(self._sums(), 5)
        columns.addWidget(self._ways(), 6)

    def begin(self, total_minor: int, customer_id: int) -> None:
        """A cart that comes to so much is to be paid."""
        self.total_minor = total_minor
        self.tenders = []
        self.selling(under_way=False)
        self.of_customer(customer_id)
        self.choose(TENDER_KIND_CASH)

    def of_customer(self, customer_id: int) -> None:
        """Whose points and credit may pay; 0 for nobody's."""
        self._customer_id = customer_id
        for kind in OF_A_CUSTOMER:
            self.kinds[kind].setVisible(bool(customer_id) and self._desk.is_online)

    def choose(self, kind: TenderKind.ValueType) -> None:
        """Pays in this way next."""
        if self.is_selling:
            self.kinds[self.kind].setChecked(True)
            return
        self.kind = kind
        self.kinds[kind].setChecked(True)
        self.reference.setVisible(kind in AUTHORISED)
        self.reference.clear()
        self.say(self.reference.setPlaceholderText, REFERENCES.get(kind, ""))
        self.amount.show_minor(self.rest)
        self.why_not.hide()
        self._show()
        (self.reference if kind in AUTHORISED else self.amount).setFocus()
        self.asked.emit(kind, self.rest)

    @property
    def rest(self) -> int:
        """What is left to pay."""
        return rest(self.total_minor, self.tenders)

    def take(self) -> None:
        """Takes the payment that stands here; the last one sells."""
        if self.is_selling:
            return
        try:
            tender = self._tender()
        except BadInput as wrong:
            self.refuse(wrong.told(_))
            return
        if tender is not None:
            self.tenders.append(tender)
        if self.rest > 0:
            self.choose(TENDER_KIND_CASH if self.kind in OF_A_CUSTOMER else self.kind)
            return
        self.paid.emit(list(self.tenders))

    def take_exact(self) -> None:
        """All that is left, in cash."""
        if self.kind != TENDER_KIND_CASH:
            self.choose(TENDER_KIND_CASH)
        self.amount.show_minor(self.rest)
        self.take()

    def selling(self, *, under_way: bool) -> None:
        """While the till sells nothing else can be pressed, nor is the payment left."""
        self.is_selling = under_way
        self._show()

    def refuse(self, words: str) -> None:
        """Why it is not sold; the payment that was taken last is open again."""
        self.is_selling = False
        if self.tenders and self.rest <= 0:
            last = self.tenders.pop()
            self.choose(last.kind)
            self.amount.show_minor(last.amount.minor_units)
            self.reference.setText(last.reference)
        self.why_not.setText(words)
        self.why_not.show()
        self._show()

    def take_back(self, number: int) -> None:
        """A payment that was taken is none."""
        if not self.is_selling:
            del self.tenders[number]
            self.choose(self.kind)

    def leave(self) -> None:
        """Back to the cart, unless it is being sold."""
        if not self.is_selling:
            self.left.emit()

    def retranslated(self) -> None:
        """Words anew."""
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Enter takes, Esc goes back to the cart."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.take()
        elif event.key() == Qt.Key.Key_Escape:
            self.leave()
        else:
            super().keyPressEvent(event)

    def _tender(self) -> Tender | None:
        """The payment that stands here. Raises BadInput."""
        minor = self.amount.minor or 0
        if not self.total_minor and not minor:
            return None
        if not minor:
            raise BadInput("Say how much.")
        if self.kind != TENDER_KIND_CASH and minor > self.rest:
            raise BadInput("Only cash gives change: {amount} are left.", amount=self._money(self.rest))
        reference = self.reference.text().strip() if self.kind in AUTHORISED else ""
        if self.kind in AUTHORISED and not reference:
            raise BadInput("The reference is missing: type or scan it.")
        check_reference(reference)
        if len(self.tenders) + 1 == TENDERS_MAX and minor < self.rest:
            raise BadInput(
                "A sale takes at most {most} payments: the last one has to pay all that is left.",
                most=TENDERS_MAX,
            )
        check_own(self.kind, minor, self._customer_id, self._desk.till.settings)
        amount = Money(currency_code=self.currency, minor_units=minor)
        return Tender(kind=self.kind, amount=amount, reference=reference)

    def _money(self, minor: int) -> str:
        return show_amount(minor, self.currency)

    def _sums(self) -> QWidget:
        frame, inside = panel()
        name = label("muted")
        self.say(name.setText, marked("To pay"))
        self.total = label("total")
        self.taken = QVBoxLayout()
        self.taken.setSpacing(6)
        self.rest_name = label("heading")
        self.rest_words = label("change")
        self.rest_words.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.why_not = label("bad", wraps=True)
        self.sell_button = button("pay", self.take)
        self.sell_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        back = button("", self.leave)
        self.say(back.setText, marked("Back to the cart  (Esc)"))
        back.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside.addWidget(name)
        inside.addWidget(self.total)
        inside.addLayout(self.taken)
        inside.addStretch(1)
        inside.addWidget(self.why_not)
        inside.addWidget(self.rest_name)
        inside.addWidget(self.rest_words)
        inside.addStretch(1)
        inside.addWidget(self.sell_button)
        inside.addWidget(back)
        return frame

    def _ways(self) -> QWidget:
        frame, inside = panel()
        self.kinds: dict[TenderKind.ValueType, QPushButton] = {}
        group = QButtonGroup(self)
        row = QGridLayout()
        row.setSpacing(8)
        for number, (kind, words) in enumerate(KINDS.items()):
            made = button("chip", partial(self.choose, kind))
            self.say(made.setText, words)
            made.setCheckable(True)
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            group.addButton(made)
            self.kinds[kind] = made
            row.addWidget(made, number // 4, number % 4)
        self.amount = AmountField(self.currency)
        self.amount.textChanged.connect(lambda _text: self._show())
        self.reference = QLineEdit()
        self.quick: list[QPushButton] = []
        quick = QHBoxLayout()
        quick.setSpacing(8)
        for number in range(QUICK_MAX + 1):
            made = button("", partial(self._take_quick, number))
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            made.setStyleSheet("padding: 0 4px")
            self.quick.append(made)
            quick.addWidget(made)
        pad = Pad()
        pad.pressed.connect(self.amount.press)
        inside.addLayout(row)
        inside.addWidget(self.amount)
        inside.addWidget(self.reference)
        inside.addLayout(quick)
        inside.addWidget(pad, 1)
        return frame

    def _take_quick(self, number: int) -> None:
        if not self.is_selling:
            self.amount.show_minor(self._quick_amounts[number])
            self._show()

    @property
    def _quick_amounts(self) -> Sequence[int]:
        return quick_amounts(self.rest, self.currency)

    def _show(self) -> None:
        self.total.setText(self._money(self.total_minor))
        self._show_taken()
        offered = self._quick_amounts if self.kind == TENDER_KIND_CASH else ()
        for number, each in enumerate(self.quick):
            each.setVisible(number < len(offered))
            if number < len(offered):
                # The sign of the currency has no room and is known.
                words = self._money(offered[number]).removeprefix("Rp ")
                each.setText(_("exact") if number == 0 else words)
        left = self.rest - (self.amount.minor or 0)
        gives_back = left < 0 and self.kind == TENDER_KIND_CASH
        self.rest_name.setText(_("Change") if gives_back else _("Left to pay"))
        self.rest_words.setText(self._money(abs(left)).removeprefix("Rp "))
        mark(self.rest_words, "tint", "good" if left <= 0 else "")
        if self.is_selling:
            words = _("Selling …")
        elif left <= 0:
            words = _("Sell  (Enter)")
        else:
            words = _("Take this payment  (Enter)")
        self.sell_button.setText(words)
        self.sell_button.setEnabled(not self.is_selling)

    def _show_taken(self) -> None:
        while (item := self.taken.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for number, tender in enumerate(self.tenders):
            made = button("", self._taking_back(number))
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            name, amount = _(KINDS[tender.kind]), self._money(tender.amount.minor_units)
            made.setText(f"{name}   {amount}   \N{MULTIPLICATION SIGN}")
            self.taken.addWidget(made)

    def _taking_back(self, number: int) -> Callable[[], None]:
        return lambda: self.take_back(number)
