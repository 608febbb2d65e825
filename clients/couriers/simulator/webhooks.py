"""Posts what happens to a shop's address, as carriers do: again and again until it is taken, for a while."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

import urllib3

_TRIES = 8
_PAUSE_S = 0.05
_TIMEOUT_S = 10.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where the shop listens, e.g. "http://127.0.0.1:8901/webhooks"."""

    url: str


class Poster:
    """Posts bodies, several at once."""

    def __init__(self, target: WebhookTarget | None) -> None:
        self._target = target
        self._http = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="courier webhooks")
        self._stopping = threading.Event()
        self._open: set[Future[bool]] = set()

    def post(self, make: Callable[[], tuple[dict[str, str], bytes]], pause_s: float = 0.0) -> "Future[bool]":
        """Posts what `make` makes, after a pause; true when it was taken."""
        posted = self._pool.submit(self._posted, make, pause_s)
        self._open.add(posted)
        posted.add_done_callback(self._open.discard)
        return posted

    def wait(self, timeout_s: float) -> bool:
        """Waits until nothing is left to post; false when it takes longer."""
        return not wait(list(self._open), timeout_s).not_done

    def close(self) -> None:
        """Leaves what was not taken."""
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)
        self._http.clear()

    def _posted(self, make: Callable[[], tuple[dict[str, str], bytes]], pause_s: float) -> bool:
        if self._target is None or self._stopping.wait(pause_s):
            return False
        headers, body = make()
        for attempt in range(_TRIES):
            began = time.monotonic()
            with suppress(urllib3.exceptions.HTTPError):
                response = self._http.request(
                    "POST",
                    self._target.url,
                    body=body,
                    headers={"Content-Type": "application/json", **headers},
                    redirect=False,
                    timeout=urllib3.Timeout(total=_TIMEOUT_S),
                )
                if response.status == 200:
                    return True
            pause = random.uniform(0.5, 1.0) * _PAUSE_S * 2**attempt
            if self._stopping.wait(max(0.0, pause - (time.monotonic() - began))):
                return False
        return False
