"""Receipts by e-mail through a real SMTP server: encrypted, refused, broken off, and the same when sent
again.
"""

import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from clients.common.problems import BadInput
from clients.common.smtp import HandIn, MailServer, Security, hand_in
from hardware.paper import sales_receipt
from hardware.receipt_mail import MailError, address, message_id, receipt_message
from tests.certificates import make_certificates
from tests.paper import samples
from tests.paper.reading import codes_by_both, page_texts, picture

SECRET = "rahasia-sekali-7731"
SHOP = address("Toko Batik Melati <kasir@toko.example>")
CUSTOMER = address("siti@pelanggan.example")


class Inbox:
    """A mail server's rules: `on_rcpt` and `on_data` answer in their place, and may close the line."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[str] = []
        self.users: list[str] = []
        self.encrypted: list[bool] = []
        self.knows_utf8 = False
        self.on_rcpt: Callable[[Any], str] = lambda _server: "250 OK"
        self.on_data: Callable[[Any], str] = lambda _server: "250 taken"

    async def handle_RCPT(self, server: SMTP, _session: Any, envelope: Any, to: str, _options: Any) -> str:  # noqa: N802
        answer = self.on_rcpt(server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.raw.append(envelope.content)
        self.messages.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.on_data(server)

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.users.append(given.login.decode())
        return AuthResult(success=given.password == SECRET.encode(), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, of an authority that nobody trusts unless told to."""
    folder = tmp_path_factory.mktemp("mail")
    make_certificates(folder, "ca", "localhost")
    return folder


class SmtpController(Controller):
    """A server whose encryption is either there from the start (`whole`), offered, or missing."""

    def __init__(self, inbox: Inbox, context: ssl.SSLContext | None, *, whole: bool) -> None:
        self.offered = None if whole else context
        super().__init__(inbox, hostname="127.0.0.1", port=0, ssl_context=context if whole else None)

    def factory(self) -> SMTP:
        return SMTP(
            self.handler,
            tls_context=self.offered,
            require_starttls=self.offered is not None,
            authenticator=self.handler.authenticate,
            auth_require_tls=self.offered is not None,
            enable_SMTPUTF8=self.handler.knows_utf8,
        )

    def _trigger_server(self) -> None:
        """The port is chosen by the system: it is known only now."""
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


@pytest.fixture
def start(certificate: Path) -> Iterator[Callable[..., tuple[Inbox, MailServer]]]:
    running: list[SmtpController] = []

    def make(security: Security, *, utf8: bool = False, **options: Any) -> tuple[Inbox, MailServer]:
        context = None
        if security is not Security.NONE:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "localhost.pem", certificate / "localhost.key")
        inbox = Inbox()
        inbox.knows_utf8 = utf8
        controller = SmtpController(inbox, context, whole=security is Security.TLS)
        controller.start()
        running.append(controller)
        given = {"ca_file": certificate / "ca.pem", "timeout_s": 20.0, **options}
        return inbox, MailServer("localhost", controller.port, security, **given)

    yield make
    for each in running:
        each.stop()


def message(recipient: str = "siti@pelanggan.example", sale_id: int = 8072) -> EmailMessage:
    sale = samples.till_sale()
    sale.sale_id = sale_id
    paper = sales_receipt(sale, samples.shop(), None, samples.till())
    return receipt_message(sale, paper, samples.shop(), sender=SHOP, recipient=address(recipient))


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_receipt_arrives_whole_over_an_encrypted_line(
    start: Callable[..., tuple[Inbox, MailServer]], security: Security
) -> None:
    inbox, server = start(security)
    assert hand_in(message(), server) == (HandIn.ACCEPTED, "taken")
    assert inbox.encrypted == [True]
    assert inbox.recipients == ["siti@pelanggan.example"]
    (arrived,) = inbox.messages
    assert arrived["Subject"] == "Struk penjualan No. 8072 - Toko Batik Melati"
    assert arrived["From"] == "Toko Batik Melati <kasir@toko.example>"
    assert arrived["Date"] == "Sat, 22 Nov 2025 11:31:00 +0700"
    parts = {part.get_content_type(): part for part in arrived.walk() if not part.is_multipart()}
    assert "Rp 330.000" in parts["text/plain"].get_content()
    page = parts["text/html"].get_content()
    assert "Rp 330.000" in page
    # The picture that the page names is the one that came with it.
    assert f'src="cid:{parts["image/png"]["Content-ID"].strip("<>")}"' in page
    assert codes_by_both(picture(parts["image/png"].get_content())) == {("Code 128", "S8072")}
    pdf = parts["application/pdf"]
    assert pdf.get_filename() == "struk-8072.pdf"
    assert "Rp 330.000" in page_texts(pdf.get_content())[0]


