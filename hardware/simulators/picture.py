"""A simulated printer's paper as a picture."""

import io
from collections.abc import Sequence

from PIL import Image

from hardware.paper.document import CELL_WIDTH, Line
from hardware.paper.errors import PaperError
from hardware.paper.fonts import WHITE
from hardware.paper.raster import draw_bars, draw_laid_line, pitch, qr_picture
from hardware.paper.symbols import code128, code128_modules
from hardware.simulators.interpreter import LINE_PITCH, Code, Cut, Feed, Item, Letters, Raster, TextLine

# White at both edges and above, in dots.
_MARGIN = 32
# GS k's numbers of Code128, and the code sets that "{" chooses in its data.
_CODE128 = {"73"}
_SETS = {ord("A"), ord("B"), ord("C")}
_LEFT, _CENTER, _RIGHT = 0, 1, 2


def png(items: Sequence[Item], width_dots: int = 576) -> bytes:
    """A grey PNG of a piece of paper."""
    strips = [strip for item in items if (strip := _strip(item, width_dots)) is not None]
    height = sum(strip.height for strip in strips) + 2 * _MARGIN
    paper = Image.new("L", (width_dots + 2 * _MARGIN, height), WHITE)
    top = _MARGIN
    for strip in strips:
        paper.paste(strip, (_MARGIN, top))
        top += strip.height
    buffer = io.BytesIO()
    paper.save(buffer, "PNG", dpi=(203, 203))
    return buffer.getvalue()


def _strip(item: Item, width: int) -> Image.Image | None:
    """One item, as wide as the paper prints."""
    match item:
        case TextLine():
            return _text(item, width)
        case Raster():
            return _aligned(item.image.convert("L"), item.align, width)
        case Code():
            return _aligned(_code(item), item.align, width)
        case Feed():
            return Image.new("L", (width, item.lines * LINE_PITCH), WHITE)
        case Cut():
            return None


def _text(line: TextLine, width: int) -> Image.Image:
    heights = [pitch(_laid(run)) for run in line.runs]
    strip = Image.new("L", (width, max(line.pitch, *heights)), WHITE)
    wide = sum(len(run.text) * CELL_WIDTH * run.style.wide for run in line.runs)
    align = line.runs[0].style.align
    at = {_LEFT: 0, _CENTER: (width - wide) // 2, _RIGHT: width - wide}[align]
    for run, height in zip(line.runs, heights, strict=True):
        at = at if run.at is None else run.at
        run_wide = len(run.text) * CELL_WIDTH * run.style.wide
        size = max(run.style.wide, run.style.high)
        drawn = Image.new("L", (max(1, len(run.text) * CELL_WIDTH * size), height), WHITE)
        draw_laid_line(drawn, _laid(run), 0, 0)
        strip.paste(drawn.resize((max(1, run_wide), height)), (at, strip.height - height))
        at += run_wide
    return strip


def _laid(run: Letters) -> Line:
    return Line(run.text, run.style.bold, max(run.style.wide, run.style.high), run.style.inverse)


def _aligned(picture: Image.Image, align: int, width: int) -> Image.Image:
    strip = Image.new("L", (width, picture.height), WHITE)
    room = width - picture.width
    strip.paste(picture, ({_LEFT: 0, _CENTER: room // 2, _RIGHT: room}[align], 0))
    return strip


def _code(code: Code) -> Image.Image:
    """The symbol; one that is not known here is its data in a line of text."""
    try:
        if code.kind == "qr":
            return qr_picture(code.data.decode("utf-8", "replace"), code.module).convert("L")
        if code.kind in _CODE128:
            data = _code128_text(code.data)
            image = Image.new("L", (code128_modules(data) * code.module, code.height), WHITE)
            draw_bars(image, code128(data), 10 * code.module, 0, code.height, code.module)
            return image
    except PaperError:
        pass
    line = Line(f"[{code.kind}: {code.data.decode('latin-1')}]")
    image = Image.new("L", (len(line.text) * CELL_WIDTH, LINE_PITCH), WHITE)
    draw_laid_line(image, line, 0, 0)
    return image


def _code128_text(data: bytes) -> str:
    """GS k's data without the marks that choose a code set: in set C a byte stands for two digits."""
    text, at, chosen = "", 0, ord("B")
    while at < len(data):
        if data[at] == ord("{") and at + 1 < len(data) and data[at + 1] in _SETS:
            chosen = data[at + 1]
            at += 2
            continue
        text += f"{data[at]:02d}" if chosen == ord("C") else chr(data[at])
        at += 1
    return text
