"""A gRPC client that does next to nothing, so that the loader does not eat the machine. Here are unary calls;
`bench.http2_stream` holds streams.

grpcio's client costs as much as many a server. This one speaks as much of HTTP/2 (RFC 9113) and of gRPC's
mapping onto it as a load of small unary calls over a plain connection needs: headers are made once, the peer
is told to compress its headers without a table (RFC 7541, 2.3.2), and an answer's status is found by its
bytes. What it does not understand ends the run with an error; nothing is guessed.
"""

import socket
import struct
from collections import deque
from time import perf_counter

from bench.measure import BenchError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED, PRIORITY = 0x8, 0x20
HEADER_TABLE_SIZE, ENABLE_PUSH, INITIAL_WINDOW_SIZE = 1, 2, 4
FIRST_WINDOW = 65_535
FRAME_MAX = 16_384
LARGEST_WINDOW = 2**31 - 1
# Our window is opened again when half of it is used.
REOPEN = LARGEST_WINDOW // 2
RECEIVE_BYTES = 1 << 18
CONNECT_S = 10.0

_FRAME = struct.Struct(">HBBBI")
_SEND = struct.Struct(">BHBBI")
_SETTING = struct.Struct(">HI")
# "grpc-status: 0" as a literal that is not Huffman-coded, and as one that is (RFC 7541, appendix B).
_OK = (
    b"\x0bgrpc-status\x010",
    b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x01\x30",
    b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x07",
)


def _text(value: bytes) -> bytes:
    """A literal string that is not Huffman-coded."""
    assert len(value) < 127, "one byte of length"
    return bytes([len(value)]) + value


def request_headers(authority: str, path: str, actor: str) -> bytes:
    """The header block of a call: literals without indexing and entries of the static table only."""
    return b"".join(
        (
            b"\x83\x86",  # :method POST, :scheme http
            b"\x04" + _text(path.encode()),
            b"\x01" + _text(authority.encode()),
            b"\x0f\x10" + _text(b"application/grpc"),
            b"\x00" + _text(b"te") + _text(b"trailers"),
            b"\x00" + _text(b"kasir-actor") + _text(actor.encode()),
        )
    )


class Connection:
    """One connection. `call` puts calls into a buffer, `flush` sends it, `receive` says which calls ended."""

    def __init__(self, host: str, port: int, path: str, actor: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=CONNECT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = request_headers(f"{host}:{port}", path, actor)
        self._out: list[bytes] = []
        self._received = b""
        self._next_id = 1
        self._window = FIRST_WINDOW
        self._used = 0
        # Calls that the peer's window has no room for yet.
        self._held_back: deque[tuple[bytes, float]] = deque()
        # Stream id -> when it was sent.
        self.open: dict[int, float] = {}
        settings = (HEADER_TABLE_SIZE, 0), (ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, LARGEST_WINDOW)
        body = b"".join(_SETTING.pack(*setting) for setting in settings)
        self._out.append(PREFACE)
        self._frame(SETTINGS, 0, 0, body)
        self._reopen(LARGEST_WINDOW - FIRST_WINDOW)
        self.flush()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    @property
    def is_busy(self) -> bool:
        """Whether answers are to come."""
        return bool(self.open)

    def call(self, message: bytes, now: float) -> None:
        """Calls the method; latency counts from `now`."""
        size = len(message) + 5
        if size > self._window:
            self._held_back.append((message, now))
            return
        self._window -= size
        stream, self._next_id = self._next_id, self._next_id + 2
        self.open[stream] = now
        headers = self._headers
        self._out += (
            _SEND.pack(0, len(headers), HEADERS, END_HEADERS, stream),
            headers,
        )
        prefix = b"\0" + (size - 5).to_bytes(4)
        if size <= FRAME_MAX:
            head = _SEND.pack(size >> 16, size & 0xFFFF, DATA, END_STREAM, stream)
            self._out += (head, prefix, message)
        else:
            self._frames(prefix + message, stream)

    def flush(self) -> None:
        """Sends what was called."""
        if self._out:
            self._socket.sendall(b"".join(self._out))
            self._out.clear()

    def receive(self) -> list[float]:
        """Reads what has come; returns when the calls that were answered had been sent."""
        fresh = self._socket.recv(RECEIVE_BYTES)
        if not fresh:
            raise BenchError("The server closed the connection.")
        buffer = self._received + fresh if self._received else fresh
        ended: list[float] = []
        at, size = 0, len(buffer)
        while size - at >= 9:
            high, low, kind, flags, stream = _FRAME.unpack_from(buffer, at)
            length = high << 8 | low
            if size - at - 9 < length:
                break
            payload = buffer[at + 9 : at + 9 + length]
            if kind == HEADERS:
                ended += self._head(stream, flags, payload)
            elif kind == DATA:
                self._used += length
                ended += self._data(payload)
            else:
                self._other(kind, flags, stream, payload)
            at += 9 + length
        self._received = buffer[at:]
        if self._used > REOPEN:
            self._reopen(self._used)
            self._used = 0
        return ended

    def _data(self, payload: bytes) -> list[float]:
        """Nobody looks into an answer: its trailers end the call."""
        del payload
        return []

    def _head(self, stream: int, flags: int, block: bytes) -> list[float]:
        """Headers of an answer, or its trailers, which must say OK: when the call that ended was sent."""
        if not flags & END_STREAM:
            return []
        if flags & (PADDED | PRIORITY) or not flags & END_HEADERS:
            raise BenchError("The server frames its trailers in a way that the light loader does not read.")
        if not any(ok in block for ok in _OK):
            raise BenchError(f"A call was refused, so there is nothing to measure. Its trailers: {block!r}")
        return [self.open.pop(stream)]

    def _other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE:
            if stream == 0:
                self._window += int.from_bytes(payload) & LARGEST_WINDOW
                held, self._held_back = self._held_back, deque()
                for message, now in held:
                    self.call(message, now)
        elif kind == SETTINGS:
            if not flags & ACK:
                self._frame(SETTINGS, ACK, 0, b"")
        elif kind == PING:
            if not flags & ACK:
                self._frame(PING, ACK, 0, payload)
        elif kind in {GOAWAY, RST_STREAM}:
            name = "GOAWAY" if kind == GOAWAY else "RST_STREAM"
            raise BenchError(f"The server sent {name} ({payload.hex()}) in the middle of the load.")

    def _reopen(self, size: int) -> None:
        self._frame(WINDOW_UPDATE, 0, 0, size.to_bytes(4))

    def _frames(self, data: bytes, stream: int) -> None:
        """Data that does not fit into one frame. The window of a single call is not watched: requests are
        smaller than the least that it is at first.
        """
        if len(data) > FIRST_WINDOW:
            raise BenchError(f"A request of {len(data)} bytes is more than the light loader sends.")
        for at in range(0, len(data), FRAME_MAX):
            last = at + FRAME_MAX >= len(data)
            self._frame(DATA, END_STREAM if last else 0, stream, data[at : at + FRAME_MAX])

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        size = len(payload)
        self._out += (_SEND.pack(size >> 16, size & 0xFFFF, kind, flags, stream), payload)


def unary(host: str, port: int, path: str, actor: str, message: bytes) -> float:
    """One call over a connection of its own; returns its seconds. Tells whether a server answers."""
    connection = Connection(host, port, path, actor)
    try:
        connection.call(message, perf_counter())
        connection.flush()
        while not (ended := connection.receive()):
            connection.flush()
        return perf_counter() - ended[0]
    finally:
        connection.close()
