"""What is measured: cells, each a system, a path into it, a kind of work and how it is spread."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from bench.in_process import Caller
from bench.work import Kind, Spread

IN_FLIGHT = 64
BATCHES_IN_FLIGHT = 8
PIPELINE = 16
# Commands under way on all streams of a cell: as many as Redis has with its pipelines.
STREAM_IN_FLIGHT = IN_FLIGHT * PIPELINE
STREAMS = (1, 8)
# The environment's name of a TigerBeetle binary.
TIGERBEETLE = "TIGERBEETLE"
# The most transfers that one of its requests takes, and how many requests of one transfer are under way.
TIGERBEETLE_BATCH = 8_189
TIGERBEETLE_IN_FLIGHT = 32


class System(StrEnum):
    """Who does the work."""

    KASIR = "kasir"
    GRPCIO = "grpcio"
    POSTGRESQL = "postgresql"
    REDIS = "redis"
    SQLITE = "sqlite"
    TIGERBEETLE = "tigerbeetle"


class Path(StrEnum):
    """How it is asked."""

    IN_PROCESS = "in_process"
    UNARY = "unary"
    BATCH = "batch"
    STREAM = "stream"
    NATIVE = "native"


@dataclass(frozen=True)
class Cell:
    """One row of the results."""

    system: System
    path: Path
    work: Kind
    spread: Spread = Spread.UNIFORM
    in_flight: int = IN_FLIGHT
    caller: Caller = "asyncio"
    # Operations in one call or transaction. `in_flight` counts calls.
    batch: int = 1
    # Calls, or commands on its stream, that one client has on their way; so there are in_flight / pipeline
    # clients.
    pipeline: int = 1

    @property
    def durable(self) -> bool:
        """Whether every answer waits for the disk."""
        return self.work is not Kind.ECHO

    @property
    def name(self) -> str:
        """For people."""
        words = [self.system.value, self.path.value.replace("_", "-")]
        if self.path is Path.IN_PROCESS:
            words.append(self.caller)
        words += [self.work.value] if self.work is Kind.ECHO else [self.work.value, self.spread.value]
        if self.batch > 1:
            words.append(f"by {self.batch:,}")
        clients = self.in_flight // self.pipeline
        return " ".join([*words, f"x{clients}" + (f"x{self.pipeline}" if self.pipeline > 1 else "")])


def _unary(work: Kind, spread: Spread, in_flight: int = IN_FLIGHT) -> Cell:
    return Cell(System.KASIR, Path.UNARY, work, spread, in_flight)


def _native(work: Kind, spread: Spread, in_flight: int = IN_FLIGHT) -> Cell:
    return Cell(System.POSTGRESQL, Path.NATIVE, work, spread, in_flight)


def _inside(work: Kind, spread: Spread, caller: Caller = "asyncio") -> Cell:
    return Cell(System.KASIR, Path.IN_PROCESS, work, spread, caller=caller)


def _batch(system: System, path: Path, spread: Spread, batch: int) -> Cell:
    return Cell(system, path, Kind.HOLD, spread, BATCHES_IN_FLIGHT, batch=batch)


def _stream(spread: Spread, streams: int) -> Cell:
    ahead = STREAM_IN_FLIGHT // streams
    return Cell(System.KASIR, Path.STREAM, Kind.HOLD, spread, STREAM_IN_FLIGHT, pipeline=ahead)


def _redis(spread: Spread, clients: int = IN_FLIGHT, pipeline: int = 1) -> Cell:
    return Cell(System.REDIS, Path.NATIVE, Kind.HOLD, spread, in_flight=clients * pipeline, pipeline=pipeline)


def _sqlite(spread: Spread, batch: int) -> Cell:
    return Cell(System.SQLITE, Path.NATIVE, Kind.HOLD, spread, in_flight=1, batch=batch)


def _tigerbeetle(spread: Spread, batch: int = TIGERBEETLE_BATCH) -> Cell:
    """One client: it sends one request after the other, and puts together what waits meanwhile."""
    in_flight = TIGERBEETLE_IN_FLIGHT if batch == 1 else 1
    return Cell(
        System.TIGERBEETLE, Path.NATIVE, Kind.HOLD, spread, in_flight, batch=batch, pipeline=in_flight
    )


ECHO = Cell(System.KASIR, Path.UNARY, Kind.ECHO)
GRPCIO_ECHO = Cell(System.GRPCIO, Path.UNARY, Kind.ECHO)
# Its wait is held against that of a bare LMDB commit, with so much more allowed.
ONE_HOLD = _unary(Kind.HOLD, Spread.UNIFORM, 1)
LMDB_COMMIT_ROOM_MS = 0.15
BOTH_WORKS = [(work, spread) for work in (Kind.BOOKING, Kind.HOLD) for spread in Spread]
_HOLDS_X64 = [
    cell
    for spread in Spread
    for cell in (_unary(Kind.HOLD, spread), _native(Kind.HOLD, spread), _redis(spread))
]
QUICK = [
    ECHO,
    GRPCIO_ECHO,
    _unary(Kind.BOOKING, Spread.UNIFORM),
    _native(Kind.BOOKING, Spread.UNIFORM),
    *_HOLDS_X64,
    _redis(Spread.UNIFORM, pipeline=PIPELINE),
    _batch(System.KASIR, Path.IN_PROCESS, Spread.UNIFORM, 1_000),
    _batch(System.POSTGRESQL, Path.NATIVE, Spread.UNIFORM, 100),
    ONE_HOLD,
]
FULL = [
    *(_inside(*pair) for pair in BOTH_WORKS),
    *(cell for spread in Spread for cell in (_unary(Kind.BOOKING, spread), _native(Kind.BOOKING, spread))),
    *_HOLDS_X64,
    *(_redis(spread, pipeline=PIPELINE) for spread in Spread),
    *(_stream(spread, streams) for spread in Spread for streams in STREAMS),
    *(_sqlite(spread, batch) for spread in Spread for batch in (1, 100, 1_000)),
    *(
        cell
        for spread in Spread
        for cell in (
            _batch(System.POSTGRESQL, Path.NATIVE, spread, 100),
            *(
                _batch(System.KASIR, path, spread, batch)
                for path in (Path.IN_PROCESS, Path.BATCH)
                for batch in (100, 1_000)
            ),
        )
    ),
    _inside(Kind.HOLD, Spread.UNIFORM, "threads"),
    ECHO,
    GRPCIO_ECHO,
    Cell(System.KASIR, Path.UNARY, Kind.ECHO, in_flight=1),
    Cell(System.GRPCIO, Path.UNARY, Kind.ECHO, in_flight=1),
    _unary(Kind.BOOKING, Spread.UNIFORM, 1),
    ONE_HOLD,
    _native(Kind.HOLD, Spread.UNIFORM, 1),
    _redis(Spread.UNIFORM, 1),
]

# Only where its program is named.
TIGERBEETLE_QUICK = [_tigerbeetle(Spread.UNIFORM)]
TIGERBEETLE_FULL = [_tigerbeetle(spread, batch) for spread in Spread for batch in (TIGERBEETLE_BATCH, 1)]


def available(quick: bool) -> list[Cell]:
    """The cells that can be measured here, or the most telling of them."""
    usual, more = (QUICK, TIGERBEETLE_QUICK) if quick else (FULL, TIGERBEETLE_FULL)
    return [*usual, *more] if os.environ.get(TIGERBEETLE) else usual


@dataclass(frozen=True)
class NotMeasured:
    """What a reader may look for and not find, and why."""

    system: System
    path: Path
    why: str


def not_measured(measured: Collection[Cell]) -> list[NotMeasured]:
    """What this benchmark left out."""
    if any(cell.system is System.TIGERBEETLE for cell in measured):
        return []
    why = "was not asked for" if os.environ.get(TIGERBEETLE) else f"{TIGERBEETLE} is not set"
    return [NotMeasured(System.TIGERBEETLE, Path.NATIVE, why)]


@dataclass(frozen=True)
class Ratio:
    """One cell over another in one of `bench.results.FIGURES`. Compared round by round."""

    name: str
    over: Cell
    under: Cell
    figure: str = "rate_per_s"
    # What it has to be to be good enough, where that was said.
    at_least: float | None = None


# In-process or on streams, whichever is faster.
OVER_TIGERBEETLE = 1.25


def beside_tigerbeetle(spread: Spread) -> list[Ratio]:
    """Kasir's fastest ways to holds over TigerBeetle's two-phase transfers."""
    ways = {
        "in-process by 1,000": _batch(System.KASIR, Path.IN_PROCESS, spread, 1_000),
        "one gRPC stream": _stream(spread, 1),
        "8 gRPC streams": _stream(spread, 8),
    }
    under = _tigerbeetle(spread)
    return [
        Ratio(f"hold {spread}: {way} over TigerBeetle by {TIGERBEETLE_BATCH:,}", over, under)
        for way, over in ways.items()
    ]


def _over_postgresql_in_batches(spread: Spread, at_least: float | None = None) -> Ratio:
    return Ratio(
        f"holds {spread}, in-process by 1,000 over PostgreSQL by 100",
        _batch(System.KASIR, Path.IN_PROCESS, spread, 1_000),
        _batch(System.POSTGRESQL, Path.NATIVE, spread, 100),
        at_least=at_least,
    )


def targets(measured: Collection[Cell] = ()) -> list[Ratio]:
    """What Kasir has to reach, as ratios of what was measured in the same rounds. Batches are held against
    PostgreSQL's only where TigerBeetle's (`beside_tigerbeetle`) were not measured.
    """
    uniform, hot = (_unary(Kind.HOLD, spread) for spread in Spread)
    postgresql, hot_postgresql = (_native(Kind.HOLD, spread) for spread in Spread)
    return [
        Ratio("holds, unary gRPC over PostgreSQL", uniform, postgresql, at_least=2.5),
        Ratio("holds, unary gRPC over Redis", uniform, _redis(Spread.UNIFORM), at_least=1.0),
        Ratio("holds of one hot item, unary gRPC over PostgreSQL", hot, hot_postgresql, at_least=15.0),
        Ratio("holds, unary gRPC, hot over uniform", hot, uniform, at_least=0.9),
        Ratio("holds, p99 of PostgreSQL over unary gRPC", postgresql, uniform, "p99_ms", at_least=3.0),
        Ratio("bookings over holds, unary gRPC", _unary(Kind.BOOKING, Spread.UNIFORM), uniform, at_least=0.5),
        Ratio("echo through a Python handler over grpcio", ECHO, GRPCIO_ECHO, at_least=8.0),
        Ratio("holds over the echo of the same server, unary gRPC", uniform, ECHO, at_least=0.5),
        *(
            _over_postgresql_in_batches(spread, at_least=1.75)
            for spread in Spread
            if _tigerbeetle(spread) not in measured
        ),
    ]


def ratios(measured: Collection[Cell] = ()) -> list[Ratio]:
    """What the figures say of each other; those whose cells were not measured are left out later."""
    first = targets(measured)
    compared = {(ratio.over, ratio.under, ratio.figure) for ratio in first}
    more = [each for each in _more_ratios() if (each.over, each.under, each.figure) not in compared]
    return [*first, *more]


def _more_ratios() -> list[Ratio]:
    found: list[Ratio] = []
    for work, spread in BOTH_WORKS:
        what = f"{work} {spread}"
        found += [
            Ratio(f"{what}: in-process over PostgreSQL", _inside(work, spread), _native(work, spread)),
            Ratio(f"{what}: unary gRPC over PostgreSQL", _unary(work, spread), _native(work, spread)),
            Ratio(
                f"{what}: p99 of PostgreSQL over unary gRPC",
                _native(work, spread),
                _unary(work, spread),
                "p99_ms",
            ),
            Ratio(
                f"{what}: CPU of PostgreSQL over in-process, loader included",
                _native(work, spread),
                _inside(work, spread),
                "cpu_us",
            ),
        ]
    booking = Kind.BOOKING
    uniform = _unary(booking, Spread.UNIFORM)
    found += [
        Ratio("booking: one hot item over uniform, unary gRPC", _unary(booking, Spread.HOT), uniform),
        Ratio("booking: unary gRPC over the echo of the same server", uniform, ECHO),
    ]
    for spread in Spread:
        found += [
            *beside_tigerbeetle(spread),
            _over_postgresql_in_batches(spread),
            Ratio(
                f"hold {spread}: unary gRPC over Redis pipelined",
                _unary(Kind.HOLD, spread),
                _redis(spread, pipeline=PIPELINE),
            ),
            Ratio(
                f"hold {spread}: one gRPC stream over unary gRPC",
                _stream(spread, 1),
                _unary(Kind.HOLD, spread),
            ),
            Ratio(
                f"hold {spread}: one gRPC stream over Redis pipelined, as many under way",
                _stream(spread, 1),
                _redis(spread, pipeline=PIPELINE),
            ),
            *(
                Ratio(
                    f"hold {spread}: gRPC by {batch:,} over PostgreSQL by 100",
                    _batch(System.KASIR, Path.BATCH, spread, batch),
                    _batch(System.POSTGRESQL, Path.NATIVE, spread, 100),
                )
                for batch in (100, 1_000)
            ),
            Ratio(
                f"hold {spread}: in-process by 1,000 over SQLite by 1,000",
                _batch(System.KASIR, Path.IN_PROCESS, spread, 1_000),
                _sqlite(spread, 1_000),
            ),
        ]
    return found
