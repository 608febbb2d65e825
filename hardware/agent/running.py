"""The agent put together: threads for the stream, the reports and each device, until it is told to stop."""

import threading
from collections.abc import Callable
from pathlib import Path

from clients.common.client import Client, Patience
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from hardware.agent.board import Board
from hardware.agent.config import AgentConfig
from hardware.agent.feed import Feed, leftovers
from hardware.agent.ledger import Answering, Outbox
from hardware.agent.notes import Notes
from hardware.agent.places import Places
from hardware.agent.receipts import Receipts
from hardware.agent.reporter import Reporter
from hardware.agent.waiting import Waiting
from hardware.agent.worker import Common, Worker
from hardware.station.running import Station
from kasir.v1.hardware_pb2 import (
    DEVICE_KIND_CUSTOMER_DISPLAY,
    DEVICE_KIND_SCALE,
    DEVICE_KIND_SCANNER,
    DeviceKind,
)

# A job that was begun is brought to its end; a printer that waits for paper is not waited for.
STOP_S = 30.0
# A call that is not answered is tried again by whoever made it, after a look at whether the agent stops.
_PATIENCE = Patience(timeout_s=5.0, tries=2, pause_max_s=1.0)


class Agent:
    """A running agent. `start`, then `stop` once."""

    def __init__(self, config: AgentConfig, shop: Shop, notes_path: Path, say: Callable[[str], None]) -> None:
        """Opens the notes, serves scanners, displays and scales, and asks the server for its locations; while
        it is away, what it said last holds.

        Raises NotesInUseError, StationInUseError, OSError, BadInput for a location that the shop does not
        have.
        """
        self.config = config
        self.stopping = threading.Event()
        self._shop = shop
        self._answering = Answering(shop.client.connection.server, say)
        self.board = Board(tuple(device.name for device in config.devices), say)
        self.notes = Notes(notes_path)
        self.jobs = Waiting()
        self.receipts = Receipts(self.jobs.wake)
        # What a till needs of its devices does not wait for the server.
        self._station = Station(config, self.board, self.stopping, say, self.receipts)
        self._station.start()
        places = Places(self.notes)
        self.outbox = Outbox(self.client(), self.notes, self.jobs, self.stopping, say)
        common = Common(
            agent=config.name,
            client=self.client,
            output=shop.output,
            jobs=self.jobs,
            receipts=self.receipts,
            notes=self.notes,
            outbox=self.outbox,
            board=self.board,
            stopping=self.stopping,
            probe_s=config.probe_s,
        )
        self.workers = [
            Worker(printer, places.taking(printer.kind_numbers, printer.location), common)
            for printer in config.printers
        ]
        try:
            self._ask_at_first(places)
        except BaseException:
            self.stopping.set()
            self._station.stop()
            raise
        self._reporter = Reporter(
            config.name,
            self.client(),
            self.board,
            self.jobs,
            [(worker.config, worker.takes) for worker in self.workers],
            other_kinds(config),
            self.stopping,
            self._answering,
        )
        self._feed = Feed(
            self.client(),
            self.jobs,
            self.notes,
            leftovers(self.notes, self.outbox),
            [worker.takes for worker in self.workers],
            places,
            shop.output,
            self.stopping,
            say,
        )

    def client(self) -> Client:
        """A client of its own for a thread of its own."""
        return Client(self._shop.client.connection, self._shop.client.journal, _PATIENCE)

    def _ask_at_first(self, places: Places) -> None:
        """Raises BadInput for a location that the shop does not have. Waits for no server that is away."""
        try:
            places.ask(self._shop)
            self._answering.answered()
        except CallFailed as failed:
            if failed.settled:
                raise
            self._answering.failed(failed)

    @property
    def _threads(self) -> tuple[threading.Thread, ...]:
        # Who prints nothing asks for no jobs.
        feeds = (self._feed, *self.workers) if self.workers else ()
        return (self.outbox, self._reporter, *feeds)

    def start(self) -> None:
        """Starts what needs the server."""
        for thread in self._threads:
            thread.start()

    @property
    def is_whole(self) -> bool:
        """Whether every thread still runs. One that ended by itself is a bug: the agent must not go on."""
        return all(thread.is_alive() for thread in (*self._threads, *self._station.threads))

    def stop(self) -> None:
        """Ends what is at hand, says it, and closes."""
        self.stopping.set()
        self.jobs.wake()
        self._station.stop()
        for worker in self.workers:
            worker.join(STOP_S)
        self._reporter.leave()
        self.outbox.finish()
        self.outbox.join(STOP_S)
        if not any(worker.is_alive() for worker in self.workers):
            self.notes.close()


def other_kinds(config: AgentConfig) -> dict[str, DeviceKind.ValueType]:
    """What each device is that prints nothing, by name."""
    return {
        each.name: kind
        for kind, group in (
            (DEVICE_KIND_SCANNER, config.scanners),
            (DEVICE_KIND_CUSTOMER_DISPLAY, config.displays),
            (DEVICE_KIND_SCALE, config.scales),
        )
        for each in group
    }
