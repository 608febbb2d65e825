"""Order slip, sales receipt and shift report: what stands on them, as letters and as a picture."""

import re
from collections.abc import Callable

import pytest

from hardware.paper import Paper, PaperError, order_slip, refund_receipt, sales_receipt, shift_report
from hardware.paper.document import COLUMNS, Line, lay_out, width_of
from kasir.v1.booking_pb2 import (
    ORDER_STATE_CANCELLED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_PAID,
    ORDER_STATE_PARTLY_PAID,
    Order,
    OrderLine,
)
from kasir.v1.reconciliation_pb2 import BankAccount
from kasir.v1.sale_pb2 import TENDER_KIND_EXTERNAL, TENDER_KIND_TRANSFER, Sale
from kasir.v1.shipping_pb2 import Courier
from kasir.v1.till_pb2 import Shift, Till
from tests.paper import samples
from tests.paper.escpos_reader import Job, Printed
from tests.paper.reading import codes, picture
from tests.paper.samples import rupiah

WIDTHS = pytest.mark.parametrize("width_mm", [58, 80])


def slip(width_mm: int = 80, copy: int = 0) -> Paper:
    return order_slip(
        samples.order(), samples.shop(), samples.account(), samples.courier(), width_mm=width_mm, copy=copy
    )


PAPERS: dict[str, Callable[[int, int], Paper]] = {
    "slip": slip,
    "receipt of an order": lambda width, copy: sales_receipt(
        samples.sale_of_order(), samples.shop(), samples.order(), width_mm=width, copy=copy
    ),
    "receipt at a till": lambda width, copy: sales_receipt(
        samples.till_sale(), samples.shop(), None, samples.till(), width_mm=width, copy=copy
    ),
    "refund receipt": lambda width, copy: refund_receipt(
        samples.refund(), samples.shop(), samples.till(), width_mm=width, copy=copy
    ),
    "Z report with refunds": lambda width, copy: shift_report(
        samples.shift_with_refunds(), samples.shop(), samples.till(), width_mm=width, copy=copy
    ),
    "X report": lambda width, copy: shift_report(
        samples.open_shift(), samples.shop(), samples.till(), width_mm=width, copy=copy
    ),
    "Z report": lambda width, copy: shift_report(
        samples.closed_shift(), samples.shop(), samples.till(), width_mm=width, copy=copy
    ),
}
EACH_PAPER = pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS.keys())


def words(paper: Paper) -> str:
    """All text of the printer's bytes, line ends and runs of spaces as one space."""
    return " ".join(Job(paper.escpos()).text.split())


@WIDTHS
@EACH_PAPER
def test_a_job_is_whole_and_every_line_fits(paper: Callable[[int, int], Paper], width_mm: int) -> None:
    job = Job(paper(width_mm, 0).escpos())
    assert job.resets == 1
    # A 58 mm printer has a tear bar, an 80 mm one a cutter.
    assert (job.lines_fed, job.cuts) == (6, 1 if width_mm == 80 else 0)
    assert (job.bold, job.inverse, job.size) == (False, False, 1)
    assert all(
        len(item.text) * item.size <= COLUMNS[width_mm] for item in job.items if isinstance(item, Printed)
    )
    assert all(image.width == COLUMNS[width_mm] * 12 for image in job.pictures)


@WIDTHS
def test_a_slip_says_what_to_pay_until_when_and_where(width_mm: int) -> None:
    said = words(slip(width_mm))
    for phrase in (
        "STRUK PESANAN No. 10482",
        "22 Nov 2025 14:04 WIB",
        "Siti Rahmawati",
        "BTK-0017 Kemeja Batik Parang Lengan Panjang Pria Katun Primisima Biru Tua Ukuran L",
        "1 x Rp 189.000 Rp 189.000 Diskon -Rp 10.000",
        "SRG-0204 Sarung Tenun Ikat 2 x Rp 75.500 Rp 151.000",
        "Subtotal Rp 340.000 Diskon -Rp 10.000 termasuk PPN 11% Rp 32.702,70",
        "Ongkos kirim Rp 18.000 Total Rp 348.000 Kode unik Rp 217",
        "JUMLAH BAYAR Rp 348.217",
        "Bayar sebelum Sab, 22 Nov 2025 17:00 WIB",
        "Transfer ke BCA 4560123789 a.n. CV Melati Nusantara",
        "Jl. Kenanga Raya (pagar hijau, sebelah masjid) Mustikajaya, Mustika Jaya, Kota Bekasi",
        "Jalur Nugraha Ekakurir REG",
        "Catatan: Bungkus kado, kartu ucapan terlampir",
    ):
        assert phrase in said
    assert "SALINAN" not in said


