"""Whole numbers and ids as they are typed."""

import pytest

from clients.common.numbers import WHOLE_MAX, parse_id, parse_whole
from clients.common.problems import BadInput


@pytest.mark.parametrize(("text", "value"), [("0", 0), (" 7 ", 7), ("007", 7), (str(WHOLE_MAX), WHOLE_MAX)])
def test_reads_whole_numbers(text, value):
    assert parse_whole(text) == value


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1_000", "²", "٣", "\udcff", str(WHOLE_MAX + 1), "9" * 5_000, "seven"]
)
def test_what_is_none_is_no_number_and_no_id(text):
    assert parse_whole(text) is None
    with pytest.raises(BadInput) as refused:
        parse_id(text, "parcel")
    assert "the number of a parcel" in str(refused.value)
    assert len(str(refused.value)) < 120


def test_ids_begin_with_one():
    assert parse_id("1") == 1
    with pytest.raises(BadInput):
        parse_id("0")
