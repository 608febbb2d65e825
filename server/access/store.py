"""What access control keeps: users, devices, codes, keys, sessions and lock-outs, in a small LMDB environment
of its own beside the books.

It is no part of the journal: people come and go, and their secrets have to be erasable. Nothing in here lets
anybody in who reads it: of tokens, codes and keys there is a hash, of PINs one that is peppered.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import lmdb
import msgpack

from server.settings import SettingsError

FOLDER = "access"
# Address space: users, devices and years of the log.
MAP_BYTES = 64 << 30
# LMDB's
KEY_BYTES_MAX = 511
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


@dataclass
class User:
    """A person. No locations: everywhere. `generation` counts changes that were made beside the server: its
    sessions of before are over.
    """

    name: str
    roles: list[str]
    locations: list[int] = field(default_factory=list)
    disabled: bool = False
    pin_hash: str = ""
    generation: int = 0


@dataclass
class Device:
    """A device. `certificates` are SHA-256 in hex, with the second in which each expires; location 0:
    anywhere.
    """

    name: str
    location_id: int = 0
    roles: list[str] = field(default_factory=list)
    certificates: dict[str, int] = field(default_factory=dict)
    revoked: bool = False


@dataclass
class Code:
    """What a one-time code is good for. Kept under the code's hash."""

    device: str
    location_id: int
    roles: list[str]
    expires_s: int
    made_by: str


@dataclass
class ApiKey:
    """Another program's key. No locations: everywhere."""

    name: str
    hash: bytes
    scopes: list[str]
    locations: list[int]
    expires_s: int
    device: str = ""
    per_second: int = 0
    revoked: bool = False


@dataclass
class Session:
    """Somebody at a device. Kept under the token's hash; `end_s` is where no renewal helps."""

    user: str
    device: str
    began_s: int
    expires_s: int
    end_s: int


@dataclass
class Lock:
    """Wrong PINs one after the other, until when none is looked at, and when the last one came."""

    failures: int = 0
    until_s: int = 0
    last_s: int = 0


@dataclass
class Visit:
    """Who worked at a device, and when last: what was done there may be sent later."""

    user: str
    device: str
    last_s: int


R = TypeVar("R", User, Device, Code, ApiKey, Session, Lock, Visit)


class Table(Generic[R]):
    """The records of one kind, within a transaction."""

    def __init__(self, txn: Any, database: Any, kind: type[R]) -> None:
        self._txn = txn
        self._database = database
        self._kind: type[R] = kind

    def get(self, key: str | bytes) -> R | None:
        """The record of this key; none has a key that is empty or too long for the table."""
        found = self._txn.get(_key(key), db=self._database) if 0 < len(_key(key)) <= KEY_BYTES_MAX else None
        return None if found is None else self._kind(**msgpack.unpackb(found))

    def put(self, key: str | bytes, record: R) -> None:
        """Writes a record over whatever is there."""
        self._txn.put(_key(key), msgpack.packb(asdict(record)), db=self._database)

    def remove(self, key: str | bytes) -> None:
        """Erases a record."""
        self._txn.delete(_key(key), db=self._database)

    def all(self) -> Iterator[tuple[bytes, R]]:
        """Every key and record, by key."""
        for key, value in self._txn.cursor(db=self._database):
            yield bytes(key), self._kind(**msgpack.unpackb(value))


def _key(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


class Transaction:
    """All tables at one moment."""

    def __init__(self, txn: Any, databases: dict[str, Any]) -> None:
        self.raw = txn
        self.log = databases["log"]
        self.users = Table(txn, databases["users"], User)
        self.devices = Table(txn, databases["devices"], Device)
        self.codes = Table(txn, databases["codes"], Code)
        self.keys = Table(txn, databases["keys"], ApiKey)
        self.sessions = Table(txn, databases["sessions"], Session)
        self.locks = Table(txn, databases["locks"], Lock)
        self.visits = Table(txn, databases["visits"], Visit)

    def sessions_of(self, *, user: str = "", device: str = "") -> list[tuple[bytes, Session]]:
        """The sessions of a user, or at a device, or all, with the hash of their token."""
        return [(key, each) for key, each in self.sessions.all() if _is_of(each, user, device)]

    def visits_of(self, *, user: str = "", device: str = "") -> list[Visit]:
        """The visits of a user, or at a device, or all."""
        return [each for _, each in self.visits.all() if _is_of(each, user, device)]


def _is_of(record: Session | Visit, user: str, device: str) -> bool:
    return (not user or record.user == user) and (not device or record.device == device)


NAMES = ("users", "devices", "codes", "keys", "sessions", "locks", "visits", "log")


class Store:
    """The environment in `data/access`. Several processes may have it open, one writes at a time."""

    def __init__(self, data: Path) -> None:
        folder = data / FOLDER
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder.chmod(PRIVATE_FOLDER)
        self._env = lmdb.open(str(folder), map_size=MAP_BYTES, max_dbs=len(NAMES), mode=PRIVATE_FILE)
        self._databases = {name: self._env.open_db(name.encode()) for name in NAMES}

    def close(self) -> None:
        """Closes the environment."""
        self._env.close()

    def copy(self, to: Path) -> None:
        """Writes everything as it stands now to a new directory, whole or not at all, while others go on.
        Raises OSError.
        """
        if to.exists():
            raise FileExistsError(f"{to} is there already.")
        part = to.with_name(f"{to.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=PRIVATE_FOLDER, parents=True)
        try:
            self._env.copy(str(part), compact=True)
            written = part / "data.mdb"
            written.chmod(PRIVATE_FILE)
            with written.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(to)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Everything as it stands now."""
        with self._env.begin() as txn:
            yield Transaction(txn, self._databases)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Changes, all of them on the disk at the end, or none."""
        with self._env.begin(write=True) as txn:
            yield Transaction(txn, self._databases)


def open_store(data: Path) -> Store:
    """The store in a shop's data. Raises SettingsError when it cannot be used."""
    try:
        return Store(data)
    except (OSError, lmdb.Error) as error:
        raise SettingsError(
            f"{data / FOLDER} cannot be used: {error}. It is the server's user's alone: run this as that "
            f"user (sudo -u kasir ...), or give it back: chown -R kasir {data / FOLDER}."
        ) from error
