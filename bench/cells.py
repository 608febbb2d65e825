"""What is measured: cells, each a system, a path into it, a kind of work and how it is spread."""

from dataclasses import dataclass
from enum import StrEnum

from bench.in_process import Caller
from bench.work import Kind, Spread

IN_FLIGHT = 64


class System(StrEnum):
    """Who does the work."""

    KASIR = "kasir"
    GRPCIO = "grpcio"
    POSTGRESQL = "postgresql"


class Path(StrEnum):
    """How it is asked."""

    IN_PROCESS = "in_process"
    UNARY = "unary"
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
        return " ".join([*words, f"x{self.in_flight}"])


def _unary(work: Kind, spread: Spread, in_flight: int = IN_FLIGHT) -> Cell:
    return Cell(System.KASIR, Path.UNARY, work, spread, in_flight)


def _native(work: Kind, spread: Spread, in_flight: int = IN_FLIGHT) -> Cell:
    return Cell(System.POSTGRESQL, Path.NATIVE, work, spread, in_flight)


def _inside(work: Kind, spread: Spread, caller: Caller = "asyncio") -> Cell:
    return Cell(System.KASIR, Path.IN_PROCESS, work, spread, caller=caller)


ECHO = Cell(System.GRPCIO, Path.UNARY, Kind.ECHO)
BOTH_WORKS = [(work, spread) for work in (Kind.BOOKING, Kind.HOLD) for spread in Spread]
QUICK = [
    _inside(Kind.BOOKING, Spread.UNIFORM),
    ECHO,
    *(cell for pair in BOTH_WORKS for cell in (_unary(*pair), _native(*pair))),
]
FULL = [
    *(cell for pair in BOTH_WORKS for cell in (_inside(*pair), _unary(*pair), _native(*pair))),
    _inside(Kind.BOOKING, Spread.UNIFORM, "threads"),
    _inside(Kind.HOLD, Spread.UNIFORM, "threads"),
    ECHO,
    Cell(System.GRPCIO, Path.UNARY, Kind.ECHO, in_flight=1),
    *(
        cell
        for work in (Kind.BOOKING, Kind.HOLD)
        for cell in (_unary(work, Spread.UNIFORM, 1), _native(work, Spread.UNIFORM, 1))
    ),
]


@dataclass(frozen=True)
class Ratio:
    """One cell over another in one of `bench.results.FIGURES`. Compared round by round."""

    name: str
    over: Cell
    under: Cell
    figure: str = "rate_per_s"


def ratios() -> list[Ratio]:
    """What the figures say of each other; those whose cells were not measured are left out later."""
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
    for work in (Kind.BOOKING, Kind.HOLD):
        uniform = _unary(work, Spread.UNIFORM)
        found += [
            Ratio(f"{work}: one hot item over uniform, unary gRPC", _unary(work, Spread.HOT), uniform),
            Ratio(f"{work}: unary gRPC over the echo of the same server", uniform, ECHO),
        ]
    bookings, holds = _unary(Kind.BOOKING, Spread.UNIFORM), _unary(Kind.HOLD, Spread.UNIFORM)
    found.append(Ratio("bookings over holds, unary gRPC", bookings, holds))
    return found
