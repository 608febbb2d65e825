"""A label as ZPL II for Zebra printers and their likes.

Text goes as text where the printers' own font 0 has it (ASCII and Western European letters, as UTF-8 after
^CI28), else as a compressed picture (^GFA). ^FH escapes what ZPL would read as a command.
"""

import math
from typing import assert_never

from PIL import Image

from hardware.paper.errors import PaperError
from hardware.paper.fonts import WHITE, Chain, draw_line, line_pixels
from hardware.paper.label_png import BASELINE_PER_CELL, bar_module, qr_module
from hardware.paper.marks import EM_PER_CELL, Bars, Box, Mark, Size, Square, Words
from hardware.paper.raster import draw_bars
from hardware.paper.symbols import BarKind

# Printers of 203 dpi and 300 dpi.
DOTS_PER_MM = (8, 12)
_LAYOUT_DOTS_PER_MM = 8
# Font 0 is drawn a little narrower than it is tall: its lines then stay within those that were measured in
# DejaVu.
_WIDTH_PER_HEIGHT = {True: 0.95, False: 0.88}
# ^BQ enlarges a QR module up to ten dots.
_QR_MAGNIFICATION_MAX = 10
# ^BQ puts its picture ten dots below the field's origin.
_QR_DROP = 10
_LAST_LATIN = 0xFF
# Room for accents above a capital, of which some languages stack two.
ABOVE_PER_CELL = 0.3


def zpl(marks: tuple[Mark, ...], size: Size, dots_per_mm: int = 8) -> bytes:
    """One label, from ^XA to ^XZ. Raises PaperError for a resolution other than 8 or 12 dots a millimetre."""
    if dots_per_mm not in DOTS_PER_MM:
        raise PaperError(f"label printers have 8 or 12 dots a millimetre, not {dots_per_mm}")
    scale = dots_per_mm / _LAYOUT_DOTS_PER_MM
    lines = ["^XA", "^CI28", f"^PW{round(size.width * scale)}", f"^LL{round(size.height * scale)}", "^LH0,0"]
    lines += [_mark(mark, scale) for mark in marks]
    lines += ["^PQ1", "^XZ", ""]
    return "\n".join(lines).encode("ascii")


def escape(text: str) -> str:
    """A field's text after ^FH: all but plain ASCII, and what ZPL reads as a command, as _XX of its UTF-8
    bytes.
    """
    return "".join(
        chr(byte) if 0x20 <= byte <= 0x7E and byte not in b"^~_\\" else f"_{byte:02X}"
        for byte in text.encode()
    )


def _mark(mark: Mark, scale: float) -> str:
    match mark:
        case Words():
            return _words(mark, scale)
        case Box():
            x, y, width, height = (
                round(value * scale) for value in (mark.x, mark.y, mark.width, mark.height)
            )
            stroke = min(width, height) if mark.filled else round(mark.stroke * scale)
            return f"^FO{x},{y}^GB{width},{height},{stroke}^FS"
        case Bars():
            return _bars(mark, scale)
        case Square():
            return _square(mark, scale)
        case _:
            assert_never(mark)


def _words(words: Words, scale: float) -> str:
    x, y, height = round(words.x * scale), round(words.y * scale), round(words.size * scale)
    if any(ord(char) > _LAST_LATIN for char in words.text):
        picture, above = _picture(words, scale)
        return f"^FO{x},{y - above}{'^FR' if words.inverse else ''}{picture}^FS"
    width = round(height * _WIDTH_PER_HEIGHT[words.bold])
    reverse = "^FR" if words.inverse else ""
    return f"^FO{x},{y}{reverse}^A0N,{height},{width}^FH^FD{escape(words.text)}^FS"


