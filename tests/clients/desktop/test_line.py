"""Goal: who sits before the window sees whether the server is there, and misses nothing while it is not.

Method: a real server process, killed and started again on its store and port.
"""

import subprocess
import sys

from clients.common.connection import Connection
from clients.desktop.line import Line
from clients.desktop.warehouse.window import WarehouseWindow
from kasir.v1.watch_pb2 import RESOURCE_SETTING
from server.settings import parse_address
from tests.clients.conftest import SARI


def location(target: str, code: str) -> None:
    command = [sys.executable, "-m", "kasir.cli", "setup", "location", code, code, "--kind", "warehouse"]
    subprocess.run([*command, "--server", target], check=True, capture_output=True)


def test_a_server_that_is_back_is_found_and_nothing_is_missed(qapp, serve, wait, in_a_state_of_its_own):
    first = serve()
    line = Line(Connection(first.target, "sari"))
    states: list[bool] = []
    changed: list[set[int]] = []
    line.stands.connect(states.append)
    line.changed.connect(lambda changes: changed.append(changes.get(RESOURCE_SETTING, set())))
    line.start()
    wait(lambda: states == [True])
    location(first.target, "A")
    wait(lambda: changed)
    first.kill()
    wait(lambda: states == [True, False])
    changed.clear()
    # Another server on the same store and port: what it decides before the line is back is not missed.
    again = serve("--listen", first.target)
    location(again.target, "B")
    wait(lambda: states == [True, False, True] and changed)
    line.close()


def test_the_window_says_how_the_line_is(make_window, serve, wait):
    server = serve()
    window = make_window(server.target)
    wait(lambda: window.line_state.text() == f"● connected to {server.target}")
    server.kill()
    wait(lambda: "looking for the server" in window.line_state.text())
    assert window.line_state.property("role") == "bad"


def test_a_window_that_was_there_before_the_server_fills_when_the_server_comes(
    make_window, server, start_server, shop, run, wait
):
    run("cs", "book", "--line", "GULA-5@GUDANG", *SARI)
    run("cs", "drop", "KOPI-01")
    address = server.target
    server.stop()
    desk = make_window(address)
    desk.go(desk.orders)
    warehouse = make_window(address, kind=WarehouseWindow)
    for window in (desk, warehouse):
        wait(lambda window=window: "does not answer" in window.desk.notice.words.text())
        assert "looking for the server" in window.line_state.text()
    start_server(listen=parse_address(address))
    wait(lambda: desk.orders.orders.rowCount() == 1)
    wait(lambda: warehouse.incoming.waiting.rowCount() == 1)
    assert warehouse.place.code == "GUDANG"
    wait(lambda: not desk.desk.notice.isVisible() and not warehouse.desk.notice.isVisible())
    desk.go(desk.booking)
    wait(lambda: desk.booking.form.account.count() == 2)
