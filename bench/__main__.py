"""`python -m bench`: the whole benchmark, and its parts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from bench import cells, compare, due, floors, growth, machine, report
from bench.kasir_server import ROOT, KasirServer
from bench.measure import BenchError, Window
from bench.ports import LOOPBACK
from bench.results import Results
from bench.run import Bench, Plan

OUT = Path("out/bench")
QUICK = Window(0.5, 1.5)
FULL = Window(0.5, 2.5)
FLOOR_S = 1.0

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    help="Kasir measured beside PostgreSQL, Redis and SQLite, and TigerBeetle where the environment's "
    "TIGERBEETLE names its program: the same durable work, on the same disk, in the same run.",
)
# Wide where nobody watches: a log wraps nothing.
console = Console() if sys.stdout.isatty() else Console(width=160)

ScratchOption = Annotated[
    Path, typer.Option(help="Where the stores measured lie; on the disk that is to be measured.")
]


def _give_up(error: BenchError) -> None:
    typer.echo(f"bench: {error}", err=True)
    raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer cells and short: shows that it runs, under three minutes.")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; every figure is their median.")] = 3,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.5, help="Seconds to measure a cell in a round.  [default: 2.5; quick 1.5]"),
    ] = None,
    only: Annotated[
        str, typer.Option(help="Only cells whose name has all these words, e.g. 'unary hold'.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Where results.json and report.html go.")] = OUT,
    scratch: ScratchOption = OUT / "scratch",
    patience: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds a cell may wait for a quiet machine and be measured again, each round."
        ),
    ] = 0.0,
    priority: Annotated[
        int,
        typer.Option(
            "--nice",
            min=-20,
            max=19,
            help="Priority of all that is measured; below 0 for root, on busy machines.",
        ),
    ] = 0,
) -> None:
    r"""Run the benchmark.

    \b
    Examples:
      python -m bench
      python -m bench --quick
      python -m bench --only "booking uniform" --rounds 5
      python -m bench floors
    """
    if context.invoked_subcommand is not None:
        return
    words = only.split()
    chosen = [
        cell
        for cell in cells.available(quick)
        if all(word in cell.name.split() or word in cell.name for word in words)
    ]
    if not chosen:
        raise typer.BadParameter(f"no cell has the words {only!r}", param_hint="--only")
    usual = QUICK if quick else FULL
    window = Window(usual.warm_up_s, seconds or usual.seconds)
    os.nice(priority)
    try:
        results = _measured(Plan(chosen, rounds, window, patience), scratch)
    except BenchError as error:
        _give_up(error)
        return
    out.mkdir(parents=True, exist_ok=True)
    results.write(out / "results.json")
    report.write_html(results, out / "report.html")
    report.show(results, console)
    console.print(f"Written: {out / 'results.json'}, {out / 'report.html'}")


def _measured(plan: Plan, scratch: Path) -> Results:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        facts = machine.facts(scratch)
        facts |= {"load_before": round(machine.load_average(), 2), "nice": os.nice(0)}
        facts["fdatasync"] = floors.sync_times(scratch, FLOOR_S / 4)
        facts["lmdb_commit"] = floors.commit_times(scratch, FLOOR_S / 4)
        results = Results(facts)
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=plan.steps)

            def tell(what: str, done: int) -> None:
                progress.update(task, description=what, completed=done)

            Bench(plan, scratch, results, tell).run()
        return results
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@app.command("growth")
def growth_command(
    orders: Annotated[
        str, typer.Option(help="Sizes to measure at: numbers of orders, with commas between.")
    ] = "10000,100000,1000000",
    items: Annotated[int, typer.Option(min=2, help="Items in the catalogue.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=0.5, help="Seconds to measure a rate.")] = FULL.seconds,
    out: Annotated[Path, typer.Option(help="Where growth.json goes.")] = OUT,
    scratch: ScratchOption = OUT / "scratch",
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the shops in --scratch, and measure those that are there.")
    ] = False,
) -> None:
    """Let a shop grow, to ten million orders if you like, and measure what its size costs."""
    sizes = [int(word) for word in orders.split(",")]
    if not keep:
        shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        facts = machine.facts(scratch)
        found = growth.in_child(growth.Task(str(scratch), items, sizes, seconds, keep))
    except BenchError as error:
        _give_up(error)
        return
    finally:
        if not keep:
            shutil.rmtree(scratch, ignore_errors=True)
    rows, judged = [asdict(size) for size in found], growth.verdicts(found)
    out.mkdir(parents=True, exist_ok=True)
    written = {"machine": facts, "sizes": rows, "targets": [asdict(verdict) for verdict in judged]}
    (out / "growth.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    _print_rows("What a shop's size costs", rows)
    for verdict in judged:
        reached = "[green]reached" if verdict.reached else "[red]not reached"
        console.print(f"{verdict.name}: {verdict.found}, {verdict.needed} wanted, {reached}")


@app.command("compare")
def compare_command(
    results: Annotated[Path, typer.Option(help="What is new.")] = OUT / "results.json",
    baseline: Annotated[Path, typer.Option(help="What it is compared with.")] = compare.BASELINE,
    keep: Annotated[bool, typer.Option("--keep", help="Store the new results as the baseline.")] = False,
) -> None:
    """Show what changed between two runs, as ratios: the stored baseline and the last one."""
    try:
        new = compare.latest(results)
        if keep:
            compare.keep(new, baseline)
            console.print(f"Stored: {baseline}")
        else:
            compare.show(compare.read(baseline), new, console)
    except BenchError as error:
        _give_up(error)


@app.command("due")
def due_command(
    runs: Annotated[int, typer.Option(min=1, max=20, help="Runs; every figure is their median.")] = 5,
    deadlines: Annotated[int, typer.Option(min=1, help="How many fall due at once.")] = 100_000,
    out: Annotated[Path, typer.Option(help="Where due.json goes.")] = OUT,
    scratch: ScratchOption = OUT / "scratch",
) -> None:
    """Let 100,000 holds, then bookings, fall due at one instant; shows how long callers wait."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        facts = machine.facts(scratch) | {"load_before": round(machine.load_average(), 2)}
        found = due.measure(runs, deadlines, scratch)
    except BenchError as error:
        _give_up(error)
        return
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    facts["load_after"] = round(machine.load_average(), 2)
    waits = due.summary(found)
    written = {"machine": facts, "waits": [asdict(each) for each in waits], "runs": found}
    out.mkdir(parents=True, exist_ok=True)
    (out / "due.json").write_text(json.dumps(written, indent=2) + "\n")
    _print_rows("Deadlines that fall due at once", [asdict(each) for each in waits])
    for each in waits:
        reached = "[green]reached" if each.reached else "[red]not reached"
        console.print(f"{each.name}: at most {each.max_ms} ms, {due.MOST_WAIT_MS} wanted, {reached}")


