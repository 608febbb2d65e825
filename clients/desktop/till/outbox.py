"""The line in plain words: whether it is up, what waits for it, what the lease covers, what to look at."""

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from clients.common.money import show_amount
from clients.desktop.parts import SPACE, Shortcut, Table, button, label, mark, panel
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.till.pad import Typed
from clients.desktop.till.rows import TOUCH_ROW_PX
from clients.desktop.till.times import clock
from clients.desktop.till.work import State, TillDesk
from clients.desktop.window import Desk, Screen
from clients.till.journal import Entry, Kind, Matter, Trouble
from clients.till.lease import Taken
from clients.till.sender import Sent
from clients.till.till import Till

WAITING_MAX = 200
KIND_WORDS: dict[str, str] = {
    Kind.SALE: marked("sale"),
    Kind.OPEN: marked("shift opened"),
    Kind.CLOSE: marked("shift closed"),
    Kind.CASH: marked("cash moved"),
}
TROUBLE_WORDS: dict[str, str] = {
    Trouble.UNCOVERED: marked("sold beyond the lease"),
    Trouble.REFUSED: marked("the server does not book it"),
    Trouble.CHARGED: marked("another price than the list's"),
    Trouble.DIFFERS: marked("booked differently"),
}


class LineScreen(Screen):
    """Exceptions above, what waits below."""

    NAME = marked("Line")

    def __init__(self, desk: Desk, till: TillDesk) -> None:
        super().__init__(desk)
        self.till = till
        self._currency = till.till.settings.currency_code
        self.matters = PagedTable(desk.calls, self._matter_columns(), lambda matter: matter.seq, self)
        self.waiting = PagedTable(desk.calls, self._entry_columns(), lambda entry: entry.seq, self)
        self.matter_table = Table(
            self.matters, ((210, False), (170, False), (190, False), (130, False), (0, True))
        )
        self.waiting_table = Table(self.waiting, ((160, False), (170, False), (0, True), (140, False)))
        for table in (self.matter_table, self.waiting_table):
            table.verticalHeader().setDefaultSectionSize(TOUCH_ROW_PX)
        self.matter_table.opened.connect(lambda _matter: self.ask_settle())
        self._lay_out()
        till.stands.connect(lambda state: self._show(state) if self.isVisible() else None)
        self._show(till.state)

    def shortcuts(self) -> tuple[Shortcut, ...]:
        """Keys of this screen."""
        return (
            Shortcut("F7", marked("send what waits"), self.send),
            Shortcut("F8", marked("lease stock for an outage"), self.lease),
            Shortcut("F9", marked("send a refused sale once more"), self.retry),
            Shortcut("F10", marked("an exception is taken care of"), self.ask_settle),
        )

    def entered(self) -> None:
        """As it stands now."""
        self._show(self.till.state)
        (self.matter_table if self.matters.rowCount() else self.waiting_table).setFocus()

    def retranslated(self) -> None:
        """Words anew."""
        for table in (self.matters, self.waiting):
            table.retranslated()
        self._show(self.till.state)

    # --- What is done ---

    def send(self) -> None:
        """Tries the line now."""
        self.till.look(self, _sent, self._told_sent, latest="send")

    def lease(self) -> None:
        """Leases by what was sold, now."""
        self.till.look(self, lambda till: till.renew_lease(), self._leased, latest="lease")

    def retry(self) -> None:
        """Sends the chosen one once more."""
        matter = self.matter_table.thing()
        if matter is not None and matter.trouble == Trouble.REFUSED:
            self.till.do(self, lambda till: till.retry(matter.seq), self._told_sent)

    def ask_settle(self) -> None:
        """Says what was done about the chosen one."""
        matter = self.matter_table.thing()
        if matter is None:
            return
        hint = marked("What was done: counted, price talked over …")
        taken = partial(self._settle, matter)
        Typed(self, marked("Taken care of"), marked("Settle  (Enter)"), hint, taken, needed=True).open()

    def _settle(self, matter: Matter, note: str) -> None:
        self.till.do(self, lambda till: till.settle(matter.seq, note), self._settled)

    def _settled(self, _nothing: object) -> None:
        self.desk.tell(_("It is off the list."))

    def _told_sent(self, sent: Sent) -> None:
        if sent.failed is not None or sent.left:
            self.desk.notice.show_words(
                _("{count} still wait: the line is down.").format(count=sent.left), bad=True
            )
        else:
            self.desk.tell(
                _("Sent: {done}; refused: {refused}.").format(done=sent.done, refused=sent.refused)
            )

    def _leased(self, taken: Taken | None) -> None:
        if taken is None:
            self.desk.notice.show_words(_("The lease cannot be renewed while the line is down."), bad=True)
        elif not taken.leased and not taken.short:
            self.desk.tell(_("There is nothing to lease: the till has sold nothing yet."))
        else:
            units = sum(taken.leased.values())
            self.desk.tell(
                _("{units} pieces of {items} items are leased.").format(units=units, items=len(taken.leased))
            )

    # --- What stands here ---

    def _show(self, state: State) -> None:
        offset = self.till.till.settings.utc_offset.ToTimedelta()
        server = self.desk.calls.connection.server
        if state.online:
            words = _("The line to {server} is up. Sales are booked at once.").format(server=server)
        else:
            words = _(
                "The line to {server} is down. Sell on: what is sold is kept on this machine and is sent by "
                "itself, in order and once, when the line is back."
            ).format(server=server)
        self.line.setText(words)
        mark(self.line, "role", "good" if state.online else "bad")
        if state.leased_units:
            words = _(
                "Without the line {units} pieces of {items} items can be sold, until {time}. For more "
                "somebody has to give permission."
            ).format(
                units=state.leased_units, items=state.leased_items, time=clock(state.leased_until_ms, offset)
            )
        else:
            words = _("No stock is leased: without the line each sale needs somebody's permission.")
        self.leased.setText(words)
        self.refund.setVisible(state.refund_unanswered)
        self._matters_now(self.till.till.journal.matters())
        # The first of them: after a long outage there are thousands.
        self.waiting.put(self.till.till.journal.outbox(WAITING_MAX))
        self.waiting_name.setText(
            _("Waits for the line: {count}").format(count=state.waits)
            if state.waits
            else _("Nothing waits for the line.")
        )
        self.waiting_table.setVisible(bool(state.waits))

    def _matters_now(self, matters: list[Matter]) -> None:
        self.matters.put(matters)
        self.matter_name.setText(
            _("To look at: {count}").format(count=len(matters))
            if matters
            else _("There is nothing to look at.")
        )
        for each in (self.matter_table, self.retry_button, self.settle_button):
            each.setVisible(bool(matters))

    def _matter_columns(self) -> tuple[Column, ...]:
        return (
            Column(
                marked("What"), lambda matter: _(TROUBLE_WORDS[matter.trouble]), tint=lambda _matter: "bad"
            ),
            Column(marked("When"), lambda matter: self._time(matter.time_ms)),
            Column(marked("Receipt"), lambda matter: matter.receipt),
            Column(marked("Amount"), lambda matter: self._amount(matter.amount_minor), right=True),
            Column(marked("Why"), lambda matter: matter.message),
        )

    def _entry_columns(self) -> tuple[Column, ...]:
        return (
            Column(marked("What"), lambda entry: _(KIND_WORDS[entry.kind])),
            Column(marked("When"), lambda entry: self._time(entry.time_ms)),
            Column(marked("Receipt"), lambda entry: entry.receipt),
            Column(marked("Total"), self._total, right=True),
        )

    def _total(self, entry: Entry) -> str:
        return self._amount(entry.receipt_sale.totals.total.minor_units) if entry.sale else ""

    def _amount(self, minor: int) -> str:
        return show_amount(minor, self._currency) if minor else ""

    def _time(self, time_ms: int) -> str:
        return clock(time_ms, self.till.till.settings.utc_offset.ToTimedelta())

    def _lay_out(self) -> None:
        self.line = label("heading", wraps=True)
        self.leased = label("", wraps=True)
        self.refund = label("bad", wraps=True)
        self.say(
            self.refund.setText,
            marked(
                "Goods were given back when the line broke, and nobody knows whether the server did it: pay "
                "nothing out. When the line is up again, F4 and F7 say what became of it."
            ),
        )
        frame, inside = panel()
        send, lease = button("", self.send), button("", self.lease)
        self.say(send.setText, marked("Send now  (F7)"))
        self.say(lease.setText, marked("Lease now  (F8)"))
        row = QHBoxLayout()
        words = QVBoxLayout()
        words.addWidget(self.line)
        words.addWidget(self.leased)
        words.addWidget(self.refund)
        row.addLayout(words, 1)
        row.addWidget(send)
        row.addWidget(lease)
        inside.addLayout(row)
        self.matter_name, self.waiting_name = label("heading"), label("heading")
        self.retry_button, self.settle_button = button("", self.retry), button("", self.ask_settle)
        self.say(self.retry_button.setText, marked("Send once more  (F9)"))
        self.say(self.settle_button.setText, marked("Taken care of  (F10)"))
        head = QWidget()
        head_row = QHBoxLayout(head)
        head_row.setContentsMargins(0, 0, 0, 0)
        head_row.addWidget(self.matter_name, 1)
        head_row.addWidget(self.retry_button)
        head_row.addWidget(self.settle_button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(frame)
        whole.addWidget(head)
        whole.addWidget(self.matter_table, 1)
        whole.addWidget(self.waiting_name)
        whole.addWidget(self.waiting_table, 1)
        whole.addStretch()


def _sent(till: Till) -> Sent:
    till.line_is_back()
    return till.send()
