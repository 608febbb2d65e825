"""Keyboard layouts: which character a key gives, and what another layout makes of it.

A scanner types keys, not characters: it believes that the computer has the layout it was set up for. Key
codes are Linux's (linux/input-event-codes.h), which are those of the keys' places; Indonesia's keyboards
are US ones.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

# The keys of the main block from the top left to the bottom right, the space bar last.
KEYS = (41, *range(2, 14), *range(16, 28), 43, *range(30, 41), 86, *range(44, 54), 57)


class Level(IntEnum):
    """Which of a key's characters: by itself, with Shift, with AltGr."""

    PLAIN = 0
    SHIFT = 1
    ALT_GR = 2


@dataclass(frozen=True)
class Layout:
    """A keyboard layout by its country. Each row has a character for each of `KEYS`; a NUL where there is
    none, or a dead key.
    """

    name: str
    plain: str
    shift: str
    # May stop before the last key
    alt_gr: str = ""

    def char(self, key: int, level: Level) -> str:
        """The character of a key; empty when it has none."""
        return _chars(self).get((key, level), "")

    def key(self, char: str) -> tuple[int, Level] | None:
        """The key that gives a character."""
        return _keys(self).get(char)


@cache
def _chars(layout: Layout) -> dict[tuple[int, Level], str]:
    rows = (layout.plain, layout.shift, layout.alt_gr)
    return {
        (key, level): char
        for level, row in zip(Level, rows, strict=True)
        for key, char in zip(KEYS, row, strict=False)
        if char != "\0"
    }


@cache
def _keys(layout: Layout) -> dict[str, tuple[int, Level]]:
    found: dict[str, tuple[int, Level]] = {}
    for place, char in _chars(layout).items():
        found.setdefault(char, place)
    return found


US = Layout(
    "us",
    "`1234567890-=qwertyuiop[]\\asdfghjkl;'<zxcvbnm,./ ",
    '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:">ZXCVBNM<>? ',
)
GB = Layout(
    "gb",
    "`1234567890-=qwertyuiop[]#asdfghjkl;'\\zxcvbnm,./ ",
    '¬!"£$%^&*()_+QWERTYUIOP{}~ASDFGHJKL:@|ZXCVBNM<>? ',
)
DE = Layout(
    "de",
    "\x001234567890ß\0qwertzuiopü+#asdfghjklöä<yxcvbnm,.- ",
    "°!\"§$%&/()=?\0QWERTZUIOPÜ*'ASDFGHJKLÖÄ>YXCVBNM;:_ ",
    "\0\0²³\0\0\0{[]}\\\0@\0€\0\0\0\0\0\0\0\0~\0\0\0\0\0\0\0\0\0\0\0\0|",
)
FR = Layout(
    "fr",
    "²&é\"'(-è_çà)=azertyuiop\0$*qsdfghjklmù<wxcvbn,;:! ",
    "~1234567890°+AZERTYUIOP\0£µQSDFGHJKLM%>WXCVBN?./§ ",
    "\0\0~#{[|`\\^@]}\0\0€",
)
LAYOUTS = {layout.name: layout for layout in (US, GB, DE, FR)}


def retyped(text: str, computer: Layout, scanner: Layout) -> str:
    """What the scanner meant when it typed `text` on a computer with another layout than its own.

    A character that the computer's layout cannot have typed stays as it is.
    """
    if computer is scanner:
        return text
    meant: list[str] = []
    for char in text:
        place = computer.key(char)
        meant.append((scanner.char(*place) if place else "") or char)
    return "".join(meant)
