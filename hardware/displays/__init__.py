"""The customer's display: two lines of twenty characters that say what was scanned and what is to pay.

    display = SerialDisplay("/dev/ttyUSB1", EPSON)        # hardware.displays.serial_display
    display.show(pair("Kopi Gayo 250 g", "Rp 85.000"), pair("Total", "Rp 85.000"))

A display that is gone delays no sale: `show` says so and goes on.
"""

from typing import Protocol

from hardware.displays.text import COLUMNS, DisplayError, fitted, pair

__all__ = ["COLUMNS", "Display", "DisplayError", "fitted", "pair"]


class Display(Protocol):
    """Two lines that stay until others are shown. For one thread."""

    @property
    def name(self) -> str:
        """Which device it is."""

    @property
    def trouble(self) -> str:
        """Why nothing is shown now, in plain words; empty while it works."""

    def show(self, top: str, bottom: str) -> bool:
        """Shows two lines, each cut to its cells; says whether the display took them."""

    def tend(self) -> bool:
        """To be called now and then: after the display was away, what should stand there is shown again."""

    def close(self) -> None:
        """Lets the device go; what stands on it stays."""
