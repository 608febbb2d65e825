"""Goal: a store that an earlier program wrote is read, goes on, and is sound.

Method: a directory as an engine left it whose customers had no e-mail addresses, and which had no table of
manifests: bookings, one cancelled, one sold, sent and printed.
"""

import tarfile
from pathlib import Path

import pytest

from engine import Engine
from tests.engine.desk import Desk

STORE = Path(__file__).parent / "earlier" / "format-3.tar.xz"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    with tarfile.open(STORE) as archive:
        archive.extractall(tmp_path / "shop", filter="data")
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
