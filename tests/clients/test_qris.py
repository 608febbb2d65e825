"""Goal: the shop's QRIS code with an amount asks for just that amount, and a code with a mistake for none."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.common.problems import BadInput
from clients.common.qris import checked, with_amount
from tests.paper import samples


def sealed(body: str) -> str:
    body += "6304"
    return f"{body}{crc_hqx(body.encode(), 0xFFFF):04X}"


# A shop's code as banks give it: for many payments, without an amount.
SHOP = sealed(
    "00020101021126610014COM.GO-JEK.WWW01189360091438225844860210G8225844860303UMI51440014ID.CO.QRIS.WWW"
    "0215ID10210643584140303UMI5204581253033605802ID5917Toko Batik Melati6010Yogyakarta61055527162070703A01"
)


def test_a_code_with_an_amount_is_what_the_bank_would_make_of_it():
    # Made by hand from the specification.
    assert with_amount(SHOP, 34_821_700) == sealed(
        "00020101021226610014COM.GO-JEK.WWW01189360091438225844860210G8225844860303UMI51440014ID.CO.QRIS.WWW"
        "0215ID10210643584140303UMI520458125303360540634821758"
        "02ID5917Toko Batik Melati6010Yogyakarta61055527162070703A01"
    )


def test_an_amount_that_stood_there_is_another_one_now():
    assert "5406348217" in samples.QRIS
    assert "5406348217" not in with_amount(samples.QRIS, 1_000_050)
    assert "540810000.50" in with_amount(samples.QRIS, 1_000_050)


@given(st.integers(1, 10**11))
def test_every_amount_makes_a_sound_code(minor):
    made = with_amount(SHOP, minor)
    assert checked(f" {made}\n") == made
    assert with_amount(made, minor) == made


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Toko Batik Melati",
        SHOP[:-1],
        SHOP[:-4] + "0000",
        SHOP.replace("Melati", "Mawar."),
        sealed("000201010211"),
        sealed(SHOP[:-8].replace("5303360", "5303840")),
        SHOP + "é",
    ],
)
def test_what_is_no_code_of_a_shop_is_refused(wrong):
    with pytest.raises(BadInput):
        checked(wrong)


def test_nothing_is_asked_for_by_no_code():
    with pytest.raises(BadInput):
        with_amount(SHOP, 0)
