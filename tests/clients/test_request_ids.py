"""Ids that make a request sent twice have one effect."""

import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from clients.common.request_ids import derived_request_id, new_request_id
from kasir.v1.print_pb2 import (
    PRINT_JOB_STATE_PRINTED,
    BatchReportPrintJobsRequest,
    PrintReport,
    ReportPrintJobRequest,
)


def test_a_new_id_is_a_uuid_of_version_7_with_the_time_in_front():
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_request_id())
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after


def test_new_ids_differ_and_later_ones_are_greater():
    first = [new_request_id() for _ in range(1_000)]
    time.sleep(0.002)
    assert len(set(first)) == 1_000
    assert max(first) < new_request_id()


@given(st.lists(st.integers(1, 2**63), max_size=4), st.text(max_size=8))
def test_the_same_words_have_the_same_id_and_others_another(ids, detail):
    reports = [PrintReport(print_job_id=each, state=PRINT_JOB_STATE_PRINTED, detail=detail) for each in ids]
    request = BatchReportPrintJobsRequest(reports=reports)
    made = derived_request_id(request)
    request.request_id = made
    assert derived_request_id(request) == made
    request.reports.add(print_job_id=7)
    assert derived_request_id(request) != made


def test_the_same_bytes_of_another_request_have_another_id():
    assert derived_request_id(BatchReportPrintJobsRequest()) != derived_request_id(ReportPrintJobRequest())
