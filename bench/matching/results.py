"""What came out, beside what was to be reached: rows for tables, and results.json."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.matching.measure import Counts, Judged, wilson
from bench.matching.run import Quality, Speed

SPEED_TARGETS_S = {10_000: 0.3, 100_000: 5.0}


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and what it should be."""

    name: str
    needed: str
    found: str
    reached: bool | None
    """None where nothing of the kind was measured."""


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of counts that is to be reached on some set."""

    name: str
    set_name: str
    hits: Callable[[Counts], int]
    of: Callable[[Counts], int]
    at_least: float


_SHARES = (
    _Share("AUTO precision", "hard", lambda c: c.auto_right, lambda c: c.auto, 0.999),
    _Share("AUTO precision", "easy", lambda c: c.auto_right, lambda c: c.auto, 0.999),
    _Share("decidable found by AUTO", "easy", lambda c: c.decidable_found, lambda c: c.decidable, 0.97),
    _Share("decidable found by AUTO", "hard", lambda c: c.decidable_found, lambda c: c.decidable, 0.90),
    _Share("one transfer for several orders", "hard", lambda c: c.several_found, lambda c: c.several, 0.93),
    _Share("true orders among first three", "hard", lambda c: c.in_three, lambda c: c.findable, 0.99),
    _Share("true orders among first three", "easy", lambda c: c.in_three, lambda c: c.findable, 0.99),
)

HEAD = (
    "", "rows", "paying", "decidable", "AUTO", "AUTO right", "95 % from", "to", "wrong AUTO", "found",
    "1 for n", "n for 1", "first 3", "ties AUTO", "nothing AUTO", "misleading",
)  # fmt: skip


@dataclass(slots=True)
class Results:
    """All that was measured in one run."""

    facts: dict[str, Any]
    quality: Quality
    speed: list[Speed]

    def sets(self) -> list[str]:
        """Names of the sets measured."""
        return list(self.quality.command)

    def targets(self) -> list[Target]:
        """What was to be reached, and what was."""
        found = [self._share(each) for each in _SHARES]
        for name in self.sets():
            counts = self.quality.command[name].total()
            found.append(
                Target(f"ties decided by AUTO, {name}", "0", str(counts.ties_auto), counts.ties_auto == 0)
            )
        for speed in self.speed:
            limit = SPEED_TARGETS_S.get(speed.orders) or SPEED_TARGETS_S.get(_rounded(speed.orders))
            words = f"{speed.net_s:.2f} s ({speed.seconds:.2f} s with the start of the program)"
            found.append(
                Target(
                    f"{speed.orders:,} x {speed.mutations:,}, {speed.set_name}",
                    f"<= {limit:g} s" if limit else "",
                    words,
                    None if limit is None else speed.net_s <= limit,
                )
            )
        return found

    def _share(self, share: _Share) -> Target:
        name = f"{share.name}, {share.set_name}"
        needed = f">= {share.at_least:.1%}"
        judged = self.quality.command.get(share.set_name)
        if judged is None or not share.of(judged.total()):
            return Target(name, needed, "not measured", None)
        hits, of = share.hits(judged.total()), share.of(judged.total())
        low, high = wilson(hits, of)
        found = f"{hits / of:.2%} ({hits:,} of {of:,}; 95 %: {low:.2%} to {high:.2%})"
        return Target(name, needed, found, hits / of >= share.at_least)

    def rows(self) -> list[tuple[str, ...]]:
        """Each set, the command's and the yardstick's."""
        found = []
        for name in self.sets():
            found.append(row(name, self.quality.command[name].total()))
            found.append(row(f"{name}, amount and date alone", self.quality.naive[name].total()))
        if len(self.sets()) > 1:
            found.append(row("all", _sum(self.quality.command)))
            found.append(row("all, amount and date alone", _sum(self.quality.naive)))
        return found

    def kinds(self, name: str) -> list[tuple[str, ...]]:
        """Each kind of a set, the most frequent first."""
        by_kind = self.quality.command[name].by_kind
        ordered = sorted(by_kind, key=lambda kind: -by_kind[kind].mutations)
        return [row(kind, by_kind[kind]) for kind in ordered]

    def write(self, path: Path) -> None:
        """Writes results.json."""
        written = {
            "facts": self.facts,
            "targets": [asdict(target) for target in self.targets()],
            "speed": [
                asdict(each) | {"net_s": each.net_s, "rate_per_s": each.rate_per_s} for each in self.speed
            ],
            "sets": {
                name: {
                    "command": _counts(self.quality.command[name]),
                    "naive": _counts(self.quality.naive[name]),
                }
                for name in self.sets()
            },
        }
        path.write_text(json.dumps(written, indent=2) + "\n")


def row(name: str, counts: Counts) -> tuple[str, ...]:
    """Cells under `HEAD`."""
    low, high = wilson(counts.auto_right, counts.auto)
    return (
        name,
        f"{counts.mutations:,}",
        f"{counts.paying:,}",
        f"{counts.decidable:,}",
        f"{counts.auto:,}",
        percent(counts.auto_right, counts.auto),
        f"{low:.2%}" if counts.auto else "",
        f"{high:.2%}" if counts.auto else "",
        str(counts.auto - counts.auto_right),
        percent(counts.decidable_found, counts.decidable),
        percent(counts.several_found, counts.several),
        percent(counts.parts_found, counts.parts),
        percent(counts.in_three, counts.findable),
        f"{counts.ties_auto} of {counts.ties}" if counts.ties else "",
        f"{counts.nothing_auto} of {counts.nothing}" if counts.nothing else "",
        f"{counts.misleading_auto} of {counts.misleading}" if counts.misleading else "",
    )


def percent(hits: int, of: int) -> str:
    """A share with two digits, empty of nothing."""
    return f"{hits / of:.2%}" if of else ""


def _sum(judged: dict[str, Judged]) -> Counts:
    summed = Counts()
    for each in judged.values():
        summed.add(each.total())
    return summed


def _counts(judged: Judged) -> dict[str, Any]:
    kinds = {kind: asdict(counts) for kind, counts in sorted(judged.by_kind.items())}
    return {"total": asdict(judged.total()), "kinds": kinds}


def _rounded(orders: int) -> int:
    """A set may hold some orders more than asked for."""
    return next((size for size in SPEED_TARGETS_S if size <= orders < size * 1.01), 0)
