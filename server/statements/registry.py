"""Files that memory holds whole, as an upload brings them: every account with its rows."""

import datetime as dt
from collections.abc import Iterable

from engine._core import statement_formats
from server.statements.model import (
    Statement,
    StatementBrokenError,
    StatementRow,
    StatementUnrecognisedError,
)
from server.statements.streaming import Collected, Reading, row_of

# What the contract lets a client send.
MAX_FILE_BYTES = 64 * 2**20

FORMATS: tuple[str, ...] = tuple(name for name, _ in statement_formats())


def parse(
    data: bytes | Iterable[bytes],
    *,
    format: str | None = None,  # noqa: A002 (the word of the contract)
    mapping: str | None = None,
    today: dt.date,
    allow_broken: bool = False,
    account_number: str = "",
) -> Statement:
    """Reads a bank's mutation file, given whole or in pieces of any size.

    `format`: one of FORMATS; None or empty: found by the content.
    `mapping`: which column of a free CSV is which, as TOML or JSON.
    `today`: the day of the export, or of the import, in the bank's time zone; for dates written without a
    year.
    `allow_broken`: return what could be read although rows are unreadable or sums disagree, with `problems`
    filled.
    `account_number`: which account of a file that holds several.
    Raises StatementUnrecognisedError (not a statement, or larger than 64 MiB) and StatementBrokenError (cut
    off, unreadable in places, sums that disagree), each with `reason`, plain words and `problems`; no other
    exception for any input.
    """
    statements = parse_all(data, format=format, mapping=mapping, today=today)
    if len(statements) > 1 or account_number:
        numbers = ", ".join(statement.account_number or "(no number)" for statement in statements)
        statements = [statement for statement in statements if statement.account_number == account_number]
        if not statements:
            wanted = f"none of them {account_number}" if account_number else "say which one is meant"
            raise StatementBrokenError(f"the file holds mutations of these accounts: {numbers}; {wanted}")
    statement = statements[0]
    if not statement.adds_up and not allow_broken:
        raise StatementBrokenError.of(statement)
    return statement


def parse_all(
    data: bytes | Iterable[bytes],
    *,
    format: str | None = None,  # noqa: A002 (the word of the contract)
    mapping: str | None = None,
    today: dt.date,
) -> list[Statement]:
    """Like `parse` with `allow_broken`, for every account in the file: at least one, in the order of the
    file.
    """
    reading = Reading(today, format, mapping, MAX_FILE_BYTES)
    whole = data if isinstance(data, bytes) else _joined(data)
    collected = Collected()
    rows: dict[int, list[StatementRow]] = {}
    for piece in reading.reader(whole, "rows"):
        if piece[0] == "rows":
            for told in piece[1]:
                rows.setdefault(told[0], []).append(row_of(told))
        else:
            collected.take(piece)
    found = []
    for account in range(len(collected.accounts)):
        summary = collected.summary(account)
        found.append(
            Statement(
                format=summary.format,
                account_number=summary.account_number,
                currency=summary.currency,
                opening_balance_minor=summary.opening_balance_minor,
                closing_balance_minor=summary.closing_balance_minor,
                rows=tuple(rows.get(account, ())),
                holder=summary.holder,
                sums_checked=summary.sums_checked,
                problems=summary.problems,
                problem_count=summary.problem_count,
                file_hash=summary.file_hash,
            )
        )
    return found


def _joined(pieces: Iterable[bytes]) -> bytes:
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > MAX_FILE_BYTES:
            raise StatementUnrecognisedError(f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return bytes(whole)
