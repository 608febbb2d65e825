"""The same code read twice by itself, told from one that was scanned again on purpose."""

# Scanners read a code again while it stays in their light; a hand needs longer than this to come back to it.
WINDOW_S = 0.3
# Codes remembered; all but the newest are older than the window long before there are so many.
_CODES_MAX = 64


class Repeats:
    """Remembers what one scanner read. A code that stays in the light counts once, however long it stays
    there.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: dict[str, float] = {}

    def counts(self, code: str, at: float) -> bool:
        """Whether this reading is a scan of its own. `at` is a monotonic clock's, in seconds."""
        before = self._seen.pop(code, None)
        self._seen[code] = at
        if len(self._seen) > _CODES_MAX:
            del self._seen[next(iter(self._seen))]
        return before is None or at - before > self._window_s
