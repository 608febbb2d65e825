"""A keyboard scanner through evdev: key events to codes, grabbed, unplugged and back.

Where the kernel has uinput, over a keyboard that it makes. Everywhere, over a pipe of the kernel's own event
structs, which python-evdev reads as it reads a device's; only opening and grabbing are then the test's.
"""

import errno
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evdev import InputDevice, UInput, ecodes
from evdev.eventio import EventIO

from hardware.scanners import Scan, Symbology
from hardware.scanners.evdev_scanner import EvdevScanner
from hardware.scanners.keyboard import DOWN, UP
from hardware.scanners.layouts import DE, US, Layout, Level
from tests.devices.pty_line import PATIENCE_S

KOPI = "8991234567891"
SHIFT, ENTER = 42, 28
# struct input_event of linux/input.h: seconds, microseconds, type, code, value.
EVENT = "llHHi"


def presses(text: str, layout: Layout = US) -> Iterator[tuple[int, int]]:
    """The key events of a scanner that types a text."""
    for char in text:
        if char == "\r":
            yield from ((ENTER, DOWN), (ENTER, UP))
            continue
        place = layout.key(char)
        assert place is not None
        if place[1] is Level.SHIFT:
            yield SHIFT, DOWN
        yield place[0], DOWN
        yield place[0], UP
        if place[1] is Level.SHIFT:
            yield SHIFT, UP


class PipedDevice(EventIO):
    """A device whose events come through a pipe."""

    def __init__(self) -> None:
        self.fd, self.far_end = os.pipe()
        os.set_blocking(self.fd, False)
        self.grabbed = self.closed = False

    def grab(self) -> None:
        self.grabbed = True

    def close(self) -> None:
        self.closed = True
        os.close(self.fd)

    def send(self, keys: Iterator[tuple[int, int]], at: float, kind: int = ecodes.EV_KEY) -> None:
        seconds, rest = int(at), round(at % 1 * 1_000_000)
        for key, value in keys:
            os.write(self.far_end, struct.pack(EVENT, seconds, rest, kind, key, value))
            os.write(self.far_end, struct.pack(EVENT, seconds, rest, ecodes.EV_SYN, ecodes.SYN_REPORT, 0))


@pytest.fixture
def device() -> Iterator[PipedDevice]:
    made = PipedDevice()
    yield made
    os.close(made.far_end)


def over(device: PipedDevice, **options: object) -> EvdevScanner:
    return EvdevScanner("/dev/input/event9", opener=lambda _path: device, **options)  # type: ignore[arg-type]


def test_keys_are_a_code_and_the_device_is_grabbed(device: PipedDevice) -> None:
    scanner = over(device)
    assert scanner.read(0) is None
    assert device.grabbed
    device.send(presses("]E0" + KOPI + "\r"), time.monotonic())
    assert scanner.read(PATIENCE_S) == Scan(f"]E0{KOPI}", KOPI, Symbology.EAN_13, gtin=f"0{KOPI}")
    scanner.close()
    assert device.closed


def test_a_scanner_set_up_for_another_layout(device: PipedDevice) -> None:
    scanner = over(device, layout=DE)
    device.send(presses("ZY-0/(7)\r", DE), time.monotonic())
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert scan.code == "ZY-0/(7)"
    scanner.close()


def test_scans_are_told_apart_by_the_kernels_time_and_not_by_when_they_are_fetched(
    device: PipedDevice,
) -> None:
    scanner = over(device)
    now = time.monotonic()
    for at in (now - 3.0, now - 2.8, now - 2.0):
        device.send(presses(KOPI + "\r"), at)
    read = [scanner.read(PATIENCE_S), scanner.read(PATIENCE_S), scanner.read(0)]
    assert [scan.code if scan else None for scan in read] == [KOPI, KOPI, None]
    scanner.close()


def test_a_code_without_its_end_is_shown(device: PipedDevice) -> None:
    scanner = over(device)
    device.send(presses("HALF"), time.monotonic())
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert (scan.raw, scan.problem) == ("HALF", "cut off before its end")
    scanner.close()


def test_what_the_kernel_dropped_is_not_glued_together(device: PipedDevice) -> None:
    scanner = over(device)
    now = time.monotonic()
    device.send(presses("899123"), now)
    device.send(iter([(SHIFT, DOWN)]), now)
    device.send(iter([(ecodes.SYN_DROPPED, 0)]), now, ecodes.EV_SYN)
    device.send(presses("891\r"), now)
    read = [scanner.read(PATIENCE_S), scanner.read(PATIENCE_S)]
    assert [(scan.raw, scan.problem) for scan in read if scan] == [
        ("899123", "cut off before its end"),
        # Shift is not held any more as far as anybody knows.
        ("891", ""),
    ]
    scanner.close()


def test_unplugged_and_back() -> None:
    devices: list[PipedDevice] = []
    there = True

    def opener(_path: str) -> PipedDevice:
        if not there:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        devices.append(PipedDevice())
        return devices[-1]

    scanner = EvdevScanner("/dev/input/event9", opener=opener)
    assert scanner.read(0) is None
    assert scanner.trouble == ""
    devices[0].send(presses("89"), time.monotonic())
    there = False
    os.close(devices[0].far_end)
    cut = scanner.read(PATIENCE_S)
    assert cut is not None
    assert (cut.raw, cut.problem) == ("89", "cut off before its end")
    assert devices[0].closed
    assert "No such device" in scanner.trouble
    assert scanner.read(0.3) is None
    assert scanner.trouble == "/dev/input/event9 cannot be had: No such file or directory"
    there = True
    deadline = time.monotonic() + PATIENCE_S
    while scanner.trouble:
        assert time.monotonic() < deadline
        scanner.read(0.05)
    devices[1].send(presses(KOPI + "\r"), time.monotonic())
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert scan.code == KOPI
    scanner.close()
    os.close(devices[1].far_end)


def test_a_device_that_is_not_there_says_so(tmp_path: Path) -> None:
    scanner = EvdevScanner(str(tmp_path / "event7"))
    assert scanner.read(0) is None
    assert scanner.trouble == f"{tmp_path}/event7 cannot be had: No such file or directory"


# --- With the kernel's own device ---


@pytest.fixture
def plug() -> Iterator[Callable[[], UInput]]:
    """Plugs a keyboard in, made by uinput."""
    if not os.access("/dev/uinput", os.W_OK):
        pytest.skip("this kernel has no /dev/uinput, or it may not be written")
    made: list[UInput] = []

    def one() -> UInput:
        made.append(UInput({ecodes.EV_KEY: list(range(1, 120))}, name="kasir test scanner"))
        return made[-1]

    yield one
    for each in made:
        each.close()


def test_a_keyboard_of_the_kernel(plug: Callable[[], UInput]) -> None:
    keyboard = plug()
    assert keyboard.device is not None
    path = keyboard.device.path
    scanner = EvdevScanner(path)
    assert scanner.read(0) is None
    other = InputDevice(path)
    with pytest.raises(OSError, match="busy"):
        other.grab()
    for key, value in presses(KOPI + "\r"):
        keyboard.write(ecodes.EV_KEY, key, value)
        keyboard.syn()
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert scan.code == KOPI
    keyboard.close()
    assert scanner.read(0.5) is None
    assert "event" in scanner.trouble
    scanner.close()
