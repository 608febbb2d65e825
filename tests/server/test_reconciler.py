"""Matching by itself: where an account's rules say so, money finds its orders without anybody asking.

Goal: proposals follow mutations and orders, sure ones are confirmed where the shop allows it and nowhere
else. Method: a real server, orders and mutations over the wire, and patience.
"""

import asyncio
import datetime as dt
import time

import pytest

from engine import Code, EngineError
from kasir.v1 import booking_pb2, reconciliation_pb2
from server.arriving import Arriving
from server.journal import JournalClock
from server.logs import LogLevel, make_logger
from server.reconciler import QUIET_S, SETTLE_S, Reconciler
from tests.badinput.provoked import STATEMENT
from tests.server.support import Shop, idr, new_id, until

POSTED = reconciliation_pb2.MUTATION_STATE_POSTED
PROPOSED = reconciliation_pb2.MUTATION_STATE_PROPOSED
CONFIRMED = reconciliation_pb2.MUTATION_STATE_CONFIRMED


@pytest.fixture
def shop(channel):
    return Shop(channel)


@pytest.fixture
def account_id(shop):
    return shop.bank_account("0111222333")


def rules(shop: Shop, account_id: int, **given: object) -> None:
    wanted = reconciliation_pb2.MatchingRules(**given)
    request = reconciliation_pb2.SetMatchingRulesRequest(
        request_id=new_id(), bank_account_id=account_id, matching_rules=wanted
    )
    shop.reconciliation.SetMatchingRules(request)


def comes_in(shop: Shop, account_id: int, order: booking_pb2.Order) -> int:
    """Money for an order, as a bank would tell it. Returns the mutation."""
    row = reconciliation_pb2.MutationInput(
        date=dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date().isoformat(),
        amount=order.payable,
        description=f"TRSF E-BANKING CR 2611/FTSCY/WS95031 {order.customer_name.upper()}",
    )
    request = reconciliation_pb2.ImportMutationsRequest(
        request_id=new_id(), bank_account_id=account_id, mutations=[row]
    )
    (mutation_id,) = shop.reconciliation.ImportMutations(request).mutation_ids
    return mutation_id


def mutation(shop: Shop, mutation_id: int) -> reconciliation_pb2.Mutation:
    request = reconciliation_pb2.GetMutationRequest(mutation_id=mutation_id)
    return shop.reconciliation.GetMutation(request).mutation


def booked(shop: Shop, account_id: int) -> booking_pb2.Order:
    booking = shop.booking()
    booking.bank_account_id = account_id
    request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=booking)
    return shop.bookings.CreateBooking(request).order


def test_sure_matches_are_confirmed_where_the_shop_allows_it(shop, account_id):
    rules(shop, account_id, propose_by_itself=True, confirm_by_itself=True)
    order = booked(shop, account_id)
    mutation_id = comes_in(shop, account_id, order)
    until(lambda: mutation(shop, mutation_id).state == CONFIRMED, "the match is confirmed")
    paid = shop.bookings.GetBooking(booking_pb2.GetBookingRequest(order_id=order.order_id)).order
    assert paid.state == booking_pb2.ORDER_STATE_PAID


def test_proposals_wait_for_a_person_otherwise(shop, account_id):
    rules(shop, account_id, propose_by_itself=True)
    order = booked(shop, account_id)
    mutation_id = comes_in(shop, account_id, order)
    until(lambda: mutation(shop, mutation_id).state == PROPOSED, "the match is proposed")
    proposal = mutation(shop, mutation_id).proposal
    assert [part.order_id for part in proposal.allocations] == [order.order_id]
    assert proposal.reasons


def test_money_for_an_order_that_was_cancelled_is_not_sure_any_more(shop, account_id):
    rules(shop, account_id, propose_by_itself=True)
    first = booked(shop, account_id)
    mutation_id = comes_in(shop, account_id, first)
    until(lambda: mutation(shop, mutation_id).state == PROPOSED, "the match is proposed")
    assert mutation(shop, mutation_id).proposal.decision == reconciliation_pb2.MATCH_DECISION_AUTO
    # Nothing but an order changes, and nobody asks.
    shop.cancel(first.order_id)
    until(
        lambda: mutation(shop, mutation_id).proposal.decision == reconciliation_pb2.MATCH_DECISION_SUGGESTED,
        "the proposal follows its order",
    )


