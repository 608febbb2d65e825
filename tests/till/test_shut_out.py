"""Goal: what somebody did who is not let in stops nobody else's sales, is on the list, and is booked once
when somebody sends it who may. Method: the till's core before a real server; the door is the client's.
"""

import grpc
import pytest

from clients.common.problems import BadInput, CallFailed
from clients.till.cart import Permission
from clients.till.journal import State, Trouble
from clients.till.refunds import Refunds, Wanted
from kasir.v1.sale_pb2 import TENDER_KIND_CASH
from kasir.v1.stock_pb2 import BatchCreateHoldsRequest, ReleaseHoldRequest, ReleaseHoldResponse
from kasir.v1.till_pb2 import ListRefundsRequest, RefundLineInput
from tests.server.support import new_id
from tests.till.world import TillShop, back, cart, cash

DOOR = ["ACTOR_MISMATCH", "ROLE_MISSING", "LOCATION_DENIED"]

# The server does it, and the answer does not come back.
LOST = "lost"
REPLY_LOST = (grpc.StatusCode.FAILED_PRECONDITION, "REPLY_LOST")


@pytest.fixture
def doorway(till, monkeypatch):
    """Names that are not let in, and why."""
    shut: dict[str, str] = {}
    asked = []
    resend = till.client.resend

    def answered(pending):
        asked.append(pending)
        if shut.get(pending.actor) == LOST:
            resend(pending)
            raise CallFailed(grpc.StatusCode.UNAVAILABLE, "", "The line broke.")
        if pending.actor in shut:
            code = grpc.StatusCode.PERMISSION_DENIED
            raise CallFailed(code, shut[pending.actor], "Not you.", asked_before=True)
        return resend(pending)

    monkeypatch.setattr(till.client, "resend", answered)
    return shut, asked


@pytest.fixture
def door(doorway):
    return doorway[0]


def two_sales(till, shop: TillShop, line):
    """One by a name that nobody has, one by somebody; without the line."""
    till.renew_lease({shop.teh: 10})
    line.cut()
    till.stay_offline()
    actor = till.client.connection.actor
    sold = []
    for name in ("joko", actor):
        object.__setattr__(till.client.connection, "actor", name)
        sold.append(till.sell(cart((shop.teh, 1)), cash(1_000_000)).entry.seq)
        till.stay_offline()
    return sold


@pytest.mark.parametrize("reason", DOOR)
def test_who_is_not_let_in_holds_nobody_up(till, shop, line, door, reason):
    false, right = two_sales(till, shop, line)
    door["joko"] = reason
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.refused, sent.left, sent.failed) == (1, 1, 0, None)
    assert till.journal.entry(right).state == State.DONE
    (matter,) = till.journal.matters()
    assert (matter.seq, matter.trouble) == (false, Trouble.REFUSED)
    assert "joko" in matter.message
    assert till.retry(false).done == 1
    assert [sale.cashier for sale in shop.sold()] == ["siti", "siti"]
    assert till.journal.matters() == []
    assert till.send().left == 0


def test_what_may_be_booked_is_sent_again_as_the_same_request(till, shop, line, doorway):
    door, asked = doorway
    false, _ = two_sales(till, shop, line)
    door["joko"] = LOST
    back(till, line)
    assert till.send().left == 2
    assert till.journal.entry(false).state == State.SENT
    door["joko"] = "ROLE_MISSING"
    till.line_is_back()
    assert till.send().refused == 1
    assert till.retry(false).done == 1
    first, *others = {each.request_id for each in asked if each.note == till.journal.entry(false).receipt}
    assert others == [], first
    # The first time it was done as joko.
    assert sorted(sale.cashier for sale in shop.sold()) == ["joko", "siti"]


def test_a_session_that_is_to_be_opened_first_lets_all_wait(till, shop, line, door):
    two_sales(till, shop, line)
    door["joko"] = "SESSION_REQUIRED"
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (0, 0, 2)


def test_a_customer_who_stands_there_is_told(till, shop, door):
    door["siti"] = "ROLE_MISSING"
    with pytest.raises(CallFailed) as failed:
        till.sell(cart((shop.teh, 1)), cash(1_000_000))
    assert failed.value.settled
    assert shop.sold() == []
    assert till.journal.matters() == []


@pytest.mark.parametrize("reason", ["SESSION_REQUIRED", *DOOR])
def test_a_lease_whose_answer_was_lost_is_not_given_up_at_the_door(till, shop, line, monkeypatch, reason):
    till.renew_lease({shop.teh: 10})
    (old,) = till.leases.held(till.now_ms())
    call, answers = till.client.call, iter([LOST, reason])

    def answered(request, *more, **others):
        wrong = next(answers, None) if isinstance(request, BatchCreateHoldsRequest) else None
        if wrong == LOST:
            call(request, *more, **others)
            raise CallFailed(grpc.StatusCode.UNAVAILABLE, "", "The line broke.")
        if wrong:
            raise CallFailed(grpc.StatusCode.UNAUTHENTICATED, wrong, "Not you.")
        return call(request, *more, **others)

    monkeypatch.setattr(till.client, "call", answered)
    assert till.renew_lease({shop.teh: 4}) is None
    till.stay_offline()
    sold = till.sell(cart((shop.teh, 3)), cash(1_000_000)).entry.seq
    till.line_is_back()
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (0, 0, 1)
    assert till.leases.available(till.now_ms()) == {shop.teh: 1}, "no more than both leases have"
    till.line_is_back()
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (1, 0, 0)
    (new,) = till.leases.held(till.now_ms())
    assert new.hold_id != old.hold_id
    assert {hold_id for hold_id, _, _ in till.journal.entry(sold).draws} == {new.hold_id}
    assert shop.level(shop.teh) == (97, 1)


