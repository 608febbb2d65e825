"""Whether a statement's running balances, totals, counts and closing balance agree with its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.statements.model import Problem, ProblemKind, StatementRow
from server.statements.money import format_amount


@dataclass(frozen=True, slots=True)
class Totals:
    """What a file says about itself, in minor units; None where it says nothing."""

    opening_minor: int | None = None
    closing_minor: int | None = None
    credit_minor: int | None = None
    """Sum of money in."""
    debit_minor: int | None = None
    """Sum of money out, as a positive number."""
    credit_count: int | None = None
    debit_count: int | None = None


def check_sums(rows: Sequence[StatementRow], totals: Totals, currency: str) -> tuple[list[Problem], bool]:
    """What does not add up, and whether pending rows count in the file's balances.

    Some exports carry pending rows in their running balance and totals, others leave them out until they are
    posted. A file must agree with itself throughout in one of the two ways; when it does in neither, the
    reading with fewer breaks is reported.
    """
    counted = list(_breaks(rows, totals, currency, with_pending=True))
    if not counted or not any(row.pending for row in rows):
        return counted, True
    left_out = list(_breaks(rows, totals, currency, with_pending=False))
    return (left_out, False) if len(left_out) < len(counted) else (counted, True)


def _breaks(
    rows: Sequence[StatementRow], totals: Totals, currency: str, *, with_pending: bool
) -> Iterator[Problem]:
    rows = [row for row in rows if with_pending or not row.pending]
    balance = totals.opening_minor
    for row in rows:
        if balance is not None:
            balance += row.amount_minor
        if row.balance_minor is None:
            continue
        if balance is not None and balance != row.balance_minor:
            expected, found = format_amount(balance, currency), format_amount(row.balance_minor, currency)
            reason = (
                f"the running balance is {found}, but {expected} follows from the row before and the amount"
            )
            yield Problem(row.row, reason, ProblemKind.BALANCE)
        # Goes on from what the file says, so that one break is reported once.
        balance = row.balance_minor
    money_in = [row.amount_minor for row in rows if row.amount_minor > 0]
    money_out = [-row.amount_minor for row in rows if row.amount_minor < 0]
    compared = (
        ("closing balance", totals.closing_minor, balance),
        ("total of money in", totals.credit_minor, sum(money_in)),
        ("total of money out", totals.debit_minor, sum(money_out)),
    )
    for name, said, found_minor in compared:
        if said is not None and found_minor is not None and said != found_minor:
            words = f"the {name} is given as {format_amount(said, currency)}, but the rows give"
            yield Problem(0, f"{words} {format_amount(found_minor, currency)}", ProblemKind.TOTAL)
    for name, said, count in (
        ("money in", totals.credit_count, len(money_in)),
        ("money out", totals.debit_count, len(money_out)),
    ):
        if said is not None and said != count:
            reason = f"the number of rows of {name} is given as {said}, but there are {count}"
            yield Problem(0, reason, ProblemKind.TOTAL)
