"""Pictures of laid lines and bar codes in dots: what the preview shows, and what a printer gets where it has
no letters.
"""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw

from hardware.paper.document import CELL_HEIGHT, CELL_WIDTH, COLUMNS, Line, Rule, Symbol
from hardware.paper.errors import PaperError
from hardware.paper.fonts import (
    BLACK,
    WHITE,
    Chain,
    Face,
    advance,
    clusters,
    columns,
    draw_missing,
    drawable,
    face_of,
    font,
)
from hardware.paper.symbols import QR_QUIET_MODULES, QUIET_MODULES, code128, code128_modules, qr

# Distance of two lines: 1/6 inch, to which printers are set when they start.
LINE_PITCH = 34
# Double lines set themselves apart a little less, as the printers do.
LARGE_PITCH = 54
# DejaVu Sans Mono at 20 pixels is 12 wide, 19 up and 5 down: exactly a cell.
CELL_FONT = 20
CELL_BASELINE = 19
# Chinese and emoji fill two cells.
_WIDE_FONT = 22
# Rows of a rule: white, black, white; less than a line's, since paper costs money.
_RULE_ROWS = {False: (5, 2, 7), True: (5, 4, 7)}
BARCODE_HEIGHT = 80
BARCODE_MODULE_MAX = 4
QR_MODULE = 7
_FITS_KEPT = 4096
_GREYS = bytes(level for grey in range(256) for level in (grey, grey, grey))
# The fastest compressions are within a few percent of the best on black and white.
_COMPRESS_LEVEL = 3


def pitch(line: Line) -> int:
    """Dots from one line to the next."""
    return LINE_PITCH if line.size == 1 else LARGE_PITCH


def draw_laid_line(image: Image.Image, line: Line, left: int, top: int, scale: int = 1) -> None:
    """Draws a line into an image of mode "1" (crisp dots for a printer) or "L" (smooth, for a screen).

    `left` and `top` are pixels of the image; `scale` is pixels per dot.
    """
    if line.inverse:
        _draw_inverse(image, line, left, top, scale)
        return
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1" if image.mode == "1" else "L"
    zoom = line.size * scale
    gap = (pitch(line) - CELL_HEIGHT * line.size) // 2 * scale
    baseline = top + gap + CELL_BASELINE * zoom
    chain = Chain.GRID_BOLD if line.bold else Chain.GRID
    if line.text.isascii():
        face = Face.MONO_BOLD if line.bold else Face.MONO
        draw.text((left, baseline), line.text, font=font(face, CELL_FONT * zoom), fill=BLACK, anchor="ls")
        return
    for cluster in clusters(line.text):
        cells = columns(cluster)
        if cluster != " ":
            _draw_cluster(draw, cluster, chain, left, baseline, cells, zoom)
        left += cells * CELL_WIDTH * zoom


def _draw_cluster(
    draw: ImageDraw.ImageDraw, cluster: str, chain: Chain, left: int, baseline: int, cells: int, zoom: int
) -> None:
    room = cells * CELL_WIDTH * zoom
    face = face_of(cluster, chain)
    if face is None:
        draw_missing(draw, left + zoom, baseline, room - 2 * zoom, cluster)
        return
    pixels = fitting(cluster, chain, cells, zoom)
    typeface = font(face, pixels)
    shown = drawable(cluster, face)
    wide = typeface.getlength(shown[0])
    centred = left + (room - wide) / 2
    draw.text((centred, baseline), shown[0], font=typeface, fill=BLACK, anchor="ls")
    for accent in shown[1:]:
        # A mono face's accents take a cell, drawn over the letter's; other faces' reach back from the
        # letter's end.
        back = 0 if typeface.getlength(accent) else wide
        draw.text((centred + back, baseline), accent, font=typeface, fill=BLACK, anchor="ls")


@lru_cache(_FITS_KEPT)
def fitting(cluster: str, chain: Chain, cells: int, zoom: int) -> int:
    """The largest size up to the cell's at which a cluster stays in its cells."""
    pixels = (_WIDE_FONT if cells > 1 else CELL_FONT) * zoom
    wide = advance(cluster, chain) * pixels
    room = cells * CELL_WIDTH * zoom
    # A mono face is drawn at its full size: its rounded advance is the cell, whatever the exact one is.
    if wide <= room or face_of(cluster, chain) in {Face.MONO, Face.MONO_BOLD}:
        return pixels
    return max(1, int(pixels * room / wide))


