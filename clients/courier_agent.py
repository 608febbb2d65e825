"""`kasir courier agent`: gets airway bills from a connected courier and reports them, one order a parcel.

Every round for a parcel begins with a question: does the courier have an order of this reference? Only when
it answers that it has none, an order is made, under the same reference. So an order that was made and whose
answer was lost (by the line, by the courier, by a crash of this agent) is found and not made again; and
should the courier still be busy with a first request while it denies having one, the reference that both
share lets it know them for one. No answer, a late one, a 5xx: nothing is known, and the next round asks
again, after a pause. After some rounds the parcel is reported UNKNOWN, so that staff see it, and the rounds
go on more slowly.

The agent keeps nothing on disk. The engine knows which parcels wait; a report's request id follows from the
parcel's version and from what is said, so that one repeated after a crash is the same request.
"""

import heapq
import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from clients.common.at_the_door import at_the_door
from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from clients.courier_http import Absent, Assigned, CourierApi, Refused, Unclear
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_REQUESTED,
    AIRWAY_BILL_STATE_UNKNOWN,
    AirwayBillState,
    Parcel,
    ReportAirwayBillRequest,
    ReportAirwayBillResponse,
    WatchAirwayBillRequestsRequest,
    WatchAirwayBillRequestsResponse,
)

# The contract's bound.
MAX_DETAIL_CHARS = 200
# So many parcels are held; while there are more, the stream is not read on.
MAX_PARCELS = 10_000

_OPEN = frozenset({AIRWAY_BILL_STATE_REQUESTED, AIRWAY_BILL_STATE_UNKNOWN})
_STATE_WORDS = {
    AIRWAY_BILL_STATE_ASSIGNED: "assigned",
    AIRWAY_BILL_STATE_FAILED: "failed",
    AIRWAY_BILL_STATE_UNKNOWN: "unknown",
}
# Of the ids of reports.
_REPORTS = uuid.UUID("b3c1e4de-4d4c-5c5a-8c1b-6f0d0f0c9a51")
# Refusals of a report that say that nobody waits for it any more.
_OVERTAKEN = frozenset({"WRONG_STATE", "PARCEL_NOT_FOUND"})
# The counter of reports that were refused for good.
DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Options:
    """How the agent goes about it; times in seconds."""

    concurrency: int = 8
    """Parcels worked on at once."""
    courier_id: int = 0
    """Only this courier's parcels; 0: all."""
    rounds: int = 5
    """Rounds without a result before a parcel is reported UNKNOWN."""
    pause_s: float = 0.2
    """Pause after the first round; doubles with each, with jitter."""
    pause_max_s: float = 30.0


@dataclass(slots=True, eq=False)
class _Task:
    """One parcel under way."""

    parcel: Parcel
    newest: Parcel
    """As the stream brought it last, perhaps while the work on an older version was going on."""
    rounds: int = 0
    report: ReportAirwayBillRequest | None = None
    """Not yet acknowledged by the engine."""


