"""A label as a PNG picture."""

import math
from functools import lru_cache
from typing import assert_never

from PIL import Image, ImageDraw

from hardware.paper.errors import PaperError
from hardware.paper.fonts import BLACK, WHITE, Chain, draw_line, line_pixels
from hardware.paper.marks import DOTS_PER_MM, EM_PER_CELL, Bars, Box, Mark, Size, Square, Words
from hardware.paper.raster import draw_bars, grey_png, qr_picture
from hardware.paper.symbols import QR_QUIET_MODULES, qr_modules

# Where the letters stand in their cell.
BASELINE_PER_CELL = 0.76
_SCALE_MAX = 4
_LINES_KEPT = 2048


def png(marks: tuple[Mark, ...], size: Size, scale: int = 1) -> bytes:
    """A grey PNG, `scale` pixels per dot of 203 dpi (1 to 4)."""
    if not 1 <= scale <= _SCALE_MAX:
        raise PaperError(f"a preview has 1 to {_SCALE_MAX} pixels per dot, not {scale}")
    image = Image.new("L", (size.width * scale, size.height * scale), WHITE)
    draw = ImageDraw.Draw(image)
    for mark in marks:
        match mark:
            case Words():
                draw_words(image, mark, scale)
            case Box():
                right, bottom = (mark.x + mark.width) * scale - 1, (mark.y + mark.height) * scale - 1
                fill = BLACK if mark.filled else None
                draw.rectangle(
                    (mark.x * scale, mark.y * scale, right, bottom), fill, BLACK, max(1, mark.stroke) * scale
                )
            case Bars():
                module = bar_module(mark, scale)
                left = mark.x * scale + (mark.width * scale - sum(mark.widths) * module) // 2
                draw_bars(image, mark.widths, left, mark.y * scale, mark.height * scale, module)
            case Square():
                module, inset = qr_module(mark, scale)
                image.paste(qr_picture(mark.data, module), (mark.x * scale + inset, mark.y * scale + inset))
            case _:
                assert_never(mark)
    return grey_png(image, DOTS_PER_MM * 25.4 * scale)


def draw_words(image: Image.Image, words: Words, scale: float) -> None:
    """Draws a line of text; inverse text is white, for a black box below it."""
    chain = Chain.LABEL_BOLD if words.bold else Chain.LABEL
    pixels = round(words.size * EM_PER_CELL * scale)
    baseline = (words.y + words.size * BASELINE_PER_CELL) * scale
    if not words.inverse:
        top = math.floor(baseline) - pixels
        ink = _ink(words.text, chain, pixels, baseline - top)
        image.paste(BLACK, (round(words.x * scale) - pixels, top), ink)
        return
    strip = Image.new("L", (line_pixels(words.text, chain, pixels), round(words.size * scale)), WHITE)
    draw_line(strip, 0, words.size * BASELINE_PER_CELL * scale, words.text, chain, pixels)
    image.paste(strip.point(lambda value: WHITE - value), (round(words.x * scale), round(words.y * scale)))


@lru_cache(_LINES_KEPT)
def _ink(text: str, chain: Chain, pixels: int, baseline: float) -> Image.Image:
    """Where a line of text is black, and how much, with a typeface's height around it: some letters begin
    left of where they stand. Many lines are the same on the next label.
    """
    image = Image.new("L", (line_pixels(text, chain, pixels) + 2 * pixels, 2 * pixels), WHITE)
    draw_line(image, pixels, baseline, text, chain, pixels)
    return image.point(lambda value: WHITE - value)


def bar_module(bars: Bars, scale: float) -> int:
    """Pixels of the narrowest bar: as many as fit."""
    return max(1, int(bars.width * scale / bars.modules))


def qr_module(square: Square, scale: float) -> tuple[int, int]:
    """Pixels of a QR code's module, and from the square's edge to its first module."""
    modules = qr_modules(square.data)
    module = max(1, int(square.side * scale / (modules + 2 * QR_QUIET_MODULES)))
    return module, round((square.side * scale - modules * module) / 2)
