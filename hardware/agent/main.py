"""The hardware agent on the command line: `kasir hardware`."""

import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from clients.common.commands import Refused, command, new_app
from clients.common.journal import state_dir
from clients.common.output import table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from hardware.agent.config import AgentConfig, ConfigError, read
from hardware.agent.notes import NotesInUseError
from hardware.agent.running import Agent
from hardware.drivers import places

DEFAULT_CONFIG = Path("hardware.toml")
_LOOK_S = 1.0

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
        raise Refused("a part of the agent ended by itself; the traceback above says why")
    shop.output.say("Stopped.", "dim")


@command(app, "list", ["kasir hardware list", "kasir hardware list --json"])
def list_(shop: Shop) -> None:
    """List what hangs on this machine and could be a printer: serial ports and USB printers."""
    found = places.attached()
    shop.output.emit(
        {"lines": [{"line": line, "what": what} for line, what in found]},
        lambda: table("Lines", ("Line", "What"), found),
    )
