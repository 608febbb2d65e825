"""Readers of banks' mutation files, found by content, one result for all. The reading itself is Rust's
(engine_rs/statements).

    statement = parse(data, today=dt.date.today())
    for row in statement.rows: ...

A file whose sums disagree, or of which a part is missing or unreadable, is refused with the rows named. Files
that memory does not hold are checked first (`check`) and read again in batches (`rows`).
"""

from server.statements.model import (
    Problem,
    ProblemKind,
    Statement,
    StatementBrokenError,
    StatementEntry,
    StatementError,
    StatementRow,
    StatementSummary,
    StatementUnrecognisedError,
    normalise,
)
from server.statements.registry import FORMATS, parse, parse_all
from server.statements.streaming import check, fitting, rows

__all__ = [
    "FORMATS",
    "Problem",
    "ProblemKind",
    "Statement",
    "StatementBrokenError",
    "StatementEntry",
    "StatementError",
    "StatementRow",
    "StatementSummary",
    "StatementUnrecognisedError",
    "check",
    "fitting",
    "normalise",
    "parse",
    "parse_all",
    "rows",
]
