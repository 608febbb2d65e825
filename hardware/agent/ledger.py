"""What the agent says to the server of its jobs, and what it asks before it goes on with one."""

import queue
import secrets
import threading
from collections.abc import Callable

from clients.common.client import Client
from clients.common.problems import CallFailed
from clients.common.request_ids import derived_request_id
from hardware.agent.notes import Note, Notes, Stage
from hardware.agent.waiting import Waiting
from hardware.devices import Outcome
from kasir.v1.print_pb2 import (
    PRINT_JOB_STATE_FAILED,
    PRINT_JOB_STATE_PRINTED,
    PRINT_JOB_STATE_SENT,
    PRINT_JOB_STATE_UNKNOWN,
    GetPrintJobRequest,
    GetPrintJobResponse,
    PrintJob,
    PrintJobState,
    PrintReport,
    ReportPrintJobRequest,
    ReportPrintJobResponse,
)

DETAIL_LENGTH_MAX = 200
RETRY_S = 1.0
_SETTLED_OTHERWISE = frozenset({"WRONG_STATE", "PRINT_JOB_NOT_FOUND"})
_STATES = {
    Outcome.PRINTED: PRINT_JOB_STATE_PRINTED,
    Outcome.FAILED: PRINT_JOB_STATE_FAILED,
    Outcome.UNKNOWN: PRINT_JOB_STATE_UNKNOWN,
}


def taking(agent: str, printer: str, job_id: int) -> Note:
    """A note of a job about to be taken. Its words hold a number drawn for this taking: the ledger lets only
    who says the same words say SENT again, and so nobody else, not even an agent of the same name.
    """
    return Note(job_id, printer, f"{agent}: {printer} [{secrets.token_hex(4)}]")


def report_sent(client: Client, note: Note) -> bool:
    """Takes the job; False when it is not to be had. Raises CallFailed when nobody knows."""
    try:
        _report(client, note.job_id, PRINT_JOB_STATE_SENT, note.words)
    except CallFailed as failed:
        if failed.settled:
            return False
        raise
    return True


def report_done(client: Client, note: Note) -> bool:
    """Says what became of it; False when a person settled it meanwhile. Raises CallFailed."""
    assert note.stage is Stage.DONE, note
    assert note.outcome is not None, note
    try:
        _report(client, note.job_id, _STATES[note.outcome], f"{note.words}: {note.detail}")
    except CallFailed as failed:
        if failed.reason in _SETTLED_OTHERWISE:
            return False
        raise
    return True


def _report(client: Client, job_id: int, state: PrintJobState.ValueType, words: str) -> None:
    report = PrintReport(print_job_id=job_id, state=state, detail=words[:DETAIL_LENGTH_MAX])
    request = ReportPrintJobRequest(report=report)
    # The same words find the same id, after a crash too.
    request.request_id = derived_request_id(request)
    client.call(request, ReportPrintJobResponse)


def document(client: Client, job_id: int) -> PrintJob:
    """The job as it stands, with what stands on it. Raises CallFailed."""
    return client.call(GetPrintJobRequest(print_job_id=job_id), GetPrintJobResponse).job


def is_still_ours(client: Client, note: Note) -> bool:
    """Whether nobody settled a job that was taken some time ago. Raises CallFailed."""
    job = document(client, note.job_id)
    return job.state == PRINT_JOB_STATE_SENT and job.detail == note.words


class Answering:
    """Whether the server answers: said once when it does not, and once when it does again."""

    def __init__(self, server: str, say: Callable[[str], None]) -> None:
        self._server = server
        self._say = say
        self._is_away = False

    def failed(self, failed: CallFailed) -> None:
        """A call was not answered, or was refused."""
        if not failed.retriable:
            self.answered()
        elif not self._is_away:
            self._is_away = True
            self._say(f"the server at {self._server} does not answer; it is asked until it does")

    def answered(self) -> None:
        """A call was."""
        if self._is_away:
            self._is_away = False
            self._say(f"the server at {self._server} answers again")


class Outbox(threading.Thread):
    """Reports what is done, however long the server is gone: no printer waits for that."""

    def __init__(
        self,
        client: Client,
        notes: Notes,
        jobs: Waiting,
        stopping: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name="reports", daemon=True)
        self._client = client
        self._notes = notes
        self._jobs = jobs
        self._stopping = stopping
        self._say = say
        self._done: queue.Queue[Note | None] = queue.Queue()

    def put(self, note: Note) -> None:
        """Takes a note that is DONE and durable."""
        self._done.put(note)

    def finish(self) -> None:
        """Ends once all that was put has been said, or the agent stops while the server is gone."""
        self._done.put(None)

    def run(self) -> None:
        """The thread."""
        while (note := self._done.get()) is not None:
            if not self._said(note):
                return
            self._notes.forget(note.job_id)
            self._jobs.settled(note.job_id)

    def _said(self, note: Note) -> bool:
        """False when the agent stops first: the note is still there at the next start."""
        failure = ""
        while True:
            try:
                if not report_done(self._client, note):
                    self._say(f"job {note.job_id} was settled by somebody else: it was {note.outcome}")
            except CallFailed as failed:
                if failure != failed.code.name:
                    failure = failed.code.name
                    self._say(f"job {note.job_id} is {note.outcome}; the server does not know yet: {failed}")
            else:
                return True
            if self._stopping.wait(RETRY_S):
                return False
