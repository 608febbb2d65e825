"""Bank files of any size: checked without keeping anything, and their rows in batches."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

from engine._core import StatementReader, fitting_mappings
from server.statements.model import (
    Problem,
    ProblemKind,
    StatementBrokenError,
    StatementEntry,
    StatementRow,
    StatementSummary,
    StatementUnrecognisedError,
)

Place: TypeAlias = bytes | str | Path | BinaryIO
"""A file: its bytes, its path, or it opened (one that lies on a disk, from its beginning)."""

# No bank's file is larger: more is a mistake, and is refused before it is read to its end.
MAX_STREAMED_BYTES = 64 * 2**30
BATCH_ROWS = 5_000

_day: Callable[[int], dt.date] = lru_cache(maxsize=4096)(dt.date.fromordinal)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    today: dt.date
    """The day of the export, or of the import, in the bank's time zone; for dates written without a year."""
    format: str | None = None
    """One of FORMATS; None or empty: found by the content."""
    mapping: str | None = None
    """Which column of a free CSV is which, as TOML or JSON."""
    max_bytes: int = MAX_STREAMED_BYTES

    def reader(
        self, file: Place, give: Literal["rows", "lines", "sums"], batch: int = BATCH_ROWS
    ) -> StatementReader:
        """The reader of `file`; rows come as rows, as lines of JSON, or not at all. Raises OSError."""
        return StatementReader(
            _place(file),
            format=self.format or None,
            mapping=self.mapping,
            today=self.today.toordinal(),
            max_bytes=self.max_bytes,
            give=give,
            batch=batch,
        )


def check(
    file: Place,
    *,
    format: str | None = None,  # noqa: A002 (the word of the contract)
    mapping: str | None = None,
    today: dt.date,
) -> list[StatementSummary]:
    """Reads a file of any size to its end and says what is in it, one summary an account, in the order of the
    file. Keeps no rows.

    Raises StatementUnrecognisedError, StatementBrokenError when nothing can be read, and OSError.
    """
    collected = Collected()
    for piece in Reading(today, format, mapping).reader(file, "sums"):
        collected.take(piece)
    return [collected.summary(account) for account in range(len(collected.accounts))]


def rows(
    file: Place,
    *,
    format: str | None = None,  # noqa: A002 (the word of the contract)
    mapping: str | None = None,
    today: dt.date,
    account: int = 0,
    batch: int = BATCH_ROWS,
) -> Iterator[list[StatementRow]]:
    """The rows of a file of any size in its order, at most `batch` at a time: those of the account that
    stands at `account` in what `check` returns.

    Rows that cannot be read are left out, whatever else is wrong with the file: `check` it before. Raises as
    `check` does.
    """
    for piece in Reading(today, format, mapping).reader(file, "rows", batch):
        match piece:
            case ("rows", told):
                if found := [row_of(row) for row in told if row[0] == account]:
                    yield found
            case _:
                raise_refusal(piece)


def fitting(file: Place, mappings: Sequence[str]) -> list[int]:
    """Which of some column mappings fit the header of a file that is in no bank's own format, by their
    places. Raises OSError.
    """
    return fitting_mappings(_place(file), list(mappings)) if mappings else []


def _place(file: Place) -> bytes | str | Path:
    return file if isinstance(file, bytes | str | Path) else f"/dev/fd/{file.fileno()}"


def row_of(told: tuple[Any, ...]) -> StatementRow:
    """A row as the reader tells it, with its dates."""
    _, row, date, amount, balance, description, pending, counterparty, value, identity = told
    reference, is_unique, occurrence, entry = identity
    return StatementRow(
        row,
        _day(date),
        amount,
        balance,
        description,
        reference,
        pending,
        counterparty,
        occurrence,
        None if value is None else _day(value),
        is_unique,
        None if entry is None else StatementEntry(*entry),
    )


def raise_refusal(piece: tuple[Any, ...]) -> None:
    """Raises what the reader refuses a file with, and nothing for any other piece."""
    match piece:
        case ("broken", words):
            raise StatementBrokenError(words)
        case ("unrecognised", words):
            raise StatementUnrecognisedError(words)


class Collected:
    """What a reader told of a file's accounts so far."""

    def __init__(self) -> None:
        self.accounts: list[tuple[str, str, tuple[str, bool], str]] = []
        """Format, number, currency and whether that is only assumed, holder."""
        self.ends: dict[int, tuple[Any, ...]] = {}
        self.file_hash = ""

    def take(self, piece: tuple[Any, ...]) -> None:
        """Takes any piece but rows. Raises StatementError."""
        match piece:
            case ("account", *told):
                format_name, number, currency, holder = told
                self.accounts.append((format_name, number, currency, holder))
            case ("end", account, *told):
                self.ends[account] = tuple(told)
            case ("done", _, file_hash):
                self.file_hash = file_hash
            case _:
                raise_refusal(piece)

    def summary(self, account: int) -> StatementSummary:
        """An account whose end was told."""
        format_name, number, (currency, is_assumed), holder = self.accounts[account]
        (opening, closing, count, sums_checked), problems, counts = self.ends[account]
        problem_count, unreadable_count = counts
        return StatementSummary(
            format=format_name,
            account_number=number,
            currency=currency,
            holder=holder,
            opening_balance_minor=opening,
            closing_balance_minor=closing,
            row_count=count,
            sums_checked=sums_checked,
            problems=tuple(Problem(row, reason, ProblemKind(kind)) for row, reason, kind in problems),
            problem_count=problem_count,
            unreadable_count=unreadable_count,
            file_hash=self.file_hash,
            is_currency_assumed=is_assumed,
        )
