"""Matching by itself: where an account's rules say so, money finds its orders without anybody asking.

Goal: proposals follow mutations and orders, sure ones are confirmed where the shop allows it and nowhere
else. Method: a real server, orders and mutations over the wire, and patience.
"""

import datetime as dt

import pytest

from kasir.v1 import booking_pb2, reconciliation_pb2
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
    shop.cancel(first.order_id)
    request = reconciliation_pb2.ProposeMatchesRequest(request_id=new_id(), bank_account_id=account_id)
    shop.reconciliation.ProposeMatches(request)
    assert mutation(shop, mutation_id).proposal.decision == reconciliation_pb2.MATCH_DECISION_SUGGESTED


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
