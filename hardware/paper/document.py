"""The document model of slips, receipts and reports, and its layout on a printer's character grid.

A document is a column of elements. Layout turns it into lines of cells (12 x 24 dots, the printers' font A)
and symbols (bar codes); the thermal printer's bytes and the PNG preview are both made from those, so that
they say the same.
"""

from dataclasses import dataclass
from enum import Enum

from hardware.paper.errors import PaperError
from hardware.paper.fonts import clusters, columns
from hardware.paper.logo import Logo
from hardware.paper.text import clean, visual, wrap

# One cell of font A, in dots of 203 dpi.
CELL_WIDTH = 12
CELL_HEIGHT = 24
# Columns of font A that a paper holds: 384 dots on 58 mm, 576 dots on 80 mm.
COLUMNS = {58: 32, 80: 48}
# Dots across the whole paper, margins included.
PAPER_DOTS = {58: 464, 80: 640}
# Columns of a field's label: the longest label and a space; on 58 mm no more, so that a date fits beside it.
LABEL_COLUMNS = {32: 10, 48: 12}
# Double size; printers do more, readers need no more.
LARGE = 2


class Align(Enum):
    """Where text stands on its line."""

    LEFT = "left"
    CENTER = "center"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. Large text becomes small where one of its words would not fit a line."""

    text: str
    align: Align = Align.LEFT
    bold: bool = False
    large: bool = False
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A label on the left and its value at the right edge, or below where both do not fit one line."""

    label: str
    value: str
    bold: bool = False
    large: bool = False
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """A label in a column of its own and its value beside it; lines after the first are indented."""

    label: str
    value: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A thin or a heavy line across the paper."""

    heavy: bool = False


@dataclass(frozen=True, slots=True)
class Space:
    """An empty line."""


@dataclass(frozen=True, slots=True)
class Barcode:
    """A Code128 of `data`, with a caption below."""

    data: str
    caption: str


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code of `data`, with a caption below."""

    data: str
    caption: str


Element = Text | Pair | Field | Rule | Space | Barcode | QrCode | Logo


@dataclass(frozen=True, slots=True)
class Document:
    """What stands on one paper, from top to bottom. `width_mm` is the paper's: 58 or 80."""

    width_mm: int
    elements: tuple[Element, ...]

    def __post_init__(self) -> None:
        if self.width_mm not in COLUMNS:
            raise PaperError(f"paper is 58 or 80 mm wide, not {self.width_mm}")


@dataclass(frozen=True, slots=True)
class Line:
    """One laid line: text in the order the eye sees it, no wider than the paper, from the left edge."""

    text: str
    bold: bool = False
    size: int = 1
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Symbol:
    """One laid bar code, centred; its caption follows as a line."""

    data: str
    is_qr: bool


def width_of(text: str) -> int:
    """Columns that a text takes at normal size."""
    return len(text) if text.isascii() else sum(columns(cluster) for cluster in clusters(text))


Laid = Line | Symbol | Rule | Logo


def lay_out(document: Document) -> list[Laid]:
    """The document's lines, rules, symbols and logo, each no wider than its paper."""
    total = COLUMNS[document.width_mm]
    laid: list[Laid] = []
    for element in document.elements:
        match element:
            case Text():
                laid += _text(element, total)
            case Pair():
                laid += _pair(element, total)
            case Field():
                laid += _field(element, total)
            case Rule() | Logo():
                laid.append(element)
            case Space():
                laid.append(Line(""))
            case Barcode() | QrCode():
                laid.append(Symbol(element.data, is_qr=isinstance(element, QrCode)))
                laid += _text(Text(element.caption, Align.CENTER), total)
    return laid


def _grid_wrap(text: str, limit: int) -> list[str]:
    return wrap(text, limit, width_of)


def _text(element: Text, total: int) -> list[Line]:
    text = clean(element.text)
    size = LARGE if element.large else 1
    if element.large and any(width_of(word) > total // LARGE for word in text.split(" ")):
        size = 1
    limit = total // size
    # White on black wants a little black around it.
    padding = 1 if element.inverse else 0
    lines: list[Line] = []
    for piece in _grid_wrap(text, limit - 2 * padding):
        shown = " " * padding + visual(piece) + " " * padding
        room = limit - width_of(shown)
        if element.align is Align.CENTER:
            left = room // 2
            shown = " " * left + shown + (" " * (room - left) if element.inverse else "")
        lines.append(
            Line(shown.rstrip() if not element.inverse else shown, element.bold, size, element.inverse)
        )
    return lines


def _pair(element: Pair, total: int) -> list[Line]:
    label, value = clean(element.label), clean(element.value)
    indent = " " * element.indent
    size = LARGE if element.large and width_of(label) + 1 + width_of(value) <= total // LARGE else 1
    limit = total // size

    def line(text: str) -> Line:
        return Line(text, element.bold, size)

    def at_right(text: str) -> Line:
        return line(" " * (limit - width_of(text)) + text)

    shown_label, shown_value = indent + visual(label), visual(value)
    room = limit - width_of(shown_label) - width_of(shown_value)
    if room >= 1:
        return [line(shown_label + " " * room + shown_value)]
    return [
        *(line(indent + visual(piece)) for piece in _grid_wrap(label, limit - element.indent)),
        *(at_right(visual(piece)) for piece in _grid_wrap(value, limit)),
    ]


def _field(element: Field, total: int) -> list[Line]:
    label, value = clean(element.label), clean(element.value)
    indent = LABEL_COLUMNS[total]
    if width_of(label) >= indent:
        return [
            *(Line(visual(piece)) for piece in _grid_wrap(label, total)),
            *(Line("  " + visual(piece), element.bold) for piece in _grid_wrap(value, total - 2)),
        ]
    head = visual(label) + " " * (indent - width_of(visual(label)))
    return [
        Line((" " * indent if at else head) + visual(piece), element.bold)
        for at, piece in enumerate(_grid_wrap(value, total - indent))
    ]
