"""Goal: a till sells the same with the line and without it, never what it may not, and nothing is lost.
Method: the till's core on a real LMDB, a real server, and a relay between them that is cut.
"""

import errno
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from clients.common.connection import Connection
from clients.common.problems import BadInput, CallFailed
from clients.till import journal, shifts
from clients.till.cart import Cart, Permission
from clients.till.journal import Kind, State, Trouble
from clients.till.line import till_client
from clients.till.store import Table, Transaction, number
from clients.till.till import NotCovered, Till, open_till
from kasir.v1 import catalogue_pb2, common_pb2, sale_pb2, till_pb2
from tests.server.support import idr, until
from tests.till.world import TillShop, back, cart, cash, till_at

MANAGER = Permission("budi", "the customer is known")


def test_with_the_line_up_the_server_sells_at_once(till, shop):
    sold = till.sell(cart((shop.kopi, 2)), cash(5_000_000))
    assert sold.online
    assert sold.sale.sale_id == 1
    assert sold.sale.receipt == sold.entry.receipt
    assert sold.sale.receipt.startswith("KASIR-1-")
    assert sold.sale.change == sold.entry.receipt_sale.change == idr(50_000 - 26_666)
    assert till.journal.outbox() == []
    assert till.journal.matters() == []
    assert shop.level(shop.kopi) == (98, 0)


def test_without_the_line_it_sells_what_it_leased_and_the_server_books_it_later(till, shop, line):
    assert till.renew_lease({shop.kopi: 5, shop.gula: 3}).leased == {shop.kopi: 5, shop.gula: 3}
    assert shop.level(shop.kopi) == (100, 5)
    line.cut()
    first = till.sell(cart((shop.kopi, 2), (shop.gula, 3)), cash(10_000_000))
    second = till.sell(cart((shop.kopi, 3)), cash(10_000_000))
    assert not first.online
    assert till.journal.waits() == 2
    with pytest.raises(NotCovered) as refused:
        till.sell(cart((shop.kopi, 1)), cash(10_000_000))
    assert refused.value.uncovered == {shop.kopi: 1}
    assert till.journal.waits() == 2
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (2, 0, 0)
    booked = shop.sold()
    assert [sale.receipt for sale in booked] == [first.sale.receipt, second.sale.receipt]
    assert booked[0].totals == first.sale.totals
    assert booked[0].change == first.sale.change
    assert [line.total for line in booked[0].lines] == [line.total for line in first.sale.lines]
    assert booked[0].sold_time.ToMilliseconds() == first.entry.time_ms
    assert shop.level(shop.kopi) == (95, 0)
    assert shop.level(shop.gula) == (97, 0)
    assert till.journal.matters() == []


def test_beyond_the_lease_somebody_has_to_allow_it_and_it_stays_on_the_list(till, shop, line):
    till.renew_lease({shop.kopi: 1})
    line.cut()
    sold = till.sell(cart((shop.kopi, 3)), cash(10_000_000), beyond_lease=MANAGER)
    assert sold.entry.uncovered == [[shop.kopi, 2]]
    (matter,) = till.journal.matters()
    assert (matter.trouble, matter.seq) == (Trouble.UNCOVERED, sold.entry.seq)
    assert "allowed by budi" in matter.message
    with pytest.raises(BadInput, match="still waits"):
        till.settle(sold.entry.seq, "counted")
    back(till, line)
    till.send()
    assert till.journal.entry(sold.entry.seq).state == State.DONE
    assert len(till.journal.matters()) == 1
    till.settle(sold.entry.seq, "counted, it was there")
    assert till.journal.matters() == []
    assert len(till.journal.matters(settled=True)) == 1


def test_what_the_stock_does_not_give_is_never_sold_twice_nor_lost(till, shop, line):
    line.cut()
    sold = till.sell(cart((shop.kopi, 101)), cash(200_000_000), beyond_lease=MANAGER)
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.refused) == (0, 1)
    troubles = {matter.trouble: matter for matter in till.journal.matters()}
    assert troubles.keys() == {Trouble.UNCOVERED, Trouble.REFUSED}
    assert "101 wanted" in troubles[Trouble.REFUSED].message
    assert shop.level(shop.kopi) == (100, 0)
    x = till.x()
    assert x.shift.expected_cash == idr(100_000), "the server does not know of it"
    assert x.unbooked_minor == sold.sale.totals.total.minor_units

    shop.put(shop.kopi, 1)
    sent = till.retry(sold.entry.seq)
    assert (sent.done, sent.left) == (1, 0)
    assert shop.level(shop.kopi) == (0, 0)
    assert [matter.trouble for matter in till.journal.matters()] == [Trouble.UNCOVERED]
    with pytest.raises(BadInput, match="only one that was refused"):
        till.retry(sold.entry.seq)


