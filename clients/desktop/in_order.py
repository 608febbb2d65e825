"""Codes that are looked up one after the other, in the order in which they were scanned or typed."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject

from clients.desktop.calls import Calls, Failure, Work


@dataclass(frozen=True)
class _LookUp:
    work: Work
    done: Callable[[Any], None]
    failed: Callable[[Failure], None]


class InOrder(QObject):
    """A queue of one screen. While a command takes what stands there, what comes is held back: it belongs to
    what is written next.
    """

    def __init__(self, calls: Calls, owner: QObject) -> None:
        super().__init__(owner)
        self._calls = calls
        self._waiting: deque[_LookUp | Callable[[], Any]] = deque()
        self._under_way: _LookUp | None = None
        self._held = False

    def look(self, work: Work, done: Callable[[Any], None], failed: Callable[[Failure], None]) -> None:
        """Looks something up, after all that came before."""
        self._waiting.append(_LookUp(work, done, failed))
        self._next()

    def then(self, act: Callable[[], Any]) -> None:
        """Acts when all that came before is looked up; not when one of these fails: that is seen first."""
        if not self._held:
            self._waiting.append(act)
            self._next()

    def hold(self) -> None:
        """From now on what comes waits, and what is under way. Who was to act after it has acted."""
        self._held = True
        self._forget_acts()

    def go_on(self) -> None:
        """What waits has its turn."""
        self._held = False
        self._next()

    def drop(self) -> int:
        """What waits is not looked up; how many that were."""
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped

    def _next(self) -> None:
        while self._waiting and self._under_way is None and not self._held:
            first = self._waiting.popleft()
            if isinstance(first, _LookUp):
                self._under_way = first
                self._calls.look(
                    self, first.work, partial(self._over, first.done), partial(self._over_badly, first.failed)
                )
            else:
                first()

    def _over(self, tell: Callable[[Any], None], outcome: Any) -> None:
        was, self._under_way = self._under_way, None
        assert was is not None, "it is over"
        if self._held:
            self._waiting.appendleft(was)
            return
        tell(outcome)
        self._next()

    def _over_badly(self, tell: Callable[[Any], None], failure: Failure) -> None:
        self._forget_acts()
        self._over(tell, failure)

    def _forget_acts(self) -> None:
        self._waiting = deque(each for each in self._waiting if isinstance(each, _LookUp))
