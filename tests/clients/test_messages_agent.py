"""Goal: each message is sent once, whatever dies and however the ways misbehave; what nobody knows is shown.

Method: a real server and engine; real SMTP servers (aiosmtpd), encrypted where it matters; something that
speaks WhatsApp's Cloud API and loses answers; the agent as a process of its own that is killed -9, and the
server, too.
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from clients.common.client import Patience
from clients.common.connection import Connection
from clients.common.problems import BadInput
from clients.common.smtp import HandIn, MailServer, Security, hand_in
from clients.messages import settings
from clients.messages.agent import MessagesAgent, Options
from clients.messages.channel import Delivery
from clients.messages.channels.folder import Folder
from clients.messages.channels.mail import Mail
from clients.messages.channels.whatsapp import WhatsApp
from clients.messages.main import app
from clients.messages.simulator import Trouble, WhatsAppSimulator
from clients.messages.texts import Text, Wording
from kasir.v1 import admin_pb2, admin_pb2_grpc, booking_pb2, customer_pb2, shipping_pb2
from tests.certificates import make_certificates
from tests.server.support import Shop, idr, new_id, patient_channel, until

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = int(os.environ.get("KASIR_MESSAGES_SENT", "60"))
PATIENCE_S = 120.0
QUEUED, SENT = customer_pb2.MESSAGE_STATE_QUEUED, customer_pb2.MESSAGE_STATE_SENT
FAILED, UNKNOWN = customer_pb2.MESSAGE_STATE_FAILED, customer_pb2.MESSAGE_STATE_UNKNOWN
KEY = "token-rahasia-81"
WHO = 'sender = "a@b.example"\naddresses = "addresses.csv"\n'
QUICK = Options(tries=3, pause_s=0.05, pause_max_s=0.2)


@pytest.fixture
def shop(channel) -> Shop:
    return Shop(channel)


def states(shop: Shop) -> dict[int, customer_pb2.Message]:
    request = customer_pb2.ListMessagesRequest(page_size=1_000)
    found = shop.customers.ListMessages(request, wait_for_ready=True).messages
    return {message.message_id: message for message in found}


def send_all(server: Any, *channels: Any, language: str = "id") -> dict[str, int]:
    patience = Patience(timeout_s=5.0, pause_s=0.01, pause_max_s=0.1)
    agent = MessagesAgent(
        Connection(server.target, "pesan"), channels, Wording(language), QUICK, patience=patience
    )
    agent.run(drain=True)
    return agent.counts()


class Inbox:
    """A mail server's rules; `on_data` answers in its place, and may close the line."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.on_rcpt = "250 OK"
        self.on_data: Callable[[Any], str] = lambda _server: "250 taken"

    async def handle_RCPT(self, server: SMTP, _session: Any, envelope: Any, to: str, _options: Any) -> str:  # noqa: N802
        if self.on_rcpt.startswith("250"):
            envelope.rcpt_tos.append(to)
        return self.on_rcpt

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.on_data(server)


class SmtpController(Controller):
    def __init__(self, inbox: Inbox, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        super().__init__(inbox, hostname="127.0.0.1", port=0)

    def factory(self) -> SMTP:
        def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
            return AuthResult(success=given.password == KEY.encode())

        return SMTP(
            self.handler,
            tls_context=self.context,
            require_starttls=self.context is not None,
            authenticator=check,
            auth_require_tls=self.context is not None,
        )

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, MailServer]]:
    made = Inbox()
    controller = SmtpController(made)
    controller.start()
    yield made, MailServer("127.0.0.1", controller.port, Security.NONE, timeout_s=10.0)
    controller.stop()


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "addresses.csv"
    path.write_text("081234567890,siti@pelanggan.example\n")
    return path


# -- the ways ----------------------------------------------------------------------------------------------


def test_a_booking_is_confirmed_by_mail(server, shop, inbox, book) -> None:
    mails, mail_server = inbox
    shop.book()
    assert send_all(server, Mail(mail_server, "toko@melati.example", book)) == {"sent": 1}
    (mail,) = mails.mails
    (message,) = states(shop).values()
    assert mail["To"] == "siti@pelanggan.example"
    assert f"<kasir-{message.message_id}." in mail["Message-ID"]
    body = mail.get_content()
    assert "Halo Siti Rahmawati" in body
    assert f"no. {message.order_id}" in body
    assert "Batas bayar" in body
    assert message.state == SENT


