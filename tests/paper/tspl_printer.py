"""A label printer that speaks TSPL: reads what we send as the TSPL/TSPL2 Programming Manual says, draws it,
and refuses what it does not know.

Its bar codes are zxing-cpp's, as those of a printer's own firmware are not ours either.
"""

import re
from dataclasses import dataclass, field

import zxingcpp
from PIL import Image, ImageDraw

BLACK, WHITE = 0, 255
_FORMATS = {
    "128": zxingcpp.BarcodeFormat.Code128,
    "EAN13": zxingcpp.BarcodeFormat.EAN13,
    "EAN8": zxingcpp.BarcodeFormat.EAN8,
}


@dataclass
class Printer:
    """Prints a stream of jobs; `labels` are what came out."""

    dots_per_mm: int = 8
    labels: list[Image.Image] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    gap_mm: int = -1
    _image: Image.Image | None = None
    _size: tuple[int, int] = (0, 0)
    _cleared: bool = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            name = re.match(rb"[A-Z]+", data[at:])
            assert name, f"no command at {data[at : at + 20]!r}"
            self.commands.append(name[0].decode())
            if name[0] == b"BITMAP":
                at = self._bitmap(data, at)
                continue
            end = data.index(b"\r\n", at)
            self._command(name[0].decode(), data[at + len(name[0]) : end].decode("ascii").strip())
            at = end + 2

    def _canvas(self) -> Image.Image:
        assert self._cleared, "nothing may be drawn before CLS"
        assert self._image is not None
        return self._image

    def _command(self, name: str, given: str) -> None:
        match name:
            case "SIZE":
                width, height = re.fullmatch(r"(\d+) mm,(\d+) mm", given).groups()
                self._size = int(width) * self.dots_per_mm, int(height) * self.dots_per_mm
            case "GAP":
                self.gap_mm = int(re.fullmatch(r"(\d+) mm,0 mm", given)[1])
            case "DIRECTION":
                assert given == "1"
            case "REFERENCE":
                assert given == "0,0"
            case "CLS":
                self._image, self._cleared = Image.new("L", self._size, WHITE), True
            case "BAR":
                x, y, width, height = map(int, given.split(","))
                ImageDraw.Draw(self._canvas()).rectangle((x, y, x + width - 1, y + height - 1), BLACK)
            case "BOX":
                x, y, right, bottom, stroke = map(int, given.split(","))
                ImageDraw.Draw(self._canvas()).rectangle((x, y, right, bottom), None, BLACK, stroke)
            case "BARCODE":
                self._barcode(given)
            case "QRCODE":
                self._qr(given)
            case "PRINT":
                assert given == "1,1"
                self.labels.append(self._canvas())
                self._cleared = False
            case _:
                raise AssertionError(f"{name} {given}")

    def _bitmap(self, data: bytes, at: int) -> int:
        head = re.match(rb"BITMAP (-?\d+),(-?\d+),(\d+),(\d+),0,", data[at:])
        assert head, data[at : at + 40]
        x, y, row_bytes, height = map(int, head.groups())
        start = at + len(head[0])
        bits = data[start : start + row_bytes * height]
        assert len(bits) == row_bytes * height, "the job ends inside a picture"
        assert data[start + len(bits) : start + len(bits) + 2] == b"\r\n"
        picture = Image.frombytes("1", (row_bytes * 8, height), bits)
        canvas = self._canvas()
        assert x >= 0
        assert y >= 0
        assert x + picture.width <= canvas.width + 7
        assert y + height <= canvas.height
        canvas.paste(picture.convert("L"), (x, y))
        return start + len(bits) + 2

    def _barcode(self, given: str) -> None:
        read = re.fullmatch(r'(\d+),(\d+),"(\w+)",(\d+),0,0,(\d+),(\d+),"([^"\\]+)"', given)
        assert read, given
        x, y, height, narrow, wide = (int(read[at]) for at in (1, 2, 4, 5, 6))
        assert narrow == wide
        code = zxingcpp.create_barcode(read[7], _FORMATS[read[3]])
        drawn = _drawn(code)
        bars = drawn.crop((0, 0, drawn.width, 1)).resize(
            (drawn.width * narrow, height), Image.Resampling.NEAREST
        )
        self._canvas().paste(bars, (x, y))

    def _qr(self, given: str) -> None:
        read = re.fullmatch(r'(\d+),(\d+),M,(\d+),A,0,"([^"\\]+)"', given)
        assert read, given
        x, y, cell = (int(read[at]) for at in (1, 2, 3))
        assert 1 <= cell <= 10
        code = zxingcpp.create_barcode(read[4], zxingcpp.BarcodeFormat.QRCode, ec_level="M")
        drawn = _drawn(code)
        size = (drawn.width * cell, drawn.height * cell)
        self._canvas().paste(drawn.resize(size, Image.Resampling.NEAREST), (x, y))


def _drawn(code: zxingcpp.Barcode) -> Image.Image:
    """One pixel a module, no quiet zone."""
    drawn = code.to_image(scale=1, add_quiet_zones=False)
    return Image.frombytes("L", (drawn.shape[1], drawn.shape[0]), bytes(memoryview(drawn)))


def printed(data: bytes, dots_per_mm: int = 8) -> list[Image.Image]:
    """The labels that come out of a printer for these bytes."""
    printer = Printer(dots_per_mm)
    printer.feed(data)
    return printer.labels
