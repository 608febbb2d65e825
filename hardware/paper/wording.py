"""What stands on paper, in Indonesian: amounts, dates, weights, and the words of states and tenders."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.at_the_door import COD
from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import Allocation, OrderState
from kasir.v1.common_pb2 import Channel, Money
from kasir.v1.sale_pb2 import Tender, TenderKind

# Currencies whose minor unit is not 1/100 (ISO 4217, list one), as in the core.
_NO_DIGITS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE_DIGITS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_FOUR_DIGITS = frozenset(["CLF", "UYW"])
# How a currency is written where it is at home; others by their code.
_SYMBOLS = {"IDR": "Rp"}

_DAYS = ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")
# Indonesia's zones by offset in minutes.
_ZONES = {420: "WIB", 480: "WITA", 540: "WIT"}

_CHANNELS = {
    Channel.CHANNEL_CHAT: "Chat",
    Channel.CHANNEL_PHONE: "Telepon",
    Channel.CHANNEL_EMAIL: "E-mail",
    Channel.CHANNEL_WEB: "Toko web",
    Channel.CHANNEL_MARKETPLACE: "Marketplace",
    Channel.CHANNEL_WALK_IN: "Datang langsung",
    Channel.CHANNEL_TILL: "Kasir toko",
}
_TENDERS = {
    TenderKind.TENDER_KIND_CASH: "Tunai",
    TenderKind.TENDER_KIND_CARD: "Kartu",
    TenderKind.TENDER_KIND_QR: "QRIS",
    TenderKind.TENDER_KIND_TRANSFER: "Transfer",
    TenderKind.TENDER_KIND_POINTS: "Poin",
    TenderKind.TENDER_KIND_CREDIT: "Saldo pelanggan",
    # All that was recorded by hand; a receipt says how, see `tender_words`.
    TenderKind.TENDER_KIND_EXTERNAL: "Pembayaran lain",
}
# How staff say that an order was paid, and how paper says it; other words stand as they were typed.
_METHODS = {
    "card": "Kartu",
    "cash": "Tunai",
    COD: "Bayar di tempat (COD)",
    "gateway": "Payment gateway",
    "kartu": "Kartu",
    "marketplace": "Marketplace",
    "qr": "QRIS",
    "qris": "QRIS",
    "transfer": "Transfer",
    "tunai": "Tunai",
}
# A label without it says so: a courier need not wonder.
NOT_COD = "NON COD"
AT_THE_DOOR = "BAYAR DI TEMPAT (COD)"
# Nothing is said of an order that waits for its payment: that is what a slip is for.
_STATES = {
    OrderState.ORDER_STATE_PARTLY_PAID: "DIBAYAR SEBAGIAN",
    OrderState.ORDER_STATE_PAID: "LUNAS",
    OrderState.ORDER_STATE_SOLD: "LUNAS",
    OrderState.ORDER_STATE_HANDED_TO_COURIER: "LUNAS",
    OrderState.ORDER_STATE_DELIVERED: "LUNAS",
    OrderState.ORDER_STATE_CANCELLED: "DIBATALKAN",
    OrderState.ORDER_STATE_EXPIRED: "LEWAT BATAS BAYAR",
    OrderState.ORDER_STATE_REFUND_DUE: "DANA AKAN DIKEMBALIKAN",
    OrderState.ORDER_STATE_REFUNDED: "DANA SUDAH DIKEMBALIKAN",
}


def number(value: int) -> str:
    """1234567 as "1.234.567"."""
    return f"{value:,}".replace(",", ".")


def minor_digits(currency_code: str) -> int:
    """Digits of a currency's minor unit (ISO 4217)."""
    if currency_code in _NO_DIGITS:
        return 0
    if currency_code in _THREE_DIGITS:
        return 3
    return 4 if currency_code in _FOUR_DIGITS else 2


def amount(money: Money) -> str:
    """As "Rp 108.400", "-Rp 5.000", "Rp 99,50", "USD 12,05"; decimals only where they are not zero."""
    digits = minor_digits(money.currency_code)
    whole, rest = divmod(abs(money.minor_units), 10**digits)
    sign = "-" if money.minor_units < 0 else ""
    decimals = f",{rest:0{digits}d}" if rest else ""
    symbol = _SYMBOLS.get(money.currency_code, money.currency_code)
    # Money that was never set has no currency, and is a bare zero.
    return f"{sign}{symbol}{' ' if symbol else ''}{number(whole)}{decimals}"


def cod(money: Money) -> str:
    """As "COD Rp 150.000"."""
    return f"COD {amount(money)}"


def negated(money: Money) -> Money:
    """The same amount with the other sign."""
    return Money(currency_code=money.currency_code, minor_units=-money.minor_units)


def shop_time(timestamp: Timestamp, shop: Settings) -> datetime:
    """A moment on the shop's clock, which is a fixed offset from UTC."""
    offset = timedelta(seconds=shop.utc_offset.seconds)
    return datetime.fromtimestamp(timestamp.seconds, UTC).astimezone(timezone(offset))


def zone(shop: Settings) -> str:
    """As "WIB", "WITA", "WIT", or "UTC+05:30"."""
    minutes = shop.utc_offset.seconds // 60
    if minutes in _ZONES:
        return _ZONES[minutes]
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def date(timestamp: Timestamp, shop: Settings) -> str:
    """As "22 Nov 2025"."""
    at = shop_time(timestamp, shop)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def date_time(timestamp: Timestamp, shop: Settings) -> str:
    """As "22 Nov 2025 17:05 WIB"."""
    return f"{date(timestamp, shop)} {shop_time(timestamp, shop):%H:%M} {zone(shop)}"


def deadline(timestamp: Timestamp, shop: Settings) -> str:
    """As "Sab, 22 Nov 2025 17:05 WIB": with the day, since somebody has to be in time."""
    return f"{_DAYS[shop_time(timestamp, shop).weekday()]}, {date_time(timestamp, shop)}"


def weight(grams: int) -> str:
    """As "850 g", "1 kg", "1,25 kg"."""
    if grams < 1000:
        return f"{grams} g"
    kilograms, rest = divmod(grams, 1000)
    decimals = f"{rest:03d}".rstrip("0")
    return f"{number(kilograms)}{',' + decimals if decimals else ''} kg"


def channel(value: "Channel.ValueType") -> str:
    """Where an order comes from; empty when not said."""
    return _CHANNELS.get(value, "")


def tender_words(paid: Tender, allocations: Sequence[Allocation]) -> tuple[str, str]:
    """How one payment came in, and the payer's reference, which may be empty.

    Money recorded by hand has its method and the reference in one text; `allocations`, its order's, know
    where one ends. Without them the method is taken for one word.
    """
    if paid.kind != TenderKind.TENDER_KIND_EXTERNAL or not paid.reference:
        return tender(paid.kind), paid.reference
    method, _, reference = paid.reference.partition(" ")
    for allocation in allocations:
        if f"{allocation.method} {allocation.reference}".strip() == paid.reference:
            method, reference = allocation.method, allocation.reference
    return _METHODS.get(method.casefold(), method), reference


def tender(value: "TenderKind.ValueType") -> str:
    """How money came in."""
    return _TENDERS.get(value, "Lainnya")


def state_banner(value: "OrderState.ValueType") -> str:
    """What a slip says of its order's state; empty while the order simply waits for its payment."""
    return _STATES.get(value, "")