def test_an_address_that_came_with_the_booking_needs_no_book(server, shop, inbox) -> None:
    mails, mail_server = inbox
    order = shop.book(email="siti@rahmawati.example")
    shop.cancel(order.order_id)
    shop.book()  # the same customer, who is known by phone
    shop.book(phone="081999999999")
    assert send_all(server, Mail(mail_server, "toko@melati.example")) == {"sent": 3, "failed": 1}
    assert [mail["To"] for mail in mails.mails] == ["siti@rahmawati.example"] * 3
    told = {message.message_id: message.email for message in states(shop).values()}
    assert told == {
        1: "siti@rahmawati.example",
        2: "siti@rahmawati.example",
        3: "siti@rahmawati.example",
        4: "",
    }


def test_the_bookings_address_goes_before_the_books(server, shop, inbox, book) -> None:
    mails, mail_server = inbox
    shop.book(email="siti@rahmawati.example")
    assert send_all(server, Mail(mail_server, "toko@melati.example", book)) == {"sent": 1}
    assert mails.mails[0]["To"] == "siti@rahmawati.example"


def test_in_english_and_to_a_file(server, shop, tmp_path: Path) -> None:
    order = shop.book()
    shop.cancel(order.order_id)
    assert send_all(server, Folder(tmp_path / "out"), language="en") == {"sent": 2}
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name.split("-")[1] for path in files] == ["booking_confirmed", "booking_cancelled"]
    assert "Hello Siti Rahmawati" in files[0].read_text()


def test_the_airway_bill_and_its_courier_are_named(server, shop, tmp_path: Path) -> None:
    courier_id = shop.courier()
    order = shop.pay(shop.book(courier_id=courier_id))
    shop.sell(order.order_id)
    (parcel,) = shop.shipping.ListParcels(shipping_pb2.ListParcelsRequest()).parcels
    report = shipping_pb2.ReportAirwayBillRequest(
        request_id=new_id(),
        parcel_id=parcel.parcel_id,
        state=shipping_pb2.AIRWAY_BILL_STATE_ASSIGNED,
        airway_bill="JP0001",
    )
    shop.shipping.ReportAirwayBill(report)
    send_all(server, Folder(tmp_path))
    (file,) = tmp_path.glob("*airway_bill*")
    assert "dikirim dengan JNE. Nomor resi: JP0001" in file.read_text()


def test_the_first_way_that_leads_to_a_customer_is_taken(server, shop, inbox, book, tmp_path: Path) -> None:
    mails, mail_server = inbox
    shop.book(phone="081234567890")
    shop.book(phone="081999999999")
    by_mail, by_file = Mail(mail_server, "toko@melati.example", book), Folder(tmp_path / "out")
    assert send_all(server, by_mail, by_file) == {"sent": 2}
    assert len(mails.mails) == 1
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_where_no_way_leads_somebody_is_told(server, shop, inbox, book) -> None:
    shop.book(phone="081999999999")
    assert send_all(server, Mail(inbox[1], "toko@melati.example", book)) == {"failed": 1}
    (message,) = states(shop).values()
    assert message.detail == "no way leads to this customer"


def test_a_refused_address_fails_and_a_silent_server_leaves_it_unknown(server, shop, inbox, book) -> None:
    mails, mail_server = inbox
    mail = Mail(mail_server, "toko@melati.example", book)
    mails.on_rcpt = "550 no such mailbox"
    shop.book()
    assert send_all(server, mail) == {"failed": 1}
    mails.on_rcpt = "250 OK"

    def hang_up(smtp_server: Any) -> str:
        smtp_server.transport.abort()
        return "250 taken"

    mails.on_data = hang_up
    shop.book()
    assert send_all(server, mail) == {"unknown": 1}
    mails.on_data = lambda _server: "250 taken"
    # Nobody sends it again.
    assert send_all(server, mail) == {}
    assert len(mails.mails) == 1
    assert [message.state for message in states(shop).values()] == [UNKNOWN, FAILED]


# The engine takes it: atoms and a domain. The library of e-mails reads an encoded word in it.
STRANGE = "=?utf-8?q?siti?=@rahmawati.example"


