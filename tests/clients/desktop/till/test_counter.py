"""The counter's devices at the till's window: the agent's scanner, and what the customer's display says."""

import pytest

from clients.desktop.till.pay import KINDS
from kasir.v1.sale_pb2 import TENDER_KIND_QR
from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import asked
from tests.devices.counter import Counter, Served


@pytest.fixture
def served(tmp_path):
    (tmp_path / "counter").mkdir()
    counter = Counter(tmp_path / "counter")
    station = Served(counter)
    yield station
    station.stop()
    counter.close()


@pytest.fixture
def till(make_till, line, served, wait):
    window = make_till(line.address, station=served.counter.address)
    wait(lambda: window.desk.line.connected and window.selling.goods.tiles.items)
    wait(lambda: served.condition("scanner") == "ready" and served.condition("display") == "ready")
    wait(lambda: window.station.heard_of)
    window.shift.opening.sum.show_minor(0)
    window.shift.opening.take()
    wait(lambda: window.till.state.shift is not None and window.till.state.shift.shift_id)
    window.go(window.selling)
    return window


def test_the_customer_sees_what_is_scanned_what_is_to_pay_and_the_change(till, served, wait):
    served.counter.scanner.scan(KOPI)
    wait(lambda: len(till.selling.cart.lines) == 1)
    wait(lambda: served.counter.shown[1].endswith("Rp 108.400"))
    assert served.counter.shown[0].startswith("1 Kopi")
    till.selling.to_pay()
    wait(lambda: served.counter.shown[0] == "To pay")
    till.selling.pay.choose(TENDER_KIND_QR)
    wait(lambda: served.counter.shown[1].startswith(KINDS[TENDER_KIND_QR]))
    assert served.counter.shown[1].endswith("Rp 108.400")
    till.selling.pay.choose(1)
    till.selling.pay.amount.show_minor(11_000_000)
    till.selling.pay.take()
    wait(lambda: served.counter.shown[1].startswith("Change"))
    assert served.counter.shown[1].endswith("Rp 1.600")


def test_a_scan_while_something_is_asked_goes_nowhere_and_is_told(till, served, wait):
    served.counter.scanner.scan(KOPI)
    wait(lambda: len(till.selling.cart.lines) == 1)
    till.selling.ask_quantity()
    question = asked(till)
    served.counter.scanner.scan("8991234500003")
    wait(lambda: "Answer the question first" in till.desk.notice.words.text())
    assert question.field.text() == "1"
    question.reject()
    assert len(till.selling.cart.lines) == 1