def test_a_refusal_while_the_customer_stands_there_sells_nothing(till, shop):
    till.renew_lease({shop.kopi: 4})
    with pytest.raises(CallFailed) as refused:
        till.sell(cart((shop.kopi, 200)), cash(900_000_000))
    assert refused.value.reason == "OUT_OF_STOCK"
    assert till.journal.matters() == []
    assert till.journal.waits() == 0
    assert till.leases.available(till.now_ms()) == {shop.kopi: 4}
    assert till.sell(cart((shop.kopi, 100)), cash(900_000_000)).online, "its lease is its own"


def test_prices_that_changed_meanwhile_are_booked_as_paid_and_said(till, shop, line):
    line.cut()
    lines = cart((shop.kopi, 2), (shop.teh, 1))
    sold = till.sell(lines, cash(10_000_000), beyond_lease=MANAGER)
    dearer = catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(14_333))
    shop.update(shop.kopi, prices=[dearer], tax_class_id=shop.added)
    shop.update(shop.teh, inactive=True)
    back(till, line)
    till.send()
    (booked,) = shop.sold()
    assert booked.totals == sold.sale.totals
    assert booked.change == sold.sale.change
    charged = next(each for each in till.journal.matters() if each.trouble == Trouble.CHARGED)
    listed = (2 * 14_333_00 * 10_725 + 5_000) // 10_000
    assert charged.amount_minor == booked.totals.total.minor_units - listed
    assert booked.charged_difference.minor_units == charged.amount_minor


def test_a_discount_is_somebodys_and_stays_with_the_sale(till, shop):
    made = cart((shop.kopi, 1))
    made.discount(0, 33_300, MANAGER)
    made.add(shop.kopi)
    assert [line.quantity for line in made.lines] == [1, 1], "a line with a discount stands alone"
    sold = till.sell(made, cash(10_000_000))
    assert sold.sale.totals.discount.minor_units == 33_300
    kept = till.journal.entry(sold.entry.seq).permissions
    assert [(each["what"], each["by"]) for each in kept] == [("discount", "budi")]


def test_a_cart_is_set_aside_recalled_and_sold_once(till, shop):
    made = cart((shop.kopi, 2))
    made.discount(0, 100, MANAGER)
    kept = till.set_aside(made, "Ibu di meja 3")
    recalled = till.recall(kept)
    assert recalled == made
    recalled.add(shop.teh, 500)
    with pytest.raises(CallFailed, match="OUT_OF_STOCK"):
        till.sell(recalled, cash(900_000_000))
    assert till.recall(kept).lines == recalled.lines, "what was not sold is still set aside"
    recalled.set_quantity(1, 1)
    till.sell(recalled, cash(900_000_000))
    assert till.carts() == []
    with pytest.raises(BadInput, match="no cart"):
        till.recall(kept)


def test_a_cart_that_could_not_be_set_aside_has_no_number(till, shop, monkeypatch):
    made = cart((shop.kopi, 2))

    def full(*_given):
        raise OSError(errno.ENOSPC, "the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "put", full)
        with pytest.raises(OSError, match="full"):
            till.set_aside(made, "Ibu di meja 3")
    other = cart((shop.teh, 1))
    till.set_aside(other, "")
    till.set_aside(made, "Ibu di meja 3")
    assert [each.lines for each in till.carts()] == [other.lines, made.lines]


def test_several_tenders_and_what_is_not_enough(till, shop, line):
    line.cut()
    till_cart = cart((shop.teh, 2))
    card = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CARD, amount=idr(4_000), reference="APPR1")
    with pytest.raises(CallFailed, match=r"TENDERS_TOO_LOW: Rp 1\.000 are missing"):
        till.sell(till_cart, [card], beyond_lease=MANAGER)
    with pytest.raises(CallFailed, match="CHANGE_NOT_FROM_CASH"):
        till.sell(till_cart, [card, card], beyond_lease=MANAGER)
    for reference, reason in (("", "FIELD_REQUIRED"), ("no 4111 1111-1111 1111", "CARD_NUMBER_REFUSED")):
        wrong = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CARD, amount=idr(5_000), reference=reference)
        with pytest.raises(CallFailed, match=reason):
            till.sell(till_cart, [wrong], beyond_lease=MANAGER)
    assert till.journal.waits() == 0
    points = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_POINTS, amount=idr(5_000))
    with pytest.raises(BadInput, match="Points and credit"):
        till.sell(till_cart, [points], beyond_lease=MANAGER)
    sold = till.sell(till_cart, [card, *cash(500_000)], beyond_lease=MANAGER)
    assert sold.sale.change == idr(4_000)
    back(till, line)
    till.send()
    (booked,) = shop.sold()
    assert list(booked.tenders) == [card, *cash(500_000)]


