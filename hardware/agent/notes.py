"""The agent's own memory of what it did with a job, or with a till's receipt, on this machine's disk.

A note is durable before the first byte of its job leaves. What is found here after a crash decides: TAKEN,
no byte was sent, the job may go on; SENDING, some may have been, nobody knows; DONE, the server may not know
yet.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb
import msgpack

from hardware.devices import Outcome

# Address space, not disk: a note has some 200 bytes, and one is kept per job under way.
_MAP_BYTES = 256 * 1024 * 1024
_FORMAT = 1
# Tills forget their receipts no later.
_RECEIPTS_KEPT_MS = 62 * 24 * 3_600_000
# Too old ones that are forgotten with each new one
_FORGOTTEN_MAX = 20
_TIME_BYTES = 8


class Stage(StrEnum):
    """How far a job came."""

    TAKEN = "taken"
    SENDING = "sending"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Note:
    """One job. `words` are those with which it was taken from the server, and name this one taking of it;
    `outcome` and `detail` are set when it is DONE.
    """

    job_id: int
    printer: str
    words: str
    stage: Stage = Stage.TAKEN
    outcome: Outcome | None = None
    detail: str = ""

    def done(self, outcome: Outcome, detail: str) -> "Note":
        """The same with what became of it."""
        return replace(self, stage=Stage.DONE, outcome=outcome, detail=detail)


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a receipt that a till asked for: PRINTED, or UNKNOWN from its first byte on."""

    outcome: Outcome
    detail: str
    time_ms: int


class NotesInUseError(Exception):
    """Another agent works with these notes."""


