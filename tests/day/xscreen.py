"""A screen that is a program (Xvfb) with a window manager on it: keys are pressed as a keyboard's, and what
stands there is read from its pixels, as a person does.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL import Image, ImageChops, ImageGrab
from Xlib import XK, X, display, protocol
from Xlib.ext import xtest

PROGRAMS = ("Xvfb", "openbox", "tesseract")
SIZE = "1440x900x24"
PATIENCE_S = 30.0
LOOK_S = 0.05
# A fast typist; scanners are told from people at 35 ms.
TYPED_S = 0.045
# What stands left of a screen's own part of a window, and how high the notice above it is
SIDE_PX, NOTICE_PX = 226, 110
NAMES = {"\r": "Return", "\t": "Tab"}
MODIFIERS = {"Ctrl": "Control_L", "Shift": "Shift_L", "Alt": "Alt_L"}
KEYS = {"Enter": "Return", "Del": "Delete"}


def until(condition: Callable[[], Any], what: str) -> Any:
    """Waits for something; what it was. Raises AssertionError when it never comes."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(LOOK_S)
    return found


def letters(text: str) -> str:
    """What is left of a text when blanks and signs, which are easily read wrong, are gone."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def read(picture: Image.Image) -> str:
    """The words in a picture."""
    large = picture.convert("L").resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC)
    file = BytesIO()
    large.save(file, "png", compress_level=1)
    found = subprocess.run(
        ["tesseract", "stdin", "stdout", "--psm", "11", "-l", "eng"],
        input=file.getvalue(),
        capture_output=True,
        check=True,
        # Two cores are shared with what is looked at.
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )
    return found.stdout.decode()


class XScreen:
    """Opened and closed with `with`."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "screen.log").open("wb")
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self.server.stdout is not None
        self.name = ":" + self.server.stdout.readline().decode().strip()
        self._display = display.Display(self.name)
        self._root = self._display.screen().root
        self._manager = subprocess.Popen(
            ["openbox", "--sm-disable"],
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "DISPLAY": self.name},
        )
        until(lambda: self._property(self._root, "_NET_SUPPORTING_WM_CHECK"), "the window manager")

    def __enter__(self) -> "XScreen":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _raised: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._display.close()
        for process in (self._manager, self.server):
            process.terminate()
            process.wait(PATIENCE_S)
        self._log.close()

    def window_of(self, process: subprocess.Popen[bytes]) -> int:
        """The first window of a program, as soon as it stands there."""
        return int(until(lambda: self._windows(process.pid), "a window")[0])

    def to_front(self, window: int) -> None:
        """Gives a window the keyboard, as a click on its title does."""
        if self._active() == window:
            return
        made = self._display.create_resource_object("window", window)
        asked = protocol.event.ClientMessage(
            window=made, client_type=self._atom("_NET_ACTIVE_WINDOW"), data=(32, [2, X.CurrentTime, 0, 0, 0])
        )
        self._root.send_event(asked, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self._display.flush()
        until(lambda: self._active() == window, "the window in front")

    def press(self, keys: str) -> None:
        """Keys at once, as they are written in the windows: F4, Ctrl+Enter."""
        *held, last = keys.split("+")
        names = [MODIFIERS[each] for each in held] + [KEYS.get(last, last)]
        codes = [self._code(name)[0] for name in names]
        for code in codes:
            xtest.fake_input(self._display, X.KeyPress, code)
        for code in reversed(codes):
            xtest.fake_input(self._display, X.KeyRelease, code)
        self._display.sync()
        time.sleep(TYPED_S)

    def type_words(self, text: str) -> None:
        """As a person does: the server has stamped one key before the next is pressed."""
        for char in text:
            self._char(char)
            self._display.sync()
            time.sleep(TYPED_S)

    def scan(self, code: str) -> None:
        """As a scanner that types does: all keys in one go, and the screen serves nobody else in between."""
        self._display.grab_server()
        for char in code + "\r":
            self._char(char)
        self._display.ungrab_server()
        self._display.sync()

    def picture(self, window: int = 0) -> Image.Image:
        """The whole screen, or what stands where a window is."""
        whole = ImageGrab.grab(xdisplay=self.name)
        if not window:
            return whole
        made = self._display.create_resource_object("window", window)
        shape, at = made.get_geometry(), made.translate_coords(self._root, 0, 0)
        left, top = -at.x, -at.y
        return whole.crop((left, top, left + shape.width, top + shape.height))

    def sees(self, window: int, words: str, *, notice: bool = False, left_px: int = SIDE_PX) -> None:
        """Waits until a window's part right of the names of screens has these words in it, or its head has.
        Raises AssertionError with what was read instead.
        """
        end = time.monotonic() + PATIENCE_S
        before, text = None, ""
        while True:
            picture = self.picture(window)
            picture = picture.crop((left_px, 0, picture.width, NOTICE_PX if notice else picture.height))
            if before is None or ImageChops.difference(before, picture).getbbox():
                before, text = picture, read(picture)
                if letters(words) in letters(text):
                    return
            assert time.monotonic() < end, f"'{words}' is not there: {' / '.join(text.split())}"
            time.sleep(LOOK_S)

    def _char(self, char: str) -> None:
        code, shifted = self._code(NAMES.get(char) or char)
        shift = self._code("Shift_L")[0]
        if shifted:
            xtest.fake_input(self._display, X.KeyPress, shift)
        xtest.fake_input(self._display, X.KeyPress, code)
        xtest.fake_input(self._display, X.KeyRelease, code)
        if shifted:
            xtest.fake_input(self._display, X.KeyRelease, shift)

    def _code(self, name: str) -> tuple[int, bool]:
        """The key with that sign, and whether it is the upper one on it."""
        sign = XK.string_to_keysym(name) or ord(name)
        found = [each for each in self._display.keysym_to_keycodes(sign) if each[1] in {0, 1}]
        code, level = min(found, key=lambda each: each[1])
        return code, bool(level)

    def _windows(self, pid: int) -> list[int]:
        listed = self._property(self._root, "_NET_CLIENT_LIST") or ()
        made = {each: self._display.create_resource_object("window", each) for each in listed}
        return [each for each, window in made.items() if list(self._property(window, "_NET_WM_PID")) == [pid]]

    def _active(self) -> int:
        return int((self._property(self._root, "_NET_ACTIVE_WINDOW") or (0,))[0])

    def _property(self, window: Any, name: str) -> Any:
        found = window.get_full_property(self._atom(name), X.AnyPropertyType)
        return found.value if found else ()

    def _atom(self, name: str) -> int:
        return int(self._display.intern_atom(name))
