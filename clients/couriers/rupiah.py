"""Whole rupiah, as carriers of Indonesia carry money; Kasir carries minor units."""

from decimal import Decimal

from clients.common.money import minor_digits
from clients.couriers.carrier import Refused, Shipment
from kasir.v1.common_pb2 import Money

IDR = "IDR"
_PER_RUPIAH: int = 10 ** minor_digits(IDR)


def rupiah(money: Money) -> int:
    """Whole rupiah, rounded up: nobody collects less than is owed. Other currencies are refused before."""
    assert money.currency_code == IDR
    return -(-money.minor_units // _PER_RUPIAH)


def money_of(amount: float | str) -> Money:
    """An amount of rupiah that a carrier told. Raises ValueError."""
    try:
        minor_units = int(Decimal(str(amount)) * _PER_RUPIAH)
    except ArithmeticError as error:
        raise ValueError(f"{amount} is no amount") from error
    return Money(currency_code=IDR, minor_units=minor_units)


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