def test_an_address_that_no_mail_can_bear_ends_nobody(server, shop, inbox, tmp_path: Path) -> None:
    mails, mail_server = inbox
    shop.book(email=STRANGE)
    shop.book(email="budi@santoso.example", phone="081999999999")
    assert send_all(server, Mail(mail_server, "toko@melati.example")) == {"failed": 1, "sent": 1}
    strange = states(shop)[1]
    assert (strange.state, STRANGE in strange.detail) == (FAILED, True)
    # Another way may lead there.
    shop.book(email=STRANGE)
    assert send_all(server, Mail(mail_server, "toko@melati.example"), Folder(tmp_path)) == {"sent": 1}
    assert len(mails.mails) == 1


def test_what_makes_no_mail_is_surely_not_sent(inbox) -> None:
    mails, mail_server = inbox
    mail = Mail(mail_server, "toko@melati.example")
    facts = {"shop": "=?utf-8?q?=0aBcc:_x?= Melati"}
    message = customer_pb2.Message(kind=6, message_id=9)
    assert mail.send(message, Text("a\nb", "c", facts), "siti@rahmawati.example").delivery is Delivery.FAILED
    assert mail.send(message, Text("a", "b", facts), "siti@rahmawati.example").delivery is Delivery.SENT
    assert mails.mails[0]["From"].addresses[0].addr_spec == "toko@melati.example"
    assert mails.mails[0]["Bcc"] is None


def test_an_answer_to_a_whole_mail_that_cannot_be_read_says_nothing(inbox) -> None:
    mails, mail_server = inbox
    mails.on_data = lambda _server: "what was that"
    assert hand_in(mail_of(), mail_server)[0] is HandIn.UNKNOWN
    mails.on_data = lambda _server: "252 probably"
    assert hand_in(mail_of(), mail_server)[0] is HandIn.ACCEPTED


@pytest.mark.parametrize("host", ["", "mail..example", f"{'x' * 64}.example", "mail\n.example"])
def test_a_mail_servers_name_that_is_none(host: str) -> None:
    with pytest.raises(BadInput):
        MailServer(host)


def test_a_line_that_cannot_even_be_tried_is_down(inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_more: Any) -> Any:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr("smtplib.SMTP", refuse)
    assert hand_in(mail_of(), inbox[1])[0] is HandIn.DOWN


def test_a_key_that_no_header_can_carry() -> None:
    with pytest.raises(BadInput, match="ASCII"):
        WhatsApp("1065", "kunci-€", url="https://graph.example")


def test_greylisted_is_tried_again_and_given_up_at_last(server, shop, inbox, book) -> None:
    mails, mail_server = inbox
    mails.on_rcpt = "451 come back later"
    shop.book()
    assert send_all(server, Mail(mail_server, "toko@melati.example", book)) == {"failed": 1}
    (message,) = states(shop).values()
    assert "not sent after 3 tries: 451" in message.detail


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mail")
    make_certificates(folder, "authority", "localhost")
    return folder


def mail_of() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "toko@melati.example", "siti@pelanggan.example", "Halo"
    made.set_content("Halo")
    return made


def test_the_line_is_encrypted_and_its_certificate_looked_at(certificates: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "localhost.pem", certificates / "localhost.key")
    made = Inbox()
    controller = SmtpController(made, context)
    controller.start()
    try:
        known = {"user": "toko", "password": KEY, "ca_file": certificates / "authority.pem"}
        good = MailServer("localhost", controller.port, **known)
        assert hand_in(mail_of(), good)[0] is HandIn.ACCEPTED
        assert made.encrypted == [True]
        assert KEY not in repr(good)
        stranger = MailServer("localhost", controller.port, user="toko", password=KEY)
        assert hand_in(mail_of(), stranger)[0] is HandIn.DOWN
        wrong = MailServer("localhost", controller.port, **{**known, "password": "salah-sekali"})
        outcome, words = hand_in(mail_of(), wrong)
        assert outcome is HandIn.DOWN
        assert "salah-sekali" not in words
        assert len(made.mails) == 1
    finally:
        controller.stop()


def test_no_password_and_no_name_goes_over_an_open_line() -> None:
    for given in ({"host": "mail.example"}, {"host": "localhost", "user": "toko", "password": KEY}):
        with pytest.raises(BadInput):
            MailServer(**given, security=Security.NONE)


