"""What is offered and what is refused where a cart is paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.common.problems import BadInput
from clients.till.paying import NOTES, QUICK_MAX, check_own, counted, quick_amounts, rest
from kasir.v1.admin_pb2 import Settings
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, TENDER_KIND_CREDIT, TENDER_KIND_POINTS
from tests.till.world import cash


def test_the_sum_itself_and_what_notes_round_it_up_to_are_offered():
    assert quick_amounts(6_730_000, "IDR") == [6_730_000, 6_800_000, 7_000_000, 8_000_000, 10_000_000]
    assert quick_amounts(10_000_000, "IDR") == [10_000_000]
    assert quick_amounts(0, "IDR") == []
    assert quick_amounts(1_250, "USD") == [1_250]


@given(st.integers(1, 10**12))
def test_each_offer_pays_and_can_be_counted_out_in_notes(minor):
    first, *others = quick_amounts(minor, "IDR")
    assert first == minor
    assert len(others) <= QUICK_MAX
    assert others == sorted(set(others))
    for each in others:
        assert minor < each < minor + max(NOTES["IDR"]) * 100
        assert each % (min(NOTES["IDR"]) * 100) == 0


def test_what_the_tenders_leave_and_what_pieces_come_to():
    assert rest(10_000, cash(4_000)) == 6_000
    assert rest(10_000, cash(12_000)) == -2_000
    assert counted("IDR", [(100_000, 3), (500, 2)]) == 30_100_000


def test_points_and_credit_are_somebodys_and_points_have_a_worth():
    settings = Settings(currency_code="IDR", point_value_minor_units=10_000)
    check_own(TENDER_KIND_CASH, 1, 0, settings)
    check_own(TENDER_KIND_CREDIT, 1, 7, settings)
    check_own(TENDER_KIND_POINTS, 20_000, 7, settings)
    for kind, minor, customer, said, shop in (
        (TENDER_KIND_POINTS, 10_000, 0, "Whose points", settings),
        (TENDER_KIND_CREDIT, 10_000, 0, "Whose credit", settings),
        (TENDER_KIND_POINTS, 10_001, 7, "worth Rp 100", settings),
        (TENDER_KIND_POINTS, 10_000, 7, "pay nothing", Settings(currency_code="IDR")),
    ):
        with pytest.raises(BadInput, match=said):
            check_own(kind, minor, customer, shop)
