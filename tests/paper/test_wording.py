"""Amounts, times and weights as they stand on paper."""

import pytest
from google.protobuf.duration_pb2 import Duration

from hardware.paper.wording import amount, date, date_time, deadline, number, weight
from kasir.v1.admin_pb2 import Settings
from kasir.v1.common_pb2 import Money
from tests.paper.samples import moment, shop


@pytest.mark.parametrize(
    ("code", "minor", "shown"),
    [
        ("IDR", 10_840_000, "Rp 108.400"),
        ("IDR", 10_840_050, "Rp 108.400,50"),
        ("IDR", 10_840_005, "Rp 108.400,05"),
        ("IDR", 0, "Rp 0"),
        ("IDR", 99, "Rp 0,99"),
        ("IDR", -500_000, "-Rp 5.000"),
        ("IDR", -1, "-Rp 0,01"),
        ("IDR", 10**15, "Rp 10.000.000.000.000"),
        ("USD", 1_205, "USD 12,05"),
        ("JPY", 1_500, "JPY 1.500"),
        ("KWD", 1_500, "KWD 1,500"),
        ("CLF", 10_001, "CLF 1,0001"),
        ("", 0, "0"),
    ],
)
def test_amounts_show_decimals_only_where_they_are_not_zero(code: str, minor: int, shown: str) -> None:
    assert amount(Money(currency_code=code, minor_units=minor)) == shown


def test_times_are_those_of_the_shops_clock() -> None:
    assert date_time(moment(2025, 11, 22, 10, 5), shop()) == "22 Nov 2025 17:05 WIB"
    assert deadline(moment(2025, 12, 31, 17, 0), shop()) == "Kam, 1 Jan 2026 00:00 WIB"
    assert date(moment(2025, 8, 16, 16, 59), shop()) == "16 Agu 2025"
    assert date(moment(2025, 8, 16, 17, 0), shop()) == "17 Agu 2025"


@pytest.mark.parametrize(
    ("offset_s", "shown"),
    [
        (8 * 3600, "22 Nov 2025 18:05 WITA"),
        (9 * 3600, "22 Nov 2025 19:05 WIT"),
        (0, "22 Nov 2025 10:05 UTC+00:00"),
        (19_800, "22 Nov 2025 15:35 UTC+05:30"),
        (-12_600, "22 Nov 2025 06:35 UTC-03:30"),
    ],
)
def test_zones_have_their_names(offset_s: int, shown: str) -> None:
    assert date_time(moment(2025, 11, 22, 10, 5), Settings(utc_offset=Duration(seconds=offset_s))) == shown


@pytest.mark.parametrize(
    ("grams", "shown"),
    [(1, "1 g"), (999, "999 g"), (1000, "1 kg"), (1250, "1,25 kg"), (1_234_005, "1.234,005 kg")],
)
def test_weights(grams: int, shown: str) -> None:
    assert weight(grams) == shown


def test_numbers_have_dots_between_thousands() -> None:
    assert [number(value) for value in (0, 999, 1000, 1_234_567, -4200)] == [
        "0",
        "999",
        "1.000",
        "1.234.567",
        "-4.200",
    ]
