"""KlikBCA Bisnis, CSV (the files are called CorpAcctTrxn…): what BCA's internet banking for companies
exports.

    "Informasi Rekening - Mutasi Rekening"," "," "," "," ",
    (blank)
    "No. rekening : 0350000001"
    "Nama : PT ACME TEKNOLOGI"
    "Periode : 13/05/2026 - 14/05/2026"
    "Kode Mata Uang : Rp"
    "Tanggal Transaksi","Keterangan","Cabang","Jumlah","Saldo"
    "DD/MM/YYYY" | "DD/MM" | "PEND" , "text" , "0000" , "3,528,964.00 CR" | "… DB" , "25,441,156.00"
    "Saldo Awal : 21,912,192.00"
    "Mutasi Debet : 0.00","0"            total and number of rows
    "Mutasi Kredit : 3,528,964.00","1"
    "Saldo Akhir : 25,441,156.00"

An English export has English names; older ones put the direction in a column of its own and 'DD/MM without
quotes.
"""

import datetime as dt
import re
from collections.abc import Sequence

from server.statements.dates import DateError, DateReader
from server.statements.klikbca import ROW_OF_FIVE, ROW_OF_SIX, Body, cells, currency_of
from server.statements.model import ProblemKind, Statement, StatementBrokenError
from server.statements.money import shown
from server.statements.reader import Reader
from server.statements.source import HEAD_LINES, Source

NAME = "klikbca-bisnis"

_ACCOUNT_LABELS = ("no. rekening", "no rekening", "account number", "account no.", "account no")
_HEADERS = {
    ("tanggal transaksi", "keterangan", "cabang", "jumlah", "saldo"): ROW_OF_FIVE,
    ("tanggal transaksi", "keterangan", "cabang", "jumlah", "", "saldo"): ROW_OF_SIX,
    ("transaction date", "description", "branch", "amount", "balance"): ROW_OF_FIVE,
    ("transaction date", "description", "branch", "amount", "", "balance"): ROW_OF_SIX,
}
_PERIOD = re.compile(r"([0-9/]+)\s*-\s*([0-9/]+)")
_NO_HEADER = (
    "the file is cut off or damaged: it has no header Tanggal Transaksi,Keterangan,Cabang,Jumlah,Saldo"
)


def sniff(head: Sequence[str]) -> bool:
    """Whether the header stands there; other banks' exports share the title and the lines above."""
    return any(cells(line) in _HEADERS for line in head)


def read(source: Source, today: dt.date) -> list[Statement]:
    """The one account of the file."""
    lines = source.lines()
    meta: dict[str, str] = {}
    for number, line in lines:
        if number > HEAD_LINES:
            raise StatementBrokenError(_NO_HEADER)
        pattern = _HEADERS.get(cells(line))
        if pattern is not None:
            break
        label, colon, value = line.strip(' ",').partition(":")
        if colon:
            meta[label.strip().lower()] = value.strip()
    else:
        raise StatementBrokenError(_NO_HEADER)

    body, account_number = _preamble(meta, today)
    for number, line in lines:
        body.add(number, line, pattern)
    body.finish()
    return [
        Statement(
            format=NAME,
            account_number=account_number,
            currency=body.currency,
            opening_balance_minor=body.amounts.get("opening"),
            closing_balance_minor=body.amounts.get("closing"),
            rows=tuple(body.rows),
            holder=_first(meta, ("nama", "name")),
            sums_checked=True,
            problems=tuple(body.problems),
        )
    ]


def _preamble(meta: dict[str, str], today: dt.date) -> tuple[Body, str]:
    """An empty body that knows currency and period, with what is wrong above the header noted; the account's
    number.
    """
    said = _first(meta, ("kode mata uang", "currency code", "mata uang", "currency"))
    currency = currency_of(said)
    if currency is None:
        # Not even with broken files allowed: money of an unknown currency is no amount.
        raise StatementBrokenError(f"the file is damaged: {shown(said)} is not a currency")
    period_text = _first(meta, ("periode", "period"))
    period = _period(period_text, today)
    body = Body(dates=DateReader(today, period), currency=currency)
    if period is None:
        body.problem(0, f"{shown(period_text)} is not a period", ProblemKind.STRUCTURE)
    account_number = _first(meta, _ACCOUNT_LABELS)
    if not (account_number.isascii() and account_number.isdigit()):
        body.problem(0, f"{shown(account_number)} is not an account number", ProblemKind.STRUCTURE)
        account_number = ""
    return body, account_number


def _period(text: str, today: dt.date) -> tuple[dt.date, dt.date] | None:
    match = _PERIOD.fullmatch(text)
    if match is None:
        return None
    try:
        first, last = (DateReader(today).read(day) for day in match.groups())
    except DateError:
        return None
    return (first, last) if first <= last else None


def _first(meta: dict[str, str], labels: Sequence[str]) -> str:
    return next((meta[label] for label in labels if label in meta), "")


READER = Reader(NAME, sniff, read)
