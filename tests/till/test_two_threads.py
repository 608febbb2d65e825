"""Goal: a till that is kept up by one thread and sells by another does each thing once, in order, and nobody
who pays waits for what the other asks.
Method: two tills on one store; one is held up at a gate in the middle.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from clients.common.connection import Connection
from clients.common.problems import CallFailed
from clients.till import shifts
from clients.till.line import TURN_MAX_S, till_client
from clients.till.store import Table
from clients.till.till import Till
from kasir.v1.till_pb2 import GetShiftRequest, ListTillsRequest, OpenShiftRequest
from tests.server.support import idr, new_id
from tests.till.world import cart, cash

GATE_S = 30.0


@pytest.fixture
def keeper(till: Till) -> Iterator[Till]:
    """The other thread's till."""
    with till_client(Connection(till.client.connection.server, "siti"), timeout_s=5.0) as client:
        yield Till(till.store, client)


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[Any]]]:
    """Begins something on a thread of its own."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


class Gate:
    """Holds up every call of a method of one thing."""

    def __init__(self, monkeypatch: Any, thing: Any, name: str) -> None:
        self._method = getattr(thing, name)
        self._reached, self._opens = threading.Event(), threading.Event()
        monkeypatch.setattr(thing, name, self._held_up)

    def _held_up(self, *given: Any, **named: Any) -> Any:
        self._reached.set()
        assert self._opens.wait(GATE_S)
        return self._method(*given, **named)

    def reached(self) -> None:
        assert self._reached.wait(GATE_S)

    def open(self) -> None:
        self._opens.set()


def and_then(monkeypatch: Any, thing: Any, name: str, act: Callable[[], Any]) -> None:
    """Something happens right after a method."""
    method = getattr(thing, name)

    def called(*given: Any, **named: Any) -> Any:
        found = method(*given, **named)
        act()
        return found

    monkeypatch.setattr(thing, name, called)


def kept_up_between(monkeypatch: Any, till: Till, name: str, keeper: Till, aside: Any) -> list[Future[Any]]:
    """The other thread sends as soon as something is in the journal; given half a second for it."""
    sending: list[Future[Any]] = []

    def send() -> None:
        sending.append(aside(keeper.send))
        wait(sending, 0.5)

    and_then(monkeypatch, till, name, send)
    return sending


def test_a_sale_is_sent_by_who_sells_it(till, shop, keeper, aside, monkeypatch):
    sending = kept_up_between(monkeypatch, till, "_journalled", keeper, aside)
    sold = till.sell(cart((shop.kopi, 1)), cash(10_000_000))
    assert sold.online
    assert sold.sale.sale_id
    with pytest.raises(CallFailed, match="OUT_OF_STOCK"):
        till.sell(cart((shop.kopi, 200)), cash(900_000_000))
    assert [each.result(GATE_S).done for each in sending] == [0, 0]
    assert till.journal.matters() == [], "the customer still stood there"
    assert len(shop.sold()) == 1


def test_a_movement_of_cash_is_refused_to_who_asks_for_it(till, shop, keeper, aside, monkeypatch):
    sending = kept_up_between(monkeypatch, till, "_noted", keeper, aside)
    with pytest.raises(CallFailed, match="drawer"):
        till.move_cash(idr(-900_000), "parkir")
    till.close_shift(idr(100_000))
    with pytest.raises(CallFailed):
        till.open_shift(idr(-1))
    assert [each.result(GATE_S).done for each in sending] == [0, 0, 0]
    assert till.journal.matters() == []


def test_who_pays_does_not_wait_until_others_have_sent(till, shop, line, keeper, aside, monkeypatch):
    till.renew_lease({shop.kopi: 5})
    till.stay_offline()
    till.sell(cart((shop.kopi, 1)), cash(10_000_000))
    gate = Gate(monkeypatch, keeper._sender, "_ask")
    sending = aside(keeper.send)
    gate.reached()
    till.line_is_back()
    start = time.monotonic()
    second = till.sell(cart((shop.kopi, 2)), cash(10_000_000))
    assert time.monotonic() - start < TURN_MAX_S
    assert not second.online
    selling = aside(till.sell, cart((shop.gula, 1)), cash(10_000_000))
    assert not wait([selling], 1.5).done, "nothing of it is leased: it waits for its turn"
    gate.open()
    assert selling.result(GATE_S).online
    assert sending.result(GATE_S).left == 0
    booked = shop.sold()
    assert [sale.lines[0].quantity for sale in booked] == [1, 2, 1]
    assert shop.level(shop.kopi) == (97, 2)
    assert till.journal.matters() == []


def after_answer(monkeypatch: Any, till: Till, asked: type[Any], act: Callable[[], Any]) -> None:
    """Something happens, once, between the answer to a question and what is made of it."""
    call = till.client.call
    acts = [act]

    def called(request: Any, *given: Any) -> Any:
        reply = call(request, *given)
        if isinstance(request, asked) and acts:
            acts.pop()()
        return reply

    monkeypatch.setattr(till.client, "call", called)


def shift_of(till: Till) -> shifts.TillShift | None:
    with till.store.read() as txn:
        return shifts.current(txn)


def test_a_shift_that_was_opened_elsewhere_is_taken_up_once(till, shop, keeper, monkeypatch):
    till.close_shift(idr(100_000))
    request = OpenShiftRequest(request_id=new_id(), till_id=shop.till_id, opening_cash=idr(50_000))
    opened = shop.tills.OpenShift(request).shift
    after_answer(monkeypatch, keeper, GetShiftRequest, till.refresh)
    keeper.refresh()
    found = shift_of(till)
    assert found is not None
    assert (found.number, found.shift_id) == (2, opened.shift_id)
    with till.store.read() as txn:
        assert txn.last(Table.SHIFTS) == 2


def test_a_shift_that_was_just_closed_here_is_not_taken_up_again(till, keeper, monkeypatch):
    after_answer(monkeypatch, keeper, ListTillsRequest, lambda: till.close_shift(idr(100_000)))
    keeper.refresh()
    assert shift_of(till) is None


def test_a_shift_that_was_just_opened_here_is_not_taken_for_closed(till, keeper, monkeypatch):
    till.close_shift(idr(100_000))
    after_answer(monkeypatch, keeper, ListTillsRequest, lambda: till.open_shift(idr(50_000)))
    keeper.refresh()
    found = shift_of(till)
    assert found is not None
    assert found.number == 2


@pytest.mark.parametrize("name", ["fair", "give_back"])
def test_who_pays_does_not_wait_until_it_is_known_what_to_lease(till, shop, keeper, aside, monkeypatch, name):
    till.renew_lease({shop.kopi: 5, shop.gula: 2})
    till.sell(cart((shop.kopi, 1)), cash(10_000_000))
    gate = Gate(monkeypatch, keeper.leases, name)
    leasing = aside(keeper.renew_lease)
    gate.reached()
    # Who waited in vain for a turn would sell as if the line were down.
    assert till.sell(cart((shop.kopi, 2)), cash(10_000_000)).online
    gate.open()
    assert leasing.result(GATE_S).leased == {shop.kopi: 1}
    assert shop.level(shop.gula) == (100, 0)


def test_who_pays_sells_from_the_lease_while_another_takes_its_place(till, shop, keeper, aside, monkeypatch):
    till.renew_lease({shop.kopi: 5})
    gate = Gate(monkeypatch, keeper.client, "call")
    leasing = aside(keeper.renew_lease, {shop.kopi: 8})
    gate.reached()
    sold = till.sell(cart((shop.kopi, 2)), cash(10_000_000))
    assert not sold.online
    gate.open()
    assert leasing.result(GATE_S).leased == {shop.kopi: 8}
    till.send()
    assert [sale.receipt for sale in shop.sold()] == [sold.sale.receipt]
    assert shop.level(shop.kopi) == (98, 6)
    assert till.journal.matters() == []


@pytest.mark.parametrize("sold_before", [True, False])
def test_a_sale_that_is_made_while_the_shift_is_asked_for_counts_once(
    till, shop, keeper, monkeypatch, sold_before
):
    call = keeper.client.call

    def sell() -> None:
        till.sell(cart((shop.teh, 1)), cash(1_000_000))

    def called(request: Any, *given: Any) -> Any:
        if sold_before:
            sell()
        reply = call(request, *given)
        if not sold_before:
            sell()
        return reply

    monkeypatch.setattr(keeper.client, "call", called)
    keeper.ask_shift(1)
    assert till.report(1).shift.sale_count == 1
    assert till.x().shift.sale_count == 1


def test_a_shift_that_is_closed_while_another_leases_does_not_wait_for_ever(
    till, shop, keeper, aside, monkeypatch
):
    till.renew_lease({shop.kopi: 5})
    gate = Gate(monkeypatch, keeper.leases, "fair")
    leasing = aside(keeper.renew_lease)
    gate.reached()
    closing = aside(till.close_shift, idr(100_000))
    assert closing.result(GATE_S).online
    gate.open()
    leasing.result(GATE_S)
    keeper.keep_up()
    assert shop.level(shop.kopi) == (100, 0)
