"""What else stands in a statement: money for nothing, money out, and rows that the bank has not posted."""

from collections.abc import Callable
from dataclasses import replace

from bench.matching import texts
from bench.matching.files import SEN
from bench.matching.shop import POPULAR, SHIPPING, Draft, Sent, Shop, pick
from bench.matching.texts import Note, Reading, Text

_FIRMS = (
    "PT SUMBER KAIN JAYA",
    "CV BERKAH TEKSTIL",
    "UD MAJU BERSAMA",
    "PT GROSIR NUSANTARA",
    "TOKO BAROKAH",
)
_PRIVATE = ("arisan", "utang kemarin", "titip ya", "uang makan", "iuran RT", "patungan kado", "gaji", "")
# Shares of the payments
NOTHING = {"easy": 0.08, "hard": 0.16}
MONEY_OUT = 0.08
PENDING = 0.015


def add(shop: Shop, name: str) -> None:
    """Adds all of it, in proportion to the payments that are there."""
    payments = len(shop.drafts)
    kinds = EASY if name == "easy" else HARD
    for _ in range(int(payments * NOTHING[name])):
        kind = pick(shop.rng, {each.__name__: weight for each, weight in kinds.items()})
        next(each for each in kinds if each.__name__ == kind)(shop)
    posted = list(shop.drafts)
    for _ in range(int(payments * PENDING)):
        _pending(shop, posted)
    for _ in range(int(payments * MONEY_OUT)):
        _money_out(shop)


def interest(shop: Shop) -> None:
    """What the bank gives by itself, with sen."""
    _system(shop, "interest", "BUNGA", shop.rng.randrange(100, 4_000_000))


def refund(shop: Shop) -> None:
    """A marketplace or a supplier gives back; the amount looks like any price."""
    text = shop.rng.choice(
        (
            "KR OTOMATIS NTRF@{:010} REFUND MARKETPLACE",
            "REFUND TOKOPEDIA INV{:08}",
            "PENGEMBALIAN DANA SHOPEE {:07}",
        )
    ).format(shop.rng.randrange(10**7))
    _system(
        shop, "refund", text, (_near_price(shop) + shop.rng.choice((0, 0, shop.rng.randrange(1_000)))) * SEN
    )


def settlement(shop: Shop) -> None:
    """A day's card or QR sales from the acquirer."""
    text = f"KR OTOMATIS MID : 8850{shop.rng.randrange(10**8):08} QR {shop.moment():%d/%m}"
    _system(shop, "settlement", text, shop.rng.randrange(150_000, 9_000_000) * SEN)


def salary(shop: Shop) -> None:
    """The owner's wages from elsewhere."""
    amount = shop.rng.randrange(2_500, 9_500) * 1_000 * SEN
    _system(shop, "salary", "KR OTOMATIS LLG-MANDIRI GAJI OKT", amount)


def business(shop: Shop) -> None:
    """Another firm pays for something else."""
    amount = shop.rng.choice((_near_price(shop), shop.rng.randrange(100_000, 5_000_000, 500)))
    _sent(
        shop,
        "business",
        shop.rng.choice(_FIRMS),
        amount,
        Note(shop.rng.choice(("", "", "inv kain", "pelunasan nota"))),
    )


def private(shop: Shop) -> None:
    """Friends and family of the owner; whole tens of thousands."""
    amount = shop.rng.randrange(2, 60) * 10_000
    words = shop.rng.choice(_PRIVATE)
    _sent(shop, "private", shop.person().name, amount, Note(words, unrelated=True))


def near(shop: Shop) -> None:
    """A stranger's money that is a popular price, or nearly: a sale at the stall, a marketplace buyer's."""
    _sent(shop, "near", shop.person().name, _near_price(shop), None)


def cash_in(shop: Shop) -> None:
    """The owner's cash."""
    _sent(shop, "cash_in", "", shop.rng.randrange(1, 60) * 50_000, None, way="cash")


EASY: dict[Callable[[Shop], None], float] = {
    interest: 0.3, refund: 2, settlement: 3, salary: 0.5, business: 2, private: 4, cash_in: 1
}  # fmt: skip
HARD: dict[Callable[[Shop], None], float] = {
    interest: 0.3, refund: 3, settlement: 2, salary: 0.5, business: 3, private: 4, near: 4, cash_in: 1
}  # fmt: skip


def _near_price(shop: Shop) -> int:
    return shop.rng.choice(POPULAR) + shop.rng.choice(SHIPPING) + shop.rng.choice((0, 0, 0, 500, 1_000, -500))


def _sent(shop: Shop, kind: str, payer: str, amount: int, note: Note | None, way: str = "transfer") -> None:
    sent = Sent(kind, payer, shop.moment(), note, way, exactly=True)
    shop.pay(sent, amount * SEN, {}, shop.rng.choice(shop.accounts))


def _system(shop: Shop, kind: str, text: str, amount_minor: int) -> None:
    date = shop.moment().date()
    account = shop.rng.choice(shop.accounts)
    shop.drafts.append(Draft(account, date, amount_minor, Text(text, Reading(unrelated=True)), kind))


def _pending(shop: Shop, posted: list[Draft]) -> None:
    """A payment that is under way; the same row stands posted elsewhere in the file."""
    seen = shop.rng.choice(posted)
    shop.drafts.append(replace(seen, status="PENDING", kind="pending", allocations={}))


def _money_out(shop: Shop) -> None:
    """Suppliers, and refunds to customers over just what they paid."""
    rng = shop.rng
    if rng.random() < 0.4:
        order = rng.choice(shop.orders)
        amount, payee = order.payable_minor, order.customer_name.upper()
    else:
        amount, payee = rng.randrange(20_000, 5_000_000, 500) * SEN, rng.choice(_FIRMS)
    date = shop.moment().date()
    text = texts.transfer(rng, date, payee, amount, Note(), rough=False)
    paid_out = (
        text.description.replace(" CR ", " DB ", 1)
        .replace("KR OTOMATIS", "DB OTOMATIS")
        .replace(" DR ", " KE ")
    )
    draft = Draft(
        rng.choice(shop.accounts), date, amount, Text(paid_out, Reading(unrelated=True)), "money_out"
    )
    draft.direction = "DB"
    shop.drafts.append(draft)
