"""A display's thread: the newest lines stand there, also after it was away."""

import threading
from collections.abc import Callable

from hardware.devices import READY, PrinterStatus, unreachable
from hardware.displays import Display

# How soon it is seen that a display is gone or back, or that the agent stops.
_TEND_S = 0.5
# Whoever shows something is not kept longer than this.
SHOW_S = 1.0


class DisplayThread(threading.Thread):
    """Tends one display until the agent stops. `told` hears how it is."""

    def __init__(
        self,
        name: str,
        display: Display,
        told: Callable[[PrinterStatus], None],
        stopping: threading.Event,
    ) -> None:
        super().__init__(name=f"display {name}", daemon=True)
        self.device = name
        self._display = display
        self._told = told
        self._stopping = stopping
        self._changed = threading.Condition()
        self._wanted: tuple[str, str] | None = None
        # How many lines were asked for, and which of them were tried last.
        self._asked = self._tried = 0

    def show(self, top: str, bottom: str) -> str:
        """Shows two lines; why they do not stand there, empty when they, or newer ones, do. Called by any
        thread.
        """
        with self._changed:
            self._wanted = (top, bottom)
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._tried >= mine, SHOW_S):
                return "the display takes nothing"
            return self._display.trouble

    def run(self) -> None:
        """The thread."""
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not None, _TEND_S)
                wanted, self._wanted, asked = self._wanted, None, self._asked
            if wanted is not None:
                self._display.show(*wanted)
            else:
                self._display.tend()
            with self._changed:
                self._tried = asked
                self._changed.notify_all()
            trouble = self._display.trouble
            self._told(unreachable(trouble) if trouble else READY)
        self._display.close()
