"""The shipped typefaces: which one has a character, how wide it is, and how it is drawn.

A character that no typeface has becomes a box with its Unicode number in it: staff can still tell what stood
there, and nothing is ever left out.
"""

import math
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

_FOLDER = Path(__file__).parent / "typefaces"
# Size at which advances are measured; fine enough for 300 dpi, and what TrueType calls units per em here.
_MEASURE_PIXELS = 1000
# Above it lie emoji and pictographs, which are drawn as wide as a Chinese character.
_FIRST_PICTOGRAPH = 0x1F000
# Fonts kept open at once; a run uses a handful of sizes.
_FONTS_KEPT = 256
_CLUSTERS_KEPT = 16_384
_WORDS_KEPT = 16_384

BLACK = 0
WHITE = 255


class Face(Enum):
    """A shipped typeface, by its file."""

    MONO = "DejaVuSansMono.ttf"
    MONO_BOLD = "DejaVuSansMono-Bold.ttf"
    CONDENSED = "DejaVuSansCondensed.ttf"
    CONDENSED_BOLD = "DejaVuSansCondensed-Bold.ttf"
    EMOJI = "NotoEmoji-Regular.ttf"
    HAN = "DroidSansFallback.ttf"

    @property
    def path(self) -> Path:
        """Where its file lies."""
        return _FOLDER / self.value


class Chain(Enum):
    """Typefaces in the order in which a character is looked for."""

    # Each is its own: an Enum's hash of its name is a call of Python, and widths are looked up by it all
    # the time.
    __hash__ = object.__hash__

    GRID = (Face.MONO, Face.CONDENSED, Face.EMOJI, Face.HAN)
    GRID_BOLD = (Face.MONO_BOLD, Face.CONDENSED_BOLD, Face.EMOJI, Face.HAN)
    LABEL = (Face.CONDENSED, Face.EMOJI, Face.HAN)
    LABEL_BOLD = (Face.CONDENSED_BOLD, Face.EMOJI, Face.HAN)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters of one typeface; `face` is None for one character that no typeface has."""

    face: Face | None
    text: str


@cache
def coverage(face: Face) -> frozenset[int]:
    """The code points that a typeface draws."""
    with TTFont(face.path, lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(_FONTS_KEPT)
def font(face: Face, pixels: int) -> ImageFont.FreeTypeFont:
    """A typeface at a size, laid out plainly: the same pixels with or without a text shaper on the system."""
    return ImageFont.truetype(face.path, pixels, layout_engine=ImageFont.Layout.BASIC)


@cache
def is_joined(char: str) -> bool:
    """Whether a character takes no room of its own: joiners, variation selectors, accents that can be drawn.

    An accent that DejaVu has not stands alone, and is drawn as a box: it would be lost on a letter.
    """
    category = unicodedata.category(char)
    if category == "Cf" or unicodedata.name(char, "").startswith("VARIATION SELECTOR"):
        return True
    return category in {"Mn", "Me"} and all(
        ord(char) in coverage(face) for face in (Face.MONO, Face.CONDENSED)
    )


def is_wide(char: str) -> bool:
    """Whether a character takes two columns, as Chinese and emoji do."""
    return ord(char) >= _FIRST_PICTOGRAPH or unicodedata.east_asian_width(char) in {"W", "F"}


def clusters(text: str) -> list[str]:
    """The text in pieces that are never parted: a character and what is joined to it."""
    if text.isascii():
        return list(text)
    pieces: list[str] = []
    for char in text:
        if pieces and is_joined(char):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


@lru_cache(_CLUSTERS_KEPT)
def face_of(cluster: str, chain: Chain) -> Face | None:
    """The first typeface of the chain that has the cluster's first character."""
    code = ord(cluster[0])
    return next((face for face in chain.value if code in coverage(face)), None)


def drawable(cluster: str, face: Face) -> str:
    """The part of a cluster that has a picture: joiners and selectors, which steer other programs, are left
    out.
    """
    if len(cluster) == 1:
        return cluster
    return cluster[0] + "".join(
        char for char in cluster[1:] if char.isprintable() and ord(char) in coverage(face)
    )


@lru_cache(_CLUSTERS_KEPT)
def columns(cluster: str, chain: Chain = Chain.GRID) -> int:
    """How many columns of a printer's character grid a cluster takes: 1 or 2."""
    if cluster.isascii():
        return 1
    return 2 if is_wide(cluster[0]) or face_of(cluster, chain) is None else 1


@lru_cache(_CLUSTERS_KEPT)
def advance(cluster: str, chain: Chain) -> float:
    """Width of a cluster as a fraction of the font size (em)."""
    face = face_of(cluster, chain)
    if face is None:
        return 1.0
    return font(face, _MEASURE_PIXELS).getlength(cluster[0]) / _MEASURE_PIXELS


@lru_cache(_WORDS_KEPT)
def text_advance(text: str, chain: Chain) -> float:
    """Width of a text as a fraction of the font size."""
    return sum(advance(cluster, chain) for cluster in clusters(text))


def runs(text: str, chain: Chain) -> list[Run]:
    """The text cut where the typeface changes, in the order in which it is drawn."""
    found: list[Run] = []
    for cluster in clusters(text):
        face = face_of(cluster, chain)
        piece = cluster if face is None else drawable(cluster, face)
        if found and face is not None and found[-1].face is face:
            found[-1] = Run(face, found[-1].text + piece)
        else:
            found.append(Run(face, piece))
    return found


def number_rows(cluster: str) -> tuple[str, str]:
    """The two rows of digits that stand in the box of a character without a picture."""
    digits = f"{ord(cluster[0]):04X}"
    half = (len(digits) + 1) // 2
    return digits[:half], digits[half:]


def draw_number_box(draw: ImageDraw.ImageDraw, left: float, baseline: float, pixels: int) -> None:
    """The frame of that box, on the text's baseline."""
    stroke = max(1, pixels // 20)
    box = (left + stroke, baseline - pixels * 0.82, left + pixels - 2 * stroke, baseline + pixels * 0.1)
    draw.rectangle(box, outline=BLACK, width=stroke)


def draw_missing(draw: ImageDraw.ImageDraw, left: float, baseline: float, pixels: int, cluster: str) -> None:
    """Draws a character that no typeface has, `pixels` wide: its Unicode number in a box."""
    draw_number_box(draw, left, baseline, pixels)
    small = font(Face.MONO, max(6, round(pixels * 0.42)))
    for row, digits in enumerate(number_rows(cluster)):
        middle = (left + pixels / 2 - 0.5, baseline - pixels * (0.6 - 0.42 * row))
        draw.text(middle, digits, font=small, fill=BLACK, anchor="mm")


def line_pixels(text: str, chain: Chain, pixels: int) -> int:
    """Pixels that `draw_line` takes for a text, rounded up: hinted letters are as much as 3 % wider than
    `advance` says.
    """
    return math.ceil(
        sum(
            pixels if run.face is None else font(run.face, pixels).getlength(run.text)
            for run in runs(text, chain)
        )
    )


def draw_line(
    image: Image.Image, left: float, baseline: float, text: str, chain: Chain, pixels: int
) -> float:
    """Draws text of proportional width in black and gives its width in pixels."""
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1" if image.mode == "1" else "L"
    start = left
    for run in runs(text, chain):
        if run.face is None:
            draw_missing(draw, left, baseline, pixels, run.text)
            left += pixels
        else:
            typeface = font(run.face, pixels)
            draw.text((left, baseline), run.text, font=typeface, fill=BLACK, anchor="ls")
            left += typeface.getlength(run.text)
    return left - start
