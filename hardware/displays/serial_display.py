"""A display on a serial port, a USB one that looks like a serial port included."""

from hardware.displays.commands import Commands, full
from hardware.displays.text import fitted
from hardware.serial_line import LineDownError, LineSettings, SerialLine


class SerialDisplay:
    """See `hardware.displays.Display`."""

    def __init__(self, port: str, commands: Commands, settings: LineSettings | None = None) -> None:
        self._line = SerialLine(port, settings)
        self._commands = commands
        self._wanted = b""
        # The opening of the port in which the display was set up.
        self._begun = -1

    @property
    def name(self) -> str:
        """The port."""
        return self._line.port

    @property
    def trouble(self) -> str:
        """Why nothing is shown now; empty while it works."""
        return self._line.trouble

    def show(self, top: str, bottom: str) -> bool:
        """Shows two lines; says whether the display took them."""
        self._wanted = self._commands.lines(full(fitted(top)), full(fitted(bottom)))
        return self._send()

    def tend(self) -> bool:
        """Brings back what should stand there when the port was opened anew."""
        try:
            self._line.read(0)  # A port that is gone is noticed by reading.
        except LineDownError:
            return False
        return self._begun == self._line.openings or self._send()

    def close(self) -> None:
        """Lets the port go."""
        self._line.close()

    def _send(self) -> bool:
        try:
            # Opens the port when it was closed: only then is it known whether the display is a new one.
            self._line.read(0)
            begin = b"" if self._begun == self._line.openings else self._commands.begin
            self._line.write(begin + self._wanted)
        except LineDownError:
            return False
        self._begun = self._line.openings
        return True
