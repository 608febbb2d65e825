"""A way on which messages go, and what became of one on it."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

from clients.messages.texts import Text
from kasir.v1.customer_pb2 import Message


class Delivery(Enum):
    """What became of a message."""

    SENT = "sent"
    """Taken by who carries it on."""
    FAILED = "failed"
    """Surely not sent, and will not be: the address is wrong, say."""
    LATER = "later"
    """Surely not sent this time; this message may be tried again."""
    DOWN = "down"
    """Surely not sent, and nothing else goes on this way for now."""
    TEMPLATE = "template"
    """Surely not sent, and no message of its kind goes this way before somebody mends the kind's template."""
    SETTINGS = "settings"
    """Surely not sent, and nothing goes on this way before somebody mends its settings: a wrong key, say."""
    UNKNOWN = "unknown"
    """Sent or not: the answer was lost. It is never sent again by itself."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message, and why."""

    delivery: Delivery
    words: str


class Channel(Protocol):
    """One way. Used by one thread."""

    name: ClassVar[str]
    repeats: ClassVar[bool]
    """Whether the same message may be sent again without coming twice."""

    def reaches(self, message: Message) -> str:
        """Where it would go; empty when this way does not lead to its customer."""

    def send(self, message: Message, text: Text, recipient: str) -> Sent:
        """Sends one."""

    def close(self) -> None:
        """Ends lines that are kept."""
