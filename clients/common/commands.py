"""How a function becomes a command: shared options, examples in its help, failures in plain words.

A command's function takes a `Shop` first, then its own arguments. `command` adds the options that every
command has and sees to it that no failure reaches the terminal as a traceback.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import grpc
import typer

from clients.common.client import Client, Patience
from clients.common.connection import ACTOR_VARIABLE, DEFAULT_SERVER, SERVER_VARIABLE, Connection, connection
from clients.common.journal import RequestJournal
from clients.common.knocking import called_otherwise
from clients.common.local_commands import (
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    Refused,
    epilog,
    flowing,
    new_app,
    plain_failures,
    tell,
)
from clients.common.output import Output
from clients.common.plain_words import sentence
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop

Function = TypeVar("Function", bound=Callable[..., Any])

__all__ = [
    "EXIT_INTERRUPTED",
    "EXIT_REFUSED",
    "PANEL",
    "Actor",
    "AsJson",
    "Refused",
    "Server",
    "Timeout",
    "TlsCa",
    "TlsCert",
    "TlsKey",
    "command",
    "epilog",
    "log_in_at_terminal",
    "new_app",
    "opened",
    "plain_failures",
    "tell",
]

PANEL = "Connection and output"

Server = Annotated[
    str,
    typer.Option(
        "--server",
        envvar=SERVER_VARIABLE,
        metavar="HOST:PORT",
        help="Where the server is.",
        rich_help_panel=PANEL,
    ),
]
Actor = Annotated[
    str,
    typer.Option(
        "--as",
        envvar=ACTOR_VARIABLE,
        metavar="NAME",
        help="Who you are; else the user of this machine.",
        rich_help_panel=PANEL,
    ),
]
TlsCa = Annotated[
    str,
    typer.Option(
        "--tls-ca",
        envvar="KASIR_TLS_CA",
        metavar="FILE",
        help="Encrypt the line and trust these certificates (PEM); 'system' trusts the usual ones.",
        rich_help_panel=PANEL,
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option(
        "--cert", envvar="KASIR_TLS_CERT", help="This client's certificate (PEM).", rich_help_panel=PANEL
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(
        "--key", envvar="KASIR_TLS_KEY", help="This client's private key (PEM).", rich_help_panel=PANEL
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        envvar="KASIR_TIMEOUT",
        min=0.1,
        max=3600.0,
        help="Seconds to wait for each try.",
        rich_help_panel=PANEL,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.", rich_help_panel=PANEL)]

# What every command takes, by the name its wrapper gets it under.
_SHARED: tuple[tuple[str, Any, Any], ...] = (
    ("server", Server, DEFAULT_SERVER),
    ("actor", Actor, ""),
    ("tls_ca", TlsCa, ""),
    ("tls_cert", TlsCert, None),
    ("tls_key", TlsKey, None),
    ("timeout_s", Timeout, Patience.timeout_s),
    ("as_json", AsJson, False),
)


def command(
    app: typer.Typer, name: str, examples: Sequence[str], panel: str = "", *, more_help: str = ""
) -> Callable[[Function], Function]:
    """Makes a function a command of `app`. `examples` are whole command lines, shown by --help."""

    def decorate(function: Function) -> Function:
        def run(**given: Any) -> None:
            shared = {key: given.pop(key) for key, _, _ in _SHARED}
            output = Output(as_json=shared.pop("as_json"))
            with plain_failures(output):
                _check_text(given)
                with opened(output, shared.pop("timeout_s"), **shared) as shop:
                    function(shop, **given)

        run.__name__ = function.__name__
        run.__doc__ = flowing(function.__doc__ or "")
        _, *own = inspect.signature(function).parameters.values()
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter(key, keyword, default=default, annotation=kind)
            for key, kind, default in _SHARED
        ]
        parameters = [parameter.replace(kind=keyword) for parameter in own] + shared
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name, epilog=epilog(examples, more_help), rich_help_panel=panel or None)(run)
        return function

    return decorate


def _check_text(given: Mapping[str, Any]) -> None:
    """Raises BadInput where bytes were typed that are no text: the contract carries UTF-8 only.

    Names of files may hold any, and are not looked at.
    """
    for value in given.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and any("\ud800" <= char <= "\udfff" for char in text):
                raise BadInput("'{text}' holds bytes that are no text.", text=text)


@contextmanager
def opened(
    output: Output,
    timeout_s: float,
    server: str,
    actor: str,
    tls_ca: str,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> Iterator[Shop]:
    """The shop behind a server for as long as one command runs. Raises BadInput."""
    line: Connection = connection(server, actor or None, tls_ca or None, tls_cert, tls_key)

    def waiting(failed: CallFailed, pause_s: float) -> None:
        if output.beside.is_terminal:
            output.say(
                f"No answer yet ({failed.code.name.lower()}), trying again in {pause_s:.1f} s …", "dim"
            )

    asks = log_in_at_terminal if sys.stdin.isatty() and not output.as_json else None
    with Client(line, RequestJournal(), Patience(timeout_s=timeout_s), waiting, asks) as client:
        shop = Shop(client, output)
        try:
            yield shop
        except CallFailed as failed:
            why = failed.__cause__ if isinstance(failed.__cause__, CallFailed) else failed
            tell(output, sentence(why, shop.describe, line.server), why)
            if line.is_encrypted and failed.code is grpc.StatusCode.UNAVAILABLE and not failed.reason:
                output.say(_why_not_trusted(line, failed), "dim")
            if not failed.settled and client.journal.pending():
                output.say("What was sent is kept: see 'kasir cs pending', which can ask again.", "yellow")
            raise typer.Exit(EXIT_REFUSED) from None


def _why_not_trusted(line: Connection, failed: CallFailed) -> str:
    if names := called_otherwise(line.server):
        return f"It calls itself {', '.join(names)}: name it by one of these (--server or KASIR_SERVER)."
    return f"Or the encrypted line was not trusted: {failed.message}"


def log_in_at_terminal(client: Client, name: str = "") -> bool:
    """Asks who is there, and for the PIN; whether the server let them in. A wrong PIN is told, and asked
    again.

    Raises CallFailed.
    """
    enrolment = client.connection.enrolment
    assert enrolment is not None, "who is not enrolled is not asked"
    name = name or typer.prompt("Who is there", err=True, default=enrolment.user or None)
    while pin := typer.prompt(f"PIN of {name}", err=True, hide_input=True, default="", show_default=False):
        try:
            enrolment.log_in(client.channel, name, pin)
        except CallFailed as failed:
            if failed.reason != "LOGIN_FAILED":
                raise
            typer.echo(failed.message, err=True)
        else:
            return True
    return False
