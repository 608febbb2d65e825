"""The bank's money: statements dropped in, what the matcher proposes confirmed, the rest matched by hand."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from clients.common.money import show_amount, show_money
from clients.desktop.asking import Question
from clients.desktop.calls import Failure
from clients.desktop.cs import bank_calls as calls
from clients.desktop.cs.bank_calls import Confirmed, Imported, Side, Sure
from clients.desktop.cs.bank_import import Imports
from clients.desktop.cs.bank_side import SideBySide
from clients.desktop.cs.by_hand import ByHand
from clients.desktop.cs.join import Join
from clients.desktop.cs.refunds import Refunds
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Chips, Shortcut, Table, button, label
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from clients.desktop.words import mutation_state, mutation_tint
from kasir.v1 import reconciliation_pb2 as bank
from kasir.v1.reconciliation_pb2 import (
    BankAccount,
    JoinMutationsResponse,
    Mutation,
    ProposeMatchesResponse,
)
from kasir.v1.watch_pb2 import RESOURCE_MUTATION, RESOURCE_ORDER, RESOURCE_SETTING

FILTERS: tuple[tuple[str, bank.MutationState.ValueType], ...] = (
    (marked("To confirm"), bank.MUTATION_STATE_PROPOSED),
    (marked("No match"), bank.MUTATION_STATE_POSTED),
    (marked("Confirmed"), bank.MUTATION_STATE_CONFIRMED),
    (marked("Pays no order"), bank.MUTATION_STATE_IGNORED),
    (marked("Not posted yet"), bank.MUTATION_STATE_PENDING),
    (marked("Refunds due"), bank.MUTATION_STATE_UNSPECIFIED),
)
TO_CONFIRM, NO_MATCH, REFUNDS = 0, 1, len(FILTERS) - 1
OPEN = (bank.MUTATION_STATE_POSTED, bank.MUTATION_STATE_PROPOSED)
IGNORABLE = (*OPEN, bank.MUTATION_STATE_PENDING)
UNDOABLE = (bank.MUTATION_STATE_CONFIRMED, bank.MUTATION_STATE_IGNORED)
# Of mutations that changed at once so many are asked for one by one; of more the list is read anew.
RENEWED_MAX = 20
CHANGED_MS = 400
SCROLL_PX = 80
STATEMENTS = "*.csv *.txt *.xls *.xlsx *.sta *.mt940 *.940 *.942 *.xml *.ofx *.qif *.bai *.html *.htm *.json"


def _text(mutation: Mutation) -> str:
    return "  ".join(filter(None, (mutation.counterparty, mutation.description)))


def _pays(mutation: Mutation) -> str:
    chosen = mutation.allocations or mutation.proposal.allocations
    if chosen:
        return _("order {number}").format(number=" + ".join(str(each.order_id) for each in chosen))
    if mutation.proposal.candidates:
        options = (" + ".join(map(str, each.order_ids)) for each in mutation.proposal.candidates)
        return " / ".join(options) + "?"
    return mutation.ignore_reason


def _sum_words(mutations: Sequence[Mutation]) -> str:
    """What they come to, in each currency."""
    amounts: Counter[str] = Counter()
    for each in mutations:
        amounts[each.amount.currency_code] += each.amount.minor_units
    return " + ".join(show_amount(minor, code) for code, minor in sorted(amounts.items()))


class BankScreen(Screen):
    """Mutations by what is to be done with them, and the chosen one beside the orders that it may pay."""

    NAME = marked("Bank")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._accounts: Sequence[BankAccount] = ()
        # The numbers of those that were confirmed together last
        self._last_confirmed: tuple[int, ...] = ()
        self._hand: ByHand | Join | None = None
        columns = (
            Column(marked("Date"), lambda each: each.date),
            Column(marked("From or to, text"), _text, wide=True),
            Column(marked("Amount"), lambda each: show_money(each.amount), right=True),
            Column(marked("How sure"), mutation_state, tint=mutation_tint),
            Column(marked("Pays"), _pays),
        )
        widths = ((128, False), (240, True), (150, False), (150, False), (170, False))
        self.mutations = PagedTable(desk.calls, columns, lambda each: each.mutation_id, self)
        self.table = Table(self.mutations, widths, several=True)
        self.refunds = Refunds(desk)
        self.imports = Imports(desk.calls)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self._read)
        self._confirming.connect(self._progress)
        self._lay_out()
        self.mutations.filled.connect(self._filled)
        self.mutations.failed.connect(desk.tell_failure)
        self.table.opened.connect(self.open)
        self.table.chosen.connect(self._chosen)
        self.table.marked.connect(self._add_up)
        self.imports.imported.connect(self._imported)
        self._filled()

    _confirming = Signal(int, int)

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+O", marked("import a bank statement"), self.choose_file),
            Shortcut("Ctrl+R", marked("let the matcher look anew"), self.match),
            Shortcut("Ctrl+Return", marked("confirm all that is sure"), self.ask_to_confirm_all),
            Shortcut("Ctrl+H", marked("say by hand what the chosen one pays"), self.by_hand),
            Shortcut("Ctrl+J", marked("say that all that are marked pay one order together"), self.join),
            Shortcut("Ctrl+Z", marked("take back what was confirmed"), self.undo),
            Shortcut("Del", marked("the chosen one pays no order"), self.ask_to_ignore),
            Shortcut("Ctrl+Right", marked("the next list"), partial(self.filters.step, 1)),
            Shortcut("Ctrl+Left", marked("the list before"), partial(self.filters.step, -1)),
            Shortcut(
                "Alt+Down",
                marked("scroll what stands below the list"),
                partial(self.side.scroll_by, SCROLL_PX),
            ),
            Shortcut("Alt+Up", marked("scroll it back"), partial(self.side.scroll_by, -SCROLL_PX)),
            Shortcut("Esc", marked("close what is told of a statement"), self.imports.close_card),
        )

    def entered(self) -> None:
        """Lists as they are now."""
        self._focus()
        self.reload()

    def scanned(self, code: str) -> None:
        """Looks for the order that was scanned, for the chosen mutation."""
        self.by_hand()
        if self._hand is not None:
            self._hand.scanned(code)

    def changed(self, changes: Changes) -> None:
        """What is shown and changed is read anew; what is new comes to the head of its list."""
        if RESOURCE_SETTING in changes:
            self._read_accounts()
        if RESOURCE_ORDER in changes and self.filters.number == REFUNDS:
            self._soon.start()
        ids = changes.get(RESOURCE_MUTATION, set())
        shown = ids & self.mutations.idents
        if shown != ids or len(shown) > RENEWED_MAX:
            self._soon.start()
            return
        for number in shown:
            self.desk.calls.look(
                self, partial(calls.mutation, number), self._renew, latest=f"mutation {number}"
            )

    def reload(self) -> None:
        """Reads accounts and list anew."""
        self._read_accounts()
        self._read()

    def take_files(self, files: Sequence[Path]) -> None:
        """Imports statements that were dropped or chosen."""
        self.imports.take(files, self._account_id)

    def choose_file(self) -> None:
        """Asks which statement."""
        dialog = QFileDialog(self, _("Import a bank statement"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(
            [_("Bank statements ({endings})").format(endings=STATEMENTS), _("All files (*)")]
        )
        dialog.filesSelected.connect(lambda names: self.take_files([Path(name) for name in names]))
        dialog.open()

    def match(self) -> None:
        """Lets the matcher look at all money that waits."""
        self.desk.calls.carry(self, partial(calls.match, self._account_ids), self._matched)

    def open(self, mutation: Mutation) -> None:
        """Enter: confirms what is proposed; where a person has to say what it pays, asks."""
        if mutation.state not in OPEN or mutation.amount.minor_units <= 0:
            return
        if mutation.proposal.allocations:
            once = f"confirm {mutation.mutation_id}"
            work = partial(calls.confirm, mutation)
            self.desk.calls.do(self, work, self._confirmed, self._not_confirmed, once=once)
        else:
            self.by_hand()

    def ask_to_confirm_all(self) -> None:
        """Counts what is sure, says so, and confirms it after a yes."""
        self.confirm.setEnabled(False)
        work = partial(calls.count_sure, self._account_ids)
        self.desk.calls.carry(self, work, self._ask_to_confirm, self._not_confirmed)

    def by_hand(self) -> None:
        """Opens the search for the order that the chosen mutation pays."""
        mutation = self.table.thing()
        if self.filters.number == REFUNDS or mutation is None or self._hand is not None:
            return
        if len(self._marked()) > 1:
            self.join()
            return
        if mutation.state not in OPEN or mutation.amount.minor_units <= 0:
            return
        self._hand = ByHand(self, self.desk, mutation)
        self._hand.finished.connect(self._hand_closed)
        self._hand.answered.connect(lambda reply: self._confirmed(reply.mutation))
        self._hand.open()

    def join(self) -> None:
        """Opens the search for the order that all that are marked pay together."""
        if self.filters.number == REFUNDS or self._hand is not None:
            return
        mutations = self._marked()
        if len(mutations) < 2:
            words = _("Mark the transfers that pay one order first: Shift+Down, or Ctrl and the mouse.")
            self.desk.notice.show_words(words, bad=True)
            return
        if len({each.bank_account_id for each in mutations}) > 1:
            words = _("Only transfers to one account pay an order together.")
            self.desk.notice.show_words(words, bad=True)
            return
        self._hand = Join(self, self.desk, mutations)
        self._hand.finished.connect(self._hand_closed)
        self._hand.answered.connect(self._joined)
        self._hand.open()

    def undo(self) -> None:
        """Takes the chosen one back; where that cannot be, the one that was confirmed last."""
        mutation = self.table.thing() if self.filters.number != REFUNDS else None
        if mutation is not None and mutation.state in UNDOABLE:
            numbers: tuple[int, ...] = (mutation.mutation_id,)
        elif self._last_confirmed:
            numbers = self._last_confirmed
        else:
            return
        work, once = partial(calls.undo, numbers), f"undo {numbers}"
        self.desk.calls.do(self, work, self._undone, partial(self._not_undone, numbers), once=once)

    def ask_to_ignore(self) -> None:
        """Asks why, and says that the chosen one pays no order."""
        mutation = self.table.thing()
        if self.filters.number == REFUNDS or mutation is None or mutation.state not in IGNORABLE:
            return
        words = _("Does {amount} pay no order?").format(amount=show_money(mutation.amount))
        remark = "  ".join(filter(None, (mutation.date, mutation.counterparty, mutation.description)))
        question = Question(self, _("Pays no order"), words, remark, _("It pays no order"))
        question.with_field(_("Why? For example: interest"), needed=True)
        question.ask(partial(self._ignore, mutation.mutation_id))

    def retranslated(self) -> None:
        """Lists in the other language."""
        self.mutations.retranslated()
        self._offer(self._accounts)
        self._filled()
        self._add_up()

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.account = QComboBox()
        self.account.setMinimumWidth(220)
        self.account.currentIndexChanged.connect(lambda _index: self._read())
        choose = button("", self.choose_file)
        self.say(choose.setText, marked("Import a statement  (Ctrl+O)"))
        look = button("", self.match)
        self.say(look.setText, marked("Match anew  (Ctrl+R)"))
        self.confirm = button("main", self.ask_to_confirm_all)
        self.say(self.confirm.setText, marked("Confirm all sure  (Ctrl+Enter)"))
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(title)
        head.addStretch()
        for each in (self.account, choose, look, self.confirm):
            head.addWidget(each)
        self.filters = Chips([words for words, _state in FILTERS])
        self.filters.chosen.connect(self._filtered)
        chips = QHBoxLayout()
        chips.addWidget(self.filters)
        chips.addStretch()
        self.stack = QStackedWidget()
        self.stack.addWidget(self._mutations_view())
        self.stack.addWidget(self.refunds)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addLayout(head)
        whole.addLayout(chips)
        whole.addWidget(self.imports)
        whole.addWidget(self.stack, 1)

    def _mutations_view(self) -> QWidget:
        made = QWidget()
        self.empty = label("empty", wraps=True)
        self.together = label("heading", wraps=True)
        self.together.hide()
        self.side = SideBySide()
        self.side.setMinimumHeight(230)
        keys = label("muted", wraps=True)
        self.say(
            keys.setText,
            marked(
                "Enter: confirm.  Ctrl+H: by hand.  Ctrl+J: several.  Ctrl+Z: take back.  Del: pays no order."
            ),
        )
        inside = QVBoxLayout(made)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        inside.addWidget(self.empty)
        inside.addWidget(self.table, 1)
        inside.addWidget(self.together)
        inside.addWidget(self.side, 1)
        inside.addWidget(keys)
        inside.addStretch(0)
        self._keys = keys
        return made

    @property
    def _account_id(self) -> int:
        return int(self.account.currentData() or 0)

    @property
    def _account_ids(self) -> list[int]:
        """The one that is chosen, else all."""
        chosen = self._account_id
        return [each.bank_account_id for each in self._accounts if chosen in {0, each.bank_account_id}]

    def _focus(self) -> None:
        (self.refunds.table if self.filters.number == REFUNDS else self.table).setFocus()

    def _read_accounts(self) -> None:
        self.desk.calls.look(self, calls.accounts, self._offer, latest="accounts")

    def _offer(self, accounts: Sequence[BankAccount]) -> None:
        self._accounts = accounts
        chosen = self._account_id
        self.account.blockSignals(True)
        self.account.clear()
        self.account.addItem(_("All accounts"), 0)
        for each in accounts:
            self.account.addItem(f"{each.bank} {each.number} {each.currency_code}", each.bank_account_id)
        self.account.setCurrentIndex(max(self.account.findData(chosen), 0))
        self.account.blockSignals(False)
        self.account.setVisible(len(accounts) > 1)

    def _filtered(self, number: int) -> None:
        self.stack.setCurrentIndex(1 if number == REFUNDS else 0)
        self._read()
        self._focus()

    def _read(self) -> None:
        if self.filters.number == REFUNDS:
            self.refunds.reload()
        else:
            state = FILTERS[self.filters.number][1]
            self.mutations.show(partial(calls.mutations, self._account_id, state))

    def _chosen(self, mutation: Mutation | None) -> None:
        self.side.setVisible(mutation is not None)
        if mutation is not None:
            self.side.show_mutation(mutation, None)
            self.desk.calls.look(self, partial(calls.side, mutation), self._tell_side, latest="side")

    def _marked(self) -> list[Mutation]:
        """Those among the marked that may pay an order."""
        return [each for each in self.table.things() if each.state in OPEN and each.amount.minor_units > 0]

    def _add_up(self) -> None:
        """What several that are marked come to."""
        mutations = self._marked()
        self.together.setVisible(len(mutations) > 1)
        if len(mutations) > 1:
            words = _("{count} marked, together {amount}. Ctrl+J: they pay one order.")
            self.together.setText(words.format(count=len(mutations), amount=_sum_words(mutations)))

    def _tell_side(self, side: Side) -> None:
        mutation = self.table.thing()
        if mutation is not None and mutation.mutation_id == side.mutations[0].mutation_id:
            self.side.show_mutation(mutation, side)

    def _renew(self, mutation: Mutation) -> None:
        """Takes its new state; it leaves a list that it is of no more."""
        if mutation.state == FILTERS[self.filters.number][1]:
            self.mutations.renew(mutation)
            return
        self.mutations.remove(mutation.mutation_id)
        if not self.mutations.rowCount():
            self._filled()
            self._soon.start()

    def _imported(self, done: Imported) -> None:
        if done.matched is not None:
            proposed = done.matched.auto + done.matched.suggested
            self.filters.choose(TO_CONFIRM if proposed else NO_MATCH)

    def _matched(self, total: ProposeMatchesResponse) -> None:
        words = _(
            "The matcher is sure of {auto} more; {suggested} more to look at, {unmatched} without a match."
        )
        self.desk.tell(words.format(auto=total.auto, suggested=total.suggested, unmatched=total.unmatched))
        self._soon.start()

    def _ask_to_confirm(self, sure: Sure) -> None:
        self.confirm.setEnabled(True)
        if not sure.count:
            self.desk.tell(_("The matcher is sure of nothing that waits."))
            return
        words = _("Confirm {count} transfers of {amount}?").format(count=sure.count, amount=sure.words())
        remark = _("Their orders are paid then. {others} more stay for you to look at.").format(
            others=sure.others
        )
        question = Question(self, _("Confirm all sure"), words, remark, _("Confirm them"))
        question.ask(lambda _text: self._confirm_all())

    def _confirm_all(self) -> None:
        self.confirm.setEnabled(False)
        work = partial(calls.confirm_sure, self._account_ids, self._confirming.emit)
        self.desk.calls.carry(self, work, self._all_confirmed, self._not_confirmed)

    def _progress(self, done: int, _all: int) -> None:
        if done % 50 == 0:
            self.desk.tell(_("{count} confirmed …").format(count=done))

    def _all_confirmed(self, done: Confirmed) -> None:
        self.confirm.setEnabled(True)
        words = _("Transfers confirmed: {count}.").format(count=done.count)
        refused = [
            _("Mutation {number} was not: {why}").format(number=number, why=why)
            for number, why in done.refused[:8]
        ]
        self.desk.notice.show_words("\n".join([words, *refused]), bad=bool(refused))
        self._soon.start()

    def _confirmed(self, mutation: Mutation) -> None:
        self._last_confirmed = (mutation.mutation_id,)
        self._renew(mutation)
        words = _("{amount} pays {orders}. Ctrl+Z takes it back.")
        self.desk.tell(words.format(amount=show_money(mutation.amount), orders=_pays(mutation) or "-"))

    def _joined(self, reply: JoinMutationsResponse) -> None:
        self._last_confirmed = tuple(each.mutation_id for each in reply.mutations)
        for each in reply.mutations:
            self._renew(each)
        words = _("{count} transfers, {amount}, pay order {number}. Ctrl+Z takes it back.")
        facts = {"count": len(reply.mutations), "number": reply.order.order_id}
        self.desk.tell(words.format(amount=_sum_words(reply.mutations), **facts))

    def _not_confirmed(self, failure: Failure) -> None:
        self.confirm.setEnabled(True)
        self.desk.tell_failure(failure)
        self._soon.start()

    def _undone(self, mutations: Sequence[Mutation]) -> None:
        self._renew_confirmed(mutations)
        self.desk.tell(_("Taken back: {amount} waits again.").format(amount=_sum_words(mutations)))
        self._soon.start()

    def _not_undone(self, numbers: Sequence[int], failure: Failure) -> None:
        """Of several some may be taken back all the same, here or by somebody else."""
        self.desk.tell_failure(failure)
        work = partial(calls.several, numbers)
        self.desk.calls.look(self, work, self._renew_confirmed, lambda _failure: None)

    def _renew_confirmed(self, mutations: Sequence[Mutation]) -> None:
        """What is taken back is not there to be taken back once more."""
        undone = {each.mutation_id for each in mutations if each.state not in UNDOABLE}
        self._last_confirmed = tuple(each for each in self._last_confirmed if each not in undone)
        for each in mutations:
            self._renew(each)

    def _ignore(self, number: int, reason: str) -> None:
        work = partial(calls.ignore, number, reason)
        self.desk.calls.do(self, work, self._renew, once=f"ignore {number}")

    def _hand_closed(self) -> None:
        self._hand = None
        self._focus()

    def _filled(self) -> None:
        rows = self.mutations.rowCount()
        for each in (self.table, self.side, self._keys):
            each.setVisible(rows > 0)
        self.empty.setVisible(rows == 0)
        words = {
            TO_CONFIRM: _("Nothing waits to be confirmed. Drop a bank statement here, or press Ctrl+O."),
            NO_MATCH: _("All money that came in has its order."),
        }
        self.empty.setText(words.get(self.filters.number, _("There is nothing here.")))
