"""Writes a KlikBCA Individual file as the bank would export it, and the kinds of rows that fill a real one.

The layout is that of public fixtures: three preamble lines, a blank one, the header, the rows, four trailer
lines. Money is integer sen, signed so that money in is positive. Nothing here knows how a reader works.
"""

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

# The bank cuts notes (two fields) and the name behind them to this width, and pads nothing but the notes.
FIELD_CHARS = 18
LINE_END = "\n"

# Clearing codes of other banks, as BI-FAST and switching texts name them
BANK_CODES = {"MANDIRI": "008", "BNI": "009", "BRI": "002", "CIMB": "022", "PERMATA": "013", "BSI": "451"}


@dataclass(frozen=True, slots=True)
class BankRow:
    """One row of the file."""

    date: dt.date | None
    """Booking date; None writes PEND: the bank has not posted it yet."""
    description: str
    """One line; commas are written as they are, unquoted, like the bank does."""
    amount_sen: int
    """Signed: money in is positive. Not zero."""
    branch: str = "0000"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose statement it is."""

    number: str
    holder: str
    currency: str = "IDR"


def write(
    account: Account,
    rows: Sequence[BankRow],
    *,
    opening_sen: int,
    full_dates: bool = True,
    pending_counts: bool = True,
) -> bytes:
    """The file's bytes. Rows stand in the order given; running balances, totals and trailer follow from them.

    `full_dates` False writes 'DD/MM. `pending_counts` False leaves PEND rows out of balances and totals, as
    some exports do.
    """
    lines = [
        f"Account No.,=,'{account.number}",
        f"Name,=,{account.holder}",
        f"Currency,=,{account.currency}",
        "",
        "Date,Description,Branch,Amount,,Balance",
    ]
    balance = opening_sen
    money_in = money_out = 0
    for row in rows:
        if row.date is not None or pending_counts:
            balance += row.amount_sen
            money_in += max(row.amount_sen, 0)
            money_out += max(-row.amount_sen, 0)
        lines.append(_line(row, balance, full_dates=full_dates))
    lines += [
        f"Starting Balance,=,{_money(opening_sen)}",
        f"Credit,=,{_total(money_in)}",
        f"Debet,=,{_total(money_out)}",
        f"Ending Balance,=,{_money(balance)}",
    ]
    return (LINE_END.join(lines) + LINE_END).encode()


def transfer_in(
    date: dt.date, name: str, amount_sen: int, *, note: str = "", terminal: int = 95031
) -> BankRow:
    """A transfer from another BCA account: note and name are cut off, and glued together when the note is
    long.
    """
    return BankRow(date, _e_banking("CR", date, name, amount_sen, note, terminal), amount_sen)


def bi_fast_in(date: dt.date, name: str, amount_sen: int, *, bank: str = "MANDIRI") -> BankRow:
    """A BI-FAST transfer from another bank. DR is "dari" (from): money in all the same."""
    text = f"BI-FAST CR TRANSFER   DR {BANK_CODES[bank]} {name.upper()[:FIELD_CHARS]}"
    return BankRow(date, text, amount_sen)


def clearing_in(date: dt.date, name: str, amount_sen: int, *, bank: str = "MANDIRI") -> BankRow:
    """A transfer by clearing (LLG) from another bank."""
    return BankRow(date, f"KR OTOMATIS LLG-{bank} {name.upper()[:FIELD_CHARS]}", amount_sen, branch="0998")


def switching_in(date: dt.date, name: str, amount_sen: int, *, bank: str = "BRI") -> BankRow:
    """A transfer from another bank's machine."""
    return BankRow(
        date, f"SWITCHING CR TRANSFER   DR {BANK_CODES[bank]} {name.upper()[:FIELD_CHARS]}", amount_sen
    )


def paid(rng: random.Random, date: dt.date, name: str, amount_sen: int, *, note: str = "") -> BankRow:
    """Money from a customer by one of the ways customers use, mostly from BCA to BCA."""
    way = rng.choices(("bca", "bi-fast", "clearing", "switching"), weights=(60, 30, 5, 5))[0]
    bank = rng.choice(sorted(BANK_CODES))
    if way == "bca":
        return transfer_in(date, name, amount_sen, note=note, terminal=rng.randint(95_000, 95_299))
    if way == "bi-fast":
        return bi_fast_in(date, name, amount_sen, bank=bank)
    if way == "clearing":
        return clearing_in(date, name, amount_sen, bank=bank)
    return switching_in(date, name, amount_sen, bank=bank)


