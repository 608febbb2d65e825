"""Whole rupiah, as carriers of Indonesia carry money; Kasir carries minor units."""

import re

from clients.common.money import minor_digits
from clients.couriers.carrier import Refused, Shipment
from kasir.v1.common_pb2 import Money

IDR = "IDR"
_PER_RUPIAH: int = 10 ** minor_digits(IDR)
# Up to a trillion: no parcel costs more.
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.00?)?")
# So much of what a carrier told is repeated.
_SHOWN_CHARS = 40


def rupiah(money: Money) -> int:
    """Whole rupiah, rounded up: nobody collects less than is owed. Other currencies are refused before."""
    assert money.currency_code == IDR
    return -(-money.minor_units // _PER_RUPIAH)


def rupiah_of(amount: object) -> int:
    """Whole rupiah that a carrier told: 11000, 11000.0, "11000" or "11000.00". Raises ValueError for what is
    none, and for what might be read in two ways, like "12.000".
    """
    text = str(amount).strip()
    is_kind = isinstance(amount, int | float | str) and not isinstance(amount, bool)
    if not is_kind or not _AMOUNT.fullmatch(text):
        raise ValueError(f"{str(repr(amount))[:_SHOWN_CHARS]} is no price in rupiah")
    return int(text.partition(".")[0])


def money_of(amount: object) -> Money:
    """The same as money. Raises ValueError."""
    return Money(currency_code=IDR, minor_units=rupiah_of(amount) * _PER_RUPIAH)


def only_rupiah(shipment: Shipment) -> Refused | None:
    """Refuses what is priced or to be collected in another currency."""
    amounts = [each.value for each in shipment.goods]
    if shipment.collect is not None:
        amounts.append(shipment.collect)
    others = {each.currency_code for each in amounts} - {IDR}
    return Refused(f"rupiah are carried, not {', '.join(sorted(others))}") if others else None


def goods_value(shipment: Shipment) -> int:
    """What the goods are worth together, in whole rupiah."""
    return sum(rupiah(each.value) * each.quantity for each in shipment.goods)
