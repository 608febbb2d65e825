"""What is made of the text of a scan: symbology, GTIN, GS1 elements, and plain words about what is wrong."""

from datetime import date

import pytest
from biip.checksums import gs1_price_weight_check_digit, gs1_standard_check_digit
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.scanners import InStoreCode, Reader, Scan, Symbology, read
from kasir.v1.common_pb2 import Money

KOPI = "8991234567891"
GTIN = "08991234567891"


def with_check(digits: str) -> str:
    return digits + str(gs1_standard_check_digit(digits))


@pytest.mark.parametrize(
    ("raw", "symbology", "code", "gtin"),
    [
        (KOPI, Symbology.EAN_13, KOPI, GTIN),
        ("]E0" + KOPI, Symbology.EAN_13, KOPI, GTIN),
        (f" {KOPI}\r\n", Symbology.EAN_13, KOPI, GTIN),
        ("]E496385074", Symbology.EAN_8, "96385074", "00000096385074"),
        ("96385074", Symbology.EAN_8, "96385074", "00000096385074"),
        ("036000291452", Symbology.UPC_A, "036000291452", "00036000291452"),
        ("]E0036000291452", Symbology.UPC_A, "036000291452", "00036000291452"),
        ("]E00036000291452", Symbology.EAN_13, "0036000291452", "00036000291452"),
        # An issue number of two digits beside a magazine's EAN.
        (f"]E3{KOPI}05", Symbology.EAN_13, KOPI, GTIN),
        ("]I1" + with_check("1899123456789"), Symbology.ITF_14, "18991234567898", "18991234567898"),
        ("18991234567898", Symbology.ITF_14, "18991234567898", "18991234567898"),
        ("]I0123456", Symbology.ITF, "123456", ""),
        ("]C0KOPI-01", Symbology.CODE_128, "KOPI-01", ""),
        ("]A0KOPI-01", Symbology.CODE_39, "KOPI-01", ""),
        ("]Q1https://toko.example/kopi", Symbology.QR, "https://toko.example/kopi", ""),
        ("]X0whatever", Symbology.OTHER, "whatever", ""),
        ("KOPI-01", Symbology.UNKNOWN, "KOPI-01", ""),
        # An order's number, which begins as a batch (10) would.
        ("10482", Symbology.UNKNOWN, "10482", ""),
        ("JKT0012345678901", Symbology.UNKNOWN, "JKT0012345678901", ""),
        # A QRIS payment code begins as an SSCC (00) would.
        ("00020101021226570011ID.DANA.WWW0118936009153", Symbology.UNKNOWN, None, ""),
        ("]hello", Symbology.UNKNOWN, "]hello", ""),
    ],
)
def test_a_plain_code(raw: str, symbology: Symbology, code: str | None, gtin: str) -> None:
    scan = read(raw)
    assert scan == Scan(raw, raw if code is None else code, symbology, gtin=gtin)


def test_a_upc_e_is_the_upc_a_that_it_stands_for() -> None:
    assert read("04252614") == Scan("04252614", "042100005264", Symbology.UPC_E, gtin="00042100005264")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("]E08991234567890", "13 digits with a wrong check digit: 0 was read, 1 is right"),
        ("8991234567890", "13 digits with a wrong check digit: 0 was read, 1 is right"),
        ("]E496385075", "8 digits with a wrong check digit: 5 was read, 4 is right"),
        ("]E0899123456", "EAN-13 with 9 characters"),
        ("]C10108991234567890", "GTIN 08991234567890 with a wrong check digit: 0 was read, 1 is right"),
        ("]C1010899123456789X", "no GS1 element string"),
        ("]C1171313", "no GS1 element string"),
        ("]C1010899123456789117261399", "no GS1 element string"),
        ("]C1", "nothing was read"),
        ("", "nothing was read"),
        ("]C13932999100", "a price in the unknown currency 999"),
    ],
)
def test_what_is_wrong_is_shown_with_what_was_read(raw: str, said: str) -> None:
    scan = read(raw)
    assert said in scan.problem
    assert scan.raw == raw
    assert scan.gtin == ""


@pytest.mark.parametrize("first", ["", "\x1d"])
@pytest.mark.parametrize(
    ("prefix", "symbology"),
    [
        ("]C1", Symbology.GS1_128),
        ("]e0", Symbology.GS1_DATABAR),
        ("]d2", Symbology.GS1_DATA_MATRIX),
        ("]Q3", Symbology.GS1_QR),
        ("", Symbology.GS1),
    ],
)
def test_an_element_string_gives_batch_expiry_and_number(
    prefix: str, symbology: Symbology, first: str
) -> None:
    raw = f"{prefix}{first}01{GTIN}10LOT/7-A\x1d1726123121S-55\x1d3712"
    scan = read(raw)
    assert scan == Scan(
        raw,
        GTIN,
        symbology,
        gtin=GTIN,
        batch="LOT/7-A",
        serial="S-55",
        expiry=date(2026, 12, 31),
        count=12,
    )


def test_an_element_string_as_it_is_printed() -> None:
    scan = read(f"(01){GTIN}(17)270200(10)AB")
    assert (scan.symbology, scan.code, scan.batch) == (Symbology.GS1, GTIN, "AB")
    # A day of 00 is the month's last.
    assert scan.expiry == date(2027, 2, 28)


def test_another_separator_than_fnc1() -> None:
    scan = Reader(separators="|").read(f"]C101{GTIN}10AB|17261231")
    assert (scan.batch, scan.expiry) == ("AB", date(2026, 12, 31))


