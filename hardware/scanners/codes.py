"""From frames to scans: what drivers do with the codes that they cut out."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from hardware.scanners.frames import Frame, Frames
from hardware.scanners.repeats import Repeats
from hardware.scanners.scan import Reader, Scan


class Codes:
    """Scans that wait to be fetched, in the order in which they were read. `meant` turns a frame into its
    text.
    """

    def __init__(self, reader: Reader | None, frames: Frames, meant: Callable[[str], str] = str) -> None:
        self._reader = reader or Reader()
        self._meant = meant
        self._repeats = Repeats()
        self._scans: deque[Scan] = deque()
        self.frames = frames

    def feed(self, text: str, at: float) -> None:
        """Takes characters that came at `at`."""
        self._take(self.frames.feed(text, at))

    def idle(self, at: float) -> None:
        """Says that nothing came until `at`."""
        self._take(self.frames.idle(at))

    def cut(self) -> None:
        """Says that the device is gone."""
        self._take(self.frames.cut())

    def next(self) -> Scan | None:
        """The oldest scan that waits."""
        return self._scans.popleft() if self._scans else None

    def patience(self, now: float, deadline: float) -> float:
        """Seconds to wait for characters: until the deadline, or until silence ends a code that has begun."""
        until = min(deadline, self.frames.due) if self.frames.waiting else deadline
        return max(0.0, until - now)

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            # What was cut off is no reading that the whole one would repeat.
            if not frame.whole or self._repeats.counts(frame.text, frame.at):
                scan = self._reader.read(self._meant(frame.text))
                if not frame.whole:
                    scan = replace(scan, problem="cut off before its end")
                elif frame.follows_cut and not scan.problem and not scan.gtin and not scan.sscc:
                    # Without a check digit a code's rest looks like another code.
                    scan = replace(scan, problem="perhaps the rest of one that was cut off")
                self._scans.append(scan)
