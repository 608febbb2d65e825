"""KlikBCA Individual, CSV: what BCA's internet banking for persons exports.

    Account No.,=,'0111222333
    Name,=,JOHN DOE
    Currency,=,IDR
    (blank)
    Date,Description,Branch,Amount,,Balance
    'DD/MM/YYYY | 'DD/MM | 'PEND , text with commas and no quotes , '0000 , 108400.00 , CR | DB , balance
    Starting Balance,=,934539.96
    Credit,=,108400.00
    Debet,=,                        empty for nothing
    Ending Balance,=,1042939.96

An Indonesian export has the same lines under Indonesian names.
"""

import datetime as dt
from collections.abc import Sequence

from server.statements.dates import DateReader
from server.statements.klikbca import ROW_OF_SIX, Body, cells, currency_of
from server.statements.model import ProblemKind, Statement, StatementBrokenError
from server.statements.money import shown
from server.statements.reader import Reader
from server.statements.source import HEAD_LINES, Source

NAME = "klikbca-individual"

_ACCOUNT_LABELS = ("account no", "account no.", "no. rekening", "no rekening")
_HEADERS = {
    ("date", "description", "branch", "amount", "", "balance"),
    ("tanggal", "keterangan", "cabang", "jumlah", "", "saldo"),
}
_NO_HEADER = "the file is cut off or damaged: it has no header Date,Description,Branch,Amount,,Balance"


def sniff(head: Sequence[str]) -> bool:
    """Whether the header stands there, or the line with the account's number."""
    return any(cells(line) in _HEADERS or _meta(line)[0] in _ACCOUNT_LABELS for line in head)


def read(source: Source, today: dt.date) -> list[Statement]:
    """The one account of the file."""
    lines = source.lines()
    meta: dict[str, str] = {}
    for number, line in lines:
        if number > HEAD_LINES:
            raise StatementBrokenError(_NO_HEADER)
        if cells(line) in _HEADERS:
            break
        label, value = _meta(line)
        if label:
            meta[label] = value
    else:
        raise StatementBrokenError(_NO_HEADER)

    said = _first(meta, ("currency", "mata uang"))
    currency = currency_of(said)
    if currency is None:
        # Not even with broken files allowed: money of an unknown currency is no amount.
        raise StatementBrokenError(f"the file is damaged: {shown(said)} is not a currency")
    body = Body(dates=DateReader(today), currency=currency)
    account_number = _first(meta, _ACCOUNT_LABELS)
    if not (account_number.isascii() and account_number.isdigit()):
        body.problem(0, f"{shown(account_number)} is not an account number", ProblemKind.STRUCTURE)
        account_number = ""
    for number, line in lines:
        body.add(number, line, ROW_OF_SIX)
    body.finish()
    return [
        Statement(
            format=NAME,
            account_number=account_number,
            currency=body.currency,
            opening_balance_minor=body.amounts.get("opening"),
            closing_balance_minor=body.amounts.get("closing"),
            rows=tuple(body.rows),
            holder=_first(meta, ("name", "nama")),
            sums_checked=True,
            problems=tuple(body.problems),
        )
    ]


def _first(meta: dict[str, str], labels: Sequence[str]) -> str:
    return next((meta[label] for label in labels if label in meta), "")


def _meta(line: str) -> tuple[str, str]:
    """Label (lower case) and value of a line above the header; empty ones for any other line."""
    label, _, rest = line.partition(",")
    equals, comma, value = rest.partition(",")
    if not comma or equals.strip(' "') != "=":
        return "", ""
    return label.strip(' "').lower(), value.strip(" '`\",")


READER = Reader(NAME, sniff, read)
