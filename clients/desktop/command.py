"""What the commands that open a window share. Qt is not read here: `--help` needs none."""

from typing import Annotated

import typer

from clients.common.commands import PANEL
from clients.common.station import STATION_VARIABLE

Station = Annotated[
    str,
    typer.Option(
        "--station",
        envvar=STATION_VARIABLE,
        metavar="unix:PATH",
        help="Where this machine's agent serves its scanners.",
        rich_help_panel=PANEL,
    ),
]


def window_app(name: str) -> typer.Typer:
    """An app of one command, which opens a window."""
    return typer.Typer(
        name=name,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
