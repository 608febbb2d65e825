"""A line to a device as a file descriptor that never blocks: what every cable has in common.

Writing and reading go on together. A printer whose buffer is full takes no byte and still tells why, and who
only wrote would wait for it for ever.
"""

import fcntl
import os
import select
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from hardware.devices import Closed, LineLost, TookNothing

_READ_SIZE = 4096
_DRAIN_LOOK_S = 0.02
# Written at once: what has left the agent is known this exactly.
_WRITE_SIZE = 16 * 1024


class Line(Protocol):
    """Bytes to a device and back."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, or comes within the time; empty when nothing does. Raises LineLost."""

    def write(self, data: bytes, heard: Callable[[bytes], None], patience: "Patience") -> None:
        """Writes all of `data` and gives what comes back meanwhile to `heard`. Raises LineLost when the line
        breaks or `patience` ends, with how many bytes had left.
        """

    def drain(self, patience: "Patience") -> bool:
        """Whether the device took all that was written, or takes it within the time; `patience` is renewed
        with each byte. What comes back is thrown away: closed with that unread, a connection would be cut.
        Raises LineLost.
        """

    def close(self) -> None:
        """Lets go of it once everything written is on its way."""


class Patience:
    """How long nothing may happen. `renew` when something did."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def renew(self) -> None:
        """Begins anew."""
        self._until = time.monotonic() + self.seconds

    @property
    def left_s(self) -> float:
        """Seconds left; 0 when it is over."""
        return max(0.0, self._until - time.monotonic())


class Descriptor:
    """A line over a file descriptor. `end` closes whatever the descriptor belongs to."""

    def __init__(self, fileno: int, end: Callable[[], None], *, nothing_is_the_end: bool = True) -> None:
        self._fileno = fileno
        self._nothing_is_the_end = nothing_is_the_end
        self._end = end
        os.set_blocking(fileno, False)

    def read(self, timeout_s: float) -> bytes:
        """See Line."""
        readable, _, _ = select.select([self._fileno], [], [], timeout_s)
        return self._take() if readable else b""

    def write(self, data: bytes, heard: Callable[[bytes], None], patience: Patience) -> None:
        """See Line."""
        view, sent = memoryview(data), 0
        while sent < len(view):
            readable, writable, _ = select.select([self._fileno], [self._fileno], [], patience.left_s)
            if not readable and not writable:
                raise TookNothing(f"the printer took nothing for {patience.seconds:g} s", sent)
            try:
                if readable:
                    heard(self._take())
                if writable:
                    sent += os.write(self._fileno, view[sent : sent + _WRITE_SIZE])
                    patience.renew()
            except BlockingIOError:
                continue
            except LineLost as lost:
                raise LineLost(str(lost), sent) from lost
            except OSError as error:
                raise LineLost(error.strerror or str(error), sent) from error

    def drain(self, patience: Patience) -> bool:
        """See Line."""
        before = -1
        try:
            while (left := self._unsent()) and patience.left_s:
                if left != before:
                    patience.renew()
                before = left
                self.read(min(patience.left_s, _DRAIN_LOOK_S))
            while self.read(0.0):
                pass
        except Closed:
            left = self._unsent()
        return not left

    def _unsent(self) -> int:
        """Bytes that the system still has; of a device that does not count them, 1 until it takes more."""
        try:
            counted = fcntl.ioctl(self._fileno, termios.TIOCOUTQ, b"\0" * 4)
        except OSError:
            _, writable, _ = select.select([], [self._fileno], [], 0)
            return 0 if writable else 1
        return int.from_bytes(counted, sys.byteorder)

    def close(self) -> None:
        """See Line."""
        with suppress(OSError):
            self._end()

    def _take(self) -> bytes:
        try:
            data = os.read(self._fileno, _READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLost(error.strerror or str(error), 0) from error
        if not data and self._nothing_is_the_end:
            raise Closed("the printer closed the line", 0)
        return data
