"""Goal: the customer sees the cart, what it comes to, and a QR code that a phone reads; never a stale one."""

import pytest
import zxingcpp
from PIL import Image

from clients.common.qris import with_amount
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, TENDER_KIND_QR
from tests.clients.conftest import KOPI
from tests.clients.test_qris import SHOP


@pytest.fixture
def customers(make_till, line, wait):
    window = make_till(line.address, customer_screen=True, qris=SHOP)
    wait(lambda: window.desk.line.connected and window.screens and window.selling.goods.tiles.items)
    window.shift.opening.sum.show_minor(20_000_000)
    window.shift.opening.take()
    wait(lambda: window.till.state.shift is not None and window.till.state.shift.shift_id)
    window.go(window.selling)
    return window


def seen(screen) -> list[str]:
    """The codes that a phone reads off the screen."""
    picture = screen.grab().toImage().convertToFormat(screen.grab().toImage().Format.Format_RGB888)
    rows = [bytes(picture.constScanLine(y))[: picture.width() * 3] for y in range(picture.height())]
    image = Image.frombytes("RGB", (picture.width(), picture.height()), b"".join(rows))
    return [found.text for found in zxingcpp.read_barcodes(image)]


def scan(window, wait, times: int = 1):
    for _ in range(times):
        window.selling.scanned(KOPI)
    wait(lambda: window.selling.quote and window.selling.quote.online)


def test_the_cart_is_seen_and_paid_by_a_code_that_is_read(customers, wait):
    screen, selling = customers.customer_screen, customers.selling
    assert screen.words.text() == "Welcome"
    scan(customers, wait, 2)
    quantity, name, total = screen._rows[0]
    assert (quantity.text(), name.whole, total.text()) == (
        "2",
        "Kopi Luwak Bubuk 250 g",
        screen.total.text(),
    )
    selling.to_pay()
    assert seen(screen) == []
    selling.pay.choose(TENDER_KIND_QR)
    due = selling.pay.rest
    wait(lambda: seen(screen) == [with_amount(SHOP, due)])
    # A part is paid in cash: the code asks for the rest.
    selling.pay.choose(TENDER_KIND_CASH)
    assert seen(screen) == []
    selling.pay.amount.show_minor(1_000_000)
    selling.pay.take()
    selling.pay.choose(TENDER_KIND_QR)
    wait(lambda: seen(screen) == [with_amount(SHOP, due - 1_000_000)])
    # A price that comes in meanwhile leaves it.
    selling._edited()
    wait(lambda: seen(screen) == [with_amount(SHOP, due - 1_000_000)])
    selling.pay.reference.setText("QRIS-1")
    selling.pay.take()
    wait(lambda: selling.pages.currentWidget() is selling.done)
    assert seen(screen) == []
    assert screen.words.text() == "Thank you."
    assert screen._rows[0][1].whole == ""
    selling.to_cart()
    assert screen.words.text() == "Welcome"


def test_who_goes_back_to_the_cart_asks_for_nothing(customers, wait):
    screen, selling = customers.customer_screen, customers.selling
    scan(customers, wait)
    selling.to_pay()
    selling.pay.choose(TENDER_KIND_QR)
    assert seen(screen)
    selling.to_cart()
    assert seen(screen) == []
    assert screen.words.text() == ""


def test_it_leaves_the_keyboard_to_the_till_speaks_both_languages_and_ends_with_it(customers, wait):
    screen = customers.customer_screen
    assert customers.isActiveWindow()
    assert screen.isVisible()
    customers.next_language()
    assert screen.words.text() == "Selamat datang"
    customers.next_language()
    customers.close()
    assert not screen.isVisible()


def test_a_long_cart_shows_what_came_last(customers, wait):
    screen = customers.customer_screen
    scan(customers, wait)
    priced = customers.selling.quote.priced
    lines = [type(priced.lines[0])(name=f"Barang {number}", quantity=1) for number in range(12)]
    screen.show_cart(type(priced)(lines, priced.totals))
    assert [cells[1].whole for cells in screen._rows] == [f"Barang {number}" for number in range(3, 12)]
    assert screen._more.text() == "3 lines before these"