def test_offline_totals_are_the_engines(till, shop, line):
    """Every amount of a line, over random carts, prices, discounts and taxes."""
    chance = random.Random(4711)
    for _ in range(150):
        made = Cart()
        for item_id in chance.sample(shop.items, chance.randint(1, 3)):
            made.add(item_id, chance.randint(1, 12))
        for index in range(len(made.lines)):
            if chance.random() < 0.5:
                made.discount(index, chance.randint(1, 250_000), MANAGER)
        till.line_is_back()
        online = till.quote(made)
        assert online.online
        till.stay_offline()
        offline = till.quote(made)
        assert not offline.online
        assert offline.priced.totals == online.priced.totals
        assert offline.priced.lines == online.priced.lines
        assert offline.priced.tax_class_ids == online.priced.tax_class_ids


def test_a_reply_that_was_lost_is_no_second_sale(till, shop, line):
    till.sell(cart((shop.teh, 1)), cash(1_000_000))
    line.cut()
    back(till, line, cut_after=1_500)
    made = [till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER) for _ in range(12)]
    assert not line.up, "it broke on the way"
    back(till, line)
    till.send()
    booked = shop.sold()
    assert [sale.receipt for sale in booked[1:]] == [sold.sale.receipt for sold in made]
    assert shop.level(shop.teh) == (87, 0)


def test_a_shift_opened_and_closed_without_the_line(till, shop, line):
    line.cut()
    till.sell(cart((shop.teh, 2)), cash(1_000_000), beyond_lease=MANAGER)
    till.move_cash(idr(-20_000), "parkir")
    x = till.x()
    assert not x.online
    assert x.waits == 2
    assert x.shift.expected_cash == idr(100_000 + 5_000 - 20_000)
    z = till.close_shift(idr(85_500))
    assert not z.online
    assert z.shift.difference == idr(500)
    with pytest.raises(BadInput, match="no open shift"):
        till.sell(cart((shop.teh, 1)), cash(1_000_000))
    opened = till.open_shift(idr(50_000))
    assert opened.shift.shift_id == 0
    till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER)
    back(till, line)
    till.send()
    assert till.journal.waits() == 0
    shifts = shop.tills.ListShifts(till_pb2.ListShiftsRequest()).shifts
    assert [shift.shift_id for shift in shifts] == [2, 1]
    assert (shifts[1].sale_count, shifts[1].difference) == (1, idr(500))
    assert (shifts[0].sale_count, shifts[0].opening_cash) == (1, idr(50_000))
    x = till.x()
    assert x.online
    assert x.shift == shifts[0]


def test_the_lease_goes_back_when_the_shift_closes_even_without_the_line(till, shop, line):
    till.renew_lease({shop.kopi: 5, shop.gula: 5})
    line.cut()
    till.sell(cart((shop.kopi, 2)), cash(10_000_000))
    till.close_shift(idr(0))
    assert shop.level(shop.kopi) == (100, 5)
    back(till, line)
    till.send()
    assert shop.level(shop.kopi) == (98, 0)
    assert shop.level(shop.gula) == (100, 0)
    assert till.leases.held(till.now_ms()) == []


