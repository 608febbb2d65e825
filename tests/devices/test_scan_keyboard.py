"""Keys as characters: our layouts against those of xkb, which every Linux desktop uses."""

import ctypes
import ctypes.util
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.scanners.keyboard import DOWN, HELD, UP, Keyboard
from hardware.scanners.layouts import DE, FR, GB, KEYS, LAYOUTS, US, Layout, Level, retyped

SHIFT, CONTROL, ALT, ALT_GR, CAPS = 42, 29, 56, 100, 58
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
# xkb's key codes are Linux's and eight more.
XKB_OFFSET = 8
EACH_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


class Names(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")]


@pytest.fixture(scope="module")
def xkb_char() -> Callable[[str, int, Level], str]:
    """The character of a key in a layout of xkb."""
    name = ctypes.util.find_library("xkbcommon")
    if name is None:
        pytest.skip("libxkbcommon0 and xkb-data are not installed")
    xkb = ctypes.CDLL(name)
    symbols = ctypes.POINTER(ctypes.c_uint32)
    xkb.xkb_context_new.restype = xkb.xkb_keymap_new_from_names.restype = ctypes.c_void_p
    xkb.xkb_keymap_new_from_names.argtypes = [ctypes.c_void_p, ctypes.POINTER(Names), ctypes.c_int]
    levels = xkb.xkb_keymap_key_get_syms_by_level
    levels.argtypes = [ctypes.c_void_p, *[ctypes.c_uint32] * 3, ctypes.POINTER(symbols)]
    xkb.xkb_keysym_to_utf32.restype = ctypes.c_uint32
    context = xkb.xkb_context_new(0)
    keymaps = {}
    for layout in (*LAYOUTS, "id"):
        asked = Names(b"evdev", b"pc105", layout.encode(), b"", b"")
        keymaps[layout] = xkb.xkb_keymap_new_from_names(context, ctypes.byref(asked), 0)
        assert keymaps[layout], f"xkb has no layout {layout}"

    def char(layout: str, key: int, level: Level) -> str:
        found = symbols()
        count = levels(keymaps[layout], key + XKB_OFFSET, 0, level, ctypes.byref(found))
        code = xkb.xkb_keysym_to_utf32(found[0]) if count else 0
        return chr(code) if code else ""

    return char


@EACH_LAYOUT
def test_a_layout_is_xkbs(layout: Layout, xkb_char: Callable[[str, int, Level], str]) -> None:
    for key in KEYS[:-1]:
        for level in Level:
            ours, theirs = layout.char(key, level), xkb_char(layout.name, key, level)
            if ours:
                assert ours == theirs, (key, level)
            elif theirs and theirs in PRINTABLE:
                # Some have a character twice; one place is enough.
                assert layout.key(theirs), (key, level, theirs)
    assert [layout.char(KEYS[-1], level) for level in Level] == [" ", " ", ""]


def test_indonesias_layout_is_the_us_one(xkb_char: Callable[[str, int, Level], str]) -> None:
    for key in KEYS:
        for level in (Level.PLAIN, Level.SHIFT):
            assert xkb_char("id", key, level) == xkb_char("us", key, level)


@pytest.mark.parametrize("layout", [US, GB], ids=["us", "gb"])
def test_every_printable_character_has_a_key(layout: Layout) -> None:
    assert all(layout.key(char) for char in PRINTABLE)


def typed(text: str, layout: Layout, keyboard: Keyboard) -> str:
    """What comes of typing a text on a layout, key by key."""
    got = ""
    for char in text:
        place = layout.key(char)
        assert place is not None
        key, level = place
        held = {Level.PLAIN: None, Level.SHIFT: SHIFT, Level.ALT_GR: ALT_GR}[level]
        presses = [(held, DOWN)] if held else []
        presses += [(key, DOWN), (key, HELD), (key, UP)]
        presses += [(held, UP)] if held else []
        got += "".join(keyboard.event(*press) for press in presses)
    return got


@EACH_LAYOUT
def test_what_is_typed_on_a_layout_is_read_on_it(layout: Layout) -> None:
    text = "".join(char for char in PRINTABLE if layout.key(char))
    assert len(text) >= 90
    assert typed(text, layout, Keyboard(layout)) == text


@pytest.mark.parametrize(("computer", "seen"), [(DE, "+C1KOPIß01/Z"), (FR, "$C&KOPI)à&7Y")])
def test_a_code_typed_on_another_layout_is_understood(computer: Layout, seen: str) -> None:
    # What a US scanner's keys give on this computer, as its windows see it.
    assert retyped(seen, computer, US) == "]C1KOPI-01&Y"


@given(st.text(PRINTABLE), st.sampled_from([US, GB, DE, FR]))
def test_retyping_undoes_the_computers_layout(text: str, computer: Layout) -> None:
    places = [place for place in map(US.key, text) if place and computer.char(*place)]
    meant = "".join(US.char(*place) for place in places)
    assert retyped("".join(computer.char(*place) for place in places), computer, US) == meant
    assert retyped(text, computer, computer) == text


def test_fnc1_comes_as_control_and_a_bracket_or_as_alt_and_a_number() -> None:
    keyboard = Keyboard()
    bracket = US.key("]")
    assert bracket is not None
    presses = [(CONTROL, DOWN), (bracket[0], DOWN), (bracket[0], UP), (CONTROL, UP)]
    assert "".join(keyboard.event(*press) for press in presses) == "\x1d"
    keypad = {"0": 82, "2": 80, "9": 73}
    presses = [(ALT, DOWN), *((keypad[digit], DOWN) for digit in "029"), (ALT, UP)]
    assert "".join(keyboard.event(*press) for press in presses) == "\x1d"
    assert keyboard.event(keypad["9"], DOWN) == "9"


def test_caps_lock_turns_letters_only() -> None:
    keyboard = Keyboard()
    for value in (DOWN, UP):
        assert keyboard.event(CAPS, value) == ""
    assert typed("aB1;", US, keyboard) == "Ab1;"


@given(st.lists(st.tuples(st.integers(0, 255), st.sampled_from([UP, DOWN, HELD])), max_size=300))
def test_any_key_events_give_characters_or_nothing(events: list[tuple[int, int]]) -> None:
    keyboard = Keyboard(DE)
    assert all(len(keyboard.event(*event)) <= 1 for event in events)
