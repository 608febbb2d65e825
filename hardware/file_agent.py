"""A print agent without a printer: takes print jobs and writes what would be on paper to files.

A job is reported SENT before anything is written, and PRINTED only when its files and their names are on the
disk. Its files are named by its id, so that doing it twice leaves the same files. An agent that was stopped
in between finds its SENT jobs again by its name and finishes them; a real printer's agent must not, since
paper comes twice.
"""

import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.common.client import Client
from clients.common.commands import command, new_app
from clients.common.output import state_number
from clients.common.problems import BadInput, CallFailed
from clients.common.request_ids import derived_request_id
from clients.common.shop import Shop
from kasir.durable import READABLE, sync_directory, write_durably
from kasir.v1.print_pb2 import (
    PRINT_JOB_STATE_FAILED,
    PRINT_JOB_STATE_PRINTED,
    PRINT_JOB_STATE_SENT,
    BatchReportPrintJobsRequest,
    BatchReportPrintJobsResponse,
    DocumentKind,
    GetPrintJobRequest,
    GetPrintJobResponse,
    ListPrintJobsRequest,
    ListPrintJobsResponse,
    PrintJob,
    PrintJobState,
    PrintReport,
    WatchPrintJobsRequest,
    WatchPrintJobsResponse,
)

if TYPE_CHECKING:
    from hardware.paper import Logo

# Jobs reported together. Large enough that commits do not count, small enough that paper comes at once.
BATCH_SIZE = 100
# Jobs read ahead of the disk; the stream waits when there are more.
READ_AHEAD = 4 * BATCH_SIZE
# SENT jobs looked through at the start for this agent's own.
LEFTOVERS_MAX = 10_000
NAME_LENGTH_MAX = 120
DETAIL_LENGTH_MAX = 200

FOLDERS = {
    "order": "slips",
    "sale": "receipts",
    "refund": "refunds",
    "parcel": "labels",
    "shift": "shift-reports",
    "manifest": "manifests",
}
PAPER_FORMATS = ("escpos", "png", "txt")
LABEL_FORMATS = ("zpl", "tspl", "pdf", "png")

app = new_app("agent", "A print agent that writes files.")


@dataclass(frozen=True)
class Agent:
    """Where this agent writes, which formats, and the name by which it knows its own jobs again."""

    out: Path
    formats: frozenset[str]
    name: str
    logo: "Logo | None" = None

    @property
    def mark(self) -> str:
        """What begins the detail of every report of this agent."""
        return f"files of {self.name}"

    def work(self, client: Client, shop: Shop, jobs: Sequence[PrintJob]) -> int:
        """Takes jobs that are QUEUED and writes them; returns how many are printed. Raises CallFailed,
        OSError.
        """
        refused = self._report(client, [self._report_of(job, PRINT_JOB_STATE_SENT) for job in jobs])
        return self.finish(client, shop, [job for job in jobs if job.print_job_id not in refused])

    def finish(self, client: Client, shop: Shop, jobs: Sequence[PrintJob]) -> int:
        """Writes jobs that this agent has reported SENT; returns how many are printed."""
        if not jobs:
            return 0
        reports = [self._written(shop, job) for job in jobs]
        for folder in FOLDERS.values():
            if (self.out / folder).is_dir():
                sync_directory(self.out / folder)
        refused = self._report(client, reports)
        printed = [report for report in reports if report.state == PRINT_JOB_STATE_PRINTED]
        return sum(report.print_job_id not in refused for report in printed)

    def leftovers(self, shop: Shop) -> Iterator[PrintJob]:
        """Jobs that this agent took and did not finish, with what stands on them."""
        request = ListPrintJobsRequest(state=PRINT_JOB_STATE_SENT)
        for job in shop.pages(request, ListPrintJobsResponse, "jobs", LEFTOVERS_MAX):
            if job.detail == self.mark:
                yield shop.call(GetPrintJobRequest(print_job_id=job.print_job_id), GetPrintJobResponse).job

    def _written(self, shop: Shop, job: PrintJob) -> PrintReport:
        """Renders and writes one job; what cannot be rendered is FAILED, surely not on paper."""
        # Without the paper extra, other commands work.
        from hardware.paper import PaperError  # noqa: PLC0415

        try:
            files = {suffix: render() for suffix, render in self._renderers(shop, job)}
        except PaperError as error:
            return self._report_of(job, PRINT_JOB_STATE_FAILED, str(error))
        subject = job.WhichOneof("document")
        assert subject is not None
        folder = self.out / FOLDERS[subject]
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{job.print_job_id:08d}-{subject}-{job.subject_id}" + (
            f"-copy-{job.copy_number}" if job.copy_number else ""
        )
        for suffix, content in files.items():
            write_durably(folder / f"{stem}.{suffix}", content, mode=READABLE)
        return self._report_of(job, PRINT_JOB_STATE_PRINTED, ", ".join(files))

    def _renderers(self, shop: Shop, job: PrintJob) -> list[tuple[str, Callable[[], bytes]]]:
        from hardware.documents import label_of, pages_of, paper_of  # noqa: PLC0415 (see above)
        from hardware.paper import labels_pdf  # noqa: PLC0415

        if job.WhichOneof("document") == "parcel":
            label = label_of(shop, job)
            made: dict[str, Callable[[], bytes]] = {
                "zpl": label.zpl,
                "tspl": label.tspl,
                "pdf": label.pdf,
                "png": label.png,
            }
        else:
            paper = paper_of(shop, job, logo=self.logo)
            made = {"escpos": paper.escpos, "png": paper.png, "txt": lambda: paper.text().encode()}
            if job.WhichOneof("document") == "manifest":
                made["pdf"] = lambda: labels_pdf(pages_of(shop, job), "Daftar serah terima")
        return [(suffix, render) for suffix, render in made.items() if suffix in self.formats]

    def _report_of(self, job: PrintJob, state: PrintJobState.ValueType, detail: str = "") -> PrintReport:
        words = f"{self.mark}: {detail}" if detail else self.mark
        return PrintReport(print_job_id=job.print_job_id, state=state, detail=words[:DETAIL_LENGTH_MAX])

    def _report(self, client: Client, reports: Sequence[PrintReport]) -> set[int]:
        """Reports together; returns the jobs whose report was refused: another agent has them."""
        request = BatchReportPrintJobsRequest(reports=reports)
        # Said once, whatever happens: after a crash the same words find the same id, and no journal is
        # needed.
        request.request_id = derived_request_id(request)
        return set(client.call(request, BatchReportPrintJobsResponse).refused_print_job_ids)