def test_a_shift_that_somebody_else_opened_or_closed_is_the_tills_too(till, shop, line):
    request = till_pb2.CloseShiftRequest(request_id=new_id_of(1), shift_id=1, counted_cash=idr(100_000))
    shop.tills.CloseShift(request)
    line.cut()
    lost = till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER)
    back(till, line)
    till.send()
    refused = till.journal.entry(lost.entry.seq)
    assert (refused.state, refused.reason) == (State.REFUSED, "SHIFT_CLOSED")
    till.refresh()
    with pytest.raises(BadInput, match="Open a shift first"):
        till.retry(lost.entry.seq)
    till.open_shift(idr(0))
    till.retry(lost.entry.seq)
    assert [sale.shift_id for sale in shop.sold()] == [2]


def test_a_till_that_somebody_opened_meanwhile_sells_in_that_shift(till, shop, line):
    till.close_shift(idr(100_000))
    line.cut()
    till.open_shift(idr(70_000))
    sold = till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER)
    request = till_pb2.OpenShiftRequest(
        request_id=new_id_of(2), till_id=shop.till_id, opening_cash=idr(5_000)
    )
    assert shop.tills.OpenShift(request).shift.shift_id == 2
    back(till, line)
    till.send()
    (booked,) = shop.sold()
    assert (booked.receipt, booked.shift_id) == (sold.entry.receipt, 2)
    differs = next(each for each in till.journal.matters() if each.trouble == Trouble.DIFFERS)
    assert "Shift 2 was open already" in differs.message
    assert differs.amount_minor == idr(70_000).minor_units
    x = till.x()
    assert (x.online, x.shift.shift_id, x.shift.opening_cash) == (True, 2, idr(5_000))


def test_a_sale_that_is_sent_again_in_another_shift_counts_there(till, shop, line):
    line.cut()
    sold = till.sell(cart((shop.kopi, 101)), cash(900_000_000), beyond_lease=MANAGER)
    till.close_shift(idr(0))
    till.open_shift(idr(0))
    back(till, line)
    till.send()
    total = sold.sale.totals.total.minor_units
    assert till.report(1).unbooked_minor == total
    till.retry(sold.entry.seq)
    x = till.x()
    assert (x.unbooked_minor, x.shift.sale_count) == (total, 0), "refused again, in the open shift"
    shop.put(shop.kopi, 1)
    till.retry(sold.entry.seq)
    till.stay_offline()
    x = till.x()
    assert (x.unbooked_minor, x.shift.sale_count) == (0, 1)
    assert x.shift.expected_cash.minor_units == total


def test_a_sale_sent_again_waits_for_its_shift_and_holds_nothing_up(till, shop, line):
    line.cut()
    till.sell(cart((shop.kopi, 101)), cash(900_000_000), beyond_lease=MANAGER)
    back(till, line)
    till.send()
    shop.put(shop.kopi, 1)
    till.close_shift(idr(0))
    line.cut()
    till.open_shift(idr(0))
    (matter,) = [each for each in till.journal.matters() if each.trouble == Trouble.REFUSED]
    till.retry(matter.seq)
    till.sell(cart((shop.teh, 1)), cash(900_000_000), beyond_lease=MANAGER)
    back(till, line)
    assert till.send().left == 0
    assert [sale.shift_id for sale in shop.sold()] == [2, 2]


def test_a_line_that_breaks_while_the_till_starts_stops_nobody(till, shop, line, tmp_path):
    till.client.close()
    till.store.close()
    for size in range(100, 1_500, 100):
        line.cut()
        line.restore(cut_after=size)
        again = till_at(tmp_path / "state", line.address)
        assert again.record.code == "KASIR-1"
        again.client.close()
        again.store.close()


def test_whatever_answers_in_the_servers_place_refuses_no_sale(till, shop, line, server):
    line.cut()
    till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER)
    somebody = grpc.server(ThreadPoolExecutor(1))
    line.serve(f"127.0.0.1:{somebody.add_insecure_port('127.0.0.1:0')}")
    somebody.start()
    back(till, line)
    assert till.send().failed.code is grpc.StatusCode.UNIMPLEMENTED
    till.line_is_back()
    assert not till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER).online
    assert till.journal.waits() == 2
    line.cut()
    somebody.stop(None).wait(10)
    line.serve(server.target)
    back(till, line)
    till.send()
    assert len(shop.sold()) == 2


