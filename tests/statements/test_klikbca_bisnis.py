"""Goal: KlikBCA Bisnis files in all their exports are read right, or refused with the line named."""

import datetime as dt

import pytest

from server.statements import Statement, StatementBrokenError, StatementUnrecognisedError, parse

TODAY = dt.date(2026, 5, 20)
IN = '"02/05","SETORAN ""TUNAI"", DR 5","0000","1,500.00 CR","2,500.00"'
OUT = '"03/05","TARIKAN ATM 03/05","0998","200.00 DB","2,300.00"'


def file(
    *rows: str,
    period: str = "01/05/2026 - 31/05/2026",
    trailer: tuple[str, ...] = (
        '"Saldo Awal : 1,000.00"',
        '"Mutasi Debet : 200.00","1"',
        '"Mutasi Kredit : 1,500.00","1"',
        '"Saldo Akhir : 2,300.00"',
    ),
    currency: str = "Rp",
) -> bytes:
    lines = [
        '"Informasi Rekening - Mutasi Rekening"," "," "," "," ",',
        "",
        '"No. rekening : 0350000001"',
        '"Nama : PT ACME TEKNOLOGI"',
        f'"Periode : {period}"',
        f'"Kode Mata Uang : {currency}"',
        '"Tanggal Transaksi","Keterangan","Cabang","Jumlah","Saldo"',
        *rows,
        *trailer,
    ]
    return "\r\n".join(lines).encode()


def read(data: bytes, *, today: dt.date = TODAY, allow_broken: bool = False) -> Statement:
    return parse(data, today=today, allow_broken=allow_broken)


def problems(data: bytes) -> dict[int, str]:
    with pytest.raises(StatementBrokenError) as caught:
        read(data)
    return {problem.row: problem.reason for problem in caught.value.problems}


def test_direction_stands_behind_the_amount() -> None:
    statement = read(file(IN, OUT))
    assert [(row.amount_minor, row.balance_minor, row.row) for row in statement.rows] == [
        (150_000, 250_000, 8),
        (-20_000, 230_000, 9),
    ]
    assert [row.date for row in statement.rows] == [dt.date(2026, 5, 2), dt.date(2026, 5, 3)]
    # Quotes inside are written twice, or once.
    assert statement.rows[0].description == 'SETORAN "TUNAI", DR 5'


def test_dates_with_years_are_read_too() -> None:
    statement = read(file(IN.replace("02/05", "02/05/2026"), OUT.replace('"03/05"', '"03/05/26"')))
    assert [row.date for row in statement.rows] == [dt.date(2026, 5, 2), dt.date(2026, 5, 3)]


def test_the_year_comes_from_the_period_across_new_year() -> None:
    rows = (IN.replace("02/05", "31/12"), OUT.replace('"03/05"', '"02/01"'))
    statement = read(file(*rows, period="25/12/2025 - 05/01/2026"))
    assert [row.date for row in statement.rows] == [dt.date(2025, 12, 31), dt.date(2026, 1, 2)]


@pytest.mark.parametrize("date", ["02/06", "30/04", "02/05/2025", "31/02"])
def test_a_date_outside_the_period_is_refused(date: str) -> None:
    assert 8 in problems(file(IN.replace("02/05", date), OUT))


def test_a_day_that_the_period_holds_twice_is_refused() -> None:
    found = problems(file(IN, OUT, period="01/05/2025 - 31/05/2026"))
    assert "2025 or 2026" in found[8]


@pytest.mark.parametrize("period", ["", "01/05/2026", "31/05/2026 - 01/05/2026", "01/13/2026 - 31/13/2026"])
def test_without_a_period_the_file_is_broken(period: str) -> None:
    assert "is not a period" in problems(file(IN, OUT, period=period))[0]


def test_counts_are_checked() -> None:
    trailer = (
        '"Saldo Awal : 1,000.00"',
        '"Mutasi Debet : 200.00","2"',
        '"Mutasi Kredit : 1,500.00","1"',
        '"Saldo Akhir : 2,300.00"',
    )
    assert problems(file(IN, OUT, trailer=trailer)) == {
        0: "the number of rows of money out is given as 2, but there are 1"
    }


def test_pending_rows_wait() -> None:
    pending = '"PEND","TRSF E-BANKING CR 0405/FTSCY/WS95031         100.00BUDI","0000","100.00 CR","2,400.00"'
    trailer = (
        '"Saldo Awal : 1,000.00"',
        '"Mutasi Debet : 200.00","1"',
        '"Mutasi Kredit : 1,600.00","2"',
        '"Saldo Akhir : 2,400.00"',
    )
    statement = read(file(IN, OUT, pending, trailer=trailer))
    assert [row.pending for row in statement.rows] == [False, False, True]
    assert statement.rows[2].date == dt.date(2026, 5, 4)


def test_the_english_export() -> None:
    data = f"""\
"Account Portfolio - Transaction Inquiry"," "," "," "," ",

"Account Number : 0350000001"
"Name : PT ACME TEKNOLOGI"
"Period : 01/05/2026 - 31/05/2026"
"Currency Code : USD"
"Transaction Date","Description","Branch","Amount","Balance"
{IN}
{OUT}
"Starting Balance : 1,000.00"
"Credit : 1,500.00","1"
"Debet : 200.00","1"
"Ending Balance : 2,300.00"
"""
    statement = read(data.encode())
    assert (statement.account_number, statement.currency, len(statement.rows)) == ("0350000001", "USD", 2)


def test_the_older_export_with_a_column_for_the_direction() -> None:
    data = """\
Informasi Rekening - Mutasi Rekening
No. rekening : 0350000001
Periode : 25/09/2026 - 05/10/2026
Kode Mata Uang : Rp

Tanggal Transaksi,Keterangan,Cabang,Jumlah,,Saldo
'25/09,'TRSF E-BANKING DB 2509/FTSCY/WS95051     150000.00 ANDI,'0000,150000.00,DB,850000.00
'30/09,'KR OTOMATIS LLG-ANTAR BANK PT MAJU JAYA,'0998,5000000.00,CR,5850000.00
'PEND,'TRSF E-BANKING DB 0510/FTSCY/WS95301     25000.00 TINI,'0000,25000.00,DB,5825000.00
Saldo Awal,1000000.00
Mutasi Kredit,5000000.00,1
Mutasi Debet,175000.00,2
Saldo Akhir,5825000.00
"""
    statement = read(data.encode())
    assert [(row.amount_minor, row.counterparty) for row in statement.rows] == [
        (-15_000_000, "ANDI"),
        (500_000_000, "PT MAJU JAYA"),
        (-2_500_000, "TINI"),
    ]
    assert statement.rows[2].date == dt.date(2026, 10, 5)


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = file(IN, OUT)
    # The last quote alone carries nothing.
    for length in range(len(whole) - 1):
        with pytest.raises((StatementBrokenError, StatementUnrecognisedError)):
            read(whole[:length])


def test_other_banks_with_the_same_title_are_not_taken_for_it() -> None:
    data = (
        b"Informasi Rekening - Mutasi Rekening\nNo. rekening : 1\n"
        b"Tanggal Transaksi,Uraian,Kode,Mutasi,Saldo\n"
    )
    with pytest.raises(StatementUnrecognisedError) as caught:
        read(data)
    assert caught.value.reason == "STATEMENT_UNRECOGNISED"
