"""Goal: Moota's JSON is read exactly, and what cannot be read is named, never guessed."""

import datetime as dt
import json
from typing import Any

import pytest

from server.statements import Statement, StatementBrokenError, StatementUnrecognisedError, parse, parse_all

TODAY = dt.date(2026, 5, 20)


def mutation(**changes: Any) -> dict[str, Any]:
    return {
        "account_number": "0111222333",
        "date": "2026-05-02 05:23:04",
        "description": "SETORAN TUNAI",
        "amount": 5000,
        "type": "CR",
        "balance": 3_799_460.89,
        "mutation_id": "3ykVJxnwYkN",
    } | changes


def read(*mutations: dict[str, Any], allow_broken: bool = False) -> Statement:
    return parse(json.dumps(mutations).encode(), today=TODAY, allow_broken=allow_broken)


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        (5000, 500_000),
        ("5000", 500_000),
        ("5000.5", 500_050),
        ("12111.00", 1_211_100),
        (0.29, 29),  # a float times 100 would be 28
        (1_000_000.07, 100_000_007),
        ("9999999999999.99", 999_999_999_999_999),
    ],
)
def test_amounts_are_exact(amount: Any, minor: int) -> None:
    assert read(mutation(amount=amount)).rows[0].amount_minor == minor


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": None},
        {"amount": True},
        {"amount": -5},
        {"amount": "5.000,00"},
        {"amount": "0.001"},
        {"amount": float("nan")},
        {"amount": 1e30},
        {"type": "XX"},
        {"type": None},
        {"date": "yesterday"},
        {"date": None},
        {"mutation_id": ""},
        {"mutation_id": "x" * 101},
        {"account_number": "IBAN"},
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    data = json.dumps([mutation(mutation_id="first"), mutation(**changes)]).encode()
    with pytest.raises(StatementBrokenError):
        parse(data, today=TODAY)


def test_when_allowed_the_rest_is_returned() -> None:
    statement = read(mutation(), mutation(amount="?"), allow_broken=True)
    assert [row.row for row in statement.rows] == [1]
    assert [problem.row for problem in statement.refused_rows] == [2]


def test_of_several_accounts_one_is_chosen() -> None:
    data = json.dumps([mutation(), mutation(account_number="444", mutation_id="b", type="DB")]).encode()
    with pytest.raises(StatementBrokenError, match="0111222333, 444"):
        parse(data, today=TODAY)
    assert parse(data, today=TODAY, account_number="444").rows[0].amount_minor == -500_000
    assert [statement.account_number for statement in parse_all(data, today=TODAY)] == ["0111222333", "444"]
    with pytest.raises(StatementBrokenError, match="none of them 555"):
        parse(data, today=TODAY, account_number="555")


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = json.dumps([mutation()]).encode()
    for length in range(len(whole)):
        with pytest.raises((StatementBrokenError, StatementUnrecognisedError)):
            parse(whole[:length], today=TODAY)


def test_other_json_is_no_statement() -> None:
    for data in (b"[]", b"{}", b'{"data": []}', b"[1, 2]", b'"mutation_id"'):
        with pytest.raises(StatementUnrecognisedError):
            parse(data, today=TODAY)
    for data in (b'["mutation_id"]', b'{"mutation_id": 1}', b'{"data": 5, "mutation_id": 1}'):
        with pytest.raises(StatementBrokenError):
            parse(data, today=TODAY)


def test_deep_nesting_and_endless_numbers_are_refused() -> None:
    for data in (b'["mutation_id",' + b"[" * 100_000, b'["mutation_id",' + b"9" * 100_000 + b"]"):
        with pytest.raises(StatementBrokenError):
            parse(data, today=TODAY)


def test_text_that_no_encoding_can_carry_is_cleaned() -> None:
    row = read(mutation(description="a\ud800b\x00c")).rows[0]
    assert row.description == "a b c"
    row.description.encode()
