"""The address label, 100 x 150 mm: what stands where, in dots of 203 dpi (8 a millimetre).

One layout makes the ZPL, the PDF and the PNG. Text is broken into lines here and shrunk until all of it fits:
an address is never cut.
"""

from clients.common.at_the_door import at_the_door
from hardware.paper.errors import PaperError
from hardware.paper.marks import (
    FINEST_MODULE,
    Bars,
    Box,
    Mark,
    Paragraph,
    Size,
    Square,
    Words,
    fit,
    largest_size,
    text_width,
)
from hardware.paper.parts import address_lines, copy_mark
from hardware.paper.slips import order_code
from hardware.paper.symbols import code128_modules, fits_code128
from hardware.paper.text import clean, visual
from hardware.paper.wording import NOT_COD, cod, date, weight
from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import Order
from kasir.v1.common_pb2 import Money
from kasir.v1.shipping_pb2 import Courier, Parcel

SIZE = Size(100, 150)
WIDTH, HEIGHT = SIZE.width, SIZE.height
NO_AIRWAY_BILL = "NOMOR RESI BELUM ADA"

_MARGIN = 28
_INNER = WIDTH - 2 * _MARGIN
# Lines end a little before the margin: fonts are hinted to whole dots.
_LINE = _INNER - 16

_HEAD_BOTTOM = 136
_AWB_BOTTOM = 410
_RECEIVER_BOTTOM = 760
_SENDER_BOTTOM = 936
# The frame around what is collected at the door, and the room on either side of its words.
_COD_HEIGHT, _COD_SIDE = 74, 18


def lay_out(
    parcel: Parcel, order: Order, shop: Settings, courier: Courier | None, copy: int
) -> tuple[Mark, ...]:
    """The label's marks. Raises PaperError when parcel, order and courier do not belong together."""
    _check(parcel, order, courier, copy)
    marks: list[Mark] = [Box(8, 8, WIDTH - 16, HEIGHT - 16, 3)]
    marks += _courier(parcel, courier)
    marks.append(_rule(_HEAD_BOTTOM))
    marks += _airway_bill(parcel)
    marks.append(_rule(_AWB_BOTTOM))
    marks += _receiver(parcel, order)
    marks.append(_rule(_RECEIVER_BOTTOM))
    marks += _sender(shop)
    marks.append(_rule(_SENDER_BOTTOM))
    marks += _facts(parcel, order, shop, copy)
    return tuple(marks)


def _check(parcel: Parcel, order: Order, courier: Courier | None, copy: int) -> None:
    if parcel.order_id != order.order_id:
        raise PaperError(
            f"parcel {parcel.parcel_id} is of order {parcel.order_id}, given was {order.order_id}"
        )
    given = courier.courier_id if courier is not None else 0
    if parcel.courier_id != given:
        wanted = parcel.courier_id or "none"
        raise PaperError(f"parcel {parcel.parcel_id} goes by courier {wanted}, given was {given or 'none'}")
    if copy < 0:
        raise PaperError(f"a copy's number is 0 or more, not {copy}")


def _rule(y: int) -> Box:
    return Box(8, y, WIDTH - 16, 3)


def _heading(text: str, y: int) -> Words:
    return _fact(text, _MARGIN, y)


