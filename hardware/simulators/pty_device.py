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
from typing import Self

_CHUNK = 4096


class PtyDevice(ABC):
    """`path` is what a driver opens; `link`, when given, is a name for it that stays the same. Plugged in
    until unplugged or closed.

    `received` is called with what the driver sends, from a thread of the device's own.
    """

    def __init__(self, link: str | Path | None = None) -> None:
        """Plugs it in. Raises OSError."""
        self._link = Path(link) if link else None
        self._sending = threading.Lock()
        self.path = ""
        self._master = self._slave = self._wake_read = self._wake_write = -1
        # Set anew with every piece that was received, for whoever waits for an effect.
        self.changed = threading.Condition()
        self.plug()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @abstractmethod
    def received(self, data: bytes) -> None:
        """What the driver sent."""

    @property
    def plugged(self) -> bool:
        """Whether a driver can open it."""
        return self._master >= 0

    def send(self, data: bytes) -> None:
        """Sends to the driver; what the kernel has no room for is lost, as on a wire."""
        with self._sending, contextlib.suppress(BlockingIOError):
            if self._master >= 0:
                os.write(self._master, data)

    def plug(self) -> None:
        """Plugs it in: a port of its own, under the same link. Raises OSError."""
        assert not self.plugged, self.path
        master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(master, False)
        self._master = master
        self.path = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)
            self.path = str(self._link)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name=f"device at {self.path}", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pulls the cable: whoever has the port open hears that it is gone."""
        if not self.plugged:
            return
        os.write(self._wake_write, b"\0")
        self._thread.join()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        with self._sending:
            for handle in (self._slave, self._master, self._wake_read, self._wake_write):
                os.close(handle)
            self._master = -1

    def close(self) -> None:
        """Ends it."""
        self.unplug()

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
