"""The hardware agent on the command line: `kasir hardware`."""

import signal
import socket
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import RenderableType

from clients.common.commands import Refused, command, epilog, new_app, plain_failures
from clients.common.journal import state_dir
from clients.common.output import Output, state_words, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from hardware.agent.config import AgentConfig, ConfigError, read
from hardware.agent.notes import NotesInUseError
from hardware.agent.running import Agent
from hardware.agent.trial import drawer_words, print_page
from hardware.devices import Outcome, Unreachable
from hardware.drivers import places
from hardware.simulators.running import HELP, Simulation
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
# How long a drawer takes to open.
DRAWER_S = 1.0

app = new_app("hardware", "Printers, drawers and labels: the agent that drives them, and how they are.")

Config = Annotated[
    Path, typer.Option("--config", envvar="KASIR_HARDWARE", help="The file that describes the devices.")
]


def load(path: Path) -> AgentConfig:
    """The agent's file. Raises BadInput."""
    try:
        return read(path, socket.gethostname().partition(".")[0][:40])
    except ConfigError as wrong:
        raise BadInput(str(wrong)) from wrong


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
    notes: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Where the agent keeps its notes; else with the user's state."),
    ] = None,
) -> None:
    """Take print jobs and drive the printers of the file. Until Ctrl-C; a job that was begun is finished
    first.
    """
    described = load(config)
    try:
        agent = Agent(
            described,
            shop,
            notes or state_dir() / "hardware" / described.name,
            lambda words: shop.output.say(words, "dim"),
        )
    except NotesInUseError as error:
        raise BadInput(f"{error}: only one at a time may.") from error
    stop = threading.Event()

    def stopping(_number: int, _frame: FrameType | None) -> None:
        # A second signal means: now.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stopping)
    agent.start()
    shop.output.say(f"{described.name} drives {len(described.printers)} printers", "dim")
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
        "kasir hardware test --printer slips --drawer",
    ],
)
def try_out(
    shop: Shop,
    config: Config = DEFAULT_CONFIG,
    printer: Annotated[str, typer.Option(help="Only this one; else all of the file.")] = "",
    drawer: Annotated[bool, typer.Option("--drawer", help="Open the cash drawer, too.")] = False,
) -> None:
    """Print a test page, and open the drawer. Needs no server."""
    described = load(config)
    wanted = [each for each in described.printers if printer in {"", each.name}]
    if not wanted:
        names = ", ".join(each.name for each in described.printers)
        raise BadInput(f"There is no printer '{printer}' in {config}; there are {names}.")
    results = []
    for each in wanted:
        try:
            confirmed = print_page(each, drawer=drawer)
            words = f"{confirmed.outcome}: {confirmed.detail}"
            words += f"; {drawer_words(each, DRAWER_S)}" if drawer else ""
            results.append((each.name, confirmed.outcome is Outcome.PRINTED, words))
        except Unreachable as why:
            results.append((each.name, False, f"not printed: {why}"))
    rows = [(name, words) for name, _, words in results]
    shop.output.emit(
        {"printers": [{"name": name, "printed": good, "result": words} for name, good, words in results]},
        lambda: table("Test pages", ("Printer", "Result"), rows),
    )
    if not all(good for _, good, _ in results):
        raise Refused


@app.command(
    "simulate",
    epilog=epilog(
        [
            "kasir hardware simulate",
            "kasir hardware simulate --out out/paper --serial out/printer",
        ]
    ),
)
def simulate(
    out: Annotated[Path, typer.Option(help="Where the papers are written.")] = Path("out/paper"),
    receipt_port: Annotated[int, typer.Option(help="Of the receipt printer; 0 takes a free one.")] = 9100,
    label_port: Annotated[int, typer.Option(help="Of the label printer; 0 takes a free one.")] = 9101,
    tspl_port: Annotated[int, typer.Option(help="Of the one that speaks TSPL; 0 takes a free one.")] = 9102,
    serial: Annotated[
        Path | None, typer.Option(help="Reach the receipt printer like a serial port, too, under this name.")
    ] = None,
    width_mm: Annotated[int, typer.Option(help="The receipt paper: 58 or 80.")] = 80,
) -> None:
    """Start a receipt printer and two label printers that are programs: their paper comes out as files.

    Lines typed here are what happens to them, such as 'paper out', 'cut 2000' or 'ok'. Until Ctrl-C.
    """
    output = Output(as_json=False)
    with plain_failures(output):
        if width_mm not in {58, 80}:
            raise BadInput("Paper is 58 or 80 mm wide.")
        simulation = Simulation(out, (receipt_port, label_port, tspl_port), serial, width_mm)
        addresses = [port.address for port in simulation.ports]
        out.mkdir(parents=True, exist_ok=True)
        config = out / "hardware.toml"
        config.write_text(example(*addresses, width_mm=width_mm), encoding="utf-8")
        output.say(f"In another terminal: kasir hardware run --config {config}")
        output.say(HELP, "dim")
        stop = threading.Event()
        watcher = threading.Thread(target=simulation.watch, args=(stop, output.say), daemon=True)
        watcher.start()
        try:
            for line in sys.stdin:
                if line.strip() and not simulation.happen(line):
                    output.say(HELP, "yellow")
            # Without a terminal there is nothing to type.
            watcher.join()
        except KeyboardInterrupt:
            stop.set()
            watcher.join()
        finally:
            simulation.close()


def example(receipts: str, zpl: str, tspl: str, *, width_mm: int) -> str:
    """An agent's file for printers on the network. Two that print the same share the jobs."""
    return f"""\
[[printer]]
name = "slips"
line = "tcp://{receipts}"
language = "escpos"
documents = ["order-slip", "sales-receipt", "shift-report"]
width_mm = {width_mm}
drawer_pin = 2

[[printer]]
name = "labels"
line = "tcp://{zpl}"
language = "zpl"
documents = ["address-label"]

[[printer]]
name = "labels-tspl"
line = "tcp://{tspl}"
language = "tspl"
documents = ["address-label"]
"""


@command(app, "devices", ["kasir hardware devices", "kasir hardware devices --watch"])
def devices(
    shop: Shop,
    watch: Annotated[bool, typer.Option("--watch", help="Go on and show each change, until Ctrl-C.")] = False,
) -> None:
    """Show how the shop's printers are, as their agents see them."""
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
            str(each.printed),
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
    """List what hangs on this machine and could be a printer: serial ports and USB printers."""
    found = places.attached()
    shop.output.emit(
        {"lines": [{"line": line, "what": what} for line, what in found]},
        lambda: table("Lines", ("Line", "What"), found),
    )
