"""`kasir courier agent`: gets airway bills from a connected courier and reports them, one order a parcel.

How a parcel is asked for so that it is ordered once: clients.couriers.asking. No answer, a late one, a 5xx:
nothing is known, and the next round asks again, after a pause. After some rounds the parcel is reported
UNKNOWN, so that staff see it, and the rounds go on more slowly. An order whose number comes later is looked
at until it has one, or a webhook brings it (clients.couriers.hearing). Each round but the first begins with
how the parcel stands at the shop: staff may have settled it, or asked anew.

The engine knows which parcels wait; a report's request id follows from the parcel's version and from what is
said, so that one repeated after a crash is the same request.
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

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from clients.couriers.asking import Asking, Outcome, Overtaken, Question, Waiting
from clients.couriers.carrier import Cancelled, Carrier, Ordered, Refused, Shipment, Unclear, shipment_of
from clients.couriers.notes import Notes
from clients.couriers.reports import OVERTAKEN, claim_of, report_of, report_of_refused
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_REQUESTED,
    AIRWAY_BILL_STATE_UNKNOWN,
    GetParcelRequest,
    GetParcelResponse,
    Parcel,
    ReportAirwayBillRequest,
    ReportAirwayBillResponse,
    WatchAirwayBillRequestsRequest,
    WatchAirwayBillRequestsResponse,
)

# So many parcels are held; while there are more, the stream is not read on.
MAX_PARCELS = 10_000

# How many times longer the pause between two looks for a number may get.
LATER_MOST = 20

_OPEN = frozenset({AIRWAY_BILL_STATE_REQUESTED, AIRWAY_BILL_STATE_UNKNOWN})
_STATE_WORDS = {
    AIRWAY_BILL_STATE_ASSIGNED: "assigned",
    AIRWAY_BILL_STATE_FAILED: "failed",
    AIRWAY_BILL_STATE_UNKNOWN: "unknown",
}
# What is asked for, and where that stands. The detail tells one claim from another.
_ASKED_FOR = ("airway_bill_state", "airway_bill_detail", "courier_id", "courier_service")
# The counters of what needs no looking at any more.
_SETTLED = frozenset({"assigned", "failed"})
# The counter of reports that were refused for good.
DROPPED = "dropped"
# The counter of parcels that only a person or a webhook can settle.
QUESTIONS = "questions"


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
    later_s: float = 15.0
    """Before a look at an order whose number comes later; doubles with each, up to `LATER_MOST` times."""


@dataclass(slots=True, eq=False)
class _Task:
    """One parcel under way."""

    parcel: Parcel
    newest: Parcel
    """As the stream brought it last, perhaps while the work on an older version was going on."""
    rounds: int = 0
    looks: int = 0
    """At an order that had no number yet."""
    claim: ReportAirwayBillRequest | None = None
    """As it was made first, so that it is the same when it has to be made again; None once it is answered."""
    told: bool = False
    """It was said already why an UNKNOWN one still is."""
    report: ReportAirwayBillRequest | None = None
    """Not yet acknowledged by the engine."""


class CourierAgent:
    """Works until it is stopped. `run` blocks; `stop` and the others may be called from any thread."""

    def __init__(
        self,
        connection: Connection,
        carrier: Carrier,
        options: Options | None = None,
        *,
        notes: Notes | None = None,
        patience: Patience | None = None,
        on_report: Callable[[Parcel], None] | None = None,
    ) -> None:
        """`notes` are needed where the carrier finds no order by its reference. `on_report` hears of each
        parcel as it stands after a report, in the thread that made it.
        """
        self._connection = connection
        self._asking = Asking(carrier, notes)
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
        """How many reports were made: "assigned", "failed", "unknown"; "dropped" were refused for good, or
        others settled the parcel.
        """
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
            if not self._waits(parcel):
                return
            task = self._tasks.get(parcel.parcel_id)
            if task is not None:
                if parcel.version > task.newest.version:
                    task.newest = parcel
                return
            self._changed.wait_for(lambda: self._stopping or len(self._tasks) < MAX_PARCELS)
            self._begin(parcel)

    def _waits(self, parcel: Parcel) -> bool:
        """Whether it is this agent's to work on."""
        return self._options.courier_id in {0, parcel.courier_id} and parcel.airway_bill_state in _OPEN

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
        pause_s = 0.0
        if task.report is None:
            outcome = self._asked(task, client)
            if self._is_over(task, outcome):
                return
            task.report = self._report_of(task, outcome)
            if isinstance(outcome, Unclear):
                pause_s = outcome.retry_after_s
            elif isinstance(outcome, Ordered) and not outcome.airway_bill:
                pause_s = self._options.later_s * min(2.0**task.looks, LATER_MOST)
                task.looks = min(task.looks + 1, LATER_MOST)
        if task.report is None or not self._send(task, task.report, client):
            task.rounds += 1
            with self._changed:
                self._put(task, pause_s or self._pause_s(task.rounds))

    def _asked(self, task: _Task, client: Client) -> Outcome:
        """Asks the carrier, unless staff settled the parcel or asked anew since the round before. A claim
        that was not answered is made again first: how the parcel stands may be its own doing.
        """
        if task.rounds and task.claim is None and (changed := _overtaken(task, client)):
            return changed
        return self._asking.ask(
            Waiting(
                task.parcel,
                lambda: _shipment(task.parcel, client),
                lambda: self._claim(task, client),
                lambda: _overtaken(task, client),
            )
        )

    def _claim(self, task: _Task, client: Client) -> bool:
        """Reports UNKNOWN before an order that could not be found again; False when that was not taken."""
        # Of this very task: a stream that was opened again may bring a parcel as it was before.
        name = f"{self._connection.actor} {uuid.uuid4().hex}"
        task.claim = task.claim or claim_of(task.parcel, name)
        try:
            task.parcel = client.call(task.claim, ReportAirwayBillResponse).parcel
        except CallFailed as failed:
            # Settled: another agent has the claim, or staff settled the parcel meanwhile.
            if failed.settled:
                task.parcel = Parcel()
            return False
        task.claim = None
        return True

    def _is_over(self, task: _Task, outcome: Outcome) -> bool:
        """Whether nothing is left to do for the parcel, and nothing to report."""
        if not task.parcel.parcel_id:
            self._finish(task, task.newest, DROPPED)
            return True
        if isinstance(outcome, Overtaken):
            if outcome.parcel.version > task.newest.version:
                task.newest = outcome.parcel
            if outcome.parcel.airway_bill_state not in _OPEN:
                self._asking.settled(outcome.parcel)
            self._finish(task, task.parcel, DROPPED)
            return True
        if isinstance(outcome, Question) and outcome.words == task.parcel.airway_bill_detail:
            self._finish(task, task.parcel, QUESTIONS)
            return True
        return False

    def _report_of(self, task: _Task, outcome: Outcome) -> ReportAirwayBillRequest | None:
        """What there is to report, if anything: what is unclear only once, after some rounds."""
        is_unknown = task.parcel.airway_bill_state == AIRWAY_BILL_STATE_UNKNOWN
        match outcome:
            case Ordered(order_id=order_id, airway_bill=""):
                if not is_unknown or task.told:
                    return None
                task.told = True
                words = f"ordered as {order_id}; the number comes later"
                return report_of(task.parcel, AIRWAY_BILL_STATE_UNKNOWN, detail=words)
            case Ordered(airway_bill=airway_bill):
                return report_of(task.parcel, AIRWAY_BILL_STATE_ASSIGNED, airway_bill=airway_bill)
            case Overtaken():
                return None
            case Cancelled():
                return report_of(task.parcel, AIRWAY_BILL_STATE_FAILED, detail=self._asking.words(outcome))
            case Refused(words):
                return report_of(task.parcel, AIRWAY_BILL_STATE_FAILED, detail=words)
            case Question(words):
                return report_of(task.parcel, AIRWAY_BILL_STATE_UNKNOWN, detail=words)
            case Unclear(words):
                # Where a claim came before the order, the parcel is UNKNOWN already: then only why is news.
                is_time = not is_unknown if self._asking.finds else is_unknown and not task.told
                if not is_time or task.rounds + 1 < self._options.rounds:
                    return None
                task.told = True
                return report_of(task.parcel, AIRWAY_BILL_STATE_UNKNOWN, detail=words)

    def _send(self, task: _Task, report: ReportAirwayBillRequest, client: Client) -> bool:
        """Reports; True when nothing is left to do for the parcel."""
        try:
            parcel = client.call(report, ReportAirwayBillResponse).parcel
        except CallFailed as failed:
            if not failed.settled:
                # The engine may have it: the same request is sent again.
                return False
            if report.state == AIRWAY_BILL_STATE_ASSIGNED and failed.reason not in OVERTAKEN:
                # E.g. AIRWAY_BILL_TAKEN: the number stands on another parcel. A person must look.
                task.report = report_of_refused(task.parcel, report.airway_bill, failed)
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
        if counter in _SETTLED:
            self._asking.settled(parcel)
        with self._changed:
            self._counts[counter] += 1
            del self._tasks[parcel.parcel_id]
            if task.newest.version > parcel.version and self._waits(task.newest):
                self._begin(task.newest)
            self._changed.notify_all()

    def _pause_s(self, rounds: int) -> float:
        """Exponential with jitter, so that parcels that failed together do not come back together."""
        longest = min(self._options.pause_s * 2.0 ** min(rounds - 1, 30), self._options.pause_max_s)
        return random.uniform(longest / 4, longest)


def _overtaken(task: _Task, client: Client) -> Overtaken | Unclear | None:
    """Whether the parcel stands otherwise than it did when the task learnt of it last."""
    try:
        now = client.call(GetParcelRequest(parcel_id=task.parcel.parcel_id), GetParcelResponse).parcel
    except CallFailed as failed:
        return Unclear(f"the parcel cannot be looked at: {failed}", nothing_done=True)
    if any(getattr(now, name) != getattr(task.parcel, name) for name in _ASKED_FOR):
        return Overtaken(now)
    # What else changed, its label say, makes no difference here.
    task.parcel = now
    return None


def _shipment(parcel: Parcel, client: Client) -> Shipment | Unclear:
    """What the carrier has to know; its order tells what is in it and what is collected at the door."""
    try:
        order = client.call(GetBookingRequest(order_id=parcel.order_id), GetBookingResponse).order
    except CallFailed as failed:
        return Unclear(f"the order cannot be looked at: {failed}", nothing_done=True)
    return shipment_of(parcel, order)
