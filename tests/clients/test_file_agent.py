"""The agent that writes files: nothing is reported printed that is not on the disk, and a repeat changes
nothing.
"""

import json
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from hardware import file_agent
from kasir import durable
from kasir.v1.admin_pb2 import GetSettingsRequest, GetSettingsResponse
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse
from kasir.v1.print_pb2 import (
    DOCUMENT_KIND_ADDRESS_LABEL,
    DOCUMENT_KIND_ORDER_SLIP,
    DOCUMENT_KIND_SALES_RECEIPT,
    DOCUMENT_KIND_SHIFT_REPORT,
    PRINT_JOB_STATE_FAILED,
    PRINT_JOB_STATE_PRINTED,
    PRINT_JOB_STATE_SENT,
    BatchReportPrintJobsRequest,
    BatchReportPrintJobsResponse,
    GetPrintJobRequest,
    GetPrintJobResponse,
    ListPrintJobsRequest,
    ListPrintJobsResponse,
    PrintJob,
    WatchPrintJobsRequest,
    WatchPrintJobsResponse,
)
from kasir.v1.reconciliation_pb2 import ListBankAccountsRequest, ListBankAccountsResponse
from kasir.v1.shipping_pb2 import ListCouriersRequest, ListCouriersResponse
from kasir.v1.till_pb2 import ListTillsRequest, ListTillsResponse
from tests.clients.conftest import Refusal, ScriptedServer
from tests.paper import samples

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")
CAUGHT_UP = WatchPrintJobsResponse()


def slip_job(job_id: int = 1, **fields: Any) -> PrintJob:
    order = samples.order()
    return PrintJob(
        print_job_id=job_id, kind=DOCUMENT_KIND_ORDER_SLIP, subject_id=order.order_id, order=order, **fields
    )


def all_jobs() -> list[PrintJob]:
    sale, parcel, shift = samples.sale_of_order(), samples.parcel(), samples.closed_shift()
    return [
        slip_job(1),
        PrintJob(print_job_id=2, kind=DOCUMENT_KIND_SALES_RECEIPT, subject_id=sale.sale_id, sale=sale),
        PrintJob(
            print_job_id=3, kind=DOCUMENT_KIND_ADDRESS_LABEL, subject_id=parcel.parcel_id, parcel=parcel
        ),
        PrintJob(print_job_id=4, kind=DOCUMENT_KIND_SHIFT_REPORT, subject_id=shift.shift_id, shift=shift),
    ]


@pytest.fixture
def shop(scripted: ScriptedServer) -> ScriptedServer:
    scripted.answers(GetSettingsRequest, GetSettingsResponse(settings=samples.shop()))
    scripted.answers(GetBookingRequest, GetBookingResponse(order=samples.order()))
    scripted.answers(ListBankAccountsRequest, ListBankAccountsResponse(bank_accounts=[samples.account()]))
    scripted.answers(ListCouriersRequest, ListCouriersResponse(couriers=[samples.courier()]))
    scripted.answers(ListTillsRequest, ListTillsResponse(tills=[samples.till()]))
    scripted.answers(ListPrintJobsRequest, ListPrintJobsResponse())
    scripted.answers(BatchReportPrintJobsRequest, BatchReportPrintJobsResponse())
    return scripted


def queued(shop: ScriptedServer, *jobs: PrintJob) -> None:
    shop.answers(WatchPrintJobsRequest, [*(WatchPrintJobsResponse(job=job) for job in jobs), CAUGHT_UP])


def run(shop: ScriptedServer, out: Any, *options: str) -> Any:
    arguments = ["--out", str(out), "--once", "--json", "--server", shop.address, "--timeout", "2", *options]
    return CliRunner().invoke(file_agent.app, arguments)


def reported(shop: ScriptedServer) -> list[BatchReportPrintJobsRequest]:
    """The agent's reports, without what it asks beside them."""
    return [request for request in shop.asked if isinstance(request, BatchReportPrintJobsRequest)]


def reports(shop: ScriptedServer) -> list[tuple[int, int]]:
    return [(report.print_job_id, report.state) for said in reported(shop) for report in said.reports]


