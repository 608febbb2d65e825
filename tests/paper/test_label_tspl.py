"""The address label as TSPL, drawn by a printer of ours that reads it as the manual says."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter

from hardware.paper import Label, PaperError, address_label, label_tspl
from tests.paper import samples
from tests.paper.reading import assert_alone, codes, codes_by_both, picture
from tests.paper.test_label import longest
from tests.paper.tspl_printer import Printer, printed

ORDER = str(samples.ORDER_ID)


def label(airway_bill: str = samples.AIRWAY_BILL, copy: int = 0) -> Label:
    parcel = samples.parcel()
    parcel.airway_bill = airway_bill
    return address_label(parcel, samples.order(), samples.shop(), samples.courier(), copy=copy)


@pytest.mark.parametrize("dots", [8, 12])
@pytest.mark.parametrize("airway_bill", [samples.AIRWAY_BILL, "JP1234567890", 'A"1\\2~3^4'])
def test_airway_bill_and_order_are_read_back(airway_bill: str, dots: int) -> None:
    (image,) = printed(label(airway_bill).tspl(dots), dots)
    assert image.size == (100 * dots, 150 * dots)
    assert codes_by_both(image) == {("Code 128", airway_bill), ("QR Code", ORDER)}
    assert_alone(image)


def test_a_square_with_letters_that_no_printer_has() -> None:
    (image,) = printed(label("Resi nomor 北京 12").tspl())
    assert codes(image) == {("QR Code", "Resi nomor 北京 12"), ("QR Code", ORDER)}


@pytest.mark.parametrize("made", [label(copy=2), label(""), longest()[0]], ids=["copy", "no AWB", "longest"])
def test_it_looks_as_the_picture_does(made: Label) -> None:
    (image,) = printed(made.tspl())
    ours = picture(made.png()).convert("L")
    # Smooth letters against crisp ones, and another mask in the square: what is left are edges.
    difference = ImageChops.difference(
        image.filter(ImageFilter.GaussianBlur(4)), ours.filter(ImageFilter.GaussianBlur(4))
    )
    without_squares = (
        difference.crop(box) for box in ((270, 0, 800, 410), (0, 410, 800, 940), (270, 940, 800, 1200))
    )
    assert max(part.getextrema()[1] for part in without_squares) < 90


def test_words_are_read_by_eye(read_words: Callable[[Image.Image], str]) -> None:
    (image,) = printed(label().tspl(12), 12)
    words = read_words(image.crop((30, 520, 1170, 1400)))
    for phrase in (samples.AIRWAY_BILL, "Siti Rahmawati Kusumaningrum", "Jawa Barat 17158"):
        assert phrase in words


def test_many_labels_in_one_stream_come_out_in_order() -> None:
    numbers = [f"JKT{number:010d}" for number in range(1, 31)]
    images = printed(b"".join(label(number).tspl() for number in numbers))
    read = [{text for kind, text in codes_by_both(image) if kind == "Code 128"} for image in images]
    assert read == [{number} for number in numbers]


def test_the_gap_is_the_rolls() -> None:
    for gap in (0, 2, 3):
        printer = Printer()
        printer.feed(label().tspl(gap_mm=gap))
        assert printer.gap_mm == gap
        assert printer.commands[:5] == ["SIZE", "GAP", "DIRECTION", "REFERENCE", "CLS"]
        assert printer.commands[-1] == "PRINT"
    with pytest.raises(PaperError, match="8 or 12 dots"):
        label().tspl(10)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=100), st.text(max_size=50), st.text(max_size=30))
def test_no_text_commands_the_printer(name: str, airway_bill: str, service: str) -> None:
    parcel = samples.parcel()
    parcel.address.recipient, parcel.airway_bill, parcel.courier_service = name, airway_bill, service
    made = address_label(parcel, samples.order(), samples.shop(), samples.courier())
    assert len(printed(made.tspl())) == 1


@pytest.mark.parametrize("text", ['"\r\nPRINT 5,1\r\n', 'a";CLS', '\\["]', "\r\nBITMAP 0,0,1,1,0,x\r\n"])
def test_what_tspl_reads_as_a_command_is_drawn(text: str) -> None:
    parcel, shop = samples.parcel(), samples.shop()
    parcel.airway_bill = parcel.courier_service = parcel.address.street = shop.shop_name = text
    printer = Printer()
    printer.feed(address_label(parcel, samples.order(), shop, samples.courier()).tspl())
    assert len(printer.labels) == 1
    assert printer.commands.count("PRINT") == printer.commands.count("CLS") == 1


def test_dots_are_never_an_immediate_command() -> None:
    asked = Image.frombytes("1", (24, 2), b"\x1b!?\xff\x1b!")
    dots = label_tspl._dots(asked)
    assert b"\x1b!" not in dots.bits
    drawn = Image.frombytes("1", (24, 2), dots.bits)
    assert ImageChops.difference(drawn.convert("L"), asked.convert("L")).histogram()[255] == 2