def test_a_server_that_hangs_costs_one_deadline_and_then_none(serve, tmp_path):
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = TillShop(channel)
        client = till_client(Connection(server.target, "siti"), timeout_s=0.5)
        till = open_till(tmp_path / "state", client, "KASIR-1")
        till.refresh()
        till.open_shift(idr(0))
        server.process.send_signal(signal.SIGSTOP)
        try:
            first = till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER)
            assert not till.line_may_be_up()
            assert not first.online
            second = till.sell(cart((shop.teh, 1)), cash(1_000_000), beyond_lease=MANAGER)
        finally:
            server.process.send_signal(signal.SIGCONT)
        till.line_is_back()
        until(lambda: not till.send().left, "what waited to be sent")
        assert [sale.receipt for sale in shop.sold()] == [first.entry.receipt, second.entry.receipt]
        client.close()
        till.store.close()


def new_id_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_two_processes_share_a_till_and_number_on(till, shop, line, tmp_path):
    """What one journals while the other's line is down is sent by either, once."""
    other = Till(till.store, till_client(till.client.connection, 5.0))
    line.cut()
    first = till.sell(cart((shop.teh, 1)), cash(900_000_000), beyond_lease=MANAGER)
    second = other.sell(cart((shop.teh, 2)), cash(900_000_000), beyond_lease=MANAGER)
    assert second.entry.seq == first.entry.seq + 1
    line.restore()
    grpc.channel_ready_future(other.client._channel).result(60)
    back_already(till)
    other.line_is_back()
    with ThreadPoolExecutor() as pool:
        sent = [job.result() for job in [pool.submit(till.send), pool.submit(other.send)]]
    assert sum(each.done for each in sent) == 2
    assert [sale.receipt for sale in shop.sold()] == [first.entry.receipt, second.entry.receipt]
    other.client.close()


def back_already(till) -> None:
    grpc.channel_ready_future(till.client._channel).result(60)
    till.line_is_back()


def open_in_dollars(till, shop, line) -> list[int]:
    """Without the line, a shift that the server will not open, and what is done in it; its sales."""
    till.close_shift(idr(100_000))
    line.cut()
    till.stay_offline()
    till.open_shift(common_pb2.Money(currency_code="USD", minor_units=500))
    lines = cart((shop.teh, 1))
    sold = [till.sell(lines, cash(1_000_000), beyond_lease=MANAGER).entry.seq for _ in range(2)]
    till.move_cash(idr(1_000), "uang kecil")
    return sold


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_was_done_in_a_shift_that_the_server_does_not_open_is_never_stuck(till, shop, line, by_hand):
    sold = open_in_dollars(till, shop, line)
    (opening,) = (entry for entry in till.journal.outbox() if entry.kind == Kind.OPEN)
    if by_hand:
        with till.store.write() as txn:
            opening.state = State.SETTLED
            journal.put_entry(txn, opening)
            txn.delete(Table.OUTBOX, number(opening.seq))
            shifts.set_current(txn, 0)
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.left) == (0, 0)
    assert sent.refused == (3 if by_hand else 4)
    refused = [each for each in till.journal.matters() if each.trouble == Trouble.REFUSED]
    assert [each.seq for each in refused] == ([] if by_hand else [opening.seq]) + [*sold, sold[-1] + 1]
    with pytest.raises(BadInput, match="no open shift"):
        till.sell(cart((shop.teh, 1)), cash(1_000_000))
    with pytest.raises(BadInput, match="Open a shift first"):
        till.retry(sold[0])
    till.open_shift(idr(100_000))
    for each in refused:
        if each.seq == opening.seq:
            till.settle(opening.seq, "counted in dollars")
        else:
            assert till.retry(each.seq).done == 1
    assert len(shop.sold()) == 2
    z = till.close_shift(idr(106_000))
    assert z.online
    assert z.shift.difference == idr(0)
    assert {each.trouble for each in till.journal.matters()} == {Trouble.UNCOVERED}


def test_a_shift_that_the_server_opens_after_all_is_open_here(till, shop, line):
    open_in_dollars(till, shop, line)
    back(till, line)
    till.send()
    opening = next(each for each in till.journal.matters() if each.trouble == Trouble.REFUSED)
    with till.store.write() as txn:
        entry = journal.get_entry(txn, opening.seq)
        request = till_pb2.OpenShiftRequest.FromString(entry.request)
        request.opening_cash.CopyFrom(idr(5))
        entry.request = request.SerializeToString()
        journal.put_entry(txn, entry)
    assert till.retry(opening.seq).done == 1
    assert till.sell(cart((shop.teh, 1)), cash(1_000_000)).online
