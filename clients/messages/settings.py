"""The ways on which messages go, from a file; keys from files of their own, or the environment.

    [whatsapp]
    phone_number_id = "106540352242922"
    templates = "kasir"                        # their names begin so; "" sends plain text
    secrets.token.file = "whatsapp.token"

    [smtp]
    host = "smtp.example.com"
    port = 587
    security = "starttls"                      # or "tls"; "none" on this machine only
    user = "kasir@example.com"
    sender = "kasir@example.com"
    addresses = "addresses.csv"                # telephone,address: of who gave the shop none; optional
    secrets.password.env = "KASIR_SMTP_PASSWORD"

    [file]
    directory = "out/messages"

A message goes the first way in the file that leads to its customer.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients.common.keys import keys_of
from clients.common.problems import BadInput
from clients.common.smtp import MailServer, Security
from clients.messages.channel import Channel
from clients.messages.channels.folder import Folder
from clients.messages.channels.mail import Mail


def read(path: Path, language: str) -> list[Channel]:
    """The ways of a file, in its order. Raises BadInput, OSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}.") from error
    if not tables:
        raise BadInput(f"{path} tells of no way: there are {', '.join(_MAKERS)}.")
    channels: list[Channel] = []
    for name, table in tables.items():
        maker = _MAKERS.get(name)
        if maker is None or not isinstance(table, dict):
            raise BadInput(f"{path}: there is no way '{name}'; there are {', '.join(_MAKERS)}.")
        channels.append(maker(_Table(path, name, table), language))
    return channels


class _Table:
    """One way's settings; what is not asked for is refused by `done`."""

    def __init__(self, path: Path, name: str, table: dict[str, Any]) -> None:
        self._where = f"{path}: {name}"
        self.folder = path.parent
        self._left = dict(table)
        self.keys = keys_of(path, name, self._left.pop("secrets", {}))

    def text(self, key: str, otherwise: str | None = None) -> str:
        """A text; one without a default has to be given. Raises BadInput."""
        value = self._left.pop(key, otherwise)
        if not isinstance(value, str):
            raise BadInput(f"{self._where}.{key} is a text, and has to be given.")
        return value

    def whole(self, key: str, otherwise: int) -> int:
        """A whole number. Raises BadInput."""
        value = self._left.pop(key, otherwise)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65_536:
            raise BadInput(f"{self._where}.{key} is a whole number.")
        return value

    def key(self, name: str) -> str:
        """A key that has to be there. Raises BadInput."""
        if name not in self.keys:
            raise BadInput(f"{self._where} needs secrets.{name}.file or secrets.{name}.env.")
        return self.keys[name]

    def done(self) -> None:
        """Raises BadInput for what is none of its settings."""
        if self._left:
            raise BadInput(f"{self._where} has no setting {', '.join(sorted(self._left))}.")


def _smtp(table: _Table, _language: str) -> Channel:
    security = table.text("security", Security.STARTTLS.value)
    if security not in {each.value for each in Security}:
        raise BadInput(f"There is no security '{security}'; there are starttls, tls and none.")
    user, ca_file = table.text("user", ""), table.text("ca_file", "")
    server = MailServer(
        table.text("host"),
        table.whole("port", 587),
        Security(security),
        user,
        table.key("password") if user else "",
        table.folder / ca_file if ca_file else None,
    )
    sender, book = table.text("sender"), table.text("addresses", "")
    made = Mail(server, sender, table.folder / book if book else None)
    table.done()
    return made


def _whatsapp(table: _Table, language: str) -> Channel:
    # Here, so that mail and files need no HTTP client.
    from clients.messages.channels import whatsapp  # noqa: PLC0415

    made = whatsapp.WhatsApp(
        table.text("phone_number_id"),
        table.key("token"),
        url=table.text("url", whatsapp.URL),
        prefix=table.text("templates", "kasir"),
        language=table.text("language", language),
    )
    table.done()
    return made


def _file(table: _Table, _language: str) -> Channel:
    directory = table.folder / table.text("directory")
    table.done()
    return Folder(directory)


_MAKERS: dict[str, Callable[[_Table, str], Channel]] = {
    "smtp": _smtp,
    "whatsapp": _whatsapp,
    "file": _file,
}
