"""Goal: what was sent and never answered is done once, whatever is pressed meanwhile and afterwards.

Method: a real server that is away for a while, and a journal as a window leaves it that was closed without
an answer.
"""

import grpc
from PySide6.QtWidgets import QDialog

from clients.common.journal import RequestJournal, new_pending
from clients.common.request_ids import new_request_id
from clients.desktop.asking import Question
from clients.desktop.warehouse.window import WarehouseWindow
from kasir.v1.stock_pb2 import ReceiveStockRequest, ReceiveStockResponse, StockLine
from server.settings import parse_address
from tests.clients.conftest import KOPI, Refusal
from tests.clients.desktop.conftest import scan


def words(window) -> str:
    return window.desk.notice.words.text()


def on_hand(ask, sku: str) -> str:
    return ask("warehouse", "stock", sku)["stocks"][0]["on_hand"]


def test_a_delivery_is_booked_in_once_however_often_it_is_pressed_while_the_line_is_down(
    make_window, server, start_server, shop, ask, wait
):
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    wait(lambda: window.place.location_id)
    window.go(window.receiving)
    scan(window, KOPI)
    wait(lambda: window.receiving.goods.rowCount() == 1)
    server.stop()
    window.receiving.send()
    wait(lambda: "done only once" in words(window))
    window.receiving.send()
    assert not window.receiving.send_button.isEnabled()
    again = start_server(listen=parse_address(server.target))
    wait(lambda: "Booked in at GUDANG: 1 units." in words(window))
    assert again.target == server.target
    assert on_hand(ask, "KOPI-01") == "25"


def kept(server, number_of_units: int, actor: str = "gudang") -> None:
    kept_for(server.target, number_of_units, actor)


def kept_for(target: str, number_of_units: int, actor: str = "gudang") -> None:
    lines = [StockLine(item_id=1, quantity=number_of_units)]
    request = ReceiveStockRequest(request_id=new_request_id(), location_id=1, lines=lines)
    method = "/kasir.v1.StockService/ReceiveStock"
    note = f"receive {number_of_units} lines"
    content = request.SerializeToString()
    RequestJournal().add(new_pending(request.request_id, method, target, actor, note, content))


def asked_about(window, wait) -> Question:
    wait(lambda: window.findChild(QDialog))
    return window.findChild(Question)


def test_what_was_never_answered_is_asked_again_when_the_window_is_opened(
    make_window, server, shop, ask, wait, in_a_state_of_its_own
):
    kept(server, 3)
    kept(server, 100, actor="somebody else")
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    question = asked_about(window, wait)
    assert question.words.text() == "Sent before and never answered: 1. Ask again?"
    assert "receive 3 lines" in question.remark.text()
    question.accept()
    wait(lambda: "All that was sent before is answered." in words(window))
    assert [each.actor for each in in_a_state_of_its_own()] == ["somebody else"]
    RequestJournal().remove(in_a_state_of_its_own()[0].request_id)
    assert on_hand(ask, "KOPI-01") == "27"


def test_one_request_that_nobody_knows_stops_no_other(
    make_window, server, shop, ask, wait, in_a_state_of_its_own
):
    method = "/kasir.v1.StockService/WhatTheNextVersionHas"
    RequestJournal().add(new_pending(new_request_id(), method, server.target, "gudang", "to come", b""))
    RequestJournal().add(
        new_pending(
            new_request_id(), "/kasir.v1.StockService/ReceiveStock", server.target, "gudang", "torn", b"\xff"
        )
    )
    kept(server, 3)
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    asked_about(window, wait).accept()
    wait(lambda: "to come: This version of kasir does not know the command." in words(window))
    assert "torn: This version" in words(window)
    assert [each.note for each in in_a_state_of_its_own()] == ["to come", "torn"]
    for each in in_a_state_of_its_own():
        RequestJournal().remove(each.request_id)
    assert on_hand(ask, "KOPI-01") == "27"