def test_every_document_is_written_and_reported_sent_before_and_printed_after(shop, tmp_path):
    queued(shop, *all_jobs())
    files_when_reported = []

    def answer(_request: Any) -> BatchReportPrintJobsResponse:
        files_when_reported.append(sorted(path.name for path in tmp_path.rglob("*.*")))
        return BatchReportPrintJobsResponse()

    shop.answers(BatchReportPrintJobsRequest, answer)
    result = run(shop, tmp_path)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"printed": 4}
    sent = [(number, PRINT_JOB_STATE_SENT) for number in (1, 2, 3, 4)]
    printed = [(number, PRINT_JOB_STATE_PRINTED) for number in (1, 2, 3, 4)]
    assert sorted(reports(shop)) == sorted(sent + printed)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    slip, sale = f"00000001-order-{samples.ORDER_ID}", f"00000002-sale-{samples.sale_of_order().sale_id}"
    label = f"00000003-parcel-{samples.parcel().parcel_id}"
    report = f"00000004-shift-{samples.closed_shift().shift_id}"
    assert written == {
        *(f"slips/{slip}.{suffix}" for suffix in ("escpos", "png", "txt")),
        *(f"receipts/{sale}.{suffix}" for suffix in ("escpos", "png", "txt")),
        *(f"labels/{label}.{suffix}" for suffix in ("zpl", "tspl", "pdf", "png")),
        *(f"shift-reports/{report}.{suffix}" for suffix in ("escpos", "png", "txt")),
    }
    assert files_when_reported[0] == []
    assert len(files_when_reported[-1]) == len(written)
    assert (tmp_path / f"labels/{label}.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / f"labels/{label}.zpl").read_bytes().startswith(b"^XA")
    assert (tmp_path / f"slips/{slip}.png").read_bytes().startswith(b"\x89PNG")


def test_only_the_formats_that_are_wanted(shop, tmp_path):
    queued(shop, *all_jobs())
    assert run(shop, tmp_path, "--format", "png", "--format", "zpl").exit_code == 0
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".png", ".zpl"}
    wrong = run(shop, tmp_path, "--format", "docx")
    assert wrong.exit_code == 2
    assert "docx" in wrong.stderr


def test_a_job_that_another_agent_took_is_left_to_it(shop, tmp_path):
    queued(shop, slip_job(1), slip_job(2))
    shop.answers(BatchReportPrintJobsRequest, BatchReportPrintJobsResponse(refused_print_job_ids=[1]))
    assert json.loads(run(shop, tmp_path).stdout) == {"printed": 1}
    assert [path.name[:8] for path in tmp_path.rglob("*.png")] == ["00000002"]


def test_what_cannot_be_rendered_is_failed_with_words(shop, tmp_path):
    queued(shop, PrintJob(print_job_id=9, kind=DOCUMENT_KIND_ORDER_SLIP, subject_id=1))
    assert json.loads(run(shop, tmp_path).stdout) == {"printed": 0}
    assert reports(shop)[-1] == (9, PRINT_JOB_STATE_FAILED)
    assert "without a document" in reported(shop)[-1].reports[0].detail
    assert list(tmp_path.rglob("*.*")) == []


def test_an_agent_that_was_stopped_in_between_finishes_its_own_jobs_and_no_others(shop, tmp_path):
    queued(shop, slip_job(1))
    # The report PRINTED is lost with everything after it.
    shop.answers(
        BatchReportPrintJobsRequest, BatchReportPrintJobsResponse(), Refusal(grpc.StatusCode.INTERNAL)
    )
    assert run(shop, tmp_path, "--name", "desk").exit_code == 1
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    lost = reported(shop)[-1]
    assert before

    queued(shop)
    own = slip_job(1, state=PRINT_JOB_STATE_SENT, detail="files of desk")
    others = slip_job(2, state=PRINT_JOB_STATE_SENT, detail="files of the other desk")
    shop.answers(ListPrintJobsRequest, ListPrintJobsResponse(jobs=[others, own]))
    shop.answers(GetPrintJobRequest, GetPrintJobResponse(job=own))
    shop.answers(BatchReportPrintJobsRequest, BatchReportPrintJobsResponse())
    assert json.loads(run(shop, tmp_path, "--name", "desk").stdout) == {"printed": 1}
    assert len(reported(shop)) == 3
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    # The same words after the crash as before it, and so the same request.
    assert reported(shop)[-1] == lost


def test_a_copy_lies_beside_the_first_print(shop, tmp_path):
    queued(shop, slip_job(5, copy_number=1, reprint_reason="lost"))
    assert run(shop, tmp_path, "--format", "txt").exit_code == 0
    (path,) = tmp_path.rglob("*.txt")
    assert path.name == f"00000005-order-{samples.ORDER_ID}-copy-1.txt"
    assert "SALINAN 1" in path.read_text()


def test_a_full_disk_stops_the_agent_and_the_jobs_stay_its_own(shop, tmp_path, monkeypatch):
    queued(shop, slip_job(1))

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    result = run(shop, tmp_path)
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert reports(shop) == [(1, PRINT_JOB_STATE_SENT)]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_refused_stream_ends_in_a_sentence(shop, tmp_path):
    shop.answers(WatchPrintJobsRequest, [Refusal(grpc.StatusCode.PERMISSION_DENIED)])
    result = run(shop, tmp_path)
    assert result.exit_code == 1
    assert "does not allow" in result.stderr
    assert "Traceback" not in result.output
