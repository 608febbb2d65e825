"""What a program on this machine can ask of its scanners, displays and scales, on the command line.

The agent that drives them (`kasir hardware run`) answers on a unix socket; no server is needed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import grpc
import typer

from clients.common.commands import (
    EXIT_REFUSED,
    PANEL,
    AsJson,
    Refused,
    epilog,
    new_app,
    plain_failures,
    tell,
)
from clients.common.money import parse_money
from clients.common.output import Output
from clients.common.plain_words import sentence
from clients.common.problems import CallFailed
from clients.common.scan_view import scan_line
from clients.common.station import STATION_VARIABLE, Station, station_address
from kasir.v1.station_pb2 import DisplayLine

# Somebody who looks on is told this often that nobody answers.
_TELL_S = 5.0

At = Annotated[
    str,
    typer.Option(
        "--station",
        envvar=STATION_VARIABLE,
        metavar="unix:PATH",
        help="Where the agent serves its devices.",
        rich_help_panel=PANEL,
    ),
]

scans_app = new_app("scans", "Scans as they are read.")
weigh_app = new_app("weigh", "A weight.")
show_app = new_app("show", "Lines for the customer.")


@contextmanager
def opened(output: Output, at: str) -> Iterator[Station]:
    """The station for as long as one command runs; its failures in plain words."""
    told_at = float("-inf")

    def waiting(failed: CallFailed, _pause_s: float) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_S:
            told_at = time.monotonic()
            output.say(f"{_words(failed, station.address)} Waiting …", "dim")

    with plain_failures(output), Station(station_address(at), waiting) as station:
        try:
            yield station
        except CallFailed as failed:
            tell(output, _words(failed, station.address), failed)
            raise typer.Exit(EXIT_REFUSED) from None


def _words(failed: CallFailed, address: str) -> str:
    if failed.code is grpc.StatusCode.UNAVAILABLE and not failed.reason:
        return f"No agent serves devices at {address}. Does 'kasir hardware run' run?"
    return sentence(failed, lambda kind, ident: f"{kind} {ident}", address)


@scans_app.command(
    "scans",
    epilog=epilog(["kasir hardware scans", "kasir hardware scans --scanner counter --count 1 --json"]),
)
def scans(
    scanner: Annotated[str, typer.Option(help="Only this one's; else all.")] = "",
    count: Annotated[int, typer.Option(min=0, help="End after so many; 0 goes on until Ctrl-C.")] = 0,
    *,
    at: At = "",
    as_json: AsJson = False,
) -> None:
    """Show each scan of this machine's scanners as it is read, with what it means."""
    output = Output(as_json=as_json)

    def ready() -> None:
        output.say("Watching; Ctrl-C ends it.", "dim")

    with opened(output, at) as station:
        for number, scan in enumerate(station.scans(scanner, ready), start=1):
            output.emit(scan, partial(scan_line, scan))
            if number == count:
                return


@weigh_app.command(
    "weigh", epilog=epilog(["kasir hardware weigh", "kasir hardware weigh --patience 10 --json"])
)
def weigh(
    scale: Annotated[str, typer.Option(help="Which; not needed if the only one.")] = "",
    patience: Annotated[
        float, typer.Option(min=0.1, max=60.0, help="Seconds to wait until the weight rests.")
    ] = 3.0,
    *,
    at: At = "",
    as_json: AsJson = False,
) -> None:
    """Weigh what lies on this machine's scale, in grams."""
    output = Output(as_json=as_json)
    with opened(output, at) as station:
        grams = station.weigh(patience, scale)
        output.emit({"grams": grams}, lambda: f"{grams} g")


@show_app.command(
    "show",
    epilog=epilog(
        [
            "kasir hardware show 'Selamat datang' 'Toko Melati'",
            "kasir hardware show 'Kopi Gayo 250 g=85.000' 'Total=85.000'",
        ]
    ),
)
def show(
    top: Annotated[str, typer.Argument(metavar="LINE1", help="A text, or TEXT=AMOUNT.")],
    bottom: Annotated[str, typer.Argument(metavar="LINE2", help="The same, below it.")] = "",
    display: Annotated[str, typer.Option(help="Which; not needed if the only one.")] = "",
    currency: Annotated[str, typer.Option(metavar="CODE", help="Of amounts.")] = "IDR",
    *,
    at: At = "",
    as_json: AsJson = False,
) -> None:
    """Show two lines to the customer. An amount stands whole at the right, whatever the text's length."""
    output = Output(as_json=as_json)
    with opened(output, at) as station:
        problem = station.show(_line(top, currency), _line(bottom, currency), display)
        output.emit({"shown": not problem, "problem": problem}, lambda: problem or "Shown.")
        if problem:
            raise Refused


def _line(typed: str, currency_code: str) -> DisplayLine:
    """Raises BadInput."""
    text, equals, amount = typed.rpartition("=")
    if not equals:
        return DisplayLine(text=typed)
    return DisplayLine(text=text, amount=parse_money(amount, currency_code, signed=True))
