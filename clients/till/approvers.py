"""Who may allow what a cashier may not alone: names with a PIN, on the till's disk, so that it works without
the line. A till without any takes a name as it is given.
"""

import hashlib
import hmac
import secrets
from typing import Any

from clients.common.problems import BadInput
from clients.till.cart import Permission
from clients.till.store import Store, Table, Transaction

PIN_DIGITS_MIN = 4
WRONG_MAX = 5
LOCKED_MS = 5 * 60_000
KEY = b"approvers"
# scrypt (RFC 7914) with 16 MB: a few dozen milliseconds, while somebody stands there.
_COST = {"n": 2**14, "r": 8, "p": 1}


class Approvers:
    """The names and PINs of one till."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self) -> list[str]:
        """Who may allow things."""
        return sorted(self._store.meta(KEY.decode()) or {})

    def put(self, name: str, pin: str) -> None:
        """Adds somebody, or gives them another PIN. Raises BadInput."""
        if not name.strip():
            raise BadInput("Say who it is.")
        if not (pin.isascii() and pin.isdigit() and len(pin) >= PIN_DIGITS_MIN):
            raise BadInput("A PIN has at least {least} digits and nothing else.", least=PIN_DIGITS_MIN)
        salt = secrets.token_bytes(16)
        with self._store.write() as txn:
            rows = _rows(txn)
            rows[name.strip()] = {"salt": salt, "hash": _hashed(pin, salt), "wrong": 0, "locked_ms": 0}
            txn.put(Table.META, KEY, rows)

    def remove(self, name: str) -> None:
        """Takes somebody off the list. Raises BadInput."""
        with self._store.write() as txn:
            rows = _rows(txn)
            if name not in rows:
                raise BadInput("'{name}' allows nothing at this till.", name=name)
            del rows[name]
            txn.put(Table.META, KEY, rows)

    def permit(self, name: str, pin: str, now_ms: int, reason: str = "") -> Permission:
        """Somebody allows something. Raises BadInput; after several wrong PINs for a while in any case."""
        if not self.names():
            return Permission(name, reason)
        with self._store.write() as txn:
            rows = _rows(txn)
            row = rows.get(name)
            if row is not None and row["locked_ms"] > now_ms:
                raise BadInput(
                    "Too many wrong PINs: {name} can allow something again in a few minutes.", name=name
                )
            right = row is not None and hmac.compare_digest(_hashed(pin, row["salt"]), row["hash"])
            if row is not None:
                row["wrong"] = 0 if right else row["wrong"] + 1
                if row["wrong"] >= WRONG_MAX:
                    row |= {"wrong": 0, "locked_ms": now_ms + LOCKED_MS}
                txn.put(Table.META, KEY, rows)
        if not right:
            raise BadInput("That is not the PIN of '{name}'.", name=name)
        return Permission(name, reason, verified=True)

    def check(self, *permissions: Permission | None) -> None:
        """Raises BadInput for a permission that nobody who may has given."""
        if self.names() and any(each is not None and not each.verified for each in permissions):
            raise BadInput("Somebody who may has to allow that, with their PIN.")


def _rows(txn: Transaction) -> dict[str, Any]:
    rows: dict[str, Any] = txn.get(Table.META, KEY) or {}
    return rows


def _hashed(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, **_COST)
