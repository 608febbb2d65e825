"""What is seen live: a server stream read in a thread of its own, and facts that others wait for."""

import threading
import time
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from clients.common.client import Reply
from clients.common.problems import CallFailed
from kasir.demo.stage import PATIENCE_S, DemoFailed, Stage

# Nobody tells those who wait that another has failed: they look this often.
LOOK_S = 0.5


class Follower:
    """Reads one server stream in a thread of its own, until closed."""

    def __init__(
        self,
        stage: Stage,
        actor: str,
        request: Message,
        reply_type: type[Reply],
        on_reply: Callable[[Reply], None],
    ) -> None:
        self._client = stage.client(actor)
        self._stage = stage
        self._closing = False
        self._thread = threading.Thread(
            target=self._read, args=(request, reply_type, on_reply), name=f"stream of {actor}", daemon=True
        )
        self._thread.start()

    def _read(self, request: Message, reply_type: type[Reply], on_reply: Callable[[Reply], None]) -> None:
        try:
            for reply in self._client.watch(request, reply_type):
                on_reply(reply)
        except (CallFailed, ValueError) as failure:  # ValueError: the line was closed under it
            if not self._closing:
                self._stage.fail(failure)

    def close(self) -> None:
        """Ends the stream and waits for its thread."""
        self._closing = True
        self._client.close()
        self._thread.join(PATIENCE_S)

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class Meeting:
    """Facts by number that some wait for and others bring."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._changed = threading.Condition()
        self._facts: dict[int, Any] = {}

    def tell(self, number: int, fact: Any) -> None:
        """Brings what is now known of a number."""
        with self._changed:
            self._facts[number] = fact
            self._changed.notify_all()

    def await_fact(self, number: int, wanted: Callable[[Any], bool], what: str) -> Any:
        """Waits until something wanted is known of a number, and returns it. Raises DemoFailed."""
        self.await_all([number], wanted, what)
        with self._changed:
            return self._facts[number]

    def await_all(
        self, numbers: list[int], wanted: Callable[[Any], bool], what: str, timeout_s: float = PATIENCE_S
    ) -> None:
        """Waits until something wanted is known of each number. Raises DemoFailed."""
        end = time.monotonic() + timeout_s
        with self._changed:
            while late := [number for number in numbers if not self._is(number, wanted)]:
                self._stage.check()
                left_s = end - time.monotonic()
                if left_s <= 0:
                    raise DemoFailed(f"{what} did not come within {timeout_s:g} s: {late[:10]}.")
                self._changed.wait(min(left_s, LOOK_S))

    def _is(self, number: int, wanted: Callable[[Any], bool]) -> bool:
        return number in self._facts and wanted(self._facts[number])
