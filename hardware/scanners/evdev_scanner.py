"""A keyboard scanner taken from the desktop: its Linux input device is grabbed, so that it types into no
window.

Through python-evdev. Key events bear the kernel's own time, so that codes are told apart by when they were
read and not by when this program came round to them.
"""

import errno
import fcntl
import os
import select
import struct
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from evdev import InputDevice, InputEvent, ecodes

from hardware.scanners.codes import Codes
from hardware.scanners.frames import Frames
from hardware.scanners.keyboard import Keyboard
from hardware.scanners.layouts import US, Layout
from hardware.scanners.scan import Reader, Scan

RETRY_S = 0.25
# linux/input.h: _IOW('E', 0xa0, int)
_EVIOCSCLOCKID = 0x400445A0


class Device(Protocol):
    """What is asked of an input device; evdev's `InputDevice` is one."""

    def fileno(self) -> int:
        """Readable when events wait."""

    def read(self) -> Iterator[InputEvent]:
        """The events that wait. Raises OSError when the device is gone."""

    def grab(self) -> None:
        """Takes the device for this program alone. Raises OSError."""

    def close(self) -> None:
        """Lets it go."""


def open_device(path: str) -> Device:
    """Opens an input device whose events bear the monotonic clock's time. Raises OSError."""
    device: InputDevice[str] = InputDevice(path, readonly=True)
    try:
        fcntl.ioctl(device.fileno(), _EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
    except OSError:
        device.close()
        raise
    return device


class EvdevScanner:
    """See `hardware.scanners.Scanner`. `layout` is the one that the scanner is set up for.

    `path` should be one of `hardware.scanners.attached`: those stay the same when the scanner is plugged in
    elsewhere. `opener` is for a test that brings a device of its own.
    """

    def __init__(
        self,
        path: str,
        *,
        layout: Layout = US,
        terminator: str = "\r\n\t",
        reader: Reader | None = None,
        clock: Callable[[], float] = time.monotonic,
        opener: Callable[[str], Device] = open_device,
    ) -> None:
        self._path = path
        self._layout = layout
        self._codes = Codes(reader, Frames(terminator))
        self._clock = clock
        self._opener = opener
        self._device: Device | None = None
        self._keyboard = Keyboard(layout)
        self._look_at = float("-inf")
        self._trouble = "not opened yet"

    @property
    def name(self) -> str:
        """The device's path."""
        return self._path

    @property
    def trouble(self) -> str:
        """Why nothing can be read now; empty while it works."""
        return self._trouble

    def read(self, timeout_s: float) -> Scan | None:
        """The next scan, or None after `timeout_s`."""
        deadline = self._clock() + timeout_s
        while True:
            scan = self._codes.next()
            if scan is not None:
                return scan
            now = self._clock()
            device = self._opened(now)
            if device is None:
                time.sleep(max(0.0, min(deadline, self._look_at) - now))
            elif not self._take(device, self._codes.patience(now, deadline)):
                self._codes.idle(self._clock())
            if self._clock() >= deadline:
                return self._codes.next()

    def close(self) -> None:
        """Lets the device go: it types into windows again."""
        if self._device is not None:
            self._device.close()
            self._device = None

    def _take(self, device: Device, timeout_s: float) -> bool:
        """Waits for events and takes those that came; says whether there were any."""
        waiting = select.poll()
        waiting.register(device.fileno(), select.POLLIN)
        ready = waiting.poll(timeout_s * 1000)
        if not ready:
            return False
        try:
            for event in _events(device, gone=bool(ready[0][1] & (select.POLLHUP | select.POLLERR))):
                self._event(event)
        except OSError as error:
            self._lose(f"{self._path} is gone: {_words(error)}")
        return True

    def _event(self, event: InputEvent) -> None:
        if event.type == ecodes.EV_KEY:
            char = self._keyboard.event(event.code, event.value)
            if char:
                self._codes.feed(char, event.timestamp())
        elif event.type == ecodes.EV_SYN and event.code == ecodes.SYN_DROPPED:
            # The kernel's queue ran over: what is held down is not known any more.
            self._codes.cut()
            self._keyboard = Keyboard(self._layout)

    def _opened(self, now: float) -> Device | None:
        if self._device is None and now >= self._look_at:
            self._look_at = now + RETRY_S
            try:
                self._device = self._opener(self._path)
                self._device.grab()
            except OSError as error:
                self._lose(f"{self._path} cannot be had: {_words(error)}")
            else:
                self._keyboard = Keyboard(self._layout)
                self._trouble = ""
        return self._device

    def _lose(self, trouble: str) -> None:
        self._trouble = trouble
        self._codes.cut()
        try:
            self.close()
        except OSError:
            self._device = None


def _events(device: Device, *, gone: bool) -> list[InputEvent]:
    """The events that wait; what came before the device went is still taken. Raises OSError when it is
    gone.
    """
    events = list(device.read())
    if not events and gone:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return events


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
