"""Goal: what goes wrong with KlikBCA Individual files is read right or refused with the line named."""

import datetime as dt

import pytest

from server.statements import ProblemKind, Statement, StatementBrokenError, StatementUnrecognisedError, parse

TODAY = dt.date(2026, 5, 20)

PREAMBLE = ["Account No.,=,'0111222333", "Name,=,JOHN DOE", "Currency,=,IDR", ""]
HEADER = "Date,Description,Branch,Amount,,Balance"


def file(
    *rows: str,
    trailer: tuple[str, str, str, str] = ("1000.00", "500.00", "200.00", "1300.00"),
    preamble: list[str] = PREAMBLE,
    header: str = HEADER,
) -> bytes:
    opening, credit, debit, closing = trailer
    end = [
        f"Starting Balance,=,{opening}",
        f"Credit,=,{credit}",
        f"Debet,=,{debit}",
        f"Ending Balance,=,{closing}",
    ]
    return "\n".join([*preamble, header, *rows, *end, ""]).encode()


IN = "'02/05/2026,SETORAN TUNAI,'0000,500.00,CR,1500.00"
OUT = "'03/05/2026,TARIKAN ATM 03/05,'0998,200.00,DB,1300.00"


def read(data: bytes, *, today: dt.date = TODAY, allow_broken: bool = False) -> Statement:
    return parse(data, today=today, allow_broken=allow_broken)


def refused(data: bytes) -> StatementBrokenError:
    with pytest.raises(StatementBrokenError) as caught:
        read(data)
    assert caught.value.reason == "STATEMENT_BROKEN"
    assert caught.value.problem_count >= 1
    return caught.value


def test_money_in_is_positive_and_money_out_negative() -> None:
    statement = read(file(IN, OUT))
    assert [(row.amount_minor, row.balance_minor, row.row) for row in statement.rows] == [
        (50_000, 150_000, 6),
        (-20_000, 130_000, 7),
    ]
    assert (statement.opening_balance_minor, statement.closing_balance_minor) == (100_000, 130_000)


def test_commas_in_the_text_are_text() -> None:
    row = "'02/05/2026,TRSF, kaos, 2 buah, CR, 9.00,DB,'0000,500.00,CR,1500.00"
    statement = read(file(row, OUT))
    assert statement.rows[0].description == "TRSF, kaos, 2 buah, CR, 9.00,DB"
    assert statement.rows[0].amount_minor == 50_000


@pytest.mark.parametrize("branch", ["'0000", "`0000", "0000", '"0000"', ""])
def test_branches_are_written_in_several_ways(branch: str) -> None:
    row = f"'02/05/2026,SETORAN TUNAI,{branch},500.00,CR,1500.00"
    assert read(file(row, OUT)).rows[0].amount_minor == 50_000


def test_quoted_amounts_may_be_grouped() -> None:
    row = '\'02/05/2026,"PEMBAYARAN",\'0000,"2,450,000.00",CR,"2,451,000.00"'
    statement = read(file(row, trailer=("1000.00", "2450000.00", "", "2451000.00")))
    assert statement.rows[0].amount_minor == 245_000_000


def test_amounts_grouped_without_quotes_are_refused_not_guessed() -> None:
    # Read from the right, 964.00 would look like the amount and 528 like the branch.
    row = "'02/05/2026,SETORAN TUNAI,'0000,3,528,964.00,CR,3529964.00"
    error = refused(file(row, trailer=("1000.00", "3528964.00", "", "3529964.00")))
    assert error.problems[-1].row == 6
    assert error.problems[-1].kind is ProblemKind.UNREADABLE_ROW


def test_the_indonesian_export() -> None:
    data = """\
No. Rekening,=,`0111222333
Nama,=,JOHN DOE
Mata Uang,=,IDR

Tanggal,Keterangan,Cabang,Jumlah,,Saldo
'02/05,SETORAN TUNAI,'0000,500.00,CR,1500.00

Saldo Awal,=,1000.00
Kredit,=,500.00
Debet,=,
Saldo Akhir,=,1500.00
"""
    statement = read(data.encode())
    assert (statement.account_number, statement.holder) == ("0111222333", "JOHN DOE")
    assert [row.date for row in statement.rows] == [dt.date(2026, 5, 2)]


def test_a_statement_without_rows_adds_up() -> None:
    assert read(file(trailer=("1000.00", "", "", "1000.00"))).rows == ()


