"""The native core (engine_rs/bridge): protobuf bytes in, protobuf bytes out.

Every method below raises `engine.errors.EngineError` and nothing else for what can be expected to go wrong.
The GIL is released before any lock, queue or LMDB call, and no native thread ever takes it: replies wait in a
`Completions` until the event loop that owns it collects them.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, final

from engine.backup import Audit, Base, CheckedSegment, Head, Segment
from engine.engine import Restored, Snapshot, Status, Verification

__all__ = [
    "Completions",
    "CoreEngine",
    "RpcAccess",
    "RpcCall",
    "RpcServer",
    "StatementReader",
    "__version__",
    "audit_journal",
    "check_base",
    "check_journal",
    "fitting_mappings",
    "format_amount",
    "match_files",
    "merge_journal",
    "moota_signature_ok",
    "read_journal",
    "refusal",
    "statement_formats",
    "store_erasures",
    "store_head",
    "write_base",
    "write_journal",
]

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
        """Futures handed to `CoreEngine.submit` or `wait_readable` and not drained yet."""

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
    def restore(
        snapshot: Path, path: Path, segments: list[Path], revision: int | None, time_ms: int | None
    ) -> Restored:
        """Makes a new store in the empty or missing directory `path` from a snapshot file, and lets the
        journal in `segments` evolve it to a revision or time (None: all of it), verified.
        Returns {"path": str, "revision": int, "bytes": int}.
        """

    @staticmethod
    def commands() -> list[str]:
        """Full names ("/kasir.v1.BookingService/CreateBooking") of the methods that `submit` answers."""

    @staticmethod
    def queries() -> list[str]:
        """Full names of the methods that `query` answers."""

    @staticmethod
    def streams() -> list[str]:
        """Full names of the streams that a server answers without Python."""

    def submit(
        self, method: str, request: bytes, actor: str, completions: Completions, future: asyncio.Future[bytes]
    ) -> None:
        """Queues a command; its durable reply completes `future` through `completions`. Raises at once what
        is known at once: METHOD_UNKNOWN, MESSAGE_MALFORMED, QUEUE_FULL, WRITER_STOPPED.
        """

    def submit_blocking(self, method: str, request: bytes, actor: str) -> bytes:
        """The same for a plain thread: returns the reply or raises."""

    def check(self, method: str, request: bytes, actor: str) -> None:
        """Raises what a command would be refused with as things stand; changes nothing."""

    def query(self, method: str, request: bytes) -> bytes:
        """Answers from a snapshot, without the writer."""

    def may_have_changed(self, after_revision: int, resources: list[int]) -> bool:
        """Whether one of `resources` (kasir.v1.Resource numbers) may have changed after `after_revision`."""

    def read_changes(
        self, after_revision: int, limit: int, resources: list[int], at_once: bool
    ) -> tuple[bytes, int, int]:
        """A serialized kasir.v1.WatchResponse, its revision, and how many records it holds: at most `limit`,
        those after `after_revision` that touch one of `resources` (kasir.v1.Resource numbers; empty is all).
        `at_once`: none after `readable`.
        The revision is the last one looked at, which may be beyond the last record returned; a call looks at
        a bounded number of records. Raises REVISION_COMPACTED (OUT_OF_RANGE) when the record after
        `after_revision` was trimmed, FIELD_OUT_OF_RANGE when it is negative or lies beyond the current
        revision.
        """

    def revision(self) -> int:
        """The last committed revision; one atomic load."""

    def readable(self) -> int:
        """The last revision that readers find without waiting; one atomic load."""

    def wait_readable(self, after: int, completions: Completions, future: asyncio.Future[int]) -> None:
        """Completes `future` with the readable revision once it is greater than `after` (at once if it is
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

_Metadata: TypeAlias = list[tuple[str, str]] | list[tuple[str, bytes]] | list[tuple[str, str | bytes]]

class _Listener(Protocol):
    def message(self, data: bytes, /) -> object: ...
    def half_closed(self) -> object: ...
    def writable(self) -> object: ...
    def cancelled(self) -> object: ...

@final
class RpcCall:
    """One call that Python answers. From any thread. Dropped without an answer, it ends as INTERNAL."""

    @property
    def method(self) -> str:
        """Its full name, "/package.Service/Method"."""

    @property
    def caller(self) -> str:
        """Who calls, as far as the server knows; see `RpcServer.add_engine`."""

    @property
    def peer(self) -> str:
        """Where from, "127.0.0.1:40000"."""

    @property
    def device(self) -> str:
        """The device that the caller works at; "" where nobody keeps watch; see `RpcServer.guard`."""

    @property
    def token(self) -> bytes | None:
        """SHA-256 of the caller's token."""

    @property
    def certificate(self) -> bytes | None:
        """SHA-256 of the certificate by which a device calls for itself."""

    @property
    def admitted(self) -> bool:
        """Whether the caller is let in still: a call may last longer than a session."""

    @property
    def everywhere(self) -> bool:
        """Whether nothing says where the caller may work."""

    def allows(self, method: str, request: bytes | None = None) -> bool:
        """Whether the caller may call the method of this name, too; with this request, where one is given."""

    @property
    def done(self) -> bool:
        """Whether it was answered, or ended by itself."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller stops waiting; None when it gave no time. The call is ended then."""

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """What the caller sent beside its messages: bytes for names that end in "-bin"."""

    def set_initial_metadata(self, pairs: _Metadata) -> None:
        """Sets what goes out before the first message. Raises ValueError for names that are gRPC's own and
        values that cannot be sent.
        """

    def set_trailing_metadata(self, pairs: _Metadata) -> None:
        """The same for what goes out after the last one."""

    def reply(self, message: bytes) -> None:
        """Sends the one answer of a method that gives one. A second one is nothing."""

    def fail(self, code: int, message: str, details: bytes, reason: str) -> None:
        """Ends the call: a status, words, a serialized google.rpc.Status or nothing, and a name that is
        counted and logged.
        """

    def send_initial_metadata(self) -> None:
        """Sends what was set, ahead of the first message."""

    def send(self, message: bytes) -> bool:
        """Sends one of many messages. False: ask `must_wait` before the next one."""

    def must_wait(self) -> bool:
        """Whether there is no room for more; if so, the listener's `writable` will be called."""

    def finish(self) -> None:
        """Ends a stream well."""

    def consumed(self, size: int) -> None:
        """A message of `size` bytes that the listener was given is taken: the caller may send more."""

    def forget(self) -> None:
        """The call ended by itself (`cancelled`): nothing is sent any more."""

    def listen(self, listener: _Listener) -> None:
        """Names who is told of the call while it lasts: messages of a method that takes many, room for more,
        and its end by the caller, its deadline or the network. Called within `RpcServer.drain`.
        """

class _Given(Protocol):
    """See `engine.rpc.Given`."""

    @property
    def actor(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def methods(self) -> list[str]: ...
    @property
    def locations(self) -> list[int] | None: ...
    @property
    def expires_ms(self) -> int: ...
    @property
    def per_second(self) -> int: ...
    @property
    def rank(self) -> str: ...

@final
class RpcAccess:
    """Who is let in by a server. From any thread, while calls come in."""

    def set_device(self, fingerprint: bytes, given: _Given) -> None:
        """A certificate with this SHA-256 is good, and lets programs at the device call these methods."""

    def remove_device(self, device: str) -> None:
        """A device is out, and whoever is logged in there."""

    def set_token(self, token: bytes, given: _Given) -> None:
        """Lets whoever has the token with this SHA-256 call these methods; at one device, unless it is ""."""

    def renew_token(self, token: bytes, expires_ms: int) -> bool:
        """A token lasts until then; false: there is none."""

    def remove_token(self, token: bytes) -> None:
        """A token is void."""

    def set_stand_in(self, given: _Given) -> None:
        """Whoever is logged in at the device may send what the actor did there, as that one, where both of
        them work. Nobody does for who is of a higher rank.
        """

    def remove_actor(self, actor: str) -> None:
        """Every token of somebody is void, and nobody stands in for them."""

    def take_denials(self) -> tuple[list[tuple[str, str, str, str, str, int, int]], int]:
        """What was refused since the last time (method, why, actor, device, peer, how often, first when in
        Unix milliseconds), and how many refusals more than could be kept.
        """

@final
class RpcServer:
    """A gRPC server over threads of its own. Handlers in Python run where the mailbox is drained."""

    def __new__(cls, on_error: Callable[[RpcCall, BaseException], object]) -> RpcServer:
        """`on_error` is told what a handler raised, and ends the call."""

    def add(
        self,
        method: str,
        shape: Literal["quick", "unary", "client_stream", "server_stream", "bidirectional"],
        handler: Callable[[Any, RpcCall], bytes | None],
    ) -> None:
        """Answers a method with `handler(request, call)`, called within `drain`: it returns the reply, or
        None and answers through the call. The request is None where it comes as messages. Nobody tells a
        "quick" method that its caller went away.
        """

    def add_engine(self, engine: CoreEngine) -> None:
        """Answers the engine's methods and streams without Python. Callers are those of the shop then: the
        metadata "kasir-actor", or "anonymous".
        """

    def guard(
        self,
        strangers: list[str],
        devices: list[str],
        deferred: list[str],
        places: list[tuple[str, str, list[int], bool, bool]],
        scopes: list[tuple[str, str]],
    ) -> RpcAccess:
        """Lets nobody in from now on but whom the returned table says; comes after all methods and before the
        start. `strangers` are methods open to all, `devices` those that an enrolled device is enough for,
        `deferred` those that may be sent later for somebody else. Of `places` each is a method, the record
        that the id is of, the path of field numbers, whether it may be missing, and whether it is a list. Of
        `scopes` each is a method and what a key needs for it.
        """

    def start(
        self,
        addresses: list[str],
        *,
        workers: int,
        max_connections: int,
        max_streams: int,
        max_calls: int,
        max_under_way: int,
        max_receive_bytes: int,
        max_send_bytes: int,
        keepalive_s: float,
        keepalive_timeout_s: float,
        handshake_timeout_s: float,
        compress_from: int | None,
        tls: tuple[bytes, bytes, bytes | None] | None,
        log_calls: Literal["all", "refused", "none"],
        traced_of_million: int | None,
    ) -> int:
        """Listens on each "ip:port" and serves; returns the port. `tls` is certificate chain, key and the
        authority of clients, PEM. Of a million calls whose callers say nothing of a trace, so many are
        traced; None: none are, whatever callers say. Raises OSError when it cannot listen or the certificates
        are of no use.
        """

    def show_certificate(self, certificate: bytes, key: bytes) -> None:
        """Shows another certificate to who connects from now on: its chain and key, PEM. Open connections go
        on. Raises OSError for what cannot be used; then the one of before is shown.
        """

    def fileno(self) -> int:
        """A descriptor that is readable while something waits, for `loop.add_reader`."""

    def drain(self) -> int:
        """Hands what waits to the handlers, in the order in which it came; returns how much that was."""

    def stop(self, grace_s: float, flush_s: float) -> None:
        """Takes no more connections, waits at most `grace_s` for unary calls and uploads to be answered, then
        at most `flush_s` for what else is open, and closes. Blocks as long; `drain` meanwhile.
        """

    def awaited(self) -> int:
        """Unary calls, uploads and streams of commands that have an answer to come."""

    def figures(self) -> list[tuple[str, bool, list[int], list[int], float, int, int]]:
        """Of each method: its name, whether it gives many messages, calls ended by the number of their
        status, calls by latency (see `server.metrics`; not cumulated, the last is beyond all bounds), the sum
        of the latencies in seconds, calls open, messages sent.
        """

    def reasons(self) -> dict[str, int]:
        """How often calls ended for each reason."""

    def take_log(self, limit: int) -> tuple[list[tuple[str, str, int, str, float, int | None]], int]:
        """At most `limit` calls that ended and are to be logged, oldest first: method, caller, status,
        reason, seconds, messages of a stream; and how many found no room since the last time.
        """

    def take_traces(
        self, limit: int
    ) -> list[
        tuple[str, tuple[bytes, bytes] | None, int, str, int, list[tuple[str, int]], list[tuple[str, int]]]
    ]:
        """At most `limit` traced calls that ended, oldest first: method, the caller's trace and span (None:
        it was chosen here), status, reason, when it came, the stages of its way with the end of each, what
        else was noted. Times are Unix nanoseconds; a stage begins where the one before ends, and the last one
        ends the call.
        """

    def dropped_traces(self) -> int:
        """How many traced calls found no room, since the start."""

def refusal(code: int, reason: str, message: str, details: list[tuple[str, str]]) -> tuple[str, bytes]:
    """The words of a refusal, cut to what a caller takes, and its serialized google.rpc.Status: ErrorInfo of
    the domain "kasir" with all details that fit, BadRequest for "field", RetryInfo for "retry_ms".
    """

def match_files(
    orders: Path,
    mutations: Path,
    out: Path,
    *,
    utc_offset_minutes: int,
    write_off_max_minor: int | None = None,
    threads: int = 2,
) -> dict[str, int]:
    """Matches a file of mutations with one of orders and writes a file of decisions: JSON lines, see
    `kasir match`. `utc_offset_minutes` is where the bank's days are counted, `write_off_max_minor` the most
    that is let go when a transfer came short by a fee; None is 6,500 major units.

    Returns how many mutations ended how ("auto", "suggested", "ambiguous", "none"), how many "orders" there
    were, and "match_time_us" without reading and writing. Raises ValueError for a line that cannot be used,
    with file and line; OSError for files. Nothing is written then.
    """

@final
class StatementReader:
    """A bank's file being read on a thread of its own: an iterator of what it holds, in the order of the
    file.

    ("account", format, number, (currency, is_currency_assumed), holder)
                                                     an account begins; accounts are numbered from 0
    ("rows", [row, …])                               each (account, *fields of `StatementRow` of
                                                     `server.statements`), dates as `date.toordinal` has them
    ("lines", bytes)                                 the same as lines of JSON
    ("end", account, (opening, closing, rows, sums_checked), [(line, reason, kind), …], problem_count)
    ("done", format, file_hash)                      the last one
    ("broken" | "unrecognised", words)               the last one, when nothing more can be read
    """

    def __new__(
        cls,
        file: bytes | str | Path,
        *,
        format: str | None,  # noqa: A002 (the word of the contract)
        mapping: str | None,
        today: int,
        max_bytes: int,
        give: Literal["rows", "lines", "sums"],
        batch: int,
    ) -> StatementReader:
        """Begins to read: the bytes, or the file at a path. `today` as `date.toordinal` numbers it; `give`
        rows, lines, or neither; at most `batch` rows at a time. Raises OSError, as does every step.
        """

    def taken(self) -> int:
        """Bytes of the file that were read so far."""

    def __iter__(self) -> StatementReader: ...
    def __next__(self) -> tuple[Any, ...]: ...

def statement_formats() -> list[tuple[str, str]]:
    """Name and title of each format that `StatementReader` reads, in the order in which they are tried."""

def fitting_mappings(file: bytes | str | Path, mappings: list[str]) -> list[int]:
    """Which of some column mappings fit the header of a file that is in no bank's own format, by their
    places. Raises OSError.
    """

def format_amount(minor: int, currency: str) -> str:
    """Minor units for people, e.g. 10840000 of IDR as "108,400.00"."""

def moota_signature_ok(secret: bytes, body: bytes, signature: str) -> bool:
    """Whether the header `Signature` of a webhook of Moota, HMAC-SHA256 in hex, is that of `body` under
    `secret`; compared in constant time.
    """

def store_erasures(store: Path) -> list[tuple[int, int, int]]:
    """Customers whose data were erased in a store or a snapshot: id, when the customer was made, when erased
    (unix ms). Raises STORE_NOT_CLOSED, STORE_REOPENED, STORE_UNUSABLE.
    """

def store_head(store: Path) -> Head:
    """Where the journal of a store or a snapshot ends, looked at from outside. Raises STORE_NOT_CLOSED,
    STORE_REOPENED, STORE_UNUSABLE.
    """

def write_base(store: Path, path: Path) -> Base:
    """Writes a consistent copy of a store, which a server may have open, into the new file `path`. Raises
    STORE_REOPENED when a server opened it meanwhile, which may also end this process: LMDB trusts its pages.
    """

def check_base(path: Path) -> int:
    """Reads a whole snapshot and checks its seal; returns its bytes. Raises SNAPSHOT_BROKEN."""

def write_journal(store: Path, path: Path, after: int, before: bytes, bytes_max: int) -> Segment | None:
    """Writes what the journal has after revision `after`, whose hash is `before`, into a new segment in the
    directory `path`; no more once it has `bytes_max`. None when there is nothing. Raises STORE_DIFFERS when
    the journal does not go on from there, STORE_REOPENED.
    """

def merge_journal(parts: list[Path], path: Path) -> Segment:
    """Makes one segment, in the directory `path`, of several that follow one another; they stay."""

def read_journal(path: Path) -> Segment:
    """The header of a segment. Raises JOURNAL_BROKEN."""

def check_journal(path: Path, revisions: list[int]) -> CheckedSegment:
    """Reads a whole segment, and gives the hashes of `revisions`, as far as it has them. Raises
    JOURNAL_BROKEN.
    """

def audit_journal(store: Path, revisions: list[int]) -> Audit:
    """Walks along the journal's chain of a store or a snapshot, and gives the hashes of `revisions`. Raises
    STORE_REOPENED.
    """
