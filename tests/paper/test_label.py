"""The address label as ZPL, PDF and PNG: the same words and codes on all three, and nothing lost."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageChops

from hardware.paper import Label, PaperError, address_label, labels_pdf
from hardware.paper.label import HEIGHT, WIDTH
from hardware.paper.label_zpl import compress, escape
from hardware.paper.marks import Bars, Box, Square, Words, text_width
from hardware.paper.text import clean, visual
from kasir.v1.booking_pb2 import Order
from kasir.v1.shipping_pb2 import Courier, Parcel
from tests.paper import samples
from tests.paper.reading import codes, page_texts, pages, picture, zpl_fields, zpl_pictures

BOTH_CODES = {("Code 128", samples.AIRWAY_BILL), ("QR Code", str(samples.ORDER_ID))}


def label(parcel: Parcel | None = None, copy: int = 0) -> Label:
    return address_label(
        parcel or samples.parcel(), samples.order(), samples.shop(), samples.courier(), copy=copy
    )


def said(made: Label) -> str:
    """All words of a label, spaces left out, so that it does not matter where lines end."""
    return "".join("".join(mark.text.split()) for mark in made.marks if isinstance(mark, Words))


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("scale", [1, 2])
def test_both_codes_are_read_from_the_picture(scale: int) -> None:
    image = picture(label().png(scale))
    assert image.size == (WIDTH * scale, HEIGHT * scale)
    assert codes(image) == BOTH_CODES


@pytest.mark.parametrize(
    "number", ["JP1234567890", "https://courier.example/track?awb=JP123456789012345678&x=12"]
)
def test_each_of_two_squares_says_beside_it_what_it_is(number: str) -> None:
    parcel = samples.parcel()
    parcel.airway_bill = number
    marks = label(parcel).marks
    squares = {mark.data: mark for mark in marks if isinstance(mark, Square)}
    signs = {mark.text: mark for mark in marks if isinstance(mark, Words) and mark.inverse}
    assert ("RESI" in signs) is (number in squares)
    for text, data in (("RESI", number), ("PESANAN", str(samples.ORDER_ID))):
        if data in squares:
            square, sign = squares[data], signs[text]
            assert square.x + square.side <= sign.x <= square.x + square.side + 40
            assert square.y <= sign.y <= square.y + square.side
    assert codes(picture(label(parcel).png(2))) == {
        ("QR Code" if number in squares else "Code 128", number),
        ("QR Code", str(samples.ORDER_ID)),
    }


@pytest.mark.parametrize("dpi", [203, 300])
def test_both_codes_are_read_from_the_pdf(dpi: int) -> None:
    (page,) = pages(label().pdf(), dpi)
    assert page.size == pytest.approx((100 / 25.4 * dpi, 150 / 25.4 * dpi), abs=2)
    assert codes(page) == BOTH_CODES


def test_many_labels_are_one_file_a_page_each_and_in_order() -> None:
    made = []
    for number in range(1, 31):
        parcel = samples.parcel()
        parcel.airway_bill = f"JKT{number:010d}"
        made.append(label(parcel))
    rendered = labels_pdf(made)
    assert [
        next(iter({text for kind, text in codes(page) if kind == "Code 128"})) for page in pages(rendered)
    ] == [f"JKT{number:010d}" for number in range(1, 31)]
    # Typefaces are in the file once, not once a page.
    assert len(rendered) < 30 * len(made[0].pdf()) / 4
    with pytest.raises(PaperError, match="at least one label"):
        labels_pdf([])


def test_a_label_names_receiver_sender_courier_order_and_weight() -> None:
    expected = [
        "JNE", "Jalur Nugraha Ekakurir", "REG", samples.AIRWAY_BILL,
        "PENERIMA", "Siti Rahmawati Kusumaningrum", "+6281234567890", samples.address().street,
        "Mustikajaya, Mustika Jaya, Kota Bekasi", "Jawa Barat 17158",
        "PENGIRIM", samples.shop().shop_name, samples.shop().shop_address,
        "10482", "1,25 kg", "22 Nov 2025", "NON COD",
    ]  # fmt: skip
    on_zpl = squeezed("".join(zpl_fields(label().zpl())))
    (on_pdf,) = (squeezed(text) for text in page_texts(label().pdf()))
    for text in expected:
        assert squeezed(text) in said(label())
        assert squeezed(text) in on_zpl
        assert squeezed(text) in on_pdf


def test_without_an_airway_bill_the_label_says_so() -> None:
    parcel = samples.parcel()
    parcel.airway_bill = ""
    made = label(parcel)
    assert "NOMORRESIBELUMADA" in said(made)
    assert b"^BC" not in made.zpl()
    assert b"NOMOR RESI BELUM ADA" in made.zpl()
    for image in (picture(made.png()), *pages(made.pdf())):
        assert codes(image) == {("QR Code", str(samples.ORDER_ID))}


@pytest.mark.parametrize("airway_bill", ["A1" * 25, "Resi nomor 北京 12", "JNE/" * 12])
def test_an_airway_bill_that_bars_cannot_say_well_becomes_a_qr_code(airway_bill: str) -> None:
    parcel = samples.parcel()
    parcel.airway_bill = airway_bill
    made = label(parcel)
    assert not any(isinstance(mark, Bars) for mark in made.marks)
    for image in (picture(made.png()), *pages(made.pdf())):
        assert codes(image) == {("QR Code", airway_bill), ("QR Code", str(samples.ORDER_ID))}


def test_a_copy_says_so() -> None:
    assert "SALINAN3" in said(label(copy=3))
    assert "SALINAN" not in said(label())


def at_the_door(whole: int, copy: int = 0) -> Label:
    order = samples.order_at_the_door(whole)
    return address_label(samples.parcel(), order, samples.shop(), samples.courier(), copy=copy)


@pytest.mark.parametrize("whole", [150_000, 90_000_000_000_000])
def test_what_the_courier_collects_stands_large_in_a_frame(whole: int) -> None:
    made = at_the_door(whole)
    (words,) = (mark for mark in made.marks if isinstance(mark, Words) and "COD" in mark.text)
    assert words.text == f"COD Rp {whole:,}".replace(",", ".")
    assert words.size >= (56 if whole == 150_000 else 30)
    right, bottom = words.x + text_width(words.text, words.size, bold=True), words.y + words.size
    assert any(
        isinstance(mark, Box)
        and not mark.filled
        and mark.x < words.x
        and mark.y < words.y
        and right < mark.x + mark.width <= WIDTH - 8
        and bottom < mark.y + mark.height <= HEIGHT - 8
        for mark in made.marks
        if mark != made.marks[0]
    )


def test_a_courier_collects_nothing_of_what_was_paid_otherwise() -> None:
    order = samples.order_at_the_door()
    del order.allocations[1:]
    order.allocations[0].method = "marketplace"
    made = address_label(samples.parcel(), order, samples.shop(), samples.courier())
    assert "NONCOD" in said(made)
    assert "CODRp" not in said(made)


def test_a_label_before_its_courier_is_known_says_so() -> None:
    parcel = samples.parcel()
    parcel.courier_id, parcel.courier_service, parcel.airway_bill = 0, "", ""
    assert "KURIRBELUMDIPILIH" in said(address_label(parcel, samples.order(), samples.shop()))


# --- Long and foreign text ---


def longest() -> tuple[Label, list[str]]:
    """A label whose fields are all as long as the contract lets them be, and those fields."""
    parcel, shop, courier = samples.parcel(), samples.shop(), samples.courier()
    parcel.address.recipient = "W" * 100
    parcel.address.phone = "+6281234567890123456"
    parcel.address.street = ("Perumahan Griya Asri Blok C-7 No. 12, " * 8)[:300]
    parcel.address.district = "M" * 100
    parcel.address.city = ("Kabupaten Penukal Abab Lematang " * 4)[:100]
    parcel.address.province = "@" * 100
    parcel.address.postal_code = "1234567890"
    parcel.address.country_code = "MY"
    parcel.courier_service = "W" * 30
    parcel.airway_bill = "W" * 50
    shop.shop_name, shop.shop_address = "W" * 100, ("Jalan Sudirman Kavling 52-53 " * 11)[:300]
    courier.code, courier.name = "W" * 20, ("Ekspedisi Nusantara " * 5)[:100]
    texts = [
        parcel.address.recipient, parcel.address.phone, parcel.address.street, parcel.address.district,
        parcel.address.city, parcel.address.province, parcel.address.postal_code, parcel.courier_service,
        parcel.airway_bill, shop.shop_name, shop.shop_address, courier.code, courier.name,
    ]  # fmt: skip
    return address_label(parcel, samples.order(), shop, courier), texts


def test_the_longest_fields_are_all_there_and_inside_the_label() -> None:
    made, texts = longest()
    for text in texts:
        assert squeezed(text) in said(made)
    for mark in made.marks:
        if isinstance(mark, Words):
            chars = text_width(mark.text, mark.size, bold=mark.bold)
            assert mark.x >= 8
            assert mark.x + chars <= WIDTH - 8
            assert 8 <= mark.y <= HEIGHT - 8 - mark.size
    assert codes(picture(made.png())) >= {("QR Code", "W" * 50)}


def test_words_do_not_overlap() -> None:
    for made in (label(copy=1), longest()[0], at_the_door(90_000_000_000_000, copy=12)):
        boxes = [
            (mark.x, mark.y, mark.x + text_width(mark.text, mark.size, bold=mark.bold), mark.y + mark.size)
            for mark in made.marks
            if isinstance(mark, Words)
        ] + [
            (mark.x, mark.y, mark.x + mark.side, mark.y + mark.side)
            for mark in made.marks
            if isinstance(mark, Square)
        ]
        for at, (left, top, right, bottom) in enumerate(boxes):
            for other_left, other_top, other_right, other_bottom in boxes[at + 1 :]:
                apart = (
                    right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
                )
                assert apart, (boxes[at], (other_left, other_top, other_right, other_bottom))


ANY_TEXT = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("Wm i王😀안مשé\u0e01^~_\\>&@")), max_size=300
)


@settings(deadline=None, max_examples=60)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_any_text_makes_a_label_that_keeps_it(
    name: str, street: str, city: str, service: str, shop_name: str
) -> None:
    parcel, shop = samples.parcel(), samples.shop()
    parcel.address.recipient, parcel.address.street = name[:100], street
    parcel.address.city, parcel.address.province = city[:100], city[100:200]
    parcel.courier_service = service[:30]
    shop.shop_name, shop.shop_address = shop_name[:100], street
    made = address_label(parcel, samples.order(), shop, samples.courier())
    kept = said(made)
    for text in (name[:100], street, service[:30], shop_name[:100]):
        # Right-to-left lines are turned round: what matters here is that each character is there.
        if visual(clean(text)) == clean(text):
            assert squeezed(clean(text)) in kept
    zpl = made.zpl()
    assert zpl.count(b"^XA") == zpl.count(b"^XZ") == 1
    assert set(re.findall(rb"[\^~][A-Z@][A-Z0-9]?", zpl)) <= ALLOWED_COMMANDS
    assert made.png().startswith(b"\x89PNG")


def test_a_mark_without_a_letter_makes_a_label() -> None:
    parcel, shop = samples.parcel(), samples.shop()
    shop.shop_name = "\u05b0"
    made = address_label(parcel, samples.order(), shop, samples.courier())
    assert made.zpl().count(b"^XA") == 1
    assert made.png().startswith(b"\x89PNG")


ALLOWED_COMMANDS = {
    b"^XA", b"^XZ", b"^CI", b"^PW", b"^LL", b"^LH", b"^FO", b"^FS", b"^GB", b"^FR", b"^A0", b"^FH", b"^FD",
    b"^BY", b"^BC", b"^BQ", b"^GF", b"^PQ",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["^XZ^XA^FDgotcha^FS", "~JA~HS", "50% _5E \\& {x}", "^^~~__", "_", "Rp 5^000", "a^FSb", "\\^_~>:>;"],
)
def test_what_zpl_reads_as_a_command_is_escaped(text: str) -> None:
    parcel, shop = samples.parcel(), samples.shop()
    parcel.courier_service = parcel.address.recipient = parcel.address.street = shop.shop_name = text
    parcel.airway_bill = text
    zpl = address_label(parcel, samples.order(), shop, samples.courier()).zpl()
    fields = zpl_fields(zpl)
    # Service, receiver's name and street, sender, airway bill in bars or QR and in letters.
    assert [field.removeprefix("MA,") for field in fields].count(clean(text)) == 6
    assert zpl.count(b"^XA") == zpl.count(b"^XZ") == 1
    assert b"~" not in zpl
    for field in re.findall(rb"\^FD(.*?)\^FS", zpl):
        assert not set(field) & set(b"^~\\")
        assert all(re.fullmatch(rb"[0-9A-F]{2}", field[at + 1 : at + 3]) for at in find_all(field, b"_"))


def find_all(data: bytes, byte: bytes) -> list[int]:
    return [at for at in range(len(data)) if data[at : at + 1] == byte]


def test_escapes_are_those_of_the_field_hexadecimal_command() -> None:
    assert escape("a^b~c_d\\e") == "a_5Eb_7Ec_5Fd_5Ce"
    assert escape("Café") == "Caf_C3_A9"


def test_letters_that_the_printer_has_not_are_a_picture() -> None:
    parcel = samples.parcel()
    parcel.address.recipient, parcel.address.street = "王小明 🎁", "Jl. Café Ñandú No. 5"
    made = label(parcel)
    assert len(zpl_pictures(made.zpl())) == 1
    assert "Jl. Café Ñandú No. 5" in zpl_fields(made.zpl())
    assert codes(picture(made.png())) == BOTH_CODES


def test_pictures_survive_their_compression() -> None:
    image = picture(label().png()).convert("1").crop((0, 0, 797, 1199))
    packed = f"^GFA,{100 * 1199},{100 * 1199},100,{compress(image)}^FS".encode()
    (back,) = zpl_pictures(packed)
    assert len(packed) < 100 * 1199 // 2
    cropped = back.crop((0, 0, 797, 1199))
    assert ImageChops.difference(cropped.convert("L"), image.convert("L")).getbbox() is None


def test_zpl_for_300_dpi_is_larger_by_half() -> None:
    zpl = label().zpl(12)
    assert b"^PW1200" in zpl
    assert b"^LL1800" in zpl
    assert zpl_fields(zpl) == zpl_fields(label().zpl())
    with pytest.raises(PaperError, match="8 or 12 dots"):
        label().zpl(10)


def test_the_bars_stay_inside_the_label_with_their_quiet_zones() -> None:
    for length in range(1, 30):
        parcel = samples.parcel()
        parcel.airway_bill = "1A" * (length // 2) + "1" * (length % 2)
        made = label(parcel)
        if any(isinstance(mark, Bars) for mark in made.marks):
            left, module = map(int, re.findall(rb"\^FO(\d+),\d+\^BY(\d+)\^BC", made.zpl())[0])
            assert module >= 2
            assert left >= 28 + 10 * module
            assert ("Code 128", parcel.airway_bill) in codes(picture(made.png()))


@pytest.mark.parametrize("order_id", [1, 2**64 - 1])
def test_any_order_number_fits(order_id: int) -> None:
    parcel = samples.parcel()
    parcel.order_id = order_id
    made = address_label(parcel, Order(order_id=order_id), samples.shop(), samples.courier())
    assert ("QR Code", str(order_id)) in codes(picture(made.png()))
    for mark in made.marks:
        if isinstance(mark, Words):
            assert mark.x + text_width(mark.text, mark.size, bold=mark.bold) < WIDTH - 8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: address_label(samples.parcel(), Order(order_id=4), samples.shop(), samples.courier()),
            "parcel 77 is of order 10482, given was 4",
        ),
        (
            lambda: address_label(samples.parcel(), samples.order(), samples.shop()),
            "goes by courier 3, given was none",
        ),
        (
            lambda: address_label(samples.parcel(), samples.order(), samples.shop(), Courier(courier_id=9)),
            "goes by courier 3, given was 9",
        ),
        (lambda: label(copy=-1), "0 or more, not -1"),
        (lambda: label().png(9), "1 to 4 pixels per dot, not 9"),
    ],
)
def test_what_does_not_belong_together_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(PaperError, match=words):
        make()


def test_the_same_label_makes_the_same_bytes() -> None:
    assert label().zpl() == label().zpl()
    assert label().pdf() == label().pdf()
    assert label().png() == label().png()
