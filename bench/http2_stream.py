"""The light loader's other way: one call per connection that never ends, with commands one behind the other.

Commands that are sent together share frames, as long as the windows of HTTP/2 have room; what has none
waits. Answers come in the order of the commands (`BookingService.StreamCommands` says so), so a queue of
times is all it takes to know how long each took. Each must be one that grants what was asked.
"""

import struct
from collections import deque

from bench.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    FRAME_MAX,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    SETTINGS,
    WINDOW_UPDATE,
    Connection,
)
from bench.measure import BenchError

STREAM = 1
# The keys of StreamCommandsResponse's fields `sequence` and `error`.
SEQUENCE_KEY, ERROR_KEY = 0x08, 0x7A
_PREFIX = struct.Struct(">BI")
_SETTING = struct.Struct(">HI")


class StreamConnection(Connection):
    """One connection with one stream of commands. `call` and `receive` are those of a `Connection`."""

    def __init__(self, host: str, port: int, path: str, actor: str) -> None:
        self._stream_window = FIRST_WINDOW
        self._first_window = FIRST_WINDOW
        # What is still to be sent.
        self._waiting = bytearray()
        self._answers = b""
        # When the commands were sent that have no answer yet, in their order.
        self.sent: deque[float] = deque()
        super().__init__(host, port, path, actor)
        self._frame(HEADERS, END_HEADERS, STREAM, self._headers)
        self.flush()

    @property
    def is_busy(self) -> bool:
        """Whether answers are to come."""
        return bool(self.sent)

    def call(self, message: bytes, now: float) -> None:
        """Sends a command; latency counts from `now`."""
        self._waiting += _PREFIX.pack(0, len(message))
        self._waiting += message
        self.sent.append(now)

    def flush(self) -> None:
        """Sends what was called, as far as the windows have room."""
        while self._waiting and (room := min(self._window, self._stream_window, FRAME_MAX)) > 0:
            part = bytes(self._waiting[:room])
            del self._waiting[:room]
            self._window -= len(part)
            self._stream_window -= len(part)
            self._frame(DATA, 0, STREAM, part)
        super().flush()

    def _data(self, payload: bytes) -> list[float]:
        """The times of the commands that were answered."""
        buffer = self._answers + payload if self._answers else payload
        ended: list[float] = []
        at, size = 0, len(buffer)
        while size - at >= _PREFIX.size:
            end = at + _PREFIX.size + _PREFIX.unpack_from(buffer, at)[1]
            if size < end:
                break
            self._check(buffer, at + _PREFIX.size)
            ended.append(self.sent.popleft())
            at = end
        self._answers = buffer[at:]
        return ended

    def _check(self, buffer: bytes, at: int) -> None:
        """An answer must not say that its command was refused. Sequences begin at 1, so each has one."""
        if buffer[at] != SEQUENCE_KEY:
            raise BenchError("An answer on the stream has no sequence in front.")
        at += 1
        while buffer[at] & 0x80:
            at += 1
        if buffer[at + 1] == ERROR_KEY:
            said = buffer[at + 1 : at + 200]
            raise BenchError(f"A command was refused, so there is nothing to measure: {said!r}")

    def _head(self, stream: int, flags: int, block: bytes) -> list[float]:
        if flags & END_STREAM:
            raise BenchError(f"The server ended stream {stream}. Its trailers: {block!r}")
        return []

    def _other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE and stream == STREAM:
            self._stream_window += int.from_bytes(payload) & LARGEST_WINDOW
        if kind == SETTINGS:
            for name, value in _SETTING.iter_unpack(payload):
                if name == INITIAL_WINDOW_SIZE:
                    self._stream_window += value - self._first_window
                    self._first_window = value
        super()._other(kind, flags, stream, payload)

    def _reopen(self, size: int) -> None:
        super()._reopen(size)
        # At first the settings open it.
        if self._used:
            self._frame(WINDOW_UPDATE, 0, STREAM, size.to_bytes(4))