def test_a_login_whose_secret_nobody_reads(
    start: Callable[..., tuple[Inbox, MailServer]], caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    inbox, server = start(Security.STARTTLS, user="kasir", password=SECRET)
    assert hand_in(message(), server)[0] is HandIn.ACCEPTED
    assert inbox.users == ["kasir"]
    wrong = replace(server, password="falsch-sekali")
    outcome, words = hand_in(message(), wrong)
    assert outcome is HandIn.LOGIN
    assert " 535 " in words
    assert len(inbox.messages) == 1
    said = caplog.text + "".join(capfd.readouterr()) + repr(server) + repr(wrong) + words
    for word in (SECRET, "falsch-sekali"):
        assert word not in said


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("550 5.1.1 no such mailbox", HandIn.REFUSED),
        ("452 4.2.2 mailbox full", HandIn.LATER),
        ("421 4.3.2 going down", HandIn.LATER),
    ],
)
def test_a_refused_recipient(
    start: Callable[..., tuple[Inbox, MailServer]], answer: str, outcome: HandIn
) -> None:
    inbox, server = start(Security.STARTTLS)
    inbox.on_rcpt = lambda _server: answer
    assert hand_in(message(), server) == (outcome, answer)
    assert inbox.messages == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("554 5.7.1 looks like spam", HandIn.REFUSED), ("451 4.3.0 try again", HandIn.LATER)],
)
def test_a_refused_message(
    start: Callable[..., tuple[Inbox, MailServer]], answer: str, outcome: HandIn
) -> None:
    inbox, server = start(Security.STARTTLS)
    inbox.on_data = lambda _server: answer
    assert hand_in(message(), server)[0] is outcome


def closing(answer: str) -> Callable[[Any], str]:
    def close(server: Any) -> str:
        server.transport.abort()
        return answer

    return close


