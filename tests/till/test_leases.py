"""Goal: a till's lease covers what it sells without the line, once, and is given back.
Method: the till's core on a real LMDB, a real server, and a relay between them that is cut.
"""

import time

import pytest

from clients.till.cart import Permission
from clients.till.till import NotCovered
from tests.server.support import idr, until
from tests.till.world import back, cart, cash, till_at

MANAGER = Permission("budi", "the customer is known")


def test_between_customers_the_lease_follows_what_is_sold(shop, line, tmp_path):
    clock = [time.time()]
    till = till_at(tmp_path / "state", line.address, clock=lambda: clock[0])
    till.refresh()
    till.open_shift(idr(0))
    till.keep_up()
    assert till.leases.held(till.now_ms()) == []
    till.sell(cart((shop.kopi, 4)), cash(900_000_000))
    till.keep_up()
    assert till.leases.available(till.now_ms()) == {shop.kopi: 4}
    assert shop.level(shop.kopi) == (96, 4)

    till.sell(cart((shop.kopi, 3)), cash(900_000_000))
    till.keep_up()
    assert shop.level(shop.kopi) == (93, 1), "it sells from its lease with the line up, too, and asks seldom"
    clock[0] += 700
    till.keep_up()
    assert shop.level(shop.kopi) == (93, 7), "the day has sold seven by now"
    (held,) = till.leases.held(till.now_ms())

    clock[0] += 8 * 3_600
    till.keep_up()
    (renewed,) = till.leases.held(till.now_ms())
    assert renewed.hold_id != held.hold_id, "half its time was over"
    assert shop.level(shop.kopi) == (93, 7)
    clock[0] += 24 * 3_600
    assert till.leases.held(till.now_ms()) == [], "it is not sold from beyond its time"
    line.cut()
    till.stay_offline()
    with pytest.raises(NotCovered):
        till.sell(cart((shop.kopi, 1)), cash(900_000_000))
    till.store.close()


def test_a_lease_whose_answer_was_lost_is_not_taken_twice(till, shop, line):
    line.cut()
    back(till, line, cut_after=60)
    assert till.renew_lease({shop.kopi: 5}) is None
    assert till.leases.held(till.now_ms()) == []
    until(lambda: shop.level(shop.kopi) == (100, 5), "the hold that nobody heard of")
    back(till, line)
    till.renew_lease({shop.kopi: 6, shop.teh: 2})
    assert shop.level(shop.kopi) == (100, 6)
    assert till.leases.available(till.now_ms()) == {shop.kopi: 6, shop.teh: 2}
    till.give_back()
    assert (shop.level(shop.kopi), shop.level(shop.teh)) == ((100, 0), (100, 0))


def test_what_is_sold_while_a_renewals_answer_is_lost_is_covered_by_the_new_lease(till, shop, line):
    till.renew_lease({shop.kopi: 5})
    line.cut()
    back(till, line, cut_after=60)
    assert till.renew_lease({shop.kopi: 4}) is None
    until(lambda: shop.level(shop.kopi) == (100, 4), "the renewal that nobody heard of")
    shop.others_take(shop.kopi, 96)
    with pytest.raises(NotCovered) as refused:
        till.sell(cart((shop.kopi, 5)), cash(100_000_000))
    assert refused.value.uncovered == {shop.kopi: 1}
    till.sell(cart((shop.kopi, 3)), cash(100_000_000))
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (1, 0, 0)
    assert shop.level(shop.kopi) == (1, 1)
    assert till.leases.available(till.now_ms()) == {shop.kopi: 1}


def test_what_a_sale_lacked_of_its_lease_it_takes_from_the_new_one(till, shop, line):
    till.renew_lease({shop.kopi: 2})
    line.cut()
    back(till, line, cut_after=60)
    assert till.renew_lease({shop.kopi: 6}) is None
    until(lambda: shop.level(shop.kopi) == (100, 6), "the renewal that nobody heard of")
    till.sell(cart((shop.kopi, 3)), cash(100_000_000), beyond_lease=MANAGER)
    back(till, line)
    assert till.send().refused == 0
    assert shop.level(shop.kopi) == (97, 3)
    assert till.leases.available(till.now_ms()) == {shop.kopi: 3}


def test_a_lease_that_may_be_given_back_is_sold_from_no_more(till, shop, line):
    till.renew_lease({shop.kopi: 5})
    line.cut()
    back(till, line, cut_after=60)
    assert till.renew_lease({shop.kopi: 0}) is None
    until(lambda: shop.level(shop.kopi) == (100, 0), "the return that nobody heard of")
    with pytest.raises(NotCovered):
        till.sell(cart((shop.kopi, 1)), cash(100_000_000))
    back(till, line)
    assert till.renew_lease({shop.kopi: 2}).leased == {shop.kopi: 2}
    assert shop.level(shop.kopi) == (100, 2)


def test_a_lease_is_not_given_back_while_sales_from_it_wait(till, shop, line):
    till.renew_lease({shop.kopi: 5})
    line.cut()
    till.sell(cart((shop.kopi, 3)), cash(100_000_000))
    shop.others_take(shop.kopi, 95)
    back(till, line)
    assert till.give_back()
    assert till.journal.matters() == []
    assert shop.level(shop.kopi) == (2, 0)


def test_more_than_there_is_is_leased_as_far_as_it_goes(till, shop):
    taken = till.renew_lease({shop.kopi: 101, shop.teh: 3})
    assert taken.leased == {shop.kopi: 100, shop.teh: 3}
    assert taken.short == {shop.kopi: 101}
    assert shop.level(shop.kopi) == (100, 100)
    assert till.renew_lease({shop.kopi: 0}).leased == {}
    assert shop.level(shop.kopi) == (100, 0)