class TestDates:
    def test_a_year_that_is_not_written_is_the_one_of_the_export(self) -> None:
        rows = ("'02/05,SETORAN TUNAI,'0000,500.00,CR,1500.00", OUT)
        assert read(file(*rows)).rows[0].date == dt.date(2026, 5, 2)

    def test_across_new_year(self) -> None:
        rows = (
            "'31/12,SETORAN TUNAI,'0000,500.00,CR,1500.00",
            "'02/01,TARIKAN ATM,'0000,200.00,DB,1300.00",
        )
        statement = read(file(*rows), today=dt.date(2027, 1, 4))
        assert [row.date for row in statement.rows] == [dt.date(2026, 12, 31), dt.date(2027, 1, 2)]

    def test_a_payment_booked_on_the_next_working_day_is_not_of_last_year(self) -> None:
        rows = ("'04/01,SETORAN TUNAI,'0000,500.00,CR,1500.00", OUT)
        assert read(file(*rows), today=dt.date(2026, 12, 31)).rows[0].date == dt.date(2027, 1, 4)

    def test_29_february_is_of_a_leap_year(self) -> None:
        rows = ("'29/02,SETORAN TUNAI,'0000,500.00,CR,1500.00", OUT)
        assert read(file(*rows), today=dt.date(2028, 3, 1)).rows[0].date == dt.date(2028, 2, 29)

    @pytest.mark.parametrize("date", ["31/02", "00/05", "02/13", "31/02/2026", "2026-05-02", "1/2/3/4", ""])
    def test_what_is_no_day_is_refused(self, date: str) -> None:
        error = refused(file(f"'{date},SETORAN TUNAI,'0000,500.00,CR,1500.00", OUT))
        assert 6 in {problem.row for problem in error.problems}

    def test_digits_of_other_scripts_are_not_digits(self) -> None:
        refused(file("'٠٢/05,SETORAN TUNAI,'0000,500.00,CR,1500.00", OUT))


class TestPending:
    ROW = "'PEND,TRSF E-BANKING CR 0405/FTSCY/WS95031         100.00BUDI,'0000,100.00,CR,1400.00"

    def test_pending_rows_that_the_bank_counts(self) -> None:
        statement = read(file(IN, OUT, self.ROW, trailer=("1000.00", "600.00", "200.00", "1400.00")))
        assert [row.pending for row in statement.rows] == [False, False, True]
        assert statement.rows[2].date == dt.date(2026, 5, 4)  # as its text says
        assert statement.rows[2].balance_minor == 140_000

    def test_pending_rows_that_the_bank_leaves_out(self) -> None:
        statement = read(file(IN, OUT, self.ROW.replace("1400.00", "0.00")))
        assert statement.rows[2].pending
        assert statement.rows[2].balance_minor is None
        assert statement.closing_balance_minor == 130_000

    def test_one_that_is_counted_here_and_left_out_there_is_broken(self) -> None:
        refused(file(IN, OUT, self.ROW, trailer=("1000.00", "600.00", "200.00", "1300.00")))

    def test_without_a_day_in_its_text_it_takes_the_day_of_the_row_before(self) -> None:
        row = "'PEND,SETORAN TUNAI,'0000,100.00,CR,1400.00"
        statement = read(file(IN, OUT, row, trailer=("1000.00", "600.00", "200.00", "1400.00")))
        assert statement.rows[2].date == dt.date(2026, 5, 3)


class TestSums:
    def test_a_wrong_amount_is_found_in_its_row(self) -> None:
        error = refused(file(IN.replace(",500.00", ",505.00"), OUT))
        kinds = {problem.row: problem.kind for problem in error.problems}
        assert kinds == {0: ProblemKind.TOTAL, 6: ProblemKind.BALANCE}
        assert "1,500.00" in str(error)

    def test_a_missing_row_is_found(self) -> None:
        error = refused(file(OUT))
        assert {problem.row for problem in error.problems} == {0, 6}

    def test_a_doubled_row_is_found(self) -> None:
        refused(file(IN, IN, OUT))

    def test_two_missing_rows_that_cancel_each_other_are_found(self) -> None:
        """The running balance alone would not see it: the totals do."""
        refused(file(trailer=("1000.00", "500.00", "500.00", "1000.00")))

    @pytest.mark.parametrize(
        "trailer",
        [
            ("1001.00", "500.00", "200.00", "1300.00"),
            ("1000.00", "501.00", "200.00", "1300.00"),
            ("1000.00", "500.00", "201.00", "1300.00"),
            ("1000.00", "500.00", "200.00", "1301.00"),
            ("", "500.00", "200.00", "1300.00"),
            ("1000.00", "500.00", "200.00", ""),
            ("1000.00", "500.00", "200.00", "1300.0"),
            ("1000.00", "500.00", "200.00", "1300"),
        ],
    )
    def test_a_trailer_that_disagrees_or_is_cut_is_refused(self, trailer: tuple[str, str, str, str]) -> None:
        refused(file(IN, OUT, trailer=trailer))

    def test_when_allowed_what_could_be_read_is_returned_with_its_problems(self) -> None:
        statement = read(file(IN, "garbage", OUT.replace("1300.00", "1350.00")), allow_broken=True)
        assert [row.row for row in statement.rows] == [6, 8]
        assert not statement.adds_up
        assert [problem.row for problem in statement.refused_rows] == [7]
        assert [problem.row for problem in statement.problems] == [0, 7, 8]

    def test_an_amount_beyond_every_bound_is_refused(self) -> None:
        refused(file(IN.replace(",500.00", f",{10**15}.00"), OUT))


