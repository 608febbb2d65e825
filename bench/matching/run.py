"""Runs matchers over test sets: the command under test by its files, the yardstick beside it."""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from bench.matching import naive
from bench.matching.files import (
    Match,
    MatchingError,
    TestSet,
    read_matches,
    write_matches,
    write_set,
    write_truth,
)
from bench.matching.generate import generate
from bench.matching.measure import Judged, judge

KASIR = f"{shlex.quote(str(Path(sys.executable).parent / 'kasir'))} match"
# A matcher that takes longer has failed.
MOST_SECONDS = 600
TIMED_RUNS = 3


@dataclass(slots=True)
class Quality:
    """What was measured, by set, of the command and of the yardstick beside it."""

    command: dict[str, Judged] = field(default_factory=dict)
    naive: dict[str, Judged] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Speed:
    """Wall time of the command over one set, the least of some runs."""

    set_name: str
    orders: int
    mutations: int
    seconds: float
    """With starting up, reading and writing."""
    start_s: float
    """The same command on two empty files."""
    naive_s: float
    """The yardstick in this process, files not counted."""

    @property
    def net_s(self) -> float:
        """Without starting up."""
        return max(self.seconds - self.start_s, 1e-9)

    @property
    def rate_per_s(self) -> float:
        """Mutations a second, without starting up."""
        return self.mutations / self.net_s


def run_command(command: str, folder: Path) -> float:
    """Lets the command match the set in `folder`, into matches.jsonl beside it; returns wall seconds.
    MatchingError when it fails or takes too long.
    """
    words = [
        *shlex.split(command),
        *("--orders", str(folder / "orders.jsonl"), "--mutations", str(folder / "mutations.jsonl")),
        *("--out", str(folder / "matches.jsonl")),
    ]
    began = perf_counter()
    try:
        finished = subprocess.run(words, capture_output=True, text=True, check=False, timeout=MOST_SECONDS)
    except FileNotFoundError as error:
        raise MatchingError(f"no such program: {words[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise MatchingError(f"not done after {MOST_SECONDS} s: {command}") from error
    seconds = perf_counter() - began
    if finished.returncode != 0:
        raise MatchingError(f"{command}: status {finished.returncode}\n{finished.stderr.strip()[-2_000:]}")
    return seconds


def measure(
    command: str,
    sets: Iterable[tuple[str, int]],
    size: int,
    *,
    keep: Path | None,
    tell: Callable[[str], None],
) -> Quality:
    """Judges the command and the yardstick on each (set, seed). `keep` holds the files afterwards."""
    quality = Quality()
    for name, seed in sets:
        tell(f"{name} {seed}")
        made = generate(name, seed, size)
        with _folder(keep, f"{name}-{seed}") as folder:
            write_set(made, folder)
            run_command(command, folder)
            judged = judge(made, read_matches(folder / "matches.jsonl"))
            plain = naive.match(made.orders, made.mutations)
            if keep is not None:
                write_truth(made, folder)
                write_matches(plain, folder / "naive.jsonl")
        quality.command.setdefault(name, Judged()).add(judged)
        quality.naive.setdefault(name, Judged()).add(judge(made, _by_id(plain)))
    return quality


def measure_speed(
    command: str, sets: Iterable[str], sizes: Iterable[int], tell: Callable[[str], None]
) -> list[Speed]:
    """Times the command at each size; each set has about as many mutations as orders."""
    with _folder(None, "") as folder:
        write_set(TestSet("empty", 0, [], [], []), folder)
        start_s = min(run_command(command, folder) for _ in range(TIMED_RUNS))
    return [_timed(command, name, size, start_s, tell) for name in sets for size in sizes]


def _timed(command: str, name: str, size: int, start_s: float, tell: Callable[[str], None]) -> Speed:
    tell(f"speed: {name}, {size:,} orders")
    made = generate(name, 1, size, judged=False)
    with _folder(None, "") as folder:
        write_set(made, folder)
        seconds = min(run_command(command, folder) for _ in range(TIMED_RUNS))
        if len(read_matches(folder / "matches.jsonl")) != len(made.mutations):
            raise MatchingError(f"not one line a mutation: {name}, {size:,} orders")
    began = perf_counter()
    naive.match(made.orders, made.mutations)
    return Speed(name, len(made.orders), len(made.mutations), seconds, start_s, perf_counter() - began)


def _by_id(matches: Iterable[Match]) -> dict[str, Match]:
    return {match.mutation_id: match for match in matches}


@contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    if keep is not None:
        folder = keep / name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="kasir-matching-") as made:
        yield Path(made)
