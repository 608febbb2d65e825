"""`python -m bench.matching`: measures `kasir match` on sets with truth."""

import datetime as dt
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import machine
from bench.matching import report, run
from bench.matching.files import MatchingError, write_set, write_truth
from bench.matching.generate import DEFAULT_SIZE, SETS, generate
from bench.matching.results import SPEED_TARGETS_S, Results

OUT = Path("out/bench-match")
REPORTED_SEEDS = "1-20"
MOST_SEEDS = 10_000

Found = TypeVar("Found")

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
# Wide where nobody watches: a log wraps nothing.
console = Console() if sys.stdout.isatty() else Console(width=200)


def seeds_of(words: str) -> list[int]:
    """The numbers of "1-20" or "1,5,1000-1004". BadParameter for anything else."""
    found: list[int] = []
    for word in words.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", word.strip())
        if match is None:
            raise typer.BadParameter(
                f"not seeds: {words!r}; e.g. 1-20 or 1,5,1000-1004", param_hint="--seeds"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + MOST_SEEDS:
            raise typer.BadParameter(f"no such range: {word!r}", param_hint="--seeds")
        found += range(first, last + 1)
    return found


def sets_of(words: str) -> list[str]:
    """The sets of "easy,hard". BadParameter for a name that is none."""
    found = [word.strip() for word in words.split(",")]
    if any(word not in SETS for word in found):
        raise typer.BadParameter(f"sets are {', '.join(SETS)}, not {words!r}", param_hint="--sets")
    return found


@app.command()
def main(
    seeds: Annotated[
        str, typer.Option(help="1 to 20 are what is reported; take 1000 to 1999 for looking at mistakes.")
    ] = REPORTED_SEEDS,
    sets: Annotated[str, typer.Option(help="Sets to measure on, with commas between.")] = ",".join(SETS),
    size: Annotated[int, typer.Option(min=20, max=200_000, help="Orders in a set, about.")] = DEFAULT_SIZE,
    command: Annotated[
        str, typer.Option(help="What matches; --orders, --mutations and --out are added to it.")
    ] = run.KASIR,
    speed: Annotated[
        bool, typer.Option("--speed", help="Time 10,000 and 100,000 orders too, each with as many mutations.")
    ] = False,
    mistakes: Annotated[int, typer.Option(min=0, help="Print so many mistakes of each set.")] = 0,
    keep: Annotated[
        Path | None, typer.Option(help="Keep orders, mutations, truth and matches of every set here.")
    ] = None,
    only_files: Annotated[
        bool, typer.Option("--only-files", help="Write the sets to --keep and match nothing.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where report.html and results.json go.")] = OUT,
) -> None:
    r"""Measure how well bank mutations are matched to orders, on made sets whose truth is known.

    \b
    Examples:
      python -m bench.matching
      python -m bench.matching --speed
      python -m bench.matching --sets hard --seeds 1000-1004 --mistakes 20
      python -m bench.matching --seeds 1000 --keep out/sets --only-files
      python -m bench.matching --command "python -m bench.matching.naive"
    """
    wanted = [(name, seed) for name in sets_of(sets) for seed in seeds_of(seeds)]
    if only_files and keep is None:
        raise typer.BadParameter("say where: --keep FOLDER", param_hint="--only-files")
    try:
        if only_files and keep is not None:
            _with_progress(len(wanted), lambda tell: _write(wanted, size, keep, tell))
            return
        results = _with_progress(
            len(wanted) + (2 * len(sets_of(sets)) if speed else 0),
            lambda tell: _measured(command, wanted, size, speed=speed, keep=keep, tell=tell),
        )
    except MatchingError as error:
        typer.echo(f"bench.matching: {error}", err=True)
        raise typer.Exit(1) from None
    results.facts |= {"seeds": seeds, "size": size, "command": command}
    out.mkdir(parents=True, exist_ok=True)
    results.write(out / "results.json")
    report.write_html(results, out / "report.html")
    for judged in results.quality.command.values() if mistakes else ():
        report.show_mistakes(judged, mistakes, console)
    report.show(results, console)
    console.print(f"Written: {out / 'results.json'}, {out / 'report.html'}")


def _measured(
    command: str,
    wanted: list[tuple[str, int]],
    size: int,
    *,
    speed: bool,
    keep: Path | None,
    tell: Callable[[str], None],
) -> Results:
    facts = machine.facts(Path.cwd()) | {
        "measured": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "load_before": round(machine.load_average(), 2),
    }
    quality = run.measure(command, wanted, size, keep=keep, tell=tell)
    names = list(dict.fromkeys(name for name, _ in wanted))
    timed = run.measure_speed(command, names, SPEED_TARGETS_S, tell) if speed else []
    return Results(facts, quality, timed)


def _write(wanted: list[tuple[str, int]], size: int, keep: Path, tell: Callable[[str], None]) -> None:
    for name, seed in wanted:
        tell(f"{name} {seed}")
        made, folder = generate(name, seed, size), keep / f"{name}-{seed}"
        write_set(made, folder)
        write_truth(made, folder)


def _with_progress(steps: int, work: Callable[[Callable[[str], None]], Found]) -> Found:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=steps)
        begun = False

        def tell(what: str) -> None:
            nonlocal begun
            progress.update(task, description=what, advance=1 if begun else 0)
            begun = True

        found = work(tell)
        progress.update(task, completed=steps)
        return found


if __name__ == "__main__":
    app(prog_name="python -m bench.matching")
