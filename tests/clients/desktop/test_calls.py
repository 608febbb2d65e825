"""Goal: nothing waits on the window's thread, and every call has one outcome, told there, in plain words.

Method: a server that answers as the test says, so that it can be slow, silent and gone.
"""

import errno
import threading
import time

import grpc
import pytest
from PySide6.QtCore import QObject, QThread, QTimer

from clients.common.client import Patience
from clients.desktop.calls import READERS
from kasir.v1.booking_pb2 import CancelBookingRequest, CancelBookingResponse, Order
from kasir.v1.catalogue_pb2 import GetItemRequest, GetItemResponse, Item, ItemAvailability
from tests.clients.conftest import Refusal
from tests.server.support import until


def item(sku: str) -> GetItemResponse:
    return GetItemResponse(item=ItemAvailability(item=Item(item_id=1, sku=sku)))


def get_item(sku: str):
    return lambda shop: shop.call(GetItemRequest(sku=sku), GetItemResponse).item.item.sku


def test_an_answer_comes_back_on_the_windows_thread(scripted, calls, qapp, wait):
    scripted.answers(GetItemRequest, item("KOPI-01"))
    heard = []
    owner = QObject()
    calls(scripted.address).look(
        owner, get_item("KOPI-01"), lambda sku: heard.append((sku, QThread.currentThread()))
    )
    wait(lambda: heard)
    assert heard == [("KOPI-01", qapp.thread())]


def test_a_refusal_is_told_in_plain_words_with_its_field(scripted, calls, wait):
    refusal = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_REQUIRED", "no", {"field": "sku"})
    scripted.answers(GetItemRequest, refusal)
    failed = []
    owner = QObject()
    calls(scripted.address).look(owner, get_item(""), lambda _sku: None, failed.append)
    wait(lambda: failed)
    assert (failed[0].words, failed[0].field) == ("Sku is missing.", "sku")


def test_the_window_lives_while_an_answer_is_awaited(scripted, calls, wait):
    go = threading.Event()
    scripted.answers(GetItemRequest, lambda _request: item("KOPI-01") if go.wait(60) else None)
    heard: list[str] = []
    ticks: list[float] = []
    clock = QTimer()
    clock.timeout.connect(lambda: ticks.append(time.monotonic()))
    clock.start(5)
    owner = QObject()
    calls(scripted.address).look(owner, get_item("KOPI-01"), heard.append)
    scripted.wait_for_request()
    wait(lambda: len(ticks) > 20)
    assert not heard
    go.set()
    wait(lambda: heard)


def test_of_several_under_one_name_only_the_newest_tells(scripted, calls, wait):
    go = threading.Event()

    def answer(request: GetItemRequest) -> GetItemResponse:
        if request.sku == "slow":
            go.wait(60)
        return item(request.sku)

    scripted.answers(GetItemRequest, answer)
    heard: list[str] = []
    owner = QObject()
    made = calls(scripted.address)
    busy: list[int] = []
    made.busy.connect(busy.append)
    made.look(owner, get_item("slow"), heard.append, latest="item")
    scripted.wait_for_request()
    made.look(owner, get_item("fast"), heard.append, latest="item")
    wait(lambda: heard)
    go.set()
    wait(lambda: busy[-1] == 0)
    assert heard == ["fast"]


def test_commands_keep_their_order(scripted, calls, wait):
    scripted.answers(
        CancelBookingRequest,
        lambda request: CancelBookingResponse(order=Order(order_id=request.order_id)),
    )
    heard: list[int] = []
    owner = QObject()
    made = calls(scripted.address)
    for number in range(1, 21):
        request = CancelBookingRequest(order_id=number)
        made.do(
            owner,
            lambda shop, request=request: shop.call(request, CancelBookingResponse).order.order_id,
            heard.append,
        )
    wait(lambda: len(heard) == 20)
    assert heard == list(range(1, 21))


def test_a_command_without_an_answer_is_kept_and_said_to_be(scripted, calls, wait, in_a_state_of_its_own):
    failed = []
    owner = QObject()
    go = threading.Event()
    scripted.answers(CancelBookingRequest, lambda _request: CancelBookingResponse() if go.wait(60) else None)
    made = calls(scripted.address, Patience(timeout_s=0.3, tries=1))
    request = CancelBookingRequest(order_id=7)
    made.do(owner, lambda shop: shop.call(request, CancelBookingResponse), lambda _reply: None, failed.append)
    wait(lambda: failed)
    go.set()
    assert failed[0].kept
    assert [each.method for each in in_a_state_of_its_own()] == ["/kasir.v1.BookingService/CancelBooking"]


