"""Messages as files, named by their id: for whoever sends them by other means, and for trying things out."""

from pathlib import Path
from typing import ClassVar

from clients.messages.channel import Delivery, Sent
from clients.messages.texts import Text, kind_word
from kasir.durable import sync_directory, write_durably
from kasir.v1.customer_pb2 import Message


class Folder:
    """A directory. A message written twice leaves one file."""

    name: ClassVar[str] = "file"
    repeats: ClassVar[bool] = True

    def __init__(self, directory: Path) -> None:
        """The directory is made when missing. Raises OSError."""
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Nothing is kept."""

    def reaches(self, message: Message) -> str:
        """Everybody."""
        return f"{message.message_id:08d}-{kind_word(message.kind)}-{message.order_id}.txt"

    def send(self, message: Message, text: Text, recipient: str) -> Sent:
        """See Channel."""
        to = f"{message.phone} {message.email}".rstrip()
        content = f"To: {to}\nSubject: {text.subject}\n\n{text.body}\n"
        try:
            write_durably(self.directory / recipient, content.encode())
            sync_directory(self.directory)
        except OSError as error:
            return Sent(Delivery.DOWN, f"{self.directory}: {error.strerror}")
        return Sent(Delivery.SENT, recipient)
