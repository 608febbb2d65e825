"""Text on its way to paper: made harmless, broken into lines without loss, put into the order of the eye."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from arabic_reshaper import ArabicReshaper
from bidi import get_display

from hardware.paper.fonts import clusters, is_wide

# Joiners steer how letters and emoji are drawn; every other invisible character (direction overrides, soft
# hyphens, byte order marks) could make a paper say something else than the record does.
_JOINERS = {"\u200c", "\u200d"}
_REPLACEMENT = "\ufffd"
# Tabs and line ends: white space, though Unicode calls them control characters.
_BREAKS = set("\t\n\v\f\r\x85")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


def clean(text: str) -> str:
    """One line of visible characters: composed accents, single spaces, no control character.

    A control character would be a command to a printer: it becomes U+FFFD, so that it is seen and does
    nothing.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        if char in _BREAKS or category.startswith("Z"):
            kept.append(" ")
        elif category == "Cf":
            kept.append(char if char in _JOINERS else "")
        else:
            kept.append(_REPLACEMENT if category in {"Cc", "Cs"} else char)
    return " ".join("".join(kept).split())


def visual(text: str) -> str:
    """The text from left to right as the eye sees it: Arabic letters joined, right-to-left runs turned round.

    Vowel marks of Arabic are left out, as in its everyday spelling.
    """
    if _RIGHT_TO_LEFT.search(text) is None:
        return text
    shown = get_display(_reshaper().reshape(text), base_dir="L")
    return shown if isinstance(shown, str) else shown.decode()


@cache
def _reshaper() -> ArabicReshaper:
    # Only lam-alef is written as one letter: no typeface here has the ornamental ligatures.
    return ArabicReshaper({"delete_harakat": True, "support_ligatures": True, "ARABIC LIGATURE ALLAH": False})


def _pieces(word: str) -> list[str]:
    """A word where lines may end: Chinese, Japanese and Korean have no spaces, so each of their characters is
    one.
    """
    if word.isascii():
        return [word]
    pieces: list[str] = []
    open_piece = False
    for cluster in clusters(word):
        wide = is_wide(cluster[0])
        if open_piece and not wide:
            pieces[-1] += cluster
        else:
            pieces.append(cluster)
        open_piece = not wide
    return pieces


def wrap(text: str, limit: float, measure: Callable[[str], float]) -> list[str]:
    """Breaks cleaned text into lines at most `limit` wide. All but the spaces at line ends is kept.

    `measure` gives the width of a word or of one cluster (see `fonts.clusters`). A word longer than a line is
    broken inside. At least one line comes back; one cluster wider than the limit stands alone.
    """
    lines: list[str] = []
    line, used = "", 0.0
    space = measure(" ")
    pieces = [(piece, at == 0) for word in text.split(" ") for at, piece in enumerate(_pieces(word))]
    for word, after_space in pieces:
        wanted = measure(word)
        gap = space if after_space and line else 0.0
        if used + gap + wanted <= limit:
            line += (" " if gap else "") + word
            used += gap + wanted
            continue
        if line:
            lines.append(line)
        line, used = "", 0.0
        for cluster in clusters(word):
            step = measure(cluster)
            if line and used + step > limit:
                lines.append(line)
                line, used = "", 0.0
            line += cluster
            used += step
    return [*lines, line] if line or not lines else lines
