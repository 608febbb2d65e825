"""A server with a shop, mail servers, and the agent run to its end. Used by all tests of messages."""

import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from clients.common.client import Patience
from clients.common.connection import Connection
from clients.common.smtp import MailServer, Security
from clients.messages.agent import MessagesAgent, Options
from clients.messages.texts import Wording
from kasir.v1 import customer_pb2
from tests.server.support import Shop

PATIENCE_S = 120.0
QUEUED, SENT = customer_pb2.MESSAGE_STATE_QUEUED, customer_pb2.MESSAGE_STATE_SENT
FAILED, UNKNOWN = customer_pb2.MESSAGE_STATE_FAILED, customer_pb2.MESSAGE_STATE_UNKNOWN
KEY = "token-rahasia-81"
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
            return AuthResult(success=given.password == KEY.encode(), handled=False)

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
