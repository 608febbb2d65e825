"""Rows a second that the readers of bank files read, beside the best MT940 library of Python.

    python -m bench.statement_rate
    python -m bench.statement_rate --rows 1000000 --without-peer

Writes one generated MT940 and one KlikBCA file of `--rows` rows into a temporary directory, reads each
`--runs` times and prints the median, by the clock and by the CPU time of all threads, which other programs on
the machine disturb less. `sums` reads, numbers and checks every row and keeps none; `rows` hands each to
Python too. The peer, `mt-940` of PyPI, is installed into a virtual environment in the same directory and
reads the same MT940 file in the same run; the ratio is that of the medians.
"""

import argparse
import datetime as dt
import statistics
import subprocess
import tempfile
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Literal

from engine._core import StatementReader

PEER = "mt-940==5.1.1"
PEER_PROGRAM = """
import sys, time
import mt940
started, spent = time.perf_counter(), time.process_time()
transactions = mt940.parse(sys.argv[1])
print(len(transactions), time.perf_counter() - started, time.process_time() - spent)
"""
MAX_BYTES = 2**31
BATCH = 5_000
GIVES: tuple[Literal["sums", "rows"], ...] = ("sums", "rows")
TODAY = dt.date(2026, 11, 26)
NAMES = ("BUDI SANTOSO", "SITI RAHAYU", "AGUS WIJAYA", "DEWI LESTARI", "RINA KURNIAWAN")


def amount_minor(index: int) -> int:
    """Minor units of a row: every third one is money out."""
    minor = 100_000 + index * 7_919 % 90_000_000
    return -minor if index % 3 == 0 else minor


def write_mt940(path: Path, rows: int) -> None:
    """One statement of `rows` mutations with their texts, in the structure that German banks write."""
    balance = 0
    with path.open("w", newline="\r\n") as file:
        file.write(":20:STARTUMS\n:25:87052000/123456789\n:28C:1/1\n:60F:C261101IDR0,00\n")
        for index in range(rows):
            minor = amount_minor(index)
            balance += minor
            day, size = index % 26 + 1, abs(minor)
            mark = "D" if minor < 0 else "C"
            file.write(
                f":61:2611{day:02}11{day:02}{mark}{size // 100},{size % 100:02}NTRFNONREF//B{index:015}\n"
                f":86:166?00GUTSCHRIFT?20SVWZ+ORDER {index}?21PEMBAYARAN KAOS"
                f"?30BCAIDJA?31123{index:09}?32{NAMES[index % 5]}\n"
            )
        mark = "D" if balance < 0 else "C"
        file.write(f":62F:{mark}261126IDR{abs(balance) // 100},{abs(balance) % 100:02}\n-\n")


def write_klikbca(path: Path, rows: int) -> None:
    """One account's export of `rows` mutations with running balances."""
    opening = balance = 10**12
    totals = {"CR": 0, "DB": 0}
    with path.open("w") as file:
        file.write("Account No.,=,'0111222333\nName,=,TOKO\nCurrency,=,IDR\n\n")
        file.write("Date,Description,Branch,Amount,,Balance\n")
        for index in range(rows):
            minor = amount_minor(index)
            mark = "DB" if minor < 0 else "CR"
            balance += minor
            totals[mark] += abs(minor)
            day = index % 26 + 1
            text = f"TRSF E-BANKING {mark} {day:02}11/FTSCY/WS{index:08}    ORDER {index}{NAMES[index % 5]}"
            file.write(f"'{day:02}/11/2026,{text},'0000,{_point(abs(minor))},{mark},{_point(balance)}\n")
        file.write(f"Starting Balance,=,{_point(opening)}\nCredit,=,{_point(totals['CR'])}\n")
        file.write(f"Debet,=,{_point(totals['DB'])}\nEnding Balance,=,{_point(balance)}\n")


def _point(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def read(path: Path, give: Literal["rows", "sums"]) -> int:
    """Reads a file through and returns how many rows it holds; a file that does not add up is an error."""
    count = 0
    reader = StatementReader(
        path,
        format=None,
        mapping=None,
        today=TODAY.toordinal(),
        max_bytes=MAX_BYTES,
        give=give,
        batch=BATCH,
    )
    for event in reader:
        if event[0] in ("broken", "unrecognised"):
            raise SystemExit(f"{path.name}: {event[1]}")
        if event[0] == "end":
            _, _, (_, _, rows, _), problems, (problem_count, _) = event
            if problem_count:
                raise SystemExit(f"{path.name}: {problems[0][1]}")
            count += rows
    return count


@dataclass(frozen=True)
class Rate:
    """Median rows a second of several runs."""

    clock: float
    """Of the time that passed."""
    cpu: float
    """Of the CPU time of all threads."""

    @classmethod
    def of(cls, rows: int, seconds: Sequence[tuple[float, float]]) -> "Rate":
        """`seconds`: by the clock and of CPU time, of each run."""
        return cls(*(rows / statistics.median(each) for each in zip(*seconds, strict=True)))

    def __str__(self) -> str:
        return f"{self.clock:12,.0f} rows/s {self.cpu:12,.0f} rows/CPU s"


def rate(runs: int, rows: int, run: Callable[[], int]) -> Rate:
    """Measures a reading, which returns how many rows it found."""
    seconds = []
    for _ in range(runs):
        started, spent = perf_counter(), process_time()
        found = run()
        seconds.append((perf_counter() - started, process_time() - spent))
        if found != rows:
            raise SystemExit(f"{found} rows were read of {rows}")
    return Rate.of(rows, seconds)


def peer_rate(directory: Path, path: Path, rows: int, runs: int) -> Rate:
    """Measures the peer; start and imports are not counted."""
    home = directory / "peer"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
    seconds = []
    for _ in range(runs):
        command = [str(python), "-c", PEER_PROGRAM, str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        if int(said[0]) != rows:
            raise SystemExit(f"the peer read {said[0]} rows of {rows}")
        seconds.append((float(said[1]), float(said[2])))
    return Rate.of(rows, seconds)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.statement_rate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=200_000, help="rows of each file (default %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each reading (default %(default)s)")
    parser.add_argument("--without-peer", action="store_true", help="measure our readers only")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kasir-statement-rate-") as name:
        directory = Path(name)
        mt940, klikbca = directory / "statement.sta", directory / "klikbca.csv"
        write_mt940(mt940, asked.rows)
        write_klikbca(klikbca, asked.rows)
        rates = {}
        for path in (mt940, klikbca):
            for give in GIVES:
                found = rate(asked.runs, asked.rows, partial(read, path, give))
                rates[path, give] = found
                print(f"{path.stem:9} {give:4} {found}  ({path.stat().st_size / 1e6:.0f} MB)")
        if not asked.without_peer:
            theirs = peer_rate(directory, mt940, asked.rows, asked.runs)
            print(f"{mt940.stem:9} peer {theirs}  ({PEER})")
            for give in GIVES:
                ours = rates[mt940, give]
                by_clock, by_cpu = ours.clock / theirs.clock, ours.cpu / theirs.cpu
                print(f"ratio of {give}: {by_clock:.1f} by the clock, {by_cpu:.1f} by CPU time")


if __name__ == "__main__":
    main()
