"""Goal: real files of every format give exactly what they hold. Method: golden values, read from the files by
eye.
"""

import datetime as dt
from pathlib import Path

import pytest

from server.statements import FORMATS, Statement, StatementRow, parse

SAMPLES = Path(__file__).parent.parent / "samples" / "indonesia"
TODAY = dt.date(2026, 5, 20)


def read(name: str) -> Statement:
    return parse((SAMPLES / name).read_bytes(), today=TODAY)


def test_klikbca_individual() -> None:
    statement = read("rekapimutasi_personal_input.csv")
    assert statement == Statement(
        format="klikbca-individual",
        account_number="0111222333",
        holder="JOHN DOE",
        currency="IDR",
        opening_balance_minor=93_453_996,
        closing_balance_minor=104_293_996,
        rows=(
            StatementRow(
                row=6,
                date=dt.date(2026, 5, 2),
                amount_minor=10_840_000,
                balance_minor=104_293_996,
                description="TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00"
                "Transfer pembayaran invoice           ACME CORPORATION",
                counterparty="ACME CORPORATION",
            ),
        ),
        sums_checked=True,
        file_hash=statement.file_hash,
    )
    assert statement.adds_up


def test_klikbca_bisnis() -> None:
    statement = read("rekapimutasi_bisnis_input.csv")
    assert statement == Statement(
        format="klikbca-bisnis",
        account_number="0350000001",
        holder="PT ACME TEKNOLOGI",
        currency="IDR",
        opening_balance_minor=2_191_219_200,
        closing_balance_minor=2_544_115_600,
        rows=(
            StatementRow(
                row=8,
                date=dt.date(2026, 5, 13),
                amount_minor=352_896_400,
                balance_minor=2_544_115_600,
                description="KR OTOMATIS NTRF@0000000001X0Z 035@BCA26051800001  @IFP acme.co.id"
                " @AFR  PaymentGateway",
            ),
        ),
        sums_checked=True,
        file_hash=statement.file_hash,
    )


def test_moota_webhook_has_amounts_as_numbers() -> None:
    statement = read("moota_webhook_push.json")
    assert (statement.format, statement.account_number, statement.currency) == ("moota", "0000000000", "IDR")
    assert not statement.sums_checked
    assert statement.adds_up
    assert [(row.amount_minor, row.bank_reference, row.description) for row in statement.rows] == [
        (500_000, "3ykVJxnwYkN", "Pembayaran point moota"),
        (1_000_000, "Arz6JMxm6zK", "PRMA CR Transfer 111111111111111"),
    ]
    assert {row.date for row in statement.rows} == {dt.date(2021, 9, 30)}
    # Moota's balance is that of the moment of asking: no running balance.
    assert {row.balance_minor for row in statement.rows} == {None}


def test_moota_list_has_amounts_as_text() -> None:
    statement = read("moota_mutation_list.json")
    assert [(row.date.isoformat(), row.amount_minor, row.bank_reference) for row in statement.rows] == [
        ("2021-09-21", 1_211_100, "V1ajMLozvLy"),
        ("2021-09-20", 10_011_200, "n3ykVeMWNRD"),
        ("2021-09-20", 10_011_200, "eArz6P8WKxY"),
        ("2021-09-20", 10_011_200, "1rNkDb9jda6"),
        ("2021-09-16", -13_528_700, "8aolk43WJxM"),
        ("2021-09-16", -13_528_700, "nKXajeNWGo5"),
    ]
    # Two of one day, amount and text are two mutations by their ids; a file with only one of them says the
    # same.
    assert {row.occurrence for row in statement.rows} == {1}


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_format_is_found_by_content_in_pieces_of_any_size(path: Path) -> None:
    data = path.read_bytes()
    whole = parse(data, today=TODAY)
    assert whole.format in FORMATS
    for size in (1, 7, 100, len(data)):
        pieces = (data[start : start + size] for start in range(0, len(data), size))
        assert parse(pieces, today=TODAY) == whole
    assert parse(data, format=whole.format, today=TODAY) == whole


def test_every_sample_is_in_the_index() -> None:
    index = (SAMPLES.parent / "INDEX.md").read_text()
    for path in SAMPLES.iterdir():
        assert path.name in index
