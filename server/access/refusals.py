"""Refusals on their way into the log: alike ones are one line, so many lines a minute, and lines that cannot
be written wait.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from server.access.audit import Audit, Entry
from server.access.store import Store

# Kinds of refusals that wait at once; of more, their number.
WAITING = 1_000
LINES_A_MINUTE = 60


class Refusals:
    """Takes refusals as they come, and writes them down later. In one thread."""

    def __init__(self, audit: Audit, clock: Callable[[], float] = time.time) -> None:
        self._audit = audit
        self._clock = clock
        self._waiting: dict[Entry, Entry] = {}
        self._untold = 0
        self._minute, self._lines = 0, 0

    def add(self, entry: Entry) -> None:
        """Takes a line."""
        alike = replace(entry, count=0, time_ms=0)
        before = self._waiting.get(alike)
        if before is not None:
            self._waiting[alike] = replace(before, count=before.count + entry.count)
        elif len(self._waiting) < WAITING:
            self._waiting[alike] = replace(entry, time_ms=entry.time_ms or int(self._clock() * 1000))
        else:
            self._untold += entry.count

    def add_untold(self, count: int) -> None:
        """Takes refusals of which nothing is known but how many they were."""
        self._untold += count

    def write(self, store: Store, most: int | None = None) -> None:
        """Writes down what waits, so many lines a minute unless `most` says how many. What cannot be written
        waits on; raises what is in the way.
        """
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        if most is None:
            most = LINES_A_MINUTE - self._lines
        if most <= 0 or not (self._waiting or self._untold):
            return
        keys = list(self._waiting)[:most]
        lines = [self._waiting[key] for key in keys]
        untold = self._untold if len(lines) < most else 0
        if untold:
            lines.append(Entry("denied", reason="more than are told one by one", count=untold))
        with store.write() as txn:
            for line in lines:
                self._audit.add(txn, line)
        for key in keys:
            del self._waiting[key]
        self._untold -= untold
        self._lines += len(lines)