@WIDTHS
def test_a_refund_says_what_came_back_and_how_it_was_paid(width_mm: int) -> None:
    said = words(PAPERS["refund receipt"](width_mm, 0))
    for phrase in (
        "STRUK PENGEMBALIAN No. R-31",
        "23 Nov 2025 09:15 WIB",
        "KASIR-2-7QXM-42",
        "KASIR-2 / agus",
        "Ratna",
        "Jahitan lepas",
        "1 x Rp 189.000 Rp 189.000 Diskon -Rp 10.000 (barang rusak)",
        "1 x Rp 75.500 Rp 75.500",
        "Subtotal Rp 264.500 Diskon -Rp 10.000",
        "Total Rp 254.500 Dikembalikan Tunai Rp 254.500",
        "Poin ditarik 25",
        "Petugas Pelanggan",
    ):
        assert phrase in said, phrase
    assert said.count("(barang rusak)") == 1
    other = samples.till()
    other.till_id = 9
    with pytest.raises(PaperError):
        refund_receipt(samples.refund(), samples.shop(), other)


def test_a_shift_tells_what_was_given_back_and_what_of_it_left_the_drawer() -> None:
    said = words(PAPERS["Z report with refunds"](80, 0))
    for phrase in (
        "Jumlah pengembalian 2 Pengembalian -Rp 354.500",
        "Dikembalikan menurut cara bayar Tunai (1) Rp 254.500 Kartu (1) Rp 100.000",
        "Pengembalian tunai -Rp 254.500 Kas seharusnya",
    ):
        assert phrase in said, phrase
    assert "engembalian" not in words(PAPERS["Z report"](80, 0))


def test_the_amount_to_pay_is_printed_large_and_bold() -> None:
    job = Job(slip().escpos())
    assert Printed("Rp 348.217", bold=True, size=2, inverse=False) in [
        Printed(item.text.strip(), item.bold, item.size, item.inverse)
        for item in job.items
        if isinstance(item, Printed)
    ]


@WIDTHS
@pytest.mark.parametrize(
    ("name", "code"), [("slip", "10482"), ("receipt of an order", "10482"), ("receipt at a till", "S8072")]
)
def test_the_number_is_read_back_from_picture_and_printer_bytes(name: str, code: str, width_mm: int) -> None:
    paper = PAPERS[name](width_mm, 0)
    for scale in (1, 2):
        assert codes(picture(paper.png(scale))) == {("Code 128", code)}
    assert codes(Job(paper.escpos()).pictures[-1]) == {("Code 128", code)}


@WIDTHS
@EACH_PAPER
def test_a_copy_says_so(paper: Callable[[int, int], Paper], width_mm: int) -> None:
    marked = [
        item for item in Job(paper(width_mm, 2).escpos()).items if isinstance(item, Printed) and item.inverse
    ]
    assert [item.text.strip() for item in marked] == ["SALINAN 2"]
    assert "SALINAN" not in words(paper(width_mm, 0))
    with pytest.raises(PaperError):
        paper(width_mm, -1)


@WIDTHS
@EACH_PAPER
def test_the_picture_shows_the_whole_paper(paper: Callable[[int, int], Paper], width_mm: int) -> None:
    rendered = paper(width_mm, 1)
    small, large = picture(rendered.png(1)), picture(rendered.png(2))
    assert small.width == {58: 464, 80: 640}[width_mm]
    assert (large.width, large.height) == (2 * small.width, 2 * small.height)
    printed = small.convert("L").point(lambda value: 255 - value).getbbox()
    assert printed is not None
    left, top, right, bottom = printed
    assert left > 20
    assert right < small.width - 20
    assert top > 20
    assert bottom < small.height - 20


