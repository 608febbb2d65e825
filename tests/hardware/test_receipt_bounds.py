"""Goal: no receipt that a program asks for ends a printer's thread or takes a roll of paper.
Method: the bounds are held against requests just within and just beyond; what passes them is rendered.
"""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.problems import CallFailed
from hardware.agent.rendering import rendered_or_why
from hardware.paper import PaperError, sales_receipt
from hardware.station.bounds import SECONDS_MAX, beyond
from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import OrderLine
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import Sale
from kasir.v1.station_pb2 import PrintReceiptRequest
from kasir.v1.till_pb2 import Till
from tests.server.support import idr


def request(**fields: Any) -> PrintReceiptRequest:
    made = PrintReceiptRequest(
        sale=Sale(receipt="KASIR-1-7QXM-42"),
        shop=Settings(shop_name="Toko Melati", currency_code="IDR"),
        till=Till(code="KASIR-1"),
    )
    made.shop.utc_offset.FromTimedelta(timedelta(hours=14))
    made.shop.hold_duration.FromTimedelta(timedelta(days=31))
    for path, value in fields.items():
        getattr(made, path).MergeFrom(value)
    return made


# As long as a text may be
HUGE = "\U0001f600" * 300


def line(name: str, minor: int = 1_000, **more: str) -> OrderLine:
    return OrderLine(name=name, quantity=1, unit_price=idr(10), total=Money(minor_units=minor), **more)


@pytest.mark.parametrize(
    "within",
    [
        request(sale=Sale(lines=[line("\U0001f600" * 200) for _ in range(200)])),
        request(sale=Sale(create_time=Timestamp(seconds=SECONDS_MAX, nanos=999_999_999))),
        request(sale=Sale(sold_time=Timestamp())),
        request(shop=Settings(shop_address="x" * 300)),
        request(sale=Sale(lines=[line("Kopi", -(10**18))])),
    ],
)
def test_what_a_sale_may_be_is_rendered(within):
    assert beyond(within) == ("", "")
    assert sales_receipt(within.sale, within.shop, None, within.till).escpos()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (request(sale=Sale(lines=[line("Kopi") for _ in range(201)])), "sale.lines"),
        (request(sale=Sale(lines=[line("Kopi"), line("x" * 301)])), "sale.lines[1].name"),
        (request(sale=Sale(receipt="x" * 41)), "sale.receipt"),
        (request(sale=Sale(create_time=Timestamp(seconds=10**12))), "sale.create_time"),
        (request(sale=Sale(sold_time=Timestamp(seconds=-1))), "sale.sold_time"),
        (request(sale=Sale(sold_time=Timestamp(nanos=1_000_000_000))), "sale.sold_time"),
        (request(shop=Settings(utc_offset=Duration(seconds=100_000))), "shop.utc_offset"),
        (request(sale=Sale(lines=[line("Kopi", 10**18 + 1)])), "sale.lines[0].total"),
        (request(sale=Sale(lines=[line(HUGE, sku=HUGE, tax_code=HUGE) for _ in range(100)])), "sale"),
    ],
)
def test_what_no_sale_is_is_refused_by_its_field(wrong, field):
    found, words = beyond(wrong)
    assert (found, bool(words)) == (field, True)


def test_a_document_that_nobody_thought_of_is_one_that_cannot_be_rendered():
    def overflows() -> bytes:
        raise OverflowError("date value out of range")

    why = rendered_or_why(overflows)
    assert isinstance(why, PaperError)
    assert "date value out of range" in str(why)

    def asks() -> bytes:
        raise CallFailed(None, "", "the server is gone")  # type: ignore[arg-type]

    with pytest.raises(CallFailed):
        rendered_or_why(asks)
