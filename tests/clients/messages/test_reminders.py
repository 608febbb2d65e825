"""Goal: a reminder comes before its deadline, asks for what is open, and goes only to who still needs it."""

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from clients.messages.channels.folder import Folder
from clients.messages.channels.mail import Mail
from clients.messages.main import app
from clients.messages.texts import Text
from kasir.v1 import admin_pb2, admin_pb2_grpc, booking_pb2, customer_pb2
from tests.clients.messages.conftest import (
    FAILED,
    SENT,
    UNKNOWN,
    send_all,
    states,
)
from tests.server.support import Shop, idr, new_id, until


@pytest.fixture
def reminds_at_once(channel) -> None:
    """Orders are to be paid within a minute, and reminded of 59 seconds before."""
    stub = admin_pb2_grpc.AdminServiceStub(channel)
    wanted = stub.GetSettings(admin_pb2.GetSettingsRequest()).settings
    wanted.booking_duration.CopyFrom(Duration(seconds=60))
    wanted.reminder_before.CopyFrom(Duration(seconds=59))
    stub.UpdateSettings(admin_pb2.UpdateSettingsRequest(request_id=new_id(), settings=wanted))


def test_a_reminder_comes_before_the_deadline_and_not_after_it(
    server, shop, reminds_at_once, tmp_path
) -> None:
    shop.book()
    until(lambda: len(states(shop)) == 2, "the reminder", 30)
    reminder = max(states(shop).values(), key=lambda message: message.message_id)
    assert reminder.kind == customer_pb2.MESSAGE_KIND_DEADLINE_REMINDER
    assert send_all(server, Folder(tmp_path)) == {"sent": 2}
    (file,) = tmp_path.glob("*deadline_reminder*")
    assert "menunggu pembayaran" in file.read_text()


def reminded(shop: Shop, count: int = 1) -> None:
    """Waits until so many orders were reminded of."""

    def is_so() -> bool:
        kinds = [message.kind for message in states(shop).values()]
        return kinds.count(customer_pb2.MESSAGE_KIND_DEADLINE_REMINDER) == count

    until(is_so, "reminders", 30)


def reminders(shop: Shop) -> list[customer_pb2.Message]:
    found = [
        each for each in states(shop).values() if each.kind == customer_pb2.MESSAGE_KIND_DEADLINE_REMINDER
    ]
    return sorted(found, key=lambda each: each.order_id)


def extend(shop: Shop, order: booking_pb2.Order) -> None:
    later = Timestamp(seconds=order.expire_time.seconds + 3_600)
    shop.bookings.ExtendBooking(
        booking_pb2.ExtendBookingRequest(
            request_id=new_id(), order_id=order.order_id, version=order.version, expire_time=later
        )
    )


def test_a_reminder_that_nobody_needs_any_more_is_not_sent(
    server, shop, reminds_at_once, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, cancelled, moved, still = (shop.book() for _ in range(4))
    reminded(shop, 4)
    shop.pay(paid)
    shop.cancel(cancelled.order_id)
    extend(shop, moved)
    send_all(server, Folder(tmp_path))
    told = {each.order_id: (each.state, each.detail) for each in reminders(shop)}
    assert told[paid.order_id] == (FAILED, "not needed: the order is paid")
    assert told[cancelled.order_id] == (FAILED, "not needed: the order is cancelled")
    assert told[moved.order_id] == (FAILED, "not needed: its deadline was moved")
    assert told[still.order_id][0] == SENT
    assert len(list(tmp_path.glob("*deadline_reminder*"))) == 1
    # Nobody has to look at them.
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    shown = CliRunner().invoke(app, ["questions", "--server", server.target, "--as", "sari", "--json"])
    assert json.loads(shown.stdout)["messages"] == []


def test_a_reminder_asks_for_what_is_open(server, shop, reminds_at_once, tmp_path) -> None:
    order = shop.book(quantity=2)
    part = booking_pb2.Order(order_id=order.order_id, payable=idr(20_000))
    reminded(shop)
    shop.pay(part)
    send_all(server, Folder(tmp_path))
    (file,) = tmp_path.glob("*deadline_reminder*")
    assert "menunggu pembayaran Rp 30.000 sampai" in file.read_text()
    # What was to pay when it was booked stays what the confirmation says.
    (file,) = tmp_path.glob("*booking_confirmed*")
    assert "harus dibayar: Rp 50.000" in file.read_text()


def test_a_reminder_that_may_have_been_sent_and_is_not_needed_any_more_is_not_written_again(
    server, shop, reminds_at_once, tmp_path
) -> None:
    """An agent was killed between the claim of its file and the outcome."""
    paid, still = shop.book(), shop.book()
    reminded(shop, 2)
    for reminder in reminders(shop):
        claim = customer_pb2.ReportMessageRequest(
            request_id=new_id(),
            message_id=reminder.message_id,
            state=UNKNOWN,
            detail="being sent by pesan (file)",
        )
        shop.customers.ReportMessage(claim)
    shop.pay(paid)
    send_all(server, Folder(tmp_path))
    told = {each.order_id: (each.state, each.detail) for each in reminders(shop)}
    assert told[paid.order_id] == (UNKNOWN, "may have been sent; not needed: the order is paid")
    assert told[still.order_id][0] == SENT
    assert [path.stem.rpartition("-")[2] for path in tmp_path.glob("*deadline_reminder*")] == [
        str(still.order_id)
    ]


def test_a_reminder_that_waited_too_long_for_its_way_is_let_go(server, shop, reminds_at_once, inbox) -> None:
    """Greylisted, and paid before the second try."""
    mails, mail_server = inbox
    order = shop.book(email="siti@rahmawati.example")
    reminded(shop)
    mails.on_rcpt = "451 come back later"
    mail = Mail(mail_server, "toko@melati.example")
    send = mail.send

    def pay_then_send(message: customer_pb2.Message, text: Text, recipient: str) -> Any:
        if message.kind == customer_pb2.MESSAGE_KIND_DEADLINE_REMINDER and not shop.is_paid:
            shop.is_paid = bool(shop.pay(order))
        return send(message, text, recipient)

    shop.is_paid = False
    mail.send = pay_then_send  # type: ignore[method-assign]
    send_all(server, mail)
    (reminder,) = reminders(shop)
    assert (reminder.state, reminder.detail) == (FAILED, "not needed: the order is paid")
