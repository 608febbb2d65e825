"""Print jobs: `kasir print`."""

from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import command, new_app
from clients.common.numbers import id_argument, id_option
from clients.common.output import facts, state_number
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import print_jobs_table
from kasir.v1.print_pb2 import (
    GetPrintJobRequest,
    GetPrintJobResponse,
    ListPrintJobsRequest,
    ListPrintJobsResponse,
    PrintJobState,
    ReprintDocumentRequest,
    ReprintDocumentResponse,
    SettlePrintJobRequest,
    SettlePrintJobResponse,
)

app = new_app(
    "print", "Printing: what is queued, what nobody is sure of, copies, and an agent that writes files."
)


@command(
    app,
    "jobs",
    ["kasir print jobs", "kasir print jobs --state unknown", "kasir print jobs --job 42 --json"],
)
def jobs(
    shop: Shop,
    state: Annotated[str, typer.Option(help="Only these: queued, sent, printed, failed, unknown.")] = "",
    job: Annotated[
        int | None, id_option("--job", "Only this one; with --json what stands on it, too.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List print jobs, newest first."""
    if job:
        found = [shop.call(GetPrintJobRequest(print_job_id=job), GetPrintJobResponse).job]
    else:
        request = ListPrintJobsRequest(state=state_number(PrintJobState, state, "PRINT_JOB_STATE"))
        found = shop.pages(request, ListPrintJobsResponse, "jobs", limit)
    shop.output.emit({"jobs": found}, lambda: print_jobs_table(shop, found, "Print jobs"))


@command(app, "settle", ["kasir print settle 42 --printed", "kasir print settle 42 --again"])
def settle(
    shop: Shop,
    job: Annotated[int, id_argument("The job's number; one that failed, or of which nobody knows.")],
    printed: Annotated[bool, typer.Option("--printed", help="It is on paper.")] = False,
    again: Annotated[bool, typer.Option("--again", help="It is not: print it again, as a new job.")] = False,
) -> None:
    """Say what became of a job after looking at the printer."""
    if printed == again:
        raise BadInput("Look at the printer, then say --printed or --again.")
    request = SettlePrintJobRequest(print_job_id=job, printed=printed)
    reply = shop.call(request, SettlePrintJobResponse, note=f"settle print job {job}")
    pairs = [("New job", str(reply.new_print_job_id or ""))]
    shop.output.emit(reply, lambda: Group(print_jobs_table(shop, [reply.job], "Settled"), facts("", pairs)))


@command(app, "reprint", ["kasir print reprint 42 --reason 'customer lost the receipt'"])
def reprint(
    shop: Shop,
    job: Annotated[int, id_argument("A printed job's number.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded, and the paper says that it is a copy.")],
) -> None:
    """Print a copy of a document."""
    request = ReprintDocumentRequest(print_job_id=job, reason=reason)
    reply = shop.call(request, ReprintDocumentResponse, note=f"copy of print job {job}")
    shop.output.emit(reply, lambda: print_jobs_table(shop, [reply.job], "Queued"))
