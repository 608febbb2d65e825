"""How each device is, as its thread saw it last: for the server's clients and the agent's own log."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hardware.devices import PrinterStatus, unreachable


@dataclass(frozen=True, slots=True)
class Shown:
    """One device. `since` and `seen` are seconds of the epoch; `job_id` is the job at hand, 0 for none."""

    name: str
    status: PrinterStatus
    since: float
    seen: float
    job_id: int = 0
    printed: int = 0


class Board:
    """All devices. Used by several threads."""

    def __init__(self, names: tuple[str, ...], say: Callable[[str], None]) -> None:
        now = time.time()
        first = unreachable("not asked yet")
        self._shown = {name: Shown(name, first, now, now) for name in names}
        self._changed = threading.Condition()
        self._changes = 0
        self._say = say

    def tell(self, name: str, status: PrinterStatus) -> None:
        """A device was asked, or spoke by itself."""
        with self._changed:
            before, now = self._shown[name], time.time()
            same = before.status == status
            self._put(replace(before, status=status, since=before.since if same else now, seen=now), not same)
        if not same:
            self._say(f"{name}: {worded(status)}")

    def works_on(self, name: str, job_id: int) -> None:
        """A printer took a job, or let go of it (0)."""
        with self._changed:
            self._put(replace(self._shown[name], job_id=job_id), True)

    def printed(self, name: str) -> None:
        """One more is on paper."""
        with self._changed:
            self._put(replace(self._shown[name], printed=self._shown[name].printed + 1), True)

    def all(self) -> list[Shown]:
        """Every device as it is now."""
        with self._changed:
            return list(self._shown.values())

    def await_change(self, seen: int, timeout_s: float) -> int:
        """Waits for more changes than were seen, at most so long; how many there are now."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes > seen, timeout_s)
            return self._changes

    def _put(self, shown: Shown, changed: bool) -> None:
        self._shown[shown.name] = shown
        if changed:
            self._changes += 1
            self._changed.notify_all()


def worded(status: PrinterStatus) -> str:
    """A state in words."""
    words = str(status.condition) + (f" ({status.detail})" if status.detail else "")
    return f"{words}, paper is low" if status.paper_low and status.ready else words
