"""A cash drawer on a receipt printer's drawer connector."""

from dataclasses import dataclass

from hardware.devices import PrinterStatus

# The pulse: 100 ms on, 500 ms until the next, in units of 2 ms.
_PULSE = bytes((50, 250))


@dataclass(frozen=True, slots=True)
class EscposDrawer:
    """A drawer on pin 2 or 5. `open_is_high`: its switch lets the sensor's pin go high when it is open."""

    pin: int = 2
    open_is_high: bool = True

    def kick(self) -> bytes:
        """See CashDrawer: ESC p."""
        return b"\x1bp" + bytes((0 if self.pin == 2 else 1,)) + _PULSE

    def is_open(self, status: PrinterStatus) -> bool | None:
        """See CashDrawer."""
        return None if status.drawer_high is None else status.drawer_high == self.open_is_high
