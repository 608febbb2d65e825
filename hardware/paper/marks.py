"""What a label is made of, whichever printer draws it: words, boxes, bars and squares, in dots of 203 dpi.

Text is broken into lines here and shrunk until all of it fits: nothing is ever cut.
"""

from dataclasses import dataclass

from hardware.paper.errors import PaperError
from hardware.paper.fonts import Chain, text_advance
from hardware.paper.symbols import QUIET_MODULES_OF, BarKind, bar_widths
from hardware.paper.text import clean, visual, wrap

DOTS_PER_MM = 8
# A text's size is the height of its cell; the typeface's em is this much of it, so that capitals are as tall
# as those of the printers' own font 0.
EM_PER_CELL = 0.86
_LINE_PITCH = 1.14
# Nothing printed may be smaller than this: 1.5 mm cells, still read at arm's length.
SMALLEST = 12
# A finer bar than 2 dots (0.25 mm) is not read reliably from a parcel or a shelf: a QR code takes over.
FINEST_MODULE = 2


@dataclass(frozen=True, slots=True)
class Size:
    """A label's size in mm."""

    width_mm: int
    height_mm: int

    @property
    def width(self) -> int:
        """In dots of 203 dpi."""
        return self.width_mm * DOTS_PER_MM

    @property
    def height(self) -> int:
        """In dots of 203 dpi."""
        return self.height_mm * DOTS_PER_MM


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text as seen; (x, y) is the top left corner of its cell, `size` the cell's height."""

    x: int
    y: int
    size: int
    text: str
    bold: bool = False
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: filled, or a frame `stroke` wide."""

    x: int
    y: int
    width: int
    height: int
    stroke: int = 0

    @property
    def filled(self) -> bool:
        """No frame was asked for: it is black all over."""
        return self.stroke == 0


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in the middle of a rectangle, as wide as the room and the printer's dots allow."""

    x: int
    y: int
    width: int
    height: int
    data: str
    kind: BarKind = BarKind.CODE_128

    @property
    def widths(self) -> tuple[int, ...]:
        """Modules of bars and spaces in turn, a bar first; without quiet zones."""
        return bar_widths(self.kind, self.data)

    @property
    def quiet(self) -> int:
        """Empty modules wanted on either side."""
        return QUIET_MODULES_OF[self.kind]

    @property
    def modules(self) -> int:
        """Width in modules, quiet zones included."""
        return sum(self.widths) + 2 * self.quiet


@dataclass(frozen=True, slots=True)
class Square:
    """A QR code in a square, its quiet zone included."""

    x: int
    y: int
    side: int
    data: str


Mark = Words | Box | Bars | Square


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text to be fitted; `scale` is its size relative to the block's."""

    text: str
    bold: bool = False
    scale: float = 1.0


def text_width(text: str, size: float, *, bold: bool) -> float:
    """Dots that a line takes."""
    chain = Chain.LABEL_BOLD if bold else Chain.LABEL
    return text_advance(text, chain) * size * EM_PER_CELL


def fit(paragraphs: list[Paragraph], x: int, y: int, width: int, height: int, largest: int) -> list[Mark]:
    """Sets paragraphs one below the other in a rectangle, as large as they fit, at most `largest`.

    Raises PaperError when even the smallest size is too large, which no field of the contract is long enough
    for.
    """
    cleaned = [Paragraph(clean(paragraph.text), paragraph.bold, paragraph.scale) for paragraph in paragraphs]
    # Below the smallest size only what is scaled up still shrinks.
    for size in range(largest, 0, -1):
        marks: list[Mark] = []
        top = float(y)
        for paragraph in cleaned:
            cell = max(SMALLEST, round(size * paragraph.scale))
            for line in _lines(paragraph, width, cell):
                marks.append(Words(x, round(top), cell, visual(line), paragraph.bold))
                top += cell * _LINE_PITCH
        if top <= y + height:
            return marks
    characters = sum(len(paragraph.text) for paragraph in paragraphs)
    raise PaperError(f"{characters} characters do not fit their part of the label")


def _lines(paragraph: Paragraph, width: int, cell: int) -> list[str]:
    if not paragraph.text:
        return []
    chain = Chain.LABEL_BOLD if paragraph.bold else Chain.LABEL
    return wrap(paragraph.text, width / (cell * EM_PER_CELL), lambda word: text_advance(word, chain))


def largest_size(text: str, width: int, at_most: int) -> int:
    """The largest size at which bold text takes at most `width` dots."""
    return next(
        (size for size in range(at_most, SMALLEST, -1) if text_width(text, size, bold=True) <= width),
        SMALLEST,
    )
