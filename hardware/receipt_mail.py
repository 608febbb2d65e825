"""A receipt by e-mail: the same content as on paper, as HTML, as text, and as a PDF beside it.

A message's id and bytes derive from the sale and the address alone: whoever sends it again after a doubt
sends the same message, which mail programs show once. What is doubtful is said to be so.
"""

import hashlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, getaddresses
from enum import Enum
from pathlib import Path
from unicodedata import normalize

import idna

from hardware.paper import Paper, receipt_html
from hardware.paper.text import clean
from hardware.paper.wording import shop_time
from kasir.v1.admin_pb2 import Settings
from kasir.v1.sale_pb2 import Sale

TIMEOUT_S = 30.0
_PERMANENT = 500
_OK = 250
_SECRET_MAX = 4096
# Bodies in seven bits: nobody has to be asked whether eight may pass. By whether all addresses are ASCII.
_POLICIES = {True: SMTP.clone(cte_type="7bit"), False: SMTPUTF8.clone(cte_type="7bit")}
# Whoever offers the first offers the second as well (RFC 6531, 3.1).
_UTF8_OPTIONS = ("SMTPUTF8", "BODY=8BITMIME")
# What stands before the @: RFC 5322's atoms and dots with RFC 6532's letters.
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


class MailError(ValueError):
    """Something that was given makes no e-mail; the message says what, in plain words."""


class Security(Enum):
    """How the line to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    # For a server on this machine only: receipts name customers.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where receipts are handed in. The password is read from its file when it is needed, and never kept."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str = ""
    password_file: Path | None = None
    # Certificates to trust (PEM) besides the system's
    ca_file: Path | None = None
    timeout_s: float = TIMEOUT_S


class Delivery(Enum):
    """What became of a message."""

    ACCEPTED = "accepted"
    # Surely not taken, and will not be: the address is wrong, or the server does not want us.
    REFUSED = "refused"
    # Surely not taken this time.
    LATER = "later"
    # The server went silent after it had the message. Sending the same again is safe.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message, and the server's words about it."""

    delivery: Delivery
    detail: str


def address(text: str) -> Address:
    """One e-mail address, with or without a name before it. Raises MailError for what is none.

    A domain beyond ASCII becomes its ASCII form (IDNA 2008), which every server knows; the part before the @
    has none, see `send`.
    """
    given = getaddresses([text]) if text.isprintable() else []
    try:
        ((name, spec),) = given
        local, _, domain = normalize("NFC", spec).rpartition("@")
        if not domain.isascii():
            domain = idna.encode(domain, uts46=True).decode("ascii")
        if local.isascii():
            found = Address(clean(name), addr_spec=f"{local}@{domain}")
        elif _LOCAL_PART.fullmatch(local) and local.isprintable():
            # The library takes such a part only when it need not look at it; it still looks at the domain.
            checked = Address(addr_spec=f"x@{domain}")
            found = Address(clean(name), username=local, domain=checked.domain)
        else:
            raise MailError(f"{text!r} is no e-mail address")
    except (HeaderParseError, ValueError, IndexError) as error:
        raise MailError(f"{text!r} is no e-mail address") from error
    # The parser joins what spaces part.
    if not found.username or not found.domain or " " in spec or spec not in text:
        raise MailError(f"{text!r} is no e-mail address")
    return found


def message_id(sale: Sale, recipient: Address, domain: str) -> str:
    """The id of a sale's receipt for an address: the same for ever."""
    told = f"{sale.sale_id} {sale.create_time.seconds}.{sale.create_time.nanos} {recipient.addr_spec}"
    return f"<struk-{sale.sale_id}.{hashlib.sha256(told.encode()).hexdigest()[:24]}@{domain}>"


