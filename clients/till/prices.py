"""What a cart comes to while nobody can be asked: the engine's own arithmetic, on the catalogue's copy.

It is no second set of rules: a sale carries the price and the tax class by which it was charged, the engine
books it at them, and says what it differs by from its own (TillCharge). A test holds every amount here
against QuoteTillSale. Amounts are minor units; rounding is half away from zero.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import grpc

from clients.common.money import MINOR_UNITS_MAX, show_amount
from clients.common.problems import BadInput, CallFailed
from clients.till.limits import LINES_MAX, REFERENCE_MAX, TENDERS_MAX, is_printable
from kasir.v1.booking_pb2 import OrderLine, Totals
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_QR,
    TENDER_KIND_TRANSFER,
    Tender,
)

RETAIL = "retail"
BASIS_POINTS = 10_000
_DIGITS = re.compile(r"[0-9][0-9 -]*")
AUTHORISED = {TENDER_KIND_CARD, TENDER_KIND_QR, TENDER_KIND_TRANSFER}


@dataclass(frozen=True)
class PricePoint:
    """One price of an item, from a quantity of one line on."""

    price_list: str
    min_quantity: int
    amount_minor: int
    currency_code: str


@dataclass(frozen=True)
class Item:
    """An item as the till keeps it."""

    item_id: int
    sku: str
    name: str
    category: str = ""
    barcodes: tuple[str, ...] = ()
    prices: tuple[PricePoint, ...] = ()
    tax_class_id: int = 0
    inactive: bool = False
    version: int = 0


@dataclass(frozen=True)
class TaxClass:
    """A tax rate; `inclusive`: prices contain it."""

    tax_class_id: int
    code: str
    rate_basis_points: int
    inclusive: bool


@dataclass(frozen=True)
class Wanted:
    """One line of a cart with its item."""

    item: Item
    quantity: int
    discount_minor: int = 0


@dataclass(frozen=True)
class Priced:
    """A cart's lines and totals as the contract has them, and each line's tax class."""

    lines: list[OrderLine]
    totals: Totals
    tax_class_ids: list[int] = field(default_factory=list)


def unit_price(item: Item, quantity: int, price_list: str, currency_code: str) -> int:
    """The price of the list with the greatest minimum quantity that the line reaches. Raises BadInput."""
    reached = [
        point
        for point in item.prices
        if point.price_list == price_list
        and point.min_quantity <= quantity
        and point.currency_code == currency_code
    ]
    if not reached:
        raise BadInput(
            "{item} has no price in the list {price_list} for {quantity}.",
            item=item.name,
            price_list=price_list,
            quantity=quantity,
        )
    return max(reached, key=lambda point: point.min_quantity).amount_minor


def price(
    wanted: Sequence[Wanted],
    taxes: Mapping[int, TaxClass],
    *,
    currency_code: str,
    price_list: str = "",
    location_id: int = 0,
) -> Priced:
    """Totals a cart. Raises BadInput for what the engine would refuse."""
    if not 1 <= len(wanted) <= LINES_MAX:
        raise BadInput("A sale has 1 to {most} lines.", most=LINES_MAX)
    lines = [_line(each, taxes, currency_code, price_list or RETAIL, location_id) for each in wanted]

    def money(minor_units: int) -> Money:
        return Money(currency_code=currency_code, minor_units=_bounded(minor_units))

    goods = sum(line.unit_price.minor_units * line.quantity for line in lines)
    discount = sum(line.discount.minor_units for line in lines)
    added = sum(line.tax.minor_units for line in lines if not line.tax_included)
    totals = Totals(
        goods=money(goods),
        discount=money(discount),
        tax=money(sum(line.tax.minor_units for line in lines)),
        tax_added=money(added),
        shipping=money(0),
        total=money(goods - discount + added),
    )
    return Priced(lines, totals, [each.item.tax_class_id for each in wanted])


def _line(
    wanted: Wanted, taxes: Mapping[int, TaxClass], currency_code: str, price_list: str, location_id: int
) -> OrderLine:
    item = wanted.item
    if item.inactive:
        raise BadInput("{item} is not sold any more.", item=item.name)
    unit = unit_price(item, wanted.quantity, price_list, currency_code)
    gross = _bounded(unit * wanted.quantity)
    if not 0 <= wanted.discount_minor <= gross:
        raise BadInput("{item}: the discount is more than the line costs.", item=item.name)
    net = gross - wanted.discount_minor
    tax_class = taxes.get(item.tax_class_id)
    if item.tax_class_id and tax_class is None:
        raise BadInput("The tax of {item} is not known here: refresh the till's catalogue.", item=item.name)
    tax, included, code = 0, False, ""
    if tax_class is not None:
        included, code = tax_class.inclusive, tax_class.code
        rate = tax_class.rate_basis_points
        tax = half_up(net * rate, BASIS_POINTS + rate if included else BASIS_POINTS)

    def money(minor_units: int) -> Money:
        return Money(currency_code=currency_code, minor_units=_bounded(minor_units))

    return OrderLine(
        item_id=item.item_id,
        sku=item.sku,
        name=item.name,
        quantity=wanted.quantity,
        unit_price=money(unit),
        discount=money(wanted.discount_minor),
        tax=money(tax),
        tax_included=included,
        total=money(net if included else net + tax),
        location_id=location_id,
        tax_code=code,
    )


def half_up(product: int, divisor: int) -> int:
    """`product / divisor`, half away from zero, exact in between; both are zero or more."""
    return (product + divisor // 2) // divisor


def change(tenders: Sequence[Tender], totals: Totals) -> int:
    """What goes back to the customer. Raises CallFailed as the engine refuses: too little is given, change is
    not of cash, tenders are too many, a reference is missing, too long, cannot be printed, or looks like a
    card's number, which must not reach the disk either.
    """
    total, currency = totals.total.minor_units, totals.total.currency_code
    if len(tenders) > TENDERS_MAX:
        words = f"A sale takes at most {TENDERS_MAX} payments."
        raise refusal("TOO_MANY_ELEMENTS", words, {"field": "tenders", "max": str(TENDERS_MAX)})
    for index, tender in enumerate(tenders):
        _check(tender, f"tenders[{index}]", currency)
    given = sum(tender.amount.minor_units for tender in tenders)
    cash = sum(tender.amount.minor_units for tender in tenders if tender.kind == TENDER_KIND_CASH)
    if given < total:
        words = f"{show_amount(total - given, currency)} are missing."
        facts = {"missing_minor": str(total - given), "currency": currency, "field": "tenders"}
        raise refusal("TENDERS_TOO_LOW", words, facts, grpc.StatusCode.FAILED_PRECONDITION)
    if given - total > cash:
        words = "Change is given from cash only; the other tenders are more than the total."
        facts = {"change_minor": str(given - total), "currency": currency, "field": "tenders"}
        raise refusal("CHANGE_NOT_FROM_CASH", words, facts, grpc.StatusCode.FAILED_PRECONDITION)
    return given - total


def _check(tender: Tender, field: str, currency_code: str) -> None:
    """Raises CallFailed for what no tender may be."""
    if tender.amount.currency_code != currency_code:
        words = f"This till takes {currency_code}."
        raise refusal("CURRENCY_MISMATCH", words, {"field": f"{field}.amount.currency_code"})
    if not 1 <= tender.amount.minor_units <= MINOR_UNITS_MAX:
        words = "A payment is too small or too large."
        raise refusal("AMOUNT_OUT_OF_RANGE", words, {"field": f"{field}.amount.minor_units"})
    check_text(f"{field}.reference", tender.reference, REFERENCE_MAX, needed=tender.kind in AUTHORISED)
    if looks_like_card_number(tender.reference):
        words = "That looks like a card number; those are never kept."
        raise refusal("CARD_NUMBER_REFUSED", words, {"field": f"{field}.reference"})


def check_text(field: str, text: str, most: int, *, needed: bool) -> None:
    """Raises CallFailed for a text that the engine does not take."""
    if needed and not text.strip():
        raise refusal("FIELD_REQUIRED", f"{field} is needed.", {"field": field})
    if len(text) > most:
        words = f"{field} takes at most {most} characters."
        raise refusal("FIELD_TOO_LONG", words, {"field": field, "max": str(most)})
    if not is_printable(text):
        raise refusal(
            "FIELD_MALFORMED", f"{field} holds characters that cannot be printed.", {"field": field}
        )


def looks_like_card_number(text: str) -> bool:
    """Whether a text holds 13 to 19 digits, blanks and dashes between them allowed, that pass the Luhn check
    (ISO/IEC 7812-1, annex B) and begin as card networks' numbers do.
    """
    runs = ("".join(run.split()).replace("-", "") for run in _DIGITS.findall(text))
    return any(13 <= len(run) <= 19 and run[0] in "23456" and _luhn(run) for run in runs)


def _luhn(digits: str) -> bool:
    doubled = ((int(digit) * (1 + index % 2)) for index, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def refusal(
    reason: str,
    words: str,
    facts: dict[str, str],
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT,
) -> CallFailed:
    """As the engine refuses."""
    return CallFailed(code, reason, words, facts, facts.get("field", ""))


def _bounded(minor_units: int) -> int:
    if abs(minor_units) > MINOR_UNITS_MAX:
        raise BadInput("The amount is too large for one sale.")
    return minor_units
