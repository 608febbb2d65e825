"""Printers on USB, through the kernel's usblp driver."""

import os
from functools import partial
from pathlib import Path

from hardware.devices import Unreachable
from hardware.drivers.line import Descriptor


def connect(path: str) -> Descriptor:
    """Opens the device file; only one program may have it open. Raises Unreachable."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise Unreachable(f"{path}: {error.strerror}") from error
    # Printers send packets without content: that is no end.
    return Descriptor(handle, partial(os.close, handle), nothing_is_the_end=False)


def devices() -> list[str]:
    """Device files of the USB printers that are plugged in."""
    return sorted(str(path) for path in Path("/dev/usb").glob("lp*"))


def identity(path: str) -> str:
    """Maker and model as the printer says them (IEEE 1284), empty when it does not."""
    try:
        device = Path("/sys/class/usbmisc", Path(path).name, "device")
        said = (device / "ieee1284_id").read_text(errors="replace")
    except OSError:
        return ""
    pairs = dict(part.split(":", 1) for part in said.split(";") if ":" in part)
    names = (pairs.get("MFG") or pairs.get("MANUFACTURER"), pairs.get("MDL") or pairs.get("MODEL"))
    return " ".join(name.strip() for name in names if name)
