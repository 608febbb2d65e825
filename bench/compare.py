"""What a change cost or gave: a run's results beside stored ones, as ratios.

Ratios of the new figure over the old one, for every cell that both have. Machines differ, and so does one
machine from hour to hour: what counts are ratios within a run (Kasir over PostgreSQL), which are compared
too.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import BenchError

BASELINE = Path(__file__).resolve().with_name("baseline.json")
# What a row of results is known by.
KEY = ("system", "path", "caller", "work", "spread", "batch", "in_flight", "clients")
FIGURES = ("rate_per_s", "p50_ms", "p99_ms", "cpu_us")
# Of the machine, what makes figures comparable.
MACHINE = ("cpu", "cores", "file_system", "kernel", "python", "postgresql", "redis", "sqlite")
# A change below this is within what a run repeats, even where its rounds agreed.
LEAST_CHANGE = 0.05


@dataclass(frozen=True)
class Change:
    """New over old."""

    name: str
    figures: dict[str, float]
    # Half of what lies between the least and the greatest round, as a share, of both runs together.
    noise: float

    @property
    def verdict(self) -> str:
        """What happened to the rate, where it is more than chance."""
        ratio, room = self.figures["rate_per_s"], max(LEAST_CHANGE, self.noise)
        if ratio > 1 + room:
            return "faster"
        return "slower" if ratio < 1 - room else ""


def read(path: Path) -> dict[str, Any]:
    """A results.json. BenchError when there is none or it is another thing."""
    try:
        results: dict[str, Any] = json.loads(path.read_text())
        runs = results["runs"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BenchError(f"{path} holds no results of this benchmark. `make bench` writes them.") from error
    if not isinstance(runs, list) or "machine" not in results:
        raise BenchError(f"{path} holds other results than this benchmark's.")
    return results


def keep(results: dict[str, Any], path: Path) -> None:
    """Stores results to compare later ones with."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """What changed, cell by cell, in the order of the new results."""
    before = {_key(run): run for run in old["runs"]}
    found: list[Change] = []
    for run in new["runs"]:
        was = before.get(_key(run))
        if was is None:
            continue
        figures = {name: run[name] / was[name] for name in FIGURES if was.get(name)}
        if "rate_per_s" in figures:
            found.append(Change(_name(run), figures, _noise(was) + _noise(run)))
    return found


def ratio_changes(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Ratios within a run: name, then, now."""
    before = {each["name"]: each["median"] for each in old.get("ratios", [])}
    return [
        (each["name"], before[each["name"]], each["median"])
        for each in new.get("ratios", [])
        if each["name"] in before
    ]


def show(old: dict[str, Any], new: dict[str, Any], console: Console) -> None:
    """Prints both."""
    for name in MACHINE:
        then, now = old["machine"].get(name), new["machine"].get(name)
        if then is not None and now is not None and then != now:
            console.print(f"[yellow]Another {name.replace('_', ' ')}: {then} then, {now} now.")
    table = Table("what", "rate", "p50", "p99", "CPU", "noise", "", title="Now over then")
    for column in table.columns[1:-1]:
        column.justify = "right"
    for change in changes(old, new):
        words = [f"{change.figures[name]:.2f}" if name in change.figures else "" for name in FIGURES]
        table.add_row(change.name, *words, f"± {change.noise * 100:.0f} %", change.verdict)
    console.print(table)
    ratios = Table("ratio within a run", "then", "now", "now over then", title="Side by side")
    for column in ratios.columns[1:]:
        column.justify = "right"
    for name, then, now in ratio_changes(old, new):
        ratios.add_row(name, f"{then:.2f}", f"{now:.2f}", f"{now / then:.2f}" if then else "")
    console.print(ratios)


def _key(run: dict[str, Any]) -> tuple[object, ...]:
    return tuple(run.get(name) for name in KEY)


def _name(run: dict[str, Any]) -> str:
    words = [run["system"], run["path"], run.get("caller") or "", run["work"]]
    words += [] if run["work"] == "echo" else [run["spread"]]
    words += [f"by {run['batch']:,}"] if run["batch"] > 1 else []
    return " ".join([*filter(None, words), f"x{run['in_flight']:,}"])


def _noise(run: dict[str, Any]) -> float:
    rates = [each["rate_per_s"] for each in run.get("rounds", [])]
    return (max(rates) - min(rates)) / 2 / run["rate_per_s"] if rates and run["rate_per_s"] else 0.0
