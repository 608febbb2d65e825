"""`kasir statement`: look at a bank's mutation file before it is imported, without a server."""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn
from rich.table import Table

from engine._core import StatementReader, format_amount, statement_formats
from server.statements.model import StatementError, StatementRow, StatementSummary
from server.statements.registry import FORMATS
from server.statements.streaming import Collected, Reading, row_of

# Exit statuses
BROKEN = 1
UNREADABLE = 2

# A table of more is for nobody's eyes.
TABLE_ROWS = 1_000
# Files of this size take long enough for a bar.
BAR_FROM_BYTES = 32 * 2**20

app = typer.Typer(
    help="Look at a bank's mutation file: which format it is, what is in it, whether it adds up.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def statement() -> None:
    """Look at a bank's mutation file: which format it is, what is in it, whether it adds up."""


@app.command()
def formats() -> None:
    """List the formats that are known, in the order in which they are tried."""
    for name, title in statement_formats():
        typer.echo(f"{name:22} {title}")


@app.command(
    epilog="Examples: kasir statement parse mutasi.csv · kasir statement parse mutasi.csv --json > rows.jsonl"
)
def parse(
    file: Annotated[Path, typer.Argument(help="The file as downloaded from the bank.", dir_okay=False)],
    format_name: Annotated[
        str,
        typer.Option("--format", help=f"One of {', '.join(FORMATS)}. Found by the content when left out."),
    ] = "",
    mapping: Annotated[
        Path | None,
        typer.Option(help="Which column of a free CSV is which, TOML or JSON.", dir_okay=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, for other programs.")
    ] = False,
    today: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Day of the download, for dates without a year. Default: today."
        ),
    ] = None,
) -> None:
    """Print the mutations of FILE; the last line, on standard error, tells whether its sums add up.

    Exit status 0 when they do or the format has none, 1 when they do not or rows are unreadable (what could
    be read is printed), 2 when the file is no statement.
    """
    day = today.date() if today else dt.datetime.now().astimezone().date()
    try:
        words = mapping.read_text("utf-8") if mapping else None
        reading = Reading(day, format_name or None, words)
        with file.open("rb") as opened:
            size = file.stat().st_size
            reader = reading.reader(opened, "lines" if as_json else "rows")
            with _bar(reader, size) as advanced:
                summaries = _print(reader, advanced)
    except UnicodeDecodeError:
        typer.echo(f"{mapping}: the column mapping is no text in UTF-8", err=True)
        raise typer.Exit(UNREADABLE) from None
    except OSError as error:
        typer.echo(f"{error.filename or file}: {error.strerror or error}", err=True)
        raise typer.Exit(UNREADABLE) from None
    except StatementError as error:
        typer.echo(f"{file}: {error} [{error.reason}]", err=True)
        raise typer.Exit(BROKEN if error.reason == "STATEMENT_BROKEN" else UNREADABLE) from None
    for found in summaries:
        _tell(found)
    if not all(found.adds_up for found in summaries):
        raise typer.Exit(BROKEN)


def _print(reader: StatementReader, advanced: Any) -> list[StatementSummary]:
    """Prints rows as they come; returns what is known of the accounts at the end."""
    collected = Collected()
    tables: dict[int, list[StatementRow]] = {}
    for piece in reader:
        advanced()
        match piece:
            case ("lines", lines):
                typer.echo(lines, nl=False)
            case ("rows", rows):
                for told in rows:
                    shown = tables.setdefault(told[0], [])
                    if len(shown) < TABLE_ROWS:
                        shown.append(row_of(told))
            case _:
                collected.take(piece)
    summaries = [collected.summary(account) for account in range(len(collected.accounts))]
    for account, shown in tables.items():
        found = summaries[account]
        Console().print(_table(found, shown))
        if left := found.row_count - len(shown):
            typer.echo(f"and {left:,} rows more: --json prints all of them")
    return summaries


@contextmanager
def _bar(reader: StatementReader, size: int) -> Iterator[Any]:
    """Calls back to a bar on standard error, when somebody watches and it takes long."""
    if size < BAR_FROM_BYTES or not sys.stderr.isatty():
        yield lambda: None
        return
    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task: TaskID = progress.add_task("", total=size)
        yield lambda: progress.update(task, completed=reader.taken())


def _tell(found: StatementSummary) -> None:
    for problem in found.problems:
        typer.echo(f"line {problem.row}: {problem.reason}" if problem.row else problem.reason, err=True)
    left = found.problem_count - len(found.problems)
    if left:
        typer.echo(f"and {left} problems more", err=True)
    typer.echo(_summary(found), err=True)


def _table(found: StatementSummary, rows: list[StatementRow]) -> Table:
    table = Table(box=SIMPLE, title=f"{found.format} · {found.account_number} · {found.currency}")
    table.add_column("Line", justify="right")
    table.add_column("Date", no_wrap=True)
    table.add_column("Amount", justify="right", no_wrap=True)
    table.add_column("Balance", justify="right", no_wrap=True)
    table.add_column("Status")
    table.add_column("Description", overflow="fold", min_width=24)
    for row in rows:
        balance = "" if row.balance_minor is None else format_amount(row.balance_minor, found.currency)
        amount = format_amount(row.amount_minor, found.currency)
        status = "PENDING" if row.pending else "POSTED"
        words = " ".join(row.description.split())
        table.add_row(str(row.row), row.date.isoformat(), amount, balance, status, words)
    return table


def _summary(found: StatementSummary) -> str:
    def shown(minor: int | None) -> str:
        return "none" if minor is None else format_amount(minor, found.currency)

    if not found.adds_up:
        verdict = f"does NOT add up: {found.problem_count} problems"
    elif found.sums_checked:
        verdict = "adds up"
    else:
        verdict = "has no balances to check"
    return (
        f"{found.format}: {found.row_count} rows, "
        f"opening balance {shown(found.opening_balance_minor)}, "
        f"closing balance {shown(found.closing_balance_minor)}, {verdict}"
    )
