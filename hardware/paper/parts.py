"""What slips, receipts and reports have in common: head, copies, item lines, totals."""

from collections.abc import Iterable, Sequence

from hardware.paper.document import Align, Element, Field, Pair, Rule, Space, Text
from hardware.paper.errors import PaperError
from hardware.paper.wording import amount, negated, number
from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import OrderLine, Totals
from kasir.v1.common_pb2 import Address, Money


def head(shop: Settings, title: str, paper_number: str, copy: int) -> list[Element]:
    """The shop, what paper this is, its number, and that it is a copy if it is one.

    `copy` is 0 for the first print, then 1, 2, … (PrintJob.copy_number).
    """
    if copy < 0:
        raise PaperError(f"a copy's number is 0 or more, not {copy}")
    elements: list[Element] = []
    if shop.shop_name:
        elements.append(Text(shop.shop_name, Align.CENTER, bold=True, large=True))
    if shop.shop_address:
        elements.append(Text(shop.shop_address, Align.CENTER))
    elements += [
        Rule(heavy=True),
        Text(title, Align.CENTER),
        Text(paper_number, Align.CENTER, bold=True, large=True),
    ]
    if copy:
        elements.append(Text(copy_mark(copy), Align.CENTER, bold=True, inverse=True))
    return elements


def copy_mark(copy: int) -> str:
    """As "SALINAN 1"."""
    return f"SALINAN {copy}"


def fields(rows: Iterable[tuple[str, str]]) -> list[Element]:
    """Labels with values; a row without a value is left out."""
    return [Field(label, value) for label, value in rows if value]


def address_lines(address: Address) -> list[str]:
    """Street; district and city; province and postal code; a foreign country. No empty lines."""
    country = "" if address.country_code in {"", "ID"} else address.country_code
    lines = [
        address.street,
        ", ".join(part for part in (address.district, address.city) if part),
        " ".join(part for part in (address.province, address.postal_code) if part),
        country,
    ]
    return [line for line in lines if line]


def item_lines(lines: Iterable[OrderLine]) -> list[Element]:
    """Each item: its code and name, then quantity and price, then its discount."""
    elements: list[Element] = []
    for line in lines:
        gross = Money(
            currency_code=line.unit_price.currency_code,
            minor_units=line.unit_price.minor_units * line.quantity,
        )
        elements.append(Text(f"{line.sku} {line.name}"))
        elements.append(Pair(f"{number(line.quantity)} x {amount(line.unit_price)}", amount(gross), indent=2))
        if line.discount.minor_units:
            elements.append(Pair("Diskon", amount(negated(line.discount)), indent=2))
    return elements


def totals(sums: Totals, lines: Sequence[OrderLine]) -> list[Element]:
    """Goods, discount, tax by class, shipping and their total; what is zero is left out."""
    elements: list[Element] = [Pair("Subtotal", amount(sums.goods))]
    if sums.discount.minor_units:
        elements.append(Pair("Diskon", amount(negated(sums.discount))))
    elements += [
        Pair(f"termasuk {code}", amount(tax), indent=2) for code, tax in _taxes(lines, included=True)
    ]
    elements += [Pair(code, amount(tax)) for code, tax in _taxes(lines, included=False)]
    if sums.shipping.minor_units:
        elements.append(Pair("Ongkos kirim", amount(sums.shipping)))
    elements.append(Pair("Total", amount(sums.total), bold=True))
    return elements


def _taxes(lines: Sequence[OrderLine], *, included: bool) -> list[tuple[str, Money]]:
    """Tax by class in the order in which the classes first occur."""
    by_code: dict[str, Money] = {}
    for line in lines:
        if line.tax_included == included and line.tax.minor_units:
            code = line.tax_code or "pajak"
            sum_so_far = by_code.setdefault(code, Money(currency_code=line.tax.currency_code))
            sum_so_far.minor_units += line.tax.minor_units
    return list(by_code.items())


def closing(*texts: str) -> list[Element]:
    """Centred last words."""
    return [Space(), *(Text(text, Align.CENTER) for text in texts)]
