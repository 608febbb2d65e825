"""The native core (engine_rs/bridge): protobuf bytes in, protobuf bytes out.

Every method below raises `engine.errors.EngineError` and nothing else for what can be expected to go wrong.
The GIL is released before any lock, queue or LMDB call, and no native thread ever takes it: replies wait in a
`Completions` until the event loop that owns it collects them.
"""

import asyncio
from typing import final

from engine.engine import Restored, Snapshot, Status, Verification

__all__ = ["Completions", "CoreEngine", "__version__"]

__version__: str

@final
class Completions:
    """The mailbox of one event loop. Native threads put replies in, the loop's own thread takes them out."""

    def __new__(cls) -> Completions: ...
    def fileno(self) -> int:
        """A descriptor that is readable while replies wait; non-blocking, owned by this object, for
        `loop.add_reader`.
        """

    def drain(self) -> int:
        """Sets the result or the `EngineError` of every future whose reply waits; futures that are done
        (cancelled calls) are skipped. Returns how many were taken out. Only ever called in the loop's thread;
        never blocks.
        """

    def pending(self) -> int:
        """Futures handed to `CoreEngine.submit` or `wait_revision` and not drained yet."""

@final
class CoreEngine:
    """One open store and its sequencer thread."""

    @staticmethod
    def open(path: str, *, map_size: int, max_queue: int, max_batch: int) -> CoreEngine:
        """Opens the store in the directory `path`, or makes it there. `map_size` is the initial map in bytes
        (it grows by itself), `max_queue` how many commands may wait, `max_batch` how many one commit may
        take.
        """

    @staticmethod
    def restore(snapshot: str, path: str) -> Restored:
        """Makes a new store in the empty or missing directory `path` from a snapshot file, verified.
        Returns {"path": str, "revision": int, "bytes": int}.
        """

    @staticmethod
    def commands() -> list[str]:
        """Full names ("/kasir.v1.BookingService/CreateBooking") of the methods that `submit` answers."""

    @staticmethod
    def queries() -> list[str]:
        """Full names of the methods that `query` answers."""

    def submit(
        self, method: str, request: bytes, actor: str, completions: Completions, future: asyncio.Future[bytes]
    ) -> None:
        """Queues a command; its durable reply completes `future` through `completions`. Raises at once what
        is known at once: METHOD_UNKNOWN, MESSAGE_MALFORMED, QUEUE_FULL, WRITER_STOPPED.
        """

    def submit_blocking(self, method: str, request: bytes, actor: str) -> bytes:
        """The same for a plain thread: returns the reply or raises."""

    def query(self, method: str, request: bytes) -> bytes:
        """Answers from a snapshot, without the writer."""

    def read_changes(self, after_revision: int, limit: int, resources: list[int]) -> tuple[bytes, int, int]:
        """A serialized kasir.v1.WatchResponse, its revision, and how many records it holds: at most `limit`,
        those after `after_revision` that touch one of `resources` (kasir.v1.Resource numbers; empty is all).
        The revision is the last one looked at, which may be beyond the last record returned; a call looks at
        a bounded number of records. Raises REVISION_COMPACTED (OUT_OF_RANGE) when the record after
        `after_revision` was trimmed, FIELD_OUT_OF_RANGE when it is negative or lies beyond the current
        revision.
        """

    def revision(self) -> int:
        """The last committed revision; one atomic load."""

    def wait_revision(self, after: int, completions: Completions, future: asyncio.Future[int]) -> None:
        """Completes `future` with the current revision once it is greater than `after` (at once if it is
        already). Raises WRITER_STOPPED, or fails the future with it, when the engine closes first.
        """

    def status(self) -> Status:
        """See `engine.Status` for keys and units."""

    def verify(self, replay: bool) -> Verification:
        """With `replay` the whole journal plays in memory too and must give the same tables.

        {"ok": bool, "revision": int, "records": int, "violations": list[str]}; at most 100 violations.
        """

    def snapshot(self, path: str) -> Snapshot:
        """Writes a consistent copy of the store into the new file `path` (refused with SNAPSHOT_EXISTS when
        it exists), fsynced. Returns {"path": str, "revision": int, "bytes": int}.
        """

    def close(self) -> None:
        """Commits and answers what is queued, stops the sequencer, closes the store. Later calls raise
        WRITER_STOPPED; closing twice is nothing.
        """
