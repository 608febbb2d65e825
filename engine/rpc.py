"""The native gRPC server, for `server.rpc`: calls reach Python through one mailbox, and the engine without
it.
"""

from dataclasses import dataclass
from typing import Literal

from engine._core import RpcAccess, RpcCall, RpcServer, refusal

__all__ = ["Given", "Rank", "RpcAccess", "RpcCall", "RpcServer", "Traced", "refusal"]

# Of `RpcServer.take_traces`
Traced = tuple[str, tuple[bytes, bytes] | None, int, str, int, list[tuple[str, int]], list[tuple[str, int]]]

# No person; one of the staff; one who is in charge: nobody sends for who is above.
Rank = Literal["program", "staff", "in_charge"]


@dataclass(frozen=True)
class Given:
    """What somebody may do, until it ends."""

    actor: str
    # The device that it is bound to; empty: none.
    device: str
    # Full names.
    methods: list[str]
    # None: everywhere.
    locations: list[int] | None
    # Unix milliseconds.
    expires_ms: int
    # Calls a second.
    per_second: int
    rank: Rank = "program"
