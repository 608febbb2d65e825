"""Keys pressed and let go, as the characters that they mean: what evdev's events need and a Qt client has
already.
"""

from hardware.scanners.layouts import US, Layout, Level

UP, DOWN, HELD = 0, 1, 2

_SHIFTS = {42, 54}
_CONTROLS = {29, 97}
_ALT, _ALT_GR = 56, 100
_CAPS_LOCK = 58
# Keys with the same character on every layout: Tab, Enter, the keypad.
_FIXED = {15: "\t", 28: "\r", 96: "\r", 55: "*", 74: "-", 78: "+", 83: ".", 98: "/"}
_KEYPAD = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9"}
# Ctrl and a key: ASCII's 64 to 95 without their high bits, as scanners type FNC1 (Ctrl and "]").
_CONTROL_BITS = 0x1F
_CONTROL_MAX = 0x5F
_CODE_MAX = 255


class Keyboard:
    """Follows the keys of one keyboard and says which character each press gives.

    Scanners type a character that no key has as Alt and its number on the keypad: it comes when Alt is let
    go.
    """

    def __init__(self, layout: Layout = US) -> None:
        self._layout = layout
        self._down: set[int] = set()
        self._caps = False
        self._number = ""

    def event(self, key: int, value: int) -> str:
        """Takes one key event (Linux's code; UP, DOWN, HELD); returns the character that came of it, or
        nothing.

        A key that is held down repeats nothing: a scanner never holds one.
        """
        if value == UP:
            self._down.discard(key)
            return self._numbered() if key == _ALT else ""
        if value != DOWN:
            return ""
        self._down.add(key)
        if key == _CAPS_LOCK:
            self._caps = not self._caps
        if key in _KEYPAD:
            if _ALT in self._down:
                self._number += _KEYPAD[key]
                return ""
            return _KEYPAD[key]
        return _FIXED.get(key) or self._char(key)

    def _numbered(self) -> str:
        number, self._number = self._number, ""
        return chr(int(number)) if number and int(number) <= _CODE_MAX else ""

    def _char(self, key: int) -> str:
        shifted = bool(self._down & _SHIFTS)
        level = Level.ALT_GR if _ALT_GR in self._down else Level.SHIFT if shifted else Level.PLAIN
        char = self._layout.char(key, level)
        if char and self._down & _CONTROLS:
            code = ord(char.upper())
            return chr(code & _CONTROL_BITS) if _CONTROL_BITS < code <= _CONTROL_MAX else ""
        return char.swapcase() if self._caps and char.isalpha() else char
