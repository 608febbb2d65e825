"""Characters as they come from a scanner, cut into codes."""

from dataclasses import dataclass

# A scanner sends a whole code at once; after so much silence nothing of it is to come.
SILENCE_S = 0.2
# What comes so soon behind the characters of a code that silence cut off may be its rest.
_REST_S = 2 * SILENCE_S
# A QR code holds at most 4,296 letters (ISO/IEC 18004).
_LENGTH_MAX = 8192
_FRAMING = "\x02\x03"


@dataclass(frozen=True, slots=True)
class Frame:
    """One code's text. `whole` is false when the end that was awaited did not come; `follows_cut` when it
    came so soon behind such a one that it may be its rest.
    """

    text: str
    at: float
    whole: bool = True
    follows_cut: bool = False


class Frames:
    r"""Cuts at each terminator, one of its characters being enough ("\r\n" is one end, not two).

    Without a terminator a code ends with silence. With one, what silence cut off comes out as a frame that
    is not whole: it is shown, and nothing is glued to the next code. STX and ETX around a code are left
    out.
    """

    def __init__(self, terminator: str = "\r\n", silence_s: float = SILENCE_S) -> None:
        self._terminator = terminator
        self._silence_s = silence_s
        self._text = ""
        self._at = 0.0
        # When the last character came of what silence cut off.
        self._cut_at = float("-inf")
        self._follows_cut = False

    def feed(self, text: str, at: float) -> list[Frame]:
        """Takes characters that came at `at` (monotonic seconds); returns the codes that ended."""
        found = self.idle(at)
        for char in text:
            if not self._text:
                self._follows_cut = at - self._cut_at <= _REST_S
            self._at = at
            if char in self._terminator:
                found += self._end(whole=True)
            elif char not in _FRAMING:
                self._text += char
                if len(self._text) >= _LENGTH_MAX:
                    found += self._end(whole=False)
        return found

    def idle(self, at: float) -> list[Frame]:
        """Says that nothing came until `at`."""
        if not self.waiting or at < self.due:
            return []
        if self._terminator:
            self._cut_at = self._at
        return self._end(whole=not self._terminator)

    @property
    def waiting(self) -> bool:
        """Whether a code has begun and not ended."""
        return bool(self._text)

    @property
    def due(self) -> float:
        """When silence ends the code that has begun."""
        return self._at + self._silence_s

    def cut(self) -> list[Frame]:
        """Says that the line is gone: what had begun is not whole."""
        return self._end(whole=False)

    def _end(self, *, whole: bool) -> list[Frame]:
        text, self._text = self._text, ""
        return [Frame(text, self._at, whole, self._follows_cut)] if text else []
