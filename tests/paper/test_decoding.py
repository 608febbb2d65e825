"""What stands on paper is read back by programs that share nothing with us.

Codes by zxing-cpp and zbar, words by tesseract; ZPL drawn by zpl-renderer-js, which takes a printer's place.
"""

import re
from collections.abc import Callable

import pytest
from PIL import Image, ImageOps

from hardware.paper import Label, Paper, PaperError, address_label, order_slip, sales_receipt
from tests.paper import samples
from tests.paper.conftest import DrawZpl
from tests.paper.escpos_reader import Job
from tests.paper.reading import assert_alone, codes_by_both, pages, picture
from tests.paper.tspl_printer import printed as printed_tspl

WIDTHS = pytest.mark.parametrize("width_mm", [58, 80])
AWB, ORDER = samples.AIRWAY_BILL, str(samples.ORDER_ID)
ReadWords = Callable[[Image.Image], str]


def slip(width_mm: int, qris: str = samples.QRIS) -> Paper:
    return order_slip(
        samples.order(), samples.shop(), samples.account(), samples.courier(), width_mm=width_mm, qris=qris
    )


def label(airway_bill: str = AWB) -> Label:
    parcel = samples.parcel()
    parcel.airway_bill = airway_bill
    return address_label(parcel, samples.order(), samples.shop(), samples.courier())


def printed(paper: Paper) -> Image.Image:
    """The pictures of the printer's bytes, one below the other, with the paper's white around them."""
    drawn = Job(paper.escpos()).pictures
    whole = Image.new("L", (max(each.width for each in drawn), sum(each.height + 60 for each in drawn)), 255)
    top = 0
    for each in drawn:
        whole.paste(each.convert("L"), (0, top + 30))
        top += each.height + 60
    return ImageOps.expand(whole, 60, 255)


@WIDTHS
def test_order_number_and_qris_are_read_from_a_slip(width_mm: int) -> None:
    paper = slip(width_mm)
    wanted = {("Code 128", ORDER), ("QR Code", samples.QRIS)}
    for image in (printed(paper), picture(paper.png(1)), picture(paper.png(2))):
        assert codes_by_both(image) == wanted
        assert_alone(image)


@WIDTHS
@pytest.mark.parametrize("order_id", [0, samples.ORDER_ID])
def test_the_number_is_read_from_a_receipt(width_mm: int, order_id: int) -> None:
    sale = samples.sale_of_order() if order_id else samples.till_sale()
    paper = sales_receipt(sale, samples.shop(), width_mm=width_mm)
    for image in (printed(paper), picture(paper.png(1)), picture(paper.png(2))):
        assert codes_by_both(image) == {("Code 128", ORDER if order_id else "S8072")}
        assert_alone(image)


@pytest.mark.parametrize("dots", [8, 12])
@pytest.mark.parametrize("airway_bill", [AWB, "JP1234567890", "000123456789012345", "SPXID04-77/1210 A"])
def test_airway_bill_and_order_are_read_from_the_printers_label(
    draw_zpl: DrawZpl, dots: int, airway_bill: str
) -> None:
    (image,) = draw_zpl(label(airway_bill).zpl(dots), 100, 150, dots)
    assert image.size == (100 * dots, 150 * dots)
    assert codes_by_both(image) == {("Code 128", airway_bill), ("QR Code", ORDER)}
    assert_alone(image)


@pytest.mark.parametrize("dots", [8, 12])
def test_an_airway_bill_too_long_for_bars_is_read_from_its_square(draw_zpl: DrawZpl, dots: int) -> None:
    link = "https://courier.example/track?awb=JP123456789012345678&x=12"
    (image,) = draw_zpl(label(link).zpl(dots), 100, 150, dots)
    assert codes_by_both(image) == {("QR Code", link), ("QR Code", ORDER)}
    assert_alone(image)


@pytest.mark.parametrize("dpi", [203, 300])
def test_airway_bill_and_order_are_read_from_the_office_printers_page(dpi: int) -> None:
    (page,) = pages(label().pdf(), dpi)
    assert codes_by_both(page) == {("Code 128", AWB), ("QR Code", ORDER)}


