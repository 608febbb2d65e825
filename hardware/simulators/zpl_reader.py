"""Draws a label from ZPL II, as far as our labels go, and refuses what it does not know."""

import re
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from hardware.paper.fonts import BLACK, WHITE, Chain, draw_line, line_pixels
from hardware.paper.label_png import BASELINE_PER_CELL
from hardware.paper.marks import EM_PER_CELL
from hardware.paper.raster import draw_bars, qr_picture
from hardware.paper.symbols import BarKind, bar_widths, ean_kind

_COMMAND = re.compile(r"\^([A-Z@][A-Z0-9@])([^^~]*)")
_ESCAPED = re.compile(rb"_([0-9A-Fa-f]{2})")
_RUN = re.compile(r"([G-Yg-z]*)([0-9A-F])|([,:])")
# What a label says of itself, and what changes nothing on it.
_PLAIN = {"XA", "CI", "LH", "PQ", "XZ", "FH"}
# A QR code stands so far below its field's origin.
_QR_DROP = 10
# Font 0 this wide for its height is the bold one of ours.
_BOLD_FROM = 0.915


class NotZpl(ValueError):  # noqa: N818 (what was read)
    """It is not among what is known here."""


@dataclass(slots=True)
class _Field:
    """What was said since ^FO."""

    x: int = 0
    y: int = 0
    kind: str = ""
    given: str = ""
    text: str = ""
    is_reversed: bool = False


def picture(label: bytes) -> Image.Image:
    """A label's dots, black on white. Raises NotZpl."""
    size = re.search(rb"\^PW(\d+)\s*\^LL(\d+)", label)
    if size is None:
        raise NotZpl("the label does not say how large it is")
    image = Image.new("L", (int(size[1]), int(size[2])), WHITE)
    field, module = _Field(), 2
    for name, given in _COMMAND.findall(label.decode("ascii").replace("\n", "")):
        match name:
            case "FO":
                x, y = _numbers(r"(-?\d+),(-?\d+)", given)
                field = _Field(x, y)
            case "FR":
                field.is_reversed = True
            case "A0" | "GB" | "GF" | "BC" | "BE" | "BQ":
                field.kind, field.given = name, given
            case "FD":
                field.text = _ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), given.encode()).decode()
            case "BY":
                (module,) = _numbers(r"(\d+)", given)
            case "FS":
                _put(image, field, module)
            case "PW" | "LL":
                pass
            case _ if name not in _PLAIN:
                raise NotZpl(f"^{name}")
    return image


def _put(image: Image.Image, field: _Field, module: int) -> None:
    left, top = field.x, field.y
    match field.kind:
        case "A0":
            drawn = _letters(field)
        case "GB":
            drawn = _box(*_numbers(r"(\d+),(\d+),(\d+)", field.given))
        case "GF":
            drawn = _graphic(field.given)
        case "BC":
            (height,) = _numbers(r"N,(\d+),N,N,N,A", field.given)
            drawn = _bars(bar_widths(BarKind.CODE_128, field.text), module, height)
        case "BE":
            (height,) = _numbers(r"N,(\d+),N,N", field.given)
            # The printer adds the check digit.
            full = (field.text + digit for digit in "0123456789")
            (data,) = (each for each in full if ean_kind(each) is BarKind.EAN_13)
            drawn = _bars(bar_widths(BarKind.EAN_13, data), module, height)
        case "BQ":
            (module,) = _numbers(r"N,2,(\d+)", field.given)
            drawn, top = qr_picture(field.text.removeprefix("MA,"), module).convert("L"), top + _QR_DROP
        case _:
            raise NotZpl("a field without content")
    box = (left, top, left + drawn.width, top + drawn.height)
    below = image.crop(box)
    # Reversed, black on black is white.
    is_white = ImageChops.invert(ImageChops.difference(below, drawn)) if field.is_reversed else None
    image.paste(is_white or ImageChops.darker(below, drawn), (left, top))


def _letters(field: _Field) -> Image.Image:
    height, width = _numbers(r"N,(\d+),(\d+)", field.given)
    chain = Chain.LABEL_BOLD if width >= height * _BOLD_FROM else Chain.LABEL
    pixels = round(height * EM_PER_CELL)
    drawn = Image.new("L", (max(1, line_pixels(field.text, chain, pixels)), round(height * 1.1)), WHITE)
    draw_line(drawn, 0, height * BASELINE_PER_CELL, field.text, chain, pixels)
    return drawn


def _box(width: int, height: int, stroke: int) -> Image.Image:
    drawn = Image.new("L", (width, height), BLACK)
    inner = (stroke, stroke, width - stroke - 1, height - stroke - 1)
    if inner[0] <= inner[2] and inner[1] <= inner[3]:
        ImageDraw.Draw(drawn).rectangle(inner, WHITE)
    return drawn


def _bars(widths: tuple[int, ...], module: int, height: int) -> Image.Image:
    drawn = Image.new("L", (sum(widths) * module, height), WHITE)
    draw_bars(drawn, widths, 0, 0, height, module)
    return drawn


def _graphic(given: str) -> Image.Image:
    """^GFA in ZPL's alternative compression: counts before repeated digits, "," for white to the row's end,
    ":" for the row before.
    """
    head = re.match(r"A,(\d+),\1,(\d+),", given)
    if head is None:
        raise NotZpl(f"^GF{given[:40]}")
    total, digits = int(head[1]), int(head[2]) * 2
    rows: list[str] = []
    row = ""
    for counts, digit, sign in _RUN.findall(given[head.end() :]):
        if sign == ":":
            rows.append(rows[-1])
            continue
        row = row.ljust(digits, "0") if sign else row + digit * (sum(map(_count, counts)) or 1)
        if len(row) == digits:
            rows.append(row)
            row = ""
    dots = bytes.fromhex("".join(rows))
    if len(dots) != total:
        raise NotZpl(f"{len(dots)} bytes of a picture of {total}")
    white = bytes(byte ^ 0xFF for byte in dots)
    return Image.frombytes("1", (digits * 4, len(rows)), white).convert("L")


def _count(letter: str) -> int:
    if letter.isupper():
        return ord(letter) - ord("F")
    return 20 * (ord(letter) - ord("f"))


def _numbers(pattern: str, given: str) -> tuple[int, ...]:
    read = re.fullmatch(pattern, given)
    if read is None:
        raise NotZpl(f"{given[:60]!r}")
    return tuple(map(int, read.groups()))
