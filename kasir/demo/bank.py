"""The evening at the bank: its mutation file, what it pays, and what a person has to decide."""

import datetime as dt
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clients.cs import bank as cs_bank
from kasir.demo import bank_file
from kasir.demo.bank_file import BankRow
from kasir.demo.desk import Book, Booked
from kasir.demo.opening import ACCOUNT_HOLDER, ACCOUNT_NUMBER, Facts, money
from kasir.demo.plan import Fate
from kasir.demo.stage import STATEMENT, DemoFailed, Person, Stage
from kasir.v1.booking_pb2 import ORDER_STATE_PAID, ORDER_STATE_PARTLY_PAID, ORDER_STATE_REFUND_DUE
from kasir.v1.reconciliation_pb2 import (
    MUTATION_STATE_POSTED,
    MUTATION_STATE_PROPOSED,
    ConfirmMatchesRequest,
    ConfirmMatchesResponse,
    ConfirmMatchesResult,
    IgnoreMutationRequest,
    IgnoreMutationResponse,
    ListMutationsRequest,
    ListMutationsResponse,
    MatchMutationRequest,
    MatchMutationResponse,
    Mutation,
    MutationAllocation,
    RecordPaymentRequest,
    RecordPaymentResponse,
    UndoMatchRequest,
    UndoMatchResponse,
)

LEAD = "cs-sari"
OPENING_MINOR = 31_415_926_00
# Rows that pay no order, of every 300 orders
DEBITS, UNRELATED, PENDING = 18, 25, 2
PAID_TOO_MUCH_MINOR = 5_000_00
# By bank transfer, exactly what is asked for
EXACTLY = (Fate.PAYS, Fate.PAYS_LATE, Fate.PAYS_TOO_LATE, Fate.TAKES_THE_LAST)
NOTES = ("", "", "pesanan {}", "bayar order {}", "Transfer pembayaran pesanan {}", "tks ya kak")
MUTATIONS_MAX = 100_000


@dataclass(frozen=True)
class Statement:
    """The bank's file, and what the demo knows of it."""

    rows: Sequence[BankRow]
    too_much_minor: int
    """What the one who pays too much transfers."""
    too_little_minor: int
    strangers: int
    """Money in that pays no order."""
    money_out: int
    """Rows that the engine itself says pay no order."""
    pending: int


