"""Which formats there are, and which one a file is in. Content decides, never a file's name or label."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from server.statements import klikbca_bisnis, klikbca_individual, moota
from server.statements.model import (
    MAX_PROBLEMS,
    Statement,
    StatementBrokenError,
    StatementUnrecognisedError,
    number_occurrences,
)
from server.statements.reader import Reader
from server.statements.source import Source

READERS: tuple[Reader, ...] = (klikbca_individual.READER, klikbca_bisnis.READER, moota.READER)
FORMATS: tuple[str, ...] = tuple(reader.name for reader in READERS)


def parse(
    data: bytes | Iterable[bytes],
    *,
    format: str | None = None,  # noqa: A002 (the word of the contract)
    today: dt.date,
    allow_broken: bool = False,
    account_number: str = "",
) -> Statement:
    """Reads a bank's mutation file, given whole or in pieces of any size.

    `format`: one of FORMATS; None or empty: found by the content.
    `today`: the day of the export, or of the import, in the bank's time zone; for dates written without a
    year.
    `allow_broken`: return what could be read although rows are unreadable or sums disagree, with `problems`
    filled.
    `account_number`: which account of a file that holds several.
    Raises StatementUnrecognisedError (not a statement, or larger than 64 MiB) and StatementBrokenError (cut
    off, unreadable in places, sums that disagree), each with `reason`, plain words and `problems`; no other
    exception for any input.
    """
    statements = parse_all(data, format=format, today=today)
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
    today: dt.date,
) -> list[Statement]:
    """Like `parse` with `allow_broken`, for every account in the file: at least one, in the order of the
    file.
    """
    source = Source(data)
    reader = _named(format) if format else _sniffed(source.head)
    found = reader.read(source, today)
    return [
        replace(
            statement,
            rows=number_occurrences(statement.rows),
            problems=tuple(sorted(statement.problems, key=lambda problem: problem.row)[:MAX_PROBLEMS]),
            problem_count=len(statement.problems),
            file_hash=source.file_hash,
        )
        for statement in found
    ]


def _named(name: str) -> Reader:
    for reader in READERS:
        if reader.name == name:
            return reader
    raise StatementUnrecognisedError(f"there is no format {name!r}; known are {', '.join(FORMATS)}")


def _sniffed(head: tuple[str, ...]) -> Reader:
    if not any(line.strip() for line in head):
        raise StatementUnrecognisedError("the file is empty")
    for reader in READERS:
        if reader.sniff(head):
            return reader
    raise StatementUnrecognisedError(f"not a bank statement of a format we know ({', '.join(FORMATS)})")
