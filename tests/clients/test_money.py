"""Amounts are read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.common.money import MINOR_UNITS_MAX, minor_digits, parse_money, show_amount, show_money
from clients.common.problems import BadInput
from kasir.v1.common_pb2 import Money


@pytest.mark.parametrize(
    ("text", "minor_units"),
    [
        ("108400", 10_840_000),
        ("108.400", 10_840_000),
        ("Rp 108.400", 10_840_000),
        ("Rp108.400,50", 10_840_050),
        ("rp. 108.400,-", 10_840_000),
        ("108.400,--", 10_840_000),
        ("IDR 1.234.567", 123_456_700),
        (" 0 ", 0),
        ("0,05", 5),
        ("10.000.000.000.000", MINOR_UNITS_MAX),
    ],
)
def test_reads_what_people_write(text, minor_units):
    assert parse_money(text, "IDR") == Money(currency_code="IDR", minor_units=minor_units)


@pytest.mark.parametrize(
    "text",
    [
        "108.40",
        "108,400",
        "108,5",
        "1.234.56",
        "1.0000",
        "0.500",
        "12.34,56",
        "1,234,567",
        "108.400,123",
        "1.2",
    ],
)
def test_refuses_what_could_be_two_amounts(text):
    with pytest.raises(BadInput, match="two ways"):
        parse_money(text, "IDR")


@pytest.mark.parametrize(
    "text", ["", "abc", "Rp", "---5", "5-", "\uff11\uff10", "1 000", "5e3", "0x10", "NaN", "5;3", "12 345"]
)
def test_refuses_what_is_no_amount(text):
    with pytest.raises(BadInput, match="not an amount"):
        parse_money(text, "IDR")


def test_a_negative_amount_needs_a_place_that_takes_one():
    assert parse_money("-5.000", "IDR", signed=True).minor_units == -500_000
    assert parse_money("Rp -5.000", "IDR", signed=True).minor_units == -500_000
    with pytest.raises(BadInput, match="negative"):
        parse_money("-5.000", "IDR")
    with pytest.raises(BadInput, match="two minus signs"):
        parse_money("-Rp -5", "IDR", signed=True)


def test_another_currency_is_not_taken_for_the_one_needed():
    with pytest.raises(BadInput, match="not in IDR"):
        parse_money("USD 5", "IDR")
    assert parse_money("USD 5", "USD").minor_units == 500


def test_too_much_is_refused_here_already():
    with pytest.raises(BadInput, match="too much"):
        parse_money("10.000.000.000.000,01", "IDR")


def test_decimals_are_the_currencys():
    assert [minor_digits(code) for code in ("IDR", "JPY", "KWD", "CLF", "EUR")] == [2, 0, 3, 4, 2]
    assert parse_money("500", "JPY").minor_units == 500
    assert parse_money("1,250", "KWD").minor_units == 1_250
    with pytest.raises(BadInput, match="two ways"):
        parse_money("500,5", "JPY")


@pytest.mark.parametrize(
    ("minor_units", "code", "text"),
    [
        (10_840_000, "IDR", "Rp 108.400"),
        (10_840_050, "IDR", "Rp 108.400,50"),
        (-500_000, "IDR", "-Rp 5.000"),
        (5, "IDR", "Rp 0,05"),
        (1_200, "EUR", "EUR 12,00"),
        (500, "JPY", "JPY 500"),
    ],
)
def test_shows_amounts_as_people_write_them(minor_units, code, text):
    assert show_amount(minor_units, code) == text


def test_an_unset_amount_is_empty():
    assert show_money(Money()) == ""


@given(
    st.integers(-MINOR_UNITS_MAX, MINOR_UNITS_MAX),
    st.sampled_from(["IDR", "USD", "JPY", "KWD", "CLF", "EUR"]),
)
def test_what_is_shown_is_read_back(minor_units, code):
    assert parse_money(show_amount(minor_units, code), code, signed=True).minor_units == minor_units


@given(st.text(alphabet="0123456789.,-Rp ", max_size=16))
def test_anything_typed_is_an_amount_or_a_sentence(text):
    try:
        money = parse_money(text, "IDR", signed=True)
    except BadInput:
        return
    else:
        digits = "".join(character for character in text if character.isdigit())
        whole = digits if "," not in text or text.rstrip().endswith("-") else digits[:-2]
        assert abs(money.minor_units) // 100 == int(whole)
