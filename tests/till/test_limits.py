"""Goal: what the engine never books, the till does not sell, the line up or not. Method: each of its limits
is held against the engine, which is asked directly, just within and just beyond.
"""

import grpc
import pytest

from clients.common.problems import CallFailed
from clients.till import shifts
from clients.till.cart import Permission
from clients.till.limits import REASON_MAX, REFERENCE_MAX, TENDERS_MAX, is_printable
from kasir.v1 import sale_pb2, till_pb2
from tests.server.support import idr, new_id
from tests.till.world import back, cart

MANAGER = Permission("budi", "the customer is known")


def card(reference: str, rupiah: int = 2_500) -> sale_pb2.Tender:
    return sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CARD, amount=idr(rupiah), reference=reference)


def several(count: int) -> list[sale_pb2.Tender]:
    """So many payments of what costs 2.500."""
    return [card(f"A{number}", 2_500 - count + 1 if number == 0 else 1) for number in range(count)]


def engine_takes(shop, till, tenders: list[sale_pb2.Tender]) -> bool:
    with till.store.read() as txn:
        shift_id = shifts.need_current(txn).shift_id
    sale = till_pb2.TillSaleInput(
        shift_id=shift_id, lines=[till_pb2.TillLineInput(item_id=shop.teh, quantity=1)]
    )
    request = till_pb2.CreateTillSaleRequest(request_id=new_id(), sale=sale, tenders=tenders)
    try:
        shop.tills.CreateTillSale(request)
    except grpc.RpcError:
        return False
    return True


@pytest.mark.parametrize("is_up", [True, False])
def test_what_the_engine_takes_of_payments_the_till_takes_and_nothing_else(till, shop, line, is_up):
    cases = [
        (several(TENDERS_MAX), ""),
        (several(TENDERS_MAX + 1), "TOO_MANY_ELEMENTS"),
        ([card("x" * REFERENCE_MAX)], ""),
        ([card("x" * (REFERENCE_MAX + 1))], "FIELD_TOO_LONG"),
        ([card("QR\x1d5512")], "FIELD_MALFORMED"),
        ([card("QR\u202e5512")], "FIELD_MALFORMED"),
        ([card("QR\u20645512")], "FIELD_MALFORMED"),
        ([card("QR 5512\u00e9")], ""),
    ]
    taken = [engine_takes(shop, till, tenders) for tenders, _ in cases]
    assert taken == [not reason for _, reason in cases]
    if not is_up:
        line.cut()
        till.stay_offline()
    for tenders, reason in cases:
        if reason:
            with pytest.raises(CallFailed, match=reason):
                till.sell(cart((shop.teh, 1)), tenders, beyond_lease=MANAGER)
        else:
            till.sell(cart((shop.teh, 1)), tenders, beyond_lease=MANAGER)
    if not is_up:
        assert till.journal.waits() == taken.count(True)
        back(till, line)
    assert till.send().refused == 0


def test_signs_are_printable_to_the_till_where_they_are_to_the_engine(till, shop):
    odd = [*range(0x20), *range(0x7F, 0xA1), 0xAD, *range(0x2000, 0x2070), 0xD7FF, 0xE000, 0xFEFF, 0x1F600]
    for code in odd:
        text = f"a{chr(code)}b"
        assert engine_takes(shop, till, [card(text)]) == is_printable(text), hex(code)


def test_what_the_engine_takes_of_cash_that_is_moved_the_till_takes(till, line):
    line.cut()
    till.stay_offline()
    wrong = [
        (idr(1_000), "", "FIELD_REQUIRED"),
        (idr(1_000), "x" * (REASON_MAX + 1), "FIELD_TOO_LONG"),
        (idr(1_000), "to\x07ko", "FIELD_MALFORMED"),
        (idr(0), "parkir", "AMOUNT_OUT_OF_RANGE"),
        (idr(-100_001), "parkir", "AMOUNT_OUT_OF_RANGE"),
    ]
    for amount, reason, refusal in wrong:
        with pytest.raises(CallFailed, match=refusal):
            till.move_cash(amount, reason)
    till.move_cash(idr(-100_000), "x" * REASON_MAX)
    back(till, line)
    sent = till.send()
    assert (sent.done, sent.refused) == (1, 0)
