"""Goods given back against a receipt: which lines, why, how it is paid, who allows it; then what it came to.

What it comes to, and what may be given back at all, the server says with every change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.desktop.calls import Failure
from clients.desktop.parts import SPACE, Chips, Table, button, label, panel
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.till.allowing import Allowing
from clients.desktop.till.pay import KINDS
from clients.desktop.till.rows import TOUCH_ROW_PX, Figures
from clients.desktop.till.work import TillDesk
from clients.desktop.window import Desk
from clients.till.cart import Permission
from clients.till.limits import REASON_MAX, REFERENCE_MAX
from clients.till.refunds import Refunds, Wanted
from clients.till.till import Till
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_CREDIT,
    TENDER_KIND_QR,
    TENDER_KIND_TRANSFER,
    Sale,
    TenderKind,
)
from kasir.v1.till_pb2 import Refund, RefundLineInput

WAYS: tuple[TenderKind.ValueType, ...] = (
    TENDER_KIND_CASH,
    TENDER_KIND_QR,
    TENDER_KIND_CARD,
    TENDER_KIND_TRANSFER,
    TENDER_KIND_CREDIT,
)
WITH_REFERENCE = {TENDER_KIND_QR, TENDER_KIND_CARD, TENDER_KIND_TRANSFER}
STEPS = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Right: 1, Qt.Key.Key_Minus: -1, Qt.Key.Key_Left: -1}


@dataclass
class Back:
    """One line of the sale, and how much of it comes back."""

    place: int
    item_id: int
    name: str
    left: int
    units: int = 0
    damaged: bool = False


class BackTable(Table):
    """Lines whose units are counted with the keys."""

    counted = Signal(int)
    typed = Signal(int)
    emptied = Signal()
    damaged = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """+ and - count, digits say how many, Del none, Space says that it is damaged."""
        key, text = Qt.Key(event.key()), event.text()
        step = STEPS.get(key, 0)
        if text.isascii() and text.isdigit():
            self.typed.emit(int(text))
        elif step:
            self.counted.emit(step)
        elif key in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.emptied.emit()
        elif key == Qt.Key.Key_Space:
            self.damaged.emit()
        else:
            super().keyPressEvent(event)


class RefundPage(Speaking, QWidget):
    """One refund, from the lines to what was paid out."""

    # Back to the receipts
    left = Signal()

    def __init__(self, desk: Desk, till: TillDesk) -> None:
        super().__init__()
        self.desk, self.till = desk, till
        self.sale: Sale | None = None
        self.quoted: Refund | None = None
        self.made: Refund | None = None
        self.backs: list[Back] = []
        self._under_way = False
        self.pages = QStackedWidget()
        self.form, self.done = self._form(), self._done()
        self.pages.addWidget(self.form)
        self.pages.addWidget(self.done)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)

    # --- From the receipt on ---

    def begin(self, sale: Sale) -> None:
        """What can be given back of a sale."""
        self.sale, self.quoted, self._under_way = sale, None, False
        back = [line.quantity for line in sale.refunded] or [0] * len(sale.lines)
        self.backs = [
            Back(place, line.item_id, line.name, line.quantity - gone)
            for place, (line, gone) in enumerate(zip(sale.lines, back, strict=True))
        ]
        self.lines.put(self.backs)
        number = sale.receipt or str(sale.sale_id)
        self.say(self.title.setText, marked("Give back from receipt {number}"), number=number)
        self.reason.clear()
        self.reference.clear()
        self.ways.choose(0)
        self.pages.setCurrentWidget(self.form)
        self.table.choose(next((back.place for back in self.backs if back.left), 0))
        self.table.setFocus()
        self._changed()

    def tell_made(self, made: Refund) -> None:
        """It is given back."""
        self.made, self._under_way = made, False
        self.pages.setCurrentWidget(self.done)
        self._tell_made()
        self.done.setFocus()

    def scanned(self, code: str) -> None:
        """One more of an item comes back."""
        if self.pages.currentWidget() is not self.form:
            return
        # Each scan counts, however fast the next one comes.
        self.till.look(self, lambda till: till.find(code).item_id, self._item_scanned)

    def take(self) -> None:
        """Asks who allows it, and gives it back."""
        if self.pages.currentWidget() is self.done:
            self.left.emit()
            return
        wanted, reason = self._wanted(), self.reason.text().strip()
        if self._under_way:
            return
        if wanted is None:
            self._refuse(_("Say what comes back: + counts, or scan it."))
        elif self.quoted is None:
            return
        elif wanted.kind in WITH_REFERENCE and not wanted.reference:
            self._refuse(_("The reference is missing: type or scan it."))
            self.reference.setFocus()
        elif not reason:
            self._refuse(_("Say why."))
            self.reason.setFocus()
        else:
            total = show_money(self.quoted.totals.total)
            what = _("Goods for {total} are given back: {reason}.").format(total=total, reason=reason)
            Allowing(self.window(), self.till, what, partial(self._give, wanted, reason)).open()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Enter goes on, Up and Down choose how it is paid, Esc goes back to the receipts."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if step and self.pages.currentWidget() is self.form:
            self.ways.step(step)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._onward()
        elif event.key() == Qt.Key.Key_Escape:
            self.leave()
        else:
            super().keyPressEvent(event)

    def leave(self) -> None:
        """Back to the receipts, unless it is being given back: somebody has to hear what became of that."""
        if not self._under_way:
            self.left.emit()

    def retranslated(self) -> None:
        """Words anew."""
        self.lines.retranslated()
        self._show_quote()
        if self.made is not None:
            self._tell_made()

    # --- Lines ---

    def _item_scanned(self, item_id: int) -> None:
        of_item = (back for back in self.backs if back.item_id == item_id and back.units < back.left)
        found = next(of_item, None)
        if found is None:
            self._refuse(_("No more of that is left in this sale."))
            return
        self.table.choose(found.place)
        self._put(found, found.units + 1)

    def _count(self, step: int) -> None:
        back: Back | None = self.table.thing()
        if back is not None:
            self._put(back, back.units + step)

    def _type(self, digit: int) -> None:
        back: Back | None = self.table.thing()
        if back is not None:
            # A second digit joins the first while both are not more than there is.
            joined = back.units * 10 + digit
            self._put(back, joined if joined <= back.left else digit)

    def _empty(self) -> None:
        back: Back | None = self.table.thing()
        if back is not None:
            self._put(back, 0)

    def _damage(self) -> None:
        back: Back | None = self.table.thing()
        if back is not None:
            back.damaged = not back.damaged
            self._put(back, back.units)

    def all_of_it(self) -> None:
        """Everything that is left comes back."""
        for back in self.backs:
            back.units = back.left
            self.lines.renew(back)
        self._changed()

    def _put(self, back: Back, units: int) -> None:
        back.units = min(max(units, 0), back.left)
        self.lines.renew(back)
        self._changed()

    def _wanted(self) -> Wanted | None:
        lines = [
            RefundLineInput(line=back.place, quantity=back.units, damaged=back.damaged)
            for back in self.backs
            if back.units
        ]
        if self.sale is None or not lines:
            return None
        return Wanted(self.sale.sale_id, lines, self.kind, self.reference.text().strip())

    @property
    def kind(self) -> TenderKind.ValueType:
        """How it is paid back."""
        return WAYS[self.ways.number]

    # --- What it comes to ---

    def _changed(self) -> None:
        """Asks anew what it comes to."""
        self.quoted = None
        self.why_not.hide()
        self.reference.setVisible(self.kind in WITH_REFERENCE)
        self._show_quote()
        wanted = self._wanted()
        if wanted is not None:
            self.till.look(
                self, lambda till: Refunds(till).quote(wanted), self._quote, self._not_quoted, latest="refund"
            )

    def _quote(self, quoted: Refund) -> None:
        # Another line may have come since.
        if self._wanted() is not None:
            self.quoted = quoted
            self._show_quote()

    def _not_quoted(self, failure: Failure) -> None:
        self._refuse(failure.words)

    def _show_quote(self) -> None:
        pairs = _figures(self.quoted) if self.quoted is not None else [(_("To give back"), "-")]
        self.sums.put(pairs, _("To give back"))
        lacking = self.quoted.points_lacking if self.quoted is not None else 0
        self.lacking.setVisible(bool(lacking))
        self.lacking.setText(
            _("{count} points that this sale earned are spent already.").format(count=lacking)
        )

    # --- Done ---

    def _give(self, wanted: Wanted, reason: str, permission: Permission) -> None:
        if self._under_way:
            return
        self._under_way = True
        self.till.do(self, partial(_given, wanted, reason, permission), self.tell_made, self._not_given)

    def _not_given(self, failure: Failure) -> None:
        self._under_way = False
        self._refuse(failure.words)

    def _refuse(self, words: str) -> None:
        self.why_not.setText(words)
        self.why_not.show()

    def _tell_made(self) -> None:
        assert self.made is not None
        number = str(self.made.refund_id)
        self.say(self.made_title.setText, marked("Given back, refund {number}"), number=number)
        self.made_total.setText(show_money(self.made.totals.total))
        self.made_sums.put(_figures(self.made)[:-1])

    def _onward(self) -> None:
        """Enter: from the lines to the way, the reference, the reason, and then it is given back."""
        if self.pages.currentWidget() is self.done:
            self.left.emit()
        elif self.table.hasFocus():
            (self.reference if self.kind in WITH_REFERENCE else self.reason).setFocus()
        elif self.reference.hasFocus():
            self.reason.setFocus()
        else:
            self.take()

    # --- Layout ---

    def _form(self) -> QWidget:
        page = QWidget()
        columns = (
            Column(marked("Item"), lambda back: back.name),
            Column(marked("Left"), lambda back: str(back.left), right=True),
            Column(marked("Comes back"), lambda back: str(back.units or ""), right=True),
            Column(
                marked("Damaged"), lambda back: _("damaged") if back.damaged else "", tint=lambda _back: "bad"
            ),
        )
        self.lines = PagedTable(self.desk.calls, columns, lambda back: back.place, self)
        self.table = BackTable(self.lines, ((0, True), (80, False), (120, False), (110, False)))
        self.table.verticalHeader().setDefaultSectionSize(TOUCH_ROW_PX)
        self.table.counted.connect(self._count)
        self.table.typed.connect(self._type)
        self.table.emptied.connect(self._empty)
        self.table.damaged.connect(self._damage)
        self.table.opened.connect(lambda _back: self._onward())
        self.title, keys = label("title"), label("muted", wraps=True)
        self.say(keys.setText, marked("+ and - count, or scan; Space: damaged; Enter goes on."))
        every = button("", self.all_of_it)
        self.say(every.setText, marked("All of it"))
        every.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        left = QVBoxLayout()
        left.setSpacing(SPACE)
        for widget in (self.title, keys):
            left.addWidget(widget)
        left.addWidget(self.table, 1)
        left.addWidget(every)
        whole = QHBoxLayout(page)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addLayout(left, 5)
        whole.addWidget(self._side(), 3)
        return page

    def _side(self) -> QWidget:
        frame, inside = panel()
        self.ways = Chips([KINDS[kind] for kind in WAYS])
        self.reference, self.reason = QLineEdit(), QLineEdit()
        self.reference.setMaxLength(REFERENCE_MAX)
        self.reason.setMaxLength(REASON_MAX)
        self.say(self.reference.setPlaceholderText, marked("Reference of what is paid back"))
        self.say(self.reason.setPlaceholderText, marked("Why: wrong size, torn …"))
        self.sums = Figures()
        self.lacking, self.why_not = label("muted", wraps=True), label("bad", wraps=True)
        give, back = button("pay", self.take), button("", self.leave)
        self.say(give.setText, marked("Give back  (F12)"))
        self.say(back.setText, marked("Back to the receipts  (Esc)"))
        for pressed in (give, back):
            pressed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for each in (self.ways, self.reference, self.reason, self.sums, self.lacking, self.why_not):
            inside.addWidget(each)
        inside.addStretch()
        inside.addWidget(give)
        inside.addWidget(back)
        self.ways.chosen.connect(lambda _number: self._changed())
        return frame

    def _done(self) -> QWidget:
        frame, inside = panel()
        self.made_title, self.made_total = label("heading"), label("change")
        self.made_sums = Figures()
        words = label("muted", wraps=True)
        self.say(words.setText, marked("The receipt comes out of the printer."))
        following = button("pay", self.left.emit)
        self.say(following.setText, marked("Back to the receipts  (Enter)"))
        following.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for said in (self.made_title, self.made_total, words):
            said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside.addStretch(2)
        for each in (self.made_title, self.made_total, self.made_sums, words):
            inside.addWidget(each)
        inside.addStretch(3)
        inside.addWidget(following)
        frame.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return frame


def _given(wanted: Wanted, reason: str, permission: Permission, till: Till) -> Refund:
    """The one whose answer was lost, where there is one: it comes before any other."""
    refunds = Refunds(till)
    return refunds.ask_again() or refunds.give(wanted, reason, permission)


def _figures(refund: Refund) -> Sequence[tuple[str, str]]:
    """How it is paid, what becomes of points, and the sum."""
    return [
        *[(_(KINDS.get(tender.kind, "")), show_money(tender.amount)) for tender in refund.tenders],
        (_("Points taken off"), str(refund.points_taken or "")),
        (_("To give back"), show_money(refund.totals.total)),
    ]
