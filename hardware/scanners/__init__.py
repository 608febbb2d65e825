"""Bar code scanners: what they read, and the drivers of those that hang on an evdev device or a serial port.

    scanner = SerialScanner("/dev/ttyACM0")          # hardware.scanners.serial_scanner
    while True:
        scan = scanner.read(timeout_s=1.0)
        if scan is not None: …

A scanner that types into a client's own window is told from its user by `hardware.scanners.wedge`.
"""

from typing import Protocol

from hardware.scanners.in_store import InStoreCode
from hardware.scanners.scan import Reader, Scan, Symbology, read

__all__ = ["InStoreCode", "Reader", "Scan", "Scanner", "Symbology", "read"]


class Scanner(Protocol):
    """A scanner of its own, which no window has to have the focus for. For one thread."""

    @property
    def name(self) -> str:
        """Which device it is."""

    @property
    def trouble(self) -> str:
        """Why nothing can be read now, in plain words; empty while it works."""

    def read(self, timeout_s: float) -> Scan | None:
        """The next scan, waiting `timeout_s` at most. A device that is gone is looked for meanwhile.

        A code read again within 300 ms is the same scan and does not come.
        """

    def close(self) -> None:
        """Lets the device go."""
