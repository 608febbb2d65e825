"""How long callers wait when very many deadlines fall due at one instant: an example of the store, run often.

    python -m bench due --runs 5

Each run gives the waits before the instant (calm: what the machine makes of the same commands) and after it,
until the last deadline is settled. A figure is the median of the runs: on a machine that does other things
too, one run's longest wait is often the disk's or the scheduler's, and then the calm ones are as long.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.kasir_server import ROOT
from bench.measure import BenchError, median

PROGRAM = ("cargo", "run", "--release", "--locked", "--quiet", "-p", "kasir-store", "--example", "due", "--")
# No caller is to wait longer.
MOST_WAIT_MS = 20.0


@dataclass(frozen=True)
class Waits:
    """What callers waited, medians over the runs."""

    what: str
    deadlines: int
    callers: int
    calm_p50_ms: float
    calm_p99_ms: float
    calm_max_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    # Runs in which somebody waited longer than `MOST_WAIT_MS`, and in which somebody did before the instant.
    runs_over: int
    calm_runs_over: int
    settled_ms: float

    @property
    def name(self) -> str:
        """Which deadlines, and how many wait."""
        return f"{self.what} x{self.callers}"

    @property
    def reached(self) -> bool:
        """Whether nobody waited too long, in most runs."""
        return self.max_ms <= MOST_WAIT_MS


def measure(runs: int, deadlines: int, scratch: Path) -> list[dict[str, Any]]:
    """Each run's figures, as the program prints them. BenchError when it fails, or leaves a deadline."""
    words = [*PROGRAM, "--runs", str(runs), "--deadlines", str(deadlines), "--dir", str(scratch.resolve())]
    finished = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode != 0:
        raise BenchError("the store's example `due` failed; it says why above.")
    return [json.loads(line) for line in finished.stdout.splitlines()]


def summary(runs: list[dict[str, Any]]) -> list[Waits]:
    """The medians, one row for each kind of deadline and number of callers."""
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for run in runs:
        rows.setdefault((run["what"], run["callers"]), []).append(run)
    return [_row(what, callers, same) for (what, callers), same in rows.items()]


def _row(what: str, callers: int, runs: list[dict[str, Any]]) -> Waits:
    def of(part: str, name: str) -> float:
        return round(median([run[part][name] for run in runs]) / 1_000, 2)

    return Waits(
        what,
        runs[0]["deadlines"],
        callers,
        *(of("calm", name) for name in ("p50_us", "p99_us", "max_us")),
        *(of("due", name) for name in ("p50_us", "p99_us", "max_us")),
        runs_over=sum(run["due"]["over_20_ms"] > 0 for run in runs),
        calm_runs_over=sum(run["calm"]["over_20_ms"] > 0 for run in runs),
        settled_ms=median([run["settled_ms"] for run in runs]),
    )