def test_a_match_that_a_person_undid_stays_undone(shop, account_id):
    rules(shop, account_id, propose_by_itself=True, confirm_by_itself=True)
    order = booked(shop, account_id)
    mutation_id = comes_in(shop, account_id, order)
    until(lambda: mutation(shop, mutation_id).state == CONFIRMED, "the match is confirmed")
    request = reconciliation_pb2.UndoMatchRequest(request_id=new_id(), mutation_id=mutation_id)
    shop.reconciliation.UndoMatch(request)
    until(lambda: mutation(shop, mutation_id).state == PROPOSED, "the match is proposed again")
    # Another one of the same account is confirmed meanwhile.
    other = comes_in(shop, account_id, booked(shop, account_id))
    until(lambda: mutation(shop, other).state == CONFIRMED, "the other match is confirmed")
    left = mutation(shop, mutation_id)
    assert left.state == PROPOSED
    assert left.proposal.decision == reconciliation_pb2.MATCH_DECISION_SUGGESTED


def test_nothing_is_confirmed_while_more_of_a_statement_comes(shop, account_id, server):
    rules(shop, account_id, propose_by_itself=True, confirm_by_itself=True)
    order = booked(shop, account_id)
    with server.service.arriving.rows_of(account_id):
        mutation_id = comes_in(shop, account_id, order)
        until(lambda: mutation(shop, mutation_id).state == PROPOSED, "the match is proposed")
        time.sleep(2 * (QUIET_S + SETTLE_S))
        assert mutation(shop, mutation_id).state == PROPOSED
    until(lambda: mutation(shop, mutation_id).state == CONFIRMED, "the match is confirmed")


def test_a_statement_arrives_until_its_last_row(engine, channel, server, monkeypatch):
    shop = Shop(channel)
    account_id = shop.bank_account("0111222333")
    arriving, seen = server.service.arriving, []
    submit = engine.submit

    def watched(method, request, actor):
        if method.endswith("/ImportMutations"):
            seen.append(account_id in arriving)
        return submit(method, request, actor)

    monkeypatch.setattr(engine, "submit", watched)
    header = reconciliation_pb2.ImportStatementRequest.Header(request_id=new_id())
    requests = [
        reconciliation_pb2.ImportStatementRequest(header=header),
        reconciliation_pb2.ImportStatementRequest(chunk=STATEMENT),
    ]
    shop.reconciliation.ImportStatement(iter(requests))
    assert seen == [True]
    assert account_id not in arriving


def test_what_fails_with_one_account_keeps_no_other_waiting(shop, account_id, engine):
    other = shop.bank_account("0999")
    for each in (account_id, other):
        rules(shop, each, propose_by_itself=True)

    class Failing:
        """The engine, whose matcher makes a mistake with one account."""

        def __init__(self) -> None:
            self.asked: list[int] = []
            self.both = asyncio.Event()

        def __getattr__(self, name: str) -> object:
            return getattr(engine, name)

        async def submit(self, method: str, request: bytes, actor: str) -> bytes:
            asked = reconciliation_pb2.ProposeMatchesRequest.FromString(request).bank_account_id
            self.asked.append(asked)
            if len(self.asked) == 2:
                self.both.set()
            if asked == account_id:
                raise EngineError(Code.INTERNAL, "INTERNAL", "The matcher made a mistake.")
            return await engine.submit(method, request, actor)

    failing = Failing()

    async def look() -> None:
        clock = JournalClock(failing)
        reconciler = Reconciler(failing, clock, make_logger(LogLevel.ERROR), Arriving())
        run = asyncio.create_task(reconciler.run())
        await failing.both.wait()
        assert not run.done()
        run.cancel()

    asyncio.run(asyncio.wait_for(look(), 30))
    assert failing.asked == [account_id, other]


def test_without_rules_nothing_happens_by_itself(shop, account_id):
    order = booked(shop, account_id)
    mutation_id = comes_in(shop, account_id, order)
    # Another account's rules are its own.
    other = shop.bank_account("0999")
    rules(shop, other, propose_by_itself=True, confirm_by_itself=True)
    foreign = booked(shop, other)
    theirs = comes_in(shop, other, foreign)
    until(lambda: mutation(shop, theirs).state == CONFIRMED, "the other account's match is confirmed")
    assert mutation(shop, mutation_id).state == POSTED


def test_a_quiet_shop_writes_nothing(shop, account_id, engine):
    rules(shop, account_id, propose_by_itself=True)
    stranger = reconciliation_pb2.MutationInput(
        date="2026-11-20", amount=idr(12_345), description="SETORAN TUNAI"
    )
    request = reconciliation_pb2.ImportMutationsRequest(
        request_id=new_id(), bank_account_id=account_id, mutations=[stranger]
    )
    shop.reconciliation.ImportMutations(request)
    seen = []

    def is_quiet() -> bool:
        seen.append(engine.revision())
        return len(seen) > 100 and len(set(seen[-100:])) == 1

    until(is_quiet, "nothing is written any more")
