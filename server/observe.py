"""The log's lines of calls. The transport writes down those that are to be logged; here they are told, some
at a time.

A log that is slower than the calls loses lines, never calls; how many is said.
"""

import asyncio
import time

from engine import Code
from engine.rpc import RpcServer
from server.logs import Logger
from server.settings import LogCalls

__all__ = ["CallLog", "LogCalls"]

# What the one who runs the server has to look at.
ALARMING = frozenset({Code.UNKNOWN, Code.INTERNAL, Code.DATA_LOSS})
WARNING = frozenset({Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE})
# The log is looked at this often. Lines that one look writes before others have their turn: some
# milliseconds.
PACE_S = 0.05
LINES_AT_ONCE = 200
# Calls refused for want of room come by the ten thousand, when the processor has better to do: so many of a
# second have a line.
NO_ROOM = frozenset({"QUEUE_FULL", "TOO_MANY_CALLS"})
NO_ROOM_LINES = 100


class CallLog:
    """Tells the log of calls that ended. `methods` are those told of: nobody reads of health checks."""

    def __init__(self, server: RpcServer, methods: frozenset[str], log: Logger) -> None:
        self.server = server
        self.methods = methods
        self.log = log
        self._second, self._no_room, self._left_out = 0, 0, 0

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:  # noqa: ASYNC110
            # No event says that there is a line: that would cost every call what a line costs.
            await asyncio.sleep(0 if self.write() else PACE_S)

    def finish(self) -> None:
        """Writes all that is left."""
        while self.write():
            pass
        self._tell_left_out()

    def write(self) -> bool:
        """Writes some lines; whether there are more."""
        records, dropped = self.server.take_log(LINES_AT_ONCE)
        self._left_out += dropped
        for method, actor, number, reason, seconds, messages in records:
            if method not in self.methods:
                continue
            if reason in NO_ROOM:
                self._no_room += 1
                if self._no_room > NO_ROOM_LINES:
                    self._left_out += 1
                    continue
            self._line(method, actor, Code(number), reason, seconds, messages)
        if (second := int(time.monotonic())) != self._second:
            self._second, self._no_room = second, 0
            self._tell_left_out()
        return len(records) == LINES_AT_ONCE

    def _tell_left_out(self) -> None:
        if self._left_out:
            self.log.warning("calls not logged", calls=self._left_out)
        self._left_out = 0

    def _line(
        self, method: str, actor: str, code: Code, reason: str, seconds: float, messages: int | None
    ) -> None:
        event = "call" if messages is None else "stream"
        fields: dict[str, object] = {
            "method": method,
            "actor": actor,
            "code": code.name,
            "reason": reason,
            "ms": round(seconds * 1000, 3),
        }
        if messages is not None:
            fields["messages"] = messages
        if code in ALARMING:
            self.log.error(event, **fields)
        elif code in WARNING:
            self.log.warning(event, **fields)
        else:
            self.log.info(event, **fields)
