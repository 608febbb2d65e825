"""What a carrier needs to know of the shop, from a file; keys from files of their own, or the environment.

    [biteship]
    url = "https://api.biteship.com"
    courier = "JNE"                     # Kasir's code of the courier whose parcels these are
    secrets.api_key.file = "biteship.key"
    secrets.webhook.env = "KASIR_BITESHIP_WEBHOOK"
    sender.name = "Toko Melati"
    options.courier_company = "jne"

A key itself in the file is refused, so that the file may be shown.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients.common.keys import keys_of
from clients.common.numbers import parse_whole
from clients.common.problems import BadInput

_SENDER_KEYS = ("name", "phone", "email", "address", "city", "province", "postal_code")
_KEYS = frozenset({"url", "courier", "secrets", "sender", "options"})


@dataclass(frozen=True, slots=True)
class CarrierSettings:
    """How one carrier is spoken to. Secrets are left out of its text form."""

    name: str
    url: str = ""
    courier: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sender: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    connections: int = 8

    def secret(self, name: str) -> str:
        """A key that the carrier cannot do without. Raises BadInput."""
        if not self.secrets.get(name):
            raise BadInput(f"{self.name} needs secrets.{name}.file or secrets.{name}.env.")
        return self.secrets[name]

    def option(self, name: str, otherwise: str | None = None) -> str:
        """An option; one without a default has to be given. Raises BadInput."""
        found = self.options.get(name, otherwise)
        if found is None:
            raise BadInput(f"{self.name} needs options.{name}.")
        return found

    def whole(self, name: str, otherwise: int | None = None) -> int:
        """An option that is a whole number above zero. Raises BadInput."""
        text = self.option(name, None if otherwise is None else str(otherwise))
        number = parse_whole(text)
        if not number:
            raise BadInput(f"{self.name}: options.{name} is a whole number above zero, not '{text}'.")
        return number

    def from_sender(self, name: str) -> str:
        """A part of the shop's own address that the carrier cannot do without. Raises BadInput."""
        if not self.sender.get(name):
            raise BadInput(f"{self.name} needs sender.{name}.")
        return self.sender[name]


def read(path: Path, name: str) -> CarrierSettings:
    """The settings of one carrier in a file. Raises BadInput, OSError."""
    try:
        all_of_them = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}.") from error
    table = all_of_them.get(name)
    if not isinstance(table, dict):
        known = ", ".join(sorted(all_of_them)) or "nothing"
        raise BadInput(f"{path} does not tell of {name}; it tells of {known}.")
    if unknown := table.keys() - _KEYS:
        raise BadInput(f"{path}: {name} has no setting {', '.join(sorted(unknown))}.")
    texts = {key: _texts(path, name, key, table.get(key, {})) for key in ("sender", "options")}
    if unknown := texts["sender"].keys() - set(_SENDER_KEYS):
        raise BadInput(f"{path}: {name}.sender has no {', '.join(sorted(unknown))}.")
    url, courier = table.get("url", ""), table.get("courier", "")
    if not isinstance(url, str) or not isinstance(courier, str):
        raise BadInput(f"{path}: {name}.url and {name}.courier are texts.")
    secrets = keys_of(path, name, table.get("secrets", {}))
    return CarrierSettings(name, url, courier, secrets, texts["sender"], texts["options"])


def _texts(path: Path, name: str, key: str, table: Any) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise BadInput(f"{path}: {name}.{key} is a table of texts.")
    return table
