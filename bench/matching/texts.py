"""What the bank writes about a payment, and what a person reads in it: a payer, a note, an order number."""

import datetime as dt
import random
from dataclasses import dataclass

from bench.matching.files import SEN
from kasir.demo.bank_file import BANK_CODES, FIELD_CHARS

_BANKS = sorted(BANK_CODES)
WALLETS = (
    "FLIPTECH LENTERA INSPIRASI PERTIWI",
    "ESPAY DEBIT INDONESIA KOE",
    "AIRPAY INTERNATIONAL INDONESIA",
)
_CHAT = (
    "", "", "", "bayar pesanan", "transfer", "baju", "utk baju kak", "lunas ya kak", "pembayaran", "sudah tf",
    "order", "TRF", "pesanan saya", "beli gamis", "ok kak", "makasih", "jilbab 2 pcs", "bayar", "shopping",
    "hijab", "utk kakak admin", "warna navy size L", "sisanya besok", "tolong dikirim hari ini",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What the text tells to somebody who knows how banks write. Never more than stands in the text."""

    name: str = ""
    """The payer as far as it can be read; empty when none is named."""
    cut: bool = False
    """Whether the name stops at the end of its field."""
    named: str = ""
    """Whom the note names as the one who is paid for ("a.n Siti")."""
    number: str = ""
    """Digits in the note that are offered as an order's number."""
    part: bool = False
    """The note says that this is a part: a deposit or an instalment."""
    unrelated: bool = False
    """The text says that no order is paid: interest, a refund, a settlement, wages, a savings club."""


@dataclass(frozen=True, slots=True)
class Text:
    """A row's description, and its reading."""

    description: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Note:
    """What the payer writes into the transfer."""

    words: str = ""
    named: str = ""
    number: str = ""
    part: bool = False
    unrelated: bool = False
    """It says outright that this is something else."""


def chat_note(rng: random.Random) -> Note:
    """Words of the chat that tell nothing."""
    return Note(rng.choice(_CHAT))


def number_note(rng: random.Random, digits: str, *, mangled: bool) -> Note:
    """The order's number, as the slip writes it or as a customer does."""
    if not mangled:
        return Note(rng.choice(("pesanan {}", "order {}", "{}", "no {}")).format(digits), number=digits)
    half = len(digits) // 2
    forms = (
        f"INV-{digits}", f"#{digits}", f"ord{digits}", f"{digits[:half]} {digits[half:]}",
        f"{digits[:-3]}.{digits[-3:]}", f"BO/{digits[:half]}-{digits[half:]}", f"No.{digits}a",
    )  # fmt: skip
    return Note(rng.choice(forms), number=digits)


def named_note(rng: random.Random, customer: str) -> Note:
    """The note of somebody who pays for another."""
    return Note(f"{rng.choice(('an', 'a.n', 'utk', 'atas nama'))} {customer}", named=customer)


def part_note(rng: random.Random, index: int, count: int) -> Note:
    """The note of one instalment of several; some say nothing."""
    if rng.random() < 0.45:
        return chat_note(rng)
    if index == count - 1 and count > 1:
        return Note(rng.choice(("pelunasan", "sisa bayar", f"cicilan {index + 1}")), part=True)
    return Note(
        rng.choice(("DP", f"cicilan {index + 1}", "bayar sebagian dulu", "setengah dulu ya")), part=True
    )


def transfer(
    rng: random.Random, date: dt.date, name: str, amount_minor: int, note: Note, *, rough: bool
) -> Text:
    """Money from a person, by one of the ways people pay. `rough` cuts harder."""
    name = name.upper()
    way = rng.choices(("bca", "bi-fast", "switching", "clearing"), weights=(62, 26, 7, 5))[0]
    if way == "bca" or note.words:
        return _e_banking(rng, date, name, amount_minor, note, rough=rough)
    width = FIELD_CHARS if not rough or rng.random() < 0.6 else rng.randint(9, FIELD_CHARS)
    bank = rng.choice(_BANKS)
    shown = name[:width].rstrip()
    reading = Reading(shown, len(name) > width)
    if way == "bi-fast":
        middle = rng.choice(("TRANSFER   DR", "BIF TRANSFER DR"))
        return Text(f"BI-FAST CR {middle} {BANK_CODES[bank]} {shown}", reading)
    if way == "switching":
        return Text(f"SWITCHING CR TRANSFER   DR {BANK_CODES[bank]} {shown}", reading)
    return Text(f"KR OTOMATIS LLG-{rng.choice((bank, 'ANTAR BANK'))} {shown}", reading)


def wallet(rng: random.Random, date: dt.date, amount_minor: int, note: Note) -> Text:
    """Money by way of a wallet or a transfer service, which puts its own name in the payer's place."""
    company = rng.choice(WALLETS)
    text = _e_banking(rng, date, company, amount_minor, note, rough=False)
    reading = text.reading
    return Text(text.description, Reading(named=reading.named, number=reading.number, part=reading.part))


def cash(rng: random.Random, date: dt.date) -> Text:
    """Cash put in at a counter or a machine: nobody is named."""
    return Text(
        rng.choice((f"SETORAN TUNAI {date:%d/%m}", "SETORAN VIA CDM  WSID:ZA4S1", "SETORAN TUNAI")), Reading()
    )


def _e_banking(
    rng: random.Random, date: dt.date, name: str, amount_minor: int, note: Note, *, rough: bool
) -> Text:
    words = note.words[: 2 * FIELD_CHARS]
    width = FIELD_CHARS
    if words and rough and rng.random() < 0.35:
        # Glued together, and both cut at one width
        rest = (words + name)[: max(len(words) + 4, rng.randint(20, 2 * FIELD_CHARS))]
        shown = rest[len(words) :].rstrip()
    else:
        padding = FIELD_CHARS if len(words) <= FIELD_CHARS else 2 * FIELD_CHARS
        shown = name[:width].rstrip()
        rest = (words.ljust(padding) if words else "") + shown
    rupiah, sen = divmod(amount_minor, SEN)
    head = f"TRSF E-BANKING CR {date:%d%m}/FTSCY/WS{rng.randint(95_000, 95_299)}"
    reading = Reading(
        name=shown,
        cut=len(name) > len(shown),
        named=_kept(words, note.named),
        number=_kept(words, note.number),
        part=note.part,
        unrelated=note.unrelated and bool(words),
    )
    return Text(f"{head}         {rupiah}.{sen:02}{rest}", reading)


def _kept(words: str, part: str) -> str:
    """`part` of the note if it survived the cut; digits may be written with other signs between them."""
    if part.isdigit():
        return part if part in "".join(sign for sign in words if sign.isdigit()) else ""
    return part if part and part in words else ""
