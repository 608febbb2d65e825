"""The print room: takes every print job and writes what would be on paper, with pictures of some.

It is a process of its own, as beside real printers:

    python -m kasir.demo.printers HOST:PORT DIRECTORY

It tells on standard output how many papers came out, and ends when its standard input does, so that it never
outlives the demo.
"""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.journal import RequestJournal
from clients.common.problems import CallFailed
from hardware import file_agent
from hardware.paper import Label, address_label, labels_pdf
from kasir.demo.stage import PATIENCE_S, STATE, TOGETHER, DemoFailed, Person, Stage, environment
from kasir.demo.stage import PRINTERS_LOG as LOG
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse
from kasir.v1.print_pb2 import (
    DOCUMENT_KIND_ADDRESS_LABEL,
    DOCUMENT_KIND_SHIFT_REPORT,
    DocumentKind,
    PrintJob,
    WatchPrintJobsRequest,
)
from kasir.v1.shipping_pb2 import ListParcelsRequest, ListParcelsResponse, Parcel

NAME = "print-room"
# What printers take; all labels also become one PDF, see `print_together`.
PRINTER_FORMATS = frozenset({"escpos", "zpl"})
PICTURE_FORMATS = PRINTER_FORMATS | {"png", "txt"}
# So many get pictures: drawing one takes ten times as long as printing it.
PICTURES_OF_SLIPS = 20
PICTURES = {DOCUMENT_KIND_ADDRESS_LABEL: 60, DOCUMENT_KIND_SHIFT_REPORT: 60}
PARCELS_MAX = 100_000


class PrintRoom:
    """The process, as the demo sees it; from its making until closed."""

    def __init__(self, stage: Stage, on_printed: Callable[[int], None]) -> None:
        """`on_printed` hears how many papers came out."""
        self._stage, self._on_printed = stage, on_printed
        self._changed = threading.Condition()
        self._printed = 0
        self._together = False
        self._closing = False
        command = [sys.executable, "-m", "kasir.demo.printers", stage.address, str(stage.out)]
        with stage.path(LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(),
                start_new_session=True,
            )
        self._thread = threading.Thread(target=self._read, name=NAME, daemon=True)
        self._thread.start()

    def __enter__(self) -> "PrintRoom":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes no more jobs."""
        self._closing = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(PATIENCE_S)

    def wait_for(self, count: int) -> None:
        """Waits until so many papers came out. Raises DemoFailed."""
        self._wait(lambda: self._printed >= count, "papers")
        if self._printed != count:
            raise DemoFailed(f"{self._printed} papers were printed, {count} were wanted.")

    def begin_together(self) -> None:
        """Has all labels put into one file, while others go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{TOGETHER}\n")
        self._process.stdin.flush()

    def await_together(self) -> None:
        """Waits for that file. Raises DemoFailed."""
        self._wait(lambda: self._together, TOGETHER)

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        with self._changed:
            while not done():
                self._stage.check()
                before = self._printed
                # As long as something comes out, it is only slow.
                if not self._changed.wait(PATIENCE_S) and self._printed == before:
                    raise DemoFailed(f"The print room stopped before all was printed ({what}).")

    def _read(self) -> None:
        """What the process tells. That it ends although nobody closed it is a failure."""
        assert self._process.stdout is not None
        with self._process.stdout as told:
            for line in told:
                with self._changed:
                    if line.strip() == TOGETHER:
                        self._together = True
                    else:
                        self._printed += int(line)
                        self._on_printed(int(line))
                    self._changed.notify_all()
        if not self._closing:
            said = self._stage.last_words(LOG)
            self._stage.fail(DemoFailed(f"The print room failed: {said}"))
            with self._changed:
                self._changed.notify_all()


class Printers:
    """The work in that process."""

    def __init__(self, address: str, out: Path) -> None:
        self.out = out
        self.connection = Connection(address, NAME)
        self.journal = RequestJournal(out / STATE)
        self._drawing = file_agent.Agent(out, PICTURE_FORMATS, NAME)
        self._printing = file_agent.Agent(out, PRINTER_FORMATS, NAME)
        self._taken: Counter[DocumentKind.ValueType] = Counter()

    def client(self) -> Client:
        """A line of its own for one thread."""
        return Client(self.connection, self.journal, Patience(tries=4, pause_max_s=1.0))

    def work(self, client: Client) -> None:
        """Prints what is queued. Raises CallFailed, ValueError (the line was closed), OSError, DemoFailed."""
        for jobs in file_agent.batches(client, WatchPrintJobsRequest(), once=False):
            self._print(client, jobs)

    def _print(self, client: Client, jobs: Sequence[PrintJob]) -> None:
        shop = Person(client)
        drawn: list[PrintJob] = []
        plain: list[PrintJob] = []
        for job in jobs:
            self._taken[job.kind] += 1
            pictures = PICTURES.get(job.kind, PICTURES_OF_SLIPS)
            (drawn if self._taken[job.kind] <= pictures else plain).append(job)
        for agent, some in ((self._drawing, drawn), (self._printing, plain)):
            printed = agent.work(client, shop, some) if some else 0
            if printed != len(some):
                raise DemoFailed(f"{len(some) - printed} of {len(some)} papers could not be printed.")
            if printed:
                print(printed, flush=True)

    def print_together(self) -> None:
        """All labels once more in one file, in the order of the parcels, as an office printer takes them."""
        with self.client() as client:
            shop = Person(client)
            couriers = {courier.courier_id: courier for courier in shop.couriers}

            def label(parcel: Parcel) -> Label:
                request = GetBookingRequest(order_id=parcel.order_id)
                order = shop.call(request, GetBookingResponse).order
                return address_label(parcel, order, shop.settings, couriers.get(parcel.courier_id))

            parcels = shop.pages(ListParcelsRequest(), ListParcelsResponse, "parcels", PARCELS_MAX)
            content = labels_pdf(label(parcel) for parcel in reversed(parcels))
        (self.out / TOGETHER).write_bytes(content)
        print(TOGETHER, flush=True)


def main(address: str, out: Path) -> int:
    """Prints until standard input ends."""
    printers = Printers(address, out)
    client = printers.client()
    failures: list[str] = []
    closing = threading.Event()

    def obey() -> None:
        for line in sys.stdin:
            if line.strip() == TOGETHER:
                try:
                    printers.print_together()
                except (CallFailed, OSError) as failure:
                    failures.append(str(failure))
                    break
        closing.set()
        client.close()

    threading.Thread(target=obey, name="orders", daemon=True).start()
    try:
        printers.work(client)
    except (CallFailed, ValueError) as ended:  # ValueError: the line was closed under it
        if not closing.is_set():
            failures.append(str(ended))
    except (DemoFailed, OSError) as failure:
        failures.append(str(failure))
    for words in failures:
        print(words, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
