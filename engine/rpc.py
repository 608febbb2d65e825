"""The native gRPC server, for `server.rpc`: calls reach Python through one mailbox, and the engine without
it.
"""

from engine._core import RpcCall, RpcServer, refusal

__all__ = ["RpcCall", "RpcServer", "refusal"]
