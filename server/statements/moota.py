"""Moota (a service that watches bank accounts), JSON: what its webhook posts and what its list of mutations
answers.

The webhook posts an array of mutations; the list answers an object with them in `data`. Of each are read:
`account_number, date ("YYYY-MM-DD hh:mm:ss"), description, amount, type ("CR" | "DB"), mutation_id`. An
amount is rupiah, as a number or as text. `balance` is that of the moment of asking, not the one after the
row. One file may hold several accounts.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from server.statements.model import (
    MAX_REFERENCE_CHARS,
    Problem,
    ProblemKind,
    Statement,
    StatementBrokenError,
    StatementRow,
    tidy,
)
from server.statements.money import AmountError, parse_amount, shown
from server.statements.reader import Reader
from server.statements.source import Source

NAME = "moota"
CURRENCY = "IDR"  # Moota watches Indonesian accounts only and names no currency.

_SIGNS = {"CR": 1, "DB": -1}


class _RowError(ValueError):
    """A mutation that cannot be read; the message says why in plain words."""


def sniff(head: Sequence[str]) -> bool:
    """Whether it begins like JSON and names a mutation's id."""
    start = "\n".join(head).lstrip()
    return start.startswith(("[", "{")) and '"mutation_id"' in start


def read(source: Source, today: dt.date) -> list[Statement]:  # noqa: ARG001 (every date here has its year)
    """One statement for each account, in the order of their first mutations."""
    try:
        # Fractions stay text: a float would not keep them exactly.
        whole = json.loads(source.text(), parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise StatementBrokenError(
            f"the file is cut off or damaged: it is not valid JSON ({error})"
        ) from error
    elements = whole.get("data") if isinstance(whole, dict) else whole
    if not isinstance(elements, list):
        raise StatementBrokenError("the file has no list of mutations")
    rows: dict[str, list[StatementRow]] = {}
    problems: dict[str, list[Problem]] = {}
    for number, element in enumerate(elements, start=1):
        account_number = _text(element, "account_number")
        try:
            row = _row(number, element)
            rows.setdefault(account_number, []).append(row)
        except (_RowError, AmountError) as error:
            rows.setdefault(account_number, [])
            problems.setdefault(account_number, []).append(
                Problem(number, str(error), ProblemKind.UNREADABLE_ROW)
            )
    return [
        Statement(
            format=NAME,
            account_number=account_number,
            currency=CURRENCY,
            opening_balance_minor=None,
            closing_balance_minor=None,
            rows=tuple(found),
            problems=tuple(problems.get(account_number, ())),
        )
        for account_number, found in (rows or {"": []}).items()
    ]


def _row(number: int, element: Any) -> StatementRow:
    account_number = _text(element, "account_number")
    if not (account_number.isascii() and account_number.isdigit()):
        raise _RowError(f"{shown(account_number)} is not an account number")
    sign = _SIGNS.get(_text(element, "type"))
    if sign is None:
        raise _RowError("the type is neither CR nor DB")
    reference = _text(element, "mutation_id")
    if not 0 < len(reference) <= MAX_REFERENCE_CHARS or not reference.isprintable():
        raise _RowError("the mutation has no id, or one that is too long")
    return StatementRow(
        row=number,
        date=_date(_text(element, "date")),
        amount_minor=sign * _amount(element.get("amount")),
        balance_minor=None,
        description=tidy(_text(element, "description")),
        bank_reference=reference,
    )


def _text(element: Any, key: str) -> str:
    value = element.get(key) if isinstance(element, dict) else None
    return value if isinstance(value, str) else ""


def _date(text: str) -> dt.date:
    # The time is the one of Moota's look at the account, not the bank's.
    try:
        return dt.date.fromisoformat(text.partition(" ")[0])
    except ValueError as error:
        raise _RowError(f"{shown(text)} is not a date and time") from error


def _amount(value: Any) -> int:
    # bool is an int to Python.
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _RowError("the mutation has no amount")
    amount = parse_amount(str(value), CURRENCY)
    if amount < 0:
        raise AmountError("the amount is negative: its sign is told by the type")
    return amount


READER = Reader(NAME, sniff, read)
