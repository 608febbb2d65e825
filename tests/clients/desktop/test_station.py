"""Scans of the machine's agent in a window: a simulated scanner, the agent's station, the server."""

import pytest

from tests.clients.conftest import KOPI
from tests.devices.counter import Counter, Served


@pytest.fixture
def served(tmp_path):
    (tmp_path / "counter").mkdir()
    counter = Counter(tmp_path / "counter")
    station = Served(counter)
    yield station
    station.stop()
    counter.close()


def test_what_the_agents_scanner_reads_becomes_a_line(make_window, served, server, shop, wait):
    window = make_window(server.target, station=served.counter.address)
    wait(lambda: served.condition("scanner") == "ready")
    wait(lambda: window.station.heard_of)
    window.go(window.booking)
    served.counter.scanner.scan(KOPI)
    wait(lambda: [row.item.item.sku for row in window.booking.lines.rows] == ["KOPI-01"])
    # A damaged code is told and looks nothing up.
    served.counter.scanner.scan("]E08991234567890")
    wait(window.desk.notice.isVisible)
    assert "WRONG" in window.desk.notice.words.text()
    assert len(window.booking.lines.rows) == 1
