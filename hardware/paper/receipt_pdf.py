"""A document as PDF: one page as wide as the paper and as long as it takes, letters as letters, codes as
vectors.
"""

import io

from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

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
from hardware.paper.fonts import Chain, Face, clusters, columns, drawable, face_of
from hardware.paper.label_pdf import POINTS_PER_DOT, draw, draw_missing, registered
from hardware.paper.logo import Logo, logo_dots
from hardware.paper.marks import Bars, Box, Square
from hardware.paper.raster import (
    BARCODE_HEIGHT,
    BARCODE_MODULE_MAX,
    CELL_BASELINE,
    CELL_FONT,
    QR_MODULE,
    fitting,
    pitch,
    rule_rows,
    symbol_image,
)
from hardware.paper.symbols import QR_QUIET_MODULES, code128_modules, qr_modules

_MARGIN = 40


def pdf(document: Document, title: str) -> bytes:
    """The whole paper on one page; the same document makes the same bytes."""
    laid = lay_out(document)
    width = PAPER_DOTS[document.width_mm]
    height = sum(_height(item, document.width_mm) for item in laid) + 2 * _MARGIN
    buffer = io.BytesIO()
    canvas = Canvas(
        buffer, pagesize=(width * POINTS_PER_DOT, height * POINTS_PER_DOT), pageCompression=1, invariant=1
    )
    canvas.setTitle(title)
    canvas.scale(POINTS_PER_DOT, POINTS_PER_DOT)
    canvas.translate(0, height)
    left, top = (width - COLUMNS[document.width_mm] * CELL_WIDTH) // 2, _MARGIN
    for item in laid:
        _draw(canvas, item, left, top, document.width_mm)
        top += _height(item, document.width_mm)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _height(item: Laid, width_mm: int) -> int:
    match item:
        case Line():
            return pitch(item)
        case Rule():
            return sum(rule_rows(item))
        case Symbol():
            return symbol_image(item, width_mm).height
        case Logo():
            return logo_dots(item, COLUMNS[width_mm] * CELL_WIDTH).height


def _draw(canvas: Canvas, item: Laid, left: int, top: int, width_mm: int) -> None:
    room = COLUMNS[width_mm] * CELL_WIDTH
    match item:
        case Line():
            _line(canvas, item, left, top)
        case Rule():
            above, black, _ = rule_rows(item)
            draw(canvas, Box(left, top + above, room, black))
        case Symbol(data, is_qr=True):
            module = min(QR_MODULE, room // (qr_modules(data) + 2 * QR_QUIET_MODULES))
            side = (qr_modules(data) + 2 * QR_QUIET_MODULES) * module
            draw(canvas, Square(left + (room - side) // 2, top, side, data))
        case Symbol(data):
            wide = min(BARCODE_MODULE_MAX, room // code128_modules(data)) * code128_modules(data)
            draw(canvas, Bars(left + (room - wide) // 2, top, wide, BARCODE_HEIGHT, data))
        case Logo():
            wide, high = item.size(room)
            canvas.drawImage(ImageReader(item.image), left + (room - wide) // 2, -top - high, wide, high)


def _line(canvas: Canvas, line: Line, left: int, top: int) -> None:
    cells = sum(columns(cluster) for cluster in clusters(line.text))
    if line.inverse:
        draw(canvas, Box(left, top, cells * CELL_WIDTH * line.size, pitch(line)))
        canvas.setFillGray(1)
    baseline = -(top + (pitch(line) - 24 * line.size) // 2 + CELL_BASELINE * line.size)
    chain = Chain.GRID_BOLD if line.bold else Chain.GRID
    if line.text.isascii():
        canvas.setFont(registered(Face.MONO_BOLD if line.bold else Face.MONO), CELL_FONT * line.size)
        canvas.drawString(left, baseline, line.text)
    else:
        x = float(left)
        for cluster in clusters(line.text):
            wide = columns(cluster) * CELL_WIDTH * line.size
            if cluster != " ":
                _cluster(canvas, cluster, chain, x, baseline, columns(cluster), line.size)
            x += wide
    canvas.setFillGray(0)


def _cluster(
    canvas: Canvas, cluster: str, chain: Chain, x: float, baseline: float, cells: int, size: int
) -> None:
    """One character in its cells, as the raster has it."""
    face = face_of(cluster, chain)
    if face is None:
        draw_missing(canvas, x + size, baseline, cells * CELL_WIDTH * size - 2 * size, cluster)
        return
    pixels = fitting(cluster, chain, cells, size)
    shown = drawable(cluster, face)
    wide = canvas.stringWidth(shown[0], registered(face), pixels)
    canvas.setFont(registered(face), pixels)
    canvas.drawString(x + (cells * CELL_WIDTH * size - wide) / 2, baseline, shown)
