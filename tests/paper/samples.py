"""A shop's messages as the engine would give them, for the paper tests."""

from binascii import crc_hqx
from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import ORDER_STATE_BOOKED, ORDER_STATE_PAID, Order, OrderLine, Totals
from kasir.v1.catalogue_pb2 import Item, Price
from kasir.v1.common_pb2 import CHANNEL_CHAT, CHANNEL_TILL, Address, Money
from kasir.v1.reconciliation_pb2 import BankAccount
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_QR,
    TENDER_KIND_TRANSFER,
    Sale,
    Tender,
)
from kasir.v1.shipping_pb2 import AIRWAY_BILL_STATE_ASSIGNED, Courier, Manifest, ManifestLine, Parcel
from kasir.v1.till_pb2 import Refund, RefundLine, Shift, TenderTotal, Till

ORDER_ID = 10482
AIRWAY_BILL = "JKT0012345678901"
# A payment of Rp 348.217 by QRIS (EMV tags; 54 is the amount, 63 the checksum).
QRIS = (
    "00020101021226610014COM.GO-JEK.WWW01189360091438225844860210G8225844860303UMI51440014ID.CO.QRIS.WWW"
    "0215ID10210643584140303UMI5204581253033605406348217550202560105802ID5917Toko Batik Melati6010Yogyakarta"
    "61055527162070703A016304"
)
QRIS += f"{crc_hqx(QRIS.encode(), 0xFFFF):04X}"


def rupiah(whole: int, sen: int = 0) -> Money:
    return Money(currency_code="IDR", minor_units=whole * 100 + (sen if whole >= 0 else -sen))


def moment(*parts: int) -> Timestamp:
    """A UTC time; the shop's clock is seven hours ahead."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime(*parts, tzinfo=UTC))
    return stamp


def shop() -> Settings:
    return Settings(
        shop_name="Toko Batik Melati",
        shop_address="Jl. Malioboro No. 52, Sosromenduran, Gedong Tengen, Kota Yogyakarta 55271",
        currency_code="IDR",
        utc_offset=Duration(seconds=7 * 3600),
    )


def account() -> BankAccount:
    return BankAccount(
        bank_account_id=1, bank="BCA", number="4560123789", holder="CV Melati Nusantara", currency_code="IDR"
    )


def courier() -> Courier:
    return Courier(courier_id=3, code="JNE", name="Jalur Nugraha Ekakurir", connected=True)


def address() -> Address:
    return Address(
        recipient="Siti Rahmawati Kusumaningrum",
        phone="+6281234567890",
        street="Perumahan Griya Asri Blok C-7 No. 12, RT 004 / RW 011, "
        "Jl. Kenanga Raya (pagar hijau, sebelah masjid)",
        district="Mustikajaya, Mustika Jaya",
        city="Kota Bekasi",
        province="Jawa Barat",
        postal_code="17158",
    )


def lines() -> list[OrderLine]:
    return [
        OrderLine(
            item_id=1,
            sku="BTK-0017",
            name="Kemeja Batik Parang Lengan Panjang Pria Katun Primisima Biru Tua Ukuran L",
            quantity=1,
            unit_price=rupiah(189_000),
            discount=rupiah(10_000),
            tax=rupiah(17_738, 74),
            tax_included=True,
            tax_code="PPN 11%",
            total=rupiah(179_000),
        ),
        OrderLine(
            item_id=2,
            sku="SRG-0204",
            name="Sarung Tenun Ikat",
            quantity=2,
            unit_price=rupiah(75_500),
            tax=rupiah(14_963, 96),
            tax_included=True,
            tax_code="PPN 11%",
            total=rupiah(151_000),
        ),
    ]


def totals() -> Totals:
    return Totals(
        goods=rupiah(340_000),
        discount=rupiah(10_000),
        tax=rupiah(32_702, 70),
        tax_added=rupiah(0),
        shipping=rupiah(18_000),
        total=rupiah(348_000),
    )


def order() -> Order:
    return Order(
        order_id=ORDER_ID,
        state=ORDER_STATE_BOOKED,
        customer_id=5,
        customer_name="Siti Rahmawati",
        customer_phone="+6281234567890",
        address=address(),
        lines=lines(),
        totals=totals(),
        unique_code=217,
        payable=rupiah(348_217),
        paid=rupiah(0),
        channel=CHANNEL_CHAT,
        bank_account_id=1,
        courier_id=3,
        courier_service="REG",
        expire_time=moment(2025, 11, 22, 10, 0),
        booked_by="dewi",
        note="Bungkus kado, kartu ucapan terlampir",
        create_time=moment(2025, 11, 22, 7, 4),
    )


def order_at_the_door(whole: int = 150_000) -> Order:
    """Paid to the courier at the door, but for what was transferred before."""
    made = order()
    made.state = ORDER_STATE_PAID
    made.paid.CopyFrom(made.payable)
    made.allocations.add(mutation_id=9, amount=rupiah(348_217 - whole))
    made.allocations.add(method="COD", amount=rupiah(whole - 50_000))
    made.allocations.add(method="cod", amount=rupiah(50_000))
    return made


def sale_of_order() -> Sale:
    return Sale(
        sale_id=8071,
        order_id=ORDER_ID,
        customer_id=5,
        lines=lines(),
        totals=totals(),
        tenders=[Tender(kind=TENDER_KIND_TRANSFER, amount=rupiah(348_217), reference="BCA 22/11 0417")],
        change=rupiah(0),
        channel=CHANNEL_CHAT,
        cashier="dewi",
        create_time=moment(2025, 11, 22, 10, 12),
        unique_code_amount=rupiah(217),
    )


def till_sale() -> Sale:
    return Sale(
        sale_id=8072,
        till_id=2,
        shift_id=12,
        lines=lines(),
        totals=Totals(
            goods=rupiah(340_000),
            discount=rupiah(10_000),
            tax=rupiah(32_702, 70),
            tax_added=rupiah(0),
            shipping=rupiah(0),
            total=rupiah(330_000),
        ),
        tenders=[
            Tender(kind=TENDER_KIND_QR, amount=rupiah(100_000), reference="QRIS-77120034"),
            Tender(kind=TENDER_KIND_CASH, amount=rupiah(250_000)),
        ],
        change=rupiah(20_000),
        channel=CHANNEL_TILL,
        cashier="agus",
        points_earned=33,
        create_time=moment(2025, 11, 22, 4, 31),
        unique_code_amount=rupiah(0),
    )


def till() -> Till:
    return Till(till_id=2, code="KASIR-2", location_id=3, open_shift_id=12)


def refund() -> Refund:
    """Of the till's sale: the shirt, damaged, and one of two sarongs; the card pays part of it."""
    shirt, sarong = lines()
    sarong.quantity = 1
    sarong.tax.CopyFrom(rupiah(7_482, 2))
    sarong.total.CopyFrom(rupiah(75_500))
    return Refund(
        refund_id=31,
        sale_id=8072,
        receipt="KASIR-2-7QXM-42",
        till_id=2,
        shift_id=12,
        lines=[
            RefundLine(line=0, goods=shirt, damaged=True),
            RefundLine(line=1, goods=sarong),
        ],
        totals=Totals(
            goods=rupiah(264_500), discount=rupiah(10_000), tax=rupiah(25_220, 72), total=rupiah(254_500)
        ),
        tenders=[Tender(kind=TENDER_KIND_CASH, amount=rupiah(254_500))],
        points_taken=25,
        reason="Jahitan lepas",
        approved_by="Ratna",
        cashier="agus",
        create_time=moment(2025, 11, 23, 2, 15),
    )