def test_whatsapp_gets_a_template_and_its_facts(server, shop) -> None:
    order = shop.book()
    with WhatsAppSimulator(token=KEY) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url)
        assert send_all(server, way) == {"sent": 1}
        way.close()
        (asked,) = simulator.sent
    assert asked["to"] == "6281234567890"
    assert asked["template"]["name"] == "kasir_booking_confirmed"
    assert asked["template"]["language"] == {"code": "id"}
    values = [each["text"] for each in asked["template"]["components"][0]["parameters"]]
    assert values[:2] == ["Siti Rahmawati", str(order.order_id)]
    (message,) = states(shop).values()
    assert message.detail == "whatsapp: wamid.00000001"


def test_whatsapp_in_plain_text(server, shop) -> None:
    shop.book()
    with WhatsAppSimulator() as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url, prefix="")
        assert send_all(server, way) == {"sent": 1}
        way.close()
        assert "Halo Siti" in simulator.sent[0]["text"]["body"]


def test_what_whatsapp_says_no_to(server, shop) -> None:
    with WhatsAppSimulator(token=KEY) as simulator:
        simulator.refused.add("6281234567890")
        shop.book()
        way = WhatsApp("1065", KEY, url=simulator.url)
        assert send_all(server, way) == {"failed": 1}
        way.close()
        (message,) = states(shop).values()
        assert "undeliverable" in message.detail
        # A wrong token says nothing about the message, is the shop's to mend, and is not told.
        wrong = WhatsApp("1065", "token-yang-salah", url=simulator.url)
        facts = dict.fromkeys(("name", "order", "shop"), "x")
        found = wrong.send(customer_pb2.Message(kind=6, message_id=9), Text("a", "b", facts), "62812")
        wrong.close()
        assert found.delivery is Delivery.SETTINGS
        assert "token-yang-salah" not in found.words


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, {"code": 190, "message": "Invalid OAuth access token"}),
        (403, {"code": 200, "message": "Permission is not granted"}),
        (400, {"code": 190, "message": "Session has expired"}),
        (400, {"code": 100, "error_subcode": 33, "message": "Object with ID '1065' does not exist"}),
        (404, {"code": 132001, "message": "Template name does not exist in the translation"}),
        (400, {"code": 132000, "message": "Number of parameters does not match"}),
        (400, {"code": 133010, "message": "Phone number not registered"}),
        (404, None),
    ],
)
def test_what_is_wrong_with_the_settings_stops_the_agent_and_keeps_the_queue(
    server, shop, status: int, error: Any
) -> None:
    for _ in range(3):
        shop.book()
    with WhatsAppSimulator(token=KEY) as simulator:
        simulator.answer = (status, {"error": error} if error else {"oops": 1})
        for _ in range(2):
            way = WhatsApp("1065", KEY, url=simulator.url)
            with pytest.raises(BadInput, match=f"whatsapp: {status}"):
                send_all(server, way)
            way.close()
        now = states(shop)
        # The one that was tried is surely not sent; the others are as they were.
        assert [message.state for message in now.values()] == [QUEUED, QUEUED, UNKNOWN]
        assert "not sent" in now[1].detail
        assert KEY not in now[1].detail
        simulator.answer = None
        way = WhatsApp("1065", KEY, url=simulator.url)
        assert send_all(server, way) == {"sent": 3}
        way.close()
        assert len(simulator.sent) == 3


