"""What was heard lately, so that the same news, however often it is posted, asks the carrier once."""

import math
import threading
from collections import OrderedDict
from time import monotonic

from clients.couriers.carrier import News

# News that was acted on is known for so long; what could not be is asked for again after the pause.
KNOWN_S = 60.0
PAUSE_S = 1.0
# The oldest beyond so many are forgotten: the worst is one more question.
MAX_KNOWN = 1_000


class Lately:
    """For use by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Whether it was acted on, and until when that counts.
        self._known: OrderedDict[News, tuple[bool, float]] = OrderedDict()

    def begin(self, news: News) -> bool | None:
        """Whether it was acted on lately; false while it is being, or could not be a moment ago. None: the
        caller acts on it now, and says how it went with `end`.
        """
        with self._lock:
            acted, until = self._known.get(news, (False, 0.0))
            if monotonic() < until:
                return acted
            self._keep(news, False, math.inf)
            return None

    def end(self, news: News, acted: bool) -> None:
        """How it went."""
        with self._lock:
            self._keep(news, acted, KNOWN_S if acted else PAUSE_S)

    def _keep(self, news: News, acted: bool, seconds: float) -> None:
        self._known[news] = (acted, monotonic() + seconds)
        self._known.move_to_end(news)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