class TornNotes:
    """Which printers may have stopped inside what they got last. Kept beside an agent's notes and used by
    several programs: whoever has a printer's line open writes of it.
    """

    def __init__(self, directory: Path) -> None:
        """Opens them, or begins. Raises OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._store = lmdb.open(str(directory / "notes"), map_size=_MAP_BYTES, max_dbs=5, mode=0o600)
        except lmdb.Error as error:
            raise OSError(f"the notes cannot be opened: {error}") from error
        self._torn = self._store.open_db(b"torn")

    def close(self) -> None:
        """Closes them."""
        self._store.close()

    @contextmanager
    def _written(self) -> Iterator[lmdb.Transaction]:
        """A transaction that is on the disk when it ends."""
        with self._store.begin(write=True) as transaction:
            yield transaction

    def torn_bytes(self, printer: str) -> int:
        """The length of what the printer got last, when it may have stopped inside it; else 0."""
        with self._store.begin() as transaction:
            return int.from_bytes(transaction.get(printer.encode(), b"", db=self._torn))

    def tears(self, printer: str, length: int) -> None:
        """What is no job leaves for the printer, and has this length; 0, it was surely read to its end."""
        with self._written() as transaction:
            self._set_torn(transaction, printer, length)

    def _set_torn(self, transaction: lmdb.Transaction, printer: str, length: int) -> None:
        if length:
            transaction.put(printer.encode(), length.to_bytes(8), db=self._torn)
        else:
            transaction.delete(printer.encode(), db=self._torn)


class Notes(TornNotes):
    """The notes below one directory, for one agent. Used by several threads."""

    def __init__(self, directory: Path) -> None:
        """Opens them, or begins. Raises NotesInUseError, OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(directory / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise NotesInUseError(f"another agent works with {directory}") from None
        super().__init__(directory)
        self._jobs = self._store.open_db(b"jobs")
        self._receipts = self._store.open_db(b"receipts")
        self._locations = self._store.open_db(b"locations")
        # Time and number of each of them, so that those are found which are too old.
        self._receipt_times = self._store.open_db(b"receipt_times")
        self._index_receipts()

    def close(self) -> None:
        """Lets another agent in."""
        super().close()
        os.close(self._lock)

    def keep(self, note: Note) -> None:
        """Writes a note in the place of the job's earlier one."""
        with self._written() as transaction:
            self._put(transaction, note)

    def sending(self, note: Note, length: int) -> Note:
        """From now on bytes may leave: `length` of them, if the job is torn."""
        note = replace(note, stage=Stage.SENDING)
        with self._written() as transaction:
            self._put(transaction, note)
            self._set_torn(transaction, note.printer, length)
        return note

    def not_begun(self, note: Note, torn_bytes: int) -> Note:
        """No byte has left after all; the printer is as it was."""
        note = replace(note, stage=Stage.TAKEN)
        with self._written() as transaction:
            self._put(transaction, note)
            self._set_torn(transaction, note.printer, torn_bytes)
        return note

    def whole(self, note: Note) -> None:
        """A job that is DONE and was surely read to its end."""
        with self._written() as transaction:
            self._put(transaction, note)
            self._set_torn(transaction, note.printer, 0)

    def claim(self, receipt: str, words: str, time_ms: int, *, again: bool) -> Given | None:
        """One printer prints a till's receipt: None says that it is this one, and until it says more nobody
        knows what became of it. Else what became of it, or is just becoming of it, at another.

        `again`: who claimed it with the same words may once more; they have noted that no byte has left.
        """
        with self._written() as transaction:
            value = transaction.get(receipt.encode(), db=self._receipts)
            given = _given(value) if value is not None else None
            if given is None or (again and (given.outcome, given.detail) == (Outcome.UNKNOWN, words)):
                self._put_receipt(transaction, receipt, Given(Outcome.UNKNOWN, words, time_ms))
                return None
            return given

    def give(self, receipt: str, given: Given) -> None:
        """Writes what became of a till's receipt. Those that are too old to be asked for are forgotten."""
        with self._written() as transaction:
            self._put_receipt(transaction, receipt, given)
            self._forget_receipts(transaction, given.time_ms - _RECEIPTS_KEPT_MS)

    def _put_receipt(self, transaction: lmdb.Transaction, receipt: str, given: Given) -> None:
        self._delete_receipt(transaction, receipt.encode())
        value = msgpack.packb((given.outcome, given.detail, given.time_ms))
        transaction.put(receipt.encode(), value, db=self._receipts)
        transaction.put(_by_time(given.time_ms, receipt.encode()), b"", db=self._receipt_times)

    def _delete_receipt(self, transaction: lmdb.Transaction, key: bytes) -> None:
        value = transaction.get(key, db=self._receipts)
        if value is not None:
            transaction.delete(key, db=self._receipts)
            transaction.delete(_by_time(_given(value).time_ms, key), db=self._receipt_times)

    def take_back(self, receipt: str) -> None:
        """A till's receipt is surely not on paper after all."""
        with self._written() as transaction:
            self._delete_receipt(transaction, receipt.encode())

    def _forget_receipts(self, transaction: lmdb.Transaction, before_ms: int) -> None:
        """A few at a time: a customer waits."""
        oldest = islice(transaction.cursor(db=self._receipt_times).iternext(values=False), _FORGOTTEN_MAX)
        for key in [bytes(each) for each in oldest]:
            if int.from_bytes(key[:_TIME_BYTES]) >= before_ms:
                return
            self._delete_receipt(transaction, key[_TIME_BYTES:])

    def _index_receipts(self) -> None:
        """Those of an agent that knew no times."""
        with self._written() as transaction:
            if transaction.stat(self._receipt_times)["entries"]:
                return
            for key, value in transaction.cursor(db=self._receipts):
                transaction.put(_by_time(_given(value).time_ms, bytes(key)), b"", db=self._receipt_times)

    def location_id(self, code: str) -> int | None:
        """What the server called the location of that code last; None where it never said."""
        with self._store.begin() as transaction:
            value = transaction.get(code.encode(), db=self._locations)
        return None if value is None else int.from_bytes(value)

    def stands_at(self, code: str, location_id: int | None) -> None:
        """What the server calls it; None for a location that it does not have."""
        if location_id == self.location_id(code):
            return
        with self._written() as transaction:
            if location_id is None:
                transaction.delete(code.encode(), db=self._locations)
            else:
                transaction.put(code.encode(), location_id.to_bytes(8), db=self._locations)

    def forget(self, job_id: int) -> None:
        """The server knows."""
        with self._written() as transaction:
            transaction.delete(job_id.to_bytes(8), db=self._jobs)

    def all(self) -> list[Note]:
        """Every note, by job."""
        with self._store.begin() as transaction:
            return [_read(value) for _, value in transaction.cursor(db=self._jobs)]

    def _put(self, transaction: lmdb.Transaction, note: Note) -> None:
        value = msgpack.packb(asdict(note) | {"format": _FORMAT})
        transaction.put(note.job_id.to_bytes(8), value, db=self._jobs)


def _by_time(time_ms: int, receipt: bytes) -> bytes:
    return max(time_ms, 0).to_bytes(_TIME_BYTES) + receipt


def _given(value: bytes | memoryview) -> Given:
    outcome, detail, time_ms = msgpack.unpackb(value)
    return Given(Outcome(outcome), detail, time_ms)


def _read(value: bytes) -> Note:
    fields: dict[str, Any] = msgpack.unpackb(value)
    if fields.pop("format") != _FORMAT:
        raise OSError("the notes are of another version of the agent")
    outcome = fields.pop("outcome")
    return Note(
        **fields | {"stage": Stage(fields["stage"]), "outcome": Outcome(outcome) if outcome else None}
    )