def test_a_server_that_closes_before_the_message_has_not_taken_it(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    inbox, server = start(Security.STARTTLS)
    inbox.on_rcpt = closing("250 OK")
    assert hand_in(message(), server)[0] is HandIn.LATER
    assert inbox.messages == []


def test_a_server_that_closes_after_the_message_may_have_taken_it(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    inbox, server = start(Security.STARTTLS)
    inbox.on_data = closing("250 taken")
    assert hand_in(message(), server)[0] is HandIn.UNKNOWN
    # Sent again, it is the same message, byte for byte.
    inbox.on_data = lambda _server: "250 taken"
    assert hand_in(message(), server)[0] is HandIn.ACCEPTED
    first, second = inbox.raw
    assert first == second
    assert inbox.messages[0]["Message-ID"] == inbox.messages[1]["Message-ID"]


def test_ids_are_one_for_each_sale_and_address() -> None:
    made = [message(), message(), message("agus@pelanggan.example"), message(sale_id=8073)]
    ids = [each["Message-ID"] for each in made]
    assert ids[0] == ids[1] == message_id(samples.till_sale(), CUSTOMER, "toko.example")
    assert len(set(ids)) == 3
    assert all(str(each).endswith("@toko.example>") for each in ids)


def test_a_server_that_nobody_vouches_for_gets_nothing(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    for security in (Security.STARTTLS, Security.TLS):
        inbox, server = start(security, ca_file=None)
        outcome, words = hand_in(message(), server)
        assert outcome is HandIn.DOWN
        assert "certificate" in words.lower()
        assert inbox.messages == []


def test_a_server_without_encryption_is_for_this_machine_only(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    inbox, server = start(Security.NONE)
    assert hand_in(message(), server)[0] is HandIn.ACCEPTED
    assert inbox.encrypted == [False]
    outcome, words = hand_in(message(), MailServer("localhost", server.port, timeout_s=20))
    assert outcome is HandIn.DOWN
    assert "STARTTLS" in words
    assert len(inbox.messages) == 1
    with pytest.raises(BadInput, match="another machine"):
        MailServer("mail.example", 25, Security.NONE)
    with pytest.raises(BadInput, match="open line"):
        MailServer("localhost", server.port, Security.NONE, "kasir", SECRET)


def test_nobody_listens() -> None:
    outcome, words = hand_in(message(), MailServer("localhost", 1, timeout_s=5))
    assert outcome is HandIn.DOWN
    assert "localhost:1" in words


@pytest.mark.parametrize(
    "text",
    [
        "",
        "siti",
        "@x.example",
        "siti@",
        "a@b@c",
        "siti@x.example\nBcc: all@x.example",
        "a b@x.example",
        "<>",
        "a@x, b@x",
        "sí tí@x.example",
        "sítí@",
        "sítí.@x.example",
        "sí,tí@x.example",
        "sítí\u202e@x.example",
        "siti@tokó..example",
        "siti@\u2603.\u200b",
        "sítí@x y.example",
        "siti@x y.example",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(MailError, match="no e-mail address"):
        address(text)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("siti@tokó.example", "siti@xn--tok-ina.example"),
        ("siti@TOKÓ.example", "siti@xn--tok-ina.example"),
        ("siti@toko\u0301.example", "siti@xn--tok-ina.example"),
        ("王小明@例子.example", "王小明@xn--fsqu00a.example"),
        ("Sítí <sítí.kusuma@x.example>", "sítí.kusuma@x.example"),
    ],
)
def test_addresses_beyond_ascii(text: str, spec: str) -> None:
    assert address(text).addr_spec == spec


def test_a_domain_beyond_ascii_is_known_to_every_server(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    inbox, server = start(Security.STARTTLS)
    assert hand_in(message("siti@tokó.example"), server)[0] is HandIn.ACCEPTED
    assert inbox.recipients == ["siti@xn--tok-ina.example"]
    assert inbox.raw[0].isascii()


def test_letters_before_the_at_go_where_the_server_offers_them(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    inbox, server = start(Security.STARTTLS, utf8=True)
    assert hand_in(message("Sítí <sítí@tokó.example>"), server) == (HandIn.ACCEPTED, "taken")
    assert inbox.recipients == ["sítí@xn--tok-ina.example"]
    assert "To: Sítí <sítí@xn--tok-ina.example>\r\n".encode() in inbox.raw[0]
    # Who has no such letters gets the message as ever.
    assert hand_in(message(), server)[0] is HandIn.ACCEPTED
    assert inbox.raw[1].isascii()


def test_letters_before_the_at_are_refused_where_the_server_knows_none(
    start: Callable[..., tuple[Inbox, MailServer]],
) -> None:
    inbox, server = start(Security.STARTTLS)
    assert hand_in(message("sítí@x.example"), server) == (
        HandIn.REFUSED,
        "the mail server knows no addresses like sítí@x.example (SMTPUTF8)",
    )
    assert inbox.messages == []


@pytest.mark.parametrize(
    "name",
    [
        "Toko\r\nBcc: all@x.example",
        'Toko "Melati" <x>',
        "=?utf-8?q?=0aBcc:_all@x.example?=",
        "=?utf-8?b?CkJjYzogeEB5Lno=?=",
        "王小明",
        "محمد",
    ],
)
def test_a_shops_name_adds_no_header(name: str) -> None:
    shop = samples.shop()
    shop.shop_name = name
    sale = samples.till_sale()
    made = receipt_message(
        sale, sales_receipt(sale, shop), shop, sender=address("kasir@toko.example"), recipient=CUSTOMER
    )
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert read["Bcc"] is None
    assert [each.addr_spec for each in read["From"].addresses] == ["kasir@toko.example"]
    assert [each.addr_spec for each in read["To"].addresses] == ["siti@pelanggan.example"]


@pytest.mark.parametrize("coded", ["=?utf-8?q?=0aBcc:_x@y.z?=", "=?utf-8?b?CkJjYzogeEB5Lno=?="])
def test_an_addresss_name_adds_no_header(coded: str) -> None:
    sale = samples.till_sale()
    named = address(f'"{coded}" <a@toko.example>')
    made = receipt_message(
        sale, sales_receipt(sale, samples.shop()), samples.shop(), sender=named, recipient=named
    )
    assert message_from_bytes(made.as_bytes(), policy=default)["Bcc"] is None


def test_a_shop_with_letters_before_the_at_writes_receipts() -> None:
    sale = samples.till_sale()
    made = receipt_message(
        sale,
        sales_receipt(sale, samples.shop()),
        samples.shop(),
        sender=address("josé@toko.example"),
        recipient=CUSTOMER,
    )
    (sender,) = made["From"].addresses
    assert sender.addr_spec == "josé@toko.example"


def test_a_password_beyond_ascii_is_refused_without_a_word_of_it() -> None:
    with pytest.raises(BadInput, match="only letters of ASCII") as said:
        MailServer("localhost", 1, user="kasir", password="pässwort-rahasia")
    assert "rahasia" not in f"{said.value!r} {said.value.__cause__!r}"


def test_authorities_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.pem cannot be read"):
        MailServer("localhost", 1, ca_file=tmp_path / "none.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(BadInput, match=r"empty\.pem cannot be read"):
        MailServer("localhost", 1, ca_file=tmp_path / "empty.pem")
