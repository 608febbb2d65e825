"""Goal: a store that an earlier program wrote is read, goes on, and is sound.

Method: a directory as an engine left it whose customers had no e-mail addresses, and which had no table of
manifests: bookings, one cancelled, one sold, sent and printed. And a store from which those tables are taken
that came with refunds.
"""

import tarfile
from pathlib import Path
from typing import Any

import lmdb
import pytest

from engine import Engine
from kasir.v1 import sale_pb2, till_pb2
from tests.engine.desk import Desk, Shop, idr

STORE = Path(__file__).parent / "earlier" / "format-3.tar.xz"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    with tarfile.open(STORE) as archive:
        # Python has filters from 3.11.4 on.
        filters: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path / "shop", **filters)
    return tmp_path / "shop"


def test_what_was_written_before_there_were_addresses_is_read(directory: Path) -> None:
    with Engine.open(directory) as engine:
        assert engine.verify()["violations"] == []
        desk = Desk(engine)
        customer = desk("GetCustomer", phone="081234567890").customer
        assert (customer.name, customer.email) == ("Siti Rahmawati", "")
        assert [order.customer_email for order in desk("ListBookings").orders] == ["", "", ""]
        assert {message.email for message in desk("ListMessages").messages} == {""}


def test_and_its_customers_get_theirs(directory: Path) -> None:
    with Engine.open(directory) as engine:
        desk = Desk(engine)
        (known, *_) = desk("ListBookings").orders
        item = known.lines[0]
        line = {"location_id": item.location_id, "item_id": item.item_id, "quantity": 1}
        booking = {
            "customer_id": known.customer_id,
            "customer_email": "siti@Rahmawati.example",
            "lines": [line],
            "channel": "CHANNEL_CHAT",
        }
        order = desk("CreateBooking", booking=booking).order
        assert order.customer_email == "siti@rahmawati.example"
        customer = desk("GetCustomer", customer_id=known.customer_id).customer
        assert (customer.email, customer.version) == ("siti@rahmawati.example", 2)
        assert desk("ListMessages", page_size=1).messages[0].email == "siti@rahmawati.example"
    with Engine.open(directory) as engine:
        assert engine.verify()["violations"] == []
        assert Desk(engine)("GetBooking", order_id=order.order_id).order == order


def test_and_what_went_is_listed(directory: Path) -> None:
    with Engine.open(directory) as engine:
        desk = Desk(engine)
        parcel = desk("GetParcel", airway_bill="JP0001").parcel
        made = desk("CreateManifest", parcel_ids=[parcel.parcel_id])
        assert made.manifest.lines[0].airway_bill == "JP0001"
        assert desk("GetPrintJob", print_job_id=made.print_job_id).job.manifest == made.manifest
        assert engine.verify()["violations"] == []


WITH_REFUNDS = (b"sales_by_receipt", b"refunds", b"refunds_by_sale")


@pytest.fixture
def before_refunds(tmp_path: Path) -> Path:
    """A store with a sale over the counter, made when nothing could be given back."""
    directory = tmp_path / "till"
    with Engine.open(directory) as engine:
        shop = Shop(engine)
        shop.receive(shop.floor_id, 5)
        till = till_pb2.Till(code="KASIR-1", location_id=shop.floor_id)
        till_id = shop("CreateTill", till=till).till.till_id
        shop("OpenShift", till_id=till_id, opening_cash=idr(0))
        line = till_pb2.TillLineInput(item_id=shop.item_id, quantity=2)
        sale = till_pb2.TillSaleInput(shift_id=1, lines=[line], receipt="KASIR-1-7QXM-1")
        cash = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(222_000))
        shop("CreateTillSale", sale=sale, tenders=[cash])
    with lmdb.open(str(directory), max_dbs=80) as env, env.begin(write=True) as txn:
        for name in WITH_REFUNDS:
            txn.drop(env.open_db(name, txn, create=False), delete=True)
    return directory


def test_what_was_sold_before_there_were_refunds_is_given_back(before_refunds: Path) -> None:
    with Engine.open(before_refunds) as engine:
        assert engine.verify()["violations"] == []
        desk = Desk(engine)
        sale = desk("GetSale", receipt="KASIR-1-7QXM-1").sale
        refund = till_pb2.RefundInput(
            shift_id=1,
            sale_id=sale.sale_id,
            lines=[till_pb2.RefundLineInput(line=0, quantity=1)],
            kind=sale_pb2.TENDER_KIND_CASH,
            reason="wrong size",
            approved_by="Budi",
        )
        made = desk("RefundSale", refund=refund).refund
        assert made.totals.total == idr(111_000)
        assert engine.verify()["violations"] == []
    with Engine.open(before_refunds) as engine:
        assert Desk(engine)("GetRefund", refund_id=made.refund_id).refund == made
        assert engine.verify()["violations"] == []