@EACH_PAPER
def test_the_same_paper_makes_the_same_bytes(paper: Callable[[int, int], Paper]) -> None:
    assert paper(80, 0).escpos() == paper(80, 0).escpos()
    assert paper(80, 0).png() == paper(80, 0).png()


def paid_by_hand(method: str, reference: str) -> tuple[Sale, Order]:
    """A sale as the engine makes it of an order that was paid otherwise than through the bank."""
    sale, order = samples.sale_of_order(), samples.order()
    order.allocations.add(method=method, reference=reference, amount=rupiah(348_217))
    said = f"{method} {reference}".strip()
    del sale.tenders[:]
    sale.tenders.add(kind=TENDER_KIND_EXTERNAL, amount=rupiah(348_217), reference=said)
    return sale, order


@pytest.mark.parametrize(
    ("method", "reference", "printed"),
    [
        ("cash", "", "Tunai Rp 348.217 Terima kasih"),
        ("Tunai", "", "Tunai Rp 348.217 Terima kasih"),
        ("marketplace", "TKP-99120", "Marketplace Rp 348.217 Ref. TKP-99120"),
        ("qris", "QR-1", "QRIS Rp 348.217 Ref. QR-1"),
        ("GoPay Later", "GP 7", "GoPay Later Rp 348.217 Ref. GP 7"),
        ("barter", "", "barter Rp 348.217 Terima kasih"),
    ],
)
def test_money_recorded_by_hand_is_named_by_its_method(method: str, reference: str, printed: str) -> None:
    sale, order = paid_by_hand(method, reference)
    assert printed in words(sales_receipt(sale, samples.shop(), order))
    if " " not in method:
        assert printed in words(sales_receipt(sale, samples.shop()))


def test_money_of_the_bank_names_its_mutation_and_a_tills_reference_stays() -> None:
    sale = samples.sale_of_order()
    sale.tenders[0].reference = "mutation 31"
    assert "Transfer Rp 348.217 Mutasi 31" in words(sales_receipt(sale, samples.shop(), samples.order()))
    at_a_till = samples.till_sale()
    assert "QRIS Rp 100.000 Ref. QRIS-77120034 Tunai" in words(sales_receipt(at_a_till, samples.shop()))
    at_a_till.tenders[0].kind, at_a_till.tenders[0].reference = TENDER_KIND_TRANSFER, "mutation 5"
    assert "Transfer Rp 100.000 Ref. mutation 5" in words(sales_receipt(at_a_till, samples.shop()))


def test_a_shift_report_counts_money_recorded_by_hand_apart() -> None:
    shift = samples.open_shift()
    shift.tenders.add(kind=TENDER_KIND_EXTERNAL, count=3, amount=rupiah(9_000))
    assert "Pembayaran lain (3) Rp 9.000" in words(shift_report(shift, samples.shop()))


def test_tax_on_top_and_tax_inside_are_told_apart() -> None:
    order = samples.order()
    order.lines.append(
        OrderLine(
            sku="JSA-1",
            name="Jahit ulang",
            quantity=1,
            unit_price=rupiah(50_000),
            tax=rupiah(5_500),
            tax_included=False,
            tax_code="PPN 11%",
            total=rupiah(55_500),
        )
    )
    said = words(order_slip(order, samples.shop(), samples.account(), samples.courier()))
    assert "termasuk PPN 11% Rp 32.702,70 PPN 11% Rp 5.500 Ongkos kirim" in said


def test_a_unique_code_that_is_taken_off_is_negative() -> None:
    order = samples.order()
    order.payable.CopyFrom(rupiah(347_783))
    said = words(order_slip(order, samples.shop(), samples.account(), samples.courier()))
    assert "Kode unik -Rp 217 JUMLAH BAYAR Rp 347.783" in said


