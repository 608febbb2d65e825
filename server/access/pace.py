"""How often something may be tried from one place."""

from collections.abc import Callable

WINDOW_S = 60
# Places that are remembered at once; the longest known is forgotten first.
PLACES = 10_000


class Pace:
    """At most so many a minute from each place. In one thread."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        # When the minute began, and how many there were since.
        self._places: dict[str, tuple[float, int]] = {}

    def is_over(self, place: str) -> bool:
        """Counts one more; whether that is too many."""
        now = self._clock()
        began, count = self._places.pop(place, (now, 0))
        if not began <= now < began + WINDOW_S:
            began, count = now, 0
        self._places[place] = began, count + 1
        if len(self._places) > PLACES:
            del self._places[next(iter(self._places))]
        return count >= self._most
