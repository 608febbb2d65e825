"""The command `kasir`: one door to every role. Each role's commands are imported only when they are called.

A till installs no server and a server no printer: a command whose extra is missing says so in a sentence, and
`kasir --help` lists every command whether or not its extra is there.
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from kasir import __version__

OUR_PACKAGES = frozenset({"bench", "clients", "engine", "hardware", "kasir", "server"})

# Which extra brings a module; a test holds this against pyproject.toml.
EXTRA_OF_MODULE = {
    "PIL": "paper",
    "PySide6": "desktop",
    "arabic_reshaper": "paper",
    "argon2": "server",
    "barcode": "paper",
    "bidi": "paper",
    "biip": "hardware",
    "escpos": "paper",
    "evdev": "hardware",
    "faker": "demo",
    "filelock": "clients",
    "fontTools": "paper",
    "grpc_health": "server",
    "grpc_reflection": "server",
    "idna": "paper",
    "platformdirs": "clients",
    "opentelemetry": "traces",
    "prometheus_client": "server",
    "qrcode": "paper",
    "reportlab": "paper",
    "serial": "hardware",
    "structlog": "server",
    "urllib3": "courier",
    "uvloop": "server",
}


@dataclass(frozen=True)
class Entry:
    """A command of `kasir`: where it lives, and what the list of commands says about it."""

    help: str
    panel: str
    # "module:name" of a Typer app or of a plain function
    target: str
    # One command of that app, when the app holds others beside it
    command: str | None = None
    # Commands of other apps that join this one: (name, "module:name")
    joined: tuple[tuple[str, str], ...] = ()
    # The extra that brings all it needs, when the missing module alone does not tell
    extra: str | None = None


SHOP = "In the shop"
SERVER = "The server and its data"
FIRST_STEPS = "First steps"

ENTRIES: dict[str, Entry] = {
    "demo": Entry(
        "Set up a shop and play a whole day in it.", FIRST_STEPS, "kasir.demo.main:app", extra="demo"
    ),
    "cs": Entry(
        "Customer service: find, book, cancel, match payments, sell, labels.", SHOP, "clients.cs:app"
    ),
    "cs-desktop": Entry(
        "The customer service desk in a window.", SHOP, "clients.desktop.cs.main:app", extra="desktop"
    ),
    "warehouse": Entry(
        "Warehouse: watch requests, hand over, return by scan.", SHOP, "clients.warehouse:app"
    ),
    "warehouse-desktop": Entry(
        "The warehouse in a window.", SHOP, "clients.desktop.warehouse.main:app", extra="desktop"
    ),
    "till": Entry("Till: open a shift, sell, close with counted cash.", SHOP, "clients.till.terminal:app"),
    "till-desktop": Entry(
        "The till in a window, for fingers and keys.", SHOP, "clients.desktop.till.main:app", extra="desktop"
    ),
    "courier": Entry("Couriers: airway bill numbers and hand-over scans.", SHOP, "clients.courier:app"),
    "messages": Entry(
        "Messages to customers: an agent that sends each once, their texts, what needs a person.",
        SHOP,
        "clients.messages.main:app",
    ),
    "catalogue": Entry("The catalogue: import, add, change, look at items.", SHOP, "clients.catalogue:app"),
    "print": Entry(
        "Print jobs: list, settle, copies; an agent that writes files; X reports; receipts by e-mail.",
        SHOP,
        "clients.printing:app",
        joined=(
            ("agent", "hardware.file_agent:app"),
            ("receipt", "hardware.digital_receipt:app"),
            ("shift-report", "hardware.shift_report:app"),
        ),
    ),
    "hardware": Entry(
        "Printers, drawers, scanners, displays, scales: the agent that drives them, and how they are.",
        SHOP,
        "hardware.agent.main:app",
        joined=(
            ("scans", "clients.station:scans_app"),
            ("show", "clients.station:show_app"),
            ("weigh", "clients.station:weigh_app"),
        ),
        extra="hardware",
    ),
    "enrol": Entry("Make this machine one of the shop's devices.", FIRST_STEPS, "clients.access:enrol"),
    "login": Entry("Log in at this machine, where the server keeps watch.", SHOP, "clients.access:login"),
    "logout": Entry("Log out.", SHOP, "clients.access:logout"),
    "customer": Entry("A customer's data: exported for them, or erased.", SHOP, "clients.customer:app"),
    "report": Entry("Reports of a day or a month.", SHOP, "clients.report:app"),
    "setup": Entry(
        "Set a shop up: locations, tills, bank accounts, couriers, taxes.", FIRST_STEPS, "clients.sample:app"
    ),
    "serve": Entry("Start the server.", SERVER, "server.main:serve", extra="server"),
    "ca": Entry(
        "The shop's own authority: for the server's and the devices' certificates.",
        SERVER,
        "server.access.cli:ca_app",
        extra="server",
    ),
    "access": Entry(
        "Who may call: the first owner, users, devices, keys, and the log of access.",
        SERVER,
        "server.access.cli:access_app",
        joined=(
            ("users", "clients.access:users_app"),
            ("devices", "clients.access:devices_app"),
            ("keys", "clients.access:keys_app"),
            ("log", "clients.access:log_app"),
        ),
    ),
    "admin": Entry(
        "Look after a running server: status, verify, snapshot, settings, journal.",
        SERVER,
        "clients.admin:app",
    ),
    "statement": Entry(
        "Look at a bank's mutation file before it is imported.", SERVER, "server.statements.cli:app"
    ),
    "match": Entry("Match a file of mutations with a file of orders.", SERVER, "kasir.match:match"),
    "doctor": Entry("Say what is wrong, and what to do about it.", SERVER, "kasir.doctor:app"),
    "verify": Entry("Check every invariant over the whole store.", SERVER, "kasir.verify:app"),
    "backup": Entry(
        "Keep a store in another place, to the second; check and list it.",
        SERVER,
        "kasir.backup.commands:app",
    ),
    "restore": Entry(
        "Make a store from a backup, at any moment, or a snapshot.", SERVER, "kasir.restore:app"
    ),
    "audit": Entry(
        "Whether the journal is the one that was written: its chain, and signed heads.",
        SERVER,
        "kasir.audit.commands:app",
    ),
    "inspect": Entry("Look into a store without the engine.", SERVER, "engine.inspect:app", "inspect"),
    "export": Entry("Write a store's records out as JSON lines.", SERVER, "engine.inspect:app", "export"),
}


def load(entry: Entry) -> Any:
    """Imports what stands behind `entry` and returns it as a command that can be invoked."""
    command = _imported(entry.target)
    for name, target in entry.joined:
        command.add_command(_imported(target), name)
    return command if entry.command is None else command.commands[entry.command]


def _imported(target: str) -> Any:
    """The command made of the Typer app or plain function at "module:name"."""
    module_name, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module_name), attribute)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command()(found)
        found = app
    # Only `kasir` itself installs shell completion.
    found._add_completion = False  # noqa: SLF001 (Typer offers no other way once an app is made)
    return get_command(found)


def plain_words(error: ModuleNotFoundError, name: str) -> str | None:
    """What to do about a missing module, or None when the module is our own and missing by mistake."""
    missing = error.name or ""
    if missing == "engine._core":
        return "The engine is not built in this tree: run `make setup`."
    root = missing.partition(".")[0]
    if not root or root in OUR_PACKAGES:
        return None
    entry = ENTRIES.get(name)
    extra = (entry.extra if entry else None) or EXTRA_OF_MODULE.get(root)
    if extra is None:
        return f"kasir {name} needs the Python module {root}, which is not installed: reinstall kasir."
    return (
        f"kasir {name} needs the {extra} extra: pip install 'kasir[{extra}]' (the module {root} is missing)."
    )


class LazyGroup(TyperGroup):
    """Lists its commands from `ENTRIES` and imports one only when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Puts the real command in the place of the listed one."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(ENTRIES[name]) if name in ENTRIES else listed, rest


app = typer.Typer(
    name="kasir",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kasir {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Kasir: sales by chat and over the counter, from the catalogue to the day's close."""


def _list(name: str, entry: Entry) -> None:
    """Puts `entry` on the list of commands without importing it."""

    def listed() -> None:
        raise AssertionError(f"{name} is replaced before it is invoked")

    app.command(name, help=entry.help, rich_help_panel=entry.panel)(listed)


for _name, _entry in ENTRIES.items():
    _list(_name, _entry)


def main() -> None:
    """Runs `kasir`. A missing extra ends with a sentence and status 1, never with a traceback."""
    try:
        app(prog_name="kasir")
    except ModuleNotFoundError as error:
        name = next((word for word in sys.argv[1:] if word in ENTRIES), "")
        words = plain_words(error, name)
        if words is None:
            raise
        typer.echo(words, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
