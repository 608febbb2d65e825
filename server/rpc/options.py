"""What whoever runs a server decides. Every bound has a default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the server's certificate chain and key, and the authority that clients' certificates must
    come from.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def read(self) -> tuple[bytes, bytes, bytes | None]:
        """Their contents. Raises OSError."""
        authority = self.client_ca.read_bytes() if self.client_ca is not None else None
        return self.certificate.read_bytes(), self.key.read_bytes(), authority


@dataclass(frozen=True)
class Options:
    """Bounds and times of a server. Times in seconds."""

    # Threads that carry connections. One carries a hundred thousand calls a second.
    workers: int = 1
    # Connections open at once; more are closed as they come.
    max_connections: int = 4_096
    # Calls that one connection may have in progress.
    max_streams_per_connection: int = 1_024
    # Calls in progress over all connections.
    max_calls: int = 10_000
    # Commands of one stream of them that may be without an answer; beyond, the stream is read no further.
    max_under_way: int = 1_024
    # One message of a caller, after decompression too, and one of a handler.
    max_receive_bytes: int = 4 * MEBIBYTE
    max_send_bytes: int = 64 * MEBIBYTE
    # A connection is asked for life so often, and closed when it says nothing for so long.
    keepalive_s: float = 60.0
    keepalive_timeout_s: float = 20.0
    # Time for TLS and the first bytes of HTTP/2.
    handshake_timeout_s: float = 10.0
    # Replies of this size and more are compressed for callers that take gzip; None: none are.
    compress_from_bytes: int | None = None
    tls: TlsFiles | None = None
    # Of a million calls whose callers say nothing of a trace, so many are traced; None: none at all.
    traced_of_million: int | None = None
    # Which calls `Server.take_log` tells of.
    log_calls: Literal["all", "refused", "none"] = "none"
    # Threads for sync handlers that may block.
    threads: int = 4