def _draw_inverse(image: Image.Image, line: Line, left: int, top: int, scale: int) -> None:
    size = (line_dots(line) * scale, pitch(line) * scale)
    strip = Image.new(image.mode, size, WHITE)
    draw_laid_line(strip, Line(line.text, line.bold, line.size), 0, 0, scale)
    inverted = strip.point(lambda value: WHITE - value)
    image.paste(inverted, (left, top))


def grey_png(image: Image.Image, dpi: float) -> bytes:
    """A grey picture as PNG. It says its greys by a palette: such pictures are packed without a search for
    each row's filter, which takes as long as all of drawing and gains nothing on black and white.
    """
    shown = Image.frombytes("P", image.size, image.tobytes())
    shown.putpalette(_GREYS)
    buffer = BytesIO()
    shown.save(buffer, "PNG", dpi=(dpi, dpi), compress_level=_COMPRESS_LEVEL)
    return buffer.getvalue()


def line_dots(line: Line) -> int:
    """Dots that a line's cells take."""
    return sum(columns(cluster) for cluster in clusters(line.text)) * CELL_WIDTH * line.size


def line_image(line: Line) -> Image.Image:
    """A line as the dots that a printer burns, up to the end of its text."""
    image = Image.new("1", (max(CELL_WIDTH, line_dots(line)), pitch(line)), WHITE)
    draw_laid_line(image, line, 0, 0)
    return image


def rule_rows(rule: Rule) -> tuple[int, int, int]:
    """Dots of white, black and white from one line to the next."""
    return _RULE_ROWS[rule.heavy]


def rule_image(rule: Rule, width_mm: int) -> Image.Image:
    """A rule in dots, as wide as the printed area."""
    above, black, below = rule_rows(rule)
    dots = COLUMNS[width_mm] * CELL_WIDTH
    image = Image.new("1", (dots, above + black + below), WHITE)
    ImageDraw.Draw(image).rectangle((0, above, dots - 1, above + black - 1), fill=BLACK)
    return image


def symbol_image(symbol: Symbol, width_mm: int) -> Image.Image:
    """A bar code in dots, as wide as the printed area, the code in its middle.

    Raises PaperError when the code is wider than the paper even with the finest bars.
    """
    dots = COLUMNS[width_mm] * CELL_WIDTH
    code = _qr_image(symbol.data, dots) if symbol.is_qr else _code128_image(symbol.data, dots)
    image = Image.new("1", (dots, code.height), WHITE)
    image.paste(code, ((dots - code.width) // 2, 0))
    return image


def _code128_image(data: str, dots: int) -> Image.Image:
    module = min(BARCODE_MODULE_MAX, dots // code128_modules(data))
    if module < 1:
        raise PaperError(f"the bar code of {data!r} is wider than the paper")
    image = Image.new("1", (code128_modules(data) * module, BARCODE_HEIGHT), WHITE)
    draw_bars(image, code128(data), QUIET_MODULES * module, 0, BARCODE_HEIGHT, module)
    return image


def draw_bars(
    image: Image.Image, widths: Sequence[int], left: int, top: int, height: int, module: int
) -> None:
    """Draws bars and spaces in turn, a bar first, `module` pixels a module."""
    draw = ImageDraw.Draw(image)
    for at, modules in enumerate(widths):
        width = modules * module
        if at % 2 == 0:
            draw.rectangle((left, top, left + width - 1, top + height - 1), fill=BLACK)
        left += width


def qr_picture(data: str, module: int) -> Image.Image:
    """A QR code without quiet zone, `module` pixels a module."""
    rows = qr(data)
    small = Image.new("1", (len(rows), len(rows)), WHITE)
    small.putdata([BLACK if dark else WHITE for row in rows for dark in row])
    return small.resize((len(rows) * module, len(rows) * module), Image.Resampling.NEAREST)


def _qr_image(data: str, dots: int) -> Image.Image:
    side = len(qr(data)) + 2 * QR_QUIET_MODULES
    module = min(QR_MODULE, dots // side)
    if module < 1:
        raise PaperError(f"the QR code of {data!r} is wider than the paper")
    # The quiet zone is part of the picture: a caption stands right below it.
    image = Image.new("1", (side * module, side * module), WHITE)
    image.paste(qr_picture(data, module), (QR_QUIET_MODULES * module, QR_QUIET_MODULES * module))
    return image