class TestTruncation:
    def test_a_file_cut_anywhere_is_refused(self) -> None:
        whole = file(IN, OUT)
        for length in range(len(whole) - 1):
            with pytest.raises((StatementBrokenError, StatementUnrecognisedError)):
                read(whole[:length])

    def test_a_missing_end_is_named(self) -> None:
        data = file(IN, OUT)
        error = refused(data[: data.index(b"Credit")])
        assert "cut off" in str(error)
        assert "closing balance" in str(error)

    def test_two_files_in_one_are_refused(self) -> None:
        refused(file(IN, OUT) + file(IN, OUT))


class TestPreamble:
    def test_the_account_number_may_not_be_missing(self) -> None:
        error = refused(file(IN, OUT, preamble=PREAMBLE[1:]))
        assert "account number" in str(error)

    @pytest.mark.parametrize("currency", ["XYZ", "", "I", "INR"])
    def test_an_unknown_currency_is_refused_even_when_broken_files_are_allowed(self, currency: str) -> None:
        data = file(IN, OUT, preamble=[*PREAMBLE[:2], f"Currency,=,{currency}", ""])
        with pytest.raises(StatementBrokenError, match="not a currency"):
            read(data, allow_broken=True)

    def test_minor_units_are_those_of_the_currency(self) -> None:
        data = file(IN, OUT, preamble=[*PREAMBLE[:2], "Currency,=,JPY", ""])
        assert [row.amount_minor for row in read(data).rows] == [500, -200]
        with pytest.raises(StatementBrokenError, match="more decimals"):
            read(data.replace(b",500.00", b",500.50"))


def test_equal_rows_are_numbered() -> None:
    """Equal in everything, the balance too: there and back again on one day."""
    rows = (
        "'02/05/2026,SETORAN  TUNAI,'0000,500.00,CR,1500.00",
        "'02/05/2026,TARIKAN,'0000,500.00,DB,1000.00",
        "'02/05/2026,SETORAN TUNAI,'0000,500.00,CR,1500.00",
        "'02/05/2026,TARIKAN,'0000,500.00,DB,1000.00",
    )
    statement = read(file(*rows, trailer=("1000.00", "1000.00", "1000.00", "1000.00")))
    assert [row.occurrence for row in statement.rows] == [1, 1, 2, 2]


def test_equal_pending_rows_are_numbered_whatever_their_balance() -> None:
    """A pending row's balance depends on what is posted before it: tomorrow it is another."""
    rows = (
        "'02/05/2026,SETORAN TUNAI,'0000,500.00,CR,1500.00",
        "'PEND,SETORAN TUNAI,'0000,500.00,CR,2000.00",
        "'PEND,SETORAN TUNAI,'0000,500.00,CR,2500.00",
        "'PEND,SETORAN TUNAI,'0000,400.00,CR,2900.00",
    )
    statement = read(file(*rows, trailer=("1000.00", "1900.00", "", "2900.00")))
    assert [row.occurrence for row in statement.rows] == [1, 1, 2, 1]


def test_a_line_of_blanks_costs_no_time() -> None:
    """A pattern that tries every way of sharing blanks out would hang here."""
    blanks = " " * 16_000
    for line in (
        f"Credit,{blanks}x",
        f"Credit{blanks}x,",
        f"'02/05,{blanks}",
        f"A,{blanks}=,",
        f"'PEND{blanks},",
    ):
        refused(file(IN, OUT, line))


def test_an_endless_line_is_refused() -> None:
    with pytest.raises(StatementBrokenError, match="line 12 is longer"):
        read(file(IN, OUT) + b"x" * 100_000)
