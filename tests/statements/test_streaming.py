"""Goal: a file that memory does not hold gives the same as one that it does, in batches, and is refused for
the same reasons.
"""

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine._core import moota_signature_ok
from kasir.demo import bank_file
from kasir.demo.bank_file import Account, BankRow
from server.statements import (
    FORMATS,
    StatementBrokenError,
    StatementUnrecognisedError,
    check,
    parse_all,
    rows,
)
from server.statements.cli import TABLE_ROWS, app

TODAY = dt.date(2026, 5, 20)
COUNT = 12_345


@pytest.fixture(scope="module")
def data() -> bytes:
    made = [BankRow(TODAY, f"SETORAN {number % 100}", 1 + number % 5) for number in range(COUNT)]
    return bank_file.write(Account(number="0111222333", holder="TOKO"), made, opening_sen=5)


@pytest.fixture
def path(data: bytes, tmp_path: Path) -> Path:
    written = tmp_path / "mutasi.csv"
    written.write_bytes(data)
    return written


def test_a_checked_file_says_what_is_in_it(data: bytes, path: Path) -> None:
    (whole,) = parse_all(data, today=TODAY)
    (summary,) = check(path, today=TODAY)
    assert summary.adds_up
    assert (summary.format, summary.account_number, summary.row_count) == (
        whole.format,
        whole.account_number,
        COUNT,
    )
    assert summary.closing_balance_minor == whole.closing_balance_minor
    assert summary.file_hash == whole.file_hash == hashlib.blake2b(data, digest_size=32).hexdigest()


def test_rows_come_in_batches(data: bytes, path: Path) -> None:
    (whole,) = parse_all(data, today=TODAY)
    batches = list(rows(path, today=TODAY, batch=5_000))
    assert [len(batch) for batch in batches] == [5_000, 5_000, 2_345]
    assert tuple(row for batch in batches for row in batch) == whole.rows


def test_a_file_may_be_opened_already(data: bytes, path: Path) -> None:
    with path.open("rb") as opened:
        assert check(opened, today=TODAY) == check(data, today=TODAY)


def test_reading_may_be_left_half_way(path: Path) -> None:
    reading: Iterator[object] = rows(path, today=TODAY, batch=10)
    assert next(reading)
    del reading


def test_of_several_accounts_one_is_read() -> None:
    def mutation(account: str, number: int) -> dict[str, object]:
        return {
            "account_number": account,
            "date": "2026-05-02 05:23:04",
            "description": "SETORAN",
            "amount": number,
            "type": "CR",
            "mutation_id": f"id{number}",
        }

    data = json.dumps([mutation("111", 1), mutation("222", 2), mutation("111", 3)]).encode()
    assert [summary.account_number for summary in check(data, today=TODAY)] == ["111", "222"]
    found = [row.amount_minor for batch in rows(data, today=TODAY, account=0) for row in batch]
    assert found == [100, 300]


def test_what_is_no_statement_is_refused() -> None:
    with pytest.raises(StatementUnrecognisedError):
        check(b"hello", today=TODAY)
    with pytest.raises(StatementBrokenError):
        list(rows(b"Account No.,=,'0111222333\n", today=TODAY))
    with pytest.raises(OSError, match="No such file"):
        check("/nowhere/at/all.csv", today=TODAY)


def test_what_is_broken_in_places_is_told(data: bytes) -> None:
    broken = data.replace(b"SETORAN 7,'0000,", b"SETORAN 7,'0000,9")
    (summary,) = check(broken, today=TODAY)
    assert not summary.adds_up
    assert summary.problem_count > len(summary.refused_rows)
    assert str(StatementBrokenError.of(summary)).endswith("more")


def test_a_long_table_is_cut(path: Path) -> None:
    result = CliRunner().invoke(app, ["parse", str(path)])
    assert result.exit_code == 0
    assert f"and {COUNT - TABLE_ROWS:,} rows more" in result.stdout
    lines = CliRunner().invoke(app, ["parse", str(path), "--json"]).stdout.splitlines()
    assert len(lines) == COUNT


def test_the_formats_are_listed() -> None:
    result = CliRunner().invoke(app, ["formats"])
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(FORMATS)


def test_a_webhook_is_signed() -> None:
    body, secret = b'[{"mutation_id": "a"}]', b"secret"
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    assert moota_signature_ok(secret, body, signature)
    assert not moota_signature_ok(b"other", body, signature)
    assert not moota_signature_ok(secret, body + b" ", signature)
