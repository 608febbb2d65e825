"""The short forms in which lines are typed: `CODE[xQTY][@LOCATION][~DISCOUNT]`, `AMOUNT=REFERENCE`."""

import re
from dataclasses import dataclass

from clients.common.numbers import parse_id, parse_whole
from clients.common.problems import BadInput

QUANTITY_MAX = 1_000_000
# The same for people
QUANTITY_MOST = f"{QUANTITY_MAX:,}".replace(",", ".")

_LINE = re.compile(
    r"(?P<code>[^@~]+?)(?:[x*](?P<quantity>[0-9]+))?(?:@(?P<place>[^@~]+))?(?:~(?P<discount>[^~]+))?"
)
_COUNT = re.compile(r"(?P<code>[^@~]+)[x*](?P<quantity>[0-9]+)")
_ADJUSTMENT = re.compile(r"(?P<code>.+?)(?P<difference>[+-][0-9]+)")
_SOURCE = re.compile(r"(?P<id>[0-9]+)(?:~(?P<discount>[^~]+))?")
_NO_QUANTITY = re.compile(r".*[x*](?:[+-][0-9]+|[0-9]+[.,][0-9]+)")
_TENDER = re.compile(r"(?:(?P<amount>[^=]+)=)?(?P<reference>[^=]+)")


@dataclass(frozen=True)
class LineSpec:
    """One line as typed: an item's code (SKU or barcode), how many, from where, and what is taken off."""

    code: str
    quantity: int = 1
    place: str = ""
    discount: str = ""


def parse_line(text: str) -> LineSpec:
    """Reads "KOPI-01", "KOPI-01x3", "8991234567890x2@TOKO~5.000".

    A code that itself ends in x and digits is written with its quantity: "MUGx2x1" is one MUGx2. Raises
    BadInput.
    """
    match = _LINE.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            "'{text}' is not a line: write CODE, CODExQUANTITY, and @LOCATION or ~DISCOUNT where needed.",
            text=text,
        )
    return LineSpec(
        match["code"].strip(),
        _quantity(match["quantity"] or "1", text),
        (match["place"] or "").strip(),
        (match["discount"] or "").strip(),
    )


def parse_scan(text: str) -> LineSpec:
    """A line at a till: as `parse_line`, but the goods are where the till is. Raises BadInput."""
    spec = parse_line(text)
    if spec.place:
        raise BadInput("'{text}' names a location; a till sells what is in its own shop.", text=text)
    return spec


def parse_stock_line(text: str) -> LineSpec:
    """A line of goods that move: "CODE" or "CODExQUANTITY", nothing else. Raises BadInput."""
    spec = parse_line(text)
    if spec.place or spec.discount:
        raise BadInput(
            "'{text}' is more than CODExQUANTITY; the location is an option of its own.", text=text
        )
    return spec


def parse_count(text: str) -> LineSpec:
    """Reads "KOPI-01x12" as what was counted; none is "KOPI-01x0". Raises BadInput."""
    match = _COUNT.fullmatch(text.strip())
    quantity = parse_whole(match["quantity"]) if match else None
    if match is None or quantity is None or quantity > QUANTITY_MAX:
        raise BadInput(
            "'{text}' is no count: write CODExQUANTITY, and CODEx0 where there is none.", text=text
        )
    return LineSpec(match["code"].strip(), quantity)


def parse_adjustment(text: str) -> tuple[str, int]:
    """Reads "KOPI-01+2" or "KOPI-01-1" as code and signed difference. Raises BadInput."""
    match = _ADJUSTMENT.fullmatch(text.strip())
    if match is None:
        raise BadInput("'{text}' is no correction: write CODE+QUANTITY or CODE-QUANTITY.", text=text)
    difference = _quantity(match["difference"].lstrip("+-"), text)
    return match["code"].strip(), -difference if match["difference"].startswith("-") else difference


def parse_source(text: str, what: str) -> tuple[int, str]:
    """Reads "12" or "12~5.000" as the number of a Drop Order or hold and the discount on its line. Raises
    BadInput.
    """
    match = _SOURCE.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            "'{text}' does not name a {what}: write NUMBER or NUMBER~DISCOUNT.", text=text, what=what
        )
    return parse_id(match["id"], what), (match["discount"] or "").strip()


def parse_tender(text: str) -> tuple[str, str]:
    """Reads "REF" or "AMOUNT=REF" as amount (empty: what is left to pay) and approval reference. Raises
    BadInput.
    """
    match = _TENDER.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            "'{text}' is no payment: write the approval reference, or AMOUNT=REFERENCE.", text=text
        )
    return (match["amount"] or "").strip(), match["reference"].strip()


def hides_a_quantity(code: str) -> bool:
    """Whether "KOPI-01x-3" or "KOPI-01x1,5" stands there: a code if there is one, else a quantity gone wrong.

    Which it is only the catalogue knows: a SKU may well be called "lux-12".
    """
    return _NO_QUANTITY.fullmatch(code) is not None


def _quantity(digits: str, text: str) -> int:
    quantity = parse_whole(digits)
    if quantity is None or not 1 <= quantity <= QUANTITY_MAX:
        raise BadInput("'{text}': a quantity is from 1 to {most}.", text=text, most=QUANTITY_MOST)
    return quantity
