"""Reads back what was drawn: codes in pictures, pages of a PDF, pictures in ZPL."""

import io
import re
import subprocess

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops

from hardware.paper.symbols import QR_QUIET_MODULES, QUIET_MODULES_OF, BarKind, bar_widths


def picture(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def codes(image: Image.Image) -> set[tuple[str, str]]:
    """Every code in a picture as (symbology, text)."""
    framed = Image.new("L", (image.width + 80, image.height + 80), 255)
    framed.paste(image.convert("L"), (40, 40))
    return {(str(code.format), code.text) for code in zxingcpp.read_barcodes(framed)}


def words(image: Image.Image) -> str:
    """What tesseract reads, spaces as they come."""
    buffer = io.BytesIO()
    image.convert("L").save(buffer, "PNG", dpi=(300, 300))
    found = subprocess.run(
        ["tesseract", "stdin", "stdout", "--psm", "4", "-l", "eng"],
        input=buffer.getvalue(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    return found.stdout.decode()


_ZBAR_NAMES = {"CODE128": "Code 128", "QRCODE": "QR Code", "EAN13": "EAN-13", "EAN8": "EAN-8"}
_BARS = {"Code 128": BarKind.CODE_128, "EAN-13": BarKind.EAN_13, "EAN-8": BarKind.EAN_8}


def codes_by_both(image: Image.Image) -> set[tuple[str, str]]:
    """What zxing-cpp reads, after zbar has read the very same: two decoders that share no code."""
    try:
        from pyzbar import pyzbar
    except ImportError:
        pytest.skip("libzbar0 is not installed")
    kinds = [pyzbar.ZBarSymbol[name] for name in _ZBAR_NAMES]
    by_zbar = {
        (_ZBAR_NAMES[code.type], code.data.decode())
        for code in pyzbar.decode(image.convert("L"), symbols=kinds)
    }
    found = {
        (str(code.format), code.text)
        for code in zxingcpp.read_barcodes(image.convert("L"))
        if str(code.format) in _ZBAR_NAMES.values()
    }
    assert by_zbar == found
    return found


def assert_alone(image: Image.Image) -> None:
    """Each code in a picture has its quiet zone, and nothing but its own bars stands where it is.

    Bars: the modules on either side are white, and every row of them is the same. QR: four modules around
    are white, and each module is all dark or all light.
    """
    dark = image.convert("L").point(lambda value: 255 if value < 128 else 0)
    for code in zxingcpp.read_barcodes(image.convert("L")):
        if str(code.format) in _BARS:
            _assert_bars_alone(dark, code)
        elif str(code.format) == "QR Code":
            _assert_square_alone(dark, code)


def _assert_bars_alone(dark: Image.Image, code: zxingcpp.Barcode) -> None:
    corner = code.position.top_left
    middle = (corner.y + code.position.bottom_left.y) // 2
    row = dark.crop((0, middle, dark.width, middle + 1))
    left, right = code.position.top_left.x, code.position.top_right.x
    left, _, right, _ = _shift(row.crop((left - 4, 0, right + 4, 1)).getbbox(), left - 4)
    module = (right - left) / sum(bar_widths(_BARS[str(code.format)], code.text))
    quiet = round(QUIET_MODULES_OF[_BARS[str(code.format)]] * module)
    assert left - quiet >= 0
    assert right + quiet <= dark.width
    around = row.crop((left - quiet, 0, right + quiet, 1))
    assert around.getbbox() == (quiet, 0, quiet + right - left, 1), "ink in the quiet zone"
    for y in range(corner.y + 3, code.position.bottom_left.y - 2):
        other = dark.crop((left - quiet, y, right + quiet, y + 1))
        assert ImageChops.difference(around, other).getbbox() is None, "ink between the bars"


def _assert_square_alone(dark: Image.Image, code: zxingcpp.Barcode) -> None:
    at = code.position
    box = (at.top_left.x - 2, at.top_left.y - 2, at.bottom_right.x + 2, at.bottom_right.y + 2)
    found = dark.crop(box).getbbox()
    assert found is not None
    left, top, right, bottom = (box[side % 2] + found[side] for side in range(4))
    # The bar at the top of the first corner is seven modules long.
    bar = next(x for x in range(left, right) if not dark.getpixel((x, top)))
    module = (bar - left) / 7
    modules = round((right - left) / module)
    assert modules % 4 == 1
    assert modules == round((bottom - top) / module)
    inner = module * 0.2
    for down, across in ((down, across) for down in range(modules) for across in range(modules)):
        x, y = left + across * module, top + down * module
        inside = (round(x + inner), round(y + inner), round(x + module - inner), round(y + module - inner))
        low, high = dark.crop(inside).getextrema()
        assert low == high, "ink among the modules"
    quiet = int(QR_QUIET_MODULES * module)
    around = dark.crop((left - quiet, top - quiet, right + quiet, bottom + quiet))
    assert around.getbbox() == (quiet, quiet, quiet + right - left, quiet + bottom - top), (
        "ink in the quiet zone"
    )


def _shift(box: tuple[int, int, int, int] | None, by: int) -> tuple[int, int, int, int]:
    assert box is not None
    return box[0] + by, box[1], box[2] + by, box[3]


def pages(pdf: bytes, dpi: int = 300) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=dpi / 72).to_pil().convert("L") for page in document]


def page_texts(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_bounded() for page in document]


def zpl_fields(zpl: bytes) -> list[str]:
    """The texts of all fields as a printer reads them: ^FH escapes undone, in UTF-8 (^CI28)."""
    assert b"^CI28" in zpl
    fields = re.findall(rb"\^FH\^FD(.*?)\^FS", zpl)
    return [re.sub(rb"_([0-9A-F]{2})", lambda hexed: bytes([int(hexed[1], 16)]), f).decode() for f in fields]


def zpl_pictures(zpl: bytes) -> list[Image.Image]:
    """The pictures of all ^GFA fields, their alternative compression undone as the ZPL II guide says."""
    found = []
    for total, same, row_bytes, packed in re.findall(rb"\^GFA,(\d+),(\d+),(\d+),([^^]*)\^FS", zpl):
        assert total == same
        digits = _unpack(packed.decode(), 2 * int(row_bytes))
        assert len(digits) == 2 * int(total)
        bits = bytes(byte ^ 0xFF for byte in bytes.fromhex(digits))
        found.append(Image.frombytes("1", (int(row_bytes) * 8, int(total) // int(row_bytes)), bits))
    return found


def _unpack(packed: str, row_digits: int) -> str:
    rows: list[str] = []
    row, times = "", 0
    for char in packed:
        if char == ":":
            assert row == ""
            rows.append(rows[-1])
        elif char == ",":
            rows.append(row.ljust(row_digits, "0"))
            row = ""
        elif "G" <= char <= "Y":
            times += ord(char) - ord("F")
        elif "g" <= char <= "z":
            times += 20 * (ord(char) - ord("f"))
        else:
            row += char * (times or 1)
            times = 0
            if len(row) == row_digits:
                rows.append(row)
                row = ""
    assert row == ""
    return "".join(rows)