def write_statement(stage: Stage, book: Book, day: dt.date, seed: int) -> Statement:
    """Writes the day's mutations as KlikBCA exports them, to mutasi-bca.csv."""
    rng = random.Random(f"bank/{seed}")
    payables = {entry.order.payable.minor_units for entry in book.entries}
    (too_much,), (too_little,) = book.of(Fate.PAYS_TOO_MUCH), book.of(Fate.PAYS_TOO_LITTLE)
    much = _unlike(payables, too_much.order.payable.minor_units + PAID_TOO_MUCH_MINOR, 100)
    # Rounded down: so much for the unique code.
    little = _unlike(payables, (too_little.order.payable.minor_units - 1) // 100_000 * 100_000, -100)
    taken = payables | {much, little}
    payments = [_payment(rng, day, entry, entry.order.payable.minor_units) for entry in book.of(*EXACTLY)]
    payments += [_payment(rng, day, too_much, much), _payment(rng, day, too_little, little)]
    share = len(book.entries) / 300
    names = [entry.chat.customer.name for entry in book.entries]
    debits = bank_file.debits(rng, day, max(round(DEBITS * share), 3))
    strangers = _strangers(rng, day, names, max(round(UNRELATED * share), 3), taken)
    pending = [bank_file.pending(row) for row in _strangers(rng, day, names, PENDING, taken)]
    fees = bank_file.fees(day)
    rows = bank_file.shuffled(rng, payments, debits, strangers, pending, fees)
    account = bank_file.Account(ACCOUNT_NUMBER, ACCOUNT_HOLDER)
    stage.path(STATEMENT).write_bytes(bank_file.write(account, rows, opening_sen=OPENING_MINOR))
    # The bank's own money in (interest) pays no order either.
    strange = len(strangers) + sum(row.amount_sen > 0 for row in fees)
    money_out = len(debits) + sum(row.amount_sen < 0 for row in fees)
    return Statement(rows, much, little, strange, money_out, len(pending))


def _payment(rng: random.Random, day: dt.date, entry: Booked, amount_minor: int) -> BankRow:
    note = rng.choice(NOTES).format(entry.order.order_id)
    return bank_file.paid(rng, day, entry.chat.customer.name, amount_minor, note=note)


def _strangers(
    rng: random.Random, day: dt.date, names: Sequence[str], count: int, taken: set[int]
) -> list[BankRow]:
    """Money in that is no order's."""
    rows: list[BankRow] = []
    while len(rows) < count:
        rows.extend(row for row in bank_file.unrelated(rng, day, names, 1) if row.amount_sen not in taken)
    return rows


def _unlike(payables: set[int], amount_minor: int, step_minor: int) -> int:
    """The amount, or the next one that nobody else has to pay."""
    while amount_minor in payables:
        amount_minor += step_minor
    return amount_minor


class Reconciliation:
    """What the CS lead does with the file."""

    def __init__(self, stage: Stage, facts: Facts, book: Book, statement: Statement, shop: Person) -> None:
        self.stage, self.facts, self.book, self.statement, self.shop = stage, facts, book, statement, shop

    def work(self, on_step: Callable[[str], None]) -> None:
        """Uploads, matches, confirms, decides by hand. Raises DemoFailed when something else comes out."""
        self._upload()
        on_step("the bank's file was uploaded twice")
        confirmed = self._confirm_all()
        on_step(f"{len(confirmed)} sure matches were confirmed at once")
        self._by_hand()
        self._undo_and_redo(confirmed)
        self._ignore_strangers()
        self._marketplace()
        on_step("the rest was decided by hand")

    def _upload(self) -> None:
        rows = len(self.statement.rows)
        cs_bank.import_statement(self.shop, self.stage.path(STATEMENT))
        first = self.shop.told
        cs_bank.import_statement(self.shop, self.stage.path(STATEMENT))
        second = self.shop.told
        if (first.rows, first.new_rows, first.pending_rows) != (rows, rows, self.statement.pending):
            raise DemoFailed(f"Of the bank's {rows} rows {first.new_rows} were new.")
        if (second.new_rows, second.known_rows) != (0, rows):
            raise DemoFailed(f"The same file again brought {second.new_rows} new rows.")
        self.stage.ledger.add("mutations", rows)
        self.stage.ledger.add("ignored", self.statement.money_out)

    def _confirm_all(self) -> list[ConfirmMatchesResult]:
        exact = self.book.of(*EXACTLY)
        cs_bank.match(self.shop)
        proposed = self.shop.told
        # What a person has to look at: strangers' money, too much, too little
        others = self.statement.strangers + 2
        if (proposed.auto, proposed.suggested + proposed.unmatched) != (len(exact), others):
            raise DemoFailed(
                f"{proposed.auto} matches were sure, {proposed.suggested} likely and {proposed.unmatched} "
                f"without; {len(exact)} sure and {others} others were right."
            )
        cs_bank.confirm(self.shop, all_auto=True)
        results: list[ConfirmMatchesResult] = self.shop.told["results"]
        refunds = [each for each in results if each.order_state == ORDER_STATE_REFUND_DUE]
        too_late = [entry.order.order_id for entry in self.book.of(Fate.PAYS_TOO_LATE)]
        if [list(each.order_ids) for each in refunds] != [too_late]:
            raise DemoFailed("Late money for goods that are gone must be given back, and no other.")
        self.stage.ledger.add("confirmed", len(results))
        self.stage.ledger.add("refund_due", len(refunds))
        self.stage.ledger.add("rebooked", len(self.book.of(Fate.PAYS_LATE)))
        return results

    def _by_hand(self) -> None:
        """One paid too much, which the customer keeps as credit; one too little, and brings the rest."""
        (much,), (little,) = self.book.of(Fate.PAYS_TOO_MUCH), self.book.of(Fate.PAYS_TOO_LITTLE)
        unexplained = self._unexplained()
        due_minor = much.order.payable.minor_units
        order = self._match(_of(unexplained, self.statement.too_much_minor), much, due_minor, credit=True)
        if order != ORDER_STATE_PAID:
            raise DemoFailed("The order of who paid too much is not paid.")
        paid_minor = self.statement.too_little_minor
        order = self._match(_of(unexplained, paid_minor), little, paid_minor, credit=False)
        if order != ORDER_STATE_PARTLY_PAID:
            raise DemoFailed("The order of who paid too little is not partly paid.")
        rest_minor = little.order.payable.minor_units - paid_minor
        request = RecordPaymentRequest(
            order_id=little.order.order_id, amount=money(rest_minor), method="cash", reference="Meja CS"
        )
        self.shop.call(request, RecordPaymentResponse)
        self.stage.ledger.add("payments_recorded")

    def _match(self, mutation: Mutation, entry: Booked, amount_minor: int, *, credit: bool) -> int:
        allocation = MutationAllocation(order_id=entry.order.order_id, amount=money(amount_minor))
        request = MatchMutationRequest(
            mutation_id=mutation.mutation_id, allocations=[allocation], credit_remainder=credit
        )
        reply = self.shop.call(request, MatchMutationResponse)
        self.stage.ledger.add("matched_by_hand")
        return reply.orders[0].state

    def _undo_and_redo(self, confirmed: Sequence[ConfirmMatchesResult]) -> None:
        """A match is taken back, and made again: the order is paid as before."""
        plain = {entry.order.order_id for entry in self.book.of(Fate.PAYS)}
        mutation_id = next(each.mutation_id for each in confirmed if each.order_ids[0] in plain)
        self.shop.call(UndoMatchRequest(mutation_id=mutation_id), UndoMatchResponse)
        self.stage.ledger.add("undone")
        cs_bank.match(self.shop)
        request = ConfirmMatchesRequest(bank_account_id=self.facts.account, mutation_ids=[mutation_id])
        (result,) = self.shop.call(request, ConfirmMatchesResponse).results
        if result.order_state != ORDER_STATE_PAID:
            raise DemoFailed("A match that was undone could not be made again.")

    def _ignore_strangers(self) -> None:
        for mutation in self._unexplained():
            request = IgnoreMutationRequest(
                mutation_id=mutation.mutation_id, reason="Bukan pembayaran pesanan"
            )
            self.shop.call(request, IgnoreMutationResponse)
            self.stage.ledger.add("ignored")

    def _marketplace(self) -> None:
        for entry in self.book.of(Fate.PAYS_MARKETPLACE):
            order = entry.order
            request = RecordPaymentRequest(
                order_id=order.order_id,
                amount=order.payable,
                method="marketplace",
                reference=f"INV/{order.order_id:08d}",
            )
            self.shop.call(request, RecordPaymentResponse)
            self.stage.ledger.add("payments_recorded")

    def _unexplained(self) -> list[Mutation]:
        """Money in of which nobody said yet what it pays."""
        found: list[Mutation] = []
        for state in (MUTATION_STATE_POSTED, MUTATION_STATE_PROPOSED):
            request = ListMutationsRequest(bank_account_id=self.facts.account, state=state)
            found += self.shop.pages(request, ListMutationsResponse, "mutations", MUTATIONS_MAX)
        return [each for each in found if each.amount.minor_units > 0]


def _of(mutations: Iterable[Mutation], amount_minor: int) -> Mutation:
    found = [each for each in mutations if each.amount.minor_units == amount_minor]
    if len(found) != 1:
        raise DemoFailed(f"{len(found)} unmatched mutations are of {amount_minor} minor units, not one.")
    return found[0]