def test_a_request_that_the_server_fails_at_stops_no_other(
    make_window, scripted, wait, in_a_state_of_its_own
):
    lost, done = Refusal(grpc.StatusCode.INTERNAL, message="lost"), ReceiveStockResponse()
    scripted.answers(ReceiveStockRequest, lost, done)
    for number in (3, 4):
        kept_for(scripted.address, number)
    window = make_window(scripted.address, actor="gudang", kind=WarehouseWindow)
    window._ask_again(in_a_state_of_its_own())
    wait(lambda: "receive 3 lines" in words(window))
    assert "kasir cs pending" in words(window)
    assert [each.note for each in in_a_state_of_its_own()] == ["receive 3 lines"]


def test_a_torn_file_is_told_and_the_others_are_asked_about(make_window, server, shop, ask, wait):
    kept(server, 3)
    torn = RequestJournal().directory / "torn.request"
    torn.write_bytes(b"{")
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    question = asked_about(window, wait)
    assert question.words.text() == "Sent before and never answered: 1. Ask again?"
    assert f"{torn} is no pending request" in words(window)
    torn.unlink()
    question.accept()
    wait(lambda: "All that was sent before is answered." in words(window))
    assert on_hand(ask, "KOPI-01") == "27"


def test_what_is_not_asked_again_stays_kept(make_window, server, shop, wait, in_a_state_of_its_own):
    kept(server, 3)
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    asked_about(window, wait).reject()
    assert len(in_a_state_of_its_own()) == 1


def test_a_scan_is_refused_aloud_while_the_one_before_has_no_answer(
    make_window, server, start_server, shop, run, ask, wait
):
    for _each in range(2):
        run("cs", "drop", "KOPI-01")
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    wait(lambda: window.incoming.waiting.rowCount() == 2)
    server.stop()
    scan(window, KOPI)
    wait(lambda: "done only once" in words(window))
    scan(window, KOPI)
    assert words(window) == "The one before has no answer yet: scan this again when it has."
    start_server(listen=parse_address(server.target))
    wait(lambda: "Handed over: 1 x KOPI-01" in words(window))
    wait(lambda: not window.desk.calls.waiting)
    assert len(ask("warehouse", "list", "--state", "requested")["drop_orders"]) == 1


def a_delivery_and_a_hand_over_without_an_answer(make_window, server, run, wait, kept_now) -> WarehouseWindow:
    """The line is down; the delivery was sent, the hand-over waits behind it."""
    run("cs", "drop", "KOPI-01")
    window = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    wait(lambda: window.incoming.waiting.rowCount() == 1)
    window.go(window.receiving)
    scan(window, KOPI)
    wait(lambda: window.receiving.goods.rowCount() == 1)
    server.stop()
    window.receiving.send()
    window.go(window.incoming)
    scan(window, KOPI)
    wait(lambda: window.desk.calls.undone == 2 and kept_now())
    return window


def test_a_window_that_is_left_open_does_what_waits(
    make_window, server, start_server, shop, run, ask, wait, in_a_state_of_its_own
):
    window = a_delivery_and_a_hand_over_without_an_answer(
        make_window, server, run, wait, in_a_state_of_its_own
    )
    assert not window.close()
    question = window.findChild(Question)
    assert question.words.text() == "Asked for and not done yet: 2. Close anyway?"
    question.reject()
    start_server(listen=parse_address(server.target))
    wait(lambda: not window.desk.calls.undone)
    assert len(ask("warehouse", "list", "--state", "handed-over")["drop_orders"]) == 1
    assert window.close()


def test_a_window_that_is_closed_anyway_keeps_what_was_sent(
    make_window, server, start_server, shop, run, ask, wait, in_a_state_of_its_own
):
    window = a_delivery_and_a_hand_over_without_an_answer(
        make_window, server, run, wait, in_a_state_of_its_own
    )
    assert not window.close()
    window.findChild(Question).accept()
    assert not window.isVisible()
    assert len(in_a_state_of_its_own()) == 1
    start_server(listen=parse_address(server.target))
    next_one = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    asked_about(next_one, wait).accept()
    wait(lambda: "All that was sent before is answered." in words(next_one))
    assert len(ask("warehouse", "list", "--state", "requested")["drop_orders"]) == 1