@pytest.mark.parametrize(
    ("state", "banner", "asks_for_money"),
    [
        (ORDER_STATE_PARTLY_PAID, "DIBAYAR SEBAGIAN", True),
        (ORDER_STATE_PAID, "LUNAS", False),
        (ORDER_STATE_CANCELLED, "DIBATALKAN", False),
        (ORDER_STATE_EXPIRED, "LEWAT BATAS BAYAR", False),
    ],
)
def test_a_slip_printed_later_says_where_the_order_stands(
    state: int, banner: str, asks_for_money: bool
) -> None:
    order = samples.order()
    order.state = state  # type: ignore[assignment]
    said = words(order_slip(order, samples.shop(), samples.account(), samples.courier()))
    assert banner in said
    assert ("Bayar sebelum" in said) is asks_for_money
    assert ("Transfer ke" in said) is asks_for_money


def test_a_partly_paid_slip_says_what_is_missing() -> None:
    order = samples.order()
    order.state = ORDER_STATE_PARTLY_PAID
    order.paid.CopyFrom(rupiah(100_000))
    said = words(order_slip(order, samples.shop(), samples.account(), samples.courier()))
    assert "Sudah dibayar Rp 100.000 Kurang bayar Rp 248.217" in said


def test_an_order_that_is_fetched_and_paid_otherwise_names_neither_address_nor_bank() -> None:
    order = samples.order()
    order.ClearField("address")
    order.bank_account_id = order.courier_id = order.unique_code = 0
    order.payable.CopyFrom(order.totals.total)
    said = words(order_slip(order, samples.shop()))
    assert "DIAMBIL SENDIRI" in said
    assert "Transfer" not in said
    assert "Kode unik" not in said
    assert "Kurir" not in said
    assert "JUMLAH BAYAR Rp 348.000" in said


def test_long_names_and_numbers_wrap_and_lose_nothing() -> None:
    order, shop, account = samples.order(), samples.shop(), samples.account()
    shop.shop_name = "Toko Perlengkapan Rumah Tangga Serbaguna Abadi Jaya Sentosa"
    account.number = "1234567890" * 4
    order.lines[0].sku = "SKU" + "-1234567" * 4
    order.lines[0].name = ("Selimut " * 40)[:200]
    order.address.street = ("Perumahan Griya Asri Blok C-7 RT 004/RW 011 " * 7)[:300]
    order.payable.CopyFrom(rupiah(10**13))
    for width in (58, 80):
        paper = order_slip(order, shop, account, samples.courier(), width_mm=width)
        together = "".join(Job(paper.escpos()).text.split())
        for text in (
            shop.shop_name,
            account.number,
            order.lines[0].sku,
            order.lines[0].name,
            order.address.street,
            "Rp 10.000.000.000.000",
        ):
            assert "".join(text.split()) in together


def test_a_till_receipt_shows_tenders_change_and_points() -> None:
    said = words(PAPERS["receipt at a till"](58, 0))
    assert "Total Rp 330.000 QRIS Rp 100.000 Ref. QRIS-77120034 Tunai Rp 250.000 Kembali Rp 20.000" in said
    assert "Poin didapat 33" in said
    assert "KASIR-2 / agus" in said
    assert "Pesanan" not in said


def test_a_receipt_of_an_order_names_the_order_and_the_code_that_was_paid_with_it() -> None:
    said = words(PAPERS["receipt of an order"](80, 0))
    assert "STRUK PENJUALAN No. 8071" in said
    assert "Pesanan 10482 Pelanggan Siti Rahmawati" in said
    assert "Total Rp 348.000 Kode unik Rp 217 Transfer Rp 348.217" in said


def test_what_was_written_off_stands_on_the_receipt_so_that_it_adds_up() -> None:
    sale = samples.sale_of_order()
    sale.tenders[0].amount.CopyFrom(rupiah(345_717))
    sale.written_off.CopyFrom(rupiah(2_500))
    said = words(sales_receipt(sale, samples.shop(), samples.order()))
    assert "Kode unik Rp 217 Dihapuskan Rp 2.500 Transfer Rp 345.717" in said


