"""A till's own disk: one LMDB environment, a table a kind of thing, msgpack values.

A write transaction is on the disk when it ends (LMDB's own sync), so what was journalled survives a kill and
a power cut. Several processes may have the store open; LMDB lets one write at a time.
"""

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import lmdb
import msgpack

# A sparse file: an item takes half a KB, a waiting sale one.
MAP_BYTES = 4 * 1024**3
FORMAT = 1


class Table(StrEnum):
    """Every table, with its key and value."""

    META = "meta"  # name -> anything
    ITEMS = "items"  # item id -> row, see catalogue
    CODES = "codes"  # kind + code -> item id
    WORDS = "words"  # word -> items, see words
    TAXES = "taxes"  # tax class id -> row
    ENTRIES = "entries"  # number -> journal entry
    OUTBOX = "outbox"  # number -> nothing: entries whose answer is not known
    EXCEPTIONS = "exceptions"  # number + kind -> exception
    LEASES = "leases"  # hold id -> lease
    SOLD = "sold"  # day + item id -> units
    CARTS = "carts"  # number -> cart set aside
    SHIFTS = "shifts"  # number -> shift as the till knows it


class Transaction:
    """Reads, and writes where it was begun for that. All of it happens, or nothing does."""

    def __init__(self, databases: dict[Table, Any], raw: lmdb.Transaction) -> None:
        self._databases = databases
        self._raw = raw

    def get(self, table: Table, key: bytes) -> Any:
        """The value, or None."""
        packed = self._raw.get(key, db=self._databases[table])
        return None if packed is None else unpack(packed)

    def put(self, table: Table, key: bytes, value: Any) -> None:
        """Writes one value."""
        self._raw.put(key, pack(value), db=self._databases[table])

    def put_all(self, table: Table, rows: list[tuple[bytes, bytes]]) -> None:
        """Writes many packed values; sorted by key they go fastest."""
        with self._raw.cursor(db=self._databases[table]) as cursor:
            cursor.putmulti(rows)

    def delete(self, table: Table, key: bytes) -> None:
        """Forgets one value; one that is not there is no matter."""
        self._raw.delete(key, db=self._databases[table])

    def clear(self, table: Table) -> None:
        """Forgets a whole table."""
        self._raw.drop(self._databases[table], delete=False)

    def scan(
        self, table: Table, start: bytes = b"", *, backwards: bool = False
    ) -> Iterator[tuple[bytes, Any]]:
        """Keys and values in order, from `start` on; or all from the last one back."""
        with self._raw.cursor(db=self._databases[table]) as cursor:
            if backwards:
                for key, packed in cursor.iterprev():
                    yield bytes(key), unpack(packed)
            elif cursor.set_range(start):
                for key, packed in cursor:
                    yield bytes(key), unpack(packed)

    def count(self, table: Table) -> int:
        """How many values a table has."""
        entries: int = self._raw.stat(self._databases[table])["entries"]
        return entries

    def last(self, table: Table) -> int:
        """The greatest number that is a key; 0 when there is none."""
        with self._raw.cursor(db=self._databases[table]) as cursor:
            return int.from_bytes(cursor.key(), "big") if cursor.last() else 0


class Store:
    """The tables below one directory."""

    def __init__(self, directory: Path, map_bytes: int = MAP_BYTES) -> None:
        """Opens or makes it. Raises OSError when it cannot be, or is of a later version."""
        # Names of customers' goods and what they paid: for this user's eyes only.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        try:
            self._env = lmdb.open(str(directory), map_size=map_bytes, max_dbs=len(Table), mode=0o600)
            self._databases = {table: self._env.open_db(table.encode()) for table in Table}
        except lmdb.Error as error:
            raise _os_error(directory, error) from error
        with self.write() as txn:
            kept = txn.get(Table.META, b"format")
            if kept not in {None, FORMAT}:
                raise OSError(f"{directory} is of format {kept}; this version reads {FORMAT}.")
            if kept is None:
                txn.put(Table.META, b"format", FORMAT)

    def close(self) -> None:
        """Ends the use of it by this process."""
        self._env.close()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A view of one moment."""
        with self._env.begin() as raw:
            yield Transaction(self._databases, raw)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Changes that are on the disk when this ends; none of them is when it ends with an exception.

        Raises OSError when the disk does not take them.
        """
        try:
            with self._env.begin(write=True) as raw:
                yield Transaction(self._databases, raw)
        except lmdb.Error as error:
            raise _os_error(self.directory, error) from error

    def meta(self, name: str) -> Any:
        """A single value by its name, or None."""
        with self.read() as txn:
            return txn.get(Table.META, name.encode())


def _os_error(directory: Path, error: lmdb.Error) -> OSError:
    """As the system tells it, where the disk is full."""
    if isinstance(error, lmdb.DiskError):
        return OSError(errno.ENOSPC, str(error), str(directory))
    return OSError(f"{directory}: {error}")


def number(value: int) -> bytes:
    """A number as a key; keys of greater numbers come later."""
    return value.to_bytes(8, "big")


def pack(value: Any) -> bytes:
    """As the tables keep it."""
    packed: bytes = msgpack.packb(value)
    return packed


def packer() -> Callable[[Any], bytes]:
    """The same for very many values, on one thread."""
    many: Callable[[Any], bytes] = msgpack.Packer().pack
    return many


def unpack(packed: Any) -> Any:
    """What `pack` was given; tuples come back as lists."""
    return msgpack.unpackb(packed, strict_map_key=False)


def till_directory(root: Path, server: str, code: str) -> Path:
    """Where a till keeps its store: a till of another server is another till."""
    return root / "till" / _file_name(server) / _file_name(code)


def known_tills(root: Path, server: str) -> list[str]:
    """Codes of the tills of a server that have a store on this machine, as file names spell them."""
    below = root / "till" / _file_name(server)
    return sorted(path.name for path in below.iterdir() if path.is_dir()) if below.is_dir() else []


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".") or "_"
