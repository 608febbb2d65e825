"""Labels as PDF, vector throughout: a page of its size for each label."""

import io
from collections.abc import Iterable
from functools import cache
from typing import assert_never

from reportlab import rl_config
from reportlab.lib.colors import black, white
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from hardware.paper.errors import PaperError
from hardware.paper.fonts import Chain, Face, number_rows, runs
from hardware.paper.label_png import BASELINE_PER_CELL
from hardware.paper.marks import DOTS_PER_MM, EM_PER_CELL, Bars, Box, Mark, Size, Square, Words
from hardware.paper.symbols import QR_QUIET_MODULES, qr

# Streams as bytes: PDF has been carried by mail in seven bits long enough, and ASCII is a fifth larger and
# slower.
rl_config.useA85 = 0

POINTS_PER_DOT = 72 / 25.4 / DOTS_PER_MM


def pdf(labels: Iterable[tuple[tuple[Mark, ...], Size]], title: str) -> bytes:
    """A PDF with one page for each label, in order; the same labels make the same bytes."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    drawn = _Drawn(canvas)
    pages = 0
    for marks, size in labels:
        canvas.setPageSize((size.width * POINTS_PER_DOT, size.height * POINTS_PER_DOT))
        # Marks are measured from the top, PDF from the bottom.
        canvas.scale(POINTS_PER_DOT, POINTS_PER_DOT)
        canvas.translate(0, size.height)
        for mark in marks:
            drawn.draw(mark)
        canvas.showPage()
        pages += 1
    if pages == 0:
        raise PaperError("a PDF needs at least one label")
    canvas.save()
    return buffer.getvalue()


class _Drawn:
    """Marks as they were drawn, in PDF's operators: most stand at the same place on the next label."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._operators: dict[Mark, list[str]] = {}

    def draw(self, mark: Mark) -> None:
        """Draws a mark on the page at hand. Each leaves colour and font to whoever draws next."""
        # reportlab has no name for a piece of a page that is no object of its own.
        page: list[str] = self._canvas._code  # noqa: SLF001
        known = self._operators.get(mark)
        if known is not None:
            page.extend(known)
            return
        begin = len(page)
        draw(self._canvas, mark)
        self._operators[mark] = page[begin:]


class _Modules:
    """Rectangles of whole modules as a path of reportlab's, whose own spends its time on decimals."""

    def __init__(self) -> None:
        self._operators: list[str] = []

    def rect(self, x: int, y: int, width: int, height: int) -> None:
        """Adds a rectangle."""
        self._operators.append(f"{x} {y} {width} {height} re")

    def getCode(self) -> str:  # noqa: N802 (as reportlab calls it)
        """The path in PDF's operators."""
        return " ".join(self._operators)


@cache
def registered(face: Face) -> str:
    """Registers a typeface on first use; only the characters used are put into the file."""
    pdfmetrics.registerFont(TTFont(face.name, str(face.path)))
    return face.name


def draw(canvas: Canvas, mark: Mark) -> None:
    """Draws a mark on a canvas in dots, whose origin is the top left corner."""
    match mark:
        case Words():
            _words(canvas, mark)
        case Box():
            inset = mark.stroke / 2
            canvas.setLineWidth(mark.stroke)
            canvas.rect(
                mark.x + inset,
                -mark.y - mark.height + inset,
                mark.width - mark.stroke,
                mark.height - mark.stroke,
                stroke=0 if mark.filled else 1,
                fill=1 if mark.filled else 0,
            )
        case Bars():
            _bars(canvas, mark)
        case Square():
            _square(canvas, mark)
        case _:
            assert_never(mark)


def _words(canvas: Canvas, words: Words) -> None:
    canvas.setFillColor(white if words.inverse else black)
    em = words.size * EM_PER_CELL
    x, baseline = float(words.x), -words.y - words.size * BASELINE_PER_CELL
    for run in runs(words.text, Chain.LABEL_BOLD if words.bold else Chain.LABEL):
        if run.face is None:
            draw_missing(canvas, x, baseline, em, run.text)
            x += em
        else:
            name = registered(run.face)
            canvas.setFont(name, em)
            canvas.drawString(x, baseline, run.text)
            x += pdfmetrics.stringWidth(run.text, name, em)
    canvas.setFillColor(black)


def draw_missing(canvas: Canvas, x: float, baseline: float, em: float, cluster: str) -> None:
    """A box with the Unicode number of a character that no typeface has."""
    canvas.setLineWidth(em / 20)
    canvas.rect(x + em * 0.05, baseline - em * 0.1, em * 0.85, em * 0.92, stroke=1, fill=0)
    canvas.setFont(registered(Face.CONDENSED), em * 0.38)
    for row, digits in enumerate(number_rows(cluster)):
        canvas.drawCentredString(x + em * 0.475, baseline + em * (0.45 - 0.42 * row), digits)


def _bars(canvas: Canvas, bars: Bars) -> None:
    module = bars.width / bars.modules
    # As wide as on the thermal printer: whole dots, the rest is white on both sides.
    module = max(module if module < 1 else int(module), 0.5)
    left = bars.x + (bars.width - sum(bars.widths) * module) / 2
    path, x = _Modules(), 0
    for at, modules in enumerate(bars.widths):
        if at % 2 == 0:
            path.rect(x, 0, modules, 1)
        x += modules
    _fill(canvas, path, (left, -bars.y - bars.height), (module, bars.height))


def _fill(canvas: Canvas, path: _Modules, origin: tuple[float, float], module: tuple[float, float]) -> None:
    """Fills a path; `module` is the width and height of one of its modules in dots."""
    canvas.saveState()
    canvas.translate(*origin)
    canvas.scale(*module)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()


def _square(canvas: Canvas, square: Square) -> None:
    rows = qr(square.data)
    module = square.side / (len(rows) + 2 * QR_QUIET_MODULES)
    path = _Modules()
    for down, row in enumerate(rows):
        start = 0
        # Neighbouring dark modules are one rectangle, so that no hairline shows between them.
        while start < len(row):
            end = start
            while end < len(row) and row[end] == row[start]:
                end += 1
            if row[start]:
                path.rect(start, -down - 1, end - start, 1)
            start = end
    inset = QR_QUIET_MODULES * module
    _fill(canvas, path, (square.x + inset, -square.y - inset), (module, module))
