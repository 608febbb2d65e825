"""A scanner that is not there: what it is told to read leaves by its pseudo terminal as scanners send it."""

from hardware.simulators.pty_device import PtyDevice


class SimulatedScanner(PtyDevice):
    """A scanner on a serial port; `path` is what a driver opens."""

    def received(self, data: bytes) -> None:
        """Scanners listen to nobody."""

    def scan(self, code: str, terminator: str = "\r") -> None:
        """Reads a code, with its AIM prefix if it has one."""
        self.send(f"{code}{terminator}".encode())
