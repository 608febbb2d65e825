"""What a finger needs: targets of 48 pixels at least on every screen; and both languages."""

import pytest
from PySide6.QtWidgets import QPushButton

from clients.desktop.till.allowing import Allowing
from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import asked

TARGET_PX = 48


def test_the_language_changes_while_the_window_is_open(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.next_language()
    assert till.windowTitle() == "Kasir KASIR-1"
    assert till._state.text() == "● Tersambung"
    assert till.selling.pay_button.text() == "Bayar  F12"
    till.next_language()
    assert till.selling.pay_button.text() == "Pay  F12"


@pytest.mark.parametrize("size", [(1280, 800), (1024, 768)], ids=["large", "small"])
def test_what_is_tapped_is_large_enough_and_in_sight(till, wait, size):
    till.resize(*size)
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.selling.ask_quantity()
    dialog = asked(till)
    wait(lambda: too_small(dialog) == [])
    dialog.reject()
    till.till.till.approvers.put("budi", "4711")
    long = "The line is down, and the till has not leased 3 Kopi Susu Gula Aren: somebody has to allow it."
    allowing = Allowing(till, till.till, long, lambda _permission: None)
    allowing.open()
    wait(lambda: too_small(allowing) == [])
    allowing.reject()
    for screen in till.screens:
        till.go(screen)
        wait(lambda: too_small(till) == [])
    till.go(till.selling)
    till.selling.to_pay()
    wait(lambda: too_small(till) == [])
    assert (till.width(), till.height()) == size


def test_both_languages_fit_a_screen_of_1024_by_768(till):
    till.resize(1024, 768)
    for _ in range(2):
        till.next_language()
        assert (till.minimumSizeHint().width() <= 1024, till.minimumSizeHint().height() <= 768) == (
            True,
            True,
        )


def too_small(window) -> list[str]:
    return [
        f"{each.text()} {each.width()}x{each.height()}"
        for each in window.findChildren(QPushButton)
        if each.isVisible()
        and (
            min(each.width(), each.height()) < TARGET_PX or each.visibleRegion().boundingRect() != each.rect()
        )
    ]