def _picture(words: Words, scale: float) -> tuple[str, int]:
    """The line drawn by ourselves, as a graphic field, and how far above its cell that begins: accents on
    capitals stand there.
    """
    chain = Chain.LABEL_BOLD if words.bold else Chain.LABEL
    size = words.size * scale
    pixels = round(size * EM_PER_CELL)
    # A mark without a letter to stand over has no width; a picture must have one.
    width = max(1, line_pixels(words.text, chain, pixels))
    above = min(round(words.y * scale), math.ceil(size * ABOVE_PER_CELL))
    image = Image.new("1", (width, above + round(size * 1.1)), WHITE)
    draw_line(image, 0, above + round(size * BASELINE_PER_CELL), words.text, chain, pixels)
    return _graphic(image), above


def _graphic(image: Image.Image) -> str:
    row_bytes = (image.width + 7) // 8
    total = row_bytes * image.height
    return f"^GFA,{total},{total},{row_bytes},{compress(image)}"


def _bars(bars: Bars, scale: float) -> str:
    module = bar_module(bars, scale)
    x = round(bars.x * scale + (bars.width * scale - sum(bars.widths) * module) / 2)
    height = round(bars.height * scale)
    field, data = f"^FO{x},{round(bars.y * scale)}^BY{module}", escape(bars.data)
    match bars.kind:
        case BarKind.CODE_128:
            # Mode A: the printer chooses the code sets by the rules that `code128` follows, and ">" is no
            # command in it.
            return f"{field}^BCN,{height},N,N,N,A^FH^FD{data}^FS"
        case BarKind.EAN_13:
            # The printer adds the check digit.
            return f"{field}^BEN,{height},N,N^FD{bars.data.zfill(13)[:-1]}^FS"
        case BarKind.EAN_8:
            image = Image.new("1", (sum(bars.widths) * module, height), WHITE)
            draw_bars(image, bars.widths, 0, 0, height, module)
            return f"^FO{x},{round(bars.y * scale)}{_graphic(image)}^FS"


def _square(square: Square, scale: float) -> str:
    module, inset = qr_module(square, scale)
    if module > _QR_MAGNIFICATION_MAX:
        inset += round((module - _QR_MAGNIFICATION_MAX) * (square.side * scale - 2 * inset) / module / 2)
        module = _QR_MAGNIFICATION_MAX
    x, y = round(square.x * scale) + inset, round(square.y * scale) + inset - _QR_DROP
    return f"^FO{x},{y}^BQN,2,{module}^FH^FDMA,{escape(square.data)}^FS"


def compress(image: Image.Image) -> str:
    """A black and white picture in ZPL's alternative compression: counts before repeated digits, ":" for a
    row again.
    """
    row_bytes = (image.width + 7) // 8
    # ZPL's 1 is black, and the bits beyond the picture's edge are white.
    padded = Image.new("1", (row_bytes * 8, image.height), WHITE)
    padded.paste(image, (0, 0))
    dots = padded.point(lambda value: WHITE - value).tobytes()
    rows = [dots[at : at + row_bytes].hex().upper() for at in range(0, len(dots), row_bytes)]
    packed = ""
    for at, row in enumerate(rows):
        packed += ":" if at and row == rows[at - 1] else _compress_row(row)
    return packed


def _compress_row(row: str) -> str:
    kept = row.rstrip("0")
    packed, at = "", 0
    while at < len(kept):
        end = at
        while end < len(kept) and kept[end] == kept[at]:
            end += 1
        packed += _count(end - at) + kept[at]
        at = end
    # "," fills the rest of the row with white.
    return packed + ("," if len(kept) < len(row) else "")


def _count(times: int) -> str:
    """ZPL's repeat count: "z" is 400, "g" to "y" are 20 to 380, "G" to "Y" are 1 to 19; none for one."""
    if times == 1:
        return ""
    many, rest = divmod(times, 400)
    twenties, ones = divmod(rest, 20)
    return (
        "z" * many + (chr(ord("f") + twenties) if twenties else "") + (chr(ord("F") + ones) if ones else "")
    )
