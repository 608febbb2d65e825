"""What a change cost or gave: a run's results beside stored ones, as ratios.

Ratios of the new figure over the old one, for every cell that both have, and for every part of the core that
`make bench-core` measured. Machines differ, and so does one machine from hour to hour: what counts are ratios
within a run (Kasir over PostgreSQL), which are compared too.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.kasir_server import ROOT
from bench.measure import BenchError

# Where criterion leaves what it measured of the core.
CRITERION = ROOT / "target" / "criterion"
BASELINE = Path(__file__).resolve().with_name("baseline.json")
# What a row of results is known by.
KEY = ("system", "path", "caller", "work", "spread", "batch", "in_flight", "clients")
FIGURES = ("rate_per_s", "p50_ms", "p99_ms", "cpu_us")
# Of the machine, what makes figures comparable.
MACHINE = ("cpu", "cores", "file_system", "kernel", "python", "postgresql", "redis", "sqlite", "tigerbeetle")
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


def core(folder: Path = CRITERION) -> dict[str, dict[str, float]]:
    """The core's medians in nanoseconds, with the bounds of their confidence, by name; empty without any."""
    found = {}
    for path in sorted(folder.rglob("new/estimates.json")):
        median = json.loads(path.read_text())["median"]
        bounds = median["confidence_interval"]
        found[str(path.parent.parent.relative_to(folder))] = {
            "median_ns": round(median["point_estimate"], 1),
            "least_ns": round(bounds["lower_bound"], 1),
            "greatest_ns": round(bounds["upper_bound"], 1),
        }
    return found


def latest(path: Path, folder: Path = CRITERION) -> dict[str, Any]:
    """What was measured last: a results.json, the core's part, or both. BenchError without any."""
    part = core(folder)
    results = {"machine": {}, "runs": []} if part and not path.exists() else read(path)
    return {**results, "core": part}


def keep(results: dict[str, Any], path: Path) -> None:
    """Stores results to compare later ones with. What was not measured stays as it was stored."""
    stored = read(path) if path.exists() else {}
    if not results["runs"]:
        results = {**stored, "core": results["core"]}
    elif not results.get("core") and "core" in stored:
        results = {**results, "core": stored["core"]}
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


def core_changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """What changed in the core: rates as ratios, so that more than 1 is faster here too."""
    before, found = old.get("core", {}), []
    for name, now in new.get("core", {}).items():
        if was := before.get(name):
            rate = was["median_ns"] / now["median_ns"]
            noise = sum(
                (each["greatest_ns"] - each["least_ns"]) / 2 / each["median_ns"] for each in (was, now)
            )
            found.append(Change(f"core {name}", {"rate_per_s": rate, "p50_ms": 1 / rate}, noise))
    return found


def show(old: dict[str, Any], new: dict[str, Any], console: Console) -> None:
    """Prints both."""
    for name in MACHINE:
        then, now = old["machine"].get(name), new["machine"].get(name)
        if then is not None and now is not None and then != now:
            console.print(f"[yellow]Another {name.replace('_', ' ')}: {then} then, {now} now.")
    table = Table("what", "rate", "p50", "p99", "CPU", "noise", "", title="Now over then")
    for column in table.columns[1:-1]:
        column.justify = "right"
    for change in changes(old, new) + core_changes(old, new):
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
