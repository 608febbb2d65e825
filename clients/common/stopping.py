"""A wish to stop, said by a signal's handler."""

from queue import Empty, SimpleQueue


class Stopping:
    """Says that it is time to end. A handler may ask for it at any moment: it runs in the thread that waits,
    and would wait for itself if that held a lock, as `threading.Event` does.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[None] = SimpleQueue()

    def ask(self) -> None:
        """It is time, from now on."""
        self._asked.put(None)

    @property
    def is_asked(self) -> bool:
        """Whether it is time."""
        return not self._asked.empty()

    def wait(self, longest_s: float) -> bool:
        """Waits until it is time, seconds at most; whether it is."""
        try:
            self._asked.get(timeout=longest_s)
        except Empty:
            return False
        self.ask()
        return True