def read_logo(path: Path | None) -> "Logo | None":
    """A logo's file, None for none. Raises BadInput."""
    if path is None:
        return None
    from hardware.paper import PaperError, logo  # noqa: PLC0415 (see above)

    try:
        return logo.read(path)
    except PaperError as wrong:
        raise BadInput(f"The logo cannot be used: {wrong}.") from wrong


def batches(client: Client, request: WatchPrintJobsRequest, once: bool) -> Iterator[list[PrintJob]]:
    """Jobs as they come, those that wait together as one batch. `once`: until all that were QUEUED have come.

    Raises CallFailed when the stream ends for good.
    """
    arrived: queue.Queue[WatchPrintJobsResponse | Exception] = queue.Queue(maxsize=READ_AHEAD)

    def read() -> None:
        try:
            for reply in client.watch(request, WatchPrintJobsResponse):
                arrived.put(reply)
        except (CallFailed, ValueError) as ended:  # ValueError: the line was closed under it
            arrived.put(ended)

    threading.Thread(target=read, name="print jobs", daemon=True).start()
    while True:
        first = arrived.get()
        waiting = [first]
        while len(waiting) < BATCH_SIZE and not arrived.empty():
            waiting.append(arrived.get())
        jobs: dict[int, PrintJob] = {}
        caught_up = False
        for reply in waiting:
            if isinstance(reply, Exception):
                raise reply
            if reply.HasField("job"):
                # A stream that was opened again brings what is still queued once more.
                jobs[reply.job.print_job_id] = reply.job
            elif once:
                caught_up = True
                break
        if jobs:
            yield list(jobs.values())
        if caught_up:
            return


@command(
    app,
    "agent",
    [
        "kasir print agent --out out/prints",
        "kasir print agent --out out/labels --kind address-label --format pdf",
        "kasir print agent --out out/prints --once",
    ],
)
def agent(
    shop: Shop,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="The directory to write to; it is made when missing.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            help="Only order-slip, sales-receipt, refund-receipt, address-label, shift-report, "
            "pickup-manifest."
        ),
    ] = "",
    location: Annotated[
        str, typer.Option(metavar="CODE", help="Only jobs for this location's printers, or any's.")
    ] = "",
    format_: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="escpos, png, txt for slips; pdf for manifests, too; zpl, tspl, pdf, png for labels.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Its name among agents; else this machine's and the directory's.")
    ] = "",
    logo: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The shop's logo, PNG or JPEG, on slips and receipts.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Write what is queued now, then leave.")] = False,
) -> None:
    """Take print jobs and write them to files: slips as ESC/POS, labels as ZPL, TSPL and PDF, all as PNG.

    Until Ctrl-C.
    """
    known = dict.fromkeys((*PAPER_FORMATS, *LABEL_FORMATS))
    formats = frozenset(format_ or known)
    if unknown := formats - known.keys():
        raise BadInput(f"There is no format {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    out.mkdir(parents=True, exist_ok=True)
    known_as = (name or f"{socket.gethostname()}:{out.resolve()}")[-NAME_LENGTH_MAX:]
    made = Agent(out, formats, known_as, read_logo(logo))
    client = shop.client
    request = WatchPrintJobsRequest(
        location_id=shop.location(location).location_id if location else 0,
        kind=state_number(DocumentKind, kind, "DOCUMENT_KIND"),
    )
    printed = made.finish(client, shop, list(made.leftovers(shop)))
    try:
        for jobs in batches(client, request, once):
            # A new view of the shop each time: its settings and couriers change while an agent runs for
            # weeks.
            done = made.work(client, Shop(client, shop.output), jobs)
            printed += done
            shop.output.say(f"{done} written to {out}", "dim")
    except KeyboardInterrupt:
        shop.output.say("Stopped.", "dim")
    shop.output.emit({"printed": printed}, lambda: f"{printed} print jobs written to {out}.")