def test_who_is_gone_is_told_nothing(scripted, calls, wait):
    go = threading.Event()
    scripted.answers(GetItemRequest, lambda _request: item("KOPI-01") if go.wait(60) else None)
    heard: list[str] = []
    made = calls(scripted.address)
    busy: list[int] = []
    made.busy.connect(busy.append)
    owner = QObject()
    made.look(owner, get_item("KOPI-01"), heard.append)
    scripted.wait_for_request()
    import shiboken6

    shiboken6.delete(owner)
    go.set()
    wait(lambda: busy[-1] == 0)
    assert not heard


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_is_told_and_the_next_call_is_made(scripted, calls, wait):
    scripted.answers(GetItemRequest, item("KOPI-01"))
    owner = QObject()
    made = calls(scripted.address)
    failed, heard = [], []
    for _fault in range(READERS + 1):
        made.look(owner, lambda _shop: 1 // 0, heard.append, failed.append)
    wait(lambda: len(failed) == READERS + 1)
    assert "fault of the program" in failed[0].words
    made.look(owner, get_item("KOPI-01"), heard.append)
    wait(lambda: heard)
    assert heard == ["KOPI-01"]


def cancel(number: int):
    return lambda shop: shop.call(CancelBookingRequest(order_id=number), CancelBookingResponse).order.order_id


def test_a_command_whose_answer_was_lost_is_asked_until_there_is_one_with_its_own_id(
    scripted, calls, wait, in_a_state_of_its_own
):
    heard, failed, told = [], [], []
    lost = Refusal(grpc.StatusCode.UNAVAILABLE)
    answer = CancelBookingResponse(order=Order(order_id=7))
    scripted.answers(CancelBookingRequest, lambda _request: answer if told else lost)
    owner = QObject()
    made = calls(scripted.address)
    made.unanswered.connect(told.append)
    assert made.do(owner, cancel(7), heard.append, failed.append, once="cancel 7")
    wait(lambda: told)
    # The same again is not taken while nobody knows whether it was done; that is said again.
    assert not made.do(owner, cancel(7), heard.append, failed.append, once="cancel 7")
    wait(lambda: heard)
    assert (heard, failed) == ([7], [])
    assert "does not answer" in told[0]
    assert told[-1] == ""
    assert len(scripted.asked) > 1
    assert len({each.request_id for each in scripted.asked}) == 1
    assert in_a_state_of_its_own() == []
    assert made.do(owner, cancel(7), heard.append, failed.append, once="cancel 7")
    wait(lambda: len(heard) == 2)
    assert len({each.request_id for each in scripted.asked}) == 2


def test_of_a_command_without_a_word_it_is_told_within_seconds(silent_server, calls, wait):
    owner = QObject()
    told: list[str] = []
    made = calls(silent_server.address)
    made.unanswered.connect(told.append)
    made.do(owner, cancel(7), lambda _number: None)
    silent_server.wait_for_request()
    assert not made.is_unanswered
    wait(lambda: told)
    assert told == ["There is no answer yet."]
    assert made.is_unanswered


def test_why_a_command_is_in_vain_is_not_lost_with_the_end_of_the_one_before(scripted, calls, wait):
    answer, lost = CancelBookingResponse(order=Order(order_id=7)), Refusal(grpc.StatusCode.UNAVAILABLE)
    over = threading.Event()
    scripted.answers(CancelBookingRequest, answer, lost, lambda _request: over.wait(30) and answer)
    owner = QObject()
    told: list[str] = []
    made = calls(scripted.address)
    made.unanswered.connect(told.append)
    for number in (7, 8):
        made.do(owner, cancel(number), lambda _number: None)
    # The window hears of the first when the second was tried in vain and is tried again.
    until(lambda: len(scripted.asked) == 3, "the try after the one in vain")
    wait(lambda: told)
    over.set()
    assert "does not answer" in told[0]


def test_a_command_that_is_kept_is_found_again_when_it_is_asked_for_anew(scripted, calls, wait):
    lost = Refusal(grpc.StatusCode.INTERNAL)
    scripted.answers(CancelBookingRequest, lost, CancelBookingResponse(order=Order(order_id=7)))
    heard, failed = [], []
    owner = QObject()
    made = calls(scripted.address)
    made.do(owner, cancel(7), heard.append, failed.append)
    wait(lambda: failed)
    assert failed[0].kept
    made.do(owner, cancel(7), heard.append, failed.append)
    wait(lambda: heard)
    assert len({each.request_id for each in scripted.asked}) == 1
    made.do(owner, cancel(7), heard.append, failed.append)
    wait(lambda: len(heard) == 2)
    assert len({each.request_id for each in scripted.asked}) == 2


def test_only_a_command_is_said_to_be_kept(scripted, calls, wait, in_a_state_of_its_own):
    scripted.answers(GetItemRequest, Refusal(grpc.StatusCode.UNAVAILABLE))
    failed = []
    owner = QObject()
    made = calls(scripted.address)
    made.look(owner, get_item("KOPI-01"), lambda _sku: None, failed.append)
    wait(lambda: failed)
    assert (failed[0].unheard, failed[0].kept) == (True, False)
    assert in_a_state_of_its_own() == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "/a/b.csv"), "b.csv is not there any more."),
        (PermissionError(errno.EACCES, "x", "/a/b.csv"), "b.csv may not be opened by who is logged in here."),
        (IsADirectoryError(errno.EISDIR, "x", "/a/b"), "b is a folder."),
        (OSError(errno.ENOSPC, "x", "/a/b.csv"), "The disk of this machine is full."),
        (OSError(errno.EIO, "x", "/a/b.csv"), "b.csv cannot be read or written (error 5)."),
        (OSError(errno.EIO, "x"), "A file of this machine cannot be read or written (error 5)."),
        (
            OSError("b is no pending request"),
            "A file of this machine cannot be read or written. (b is no pending request)",
        ),
    ],
)
def test_what_the_machine_refuses_is_told_in_plain_words(calls, wait, error, words):
    failed = []
    owner = QObject()

    def work(_shop):
        raise error

    calls("127.0.0.1:1").look(owner, work, lambda _result: None, failed.append)
    wait(lambda: failed)
    assert failed[0].words == words