@app.command("floors")
def floors_command(
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds for each size.")] = FLOOR_S,
    scratch: ScratchOption = OUT / "scratch",
) -> None:
    """Measure this disk: fdatasync and bare LMDB commits, by size."""
    scratch.mkdir(parents=True, exist_ok=True)
    console.print(f"{machine.file_system(scratch)} at {scratch}, load average {machine.load_average():.1f}")
    try:
        _print_rows("fdatasync after writing", floors.sync_times(scratch, seconds))
        _print_rows("bare LMDB commit, four puts a command", floors.commit_times(scratch, seconds))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(v if isinstance(v, str) else f"{v:,.10g}" for v in row.values()))
    console.print(table)


@app.command("boundary")
def boundary(
    arguments: Annotated[list[str] | None, typer.Argument(help="More words for pytest.")] = None,
) -> None:
    """Measure the line between Python and Rust with pytest-benchmark: one commit, one query, one record."""
    path = ROOT / "bench" / "test_boundary.py"
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(path),
        "--benchmark-only",
        "--timeout=0",
        *(arguments or []),
    ]
    raise typer.Exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


@app.command("locust")
def locust(
    users: Annotated[int, typer.Option(min=1, help="People at work at once.")] = 20,
    seconds: Annotated[int, typer.Option(min=1, help="How long.")] = 20,
    host: Annotated[
        str, typer.Option(help="host:port of a running server; without, one is started on an empty store.")
    ] = "",
    page: Annotated[
        bool,
        typer.Option(
            "--page/--headless", help="Watch on locust's own page, until Ctrl-C, or only print a summary."
        ),
    ] = False,
) -> None:
    """Let customer service, tills, warehouse and courier work a shop over gRPC; shows how long they wait."""
    how = ["--web-host", LOOPBACK]
    if not page:
        how = ["--headless", "--run-time", f"{seconds}s", "--only-summary", "--exit-code-on-error", "1"]
    if host:
        raise typer.Exit(_locust(host, users, how))
    with tempfile.TemporaryDirectory(prefix="kasir-locust-") as folder:
        try:
            with KasirServer(Path(folder) / "store") as server:
                status = _locust(server.target, users, how)
        except BenchError as error:
            _give_up(error)
            return
    raise typer.Exit(status)


def _locust(target: str, users: int, how: list[str]) -> int:
    command = [
        *(sys.executable, "-m", "locust", "--locustfile", str(ROOT / "bench" / "locustfile.py")),
        *("--host", target, "--users", str(users), "--spawn-rate", str(users), *how),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    app(prog_name="python -m bench")
