"""Goal: a mail is handed in once, and what became of it is known or said to be unknown.

Method: real SMTP servers (aiosmtpd), encrypted where it matters, which refuse, fall silent or answer badly.
"""

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from clients.common.problems import BadInput
from clients.common.smtp import HandIn, MailServer, Security, hand_in
from clients.messages.channel import Delivery
from clients.messages.channels.folder import Folder
from clients.messages.channels.mail import Mail
from clients.messages.texts import Text
from kasir.v1 import customer_pb2
from tests.certificates import make_certificates
from tests.clients.messages.conftest import (
    FAILED,
    KEY,
    QUEUED,
    SENT,
    UNKNOWN,
    Inbox,
    SmtpController,
    send_all,
    states,
)


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
    by_mail = Mail(mail_server, "toko@melati.example")
    assert send_all(server, by_mail) == {"sent": 1}
    shop.cancel(order.order_id)
    shop.book()  # the same customer, who is known by phone
    shop.book(phone="081999999999")
    assert send_all(server, by_mail) == {"sent": 2, "failed": 1}
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
        assert outcome is HandIn.LOGIN
        assert "salah-sekali" not in words
        assert len(made.mails) == 1
    finally:
        controller.stop()


def test_a_refused_login_stops_the_agent_and_keeps_the_queue(
    server, shop, certificates: Path, book, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "localhost.pem", certificates / "localhost.key")
    made = Inbox()
    controller = SmtpController(made, context)
    controller.start()
    for _ in range(2):
        shop.book()
    try:
        known = {"user": "toko", "ca_file": certificates / "authority.pem"}
        wrong = MailServer("localhost", controller.port, password="salah-sekali", **known)
        with pytest.raises(BadInput, match=r"smtp: .* 535 .*what waits is kept"):
            send_all(server, Mail(wrong, "toko@melati.example", book))
        assert sorted(message.state for message in states(shop).values()) == [QUEUED, UNKNOWN]
        good = MailServer("localhost", controller.port, password=KEY, **known)
        assert send_all(server, Mail(good, "toko@melati.example", book)) == {"sent": 2}
        assert len(made.mails) == 2
        # Too many logins for now is no wrong key.
        later = smtplib.SMTPAuthenticationError(454, b"4.7.0 too many")
        monkeypatch.setattr("smtplib.SMTP.login", lambda *_words, **_more: _raise(later))
        assert hand_in(mail_of(), good)[0] is HandIn.DOWN
    finally:
        controller.stop()


def _raise(error: Exception) -> None:
    raise error


def test_no_password_and_no_name_goes_over_an_open_line() -> None:
    for given in ({"host": "mail.example"}, {"host": "localhost", "user": "toko", "password": KEY}):
        with pytest.raises(BadInput):
            MailServer(**given, security=Security.NONE)