def test_what_was_kept_is_taken_up_by_one_agent(server, shop) -> None:
    shop.book()
    with WhatsAppSimulator(token=KEY) as simulator:
        simulator.answer = (401, {"error": {"code": 190, "message": "no"}})
        way = WhatsApp("1065", KEY, url=simulator.url)
        with pytest.raises(BadInput):
            send_all(server, way)
        simulator.answer = None
        counts: list[dict[str, int]] = []
        threads = [threading.Thread(target=lambda: counts.append(send_all(server, way))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        way.close()
        assert len(simulator.sent) == 1
    assert sum(each.get("sent", 0) for each in counts) == 1


def test_a_stop_keeps_what_was_surely_not_sent(server, shop, inbox) -> None:
    mails, mail_server = inbox
    mails.on_rcpt = "451 come back later"
    shop.book(email="siti@rahmawati.example")
    mail = Mail(mail_server, "toko@melati.example")
    agent = MessagesAgent(
        Connection(server.target, "pesan"), [mail], Wording("id"), Options(tries=9, pause_s=60.0)
    )
    thread = threading.Thread(target=agent.run)
    thread.start()
    until(lambda: states(shop)[1].state == UNKNOWN, "the claim")
    agent.stop()
    thread.join(PATIENCE_S)
    assert states(shop)[1].detail.startswith("not sent, to be taken up")
    mails.on_rcpt = "250 OK"
    assert send_all(server, mail) == {"sent": 1}


def test_a_parameter_is_one_line(server, shop) -> None:
    with WhatsAppSimulator(token=KEY) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url)
        facts = {"name": "Siti\n\tRahmawati      Dewi", "order": "1", "shop": " "}
        sent = way.send(customer_pb2.Message(kind=6, message_id=9), Text("a", "b", facts), "62812")
        way.close()
        assert sent.delivery is Delivery.SENT
        values = [each["text"] for each in simulator.sent[0]["template"]["components"][0]["parameters"]]
    assert values == ["Siti Rahmawati Dewi", "1", "-"]


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


# -- settings and people -----------------------------------------------------------------------------------


def test_the_ways_of_a_file(tmp_path: Path, book: Path) -> None:
    (tmp_path / "wa.token").write_text(KEY)
    path = tmp_path / "messages.toml"
    path.write_text(
        '[whatsapp]\nphone_number_id = "1065"\nsecrets.token.file = "wa.token"\n'
        '[smtp]\nhost = "localhost"\nsecurity = "none"\nsender = "toko@melati.example"\n'
        'addresses = "addresses.csv"\n[file]\ndirectory = "out"\n'
    )
    ways = settings.read(path, "id")
    assert [way.name for way in ways] == ["whatsapp", "smtp", "file"]
    for way in ways:
        way.close()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[sms]\n",
        '[file]\ndirectory = "out"\ncolour = "red"\n',
        "[file]\n",
        '[whatsapp]\nphone_number_id = "1"\n',
        '[smtp]\nhost = "mail.example"\nsecurity = "none"\n' + WHO,
        '[smtp]\nhost = "localhost"\nport = 0\n' + WHO,
        '[smtp]\nhost = "localhost"\nsender = "nobody"\naddresses = "addresses.csv"\n',
        '[smtp]\nhost = "localhost"\nsender = "a@b.example"\naddresses = "missing.csv"\n',
    ],
)
def test_files_that_are_wrong(tmp_path: Path, book: Path, content: str) -> None:
    path = tmp_path / "messages.toml"
    path.write_text(content)
    with pytest.raises(BadInput):
        settings.read(path, "id")


def test_somebody_reads_and_settles_what_nobody_knew(server, shop, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    shop.book()
    with WhatsAppSimulator(Trouble(lost=1.0)) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url, timeout_s=5.0)
        assert send_all(server, way) == {"unknown": 1}
        way.close()

    def ask(*words: str, status: int = 0) -> Any:
        shown = CliRunner().invoke(app, [*words, "--server", server.target, "--as", "sari", "--json"])
        assert shown.exit_code == status, shown.output
        return json.loads(shown.stdout) if status == 0 else shown

    (message,) = ask("questions")["messages"]
    assert message["state"] == "MESSAGE_STATE_UNKNOWN"
    texts = ask("show", message["message_id"])["texts"]
    assert texts["id"]["body"].startswith("Halo Siti")
    assert texts["en"]["body"].startswith("Hello Siti")
    ask("show", "99", status=2)
    ask("settle", message["message_id"], status=2)
    assert ask("settle", message["message_id"], "--sent")["messages"][0]["state"] == "MESSAGE_STATE_SENT"
    assert ask("questions")["messages"] == []
    ask("settle", message["message_id"], "--sent", status=1)


# -- what dies ---------------------------------------------------------------------------------------------


