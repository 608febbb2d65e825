"""How fast each paper is made, per second of one core's time, so that a busy machine does not count.

Bounds are a fifth of what was measured: only a real slowing fails.
"""

import time
from collections.abc import Callable

import pytest
from faker import Faker

from hardware.paper import (
    Label,
    address_label,
    item_label,
    labels_pdf,
    order_slip,
    sales_receipt,
    shift_report,
)
from kasir.v1.booking_pb2 import Order
from kasir.v1.catalogue_pb2 import Item
from kasir.v1.shipping_pb2 import Parcel
from tests.paper import samples

SHOP, ACCOUNT, COURIER = samples.shop(), samples.account(), samples.courier()


def order(number: int) -> Order:
    made = samples.order()
    made.order_id = 100_000 + number
    return made


def parcel(number: int) -> Parcel:
    made = samples.parcel()
    made.order_id = 100_000 + number
    made.airway_bill = f"JKT{number:012d}"
    made.address.street = f"Jalan Merdeka No. {number}, RT 00{number % 9} / RW 01, Perumahan Blok {number}"
    return made


def item(number: int) -> Item:
    made = samples.item()
    made.name = f"Kemeja Batik Parang Lengan Panjang Pria Ukuran L No. {number}"
    made.barcodes[0] = f"KOPI-{number:04d}"
    return made


def slip_escpos(number: int) -> bytes:
    return order_slip(order(number), SHOP, ACCOUNT, COURIER).escpos()


def slip_png(number: int) -> bytes:
    return order_slip(order(number), SHOP, ACCOUNT, COURIER).png()


def receipt_escpos(number: int) -> bytes:
    sale = samples.till_sale()
    sale.sale_id = number
    return sales_receipt(sale, SHOP, None, samples.till()).escpos()


def shift_escpos(_: int) -> bytes:
    return shift_report(samples.closed_shift(), SHOP, samples.till()).escpos()


def label_zpl(number: int) -> bytes:
    return address_label(parcel(number), order(number), SHOP, COURIER).zpl()


def label_tspl(number: int) -> bytes:
    return address_label(parcel(number), order(number), SHOP, COURIER).tspl()


def item_zpl(number: int) -> bytes:
    return item_label(item(number)).zpl()


def item_tspl(number: int) -> bytes:
    return item_label(item(number)).tspl()


PEOPLE = Faker("id_ID")
PEOPLE.seed_instance(20_261_127)
# A thousand parcels of a thousand people, as a shop prints them in one go.
RECEIVERS = [(PEOPLE.name(), PEOPLE.street_address(), PEOPLE.city()) for _ in range(1_000)]


def addressed(number: int) -> Parcel:
    made = parcel(number)
    made.address.recipient, made.address.street, made.address.city = RECEIVERS[number % 1_000]
    return made


def thousand_labels(number: int) -> list[Label]:
    numbers = range(1_000 * number, 1_000 * number + 1_000)
    return [address_label(addressed(each), order(each), SHOP, COURIER) for each in numbers]


def thousand_labels_zpl(number: int) -> bytes:
    return b"".join(label.zpl() for label in thousand_labels(number))


def thousand_labels_tspl(number: int) -> bytes:
    return b"".join(label.tspl() for label in thousand_labels(number))


def thousand_labels_pdf(number: int) -> bytes:
    return labels_pdf(thousand_labels(number))


def thousand_labels_png(number: int) -> bytes:
    return b"".join(label.png() for label in thousand_labels(number))


def label_png(number: int) -> bytes:
    return address_label(parcel(number), order(number), SHOP, COURIER).png()


def label_pdf(number: int) -> bytes:
    return address_label(parcel(number), order(number), SHOP, COURIER).pdf()


def hundred_labels_pdf(number: int) -> bytes:
    numbers = range(100 * number, 100 * number + 100)
    return labels_pdf(address_label(parcel(each), order(each), SHOP, COURIER) for each in numbers)


@pytest.mark.parametrize(
    ("make", "papers", "times", "least"),
    [
        (slip_escpos, 1, 60, 50),
        (slip_png, 1, 10, 5),
        (receipt_escpos, 1, 60, 90),
        (shift_escpos, 1, 60, 120),
        (label_zpl, 1, 100, 200),
        (label_tspl, 1, 100, 80),
        (item_zpl, 1, 100, 300),
        (item_tspl, 1, 100, 150),
        (label_png, 1, 30, 20),
        (label_pdf, 1, 30, 30),
        (hundred_labels_pdf, 100, 2, 60),
        (thousand_labels_zpl, 1_000, 1, 200),
        (thousand_labels_tspl, 1_000, 1, 60),
        (thousand_labels_pdf, 1_000, 1, 100),
        (thousand_labels_png, 1_000, 1, 25),
    ],
)
def test_papers_per_second(
    make: Callable[[int], bytes],
    papers: int,
    times: int,
    least: float,
    record_property: Callable[[str, object], None],
) -> None:
    make(0)
    started = time.thread_time()
    size = sum(len(make(number)) for number in range(1, times + 1))
    rate = times * papers / (time.thread_time() - started)
    record_property("papers_per_second", round(rate))
    print(f"{make.__name__}: {rate:.0f}/s, {size // times // papers:,} bytes each")
    assert rate >= least
