"""The two command sets that nearly every display of two lines speaks."""

from collections.abc import Callable
from dataclasses import dataclass

from hardware.displays.text import COLUMNS


@dataclass(frozen=True, slots=True)
class Commands:
    """What a display wants to hear. `begin` after power came on; `lines` puts two lines of ASCII, full
    width.
    """

    name: str
    begin: bytes
    lines: Callable[[bytes, bytes], bytes]


def _epson_lines(top: bytes, bottom: bytes) -> bytes:
    # US $ column line: the cursor's place, counted from one.
    return b"\x1f$\x01\x01" + top + b"\x1f$\x01\x02" + bottom


def _cd5220_lines(top: bytes, bottom: bytes) -> bytes:
    # ESC Q A, ESC Q B: the whole upper or lower line, up to CR.
    return b"\x1bQA" + top + b"\r\x1bQB" + bottom + b"\r"


# ESC @ resets; ESC R 0 American letters; US MD1 overwrites; US C 0 hides the cursor; CLR. Source: Epson DM-D
# command reference.
EPSON = Commands("epson", b"\x1b@\x1bR\x00\x1f\x01\x1fC\x00\x0c", _epson_lines)
# ESC @ resets; ESC f 0 American letters; ESC DC1 overwrites; ESC _ 0 hides the cursor; CLR. Source: CD5220
# command set, as in the manuals of PD-300, VFD220 and their like.
CD5220 = Commands("cd5220", b"\x1b@\x1bf\x00\x1b\x11\x1b_\x00\x0c", _cd5220_lines)
COMMANDS = {each.name: each for each in (EPSON, CD5220)}


def full(line: str) -> bytes:
    """A line as it is sent: as wide as the display, so that nothing of the one before stays."""
    return line.ljust(COLUMNS)[:COLUMNS].encode("ascii")
