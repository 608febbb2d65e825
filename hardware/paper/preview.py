"""A document as a PNG picture, as it would come out of the printer: for screens, and as a digital receipt."""

from PIL import Image

from hardware.paper.document import (
    CELL_WIDTH,
    COLUMNS,
    PAPER_DOTS,
    Document,
    Laid,
    Line,
    Rule,
    Symbol,
    lay_out,
)
from hardware.paper.errors import PaperError
from hardware.paper.fonts import WHITE
from hardware.paper.logo import Logo, logo_dots
from hardware.paper.raster import draw_laid_line, grey_png, pitch, rule_image, symbol_image

# White above the first line and below the last, in dots.
_MARGIN = 40
_SCALE_MAX = 4
# Dots of 203 dpi per inch, written into the picture so that it prints at its true size.
_DPI = 203


def png(document: Document, scale: int = 2) -> bytes:
    """A grey PNG of the whole paper, `scale` pixels per printed dot (1 to 4)."""
    if not 1 <= scale <= _SCALE_MAX:
        raise PaperError(f"a preview has 1 to {_SCALE_MAX} pixels per dot, not {scale}")
    laid = [(item, _picture(item, document.width_mm)) for item in lay_out(document)]
    width = PAPER_DOTS[document.width_mm]
    left = (width - COLUMNS[document.width_mm] * CELL_WIDTH) // 2
    height = sum(_height(item, picture) for item, picture in laid) + 2 * _MARGIN
    image = Image.new("L", (width * scale, height * scale), WHITE)
    top = _MARGIN
    for item, picture in laid:
        if isinstance(item, Line):
            draw_laid_line(image, item, left * scale, top * scale, scale)
        elif picture is not None:
            size = (picture.width * scale, picture.height * scale)
            image.paste(picture.resize(size, Image.Resampling.NEAREST), (left * scale, top * scale))
        top += _height(item, picture)
    return grey_png(image, _DPI * scale)


def _picture(item: Laid, width_mm: int) -> Image.Image | None:
    match item:
        case Line():
            return None
        case Rule():
            return rule_image(item, width_mm)
        case Symbol():
            return symbol_image(item, width_mm)
        case Logo():
            return logo_dots(item, COLUMNS[width_mm] * CELL_WIDTH)


def _height(item: Laid, picture: Image.Image | None) -> int:
    if picture is not None:
        return picture.height
    return pitch(item) if isinstance(item, Line) else 0
