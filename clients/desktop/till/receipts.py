"""Receipts that this till gave: found by their number, looked at, sent once more; goods of any given back."""

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.desktop.parts import SPACE, Shortcut, Table, button, label, panel
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.till.mailing import ReceiptMail
from clients.desktop.till.pad import Typed
from clients.desktop.till.paper import ReceiptPaper
from clients.desktop.till.pay import KINDS
from clients.desktop.till.refund import RefundPage
from clients.desktop.till.rows import TOUCH_ROW_PX, Figures
from clients.desktop.till.times import clock
from clients.desktop.till.work import State as TillState
from clients.desktop.till.work import TillDesk
from clients.desktop.window import Desk, Screen
from clients.till.journal import Entry, State
from clients.till.refunds import Refunds
from clients.till.till import Till
from kasir.v1.sale_pb2 import Sale
from kasir.v1.till_pb2 import Refund

RECEIPTS_MAX = 200
STATE_WORDS = {
    "waiting": marked("waits for the line"),
    "sent": marked("waits for the line"),
    "done": marked("in the books"),
    "refused": marked("to look at"),
    "void": marked("not sold"),
    "settled": marked("settled by hand"),
}
TINTS = {"waiting": "warning", "sent": "warning", "refused": "bad", "void": "muted"}


class ReceiptsScreen(Screen):
    """The newest first."""

    NAME = marked("Receipts")

    def __init__(self, desk: Desk, till: TillDesk, paper: ReceiptPaper, mail: ReceiptMail) -> None:
        super().__init__(desk)
        # The entry of a receipt that was sought, older than those that are listed
        self._sought = 0
        self.till, self._paper, self._mail = till, paper, mail
        self.number = QLineEdit()
        self.number.setProperty("role", "search")
        self.number.setClearButtonEnabled(True)
        self.say(self.number.setPlaceholderText, marked("Number of the receipt: scan or type"))
        self.number.returnPressed.connect(lambda: self.seek(self.number.text()))
        columns = (
            Column(marked("Receipt"), lambda entry: entry.receipt),
            Column(marked("When"), self._time),
            Column(marked("Total"), lambda entry: show_money(entry.receipt_sale.totals.total), right=True),
            Column(
                marked("State"),
                lambda entry: _(STATE_WORDS[entry.state]),
                tint=lambda entry: TINTS.get(entry.state, ""),
            ),
        )
        self.receipts = PagedTable(desk.calls, columns, lambda entry: entry.seq, self)
        self.table = Table(self.receipts, ((170, False), (150, False), (110, False), (0, True)))
        self.table.verticalHeader().setDefaultSectionSize(TOUCH_ROW_PX)
        self.table.chosen.connect(self._show)
        left = QVBoxLayout()
        left.setSpacing(SPACE)
        left.addWidget(self.number)
        left.addWidget(self.table, 1)
        self.list_page = QWidget()
        whole = QHBoxLayout(self.list_page)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addLayout(left, 5)
        whole.addWidget(self._detail(), 3)
        self.refund = RefundPage(desk, till)
        self.refund.left.connect(self.to_list)
        self.pages = QStackedWidget()
        for page in (self.list_page, self.refund):
            self.pages.addWidget(page)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.pages)
        till.stands.connect(self._stands)

    def shortcuts(self) -> tuple[Shortcut, ...]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+F", marked("find a receipt"), self.number.setFocus),
            Shortcut("F7", marked("give goods of a receipt back"), self.to_refund),
            Shortcut("F12", marked("give back what is chosen"), self.take_refund),
            Shortcut("F8", marked("print the receipt, unless it was"), self.print_receipt),
            Shortcut("F9", marked("the receipt by e-mail"), self.mail),
        )

    def entered(self) -> None:
        """As they are now."""
        self._sought = 0
        self._read()
        if self.pages.currentWidget() is self.list_page:
            self.number.setFocus()

    def scanned(self, code: str) -> None:
        """The bar code of a receipt; of an item, where goods are given back."""
        if self.pages.currentWidget() is self.refund:
            self.refund.scanned(code)
            return
        # Another till's stays there, for F7.
        self.number.setText(code)
        self.seek(code)

    def retranslated(self) -> None:
        """Words anew."""
        self.receipts.retranslated()
        self._show(self.table.thing())

    def seek(self, number: str) -> None:
        """Shows the receipt of a number."""
        wanted = number.strip()
        if wanted:
            self.till.look(
                self,
                lambda till: till.journal.by_receipt(wanted),
                partial(self._found, number),
                latest="seek",
            )
        else:
            self._found(number, None)

    def _found(self, number: str, entry: Entry | None) -> None:
        if entry is None:
            words = _("This till has no receipt '{number}'; it keeps two months of them.")
            self.desk.notice.show_words(words.format(number=number), bad=True)
            return
        self.desk.notice.hide()
        self.number.clear()
        self._sought = entry.seq
        self._read()
        self.table.choose(self.receipts.row_of(entry.seq))

    def to_refund(self) -> None:
        """Gives goods back: of the receipt whose number stands here, or of the chosen one."""
        entry: Entry | None = self.table.thing()
        self._refund_of(self.number.text().strip() or (entry.receipt if entry is not None else ""))

    def refund_chosen(self) -> None:
        """Gives goods back of the receipt that is shown, whatever number stands in the field."""
        entry: Entry | None = self.table.thing()
        if entry is not None:
            self._refund_of(entry.receipt)

    def _refund_of(self, number: str) -> None:
        if self.pages.currentWidget() is not self.refund:
            self.till.do(self, partial(_found, number), self._to_refund)

    def take_refund(self) -> None:
        """What was chosen is given back."""
        if self.pages.currentWidget() is self.refund:
            self.refund.take()

    def to_list(self) -> None:
        """The receipts again."""
        self.pages.setCurrentWidget(self.list_page)
        self.number.clear()
        self.number.setFocus()

    def _to_refund(self, found: Sale | Refund) -> None:
        self.desk.notice.hide()
        self.pages.setCurrentWidget(self.refund)
        if isinstance(found, Sale):
            self.refund.begin(found)
        else:
            self.refund.tell_made(found)

    def print_receipt(self) -> None:
        """Has the chosen one printed here, if it never was."""
        entry: Entry | None = self.table.thing()
        if entry is not None and entry.state != State.VOID:
            self._paper.give(entry, lambda words, bad: self.desk.notice.show_words(words, bad=bad))

    def mail(self) -> None:
        """Sends the chosen one by e-mail."""
        entry: Entry | None = self.table.thing()
        if entry is not None and entry.sale_id and self._mail.is_set_up:
            self.ask_address(entry.sale_id)

    def ask_address(self, sale_id: int) -> None:
        """Where a sale's receipt is sent to."""
        taken = partial(self._send, sale_id)
        hint = "nama@example.com"
        Typed(
            self.window(), marked("Receipt by e-mail"), marked("Send  (Enter)"), hint, taken, needed=True
        ).open()

    def _send(self, sale_id: int, address: str) -> None:
        self._mail.send(sale_id, address, lambda words, bad: self.desk.notice.show_words(words, bad=bad))

    def _stands(self, _state: TillState) -> None:
        if self.isVisible():
            self._read()

    def _read(self) -> None:
        journal = self.till.till.journal
        entries = journal.receipts(RECEIPTS_MAX)
        if self._sought and all(entry.seq != self._sought for entry in entries):
            entries.append(journal.entry(self._sought))
        self.receipts.put(entries)

    def _show(self, entry: Entry | None) -> None:
        self.detail.setVisible(entry is not None)
        if entry is None:
            return
        sale = entry.receipt_sale
        self.name.setText(entry.receipt)
        by = _("{cashier}, {time}").format(cashier=entry.actor, time=self._time(entry))
        self.by.setText(f"{by}\n{entry.message}" if entry.message else by)
        self.goods.put([(f"{line.quantity} {line.name}", show_money(line.total)) for line in sale.lines])
        self.sums.put(_sums(sale), _("Total"))
        self.print_button.setVisible(entry.state != State.VOID)
        self.refund_button.setVisible(entry.state != State.VOID)
        self.mail_button.setVisible(bool(entry.sale_id) and self._mail.is_set_up)

    def _time(self, entry: Entry) -> str:
        return clock(entry.time_ms, self.till.till.settings.utc_offset.ToTimedelta())

    def _detail(self) -> QWidget:
        self.detail, inside = panel()
        self.name, self.by = label("title"), label("muted", wraps=True)
        self.goods, self.sums = Figures(), Figures()
        self.mail_button = button("", self.mail)
        self.say(self.mail_button.setText, marked("Send by e-mail  (F9)"))
        for each in (self.name, self.by, self.goods):
            inside.addWidget(each)
        inside.addSpacing(SPACE)
        inside.addWidget(self.sums)
        inside.addStretch()
        self.refund_button = button("", self.refund_chosen)
        self.say(self.refund_button.setText, marked("Give goods back  (F7)"))
        inside.addWidget(self.refund_button)
        self.print_button = button("", self.print_receipt)
        self.say(self.print_button.setText, marked("Print, unless it was  (F8)"))
        inside.addWidget(self.print_button)
        inside.addWidget(self.mail_button)
        return self.detail


def _found(number: str, till: Till) -> Sale | Refund:
    """The sale of a number; or the refund whose answer was lost before, which is told first. Raises BadInput,
    CallFailed.
    """
    refunds = Refunds(till)
    return refunds.ask_again() or refunds.find(number)


def _sums(sale: Sale) -> list[tuple[str, str]]:
    discount = sale.totals.discount
    return [
        (_("Discount"), show_money(discount) if discount.minor_units else ""),
        (_("Total"), show_money(sale.totals.total)),
        *[(_(KINDS.get(tender.kind, "")), show_money(tender.amount)) for tender in sale.tenders],
        (_("Change"), show_money(sale.change) if sale.change.minor_units else ""),
    ]
