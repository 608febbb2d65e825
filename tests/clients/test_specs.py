"""Short forms of lines and payments."""

import pytest

from clients.common import specs
from clients.common.problems import BadInput
from clients.common.specs import LineSpec


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("KOPI-01", LineSpec("KOPI-01")),
        ("KOPI-01x3", LineSpec("KOPI-01", 3)),
        ("KOPI-01*3", LineSpec("KOPI-01", 3)),
        ("8991234567891x2@TOKO~5.000", LineSpec("8991234567891", 2, "TOKO", "5.000")),
        ("KOPI-01@TOKO", LineSpec("KOPI-01", 1, "TOKO")),
        ("KOPI-01~Rp 500,50", LineSpec("KOPI-01", 1, "", "Rp 500,50")),
        ("MUGx2x1", LineSpec("MUGx2", 1)),
        ("]C10108991234567891x2", LineSpec("]C10108991234567891", 2)),
        ("max", LineSpec("max")),
    ],
)
def test_reads_lines(text, line):
    assert specs.parse_line(text) == line


@pytest.mark.parametrize("text", ["", "KOPIx0", "KOPIx1000001", "KOPIx" + "9" * 5_000, "KOPI@", "KOPI~"])
def test_refuses_lines_that_are_none(text):
    with pytest.raises(BadInput):
        assert specs.parse_line(text).code != text


def test_a_till_takes_no_location_and_a_movement_no_discount():
    with pytest.raises(BadInput, match="location"):
        specs.parse_scan("KOPI@TOKO")
    with pytest.raises(BadInput, match="more than"):
        specs.parse_stock_line("KOPI~5.000")
    assert specs.parse_scan("KOPIx2~500") == LineSpec("KOPI", 2, "", "500")


def test_corrections_have_a_sign():
    assert specs.parse_adjustment("KOPI-01-1") == ("KOPI-01", -1)
    assert specs.parse_adjustment("KOPI-01+12") == ("KOPI-01", 12)
    for text in ("KOPI", "KOPI+0", "KOPI-1000001", "KOPI-" + "9" * 5_000, "-5"):
        with pytest.raises(BadInput):
            specs.parse_adjustment(text)


def test_sources_and_payments():
    assert specs.parse_source("12", "hold") == (12, "")
    assert specs.parse_source("12~5.000", "hold") == (12, "5.000")
    assert specs.parse_tender("APPR-1") == ("", "APPR-1")
    assert specs.parse_tender("50.000=APPR-1") == ("50.000", "APPR-1")
    for text in ("", "a=b=c", "50.000="):
        with pytest.raises(BadInput):
            specs.parse_tender(text)
    with pytest.raises(BadInput, match="Drop Order"):
        specs.parse_source("twelve", "Drop Order")
    for number in ("0", "9223372036854775808", "9" * 5_000):
        with pytest.raises(BadInput, match="Drop Order"):
            specs.parse_source(number, "Drop Order")


def test_a_quantity_gone_wrong_is_told_from_a_code():
    for text in ("KOPI-01x-3", "KOPI-01*-3", "KOPI-01x1,5", "KOPI-01x1.5"):
        assert specs.parse_line(text) == LineSpec(text)
        assert specs.hides_a_quantity(text)
    for code in ("KOPI-01", "MUGx2", "x-ray", "8991234567891"):
        assert not specs.hides_a_quantity(code)
