"""Messages by e-mail: to the address that comes with a message, else to the one in a book of the shop's."""

import csv
from datetime import UTC
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

from clients.common.output import clean
from clients.common.problems import BadInput
from clients.common.smtp import HandIn, MailServer, hand_in
from clients.messages.channel import Delivery, Sent
from clients.messages.phones import digits
from clients.messages.texts import Text
from kasir.v1.customer_pb2 import Message

_POLICY = SMTP.clone(cte_type="7bit")
_OUTCOMES = {
    HandIn.ACCEPTED: Delivery.SENT,
    HandIn.REFUSED: Delivery.FAILED,
    HandIn.LATER: Delivery.LATER,
    HandIn.DOWN: Delivery.DOWN,
    HandIn.LOGIN: Delivery.SETTINGS,
    HandIn.UNKNOWN: Delivery.UNKNOWN,
}


class Mail:
    """A mail server, and a book of more addresses, which is read anew when it changed."""

    name: ClassVar[str] = "smtp"
    repeats: ClassVar[bool] = False

    def __init__(self, server: MailServer, sender: str, book: Path | None = None) -> None:
        """`book`: a CSV file of a telephone number and an address a row. Raises BadInput."""
        self._server = server
        self._sender = address(sender)
        self._book_path = book
        self._book: dict[str, str] = {}
        self._read_ns = -1
        self._reread()

    def close(self) -> None:
        """Nothing is kept."""

    def reaches(self, message: Message) -> str:
        """See Channel."""
        if is_address(message.email):
            return message.email
        self._reread()
        return self._book.get(digits(message.phone), "")

    def send(self, message: Message, text: Text, recipient: str) -> Sent:
        """See Channel."""
        try:
            made = self._made(message, text, recipient)
        except (BadInput, ValueError, LookupError, MessageError) as error:
            return Sent(Delivery.FAILED, f"no e-mail can be made of it: {error}")
        found, words = hand_in(made, self._server)
        return Sent(_OUTCOMES[found], words)

    def _made(self, message: Message, text: Text, recipient: str) -> EmailMessage:
        """The e-mail. Its id and bytes follow from the message: who has it twice sees one."""
        made = EmailMessage(_POLICY)
        # What a header would decode stays as it is written.
        name = (self._sender.display_name or clean(text.facts["shop"])).replace("=?", "= ?")
        made["From"] = Address(name, addr_spec=self._sender.addr_spec)
        made["To"] = address(recipient)
        made["Subject"] = text.subject.replace("=?", "= ?")
        made["Date"] = format_datetime(message.create_time.ToDatetime(tzinfo=UTC))
        stamp = message.create_time.ToMilliseconds()
        made["Message-ID"] = f"<kasir-{message.message_id}.{stamp}@{self._sender.domain}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(text.body + "\n")
        return made

    def _reread(self) -> None:
        if self._book_path is None:
            return
        try:
            changed_ns = self._book_path.stat().st_mtime_ns
            if changed_ns == self._read_ns:
                return
            with self._book_path.open(encoding="utf-8-sig", newline="") as file:
                rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            if self._read_ns >= 0:
                # It is being written anew: what was read before stands.
                return
            raise BadInput(f"{self._book_path} cannot be read: {error}.") from error
        self._book = {digits(row[0]): row[1] for row in rows if len(row) >= 2 and is_address(row[1])}
        self._read_ns = changed_ns


def address(text: str) -> Address:
    """One plain e-mail address. Raises BadInput."""
    try:
        found = Address(addr_spec=text) if text.isascii() and text.isprintable() else None
    except (HeaderParseError, ValueError, IndexError) as error:
        raise BadInput(f"'{text}' is no e-mail address.") from error
    if found is None or not found.username or not found.domain:
        raise BadInput(f"'{text}' is no e-mail address.")
    return found


def is_address(text: str) -> bool:
    """Whether it is one plain e-mail address."""
    try:
        address(text)
    except BadInput:
        return False
    return True
