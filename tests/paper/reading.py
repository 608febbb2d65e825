"""Reads back what was drawn: codes in pictures, pages of a PDF, pictures in ZPL."""

import io
import re

import pypdfium2
import zxingcpp
from PIL import Image


def picture(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def codes(image: Image.Image) -> set[tuple[str, str]]:
    """Every code in a picture as (symbology, text)."""
    framed = Image.new("L", (image.width + 80, image.height + 80), 255)
    framed.paste(image.convert("L"), (40, 40))
    return {(str(code.format), code.text) for code in zxingcpp.read_barcodes(framed)}


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
