"""A serial device that is a program: a pseudo terminal that drivers open as they open a port.

Simulators inherit from it, so that a shop without the device, and a test, speak over the kernel's own
serial lines.
"""

import contextlib
import os
import select
import threading
import tty
from abc import ABC, abstractmethod
from pathlib import Path

_CHUNK = 4096


class PtyDevice(ABC):
    """`path` is what a driver opens; `link`, when given, is a name for it that stays the same. Works until
    closed.

    `received` is called with what the driver sends, from a thread of the device's own.
    """

    def __init__(self, link: str | None = None) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._link = Path(link) if link else None
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)
            self.path = str(self._link)
        self.closed = False
        self._wake_read, self._wake_write = os.pipe()
        # Set anew with every piece that was received, for whoever waits for an effect.
        self.changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"device at {self.path}", daemon=True)
        self._thread.start()

    @abstractmethod
    def received(self, data: bytes) -> None:
        """What the driver sent."""

    def send(self, data: bytes) -> None:
        """Sends to the driver; what the kernel has no room for is lost, as on a wire."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def close(self) -> None:
        """Unplugs the device: whoever has the port open hears that it is gone."""
        self.closed = True
        os.write(self._wake_write, b"\0")
        self._thread.join()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        for handle in (self._slave, self._master, self._wake_read, self._wake_write):
            os.close(handle)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            with contextlib.suppress(BlockingIOError):
                data = os.read(self._master, _CHUNK)
                with self.changed:
                    self.received(data)
                    self.changed.notify_all()
