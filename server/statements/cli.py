"""`kasir statement`: look at a bank's mutation file before it is imported, without a server."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from server.statements.model import Statement, StatementError, StatementRow
from server.statements.money import format_amount
from server.statements.registry import FORMATS, parse_all

# Exit statuses
BROKEN = 1
UNREADABLE = 2

_PIECE_BYTES = 2**20

app = typer.Typer(
    help="Look at a bank's mutation file: which format it is, what is in it, whether it adds up.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def statement() -> None:
    """Look at a bank's mutation file: which format it is, what is in it, whether it adds up."""


@app.command(
    epilog="Examples: kasir statement parse mutasi.csv · kasir statement parse mutasi.csv --json > rows.jsonl"
)
def parse(
    file: Annotated[Path, typer.Argument(help="The file as downloaded from the bank.", dir_okay=False)],
    format_name: Annotated[
        str,
        typer.Option("--format", help=f"One of {', '.join(FORMATS)}. Found by the content when left out."),
    ] = "",
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
        statements = parse_all(_pieces(file), format=format_name or None, today=day)
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(UNREADABLE) from None
    except StatementError as error:
        typer.echo(f"{file}: {error} [{error.reason}]", err=True)
        raise typer.Exit(BROKEN if error.reason == "STATEMENT_BROKEN" else UNREADABLE) from None
    for found in statements:
        if as_json:
            _print_json(found)
        else:
            Console().print(_table(found))
        for problem in found.problems:
            typer.echo(f"line {problem.row}: {problem.reason}" if problem.row else problem.reason, err=True)
        left = found.problem_count - len(found.problems)
        if left:
            typer.echo(f"and {left} problems more", err=True)
        typer.echo(_summary(found), err=True)
    if not all(found.adds_up for found in statements):
        raise typer.Exit(BROKEN)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            yield piece


def as_object(statement: Statement, row: StatementRow) -> dict[str, Any]:
    """One mutation as its JSON line: amounts in signed minor units, money in positive."""
    return {
        "account": statement.account_number,
        "currency": statement.currency,
        "date": row.date.isoformat(),
        "value_date": row.value_date.isoformat() if row.value_date else None,
        "amount_minor": row.amount_minor,
        "balance_minor": row.balance_minor,
        "status": _status(row),
        "description": row.description,
        "bank_reference": row.bank_reference,
        "counterparty": row.counterparty,
        "row": row.row,
    }


def _print_json(statement: Statement) -> None:
    for row in statement.rows:
        typer.echo(json.dumps(as_object(statement, row), ensure_ascii=False))


def _table(statement: Statement) -> Table:
    table = Table(box=SIMPLE, title=f"{statement.format} · {statement.account_number} · {statement.currency}")
    table.add_column("Line", justify="right")
    table.add_column("Date", no_wrap=True)
    table.add_column("Amount", justify="right", no_wrap=True)
    table.add_column("Balance", justify="right", no_wrap=True)
    table.add_column("Status")
    table.add_column("Description", overflow="fold", min_width=24)
    for row in statement.rows:
        balance = "" if row.balance_minor is None else format_amount(row.balance_minor, statement.currency)
        amount = format_amount(row.amount_minor, statement.currency)
        words = " ".join(row.description.split())
        cells = (row.date.isoformat(), amount, balance, _status(row), words)
        table.add_row(str(row.row), *cells)
    return table


def _status(row: StatementRow) -> str:
    return "PENDING" if row.pending else "POSTED"


def _summary(statement: Statement) -> str:
    def shown(minor: int | None) -> str:
        return "none" if minor is None else format_amount(minor, statement.currency)

    if not statement.adds_up:
        verdict = f"does NOT add up: {statement.problem_count} problems"
    elif statement.sums_checked:
        verdict = "adds up"
    else:
        verdict = "has no balances to check"
    return (
        f"{statement.format}: {len(statement.rows)} rows, "
        f"opening balance {shown(statement.opening_balance_minor)}, "
        f"closing balance {shown(statement.closing_balance_minor)}, {verdict}"
    )
