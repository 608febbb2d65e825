"""Readers of banks' mutation files: one module a format, found by content, one result for all.

    statement = parse(data, today=dt.date.today())
    for row in statement.rows: ...

A file whose sums disagree, or of which a part is missing or unreadable, is refused with the rows named.
"""

from server.statements.model import (
    Problem,
    ProblemKind,
    Statement,
    StatementBrokenError,
    StatementError,
    StatementRow,
    StatementUnrecognisedError,
    normalise,
)
from server.statements.registry import FORMATS, parse, parse_all

__all__ = [
    "FORMATS",
    "Problem",
    "ProblemKind",
    "Statement",
    "StatementBrokenError",
    "StatementError",
    "StatementRow",
    "StatementUnrecognisedError",
    "normalise",
    "parse",
    "parse_all",
]
