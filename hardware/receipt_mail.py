"""A receipt by e-mail: the same content as on paper, as HTML, as text, and as a PDF beside it.

A message's id and bytes derive from the sale and the address alone: whoever sends it again after a doubt
sends the same message, which mail programs show once. What is doubtful is said to be so.
"""

import hashlib
import re
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, getaddresses
from unicodedata import normalize

import idna

from hardware.paper import Paper, receipt_html
from hardware.paper.text import clean
from hardware.paper.wording import shop_time
from kasir.v1.admin_pb2 import Settings
from kasir.v1.sale_pb2 import Sale

# Bodies in seven bits: nobody has to be asked whether eight may pass. By whether all addresses are ASCII.
_POLICIES = {True: SMTP.clone(cte_type="7bit"), False: SMTPUTF8.clone(cte_type="7bit")}
# What stands before the @: RFC 5322's atoms and dots with RFC 6532's letters.
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


class MailError(ValueError):
    """Something that was given makes no e-mail; the message says what, in plain words."""


def address(text: str) -> Address:
    """One e-mail address, with or without a name before it. Raises MailError for what is none.

    A domain beyond ASCII becomes its ASCII form (IDNA 2008), which every server knows; the part before the @
    has none, see `clients.common.smtp.hand_in`.
    """
    given = getaddresses([text]) if text.isprintable() else []
    try:
        ((name, spec),) = given
        local, _, domain = normalize("NFC", spec).rpartition("@")
        if not domain.isascii():
            domain = idna.encode(domain, uts46=True).decode("ascii")
        if local.isascii():
            found = Address(_name(name), addr_spec=f"{local}@{domain}")
        elif _LOCAL_PART.fullmatch(local) and local.isprintable():
            # The library takes such a part only when it need not look at it; it still looks at the domain.
            checked = Address(addr_spec=f"x@{domain}")
            found = Address(_name(name), username=local, domain=checked.domain)
        else:
            raise MailError(f"{text!r} is no e-mail address")
    except (HeaderParseError, ValueError, IndexError) as error:
        raise MailError(f"{text!r} is no e-mail address") from error
    # The parser joins what spaces part.
    if not found.username or not found.domain or " " in spec or spec not in text:
        raise MailError(f"{text!r} is no e-mail address")
    return found


def _name(text: str) -> str:
    """A name as it may stand in a header: what the library would decode there, line ends among it, stays as
    it is written.
    """
    return clean(text).replace("=?", "= ?")


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
    name = _name(shop.shop_name)
    made["From"] = Address(sender.display_name or name, username=sender.username, domain=sender.domain)
    made["To"] = recipient
    made["Subject"] = f"{title} - {name}" if name else title
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
