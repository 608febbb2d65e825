"""A label as TSPL for TSC printers and the many that speak their language.

Letters go as pictures (BITMAP): the printers' own fonts differ from model to model and none knows more than
one code page. Bars and squares go as commands where their text holds nothing that TSPL reads as its own;
the rest is drawn here. Source: TSC, TSPL/TSPL2 Programming Manual.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

from PIL import Image

from hardware.paper.errors import PaperError
from hardware.paper.fonts import WHITE, Chain, draw_line
from hardware.paper.label_png import BASELINE_PER_CELL, bar_module, qr_module
from hardware.paper.label_zpl import DOTS_PER_MM
from hardware.paper.marks import DOTS_PER_MM as LAYOUT_DOTS_PER_MM
from hardware.paper.marks import EM_PER_CELL, Bars, Box, Mark, Size, Square, Words, text_width
from hardware.paper.raster import draw_bars, qr_picture
from hardware.paper.symbols import BarKind

# What BARCODE and QRCODE take between quotation marks as it is.
_SPECIAL = set('"\\~^')
_BAR_NAMES = {BarKind.CODE_128: "128", BarKind.EAN_13: "EAN13", BarKind.EAN_8: "EAN8"}
# The widest module that QRCODE draws.
_QR_CELL_MAX = 10
_OVERWRITE = 0
_ABOVE_PER_CELL = 0.12
# Hinted letters are wider than their measure by less than this.
_HINTED = 1.06
_LINES_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Dots:
    """A picture as BITMAP takes it."""

    row_bytes: int
    height: int
    bits: bytes


def tspl(marks: tuple[Mark, ...], size: Size, dots_per_mm: int, gap_mm: int) -> bytes:
    """One label, from SIZE to PRINT. Raises PaperError for a resolution other than 8 or 12 dots a
    millimetre.
    """
    if dots_per_mm not in DOTS_PER_MM:
        raise PaperError(f"label printers have 8 or 12 dots a millimetre, not {dots_per_mm}")
    scale = dots_per_mm / LAYOUT_DOTS_PER_MM
    head = (
        f"SIZE {size.width_mm} mm,{size.height_mm} mm",
        f"GAP {gap_mm} mm,0 mm",
        "DIRECTION 1",
        "REFERENCE 0,0",
        "CLS",
    )
    ordered = sorted(marks, key=_turn)
    return b"".join(
        [*(_line(each) for each in head), *(_mark(mark, scale) for mark in ordered), _line("PRINT 1,1")]
    )


def _turn(mark: Mark) -> int:
    """Pictures paint white too, so what they might paint over comes after them, and white on black last."""
    if isinstance(mark, Words):
        return 3 if mark.inverse else 0
    return 2 if isinstance(mark, Box) else 1


def _line(command: str) -> bytes:
    return command.encode("ascii") + b"\r\n"


def _mark(mark: Mark, scale: float) -> bytes:
    match mark:
        case Words():
            return _words(mark, scale)
        case Box():
            return _box(mark, scale)
        case Bars():
            return _bars(mark, scale)
        case Square():
            return _square(mark, scale)
        case _:
            assert_never(mark)


def _box(box: Box, scale: float) -> bytes:
    x, y, width, height = (round(value * scale) for value in (box.x, box.y, box.width, box.height))
    if box.filled or box.height <= 2 * box.stroke:
        return _line(f"BAR {x},{y},{width},{height}")
    # BOX is given its last dots.
    return _line(f"BOX {x},{y},{x + width - 1},{y + height - 1},{round(box.stroke * scale)}")


def _words(words: Words, scale: float) -> bytes:
    # Accents stand above the cell, where a box has no room for them.
    above = 0 if words.inverse else round(words.size * scale * _ABOVE_PER_CELL)
    picture = _letters(words.text, words.size * scale, above, words.bold, words.inverse)
    return _bitmap(picture, round(words.x * scale), round(words.y * scale) - above)


@lru_cache(_LINES_KEPT)
def _letters(text: str, size: float, above: int, bold: bool, inverse: bool) -> Dots:
    """A line of text in dots. Many are the same on the next label: headings, the sender, the courier."""
    chain = Chain.LABEL_BOLD if bold else Chain.LABEL
    pixels = round(size * EM_PER_CELL)
    room = math.ceil(text_width(text, size, bold=bold) * _HINTED) + 8
    image = Image.new("1", (room, above + round(size)), WHITE)
    wide = draw_line(image, 0, above + round(size * BASELINE_PER_CELL), text, chain, pixels)
    # A mark without a letter to stand over has no width; a picture must have one.
    cut = image.crop((0, 0, max(1, math.ceil(wide)), image.height))
    return _dots(cut.point(lambda value: WHITE - value) if inverse else cut, black_edge=inverse)


def _dots(image: Image.Image, *, black_edge: bool = False) -> Dots:
    """A picture with rows of whole bytes; their last ones are filled with white or, within a box, black."""
    row_bytes = (image.width + 7) // 8
    padded = Image.new("1", (row_bytes * 8, image.height), 0 if black_edge else WHITE)
    padded.paste(image, (0, 0))
    # As with PIL, a dot of 0 is black.
    return Dots(row_bytes, image.height, _without_immediate(padded.tobytes()))


def _without_immediate(bits: bytes) -> bytes:
    """Printers look for immediate commands (ESC !) in pictures, too: where the dots look like one, a dot more
    is black.
    """
    return bits.replace(b"\x1b!", b"\x1b ")


def _bitmap(dots: Dots, x: int, y: int) -> bytes:
    return f"BITMAP {x},{y},{dots.row_bytes},{dots.height},{_OVERWRITE},".encode() + dots.bits + b"\r\n"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not _SPECIAL & set(text)


def _bars(bars: Bars, scale: float) -> bytes:
    module = bar_module(bars, scale)
    width, height = sum(bars.widths) * module, round(bars.height * scale)
    x, y = round(bars.x * scale + (bars.width * scale - width) / 2), round(bars.y * scale)
    if not _is_plain(bars.data):
        image = Image.new("1", (width, height), WHITE)
        draw_bars(image, bars.widths, 0, 0, height, module)
        return _bitmap(_dots(image), x, y)
    # The printer adds an EAN's check digit.
    data = bars.data if bars.kind is BarKind.CODE_128 else bars.data[:-1]
    data = data.zfill(12) if bars.kind is BarKind.EAN_13 else data
    return _line(f'BARCODE {x},{y},"{_BAR_NAMES[bars.kind]}",{height},0,0,{module},{module},"{data}"')


def _square(square: Square, scale: float) -> bytes:
    module, inset = qr_module(square, scale)
    x, y = round(square.x * scale) + inset, round(square.y * scale) + inset
    if module > _QR_CELL_MAX or not _is_plain(square.data):
        return _bitmap(_dots(qr_picture(square.data, module)), x, y)
    return _line(f'QRCODE {x},{y},M,{module},A,0,"{square.data}"')
