"""Reads TSPL as the TSPL/TSPL2 Programming Manual says: cuts a stream into commands, draws a label from them,
and refuses what it does not know.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from hardware.paper.errors import PaperError
from hardware.paper.fonts import BLACK, WHITE
from hardware.paper.raster import draw_bars, qr_picture
from hardware.paper.symbols import BarKind, bar_widths, ean_kind

_LINE_END = b"\r\n"
_PICTURE = re.compile(rb"BITMAP (-?\d+),(-?\d+),(\d+),(\d+),0,")
# As much of a line as can be the head of a picture.
_PICTURE_HEAD_MAX = 48
_IMMEDIATE = re.compile(rb"\x1b!.", re.DOTALL)
_LINE = re.compile(rb"([A-Z]+)(?: ([\x20-\x7e]*))?")
_BAR_KINDS = {"128": BarKind.CODE_128, "EAN13": BarKind.EAN_13, "EAN8": BarKind.EAN_8}
_QR_CELL_MAX = 10


class NotTspl(ValueError):  # noqa: N818 (what was read)
    """A printer would not know this."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line, or a picture with its bytes. `name` is empty for what is neither; `raw` are its bytes."""

    name: str
    given: str
    raw: bytes
    bits: bytes = b""


class Reader:
    """Cuts a stream into commands as it comes in."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """What has come of a command that is not complete."""
        return self._rest

    @property
    def is_in_picture(self) -> bool:
        """Whether the next bytes are dots, whatever they look like."""
        return _PICTURE.match(self._rest) is not None

    def drop_rest(self) -> None:
        """Forgets the begun command."""
        self._rest = b""

    def feed(self, data: bytes) -> list[Command]:
        """The commands that are now complete. Immediate ones (ESC ! x) between them are left out."""
        self._rest += data
        found: list[Command] = []
        while command := self._next():
            found.append(command)
        return found

    def _next(self) -> Command | None:
        while immediate := _IMMEDIATE.match(self._rest):
            self._rest = self._rest[immediate.end() :]
        if self._rest.startswith(b"BITMAP "):
            head = _PICTURE.match(self._rest)
            if head:
                start, count = head.end(), int(head[3]) * int(head[4])
                end = start + count + len(_LINE_END)
                if len(self._rest) < end:
                    return None
                raw, self._rest = self._rest[:end], self._rest[end:]
                return Command("BITMAP", head[0][len("BITMAP ") :].decode(), raw, raw[start : start + count])
            if len(self._rest) < _PICTURE_HEAD_MAX and _LINE_END not in self._rest:
                return None
        line, end_of_line, rest = self._rest.partition(_LINE_END)
        if not end_of_line:
            return None
        self._rest = rest
        raw = line + end_of_line
        if line.startswith(b"~!"):
            return Command(line.decode("latin-1"), "", raw)
        read = _LINE.fullmatch(line)
        return Command(read[1].decode(), (read[2] or b"").decode(), raw) if read else Command("", "", raw)


class Drawer:
    """Draws labels, command by command. Where a bar code or QR code comes from is a method of its own: a
    printer's firmware is not ours.
    """

    def __init__(self, dots_per_mm: int = 8) -> None:
        self.dots_per_mm = dots_per_mm
        self.gap_mm = -1
        self._size = (0, 0)
        self._image: Image.Image | None = None

    def draw(self, command: Command) -> Image.Image | None:
        """Does a command; the label when it is the one that prints. Raises NotTspl."""
        given = command.given
        match command.name:
            case "SIZE":
                width, height = _numbers(r"(\d+) mm,(\d+) mm", given)
                self._size = width * self.dots_per_mm, height * self.dots_per_mm
            case "GAP":
                (self.gap_mm,) = _numbers(r"(\d+) mm,0 mm", given)
            case "DIRECTION" if given == "1":
                pass
            case "REFERENCE" if given == "0,0":
                pass
            case "CLS" if not given:
                self._image = Image.new("L", self._size, WHITE)
            case "BAR":
                x, y, width, height = _numbers(r"(\d+),(\d+),(\d+),(\d+)", given)
                ImageDraw.Draw(self._canvas()).rectangle((x, y, x + width - 1, y + height - 1), BLACK)
            case "BOX":
                x, y, right, bottom, stroke = _numbers(r"(\d+),(\d+),(\d+),(\d+),(\d+)", given)
                ImageDraw.Draw(self._canvas()).rectangle((x, y, right, bottom), None, BLACK, stroke)
            case "BITMAP":
                self._picture(command)
            case "BARCODE":
                self._barcode(given)
            case "QRCODE":
                self._square(given)
            case "PRINT" if given == "1,1":
                label, self._image = self._canvas(), None
                return label
            case _:
                raise NotTspl(f"{command.raw[:60]!r}")
        return None

    def bars(self, kind: str, data: str) -> Image.Image:
        """A bar code one pixel a module and one high, without quiet zone; `kind` as BARCODE names it."""
        known = _BAR_KINDS[kind]
        if known is not BarKind.CODE_128:
            # The printer adds the check digit.
            data = next(full for digit in "0123456789" if ean_kind(full := data + digit) is known)
        widths = bar_widths(known, data)
        image = Image.new("L", (sum(widths), 1), WHITE)
        draw_bars(image, widths, 0, 0, 1, 1)
        return image

    def square(self, data: str) -> Image.Image:
        """A QR code of error correction M likewise."""
        return qr_picture(data, 1).convert("L")

    def _canvas(self) -> Image.Image:
        if self._image is None:
            raise NotTspl("nothing may be drawn before CLS")
        return self._image

    def _picture(self, command: Command) -> None:
        x, y, row_bytes, height = _numbers(r"(\d+),(\d+),(\d+),(\d+),0,", command.given)
        canvas = self._canvas()
        if not command.raw.endswith(_LINE_END) or y + height > canvas.height:
            raise NotTspl(f"the picture at {x},{y} is too large for its label")
        picture = Image.frombytes("1", (row_bytes * 8, height), command.bits)
        if x + picture.width > canvas.width + 7:
            raise NotTspl(f"the picture at {x},{y} is too wide for its label")
        canvas.paste(picture.convert("L"), (x, y))

    def _barcode(self, given: str) -> None:
        read = re.fullmatch(r'(\d+),(\d+),"(128|EAN13|EAN8)",(\d+),0,0,(\d+),(\d+),"([^"\\]+)"', given)
        if read is None or read[5] != read[6]:
            raise NotTspl(f"BARCODE {given}")
        x, y, height, module = (int(read[at]) for at in (1, 2, 4, 5))
        drawn = self.bars(read[3], read[7])
        self._canvas().paste(drawn.resize((drawn.width * module, height), Image.Resampling.NEAREST), (x, y))

    def _square(self, given: str) -> None:
        read = re.fullmatch(r'(\d+),(\d+),M,(\d+),A,0,"([^"\\]+)"', given)
        if read is None or not 1 <= int(read[3]) <= _QR_CELL_MAX:
            raise NotTspl(f"QRCODE {given}")
        x, y, cell = (int(read[at]) for at in (1, 2, 3))
        drawn = self.square(read[4])
        size = (drawn.width * cell, drawn.height * cell)
        self._canvas().paste(drawn.resize(size, Image.Resampling.NEAREST), (x, y))


def picture(label: Iterable[Command], dots_per_mm: int = 8) -> Image.Image:
    """A label from its commands. Raises NotTspl and PaperError."""
    drawer = Drawer(dots_per_mm)
    for command in label:
        if drawn := drawer.draw(command):
            return drawn
    raise PaperError("the label is never printed")


def _numbers(pattern: str, given: str) -> tuple[int, ...]:
    read = re.fullmatch(pattern, given)
    if read is None:
        raise NotTspl(f"{given[:60]!r}")
    return tuple(map(int, read.groups()))
