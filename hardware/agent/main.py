"""The hardware agent on the command line: `kasir hardware`."""

import signal
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import RenderableType

from clients.common.commands import Refused, command, epilog, new_app
from clients.common.journal import state_dir
from clients.common.output import state_words, table
from clients.common.problems import BadInput
from clients.common.scan_view import scan_line
from clients.common.shop import Shop
from clients.common.stopping import Stopping
from hardware.agent import trial
from hardware.agent.config import AgentConfig, ConfigError, read
from hardware.agent.notes import NotesInUseError, TornNotes
from hardware.agent.running import Agent
from hardware.drivers import places
from hardware.scanners.attached import keyboards
from hardware.simulators.command import simulate
from hardware.station.socket import StationInUseError
from kasir.v1.hardware_pb2 import (
    Device,
    DeviceKind,
    DeviceState,
    ListDevicesRequest,
    ListDevicesResponse,
    WatchDevicesRequest,
    WatchDevicesResponse,
)

DEFAULT_CONFIG = Path("hardware.toml")
_LOOK_S = 1.0

app = new_app(
    "hardware", "Printers, drawers, scanners, displays, scales: the agent that drives them, and how they are."
)

Config = Annotated[
    Path, typer.Option("--config", envvar="KASIR_HARDWARE", help="The file that describes the devices.")
]
NotesFolder = Annotated[
    Path | None,
    typer.Option(
        "--notes", file_okay=False, help="Where the agent keeps its notes; else with the user's state."
    ),
]


def load(path: Path) -> AgentConfig:
    """The agent's file. Raises BadInput."""
    try:
        return read(path, socket.gethostname().partition(".")[0][:40].rstrip("-"))
    except ConfigError as wrong:
        raise BadInput(str(wrong)) from wrong


def notes_folder(given: Path | None, described: AgentConfig) -> Path:
    """Where an agent's notes are."""
    return given or state_dir() / "hardware" / described.name


@command(
    app,
    "run",
    [
        "kasir hardware run --config hardware.toml",
        "kasir hardware run --config hardware.toml --server 127.0.0.1:50051",
    ],
)
def run(
    shop: Shop,
    config: Config = DEFAULT_CONFIG,
    notes: NotesFolder = None,
) -> None:
    """Drive the devices of the file: take print jobs, and serve scans, displays and weights to this machine's
    programs. Until Ctrl-C; a job that was begun is finished first.
    """
    described = load(config)
    try:
        agent = Agent(
            described,
            shop,
            notes_folder(notes, described),
            lambda words: shop.output.say(words, "dim"),
        )
    except (NotesInUseError, StationInUseError) as error:
        raise BadInput(f"{error}: only one at a time may.") from error
    stop = Stopping()

    def stopping(_number: int, _frame: FrameType | None) -> None:
        # A second signal means: now.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        stop.ask()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stopping)
    agent.start()
    names = ", ".join(each.name for each in described.devices)
    where = f"; station at {described.station}" if described.has_station else ""
    shop.output.say(f"{described.name} drives {names}{where}", "dim")
    while agent.is_whole and not stop.wait(_LOOK_S):
        pass
    is_whole = agent.is_whole
    agent.stop()
    if not is_whole:
        shop.output.say("A part of the agent ended by itself; the traceback above says why.", "red")
        raise Refused
    shop.output.say("Stopped.", "dim")


@command(
    app,
    "test",
    [
        "kasir hardware test",
        "kasir hardware test --device slips --drawer",
        "kasir hardware test --device counter --scans 3",
    ],
)
def try_out(
    shop: Shop,
    config: Config = DEFAULT_CONFIG,
    notes: NotesFolder = None,
    device: Annotated[str, typer.Option(help="Only this one; else all of the file.")] = "",
    drawer: Annotated[bool, typer.Option("--drawer", help="Open the cash drawer, too.")] = False,
    scans: Annotated[int, typer.Option(min=0, help="End after so many; 0 goes on until Ctrl-C.")] = 0,
) -> None:
    """Print a test page, open the drawer, greet on displays, weigh; then show what scanners read.

    Needs no server, and devices that no agent has open.
    """
    described = load(config)
    names = [each.name for each in described.devices]
    if device not in {"", *names}:
        raise BadInput(f"There is no device '{device}' in {config}; there are {', '.join(names)}.")
    with closing(TornNotes(notes_folder(notes, described))) as torn:
        results = trial.results(described, device, torn, drawer=drawer)
    rows = [(each.name, each.words) for each in results]
    if results:
        shop.output.emit(
            {"devices": [asdict(each) for each in results]},
            lambda: table("Devices", ("Device", "Result"), rows),
        )
    scanners = [each for each in described.scanners if device in {"", each.name}]
    if scanners:
        shop.output.say("Scan something.", "dim")
        for scan in trial.scans(scanners, scans, lambda words: shop.output.say(words, "yellow")):
            shop.output.emit(scan, partial(scan_line, scan))
    if not all(each.works for each in results):
        raise Refused


app.command(
    "simulate",
    epilog=epilog(
        [
            "kasir hardware simulate",
            "kasir hardware simulate --out out/paper --serial out/printer",
        ]
    ),
)(simulate)


@command(app, "devices", ["kasir hardware devices", "kasir hardware devices --watch"])
def devices(
    shop: Shop,
    watch: Annotated[bool, typer.Option("--watch", help="Go on and show each change, until Ctrl-C.")] = False,
) -> None:
    """Show how the shop's devices are, as their agents see them."""
    if not watch:
        found = list(shop.each(ListDevicesRequest(), ListDevicesResponse, "devices"))
        shop.output.emit({"devices": found}, lambda: devices_table(shop, found))
        return
    for reply in shop.client.watch(WatchDevicesRequest(), WatchDevicesResponse):
        if reply.HasField("device"):
            shop.output.emit(reply, partial(device_line, reply))


def devices_table(shop: Shop, found: Sequence[Device]) -> RenderableType:
    """Devices, one a row."""
    rows = (
        (
            f"{each.agent}: {each.name}",
            state_words(DeviceKind, each.kind, "DEVICE_KIND"),
            device_words(each),
            shop.location_code(each.location_id) if each.location_id else "",
            str(each.waiting_jobs or ""),
            str(each.print_job_id or ""),
            str(each.printed) if each.document_kinds else "",
            shop.time(each.seen_time),
        )
        for each in found
    )
    columns = ("Device", "Kind", "State", "Location", ">Waiting", ">At work on", ">Printed", "Seen")
    return table("Devices", columns, rows)


def device_words(device: Device) -> str:
    """How a device is, for people."""
    words = state_words(DeviceState, device.state, "DEVICE_STATE")
    parts = [f"{words} ({device.detail})" if device.detail else words]
    parts += ["paper is low"] if device.paper_low else []
    parts += ["drawer open"] if device.drawer_open else []
    return ", ".join(parts)


def device_line(reply: WatchDevicesResponse) -> str:
    """A change, for people."""
    device = reply.device
    words = "gone" if reply.gone else device_words(device)
    waiting = f", {device.waiting_jobs} jobs wait" if device.waiting_jobs else ""
    return f"{device.agent}: {device.name}: {words}{waiting}"


@command(app, "list", ["kasir hardware list", "kasir hardware list --json"])
def list_(shop: Shop) -> None:
    """List what hangs on this machine: serial ports, USB printers, and what types as scanners do."""
    found = places.attached() + [(f"evdev:{path}", what) for path, what in keyboards()]
    shop.output.emit(
        {"lines": [{"line": line, "what": what} for line, what in found]},
        lambda: table("Lines", ("Line", "What"), found),
    )
