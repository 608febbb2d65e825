"""The item label of 50 x 30 mm, as ZPL, TSPL, PDF and PNG: one content, read back from each."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hardware.paper import Label, PaperError, item_label, labels_pdf
from hardware.paper.label_item import SIZE
from hardware.paper.marks import Bars, Square, Words, text_width
from hardware.paper.symbols import BarKind, bar_widths
from hardware.paper.text import clean, visual
from kasir.v1.catalogue_pb2 import Item, Price
from tests.paper import samples
from tests.paper.conftest import DrawZpl
from tests.paper.reading import assert_alone, codes, codes_by_both, page_texts, pages, picture
from tests.paper.samples import rupiah
from tests.paper.tspl_printer import printed

EAN = ("EAN-13", "8991234567891")


def item(code: str) -> Item:
    made = samples.item()
    del made.barcodes[:]
    made.barcodes.append(code)
    return made


def said(label: Label) -> str:
    return "".join("".join(mark.text.split()) for mark in label.marks if isinstance(mark, Words))


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("8991234567891", "EAN-13", "8991234567891"),
        ("96385074", "EAN-8", "96385074"),
        # A UPC-A is an EAN-13 with a zero before it.
        ("036000291452", "EAN-13", "0036000291452"),
        ("18991234567898", "Code 128", "18991234567898"),
        ("8991234567890", "Code 128", "8991234567890"),
        ("KOPI-01", "Code 128", "KOPI-01"),
        ('A"B\\C', "Code 128", 'A"B\\C'),
        ("KOPI-ROBUSTA-250G-GILING", "QR Code", "KOPI-ROBUSTA-250G-GILING"),
        ("Kopi 北京", "QR Code", "Kopi 北京"),
        ("A1" * 24, "QR Code", "A1" * 24),
    ],
)
def test_the_code_is_read_from_every_format(draw_zpl: DrawZpl, code: str, kind: str, text: str) -> None:
    label = item_label(item(code))
    images: list[Image.Image] = [picture(label.png(1)), picture(label.png(2))]
    for dots in (8, 12):
        drawn = [*draw_zpl(label.zpl(dots), 50, 30, dots), *printed(label.tspl(dots), dots)]
        assert [each.size for each in drawn] == 2 * [(50 * dots, 30 * dots)]
        images += drawn
    # zbar takes letters beyond ASCII for Japanese ones.
    read = codes_by_both if text.isascii() else codes
    for image in images:
        assert read(image) == {(kind, text)}
        assert_alone(image)
    assert read(*pages(label.pdf(), 300)) == {(kind, text)}


def test_name_price_and_number_stand_on_it() -> None:
    label = item_label(samples.item())
    for text in (samples.item().name, "Rp 189.000", "BTK-0017", "8991234567891"):
        assert "".join(text.split()) in said(label)
        assert "".join(text.split()) in "".join(page_texts(label.pdf())[0].split())
    assert "Rp160.000" not in said(label)


def test_they_are_read_by_eye(read_words: Callable[[Image.Image], str]) -> None:
    (image,) = printed(item_label(samples.item()).tspl(12), 12)
    words = read_words(image)
    assert "Rp 189.000" in words
    assert "Kemeja Batik Parang Lengan Panjang" in " ".join(words.split())


def test_a_label_without_price_and_one_of_another_list() -> None:
    assert "Rp" not in said(item_label(samples.item(), price_list=""))
    made = samples.item()
    made.prices.append(Price(price_list="member", min_quantity=0, amount=rupiah(185_000)))
    assert "Rp185.000" in said(item_label(made, price_list="member"))
    with pytest.raises(PaperError, match="BTK-0017 has no wholesale price"):
        item_label(made, price_list="wholesale")


def test_without_a_barcode_the_sku_is_scanned() -> None:
    made = samples.item()
    del made.barcodes[:]
    assert codes_by_both(picture(item_label(made).png(2))) == {("Code 128", "BTK-0017")}
    made.sku = ""
    with pytest.raises(PaperError, match="neither a barcode nor an SKU"):
        item_label(made)


def test_an_ean_goes_before_a_shops_own_code() -> None:
    made = item("TOKO-7")
    made.barcodes.append("8991234567891")
    assert codes_by_both(picture(item_label(made).png())) == {EAN}


def test_nothing_leaves_the_label_or_overlaps() -> None:
    made = samples.item()
    made.name, made.sku = "W" * 200, "M" * 40
    made.prices[0].amount.CopyFrom(rupiah(10**13))
    for label in (item_label(samples.item()), item_label(made), item_label(item("A1" * 24))):
        boxes = []
        for mark in label.marks:
            if isinstance(mark, Words):
                wide, high = text_width(mark.text, mark.size, bold=mark.bold), mark.size
                boxes.append((mark.x, mark.y, mark.x + wide, mark.y + high))
            elif isinstance(mark, Bars):
                boxes.append((mark.x, mark.y, mark.x + mark.width, mark.y + mark.height))
            elif isinstance(mark, Square):
                boxes.append((mark.x, mark.y, mark.x + mark.side, mark.y + mark.side))
        for at, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 4
            assert top >= 4
            assert right <= SIZE.width - 4
            assert bottom <= SIZE.height
            for other in boxes[at + 1 :]:
                apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
                assert apart, (boxes[at], other)
    assert "W" * 200 in said(item_label(made))


@settings(deadline=None, max_examples=60)
@given(
    st.text(max_size=200),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=48),
    st.integers(0, 10**15),
)
def test_any_item_makes_a_label_that_keeps_it(name: str, code: str, minor: int) -> None:
    made = Item(item_id=1, sku="SKU-1", name=name, barcodes=[code])
    made.prices.add(price_list="retail", min_quantity=1).amount.CopyFrom(rupiah(0))
    made.prices[0].amount.minor_units = minor
    label = item_label(made)
    if visual(clean(name)) == clean(name):
        assert "".join(clean(name).split()) in said(label)
    (image,) = printed(label.tspl())
    assert image.size == (400, 240)
    assert label.zpl().count(b"^XA") == 1
    assert len(labels_pdf([label])) > 1000


def test_pages_of_two_sizes_in_one_file() -> None:
    from tests.paper.test_label import label as address

    sizes = [page.size for page in pages(labels_pdf([address(), item_label(samples.item())]), 203.2)]
    assert sizes == [pytest.approx((800, 1200), abs=2), pytest.approx((400, 240), abs=2)]


@pytest.mark.parametrize(
    ("kind", "data"), [(BarKind.EAN_13, "8991234567890"), (BarKind.EAN_13, "96385074"), (BarKind.EAN_8, "x")]
)
def test_bars_of_a_number_that_is_none_are_refused(kind: BarKind, data: str) -> None:
    with pytest.raises(PaperError, match=re.escape(f"{data!r} is no EAN")):
        bar_widths(kind, data)