def receipt_message(
    sale: Sale, paper: Paper, shop: Settings, *, sender: Address, recipient: Address
) -> EmailMessage:
    """The e-mail of a receipt. The same sale and addresses make the same bytes."""
    title = f"Struk penjualan No. {sale.sale_id}"
    made = EmailMessage(_POLICIES[_is_ascii(sender, recipient)])
    made["From"] = Address(sender.display_name or clean(shop.shop_name), addr_spec=sender.addr_spec)
    made["To"] = recipient
    made["Subject"] = f"{title} - {clean(shop.shop_name)}" if shop.shop_name else title
    made["Date"] = format_datetime(shop_time(sale.create_time, shop))
    made["Message-ID"] = message_id(sale, recipient, sender.domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(paper.text())
    pictures = receipt_html.pictures(paper.document)
    body = receipt_html.html(paper.document, title, lambda number, _png: f"cid:{number}.{bare_id(made)}")
    made.add_alternative(body, subtype="html")
    page = made.get_body(("html",))
    assert isinstance(page, EmailMessage)
    for number, png in enumerate(pictures):
        page.add_related(png, "image", "png", cid=f"<{number}.{bare_id(made)}>", disposition="inline")
    made.add_attachment(
        paper.pdf(title), maintype="application", subtype="pdf", filename=f"struk-{sale.sale_id}.pdf"
    )
    for number, part in enumerate(part for part in made.walk() if part.is_multipart()):
        part.set_boundary(f"=_{number}_{hashlib.sha256(bare_id(made).encode()).hexdigest()[:24]}")
    return made


def _is_ascii(*addresses: Address) -> bool:
    return all(each.addr_spec.isascii() for each in addresses)


def bare_id(message: EmailMessage) -> str:
    """A message's id without its brackets."""
    return str(message["Message-ID"]).strip("<>")


def send(message: EmailMessage, server: MailServer) -> Sent:
    """Hands a message in. Raises MailError for a server that cannot be used so, e.g. without encryption.

    An address beyond ASCII is REFUSED by a server that does not offer SMTPUTF8.
    """
    password = _password(server)
    sender, recipient = _specs(message)
    try:
        line = _connected(server)
        try:
            if server.user:
                line.login(server.user, password)
            return _handed_in(line, message, sender, recipient)
        finally:
            # Whatever is wrong with the good-bye changes nothing about the message.
            with suppress(OSError, smtplib.SMTPException):
                line.quit()
    except smtplib.SMTPResponseException as error:
        return _refusal(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        raise MailError(f"{server.host} cannot be used so: {error}") from error
    except ssl.SSLError as error:
        return Sent(Delivery.LATER, f"the encryption failed: {error.reason or error}")
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.LATER, f"{server.host}:{server.port}: {error}")


def _specs(message: EmailMessage) -> tuple[str, str]:
    (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
    return sender.addr_spec, recipient.addr_spec


def _handed_in(line: smtplib.SMTP, message: EmailMessage, sender: str, recipient: str) -> Sent:
    beyond = [each for each in (sender, recipient) if not each.isascii()]
    if beyond and not line.has_extn("smtputf8"):
        return Sent(Delivery.REFUSED, f"the mail server knows no addresses like {beyond[0]} (SMTPUTF8)")
    options = _UTF8_OPTIONS if beyond else ()
    for code, words in _envelope(line, sender, recipient, options):
        if code // 10 != _OK // 10:
            return _refusal(code, words)
    try:
        code, words = line.data(message.as_bytes())
    except smtplib.SMTPDataError:
        # Before the first byte of it.
        raise
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.UNKNOWN, f"the line broke while the message was handed over: {error}")
    return Sent(Delivery.ACCEPTED, _said(words)) if code == _OK else _refusal(code, words)


def _envelope(
    line: smtplib.SMTP, sender: str, recipient: str, options: tuple[str, ...]
) -> Iterator[tuple[int, bytes]]:
    """The server's answers to who sends and who receives, each asked for when the one before was good."""
    yield line.mail(sender, options)
    yield line.rcpt(recipient)


def _connected(server: MailServer) -> smtplib.SMTP:
    trusted = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
    if server.security is Security.TLS:
        line: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.timeout_s, context=trusted
        )
        line.ehlo()
        return line
    line = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
    try:
        line.ehlo()
        if server.security is Security.STARTTLS:
            line.starttls(context=trusted)
            line.ehlo()
    except BaseException:
        line.close()
        raise
    return line


def _password(server: MailServer) -> str:
    """The secret of the user. Raises MailError when it cannot be read, or would go over an open line."""
    if server.security is Security.NONE and server.host not in {"localhost", "127.0.0.1", "::1"}:
        raise MailError(f"{server.host} is another machine: receipts go there encrypted or not at all")
    if not server.user:
        return ""
    if server.security is Security.NONE:
        raise MailError("a password goes over no open line")
    if server.password_file is None:
        raise MailError(f"the password of {server.user} is wanted, in a file")
    try:
        with server.password_file.open("rb") as file:
            secret = file.read(_SECRET_MAX + 1).strip(b"\r\n").decode()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MailError(f"the password in {server.password_file} cannot be read: {words}") from error
    if not secret or len(secret) > _SECRET_MAX:
        raise MailError(f"{server.password_file} holds no password")
    return secret


def _refusal(code: int, words: bytes | str) -> Sent:
    return Sent(Delivery.REFUSED if code >= _PERMANENT else Delivery.LATER, f"{code} {_said(words)}")


def _said(words: bytes | str) -> str:
    return clean(words.decode(errors="replace") if isinstance(words, bytes) else words)
