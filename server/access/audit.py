"""The log of access: who was refused, who logged in, who changed whom. Append-only, each line sealed with all
that stand before it.

The seal is keyed (HMAC-SHA256): who has the data alone can neither change, leave out nor add a line unseen.
What cannot be seen is that the newest lines are cut off; for that the head is written down somewhere else.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import msgpack

from server.access.store import Transaction

START = bytes(32)


class TamperedError(Exception):
    """A line is not what was written; the text says which."""


@dataclass(frozen=True)
class Entry:
    """A line, as it is sealed. Times in Unix milliseconds; `count`: how often since the line before of its
    kind.
    """

    kind: str
    actor: str = ""
    device: str = ""
    method: str = ""
    reason: str = ""
    peer: str = ""
    count: int = 1
    time_ms: int = 0


@dataclass(frozen=True)
class Line:
    """A line that stands."""

    number: int
    entry: Entry
    seal: bytes


class Audit:
    """Writes and checks the log. `key` seals it."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def add(self, txn: Transaction, entry: Entry) -> None:
        """Appends a line, in the transaction of what it tells of."""
        number, seal = _head(txn)
        values = asdict(entry)
        values["time_ms"] = entry.time_ms or int(self._clock() * 1000)
        content = msgpack.packb(values)
        number += 1
        sealed = msgpack.packb([content, self._seal(number, seal, content)])
        txn.raw.put(number.to_bytes(8), sealed, db=txn.log, append=True)

    def verify(self, txn: Transaction) -> tuple[int, bytes]:
        """The number of lines and the last seal. Raises TamperedError."""
        expected, seal = 0, START
        for number, content, found in _all(txn):
            expected += 1
            if number != expected:
                raise TamperedError(f"Line {expected} is missing.")
            seal = self._seal(number, seal, content)
            if not hmac.compare_digest(seal, found):
                raise TamperedError(f"Line {number} is not what was written.")
        return expected, seal

    def _seal(self, number: int, before: bytes, content: bytes) -> bytes:
        return hmac.new(self._key, number.to_bytes(8) + before + content, hashlib.sha256).digest()


def newest(txn: Transaction, before: int, limit: int) -> Iterator[Line]:
    """At most `limit` lines before that number (0: from the end), newest first."""
    cursor = txn.raw.cursor(db=txn.log)
    stands = cursor.prev() if before and cursor.set_range(before.to_bytes(8)) else cursor.last()
    while stands and limit > 0:
        content, seal = msgpack.unpackb(cursor.value())
        yield Line(int.from_bytes(cursor.key()), Entry(**msgpack.unpackb(content)), seal)
        limit -= 1
        stands = cursor.prev()


def _head(txn: Transaction) -> tuple[int, bytes]:
    cursor = txn.raw.cursor(db=txn.log)
    if not cursor.last():
        return 0, START
    return int.from_bytes(cursor.key()), msgpack.unpackb(cursor.value())[1]


def _all(txn: Transaction) -> Iterator[tuple[int, bytes, bytes]]:
    for key, value in txn.raw.cursor(db=txn.log):
        stored: Any = _unpacked(value, int.from_bytes(key))
        yield int.from_bytes(key), stored[0], stored[1]


def _unpacked(value: bytes, number: int) -> Any:
    try:
        found = msgpack.unpackb(value)
        if [type(part) for part in found] == [bytes, bytes]:
            return found
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        pass
    raise TamperedError(f"Line {number} is not what was written.")
