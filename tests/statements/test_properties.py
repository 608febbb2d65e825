"""Goal: a reader never gives wrong money in silence, and never fails in a way it does not announce.

Method: files made by the bank's simulator are read back; then they are damaged at random. What is read from a
damaged file must hold the same money, or the file must be refused. The simulator and the readers share no
code.
"""

import contextlib
import datetime as dt
import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kasir.demo import bank_file
from kasir.demo.bank_file import Account, BankRow
from server.statements import Statement, StatementError, normalise, parse, parse_all

TODAY = dt.date(2026, 5, 20)
ACCOUNT = Account(number="0111222333", holder="TOKO SEJAHTERA, CV")

# What can stand in a description: one line, not blank at its ends (the reader takes blanks there off).
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf", "Cn", "Co", "Zs"))
    | st.just(" "),
    max_size=60,
).map(str.strip)
amounts = st.integers(1, 10**12) | st.integers(-(10**12), -1)
dates = st.dates(dt.date(2025, 6, 10), TODAY)


@st.composite
def rows(draw: st.DrawFn, *, max_size: int = 12) -> list[BankRow]:
    return [
        BankRow(draw(dates | st.none()), draw(texts), draw(amounts), draw(st.sampled_from(["0000", "0998"])))
        for _ in range(draw(st.integers(0, max_size)))
    ]


def money(statement: Statement) -> tuple[object, ...]:
    return (
        statement.currency,
        statement.opening_balance_minor,
        statement.closing_balance_minor,
        [row.amount_minor for row in statement.rows],
    )


@settings(max_examples=300, deadline=None)
@given(rows(), st.integers(-(10**12), 10**12), st.booleans(), st.booleans())
def test_what_the_bank_writes_is_what_is_read(
    made: list[BankRow], opening: int, full_dates: bool, pending_counts: bool
) -> None:
    data = bank_file.write(
        ACCOUNT, made, opening_sen=opening, full_dates=full_dates, pending_counts=pending_counts
    )
    statement = parse(data, today=TODAY)
    assert statement.format == "klikbca-individual"
    assert (statement.account_number, statement.holder) == (ACCOUNT.number, ACCOUNT.holder)
    assert statement.opening_balance_minor == opening
    counted = [row.amount_sen for row in made if row.date is not None or pending_counts]
    assert statement.closing_balance_minor == opening + sum(counted)
    assert len(statement.rows) == len(made)
    for read, written in zip(statement.rows, made, strict=True):
        assert read.amount_minor == written.amount_sen
        # A leading ' or ` hides text from spreadsheets and is not part of it.
        assert read.description in (written.description, written.description[1:].strip())
        assert read.pending == (written.date is None)
        assert read.pending or read.date == written.date


@settings(max_examples=300, deadline=None)
@given(rows())
def test_equal_rows_are_numbered_and_reading_again_gives_the_same(made: list[BankRow]) -> None:
    data = bank_file.write(ACCOUNT, made + made, opening_sen=0)
    first, second = parse(data, today=TODAY), parse(data, today=TODAY)
    assert first == second
    # What the engine tells rows apart by: a pending one has neither its date nor its balance yet.
    keys = [
        (
            row.amount_minor,
            normalise(row.description),
            None if row.pending else (row.date, row.balance_minor),
            row.occurrence,
        )
        for row in first.rows
    ]
    assert len(set(keys)) == len(keys)


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, int, int, bytes]:
    kind = draw(
        st.sampled_from(["replace", "delete", "insert", "cut", "double", "swap", "drop line", "double line"])
    )
    return (
        kind,
        draw(st.integers(0, 10**6)),
        draw(st.integers(1, 60)),
        draw(st.binary(min_size=1, max_size=4)),
    )


def damaged(data: bytes, damage: tuple[str, int, int, bytes]) -> bytes:
    kind, position, length, new = damage
    at = position % max(len(data), 1)
    lines = data.splitlines(keepends=True)
    line = position % max(len(lines), 1)
    match kind:
        case "replace":
            return data[:at] + new + data[at + len(new) :]
        case "delete":
            return data[:at] + data[at + length :]
        case "insert":
            return data[:at] + new + data[at:]
        case "cut":
            return data[:at]
        case "double":
            return data[: at + length] + data[at:]
        case "swap":
            return b"".join(lines[:line] + lines[line : line + 2][::-1] + lines[line + 2 :])
        case "drop line":
            return b"".join(lines[:line] + lines[line + 1 :])
        case _:
            return b"".join(lines[: line + 1] + lines[line:])


digits = st.sampled_from(list(b"0123456789.,-'CRDBPEND\"\r\n")).map(lambda byte: bytes([byte]))


# What was damaged has a posted row more, and adds up where pending rows are left out.
@example(
    made=[
        BankRow(date=dt.date(2025, 6, 10), description="¡¡", amount_sen=100_000, branch="0000"),
        BankRow(date=None, description="0¡𐀀", amount_sen=10**12, branch="0000"),
        BankRow(date=dt.date(2025, 6, 10), description="0¡𐀀", amount_sen=10**12, branch="0000"),
    ],
    found=[("double", 0, 60, b"\x00"), ("double", 339158, 57, b"\x00")],
    typed=[],
)
@settings(max_examples=1_500, deadline=None)
@given(
    rows(max_size=6),
    st.lists(damages(), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 10**6), digits), max_size=2),
)
def test_a_damaged_file_never_gives_other_money_in_silence(
    made: list[BankRow], found: list[tuple[str, int, int, bytes]], typed: list[tuple[int, bytes]]
) -> None:
    whole = bank_file.write(ACCOUNT, made, opening_sen=123_456_789)
    data = whole
    for damage in found:
        data = damaged(data, damage)
    for position, byte in typed:
        data = damaged(data, ("replace", position, 1, byte))
    try:
        statement = parse(data, today=TODAY)
    except StatementError:
        return
    assert money(statement) == money(parse(whole, today=TODAY))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=2_000), st.sampled_from([None, "klikbca-individual", "klikbca-bisnis", "moota"]))
@example(b"\x00", None)
def test_any_bytes_at_all_are_refused_in_an_announced_way(data: bytes, name: str | None) -> None:
    # Any other exception fails the test.
    with contextlib.suppress(StatementError):
        parse_all(data, format=name, today=TODAY)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_a_day_as_the_demo_plays_it_adds_up(seed: int) -> None:
    rng = random.Random(seed)
    date = dt.date(2026, 5, 19)
    names = ["Budi Santoso Wijayakusuma", "Siti Aminah", "Agus"]
    payments = [
        bank_file.paid(rng, date, rng.choice(names), rng.randrange(1, 10**9), note="pesanan, 12")
        for _ in range(20)
    ]
    made = bank_file.shuffled(
        rng,
        payments,
        bank_file.debits(rng, date, 5),
        bank_file.fees(date),
        bank_file.unrelated(rng, date, names, 5),
        [bank_file.pending(row) for row in payments[:2]],
    )
    statement = parse(bank_file.write(ACCOUNT, made, opening_sen=10**10), today=TODAY)
    assert [row.amount_minor for row in statement.rows] == [row.amount_sen for row in made]
    assert [row.pending for row in statement.rows].count(True) == 2
    payers = {row.counterparty for row in statement.rows if "pesanan" in row.description}
    assert payers <= {name.upper()[:18] for name in names}
