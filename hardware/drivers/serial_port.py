"""Printers on a serial port, or on USB with a serial chip."""

import termios

import serial
from serial.tools import list_ports

from hardware.devices import Unreachable
from hardware.drivers.line import Descriptor

FLOWS = ("rtscts", "dsrdtr", "xonxoff", "none")


def connect(path: str, baud: int, flow: str) -> Descriptor:
    """Opens the port for this program alone. Raises Unreachable."""
    try:
        port = serial.Serial(
            path,
            baud,
            timeout=0,
            exclusive=True,
            rtscts=flow == "rtscts",
            dsrdtr=flow == "dsrdtr",
            xonxoff=flow == "xonxoff",
        )
    except (OSError, ValueError, termios.error) as error:
        raise Unreachable(f"{path}: {error}") from error
    # Closing waits for what is still on its way out, as the system has it set for the port.
    return Descriptor(port.fileno(), port.close)


def devices() -> list[tuple[str, str]]:
    """Serial ports with something behind them: (path, what the system says of it)."""
    return [(port.device, port.description or "") for port in sorted(list_ports.comports())]
