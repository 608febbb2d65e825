"""Goal: `kasir statement parse` prints what a program or a person can use, and its exit status can be
trusted.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.statements.cli import app

SAMPLES = Path(__file__).parent.parent / "samples" / "indonesia"
PERSONAL = SAMPLES / "rekapimutasi_personal_input.csv"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["parse", *map(str, arguments)])


def test_json_lines() -> None:
    result = run(PERSONAL, "--json")
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "account": "0111222333",
            "currency": "IDR",
            "date": "2026-05-02",
            "value_date": None,
            "amount_minor": 10_840_000,
            "balance_minor": 104_293_996,
            "status": "POSTED",
            "description": "TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00"
            "Transfer pembayaran invoice           ACME CORPORATION",
            "bank_reference": "",
            "counterparty": "ACME CORPORATION",
            "row": 6,
        }
    ]
    assert result.stderr == (
        "klikbca-individual: 1 rows, opening balance 934,539.96, closing balance 1,042,939.96, adds up\n"
    )


def test_a_table_for_people() -> None:
    result = run(PERSONAL)
    assert result.exit_code == 0
    assert "108,400.00" in result.stdout
    assert "adds up" in result.stderr


def test_a_format_without_balances_is_fine() -> None:
    result = run(SAMPLES / "moota_webhook_push.json", "--json")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert "opening balance none, closing balance none, has no balances to check" in result.stderr


def test_a_broken_file_is_shown_and_fails(tmp_path: Path) -> None:
    broken = tmp_path / "mutasi.csv"
    broken.write_bytes(PERSONAL.read_bytes().replace(b",108400.00,CR", b",108500.00,CR"))
    result = run(broken, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["amount_minor"] == 10_850_000
    assert "line 6: the running balance is 1,042,939.96" in result.stderr
    assert "does NOT add up: 2 problems" in result.stderr.splitlines()[-1]


def test_a_mapping_that_is_no_text_is_named(tmp_path: Path) -> None:
    mapping = tmp_path / "columns.toml"
    mapping.write_bytes('holder = "Jürgen"\n'.encode("latin-1"))
    result = run(PERSONAL, "--mapping", mapping)
    assert result.exit_code == 2
    assert result.stderr == f"{mapping}: the column mapping is no text in UTF-8\n"


def test_a_file_without_a_header_fails(tmp_path: Path) -> None:
    broken = tmp_path / "mutasi.csv"
    broken.write_text("Account No.,=,'0111222333\nName,=,JOHN DOE\n")
    result = run(broken)
    assert result.exit_code == 1
    assert "STATEMENT_BROKEN" in result.stderr


@pytest.mark.parametrize("content", [b"", b"hello\n", bytes(range(256))])
def test_no_statement(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mutasi.csv"
    path.write_bytes(content)
    result = run(path)
    assert result.exit_code == 2
    assert "STATEMENT_UNRECOGNISED" in result.stderr


def test_no_file_and_no_such_format(tmp_path: Path) -> None:
    assert run(tmp_path / "missing.csv").exit_code == 2
    result = run(PERSONAL, "--format", "mandiri")
    assert result.exit_code == 2
    assert "known are klikbca-individual" in result.stderr


def test_dates_without_a_year_take_that_of_the_download(tmp_path: Path) -> None:
    path = tmp_path / "mutasi.csv"
    path.write_bytes(PERSONAL.read_bytes().replace(b"'02/05/2026", b"'02/05"))
    result = run(path, "--json", "--today", "2025-12-31")
    assert json.loads(result.stdout)["date"] == "2025-05-02"
