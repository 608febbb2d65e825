"""The rounds of every cell, and what is made of them: medians, ratios, out/bench/results.json."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cells import Cell, Ratio, ratios
from bench.measure import Sample, median

FIGURES = ("rate_per_s", "p50_ms", "p99_ms", "max_ms", "cpu_us")


@dataclass(frozen=True)
class Compared:
    """A ratio: the median of the rounds', their least and their greatest."""

    name: str
    value: float
    least: float
    greatest: float


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
            "batch": 1,
            "durable": cell.durable,
            **{name: round(self.middle(cell, name), 3) for name in FIGURES},
            "cpu": cpu,
            "engine": engine,
            "rounds": [{name: round(getattr(sample, name), 3) for name in FIGURES} for sample in samples],
        }

    def compared(self) -> list[Compared]:
        """All ratios whose cells were measured."""
        return [compared for ratio in ratios() if (compared := self._compare(ratio)) is not None]

    def _compare(self, ratio: Ratio) -> Compared | None:
        pairs = zip(
            self.figure(ratio.over, ratio.figure), self.figure(ratio.under, ratio.figure), strict=False
        )
        values = [over / under for over, under in pairs if under]
        if not values:
            return None
        return Compared(ratio.name, median(values), min(values), max(values))

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
                }
                for each in self.compared()
            ],
        }

    def write(self, path: Path) -> None:
        """Writes results.json."""
        path.write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")