def open_shift() -> Shift:
    return Shift(
        shift_id=12,
        till_id=2,
        cashier="agus",
        open_time=moment(2025, 11, 22, 1, 2),
        opening_cash=rupiah(500_000),
        sale_count=1_214,
        sale_total=rupiah(48_250_500),
        tax_total=rupiah(4_781_580, 18),
        discount_total=rupiah(310_000),
        tenders=[
            TenderTotal(kind=TENDER_KIND_CASH, count=702, amount=rupiah(21_100_500)),
            TenderTotal(kind=TENDER_KIND_CARD, count=212, amount=rupiah(15_150_000)),
            TenderTotal(kind=TENDER_KIND_QR, count=300, amount=rupiah(12_000_000)),
        ],
        cash_in=rupiah(200_000),
        cash_out=rupiah(1_000_000),
        expected_cash=rupiah(20_800_500),
    )


def shift_with_refunds() -> Shift:
    """The closed shift, in which goods came back twice."""
    shift = closed_shift()
    shift.refund_count = 2
    shift.refund_total.CopyFrom(rupiah(354_500))
    shift.refund_tax_total.CopyFrom(rupiah(35_130))
    shift.refund_tenders.append(TenderTotal(kind=TENDER_KIND_CASH, count=1, amount=rupiah(254_500)))
    shift.refund_tenders.append(TenderTotal(kind=TENDER_KIND_CARD, count=1, amount=rupiah(100_000)))
    return shift


def closed_shift() -> Shift:
    shift = open_shift()
    shift.close_time.CopyFrom(moment(2025, 11, 22, 14, 5))
    shift.counted_cash.CopyFrom(rupiah(20_798_500))
    shift.difference.CopyFrom(rupiah(-2_000))
    return shift


def parcel() -> Parcel:
    return Parcel(
        parcel_id=77,
        order_id=ORDER_ID,
        courier_id=3,
        courier_service="REG",
        address=address(),
        weight_grams=1_250,
        airway_bill_state=AIRWAY_BILL_STATE_ASSIGNED,
        airway_bill=AIRWAY_BILL,
        courier_reference="KASIR-1-77",
        create_time=moment(2025, 11, 22, 10, 12),
    )


def manifest(parcels: int = 3) -> Manifest:
    """The first parcel is paid at the door."""
    lines = [
        ManifestLine(
            parcel_id=700 + number,
            order_id=ORDER_ID + number,
            airway_bill=f"JKT{number:013d}",
            recipient="Siti Rahmawati Kusumaningrum",
            city="Kabupaten Tasikmalaya",
            weight_grams=1_250,
            collect=rupiah(150_000) if number == 1 else None,
        )
        for number in range(1, parcels + 1)
    ]
    return Manifest(
        manifest_id=41,
        courier_id=courier().courier_id,
        lines=lines,
        handed_over_by="agus",
        hand_over_time=moment(2025, 11, 22, 9, 15),
        create_time=moment(2025, 11, 22, 9, 16),
    )


def item() -> Item:
    return Item(
        item_id=1,
        sku="BTK-0017",
        name="Kemeja Batik Parang Lengan Panjang Pria Katun Primisima Biru Tua Ukuran L",
        barcodes=["8991234567891"],
        prices=[
            Price(price_list="retail", min_quantity=1, amount=rupiah(189_000)),
            Price(price_list="wholesale", min_quantity=12, amount=rupiah(160_000)),
        ],
    )
