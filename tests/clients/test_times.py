"""Points in time as people type them."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from clients.common import times
from clients.common.problems import BadInput

WIB = timedelta(hours=7)
# 10:00 in Bandung
NOW = datetime(2026, 3, 5, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("17:00", "2026-03-05T10:00"),
        ("17.00", "2026-03-05T10:00"),
        ("today 10:01", "2026-03-05T03:01"),
        ("tomorrow 09:30", "2026-03-06T02:30"),
        ("Tomorrow 0:05", "2026-03-05T17:05"),
        ("+3h", "2026-03-05T06:00"),
        ("+90m", "2026-03-05T04:30"),
        ("+1d12h", "2026-03-06T15:00"),
        ("2026-03-07T17:00", "2026-03-07T10:00"),
        ("2026-03-07 17:00:30", "2026-03-07T10:00:30"),
        ("2026-03-07T17:00+08:00", "2026-03-07T09:00"),
        ("2026-03-07T17:00Z", "2026-03-07T17:00"),
    ],
)
def test_reads_times_in_the_shops_zone(text, utc):
    assert times.parse_time(text, NOW, WIB) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "17:60",
        "17",
        "+",
        "+0h",
        "+3x",
        "+3h2d",
        "2026-02-30T10:00",
        "2026-03-05",
        "5 pm",
        "-3h",
    ],
)
def test_refuses_what_is_no_time(text):
    with pytest.raises(BadInput):
        times.parse_time(text, NOW, WIB)


def test_a_clock_time_that_is_over_is_not_taken_for_tomorrows():
    with pytest.raises(BadInput, match=r"over today: write 'tomorrow 09:00'"):
        times.parse_time("9:00", NOW, WIB)
    with pytest.raises(BadInput, match="over today"):
        times.parse_time("10:00", NOW, WIB)


def test_shows_times_in_the_shops_zone():
    stamp = Timestamp()
    stamp.FromDatetime(NOW)
    assert times.show_time(stamp, WIB) == "2026-03-05 10:00"
    assert times.show_time(Timestamp(), WIB) == ""


@pytest.mark.parametrize("text", ["3h", "1d12h", "90m", "7d", "1m", "90s", "1h30s"])
def test_durations_come_back_as_the_same_length(text):
    length = times.parse_duration(text)
    assert times.parse_duration(times.show_duration(length)) == length


def test_a_part_of_a_second_is_a_length_too():
    assert times.parse_duration("0.5s") == timedelta(milliseconds=500)
    for text in ("", "s", ".s", "0.s", "5", "1.5h", "30s1h"):
        with pytest.raises(BadInput, match="length of time"):
            times.parse_duration(text)


def test_zones_have_names():
    assert times.parse_offset("WITA") == timedelta(hours=8)
    assert times.parse_offset("+7") == WIB
    assert times.parse_offset("-3:30") == -timedelta(hours=3, minutes=30)
    assert times.zone_name(WIB) == "WIB"
    assert times.zone_name(timedelta(hours=5, minutes=30)) == "UTC+05:30"
    with pytest.raises(BadInput):
        times.parse_offset("Bandung")


@pytest.mark.parametrize("text", ["2026-3-5", "05-03-2026", "2026-02-29", "today"])
def test_a_day_is_a_day_of_the_calendar(text):
    with pytest.raises(BadInput, match="2026-03-05"):
        times.parse_day(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59-05:00"])
def test_what_lies_outside_of_the_calendar_is_told(text):
    with pytest.raises(BadInput, match="outside of the calendar"):
        times.parse_timestamp(text, WIB)


@pytest.mark.parametrize("text", ["9999-12-31", "1899-12-31", "0001-01-01"])
def test_a_day_that_no_report_knows_is_a_day_all_the_same(text):
    with pytest.raises(BadInput, match="too far away"):
        times.parse_day(text)
    with pytest.raises(BadInput, match="too far away"):
        times.parse_month(text[:7])


def test_days_and_months():
    assert times.parse_day("2026-03-05") == "2026-03-05"
    assert times.parse_month("2026-03") == "2026-03"
    with pytest.raises(BadInput):
        times.parse_month("2026-13")