def pending(row: BankRow) -> BankRow:
    """The same row before the bank has posted it."""
    return replace(row, date=None)


def debits(rng: random.Random, date: dt.date, count: int) -> list[BankRow]:
    """Money out: suppliers, wages, card purchases, cash withdrawals. None of it pays an order."""
    rows = []
    for _ in range(count):
        rupiah = rng.randrange(20_000, 5_000_000, 500)
        text = rng.choice(
            (
                _e_banking("DB", date, "PT SUMBER KAIN JAYA", rupiah * 100, "Kain, benang", 95_031),
                f"TARIKAN ATM {date:%d/%m}",
                f"KARTU DEBIT INDOMARET T{rng.randrange(1000):03}",
                f"BI-FAST DB TRANSFER   KE {BANK_CODES['BRI']} {rng.choice(('SITI AMINAH', 'JOKO SUSILO'))}",
            )
        )
        rows.append(BankRow(date, text, -rupiah * 100))
    return rows


def fees(date: dt.date) -> list[BankRow]:
    """What the bank takes and gives by itself: fees, interest and the tax on it."""
    return [
        BankRow(date, "BIAYA TXN KE 002", -250_000),
        BankRow(date, "BIAYA ADM", -1_500_000),
        BankRow(date, "BUNGA", 123_456),
        BankRow(date, "PAJAK BUNGA", -24_691),
    ]


def unrelated(rng: random.Random, date: dt.date, names: Sequence[str], count: int) -> list[BankRow]:
    """Money in that pays no order: cash put in, refunds, private transfers; whole tens of thousands, without
    a code.
    """
    rows = []
    for _ in range(count):
        sen = rng.randrange(1, 500) * 10_000 * 100
        kind = rng.randrange(3)
        if kind == 0:
            rows.append(BankRow(date, "SETORAN TUNAI", sen, branch="0035"))
        elif kind == 1:
            rows.append(
                BankRow(date, f"KR OTOMATIS NTRF@{rng.randrange(10**10):010} REFUND, MARKETPLACE", sen)
            )
        else:
            rows.append(
                transfer_in(date, rng.choice(names), sen, note=rng.choice(("arisan", "titip, ya", "utang")))
            )
    return rows


def shuffled(rng: random.Random, *groups: Iterable[BankRow]) -> list[BankRow]:
    """All rows as a bank would list them: by date, within a day in any order, pending ones last."""
    rows = [row for group in groups for row in group]
    rng.shuffle(rows)
    return sorted(rows, key=lambda row: row.date or dt.date.max)


def _e_banking(direction: str, date: dt.date, name: str, amount_sen: int, note: str, terminal: int) -> str:
    notes = note[: 2 * FIELD_CHARS]
    if notes:
        notes = notes.ljust(FIELD_CHARS if len(notes) <= FIELD_CHARS else 2 * FIELD_CHARS)
    amount = _money(abs(amount_sen))
    return (
        f"TRSF E-BANKING {direction} {date:%d%m}/FTSCY/WS{terminal:05}         {amount}"
        f"{notes}{name.upper()[:FIELD_CHARS]}"
    )


def _line(row: BankRow, balance_sen: int, *, full_dates: bool) -> str:
    if "\n" in row.description or "\r" in row.description:
        raise ValueError("a description is one line")
    if row.amount_sen == 0:
        raise ValueError("a row moves money")
    day = "PEND" if row.date is None else row.date.strftime("%d/%m/%Y" if full_dates else "%d/%m")
    direction = "CR" if row.amount_sen > 0 else "DB"
    amount, balance = _money(abs(row.amount_sen)), _money(balance_sen)
    return f"'{day},{row.description},'{row.branch},{amount},{direction},{balance}"


def _money(sen: int) -> str:
    whole, fraction = divmod(abs(sen), 100)
    return f"{'-' if sen < 0 else ''}{whole}.{fraction:02}"


def _total(sen: int) -> str:
    """A total; the bank leaves that of nothing empty."""
    return _money(sen) if sen else ""