def test_x_and_z_are_told_apart_and_z_counts_the_drawer() -> None:
    x = words(
        shift_report(
            samples.open_shift(), samples.shop(), as_of=samples.moment(2025, 11, 22, 9, 0), width_mm=58
        )
    )
    z = words(PAPERS["Z report"](80, 0))
    assert "LAPORAN KASIR SEMENTARA X-12" in x
    assert "Keadaan 22 Nov 2025 16:00 WIB" in x
    assert "Kas dihitung" not in x
    assert "LAPORAN TUTUP KASIR Z-12" in z
    assert "Tutup 22 Nov 2025 21:05 WIB" in z
    for phrase in (
        "Jumlah struk 1.214 Penjualan Rp 48.250.500",
        "Tunai (702) Rp 21.100.500 Kartu (212) Rp 15.150.000 QRIS (300) Rp 12.000.000",
        "Kas awal Rp 500.000 Kas masuk Rp 200.000 Kas keluar -Rp 1.000.000 Kas seharusnya Rp 20.800.500",
    ):
        assert phrase in x
        assert phrase in z
    assert "Kas dihitung Rp 20.798.500 SELISIH -Rp 2.000" in z


def test_a_shift_without_a_sale_has_a_report() -> None:
    shift = Shift(shift_id=1, till_id=2, cashier="agus", open_time=samples.moment(2025, 11, 22, 1, 2))
    assert "Belum ada" in words(shift_report(shift, samples.shop()))


def test_plain_text_is_for_terminals() -> None:
    lines = slip(58).text().splitlines()
    assert all(len(line) <= 32 for line in lines)
    assert "=" * 32 in lines
    assert any("JUMLAH BAYAR" in line for line in lines)


@pytest.mark.parametrize(
    ("render", "said"),
    [
        (lambda: order_slip(samples.order(), samples.shop()), "bank account 1, given was none"),
        (
            lambda: order_slip(samples.order(), samples.shop(), BankAccount(bank_account_id=9)),
            "bank account 1, given was 9",
        ),
        (
            lambda: order_slip(samples.order(), samples.shop(), samples.account(), Courier(courier_id=8)),
            "courier 3 was expected, given was 8",
        ),
        (lambda: slip(width_mm=76), "58 or 80 mm wide, not 76"),
        (lambda: sales_receipt(samples.till_sale(), samples.shop(), samples.order()), "given was 10482"),
        (lambda: sales_receipt(Sale(sale_id=1), samples.shop(), None, Till(till_id=4)), "given was 4"),
        (lambda: shift_report(samples.open_shift(), samples.shop(), Till(till_id=4)), "till 2 was expected"),
        (lambda: slip().png(0), "1 to 4 pixels per dot, not 0"),
        (lambda: slip().png(5), "1 to 4 pixels per dot, not 5"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_plain_words(
    render: Callable[[], object], said: str
) -> None:
    with pytest.raises(PaperError, match=said):
        render()


@WIDTHS
@EACH_PAPER
def test_the_layout_never_exceeds_the_paper(paper: Callable[[int, int], Paper], width_mm: int) -> None:
    for item in lay_out(paper(width_mm, 0).document):
        if isinstance(item, Line):
            assert width_of(item.text) * item.size <= COLUMNS[width_mm]


def test_a_slip_of_an_order_paid_at_the_door_says_what_the_courier_gets() -> None:
    order = samples.order_at_the_door()
    text = order_slip(order, samples.shop(), samples.account(), samples.courier()).text()
    assert "BAYAR DI TEMPAT (COD)" in text
    assert "LUNAS" not in text
    assert re.search(r"Sudah dibayar +Rp 198.217\n", text)
    assert re.search(r"Dibayar ke kurir +Rp 150.000\n", text)


def test_a_receipt_says_that_the_courier_was_paid() -> None:
    sale, order = samples.sale_of_order(), samples.order_at_the_door()
    sale.tenders[0].kind, sale.tenders[0].reference = TENDER_KIND_EXTERNAL, "cod"
    assert re.search(
        r"Bayar di tempat \(COD\) +Rp 348.217\n", sales_receipt(sale, samples.shop(), order).text()
    )
