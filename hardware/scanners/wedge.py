"""A scanner that types into the computer's keyboard, told from a person who types there too.

Pure: no clock, no keyboard. A Qt or terminal client hands in each character with the time of its press and
does what comes out: text goes where it was typed, a scan goes into the cart.

    wedge = Wedge()
    for each key:  for found in wedge.press(char, at): …
    no key until wedge.due:  for found in wedge.idle(at): …
"""

from dataclasses import dataclass

from hardware.scanners.layouts import US, Layout, retyped

# Scanners press a key every 1 to 20 ms; the fastest typists one every 60, a roll over two or three keys
# aside.
GAP_S = 0.035
LENGTH_MIN = 4
_LENGTH_MAX = 8192


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed, terminators and all: to be handed on as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scanner typed, without prefix and terminator, in the scanner's own layout. `at` is its end's
    time.
    """

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class WedgeSettings:
    """How the scanner is set up.

    `terminator`: characters any one of which ends a scan; empty when the scanner sends none, and silence
    ends it. `prefix`: characters that the scanner sends before each code, if it does: then nothing else is
    a scan. `computer` and `scanner` are the two keyboard layouts; a scanner that is set up for another one
    than the computer's is understood all the same.
    """

    terminator: str = "\r\n\t"
    prefix: str = ""
    gap_s: float = GAP_S
    length_min: int = LENGTH_MIN
    computer: Layout = US
    scanner: Layout = US


class Wedge:
    """The machine: presses in, typed text and scans out, each character exactly once and in order."""

    def __init__(self, settings: WedgeSettings | None = None) -> None:
        self._settings = settings or WedgeSettings()
        self._run = ""
        self._last = 0.0
        self._after_scan = False

    def press(self, char: str, at: float) -> list[Typed | Scanned]:
        """Takes one character typed at `at` (monotonic seconds); returns what is settled by it."""
        found = self.idle(at)
        ends = bool(self._settings.terminator) and char in self._settings.terminator
        # "\r\n" is one end, not two.
        second_end = ends and self._after_scan and at < self._last + self._settings.gap_s
        self._last = at
        if second_end:
            return found
        self._after_scan = False
        self._run += char
        if ends:
            found += self._settle()
        elif len(self._run) >= _LENGTH_MAX:
            found += self._release()
        return found

    def idle(self, at: float) -> list[Typed | Scanned]:
        """Says that nothing was typed until `at`; returns what is settled by that."""
        if not self._run or at < self.due:
            return []
        return self._release() if self._settings.terminator else self._settle()

    @property
    def due(self) -> float:
        """When to call `idle`, unless a key comes before; infinity when nothing waits."""
        return self._last + self._settings.gap_s if self._run else float("inf")

    def _release(self) -> list[Typed | Scanned]:
        run, self._run = self._run, ""
        return [Typed(run)]

    def _settle(self) -> list[Typed | Scanned]:
        """A run of fast keys has ended as a scan's does: it is one if it is long enough and begins as one."""
        given = self._settings
        body = self._run[:-1] if given.terminator else self._run
        typed, prefix, code = body.partition(given.prefix) if given.prefix else ("", "", body)
        if prefix != given.prefix or len(code) < given.length_min:
            return self._release()
        self._run, self._after_scan = "", True
        scan = Scanned(retyped(code, given.computer, given.scanner), self._last)
        return [Typed(typed), scan] if typed else [scan]
