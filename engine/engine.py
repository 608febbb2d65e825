"""The engine as Python sees it: protobuf bytes in, protobuf bytes out, awaitables for everything that
waits.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypedDict
from weakref import WeakKeyDictionary, finalize

from engine._core import Completions, CoreEngine, RpcServer
from engine.errors import Code, EngineError

# Address space, not memory; growing waits for readers, so a shop should seldom have to.
DEFAULT_MAP_SIZE_BYTES = 64 << 30
DEFAULT_MAX_QUEUE = 16_384
DEFAULT_MAX_BATCH = 1_024


class Status(TypedDict):
    """How the engine does. Counts are since it was opened, unless said otherwise."""

    version: str
    # The last committed revision, and the oldest one that can still be read.
    revision: int
    first_revision: int
    # The sequencer's clock as last stamped, unix milliseconds.
    log_time_ms: int
    # How far the machine's clock is ahead of the shop's time, because it was set by more than is believed.
    clock_step_ms: int
    # Commands that wait now, and how many may.
    queue_length: int
    max_queue: int
    # Commands committed, refused, and answered from the record of an earlier request with the same id.
    commands: int
    refused: int
    repeated: int
    # Commits, the time spent in them in microseconds, and how many took at most 1, 2, 4, … 32,768 commands.
    commits: int
    commit_time_us: int
    batch_sizes: list[int]
    # Deadlines that fell due.
    expired: int
    # Bytes of the store in use, and of its map, which grows by itself.
    used_bytes: int
    map_bytes: int
    # Hash of the last journal record, hex.
    journal_head: str
    # Read transactions open now.
    readers: int


class Verification(TypedDict):
    """What `Engine.verify` found: at most 100 violations, in plain words."""

    ok: bool
    revision: int
    records: int
    violations: list[str]


class Snapshot(TypedDict):
    """A consistent copy of a store: where it stands, the revision it holds, its size."""

    path: str
    revision: int
    bytes: int


# A store made from a snapshot is described by the same three facts.
Restored = Snapshot


class Changes(NamedTuple):
    """A page of the journal: a serialized kasir.v1.WatchResponse, the last revision looked at, records in
    it.
    """

    response: bytes
    revision: int
    records: int


class _Process:
    """What this process has open. LMDB forbids opening one environment twice, and no environment survives a
    fork.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.paths: set[str] = set()
        self.forked_with_engine = False

    def after_fork_in_child(self) -> None:
        # The parent may have held the lock in another thread at the moment of the fork.
        self.lock = threading.Lock()
        if self.paths:
            self.forked_with_engine = True

    def claim(self, path: str) -> None:
        with self.lock:
            if self.forked_with_engine:
                raise EngineError(
                    Code.FAILED_PRECONDITION,
                    "ENGINE_FORKED",
                    "This process was forked from one that had a store open. Start it with spawn instead.",
                )
            if path in self.paths:
                raise EngineError(
                    Code.FAILED_PRECONDITION,
                    "ENGINE_OPEN",
                    f"This process has the store {path} open already; share that Engine.",
                )
            self.paths.add(path)

    def release(self, path: str) -> None:
        with self.lock:
            self.paths.discard(path)


_PROCESS = _Process()
os.register_at_fork(after_in_child=_PROCESS.after_fork_in_child)


