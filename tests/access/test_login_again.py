"""A session that ends while a window is open.

Goal: the window asks who is there, what was refused is done after it, once, in the name of who logged in, and
nothing that stood there is lost; who gives up is told that nobody is logged in, and may log in later; a
stream goes on. Method: windows over a real server that ends sessions, and the dialog answered as a person
does.
"""

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QLineEdit

from clients.common.connection import Connection
from clients.desktop.cs.window import CsWindow
from clients.desktop.till.window import TillWindow
from kasir.v1 import customer_pb2, stock_pb2, till_pb2, watch_pb2
from tests.access.machines import ended_at_the_server, enrolled, log_in
from tests.access.test_places import STOCK, TILL, Places
from tests.clients.conftest import in_a_state_of_its_own
from tests.clients.desktop.conftest import settings, wait
from tests.server.support import idr
from tests.till.world import cart, cash

__all__ = ["in_a_state_of_its_own", "settings", "wait"]

PIN = "kata-sandi"


@pytest.fixture
def shop(guarded):
    places = Places(guarded)
    for name in ("andi", "wati"):
        guarded.user(name, "cashier", "cs")
    return places


@pytest.fixture
def machine(guarded, home, shop):
    found = enrolled(guarded)
    log_in(found, "andi", PIN)
    return found


@pytest.fixture
def opened(qtbot, settings, machine, wait):
    windows = []

    def open_window(kind):
        window = kind(Connection(machine.server, "andi", enrolment=machine), settings)
        windows.append(window)
        qtbot.addWidget(window)
        window.show()
        wait(lambda: window.desk.line.connected)
        return window

    yield open_window
    for each in windows:
        each.end()


@pytest.fixture
def window(opened):
    return opened(CsWindow)


def answer(wait, window, name, pin=PIN):
    """Somebody logs in, in the dialog that the window shows."""
    wait(lambda: window._login is not None)
    window._login.who.setText(name)
    window._login.pin.setText(pin)
    window._login.enter.click()
    wait(lambda: window._login is None)


def adding(name, phone="081234567890"):
    customer = customer_pb2.Customer(name=name, phone=phone)
    request = customer_pb2.CreateCustomerRequest(customer=customer)
    return lambda shop: shop.call(request, customer_pb2.CreateCustomerResponse).customer.customer_id


def done_by(guarded):
    """Who added customers, by the journal."""
    found = watch_pb2.WatchResponse.FromString(guarded.running.engine.read_changes(0, 1_000).response)
    return [record.actor for record in found.records if record.method.endswith("CreateCustomer")]


@pytest.mark.parametrize("name", ["andi", "wati"])
def test_what_was_refused_is_done_after_the_login_by_who_logged_in(guarded, machine, window, wait, name):
    ended_at_the_server(machine, "andi")
    done = []
    window.desk.calls.do(window, adding("Rina"), done.append)
    answer(wait, window, name)
    wait(lambda: done)
    assert done_by(guarded) == [name]
    wait(lambda: window.who.name.whole == name)
    assert window.desk.calls.connection.actor == name
    window.desk.calls.do(window, adding("Dewi", "081234567892"), done.append)
    wait(lambda: len(done) == 2 or window._login)
    assert window._login is None, "asked once"


@pytest.mark.parametrize("name", ["andi", "wati"])
def test_what_was_typed_stays(machine, window, wait, name):
    fields = [field for screen in window.screens for field in screen.findChildren(QLineEdit)]
    for field in fields:
        field.setText("7")
    before = [field.text() for field in fields]
    shown = window.screen_now
    ended_at_the_server(machine, "andi")
    done = []
    window.desk.calls.do(window, adding("Rina"), done.append)
    answer(wait, window, name)
    wait(lambda: done and not window.desk.calls.waiting)
    assert [field.text() for field in fields] == before
    assert "7" in before
    assert window.screen_now is shown


def test_all_that_waits_is_asked_about_once(machine, window, wait):
    ended_at_the_server(machine, "andi")
    done = []
    for number in range(3):
        look = customer_pb2.ListCustomersRequest(page_size=number + 1)
        window.desk.calls.look(
            window, lambda shop, look=look: shop.call(look, customer_pb2.ListCustomersResponse), done.append
        )
    window.desk.calls.do(window, lambda shop: shop.settings.shop_name, done.append)
    answer(wait, window, "wati")
    wait(lambda: len(done) == 4)
    assert window._login is None


