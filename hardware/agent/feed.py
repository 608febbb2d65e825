"""Where jobs come from: what an agent before this one left, then the server's stream."""

import threading
from collections.abc import Callable, Sequence

import grpc

from clients.common.client import Client
from clients.common.output import Output
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from hardware.agent.ledger import RETRY_S, Outbox, document
from hardware.agent.notes import Note, Notes, Stage
from hardware.agent.places import Places
from hardware.agent.waiting import Takes, Waiting
from hardware.devices import Outcome
from kasir.v1.print_pb2 import (
    PRINT_JOB_STATE_QUEUED,
    PRINT_JOB_STATE_SENT,
    PrintJob,
    WatchPrintJobsRequest,
    WatchPrintJobsResponse,
)


def leftovers(notes: Notes, outbox: Outbox) -> list[Note]:
    """What the notes of an agent that ended say: those done are reported, those that may have been on their
    way are UNKNOWN, and the rest, of which no byte was sent, comes back to be printed.
    """
    taken = []
    for note in notes.all():
        match note.stage:
            case Stage.DONE:
                outbox.put(note)
            case Stage.SENDING:
                lost = note.done(Outcome.UNKNOWN, "the agent ended while it was sending")
                notes.keep(lost)
                outbox.put(lost)
            case Stage.TAKEN:
                taken.append(note)
    return taken


class Feed(threading.Thread):
    """Fills `jobs` with what these printers take. Opens the stream again as often as it breaks."""

    def __init__(
        self,
        client: Client,
        jobs: Waiting,
        notes: Notes,
        taken: Sequence[Note],
        printers: Sequence[Takes],
        places: Places,
        output: Output,
        stopping: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name="print jobs", daemon=True)
        self._client = client
        self._jobs = jobs
        self._notes = notes
        self._taken = taken
        self._printers = printers
        self._places = places
        self._output = output
        self._stopping = stopping
        self._say = say
        self._homeless = 0
        # Why some printers have no location
        self._missing = ""

    def run(self) -> None:
        """The thread."""
        # What is meant for a printer is not known before the server has said where it stands.
        while not self._stopping.is_set() and not self._ask_places():
            self._stopping.wait(RETRY_S)
        for note in self._taken:
            self._resume(note)
        while not self._stopping.is_set():
            try:
                for reply in self._client.watch(WatchPrintJobsRequest(), WatchPrintJobsResponse):
                    if self._stopping.is_set():
                        return
                    if reply.HasField("job"):
                        self._add(reply.job)
                    elif self._missing and self._ask_places() and not self._missing:
                        # Jobs for what was missing were passed by: they come once more.
                        break
            except (CallFailed, ValueError) as ended:  # ValueError: the line was closed under it
                if not self._stopping.is_set():
                    self._say(f"no print jobs come: {ended}")
            self._stopping.wait(RETRY_S)

    def _ask_places(self) -> bool:
        """Where the printers stand; whether the server answered. Who has none prints nothing, and is told."""
        try:
            # A new view each time: who was told of a location that is missing may make it.
            self._places.ask(Shop(self._client, self._output))
        except (BadInput, CallFailed) as wrong:
            if isinstance(wrong, CallFailed) and not wrong.settled:
                return False
            if str(wrong) != self._missing:
                self._missing = str(wrong)
                self._say(f"{self._missing} Its printers print nothing.")
        else:
            self._missing = ""
        self._jobs.wake()
        return True

    def _add(self, job: PrintJob, note: Note | None = None) -> None:
        if any(takes.fits(job.kind, job.location_id) for takes in self._printers):
            self._jobs.add(job, note)
        elif job.print_job_id > self._homeless:
            self._homeless = job.print_job_id
            self._say(f"job {job.print_job_id} waits: no printer here is for it")

    def _resume(self, note: Note) -> None:
        """Brings back a job that was taken and not begun, unless a person settled it."""
        while not self._stopping.is_set():
            try:
                job = document(self._client, note.job_id)
            except CallFailed as failed:
                if failed.code is not grpc.StatusCode.NOT_FOUND:
                    self._stopping.wait(RETRY_S)
                    continue
                self._notes.forget(note.job_id)
                return
            is_ours = job.state == PRINT_JOB_STATE_SENT and job.detail == note.words
            if is_ours or job.state == PRINT_JOB_STATE_QUEUED:
                self._add(job, note)
            else:
                self._notes.forget(note.job_id)
            return
