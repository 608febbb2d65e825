"""Goal: a scan is heard whatever has the focus and types into nothing; what a person types arrives unharmed.

Method: keys are sent to the window as the windowing system sends them, stamped with their times.
"""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.clients.conftest import KOPI
from tests.clients.desktop.conftest import SCANNER_MS, keys_of, press, scan, typed


def test_a_scan_is_heard_and_types_into_nothing(window, wait):
    heard = []
    window.typed_scans.scanned.connect(heard.append)
    window.go(window.booking)
    window.booking.form.fields["name"].setFocus()
    scan(window, KOPI)
    assert heard == [KOPI]
    wait(lambda: len(window.booking.lines.rows) == 1)
    assert window.booking.form.fields["name"].text() == ""


def test_what_a_person_types_arrives_in_the_field_with_the_focus(window, wait):
    window.go(window.booking)
    name = window.booking.form.fields["name"]
    name.setFocus()
    typed(window, "sari dewi 8991234567891")
    wait(lambda: name.text() == "sari dewi 8991234567891")


def test_typing_fast_without_enter_is_typing(window, wait):
    window.go(window.booking)
    name = window.booking.form.fields["name"]
    name.setFocus()
    for number, char in enumerate("abcdef"):
        press(window, char, ord(char.upper()), 50_000_000 + 5 * number)
    wait(lambda: name.text() == "abcdef")


def test_keys_that_type_nothing_keep_their_place_among_those_that_do(window, wait):
    window.go(window.booking)
    name = window.booking.form.fields["name"]
    name.setFocus()
    press(window, "a", Qt.Key.Key_A, 60_000_000)
    press(window, "b", Qt.Key.Key_B, 60_000_010)
    press(window, "", Qt.Key.Key_Backspace, 60_000_020)
    assert name.text() == "a"


def test_space_presses_a_button_and_lets_it_go(window, wait):
    window.finding.in_stock.setFocus()
    press(window, " ", Qt.Key.Key_Space, 70_000_000)
    wait(window.finding.in_stock.isChecked)
    assert not window.finding.in_stock.isDown()


def test_shortcuts_go_on_while_a_scanner_is_listened_to(window):
    QTest.keyClick(window, Qt.Key.Key_F3)
    assert window.screen_now is window.booking
    QTest.keyClick(window, Qt.Key.Key_F4)
    assert window.screen_now is window.orders


def test_a_sign_that_a_fast_scanner_sends_twice_is_no_key_that_is_held(window, wait):
    """X11 and Qt take a press at the time of the release before it for a repetition."""
    heard = []
    window.typed_scans.scanned.connect(heard.append)
    window.go(window.booking)
    for at, (char, key) in enumerate(keys_of(KOPI + "\r")):
        press(window, char, key, 910_000_000, repeats=at > 0 and char == KOPI[at - 1])
    assert heard == [KOPI]


def test_a_key_that_is_held_down_types_on(window, wait):
    heard = []
    window.typed_scans.scanned.connect(heard.append)
    window.go(window.booking)
    name = window.booking.form.fields["name"]
    name.setFocus()
    press(window, "a", Qt.Key.Key_A, 920_000_000)
    for repetition in range(9):
        press(window, "a", Qt.Key.Key_A, 920_000_250 + 25 * repetition, repeats=True)
    assert name.text() == "a" * 10
    assert heard == []


def test_capital_letters_come_with_shift_and_are_part_of_the_scan(window, wait):
    window.go(window.booking)
    start = 900_000_000
    for number, char in enumerate("KOPI-01\r"):
        if char.isupper():
            press(window, "", Qt.Key.Key_Shift, start + number * SCANNER_MS)
        press(window, char, next(keys_of(char))[1], start + number * SCANNER_MS)
    wait(lambda: [row.item.item.sku for row in window.booking.lines.rows] == ["KOPI-01"])
    assert window.booking.code.text() == ""


def test_a_separator_that_a_scanner_types_as_a_key_with_ctrl_is_part_of_the_code(window, wait):
    heard = []
    window.typed_scans.scanned.connect(heard.append)
    window.go(window.booking)
    name = window.booking.form.fields["name"]
    name.setFocus()
    control = Qt.KeyboardModifier.ControlModifier
    for start, separator in ((930_000_000, "\x1d"), (931_000_000, "")):
        for at, char in enumerate(f"]C1{KOPI}|10AB\r"):
            stamp = start + at * SCANNER_MS
            if char == "|":
                press(window, "", Qt.Key.Key_Control, stamp)
                press(window, separator, Qt.Key.Key_BracketRight, stamp, modifiers=control)
            else:
                press(window, char, next(keys_of(char))[1], stamp)
    assert heard == [f"]C1{KOPI}\x1d10AB"] * 2
    assert name.text() == ""
