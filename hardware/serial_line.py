"""A serial port that may be unplugged and come back: what scanners, displays and scales hang on.

Through pyserial. Whoever calls while the port is gone hears `LineDownError` with plain words, not sooner
than the port was looked for again; nothing blocks longer than it was told to.
"""

import os
import select
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass

import serial

# Looked for no more often than this while it is gone.
RETRY_S = 0.25
# A device that takes no more after this is gone; a sale does not wait for it.
WRITE_TIMEOUT_S = 0.5
_CHUNK = 4096
# SerialException is an OSError; what termios says of a port that is gone is not.
_FAILURES = (OSError, termios.error)


class LineDownError(OSError):
    """The port is not there, or not any more; the message says which and why."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Speed and framing. `parity` is pyserial's letter: N, E, O, M or S."""

    baud_rate: int = 9600
    data_bits: int = 8
    parity: str = "N"
    stop_bits: float = 1
    # Hardware handshake; many displays and scales have none.
    rts_cts: bool = False


class SerialLine:
    """One port, opened when it is first needed and again whenever it comes back. For one thread."""

    def __init__(
        self, port: str, settings: LineSettings | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.port = port
        self._settings = settings or LineSettings()
        self._clock = clock
        self._serial: serial.Serial | None = None
        self._look_at = float("-inf")
        # Empty while the port works.
        self.trouble = "not opened yet"
        # How often the port was opened: whoever set the device up does so again when this has grown.
        self.openings = 0

    def read(self, timeout_s: float) -> bytes:
        """What has come, waiting `timeout_s` at most for the first byte; empty when nothing came.

        Raises LineDownError when the port is gone, after `timeout_s` or when it is to be looked for again.
        """
        opened = self._opened(timeout_s)
        waiting = select.poll()
        waiting.register(opened.fileno(), select.POLLIN)
        if not waiting.poll(max(0.0, timeout_s) * 1000):
            return b""
        try:
            return bytes(opened.read(_CHUNK))
        except _FAILURES as error:
            raise self._lost(error) from error

    def write(self, data: bytes) -> None:
        """Sends all of it. Raises LineDownError when the port is gone or takes no more within
        `WRITE_TIMEOUT_S`; what is half sent then is not finished by the next call.
        """
        opened = self._opened(0)
        try:
            opened.write(data)
        except _FAILURES as error:
            raise self._lost(error) from error

    def forget(self) -> None:
        """Throws away what has come and was not read. Raises LineDownError."""
        opened = self._opened(0)
        try:
            opened.reset_input_buffer()
        except _FAILURES as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Lets the port go; the next call opens it again."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    def _opened(self, timeout_s: float) -> serial.Serial:
        if self._serial is not None:
            return self._serial
        wait = self._look_at - self._clock()
        if wait > 0:
            time.sleep(min(wait, max(0.0, timeout_s)))
            if wait > timeout_s:
                raise LineDownError(self.trouble)
        self._look_at = self._clock() + RETRY_S
        given = self._settings
        try:
            self._serial = serial.Serial(
                self.port,
                baudrate=given.baud_rate,
                bytesize=given.data_bits,
                parity=given.parity,
                stopbits=given.stop_bits,
                rtscts=given.rts_cts,
                timeout=0,
                write_timeout=WRITE_TIMEOUT_S,
                # Nobody else's program takes half of what comes.
                exclusive=True,
            )
        except _FAILURES as error:
            self.trouble = f"{self.port} cannot be opened: {_words(error)}"
            raise LineDownError(self.trouble) from error
        self.trouble = ""
        self.openings += 1
        return self._serial

    def _lost(self, error: Exception) -> LineDownError:
        self.trouble = f"{self.port} is gone: {_words(error)}"
        try:
            self.close()
        except _FAILURES:
            self._serial = None
        return LineDownError(self.trouble)


def _words(error: Exception) -> str:
    number = error.args[0] if error.args else None
    return os.strerror(number) if isinstance(number, int) else str(error)