class _LoopSide:
    """What one event loop needs: its mailbox, and one native waiter shared by all who wait for a revision."""

    def __init__(self, core: CoreEngine, loop: asyncio.AbstractEventLoop) -> None:
        self.core = core
        self.completions = Completions()
        self.waiting: dict[asyncio.Future[int], int] = {}
        self.armed = False
        loop.add_reader(self.completions.fileno(), self.completions.drain)

    def wait_readable(self, loop: asyncio.AbstractEventLoop, after: int) -> asyncio.Future[int]:
        future: asyncio.Future[int] = loop.create_future()
        self.waiting[future] = after
        # A waiter that is cancelled (a heartbeat fell due) must not stay until the next commit, hours later.
        future.add_done_callback(self._forget)
        self._arm(loop)
        return future

    def _forget(self, future: asyncio.Future[int]) -> None:
        self.waiting.pop(future, None)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.armed or not self.waiting:
            return
        future: asyncio.Future[int] = loop.create_future()
        try:
            # Told of whatever comes next: somebody may yet wait for less than those who wait now.
            after = min(self.core.readable(), *self.waiting.values())
            self.core.wait_readable(after, self.completions, future)
        except EngineError as error:
            self._fail(error)
        else:
            self.armed = True
            future.add_done_callback(self._on_revision)

    def _on_revision(self, native: asyncio.Future[int]) -> None:
        self.armed = False
        error = native.exception()
        if error is not None:
            self._fail(error)
            return
        revision = native.result()
        for future, after in list(self.waiting.items()):
            if revision > after:
                _finish(future, revision)
        self._arm(native.get_loop())

    def _fail(self, error: BaseException) -> None:
        for future in list(self.waiting):
            if not future.done():
                future.set_exception(error)

    def retire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hands over what the closing engine still answered, then lets the loop go."""
        self.completions.drain()
        loop.remove_reader(self.completions.fileno())


def _finish(future: asyncio.Future[int], revision: int) -> None:
    if not future.done():
        future.set_result(revision)


def _shut(core: CoreEngine, path: str, pid: int) -> None:
    """Closes a store, also that of an `Engine` that was dropped or still open when Python ends."""
    # A forked child shares the parent's files: touching them would break the parent's store.
    if os.getpid() == pid:
        core.close()
        _PROCESS.release(path)


class Engine:
    """One open store. Open it with `Engine.open`, use it from any thread and any event loop, close it when
    done.

    Requests and replies are serialized messages of `proto/kasir/v1`; methods have their full gRPC name. Every
    method raises `EngineError`.

        with Engine.open("shop") as engine:
            reply = await engine.submit("/kasir.v1.BookingService/CreateBooking", request, actor="sari")
    """

    def __init__(self, core: CoreEngine, path: str) -> None:
        """For `Engine.open`; `path` is absolute and claimed."""
        self._core = core
        self._path = path
        self._pid = os.getpid()
        self._sides: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopSide] = WeakKeyDictionary()
        self._shut = finalize(self, _shut, core, path, self._pid)
        self._close_lock = threading.Lock()
        self.commands: frozenset[str] = frozenset(core.commands())
        self.queries: frozenset[str] = frozenset(core.queries())
        self.streams: frozenset[str] = frozenset(core.streams())

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        map_size_bytes: int = DEFAULT_MAP_SIZE_BYTES,
        max_queue: int = DEFAULT_MAX_QUEUE,
        max_batch: int = DEFAULT_MAX_BATCH,
    ) -> Self:
        """Opens the store in the directory `path`, or makes it there.

        `map_size_bytes` is the first size of the memory map; it grows by itself. At most `max_queue` commands
        wait (more are refused with QUEUE_FULL), at most `max_batch` share one commit.

        Raises STORE_LOCKED when another process has the store open, ENGINE_OPEN when this one has,
        ENGINE_FORKED in a child forked from a process with an open store, CORRUPT, STORE_FORMAT or
        STORE_UNUSABLE.
        """
        absolute = str(Path(path).resolve())
        _PROCESS.claim(absolute)
        try:
            core = CoreEngine.open(
                absolute, map_size=map_size_bytes, max_queue=max_queue, max_batch=max_batch
            )
        except BaseException:
            _PROCESS.release(absolute)
            raise
        return cls(core, absolute)

    @staticmethod
    def restore(
        snapshot: str | os.PathLike[str],
        path: str | os.PathLike[str],
        segments: Sequence[Path] = (),
        *,
        revision: int | None = None,
        time_ms: int | None = None,
    ) -> Restored:
        """Makes a store in the empty or missing directory `path` from a snapshot file, verified before it
        counts. The journal in `segments`, in their order, is played on it: all of it, or up to a revision or
        a time.

        Raises STORE_EXISTS when there is something already, SNAPSHOT_BROKEN when the file is no sound
        snapshot, JOURNAL_BROKEN when a segment is damaged or does not follow, BACKUP_NOT_REACHED.
        """
        places = Path(snapshot).resolve(), Path(path).resolve()
        return CoreEngine.restore(*places, list(segments), revision, time_ms)

    @property
    def path(self) -> Path:
        """The directory of the store, absolute."""
        return Path(self._path)

    def submit(self, method: str, request: bytes, actor: str) -> Awaitable[bytes]:
        """Queues a command and returns an awaitable of its reply, which comes after it is durable.

        Call it in a running event loop. Refusals known at once (METHOD_UNKNOWN, MESSAGE_MALFORMED,
        QUEUE_FULL, WRITER_STOPPED) are raised here, all others by the awaitable. Cancelling the awaitable
        gives up the reply, not the command: send it again with the same request_id to learn what became of
        it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._live().submit(method, request, actor, self._side(loop).completions, future)
        return future

    def submit_blocking(self, method: str, request: bytes, actor: str) -> bytes:
        """Commits a command and returns its reply. For plain threads: it blocks until the reply is
        durable.
        """
        return self._live().submit_blocking(method, request, actor)

    def check(self, method: str, request: bytes, actor: str) -> None:
        """Raises what the rules would refuse a command with as things stand. Changes nothing, and promises
        nothing for later.
        """
        self._live().check(method, request, actor)

    def query(self, method: str, request: bytes) -> bytes:
        """Answers a query from a snapshot of the store. Never waits for the writer."""
        return self._live().query(method, request)

    def read_changes(
        self, after_revision: int, limit: int, resources: Sequence[int] = (), *, at_once: bool = False
    ) -> Changes:
        """At most `limit` journal records after `after_revision` that touch one of `resources` (numbers of
        kasir.v1.Resource; none means all). `at_once`: of those up to `readable()`, and the writer is not held
        up for it.

        Raises REVISION_COMPACTED when that part of the journal was trimmed (unless it is known that none of
        `resources` changed since), FIELD_OUT_OF_RANGE for a revision that is negative or not there yet.
        """
        return Changes(*self._live().read_changes(after_revision, limit, list(resources), at_once))

    def may_have_changed(self, after_revision: int, resources: Sequence[int]) -> bool:
        """Whether one of `resources` (numbers of kasir.v1.Resource) may have changed after `after_revision`.
        It reads nothing and never misses a change; of what came before the store was opened it knows nothing.

        Raises FIELD_OUT_OF_RANGE for a negative revision or an unknown resource.
        """
        return self._live().may_have_changed(after_revision, list(resources))

    def revision(self) -> int:
        """The last committed revision. A query made after this call sees at least that one."""
        return self._live().revision()

    def readable(self) -> int:
        """The last revision that readers find without waiting: `revision()`, or up to 200 ms behind it while
        much is written; further while the disk takes nothing.
        """
        return self._live().readable()

    def wait_readable(self, after: int) -> Awaitable[int]:
        """An awaitable of the readable revision that is done once it is greater than `after`."""
        loop = asyncio.get_running_loop()
        current = self._live().readable()
        if current > after:
            future: asyncio.Future[int] = loop.create_future()
            future.set_result(current)
            return future
        return self._side(loop).wait_readable(loop, after)

    def status(self) -> Status:
        """How the engine does; cheap enough for every scrape of the metrics."""
        return self._live().status()

    def verify(self, *, replay: bool = False) -> Verification:
        """Checks every invariant over the whole store and the journal's chain, on a snapshot beside the
        running shop. May take seconds. With `replay` the journal also plays in memory from its beginning,
        and must give the same tables, byte for byte: that takes the memory of the whole store.
        """
        return self._live().verify(replay)

    def snapshot(self, path: str | os.PathLike[str]) -> Snapshot:
        """Writes a consistent copy of the store into the new file `path`, durable when this returns.

        Raises SNAPSHOT_EXISTS when the file is there already. May take seconds.
        """
        return self._live().snapshot(str(Path(path).resolve()))

    def answer(self, server: RpcServer) -> None:
        """Lets a server answer all commands, queries and streams without Python. Before its start."""
        server.add_engine(self._live())

    def close(self) -> None:
        """Commits and answers what was accepted, then closes the store. Closing twice is nothing."""
        with self._close_lock:
            if not self._shut.alive or os.getpid() != self._pid:
                return
            self._shut()
            for loop, side in list(self._sides.items()):
                if not loop.is_closed():
                    loop.call_soon_threadsafe(side.retire, loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _live(self) -> CoreEngine:
        if os.getpid() != self._pid:
            raise EngineError(
                Code.FAILED_PRECONDITION,
                "ENGINE_FORKED",
                "This process was forked while the store was open. Start it with spawn instead.",
            )
        return self._core

    def _side(self, loop: asyncio.AbstractEventLoop) -> _LoopSide:
        side = self._sides.get(loop)
        if side is None:
            side = self._sides[loop] = _LoopSide(self._core, loop)
        return side
