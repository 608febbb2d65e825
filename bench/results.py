"""The rounds of every cell, and what is made of them: medians, ratios, out/bench/results.json."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.cells import (
    LMDB_COMMIT_ROOM_MS,
    ONE_HOLD,
    OVER_TIGERBEETLE,
    Cell,
    NotMeasured,
    Ratio,
    beside_tigerbeetle,
    not_measured,
    ratios,
    targets,
)
from bench.measure import Sample, median
from bench.work import Spread

FIGURES = ("rate_per_s", "p50_ms", "p99_ms", "max_ms", "cpu_us")


@dataclass(frozen=True)
class Compared:
    """A ratio: the median of the rounds', their least and their greatest."""

    name: str
    value: float
    least: float
    greatest: float
    # What the median has to be to be good enough, where that was said.
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is good enough; None where nobody said what is."""
        return None if self.at_least is None else self.value >= self.at_least


@dataclass(frozen=True)
class Target:
    """What was to be reached, what was found, and whether that is enough; None where it was not measured."""

    name: str
    needed: str
    found: str
    reached: bool | None


@dataclass
class Results:
    """What was measured so far."""

    machine: dict[str, Any]
    samples: dict[Cell, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def figure(self, cell: Cell, name: str) -> list[float]:
        """One figure of a cell, round by round."""
        return [getattr(sample, name) for sample in self.samples.get(cell, [])]

    def middle(self, cell: Cell, name: str) -> float:
        """Its median."""
        return median(self.figure(cell, name))

    def run(self, cell: Cell) -> dict[str, Any]:
        """A row of results.json."""
        samples = self.samples[cell]
        cpu = {name: round(median([each.cpu[name] for each in samples]), 3) for name in samples[0].cpu}
        engine = {
            name: round(median([each.engine[name] for each in samples if name in each.engine]), 1)
            for name in samples[0].engine
        }
        return {
            "system": cell.system.value,
            "path": cell.path.value,
            "caller": cell.caller if cell.path == "in_process" else None,
            "work": cell.work.value,
            "spread": cell.spread.value,
            "in_flight": cell.in_flight,
            "batch": cell.batch,
            "clients": cell.in_flight // cell.pipeline,
            "durable": cell.durable,
            **{name: round(self.middle(cell, name), 3) for name in FIGURES},
            "cpu": cpu,
            "engine": engine,
            "rounds": [{name: round(getattr(sample, name), 3) for name in FIGURES} for sample in samples],
        }

    def compared(self) -> list[Compared]:
        """All ratios whose cells were measured."""
        return [compared for ratio in ratios(self.samples) if (compared := self._compare(ratio)) is not None]

    def _compare(self, ratio: Ratio) -> Compared | None:
        pairs = zip(
            self.figure(ratio.over, ratio.figure), self.figure(ratio.under, ratio.figure), strict=False
        )
        values = [over / under for over, under in pairs if under]
        if not values:
            return None
        return Compared(ratio.name, median(values), min(values), max(values), ratio.at_least)

    def targets(self) -> list[Target]:
        """What was to be reached."""
        found: list[Target] = []
        for ratio in targets(self.samples):
            compared = self._compare(ratio)
            found.append(
                Target(
                    ratio.name,
                    f"≥ {ratio.at_least:g}",
                    "not measured" if compared is None else f"{compared.value:.2f}",
                    None if compared is None else compared.reached,
                )
            )
        found += [target for spread in Spread if (target := self._beside_tigerbeetle(spread)) is not None]
        found.append(self._one_hold())
        return found

    def _beside_tigerbeetle(self, spread: Spread) -> Target | None:
        """The fastest way to holds beside TigerBeetle's two-phase transfers; None where those were not
        measured, and PostgreSQL's batches are what counts.
        """
        beside = beside_tigerbeetle(spread)
        if beside[0].under not in self.samples:
            return None
        name, needed = f"holds {spread}, in-process or streamed over TigerBeetle", f"≥ {OVER_TIGERBEETLE:g}"
        compared = [(each.value, ratio.over.name) for ratio in beside if (each := self._compare(ratio))]
        if not compared:
            return Target(name, needed, "not measured", None)
        value, over = max(compared)
        return Target(name, needed, f"{value:.2f} ({over})", value >= OVER_TIGERBEETLE)

    def not_measured(self) -> list[NotMeasured]:
        """What was left out, and why."""
        return not_measured(self.samples)

    def _one_hold(self) -> Target:
        """One caller's wait beside that of a bare LMDB commit, which was timed in the same rounds."""
        name = "hold, unary gRPC, one at a time: p50 in ms"
        commits = self.machine.get("lmdb_commit_p50_us", [])
        if not commits or ONE_HOLD not in self.samples:
            needed = f"≤ bare LMDB commit + {LMDB_COMMIT_ROOM_MS:g}"
            return Target(name, needed, "not measured", None)
        limit_ms = median(commits) / 1_000 + LMDB_COMMIT_ROOM_MS
        value = self.middle(ONE_HOLD, "p50_ms")
        needed = f"≤ {limit_ms:.3f} (bare LMDB commit + {LMDB_COMMIT_ROOM_MS:g})"
        return Target(name, needed, f"{value:.3f}", value <= limit_ms)

    def to_json(self) -> dict[str, Any]:
        """All of results.json."""
        return {
            "machine": self.machine,
            "runs": [self.run(cell) for cell in self.samples],
            "ratios": [
                {
                    "name": each.name,
                    "median": round(each.value, 3),
                    "least": round(each.least, 3),
                    "greatest": round(each.greatest, 3),
                    "at_least": each.at_least,
                    "reached": each.reached,
                }
                for each in self.compared()
            ],
            "targets": [asdict(target) for target in self.targets()],
            "not_measured": [asdict(each) for each in self.not_measured()],
        }

    def write(self, path: Path) -> None:
        """Writes results.json."""
        path.write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")
