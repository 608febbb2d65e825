"""What fits twenty cells: letters that every display has, and amounts whole or not at all."""

import re
import unicodedata

COLUMNS = 20
# "Rp 108.400", "-Rp 5.000", "USD 12,05": never parted.
_AMOUNT = re.compile(r"-?(?:Rp|[A-Z]{3}) ?-?\d[\d.,]*")
_UNKNOWN = "?"


class DisplayError(ValueError):
    """An amount that has no room: better nothing than half of it."""


def plain(text: str) -> str:
    """The text in ASCII, a cell for each character: accents taken off, "?" for what no display has.

    Displays have ASCII in common and nothing else, and a control character would be a command.
    """
    shown = []
    for char in unicodedata.normalize("NFKD", text):
        if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
            continue
        if char.isspace() or unicodedata.category(char) in {"Zs", "Cc"}:
            shown.append(" ")
        else:
            shown.append(char if char.isascii() else _UNKNOWN)
    return "".join(shown)


def fitted(text: str, columns: int = COLUMNS) -> str:
    """The text cut to its cells, before an amount rather than within it."""
    shown = plain(text)
    if len(shown) <= columns:
        return shown
    cut = next(
        (found.start() for found in _AMOUNT.finditer(shown) if found.start() < columns < found.end()), columns
    )
    return shown[:cut].rstrip()


def pair(label: str, amount: str, columns: int = COLUMNS) -> str:
    """A label on the left, cut where it must be, and an amount on the right, which never is.

    An amount that is wider than the line loses the name of its currency; raises DisplayError when that does
    not help.
    """
    value = plain(amount)
    if len(value) > columns:
        value = re.sub(r"(?:Rp|[A-Z]{3}) ?", "", value)
    if len(value) > columns:
        raise DisplayError(f"{amount} is wider than the display")
    room = columns - len(value) - 1
    left = fitted(" ".join(label.split()), room) if room > 0 else ""
    return left + " " * (columns - len(left) - len(value)) + value
