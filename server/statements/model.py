"""What every reader of bank files returns, whatever the bank: statements, their rows, and what is wrong with
them.

Money is an integer of minor units (sen, cents), signed so that money in is positive. No float is ever made.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

# This many are put into the one-line message; all that are kept stand in `problems`.
PROBLEMS_IN_MESSAGE = 3


class ProblemKind(StrEnum):
    """What a problem is about, so that nobody has to read its words to tell."""

    UNREADABLE_ROW = "unreadable_row"  # the row is not among `Statement.rows`
    BALANCE = "balance"  # the running balance breaks at the row, which is among `Statement.rows`
    TOTAL = "total"  # a total, a count or the closing balance disagrees with the rows
    STRUCTURE = "structure"  # a part of the file is missing, doubled or out of place


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not add up."""

    row: int
    """Line of the file (from 1), as an editor shows it; for JSON the element's number. 0: the file as a
    whole.
    """
    reason: str
    """In plain words."""
    kind: ProblemKind


class StatementEntry(NamedTuple):
    """An entry of a statement that stands for several payments, as a whole."""

    reference: str
    """The bank's own id of it."""
    amount_minor: int
    """Signed minor units: money in is positive."""
    occurrence: int
    """Which of several equal ones of this file, from 1; a row equal to it counts too."""


class StatementRow(NamedTuple):
    """One mutation as the file says it."""

    row: int
    """Line of the file (from 1), as an editor shows it; for JSON the element's number."""
    date: dt.date
    """Booking date. A pending row has none yet: then the day that its text or another column names, else that
    of the row before it, else the last day of the statement's period, else the day of the export.
    """
    amount_minor: int
    """Signed minor units: money in is positive."""
    balance_minor: int | None
    """Running balance after the row in minor units; None when the format has none."""
    description: str
    """The bank's text, blanks at its ends taken off, those inside kept: some banks pad fields with them."""
    bank_reference: str = ""
    """The bank's own id of the row, when it has a real one; else empty."""
    pending: bool = False
    """Not posted yet: pays for nothing."""
    counterparty: str = ""
    """Who paid or was paid, when the text says so plainly; else empty. Often cut off by the bank: a hint."""
    occurrence: int = 1
    """Which of several equal rows of this file it is, from 1: two genuine identical payments stay two.

    Equal means: of the same amount and date, and the same reference of the bank where there is one; else of
    the same normalised text and, when given, balance. A pending row has neither its date nor its balance yet
    and is compared with other pending rows, without them.
    """
    value_date: dt.date | None = None
    """The day from which the bank counts the money, when the format tells."""
    reference_is_unique: bool = False
    """The format promises that `bank_reference` names one mutation, ever: the same one is the same row."""
    entry: StatementEntry | None = None
    """The entry of which it is one payment of several, when that has an id."""


class _Checked:
    """What follows from the problems of a statement."""

    __slots__ = ()

    problems: tuple[Problem, ...]
    problem_count: int

    @property
    def adds_up(self) -> bool:
        """Whether nothing is wrong with it; true too for a format without balances."""
        return self.problem_count == 0

    @property
    def refused_rows(self) -> tuple[Problem, ...]:
        """The rows of the file that could not be read and are therefore not among those given."""
        return tuple(problem for problem in self.problems if problem.kind is ProblemKind.UNREADABLE_ROW)


@dataclass(frozen=True, slots=True)
class Statement(_Checked):
    """One account's mutations over a period, as one file says them."""

    format: str
    """Name of the format, e.g. "klikbca-individual"."""
    account_number: str
    """Digits only; empty when the file does not say (then `problems` says so)."""
    currency: str
    """ISO 4217."""
    opening_balance_minor: int | None
    """Minor units; None when the format has none."""
    closing_balance_minor: int | None
    """Minor units; None when the format has none."""
    rows: tuple[StatementRow, ...]
    """In file order."""
    holder: str = ""
    """Name on the account, when the file says."""
    sums_checked: bool = False
    """The format carries balances or totals, and they were compared with the rows."""
    problems: tuple[Problem, ...] = ()
    """What does not add up, at most a thousand, by row. Not empty only when broken files were allowed."""
    problem_count: int = 0
    """How many problems there were."""
    file_hash: str = ""
    """BLAKE2b-256 of the file's bytes, hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSummary(_Checked):
    """One account's mutations as `Statement` has them, without the rows."""

    format: str
    account_number: str
    currency: str
    holder: str
    opening_balance_minor: int | None
    closing_balance_minor: int | None
    row_count: int
    sums_checked: bool
    problems: tuple[Problem, ...]
    problem_count: int
    unreadable_count: int
    """How many rows could not be read and are therefore not among those given."""
    file_hash: str
    is_currency_assumed: bool = False
    """The file does not say the currency: it is the usual one of such files."""


class StatementError(Exception):
    """A file that is not imported: `reason` is the refusal's name in the catalogue, `str()` plain words."""

    reason = "STATEMENT_UNRECOGNISED"

    def __init__(
        self, message: str, problems: Sequence[Problem] = (), problem_count: int | None = None
    ) -> None:
        super().__init__(message)
        self.problems = tuple(problems)
        """Row by row, at most a thousand."""
        self.problem_count = len(self.problems) if problem_count is None else problem_count
        """How many there were."""


class StatementUnrecognisedError(StatementError):
    """The file is not a bank statement of a format we know."""

    reason = "STATEMENT_UNRECOGNISED"


class StatementBrokenError(StatementError):
    """It is a statement, but it is cut off, unreadable in places, or its sums do not add up."""

    reason = "STATEMENT_BROKEN"

    @classmethod
    def of(cls, statement: Statement | StatementSummary) -> "StatementBrokenError":
        """The error that tells what is wrong with `statement`."""
        first = statement.problems[:PROBLEMS_IN_MESSAGE]
        words = "; ".join(
            f"line {problem.row}: {problem.reason}" if problem.row else problem.reason for problem in first
        )
        left = statement.problem_count - len(first)
        more = f"; and {left} more" if left else ""
        return cls(
            f"the {statement.format} file does not add up: {words}{more}",
            statement.problems,
            statement.problem_count,
        )


def normalise(text: str) -> str:
    """`text` as it is compared: runs of blanks made one, upper case.

    Banks pad the same text differently in different exports of the same day. The engine, which tells by this
    whether a row is known, does the same.
    """
    return " ".join(text.split()).upper()
