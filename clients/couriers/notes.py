"""What the agent has to remember of orders at a carrier that finds none by its reference, on this machine.

The engine's ledger alone already prevents a second order: a parcel is UNKNOWN there before the carrier is
asked. A note adds what the ledger cannot hold: the carrier's name for the order, and that a request surely
came to nothing. A lost disk loses no order and makes none; it makes a question for a person.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb
import msgpack

from clients.common.problems import BadInput
from kasir.v1.shipping_pb2 import Parcel

# Address space, not disk: a note has a hundred bytes, and one is kept for each order without its number.
_MAP_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Note:
    """One parcel's."""

    order_id: str = ""
    """The carrier's name for the order. Empty: the carrier was asked, and surely nothing came of it."""


class Notes:
    """The notes below one directory, for one agent. Used by several threads."""

    def __init__(self, directory: Path) -> None:
        """Opens them, or begins. Raises BadInput when another agent has them, OSError, lmdb.Error."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(directory / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise BadInput(f"Another courier agent works with {directory}.") from None
        self._store = lmdb.open(str(directory / "notes"), map_size=_MAP_BYTES, mode=0o600)

    def close(self) -> None:
        """Lets another agent in."""
        self._store.close()
        os.close(self._lock)

    def of(self, parcel: Parcel) -> Note | None:
        """The note of a parcel, if there is one."""
        with self._store.begin() as reading:
            found = reading.get(_key(parcel))
        return None if found is None else Note(*msgpack.unpackb(found))

    def put(self, parcel: Parcel, note: Note) -> None:
        """Keeps a note: it is on the disk when this returns. Raises OSError, lmdb.Error."""
        with self._written() as writing:
            writing.put(_key(parcel), msgpack.packb([note.order_id]))

    def forget(self, parcel: Parcel) -> None:
        """The parcel is settled."""
        with self._written() as writing:
            writing.delete(_key(parcel))

    @contextmanager
    def _written(self) -> Iterator[lmdb.Transaction]:
        with self._store.begin(write=True) as writing:
            yield writing


def _key(parcel: Parcel) -> bytes:
    """A parcel's in all shops: a shop that was set up anew counts from 1 again, at another time."""
    made = parcel.create_time
    return f"{parcel.courier_reference}@{made.seconds}.{made.nanos:09}".encode()
