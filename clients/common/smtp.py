"""Handing an e-mail in at a mail server, and what is then known of it."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from enum import Enum
from pathlib import Path

from clients.common.output import clean
from clients.common.problems import BadInput

TIMEOUT_S = 30.0
_OK = 250
_TEMPORARY = 400
_PERMANENT = 500
# Whoever offers the first offers the second as well (RFC 6531, 3.1).
_UTF8_OPTIONS = ("SMTPUTF8", "BODY=8BITMIME")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Security(Enum):
    """How the line to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    # For a server on this machine only: messages name customers.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where messages are handed in. Raises BadInput for what cannot be used or would go over an open line."""

    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificates to trust (PEM) besides the system's."""
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        if not _is_host(self.host):
            raise BadInput("'{host}' is no name of a mail server.", host=self.host)
        if self.security is Security.NONE and self.host not in _LOCAL:
            raise BadInput(
                "{host} is another machine: messages go there encrypted or not at all.", host=self.host
            )
        if self.security is Security.NONE and self.user:
            raise BadInput("A password goes over no open line.")
        if bool(self.user) != bool(self.password):
            raise BadInput("A mail server's user and password belong together.")
        if not (self.user.isascii() and self.password.isascii()):
            raise BadInput(
                "The login at {host} carries only letters of ASCII, in user and password.", host=self.host
            )
        try:
            self.trusted()
        except OSError as error:
            raise BadInput(
                "The certificates in {path} cannot be read: {why}.", path=self.ca_file, why=error.strerror
            ) from error

    def trusted(self) -> ssl.SSLContext:
        """What a server's certificate is held against. Raises OSError."""
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context


def _is_host(name: str) -> bool:
    """Whether it can be looked up at all."""
    try:
        return bool(name.encode("idna")) and name.isprintable()
    except UnicodeError:
        return False


class HandIn(Enum):
    """What became of a message."""

    ACCEPTED = "accepted"
    # Surely not taken, and will not be.
    REFUSED = "refused"
    # Surely not taken this time.
    LATER = "later"
    # No message is taken for now: no connection, say.
    DOWN = "down"
    # No message is taken before somebody mends user or password.
    LOGIN = "login refused"
    # The server went silent after it had the message.
    UNKNOWN = "unknown"


def hand_in(message: EmailMessage, server: MailServer) -> tuple[HandIn, str]:
    """Hands a message in, from and to the addresses that it bears: what became of it, and words about it.

    An address beyond ASCII is REFUSED by a server that does not offer SMTPUTF8; so is what makes no bytes.
    """
    try:
        (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
        content = message.as_bytes()
    except (ValueError, LookupError, MessageError) as error:
        return HandIn.REFUSED, f"no e-mail can be made of it: {_words(error)}"
    try:
        line = _connected(server)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        found = HandIn.LOGIN if _is_refused_login(error) else HandIn.DOWN
        return found, f"{server.host}:{server.port}: {_words(error)}"
    try:
        return _handed_in(line, content, sender.addr_spec, recipient.addr_spec)
    finally:
        # Whatever is wrong with the good-bye changes nothing about the message.
        with suppress(OSError, smtplib.SMTPException):
            line.quit()


def _connected(server: MailServer) -> smtplib.SMTP:
    """A line that is encrypted and logged in. Raises OSError, SMTPException."""
    trusted = server.trusted()
    line: smtplib.SMTP
    if server.security is Security.TLS:
        line = smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=trusted)
    else:
        line = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
    try:
        line.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            line.starttls(context=trusted)
            line.ehlo()
        if server.user:
            line.login(server.user, server.password)
    except BaseException:
        line.close()
        raise
    return line


def _is_refused_login(error: Exception) -> bool:
    """Whether user or password are wrong, and not only too many for now."""
    return isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= _PERMANENT


def _handed_in(line: smtplib.SMTP, content: bytes, sender: str, recipient: str) -> tuple[HandIn, str]:
    beyond = [each for each in (sender, recipient) if not each.isascii()]
    try:
        if beyond and not line.has_extn("smtputf8"):
            return HandIn.REFUSED, f"the mail server knows no addresses like {beyond[0]} (SMTPUTF8)"
        for code, words in _envelope(line, sender, recipient, _UTF8_OPTIONS if beyond else ()):
            if code // 10 != _OK // 10:
                return _refusal(code, words)
    except ValueError as error:
        # An address that no command can carry.
        return HandIn.REFUSED, _words(error)
    except (OSError, smtplib.SMTPException) as error:
        return HandIn.LATER, _words(error)
    try:
        code, words = line.data(content)
    except smtplib.SMTPDataError as error:
        # Before the first byte of it.
        return _refusal(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return HandIn.UNKNOWN, f"the line broke while the message was handed over: {_words(error)}"
    if code // 100 == _OK // 100:
        return HandIn.ACCEPTED, _said(words)
    if code < _TEMPORARY:
        return HandIn.UNKNOWN, f"the server's answer to the message cannot be read: {_said(words)}"
    return _refusal(code, words)


def _envelope(
    line: smtplib.SMTP, sender: str, recipient: str, options: tuple[str, ...]
) -> Iterator[tuple[int, bytes]]:
    """The server's answers to who sends and who receives, each asked for when the one before was good."""
    yield line.mail(sender, options)
    yield line.rcpt(recipient)


def _refusal(code: int, words: bytes | str) -> tuple[HandIn, str]:
    return HandIn.REFUSED if code >= _PERMANENT else HandIn.LATER, f"{code} {_said(words)}"


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_said(error.smtp_error)}"
    return clean(str(error)) or type(error).__name__


def _said(words: bytes | str) -> str:
    return clean(words.decode(errors="replace") if isinstance(words, bytes) else words)
