"""A scanner on a serial port, a USB one that looks like a serial port included (/dev/ttyACM0)."""

import time
from collections.abc import Callable

from hardware.scanners.codes import Codes
from hardware.scanners.frames import Frames
from hardware.scanners.scan import Reader, Scan
from hardware.serial_line import LineDownError, LineSettings, SerialLine


class SerialScanner:
    """See `hardware.scanners.Scanner`. `terminator`: characters any one of which ends a code; empty:
    silence does.
    """

    def __init__(
        self,
        port: str,
        settings: LineSettings | None = None,
        *,
        terminator: str = "\r\n",
        reader: Reader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = SerialLine(port, settings, clock)
        self._codes = Codes(reader, Frames(terminator), _meant)
        self._clock = clock

    @property
    def name(self) -> str:
        """The port."""
        return self._line.port

    @property
    def trouble(self) -> str:
        """Why nothing can be read now; empty while it works."""
        return self._line.trouble

    def read(self, timeout_s: float) -> Scan | None:
        """The next scan, or None after `timeout_s`."""
        deadline = self._clock() + timeout_s
        while True:
            scan = self._codes.next()
            if scan is not None:
                return scan
            now = self._clock()
            try:
                came = self._line.read(self._codes.patience(now, deadline))
            except LineDownError:
                self._codes.cut()
                came = b""
            now = self._clock()
            self._codes.feed(came.decode("latin-1"), now)
            if now >= deadline:
                return self._codes.next()

    def close(self) -> None:
        """Lets the port go."""
        self._line.close()


def _meant(latin: str) -> str:
    """Bytes as letters: UTF-8 where they are that, else Latin-1, so that none is lost."""
    try:
        return latin.encode("latin-1").decode()
    except UnicodeDecodeError:
        return latin
