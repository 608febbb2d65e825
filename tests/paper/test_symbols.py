"""Bar codes are read back by another library than the one that made them."""

import pytest
import qrcode
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from qrcode.constants import ERROR_CORRECT_M

from hardware.paper.document import Symbol
from hardware.paper.errors import PaperError
from hardware.paper.raster import draw_bars, qr_picture, symbol_image
from hardware.paper.symbols import code128, code128_modules, code128_parts, fits_code128, qr, qr_modules
from tests.paper.reading import codes

ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=50)


def drawn(data: str, module: int = 3) -> Image.Image:
    image = Image.new("1", (code128_modules(data) * module, 60), 255)
    draw_bars(image, code128(data), 10 * module, 0, 60, module)
    return image


@settings(deadline=None)
@given(st.one_of(ASCII, st.from_regex(r"[A-Z]{0,4}[0-9]{1,20}[A-Z]{0,3}", fullmatch=True)))
def test_code128_is_read_back(data: str) -> None:
    assert codes(drawn(data)) == {("Code 128", data)}
    assert "".join(text for _, text in code128_parts(data)) == data


@settings(deadline=None, max_examples=60)
@given(st.one_of(ASCII, st.from_regex(r"[0-9]{1,400}", fullmatch=True), st.text(min_size=1, max_size=300)))
def test_a_qr_code_has_the_mask_that_the_library_would_choose(data: str) -> None:
    theirs = qrcode.QRCode(border=0, error_correction=ERROR_CORRECT_M)
    theirs.add_data(data)
    theirs.make(fit=True)
    assert qr(data) == tuple(map(tuple, theirs.get_matrix()))


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ("10482", [(True, "1048"), (False, "2")]),
        ("JKT0012345678901", [(False, "JKT0"), (True, "012345678901")]),
        ("12", [(True, "12")]),
        ("123", [(False, "123")]),
        ("AB12CD", [(False, "AB12CD")]),
        ("AB123456CD", [(False, "AB"), (True, "123456"), (False, "CD")]),
        ("1234A5678", [(True, "1234"), (False, "A"), (True, "5678")]),
    ],
)
def test_digits_are_packed_in_pairs_where_that_is_shorter(data: str, parts: list[tuple[bool, str]]) -> None:
    assert code128_parts(data) == parts
    symbols = sum(len(text) // 2 if in_c else len(text) for in_c, text in parts)
    # A switch of set between two parts, start and check are a symbol each; the stop is 13 modules.
    assert sum(code128(data)) == 11 * (symbols + len(parts) - 1 + 2) + 13


@pytest.mark.parametrize("data", ["", "é", "A\n", "北京", "\x7f"])
def test_what_code128_cannot_say_is_refused(data: str) -> None:
    assert not fits_code128(data)
    with pytest.raises(PaperError):
        code128(data)


@settings(deadline=None, max_examples=30)
@given(st.one_of(st.integers(1, 2**64 - 1).map(str), ASCII))
def test_qr_is_read_back(data: str) -> None:
    assert codes(qr_picture(data, 4)) == {("QR Code", data)}
    assert qr_modules(data) == len(qr(data))


@pytest.mark.parametrize("width_mm", [58, 80])
@pytest.mark.parametrize("order_id", [1, 10_482, 2**64 - 1])
def test_any_order_number_fits_either_paper(width_mm: int, order_id: int) -> None:
    for is_qr in (False, True):
        image = symbol_image(Symbol(str(order_id), is_qr), width_mm)
        assert {text for _, text in codes(image)} == {str(order_id)}


def test_a_code_wider_than_the_paper_is_refused() -> None:
    with pytest.raises(PaperError, match="wider than the paper"):
        symbol_image(Symbol("A" * 40, is_qr=False), 58)