def test_who_gives_up_is_told_and_may_log_in_later(guarded, machine, window, wait):
    ended_at_the_server(machine, "andi")
    done, failed = [], []
    window.desk.calls.do(window, adding("Rina"), done.append, failed.append)
    wait(lambda: window._login is not None)
    window._login.reject()
    wait(lambda: failed)
    assert failed[0].reason == "SESSION_REQUIRED"
    assert "Nobody is logged in" in window.desk.notice.words.text()
    assert not window.who.log_in.isHidden()
    # What nobody asked for at the window does not ask again; what somebody asks for does.
    request = customer_pb2.ListCustomersRequest()

    def listed(shop):
        return shop.call(request, customer_pb2.ListCustomersResponse)

    window.desk.calls.look(window, listed, done.append, failed.append)
    wait(lambda: len(failed) == 2)
    assert window._login is None
    window.desk.calls.do(window, adding("Rina"), done.append, failed.append)
    wait(lambda: window._login is not None)
    window._login.reject()
    wait(lambda: len(failed) == 3)
    assert done_by(guarded) == []
    window.who.log_in.click()
    answer(wait, window, "andi")
    assert window.who.log_in.isHidden()
    window.desk.calls.do(window, adding("Rina"), done.append, failed.append)
    wait(lambda: done)
    assert done_by(guarded) == ["andi"]


def test_the_stream_goes_on(guarded, shop, machine, window, wait):
    heard = []
    window.desk.line.changed.connect(heard.append)
    ended_at_the_server(machine, "andi")
    # The stream looks at its session with the next message.
    shop.hold(shop.here)
    answer(wait, window, "wati")
    heard.clear()
    number = shop.order(shop.here)
    wait(lambda: any(number in changes.get(watch_pb2.RESOURCE_ORDER, ()) for changes in heard))
    assert window.desk.line.connected


def test_a_window_is_closed_while_it_asks(machine, window, wait):
    ended_at_the_server(machine, "andi")
    window.desk.calls.do(window, adding("Rina"), lambda _done: None, lambda _failed: None)
    wait(lambda: window._login is not None)
    window.end()
    assert not any(thread.is_alive() for thread in window.desk.calls._threads)


def test_a_wrong_pin_is_asked_again_and_does_nothing(guarded, machine, window, wait):
    ended_at_the_server(machine, "andi")
    done = []
    window.desk.calls.do(window, adding("Rina"), done.append)
    wait(lambda: window._login is not None)
    window._login.who.setText("wati")
    window._login.pin.setText("no-such-pin")
    window._login.enter.click()
    wait(lambda: window._login.problem.text() and window._login.enter.isEnabled())
    assert done_by(guarded) == []
    answer(wait, window, "wati")
    wait(lambda: done)
    assert done_by(guarded) == ["wati"]


@pytest.fixture
def till(shop, opened, machine, wait):
    place = shop.location("TOKO", stock_pb2.LOCATION_KIND_SHOP)
    line = stock_pb2.StockLine(item_id=shop.item, quantity=20)
    shop.boss(STOCK + "ReceiveStock", stock_pb2.ReceiveStockRequest(location_id=place, lines=[line]))
    shop.boss(
        TILL + "CreateTill",
        till_pb2.CreateTillRequest(till=till_pb2.Till(code="T1", location_id=place)),
    )
    window = opened(TillWindow)
    wait(lambda: window.screens)
    window._keeping.stop()
    done = []
    window.till.do(window, lambda till: till.refresh() and till.open_shift(idr(100_000)), done.append)
    wait(lambda: done)
    return window


@pytest.mark.parametrize("name", ["andi", "wati"])
def test_a_till_asks_and_the_sale_is_booked_once_for_who_logged_in(shop, machine, till, wait, name):
    ended_at_the_server(machine, "andi")
    sold, failed = [], []
    goods = cart((shop.item, 1))
    till.till.do(till, lambda core: core.sell(goods, cash(10_000_000)), sold.append, failed.append)
    answer(wait, till, name)
    wait(lambda: sold or failed)
    assert failed == []
    assert sold[0].online
    assert sold[0].sale.cashier == name


def test_a_till_where_nobody_logs_in_sells_nothing_and_keeps_the_cart(machine, till, wait, shop):
    ended_at_the_server(machine, "andi")
    sold, failed = [], []
    goods = cart((shop.item, 1))

    def sell():
        till.till.do(till, lambda core: core.sell(goods, cash(10_000_000)), sold.append, failed.append)

    sell()
    wait(lambda: till._login is not None)
    till._login.reject()
    wait(lambda: failed)
    assert failed[0].reason == "SESSION_REQUIRED"
    assert till.till.till.journal.waits() == 0
    till.who.log_in.click()
    answer(wait, till, "wati")
    sell()
    wait(lambda: sold)
    assert (sold[0].online, sold[0].sale.cashier) == (True, "wati")
    assert till._mail.connection.actor == "wati"