def _courier(parcel: Parcel, courier: Courier | None) -> list[Mark]:
    service = clean(parcel.courier_service)
    marks: list[Mark] = []
    room = _INNER
    if service:
        size = largest_size(service, 300, 64)
        wide = round(text_width(service, size, bold=True)) + 40
        left = WIDTH - _MARGIN - wide
        marks += [
            Box(left, 30, wide, 88),
            Words(left + 20, 30 + (88 - size) // 2, size, visual(service), True, True),
        ]
        room = left - 24 - _MARGIN
    if courier is None:
        return [*marks, *fit([Paragraph("KURIR BELUM DIPILIH", bold=True)], _MARGIN, 44, room, 88, 48)]
    paragraphs = [Paragraph(courier.code or courier.name, bold=True, scale=2.2)]
    if courier.name and courier.code and courier.name != courier.code:
        paragraphs.append(Paragraph(courier.name))
    return [*marks, *fit(paragraphs, _MARGIN, 24, room, 108, 32)]


def _airway_bill(parcel: Parcel) -> list[Mark]:
    top = _HEAD_BOTTOM + 16
    number = clean(parcel.airway_bill)
    if not number:
        size = largest_size(NO_AIRWAY_BILL, _INNER - 60, 76)
        left = round((WIDTH - text_width(NO_AIRWAY_BILL, size, bold=True)) / 2)
        return [
            Box(_MARGIN, top + 40, _INNER, 170),
            Words(left, top + 40 + (170 - size) // 2, size, NO_AIRWAY_BILL, bold=True, inverse=True),
        ]
    marks: list[Mark] = [_heading("NO. RESI", top)]
    if fits_code128(number) and code128_modules(number) * FINEST_MODULE <= _INNER:
        marks.append(Bars(_MARGIN, top + 28, _INNER, 156, number))
        size = largest_size(number, _INNER, 56)
        left = round((WIDTH - text_width(number, size, bold=True)) / 2)
        return [*marks, Words(left, top + 196, size, visual(number), bold=True)]
    side = _AWB_BOTTOM - top - 32
    marks.append(Square(_MARGIN, top + 26, side, number))
    # Another square stands further down: each says beside it what it is, for whoever holds the scanner.
    left = _MARGIN + side + 16
    marks += _sign("RESI", left, top + 34, 44)
    return marks + fit([Paragraph(number, bold=True)], left, top + 110, _INNER - side - 16, side - 110, 48)


def _receiver(parcel: Parcel, order: Order) -> list[Mark]:
    address = parcel.address
    top = _AWB_BOTTOM + 16
    lines = address_lines(address)
    street = [Paragraph(line) for line in lines if line == address.street]
    area = [Paragraph(line, bold=True) for line in lines if line != address.street]
    paragraphs = [
        Paragraph(address.recipient or order.customer_name, bold=True, scale=1.25),
        Paragraph(address.phone or order.customer_phone, bold=True),
        *street,
        *area,
    ]
    room = _RECEIVER_BOTTOM - top - 40
    return [_heading("PENERIMA", top), *fit(paragraphs, _MARGIN, top + 28, _LINE, room, 44)]


def _sender(shop: Settings) -> list[Mark]:
    top = _RECEIVER_BOTTOM + 14
    paragraphs = [Paragraph(shop.shop_name, bold=True, scale=1.15), Paragraph(shop.shop_address)]
    room = _SENDER_BOTTOM - top - 38
    return [_heading("PENGIRIM", top), *fit(paragraphs, _MARGIN, top + 28, _LINE, room, 32)]


def _facts(parcel: Parcel, order: Order, shop: Settings, copy: int) -> list[Mark]:
    top = _SENDER_BOTTOM + 14
    side = HEIGHT - 8 - top + 6
    left = _MARGIN + side + 4
    number = str(parcel.order_id)
    marks: list[Mark] = [
        Square(_MARGIN - 16, top - 10, side, order_code(parcel.order_id)),
        *_sign("PESANAN", left, top - 4, 26),
        Words(left, top + 32, largest_size(number, WIDTH - _MARGIN - left, 60), number, bold=True),
    ]
    grams = weight(parcel.weight_grams) if parcel.weight_grams > 0 else "-"
    middle, below = left + 200, top + 98
    marks += [
        _fact("BERAT", left, below),
        Words(left, below + 24, 34, grams, bold=True),
        _fact("TANGGAL", middle, below),
        Words(middle, below + 24, 34, date(parcel.create_time, shop), bold=True),
    ]
    marks += _collected(at_the_door(order), left, below + 62)
    if copy:
        marks += _tag(copy_mark(copy), middle, top - 8)
    return marks


def _collected(money: Money | None, x: int, y: int) -> list[Mark]:
    """What the courier is to collect, large in a frame; a small tag when it is nothing."""
    if money is None:
        return _tag(NOT_COD, x, y + 22)
    text, room = cod(money), WIDTH - _MARGIN - x - 2 * _COD_SIDE
    size = largest_size(text, room, 60)
    wide = round(text_width(text, size, bold=True)) + 2 * _COD_SIDE
    return [
        Box(x, y, wide, _COD_HEIGHT, 5),
        Words(x + _COD_SIDE, y + (_COD_HEIGHT - size) // 2, size, text, bold=True),
    ]


def _fact(text: str, x: int, y: int) -> Words:
    return Words(x, y, 22, text)


def _sign(text: str, x: int, y: int, size: int) -> list[Mark]:
    """White on black: which of two codes this is."""
    wide = round(text_width(text, size, bold=True)) + 16
    return [Box(x, y, wide, size + 8), Words(x + 8, y + 4, size, text, bold=True, inverse=True)]


def _tag(text: str, x: int, y: int) -> list[Mark]:
    wide = round(text_width(text, 26, bold=True)) + 24
    return [Box(x, y, wide, 38, 3), Words(x + 12, y + 6, 26, text, bold=True)]
