"""`kasir restore`: a store made from a snapshot, in a new directory."""

from pathlib import Path
from typing import Annotated

import typer

from engine import Engine, EngineError

Source = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="A snapshot (kasir admin snapshot).")
]
Target = Annotated[
    Path, typer.Option("--data", file_okay=False, help="Where the store shall stand: new or empty.")
]


def restore(snapshot: Source, data: Target) -> None:
    """Make a store from a snapshot. The snapshot's seal and every invariant are checked first.

    \b
    Examples:
      kasir restore data/snapshots/monday --data restored
      kasir serve --data restored
    """  # noqa: D301 (\b: what follows keeps its lines)
    try:
        made = Engine.restore(snapshot, data)
    except EngineError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{data}: the store as it was at revision {made['revision']}. Next: kasir serve --data {data}")