def test_a_pallet_is_known_by_its_sscc() -> None:
    sscc = with_check("18991234567890123")
    assert read(f"]C100{sscc}") == Scan(f"]C100{sscc}", sscc, Symbology.GS1_128, sscc=sscc)
    assert read(f"00{sscc}").sscc == sscc
    wrong = sscc[:-1] + str((int(sscc[-1]) + 1) % 10)
    assert "SSCC" in read(f"]C100{wrong}").problem
    # Without a prefix it may be anything, a courier's number too.
    assert read(f"00{wrong}") == Scan(f"00{wrong}", f"00{wrong}", Symbology.UNKNOWN)


@pytest.mark.parametrize(
    ("elements", "grams", "price"),
    [
        ("3103001250", 1250, None),
        ("3100000012", 12_000, None),
        # Rounded half up to the gram.
        ("3105000150", 2, None),
        ("3201000010", 454, None),
        ("392025000", None, Money(currency_code="IDR", minor_units=2_500_000)),
        ("39221995", None, Money(currency_code="IDR", minor_units=1995)),
        ("39327021995", None, Money(currency_code="SGD", minor_units=1995)),
        ("39303921995", None, Money(currency_code="JPY", minor_units=1995)),
        ("310300125039201950", 1250, Money(currency_code="IDR", minor_units=195_000)),
    ],
)
def test_weight_and_price_of_an_element_string(elements: str, grams: int | None, price: Money | None) -> None:
    scan = read(f"]e001{GTIN}{elements}")
    assert (scan.problem, scan.weight_grams, scan.price, scan.gtin) == ("", grams, price, GTIN)


def test_a_link_of_gs1_names_its_item() -> None:
    scan = read(f"https://id.gs1.org/01/{GTIN}/10/AB?17=271231")
    assert (scan.symbology, scan.code, scan.batch) == (Symbology.GS1_QR, GTIN, "AB")
    assert scan.expiry == date(2027, 12, 31)
    assert read(f"]Q3https://id.gs1.org/01/{GTIN}").gtin == GTIN


# --- A shop's own codes with weight or price ---


def test_a_shops_own_code_gives_weight_and_the_items_code() -> None:
    reader = Reader(in_store=(InStoreCode("20IIIIIWWWWWC"), InStoreCode("21IIIIPPPPPPC", unit=100)))
    apples, cheese = with_check("201234501250"), with_check("210777045500")
    assert reader.read(apples) == Scan(
        apples,
        with_check("201234500000"),
        Symbology.EAN_13,
        gtin="0" + apples,
        weight_grams=1250,
    )
    assert reader.read("]E0" + cheese).price == Money(currency_code="IDR", minor_units=4_550_000)
    assert reader.read(cheese).code == with_check("210777000000")
    # A GTIN-14 that ends alike is another item.
    assert reader.read(with_check("3" + apples[:-1])).weight_grams is None
    assert read(apples).weight_grams is None


def test_the_measures_own_check_digit_is_verified() -> None:
    reader = Reader(in_store=(InStoreCode("22IIIIVWWWWWC"),))
    right = gs1_price_weight_check_digit("01250")
    assert reader.read(with_check(f"221234{right}01250")).weight_grams == 1250
    wrong = reader.read(with_check(f"221234{(right + 1) % 10}01250"))
    assert wrong.weight_grams is None
    assert f"{right} is right" in wrong.problem


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "20IIIIIWWWWW",
        "20IIIIIWWWWWCC",
        "30IIIIIWWWWWC",
        "20IIIIIWWWPPC",
        "20IIIIIIIIIIC",
        "20IIIVWWWWWWC",
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no pattern"):
        InStoreCode(pattern)


# --- Whatever is read ---

CODES = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"\](C1|e0|d2|Q3|E0|E4|E3|I1|Y9|zz)?[0-9()\x1dA-Z]{0,40}", fullmatch=True),
    st.from_regex(r"\(?(00|01|02|10|17|31\d\d|39\d\d)\)?[0-9\x1d]{0,40}", fullmatch=True),
    st.from_regex(r"https?://[ -~]{0,40}", fullmatch=True),
)
MANY = Reader(
    in_store=(InStoreCode("20IIIIIWWWWWC"), InStoreCode("22IIIIVWWWWWC"), InStoreCode("02IIIIIVPPPPC")),
    separators="|\x1d",
)


@settings(deadline=None, max_examples=500)
@given(CODES)
def test_anything_is_read_and_kept(raw: str) -> None:
    for reader in (Reader(), MANY):
        scan = reader.read(raw)
        assert scan.raw == raw
        assert scan.code or scan.problem
        if scan.gtin:
            assert len(scan.gtin) == 14
            assert scan.gtin == with_check(scan.gtin[:-1])
        assert scan.weight_grams is None or scan.weight_grams >= 0


@settings(deadline=None, max_examples=300)
@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.integers(1, 9), st.integers(0, 12))
def test_one_wrong_digit_never_passes(payload: str, by: int, at: int) -> None:
    right = with_check(payload)
    wrong = right[:at] + str((int(right[at]) + by) % 10) + right[at + 1 :]
    assert read("]E0" + right).problem == ""
    assert "wrong check digit" in read("]E0" + wrong).problem
    assert read("]E0" + wrong).code == wrong


@pytest.mark.parametrize("raw", [f"01{GTIN}30", f"]C101{GTIN}30", f"01{GTIN}30\x1d10A"])
def test_an_item_with_an_empty_count_is_that_item(raw: str) -> None:
    scan = read(raw)
    assert (scan.gtin, scan.count, scan.problem) == (GTIN, None, "")
