"""HTTP/2 as no honest client speaks it: frames by hand on a socket."""

import socket
import struct
from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0,
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
# Why a stream is reset
CANCEL = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes, *, kept: bool = False) -> bytes:
    """A header field that stands there as it is (RFC 7541, 6.2); `kept`: for the table of both sides."""
    return (b"\x40" if kept else b"\x00") + _text(name) + _text(value)


def call_headers(path: str, *more: bytes) -> bytes:
    """What begins a gRPC call."""
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"kasir"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        (b"kasir-actor", b"penyerang"),
    )
    return b"".join(literal(*field) for field in fields) + b"".join(more)


def _text(value: bytes) -> bytes:
    if len(value) < 0x7F:
        return bytes([len(value)]) + value
    rest, length = len(value) - 0x7F, [0x7F]
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*length, rest]) + value


class Wire:
    """A connection that says what it is told to."""

    def __init__(self, target: str, *, hello: bool = True, patience_s: float = 30.0) -> None:
        host, _, port = target.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(patience_s)
        if hello:
            self.say(PREFACE + frame(SETTINGS, 0, 0))

    def say(self, what: bytes) -> bool:
        """Sends it; False when the other side has hung up."""
        try:
            self.socket.sendall(what)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        """What the other side says, until it hangs up: kind, flags, stream and payload.

        TimeoutError when it says nothing for as long as this connection's patience.
        """
        while head := self._read(9):
            length, kind, flags, stream = struct.unpack(">IBBI", b"\x00" + head)
            payload = self._read(length)
            yield kind, flags, stream, payload

    def _read(self, length: int) -> bytes:
        """So many bytes; fewer when the other side hung up."""
        read = b""
        while len(read) < length:
            try:
                part = self.socket.recv(length - len(read))
            except ConnectionResetError:
                return b""
            if not part:
                return b""
            read += part
        return read

    def is_cut_off(self) -> bool:
        """Whether the other side hangs up within this connection's patience."""
        try:
            while self.socket.recv(65_536):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        return True

    def close(self) -> None:
        self.socket.close()
