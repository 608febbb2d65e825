"""What the engine takes of one sale and one movement of cash. The till refuses more at the counter: sent
later, it would be refused for ever. A test holds each of these against the engine.
"""

import unicodedata

LINES_MAX = 200
TENDERS_MAX = 10
# Characters of a payment's reference, and of the reason why cash is moved
REFERENCE_MAX = 60
REASON_MAX = 200
# Signs that steer how others are shown, and are not seen themselves
_UNSEEN = frozenset(
    map(chr, (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF))
)


def is_printable(text: str) -> bool:
    """Whether nothing in it is a control character, but for the end of a line, or not seen."""
    return not any((unicodedata.category(char) == "Cc" and char != "\n") or char in _UNSEEN for char in text)