class CourierAgent:
    """Works until it is stopped. `run` blocks; `stop` and the others may be called from any thread."""

    def __init__(
        self,
        connection: Connection,
        courier: CourierApi,
        options: Options | None = None,
        *,
        patience: Patience | None = None,
        on_report: Callable[[Parcel], None] | None = None,
    ) -> None:
        """`on_report` hears of each parcel as it stands after a report, in the thread that made it."""
        self._connection = connection
        self._courier = courier
        self._options = options or Options()
        self._patience = patience or Patience()
        self._on_report = on_report or (lambda _parcel: None)
        self._stream = Client(connection, patience=self._patience)
        # Guards all below; notified at every change of them.
        self._changed = threading.Condition()
        self._tasks: dict[int, _Task] = {}
        self._due: list[tuple[float, int, _Task]] = []
        self._numbers = itertools.count()
        self._listed = False
        self._stopping = False
        self._counts: Counter[str] = Counter()

    def run(self) -> None:
        """Takes parcels until `stop`; what is under way then is finished. Raises CallFailed when refused."""
        with ThreadPoolExecutor(self._options.concurrency, thread_name_prefix="courier") as pool:
            workers = [pool.submit(self._work) for _ in range(self._options.concurrency)]
            for worker in workers:
                # A worker ends when the agent stops, or by a fault of ours: then the rest need not go on.
                worker.add_done_callback(lambda _: self.stop())
            try:
                self._take_parcels()
            finally:
                self.stop()
        for worker in workers:
            worker.result()

    def stop(self) -> None:
        """Takes no more parcels, finishes the requests under way and lets `run` return."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._stream.close()

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Waits until every parcel that waited or came meanwhile is settled. False when it takes too long."""
        with self._changed:
            idle = self._changed.wait_for(
                lambda: self._stopping or (self._listed and not self._tasks), timeout_s
            )
            return idle and not self._tasks

    def counts(self) -> dict[str, int]:
        """How many reports were made: "assigned", "failed", "unknown"; "dropped" were refused for good."""
        with self._changed:
            return dict(self._counts)

    # -- the stream ----------------------------------------------------------------------------------------

    def _take_parcels(self) -> None:
        request = WatchAirwayBillRequestsRequest()
        try:
            for reply in self._stream.watch(request, WatchAirwayBillRequestsResponse):
                self._take(reply.parcel if reply.HasField("parcel") else None)
        except (CallFailed, ValueError):
            # `stop` closes the line: its stream then ends with the one, a stream opened on it with the other.
            if not self._stopping:
                raise

    def _take(self, parcel: Parcel | None) -> None:
        with self._changed:
            if parcel is None:
                # A heartbeat: what waited when the stream was opened has been listed.
                self._listed = True
                self._changed.notify_all()
                return
            is_ours = self._options.courier_id in {0, parcel.courier_id}
            if not is_ours or parcel.airway_bill_state not in _OPEN:
                return
            task = self._tasks.get(parcel.parcel_id)
            if task is not None:
                if parcel.version > task.newest.version:
                    task.newest = parcel
                return
            self._changed.wait_for(lambda: self._stopping or len(self._tasks) < MAX_PARCELS)
            self._begin(parcel)

    def _begin(self, parcel: Parcel) -> None:
        task = _Task(parcel, newest=parcel)
        self._tasks[parcel.parcel_id] = task
        self._put(task, 0.0)

    def _put(self, task: _Task, pause_s: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + pause_s, next(self._numbers), task))
        self._changed.notify_all()

    # -- the workers ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        # One try a call: a report that is not answered has its pauses here, where they hold no one up.
        with Client(self._connection, patience=replace(self._patience, tries=1)) as client:
            while (task := self._next()) is not None:
                self._round(task, client)

    def _next(self) -> _Task | None:
        """The next task that is due; None when the agent stops."""
        with self._changed:
            while not self._stopping:
                if not self._due:
                    self._changed.wait()
                    continue
                pause_s = self._due[0][0] - time.monotonic()
                if pause_s <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(pause_s)
            return None

    def _round(self, task: _Task, client: Client) -> None:
        """One round for one parcel: ask, order if there is none, report what is now known."""
        retry_after_s = 0.0
        if task.report is None:
            outcome = self._ask(task.parcel, client)
            task.report = self._report_of(task, outcome)
            if isinstance(outcome, Unclear):
                retry_after_s = outcome.retry_after_s
        if task.report is None or not self._send(task, task.report, client):
            task.rounds += 1
            with self._changed:
                self._put(task, retry_after_s + self._pause_s(task.rounds))

    def _ask(self, parcel: Parcel, client: Client) -> Assigned | Refused | Unclear:
        found = self._courier.find(parcel.courier_reference)
        if not isinstance(found, Absent):
            return found
        try:
            request = GetBookingRequest(order_id=parcel.order_id)
            order = client.call(request, GetBookingResponse).order
        except CallFailed as failed:
            return Unclear(f"the order cannot be looked at: {failed}")
        return self._courier.create(parcel, at_the_door(order))

    def _report_of(
        self, task: _Task, outcome: Assigned | Refused | Unclear
    ) -> ReportAirwayBillRequest | None:
        """What there is to report, if anything: what is unclear only once, after some rounds."""
        match outcome:
            case Assigned(airway_bill):
                return _report(task.parcel, AIRWAY_BILL_STATE_ASSIGNED, airway_bill=airway_bill)
            case Refused(words):
                return _report(task.parcel, AIRWAY_BILL_STATE_FAILED, detail=words)
            case Unclear(words):
                is_news = task.parcel.airway_bill_state != AIRWAY_BILL_STATE_UNKNOWN
                if is_news and task.rounds + 1 >= self._options.rounds:
                    return _report(task.parcel, AIRWAY_BILL_STATE_UNKNOWN, detail=words)
                return None

    def _send(self, task: _Task, report: ReportAirwayBillRequest, client: Client) -> bool:
        """Reports; True when nothing is left to do for the parcel."""
        try:
            parcel = client.call(report, ReportAirwayBillResponse).parcel
        except CallFailed as failed:
            if not failed.settled:
                # The engine may have it: the same request is sent again.
                return False
            if report.state == AIRWAY_BILL_STATE_ASSIGNED and failed.reason not in _OVERTAKEN:
                # E.g. AIRWAY_BILL_TAKEN: the number stands on another parcel. A person must look.
                detail = f"the courier's number {report.airway_bill} was refused: {failed}"
                task.report = _report(task.parcel, AIRWAY_BILL_STATE_FAILED, detail=detail)
                return False
            self._finish(task, task.parcel, DROPPED)
            return True
        self._on_report(parcel)
        if report.state == AIRWAY_BILL_STATE_UNKNOWN:
            with self._changed:
                task.parcel, task.report = parcel, None
                self._counts[_STATE_WORDS[report.state]] += 1
            return False
        self._finish(task, parcel, _STATE_WORDS[report.state])
        return True

    def _finish(self, task: _Task, parcel: Parcel, counter: str) -> None:
        """Ends the work on `parcel`, as it now stands; begins anew if staff asked for it again meanwhile."""
        with self._changed:
            self._counts[counter] += 1
            del self._tasks[parcel.parcel_id]
            if task.newest.version > parcel.version:
                self._begin(task.newest)
            self._changed.notify_all()

    def _pause_s(self, rounds: int) -> float:
        """Exponential with jitter, so that parcels that failed together do not come back together."""
        longest = min(self._options.pause_s * 2.0 ** min(rounds - 1, 30), self._options.pause_max_s)
        return random.uniform(longest / 4, longest)


def _report(
    parcel: Parcel, state: AirwayBillState.ValueType, *, airway_bill: str = "", detail: str = ""
) -> ReportAirwayBillRequest:
    """A report with an id that follows from the parcel's version and from what is said.

    Not from what is said alone: a parcel may be refused with the same words a second time, after staff asked
    for it again, and that is another report.
    """
    report = ReportAirwayBillRequest(
        parcel_id=parcel.parcel_id,
        state=state,
        airway_bill=airway_bill,
        detail=detail[:MAX_DETAIL_CHARS],
    )
    said = report.SerializeToString(deterministic=True).hex()
    report.request_id = str(uuid.uuid5(_REPORTS, f"{parcel.courier_reference}/{parcel.version}/{said}"))
    return report