def test_a_lease_whose_answer_the_server_lost_is_looked_up(till, shop, monkeypatch):
    till.renew_lease({shop.teh: 10, shop.kopi: 3})
    before = {lease.item_id: lease.hold_id for lease in till.leases.held(till.now_ms())}
    call, answers = till.client.call, iter([(grpc.StatusCode.UNAVAILABLE, ""), REPLY_LOST])

    def answered(request, *more, **others):
        wrong = next(answers, None) if isinstance(request, BatchCreateHoldsRequest) else None
        if wrong is None:
            return call(request, *more, **others)
        if wrong != REPLY_LOST:
            call(request, *more, **others)
        raise CallFailed(*wrong, "It is lost.")

    monkeypatch.setattr(till.client, "call", answered)
    # Of one of them there is not so much.
    assert till.renew_lease({shop.teh: 6, shop.kopi: 1_000}) is None
    till.stay_offline()
    sold = till.sell(cart((shop.teh, 2)), cash(1_000_000)).entry.seq
    till.line_is_back()
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (1, 0, 0)
    after = {lease.item_id: lease.hold_id for lease in till.leases.held(till.now_ms())}
    assert after[shop.kopi] == before[shop.kopi], "not replaced"
    assert after[shop.teh] != before[shop.teh]
    assert till.leases.available(till.now_ms()) == {shop.teh: 4, shop.kopi: 3}
    assert {hold_id for hold_id, _, _ in till.journal.entry(sold).draws} == {after[shop.teh]}
    assert shop.level(shop.teh) == (98, 4)
    assert till.renew_lease({shop.teh: 5}).leased == {shop.teh: 5}


def test_a_lease_that_the_server_has_no_more_is_not_sold_from(till, shop, monkeypatch):
    till.renew_lease({shop.teh: 10})
    (old,) = till.leases.held(till.now_ms())
    call = till.client.call

    def answered(request, *more, **others):
        if isinstance(request, BatchCreateHoldsRequest):
            call(ReleaseHoldRequest(request_id=new_id(), hold_id=old.hold_id), ReleaseHoldResponse)
            raise CallFailed(*REPLY_LOST, "It is lost.")
        return call(request, *more, **others)

    monkeypatch.setattr(till.client, "call", answered)
    till.renew_lease({shop.teh: 6})
    assert till.leases.available(till.now_ms()) == {}


# --- Refunds ---


@pytest.fixture
def refunds(till, shop):
    till.sell(cart((shop.teh, 2)), cash(1_000_000))
    return Refunds(till)


def give(refunds, shop):
    wanted = Wanted(shop.sold()[0].sale_id, [RefundLineInput(line=0, quantity=1)], TENDER_KIND_CASH)
    return refunds.give(wanted, "sobek", Permission("budi"))


def give_unanswered(till, refunds, shop, door) -> None:
    """Gives back; the answer is lost with the line, which is back then."""
    door["siti"] = LOST
    with pytest.raises(BadInput, match="The line broke"):
        give(refunds, shop)
    till.line_is_back()


def given(shop):
    return list(shop.tills.ListRefunds(ListRefundsRequest()).refunds)


def works_at(till, name):
    object.__setattr__(till.client.connection, "actor", name)


@pytest.mark.parametrize("reason", ["SESSION_REQUIRED", "DEVICE_UNKNOWN", *DOOR])
def test_a_refund_that_was_never_looked_at_is_forgotten(till, shop, refunds, door, reason):
    door["siti"] = reason
    with pytest.raises(BadInput, match="did not let siti in with it: nothing was given back"):
        give(refunds, shop)
    assert refunds.unanswered() is None
    assert till.line_may_be_up()
    del door["siti"]
    assert [give(refunds, shop)] == given(shop)


@pytest.mark.parametrize("reason", DOOR)
def test_a_lost_refund_is_asked_again_by_somebody_who_may(till, shop, refunds, door, reason):
    works_at(till, "joko")
    door["joko"] = LOST
    with pytest.raises(BadInput, match="The line broke"):
        give(refunds, shop)
    till.line_is_back()
    door |= {"joko": reason, "siti": "ROLE_MISSING"}
    works_at(till, "siti")
    for _ in range(2):
        with pytest.raises(BadInput, match="did not let siti ask again: nobody knows"):
            refunds.ask_again()
    assert refunds.unanswered() is not None
    assert till.line_may_be_up()
    del door["siti"]
    assert [refunds.ask_again()] == given(shop), "given back once"
    assert refunds.unanswered() is None


def test_a_lost_refund_waits_for_who_has_to_log_in(till, shop, refunds, door):
    give_unanswered(till, refunds, shop, door)
    door["siti"] = "SESSION_REQUIRED"
    with pytest.raises(BadInput, match="log in and ask again"):
        refunds.ask_again()
    del door["siti"]
    assert [refunds.ask_again()] == given(shop)


def test_a_refund_whose_answer_the_server_lost_is_told_as_done(till, shop, refunds, door):
    before = till.x().shift.expected_cash.minor_units
    give_unanswered(till, refunds, shop, door)
    door["siti"] = "REPLY_LOST"
    with pytest.raises(BadInput, match="It was given back"):
        refunds.ask_again()
    assert refunds.unanswered() is None
    (made,) = given(shop)
    shift = till.report(till.shift.number).shift
    assert shift.refund_count == 1
    assert shift.expected_cash.minor_units == before - made.totals.total.minor_units
    assert refunds.ask_again() is None
