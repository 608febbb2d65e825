"""A serial line whose far end is the test: a pseudo terminal behind a name that can be unplugged."""

import contextlib
import os
import select
import time
import tty
from pathlib import Path

PATIENCE_S = 30.0


class PtyLine:
    """`path` is what a driver opens. Unplugged, the name is gone and the driver's end hangs up, as a USB
    port does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master = -1
        self._slave = -1
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        # A pty whose last driver has closed it would hang up; a serial port does not.
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        for handle in (self._slave, self._master):
            if handle >= 0:
                with contextlib.suppress(OSError):
                    os.close(handle)
        self._master = self._slave = -1

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def receive(self, timeout_s: float = PATIENCE_S) -> bytes:
        """What the driver sent; at least a byte unless the time is over."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return b""
        return os.read(self._master, 65536)

    def receive_exactly(self, count: int) -> bytes:
        got = b""
        deadline = time.monotonic() + PATIENCE_S
        while len(got) < count:
            assert time.monotonic() < deadline, got
            got += self.receive()
        return got
