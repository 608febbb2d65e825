"""Jobs that wait for a printer: each printer takes the oldest that is meant for it, when it is ready.

A printer that is not ready takes nothing, and so holds up nobody else. Documents are kept of the first jobs
only; those of a long queue are fetched when their turn comes.
"""

import heapq
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from hardware.agent.notes import Note
from kasir.v1.print_pb2 import PrintJob

# Jobs whose documents are in memory; a slip has some 2 KiB.
DOCUMENTS_MAX = 500


@dataclass(slots=True)
class Takes:
    """What a printer is for. `location_id` 0 is every location; None, one that is not known yet."""

    kinds: frozenset[int]
    location_id: int | None = 0

    def fits(self, kind: int, location_id: int) -> bool:
        """Whether a job of this kind, for printers of that location (0: any), is for it."""
        here = self.location_id
        return kind in self.kinds and here is not None and (not here or location_id in {0, here})


@dataclass(slots=True)
class Hand:
    """A job that one printer has taken out. `document` is None when it has to be fetched; `note` is that of
    an agent before this one, or of an earlier try.
    """

    job_id: int
    document: PrintJob | None
    note: Note | None = None


class Waiting:
    """The jobs. Used by several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._hands: dict[int, Hand] = {}
        self._queues: dict[tuple[int, int], list[int]] = defaultdict(list)
        # Taken out and not reported yet: a stream that is opened again may bring them once more.
        self._busy: set[int] = set()
        self._documents = 0

    def add(self, job: PrintJob, note: Note | None = None) -> None:
        """A job is QUEUED, or was taken by an agent before this one."""
        with self._changed:
            if job.print_job_id in self._busy or job.print_job_id in self._hands:
                return
            keep = self._documents < DOCUMENTS_MAX
            self._documents += keep
            self._hands[job.print_job_id] = Hand(job.print_job_id, job if keep else None, note)
            heapq.heappush(self._queues[job.kind, job.location_id], job.print_job_id)
            self._changed.notify_all()

    def await_job(
        self, takes: Takes, timeout_s: float, otherwise: Callable[[], bool] = lambda: False
    ) -> bool:
        """Whether a job for this printer is there or `otherwise` holds, now or within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._oldest(takes) is not None or otherwise(), timeout_s)

    def take(self, takes: Takes) -> Hand | None:
        """The oldest job for this printer; nobody else gets it."""
        with self._changed:
            queue = self._oldest(takes)
            if queue is None:
                return None
            hand = self._hands.pop(heapq.heappop(queue))
            self._busy.add(hand.job_id)
            self._documents -= hand.document is not None
            return hand

    def settled(self, job_id: int) -> None:
        """The server knows what became of a job."""
        with self._changed:
            self._busy.discard(job_id)

    def count(self, takes: Takes) -> int:
        """How many wait for such a printer."""
        with self._changed:
            return sum(len(queue) for of, queue in self._queues.items() if takes.fits(*of))

    def wake(self) -> None:
        """Lets those who wait look around."""
        with self._changed:
            self._changed.notify_all()

    def _oldest(self, takes: Takes) -> list[int] | None:
        found = [queue for of, queue in self._queues.items() if queue and takes.fits(*of)]
        return min(found, default=None, key=lambda queue: queue[0])