def test_many_labels_in_one_stream_come_out_in_order(draw_zpl: DrawZpl) -> None:
    numbers = [f"JKT{number:010d}" for number in range(1, 21)]
    drawn = draw_zpl(b"".join(label(number).zpl() for number in numbers), 100, 150, 8)
    read = [{text for kind, text in codes_by_both(image) if kind == "Code 128"} for image in drawn]
    assert read == [{number} for number in numbers]


def amounts(words: str) -> list[str]:
    """The amounts in a text as printed, in order; tesseract may see a space more or less after "Rp"."""
    return re.findall(r"-?Rp ?\d[\d.,]*", words)


def squeezed(words: list[str]) -> list[str]:
    return [word.replace(" ", "") for word in words]


@WIDTHS
def test_totals_of_a_receipt_are_read_by_eye(width_mm: int, read_words: ReadWords) -> None:
    paper = sales_receipt(samples.till_sale(), samples.shop(), None, samples.till(), width_mm=width_mm)
    words = read_words(picture(paper.png(2)))
    assert squeezed(amounts(words)) == squeezed(amounts(paper.text()))
    for line in ("Total Rp 330.000", "Tunai Rp 250.000", "Kembali Rp 20.000"):
        assert line in words


@WIDTHS
def test_what_to_pay_is_read_by_eye(width_mm: int, read_words: ReadWords) -> None:
    words = read_words(picture(slip(width_mm, qris="").png(2)))
    assert "JUMLAH BAYAR" in words
    assert "Rp 348.217" in words
    assert "4560123789" in words


@pytest.mark.parametrize("dots", [8, 12])
def test_the_printers_label_is_read_by_eye(draw_zpl: DrawZpl, dots: int, read_words: ReadWords) -> None:
    (image,) = draw_zpl(label().zpl(dots), 100, 150, dots)
    below_bars = image.crop((20 * dots // 8, 340 * dots // 8, 780 * dots // 8, 935 * dots // 8))
    words = read_words(below_bars)
    for phrase in (AWB, "Siti Rahmawati Kusumaningrum", "6281234567890", "Kota Bekasi", "Jawa Barat 17158"):
        assert phrase in words


@pytest.mark.parametrize("language", ["zpl", "tspl", "pdf", "png"])
def test_what_the_courier_collects_is_read_by_eye(
    draw_zpl: DrawZpl, read_words: ReadWords, language: str
) -> None:
    order = samples.order_at_the_door()
    made = address_label(samples.parcel(), order, samples.shop(), samples.courier(), copy=1)
    draw = {
        "zpl": lambda: draw_zpl(made.zpl(12), 100, 150, 12)[0],
        "tspl": lambda: printed_tspl(made.tspl(12), 12)[0],
        "pdf": lambda: pages(made.pdf(), 300)[0],
        "png": lambda: picture(made.png(2)),
    }
    image = draw[language]()
    assert codes_by_both(image) == {("Code 128", AWB), ("QR Code", ORDER)}
    frame = (0.36 * image.width, 0.918 * image.height, 0.98 * image.width, 0.99 * image.height)
    assert "COD Rp 150.000" in read_words(image.crop(tuple(map(round, frame))))


@pytest.mark.parametrize(
    "payload", [samples.QRIS[:-1] + "0", "QRIS", samples.QRIS.replace("348217", "34821"), "é"]
)
def test_a_qris_payload_with_a_mistake_in_it_is_refused(payload: str) -> None:
    with pytest.raises(PaperError, match="checksum"):
        slip(80, payload)


def test_a_paid_order_asks_for_no_payment_by_qris() -> None:
    order = samples.order()
    order.state = 3
    paper = order_slip(order, samples.shop(), samples.account(), samples.courier(), qris=samples.QRIS)
    assert codes_by_both(picture(paper.png())) == {("Code 128", ORDER)}


@pytest.mark.parametrize("spot", [(84, 250), (300, 250), (45, 1060), (136, 1064), (136, 974)])
def test_ink_beside_or_in_a_code_would_be_noticed(spot: tuple[int, int]) -> None:
    image = picture(label().png(1)).convert("L")
    assert_alone(image)
    image.paste(0 if image.getpixel(spot) else 255, (spot[0] - 1, spot[1] - 1, spot[0] + 2, spot[1] + 2))
    with pytest.raises(AssertionError, match="ink"):
        assert_alone(image)
