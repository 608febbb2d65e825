"""A display that is not there: what a driver sends becomes two lines of text, on a pseudo terminal or in a
test.
"""

import re
from pathlib import Path

from hardware.displays.commands import Commands
from hardware.displays.text import COLUMNS
from hardware.simulators.pty_device import PtyDevice

_ROWS = 2
# Each command set's commands as they begin, with all their bytes. Source: see `hardware.displays.commands`.
_EPSON = re.compile(
    rb"(?P<reset>\x1b@)|(?P<clear>\x0c)|\x1f\$(?P<move>..)|\x1bR.|\x1f[\x01-\x03]|\x1fC.|(?P<text>[ -~])",
    re.DOTALL,
)
_CD5220 = re.compile(
    rb"(?P<reset>\x1b@)|(?P<clear>\x0c)|\x1bQ(?P<line>[AB][^\r]{0,20})\r|\x1bf.|\x1b[\x11-\x13]|\x1b_."
    rb"|(?P<text>[ -~])",
    re.DOTALL,
)
_PATTERNS = {"epson": _EPSON, "cd5220": _CD5220}
# The longest command; fewer bytes may still become one.
_COMMAND_MAX = 24


class Glass:
    """What stands on the display. A byte that is no command of its set is remembered in `unknown`, and not
    shown.
    """

    def __init__(self, commands: Commands) -> None:
        self._pattern = _PATTERNS[commands.name]
        self._waiting = b""
        self._at = 0
        self._cells = [" "] * (COLUMNS * _ROWS)
        self.unknown = b""
        self.resets = 0

    @property
    def lines(self) -> tuple[str, str]:
        """The two lines, full width."""
        shown = "".join(self._cells)
        return shown[:COLUMNS], shown[COLUMNS:]

    def feed(self, data: bytes) -> None:
        """Takes bytes as they come; a command may come in pieces."""
        self._waiting += data
        while self._waiting:
            found = self._pattern.match(self._waiting)
            if found is not None:
                self._waiting = self._waiting[found.end() :]
                self._do({name: value for name, value in found.groupdict().items() if value is not None})
            elif len(self._waiting) < _COMMAND_MAX and self._waiting[0] in b"\x1b\x1f":
                return
            else:
                self.unknown += self._waiting[:1]
                self._waiting = self._waiting[1:]

    def _do(self, command: dict[str, bytes]) -> None:
        match command:
            case {"reset": _}:
                self.resets += 1
                self._clear()
            case {"clear": _}:
                self._clear()
            case {"move": place}:
                self._at = (place[1] - 1) % _ROWS * COLUMNS + (place[0] - 1) % COLUMNS
            case {"line": line}:
                self._at = 0 if line[:1] == b"A" else COLUMNS
                for code in line[1:].ljust(COLUMNS):
                    self._put(code)
            case {"text": letter}:
                self._put(letter[0])

    def _clear(self) -> None:
        self._cells = [" "] * (COLUMNS * _ROWS)
        self._at = 0

    def _put(self, code: int) -> None:
        self._cells[self._at] = chr(code)
        self._at = (self._at + 1) % (COLUMNS * _ROWS)


class SimulatedDisplay(PtyDevice):
    """A display on a pseudo terminal; `path` is what a driver opens."""

    def __init__(self, commands: Commands, link: str | Path | None = None) -> None:
        self.glass = Glass(commands)
        super().__init__(link)

    def received(self, data: bytes) -> None:
        """Shows what came."""
        self.glass.feed(data)
