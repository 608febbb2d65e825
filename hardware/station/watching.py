"""News for those who watch: each gets all of it, in order, and who does not keep up is cut off."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

# News that wait for one watcher.
WAITING_MAX = 64


class TooSlowError(Exception):
    """The watcher took nothing while so much came."""


class Watcher(Generic[T]):
    """One who watches. Filled by a device's thread, read by a call's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._changed = threading.Condition()
        self._waiting: deque[T] = deque()
        self._ended = self._is_slow = False

    def put(self, news: T) -> None:
        """Never waits."""
        with self._changed:
            # Behind the first that had no room nothing comes: news have no gaps.
            self._is_slow = self._is_slow or len(self._waiting) >= WAITING_MAX
            if not self._is_slow:
                self._waiting.append(news)
            self._changed.notify_all()

    def end(self) -> None:
        """Nobody watches any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """News until the end. Raises TooSlowError behind the last that was kept."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended or self._is_slow)
                if self._ended:
                    return
                if not self._waiting:
                    raise TooSlowError
                news = self._waiting.popleft()
            yield news


class Watchers(Generic[T]):
    """All who watch. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: list[Watcher[T]] = []

    def __len__(self) -> int:
        return len(self._watchers)

    def add(self, name: str = "", first: T | None = None) -> Watcher[T]:
        """One more, for news of this name or of all; `first` is news already."""
        watcher: Watcher[T] = Watcher(name)
        if first is not None:
            watcher.put(first)
        with self._lock:
            self._watchers.append(watcher)
        return watcher

    def remove(self, watcher: Watcher[T]) -> None:
        """One less."""
        watcher.end()
        with self._lock:
            self._watchers.remove(watcher)

    def tell(self, news: T, name: str = "") -> bool:
        """News of this name; whether anybody watched for it."""
        with self._lock:
            wanted = [each for each in self._watchers if each.name in {"", name}]
        for watcher in wanted:
            watcher.put(news)
        return bool(wanted)
