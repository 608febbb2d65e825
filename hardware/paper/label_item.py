"""The item label, 50 x 30 mm: name, price, SKU and a bar code, for shelves and for goods without one of
their own.
"""

from hardware.paper.errors import PaperError
from hardware.paper.marks import (
    FINEST_MODULE,
    Bars,
    Mark,
    Paragraph,
    Size,
    Square,
    Words,
    fit,
    largest_size,
    text_width,
)
from hardware.paper.symbols import BarKind, ean_kind, fits_code128
from hardware.paper.text import clean, visual
from hardware.paper.wording import amount
from kasir.v1.catalogue_pb2 import Item
from kasir.v1.common_pb2 import Money

SIZE = Size(50, 30)
_MARGIN = 12
_INNER = SIZE.width - 2 * _MARGIN
# Lines end a little before the margin: fonts are hinted to whole dots.
_LINE = _INNER - 8
_NAME_HEIGHT = 84
_PRICE_TOP, _PRICE_SIZE, _SKU_SIZE = 92, 44, 20
_CODE_TOP, _BARS_HEIGHT, _NUMBER_SIZE = 140, 64, 22
_SQUARE = SIZE.height - _CODE_TOP - 4


def lay_out(item: Item, price_list: str) -> tuple[Mark, ...]:
    """See `hardware.paper.item_label`."""
    marks = fit([Paragraph(item.name or item.sku, bold=True)], _MARGIN, 8, _LINE, _NAME_HEIGHT, 32)
    if price_list:
        marks += _price(_price_of(item, price_list), item.sku)
    return (*marks, *_code(item_code(item)))


def item_code(item: Item) -> str:
    """What is scanned: the item's first EAN or UPC, else its first barcode, else its SKU."""
    eans = (code for code in item.barcodes if ean_kind(code))
    code = next(eans, None) or next(iter(item.barcodes), item.sku)
    if not code:
        raise PaperError(f"item {item.item_id} has neither a barcode nor an SKU")
    return code


def _price_of(item: Item, price_list: str) -> Money:
    """The price of one. Raises PaperError when the list has none."""
    prices = [price for price in item.prices if price.price_list == price_list and price.min_quantity <= 1]
    if not prices:
        raise PaperError(f"{item.sku or item.item_id} has no {price_list} price")
    return max(prices, key=lambda price: price.min_quantity).amount


def _price(money: Money, sku: str) -> list[Mark]:
    """The price large on the left, the SKU small beside it where there is room."""
    shown = amount(money)
    size = min(_PRICE_SIZE, largest_size(shown, _LINE, _PRICE_SIZE))
    marks: list[Mark] = [Words(_MARGIN, _PRICE_TOP, size, visual(shown), bold=True)]
    sku = clean(sku)
    wide = text_width(sku, _SKU_SIZE, bold=False)
    if sku and text_width(shown, size, bold=True) + 16 + wide <= _LINE:
        marks.append(Words(round(_MARGIN + _LINE - wide), _PRICE_TOP + 18, _SKU_SIZE, visual(sku)))
    return marks


def _code(code: str) -> list[Mark]:
    """EAN where it is one, else Code128, else, where its bars were too fine, a QR code with the text beside
    it.
    """
    kind = ean_kind(code) or BarKind.CODE_128
    if kind is not BarKind.CODE_128 or fits_code128(code):
        bars = Bars(_MARGIN, _CODE_TOP, _INNER, _BARS_HEIGHT, code, kind)
        if bars.modules * FINEST_MODULE <= _INNER:
            size = largest_size(code, _LINE, _NUMBER_SIZE)
            left = round((SIZE.width - text_width(code, size, bold=True)) / 2)
            return [bars, Words(left, _CODE_TOP + _BARS_HEIGHT + 4, size, visual(clean(code)), bold=True)]
    left = _MARGIN + _SQUARE + 8
    beside = fit([Paragraph(code, bold=True)], left, _CODE_TOP + 8, _LINE - _SQUARE - 8, _SQUARE - 16, 26)
    return [Square(_MARGIN - 4, _CODE_TOP, _SQUARE, code), *beside]