def test_two_agents_send_each_message_once(server, shop) -> None:
    batch = booking_pb2.BatchCreateBookingsRequest(request_id=new_id(), bookings=[shop.booking()] * 40)
    shop.bookings.BatchCreateBookings(batch)
    with WhatsAppSimulator() as simulator:
        ways = [WhatsApp("1065", KEY, url=simulator.url) for _ in range(2)]
        counts: list[dict[str, int]] = []
        threads = [
            threading.Thread(target=lambda way=way: counts.append(send_all(server, way))) for way in ways
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        for way in ways:
            way.close()
        about = Counter(each["biz_opaque_callback_data"] for each in simulator.sent)
    assert len(about) == 40
    assert set(about.values()) == {1}
    assert sum(each.get("sent", 0) for each in counts) == 40


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def start_agent(target: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kasir.cli", "messages", "agent", "--server", target, "--as", "pesan"]
    with (folder / "agent.log").open("ab") as log:
        return subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "KASIR_STATE": str(folder / "state")},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


@pytest.mark.crash
@pytest.mark.timeout(1_200)
def test_each_goes_once_whatever_dies(serve, tmp_path: Path) -> None:
    port = free_port()
    running = serve("--listen", f"127.0.0.1:{port}")
    target = f"127.0.0.1:{port}"
    channel = patient_channel(target)
    shop = Shop(channel, stock=10_000)
    (tmp_path / "wa.token").write_text(KEY)
    with WhatsAppSimulator(Trouble(5, errors=0.1, lost=0.1, busy=0.1), token=KEY) as simulator:
        config = tmp_path / "messages.toml"
        config.write_text(
            f'[whatsapp]\nurl = "{simulator.url}"\nphone_number_id = "1065"\n'
            'secrets.token.file = "wa.token"\n'
        )
        kills = 4
        for kill in range(kills):
            count = MESSAGES // kills
            batch = booking_pb2.BatchCreateBookingsRequest(
                request_id=new_id(), bookings=[shop.booking()] * count
            )
            shop.bookings.BatchCreateBookings(batch)
            before = len(simulator.sent)
            agent = start_agent(target, tmp_path, "--config", str(config))
            until(lambda before=before: len(simulator.sent) > before, "a message", PATIENCE_S)
            if kill % 2:
                running.kill()
                running = serve("--listen", f"127.0.0.1:{port}")
                grpc.channel_ready_future(channel).result(PATIENCE_S)
            agent.send_signal(signal.SIGKILL)
            agent.communicate(timeout=PATIENCE_S)
        simulator.trouble = Trouble(6, errors=0.1, lost=0.1)
        agent = start_agent(target, tmp_path, "--config", str(config), "--drain", "--json")
        out, _ = agent.communicate(timeout=PATIENCE_S)
        assert agent.returncode == 0, (tmp_path / "agent.log").read_text()
        assert json.loads(out)
        about = Counter(each["biz_opaque_callback_data"] for each in simulator.sent)
    messages = states(shop)
    channel.close()
    assert set(about.values()) == {1}, "nothing is sent twice"
    assert len(messages) == MESSAGES // kills * kills
    assert not any(message.state == QUEUED for message in messages.values()), "nothing is forgotten"
    for number, message in messages.items():
        was_sent = f"kasir-{number}" in about
        assert message.state in ({SENT, UNKNOWN} if was_sent else {FAILED, UNKNOWN}), message
        assert message.detail
    found = Counter(message.state for message in messages.values())
    assert found[SENT] >= len(messages) // 2
    print({customer_pb2.MessageState.Name(state): count for state, count in found.items()})


@pytest.mark.crash
def test_files_are_taken_up_again_by_the_same_agent(serve, tmp_path: Path) -> None:
    running = serve()
    channel = patient_channel(running.target)
    shop = Shop(channel, stock=10_000)
    batch = booking_pb2.BatchCreateBookingsRequest(request_id=new_id(), bookings=[shop.booking()] * 100)
    shop.bookings.BatchCreateBookings(batch)
    out = tmp_path / "out"
    for share in (5, 30):
        agent = start_agent(running.target, tmp_path, "--out", str(out))

        def written(agent: Any = agent, share: int = share) -> bool:
            assert agent.poll() is None, (tmp_path / "agent.log").read_text()
            return out.is_dir() and len(list(out.glob("0*"))) >= share

        until(written, "files", PATIENCE_S)
        agent.send_signal(signal.SIGKILL)
        agent.communicate(timeout=PATIENCE_S)
    agent = start_agent(running.target, tmp_path, "--out", str(out), "--drain")
    agent.communicate(timeout=PATIENCE_S)
    assert agent.returncode == 0
    assert {message.state for message in states(shop).values()} == {SENT}
    assert len(list(out.glob("0*"))) == 100
    channel.close()
