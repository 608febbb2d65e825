"""Serial ports, through pyserial: which there are, how one is opened, and one that may be unplugged and come
back, which scanners, displays and scales hang on.

Whoever calls while such a port is gone hears `LineDownError` with plain words, not sooner than the port was
looked for again; nothing blocks longer than it was told to.
"""

import errno
import os
import select
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass

import serial
from serial.tools import list_ports

BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
# Handshakes between the port and the device.
FLOWS = ("rtscts", "dsrdtr", "xonxoff", "none")
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
    """Speed and framing. `parity` is pyserial's letter: N, E, O, M or S; `flow` is one of FLOWS, and many
    displays and scales have none.
    """

    baud_rate: int = 9600
    data_bits: int = 8
    parity: str = "N"
    stop_bits: float = 1
    flow: str = "none"


def open_port(path: str, settings: LineSettings) -> serial.Serial:
    """Opens a port that waits for nothing, for this program alone: nobody else's takes half of what comes.

    Raises LineDownError.
    """
    try:
        return serial.Serial(
            path,
            baudrate=settings.baud_rate,
            bytesize=settings.data_bits,
            parity=settings.parity,
            stopbits=settings.stop_bits,
            rtscts=settings.flow == "rtscts",
            dsrdtr=settings.flow == "dsrdtr",
            xonxoff=settings.flow == "xonxoff",
            timeout=0,
            write_timeout=WRITE_TIMEOUT_S,
            exclusive=True,
        )
    except (*_FAILURES, ValueError) as error:
        raise LineDownError(f"{path} cannot be opened: {_words(error)}") from error


def ports() -> list[tuple[str, str]]:
    """Serial ports with something behind them: (path, what the system says of it)."""
    return [(port.device, port.description or "") for port in sorted(list_ports.comports())]


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
        try:
            self._serial = open_port(self.port, self._settings)
        except LineDownError as error:
            self.trouble = str(error)
            raise
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
    if number in {errno.EAGAIN, errno.EBUSY}:
        return "another program has it"
    return os.strerror(number) if isinstance(number, int) else str(error)
