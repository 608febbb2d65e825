"""The native gRPC server, for `server.rpc`: calls reach Python through one mailbox, and the engine without
it.
"""

from engine._core import RpcAccess, RpcCall, RpcServer, refusal

__all__ = ["RpcAccess", "RpcCall", "RpcServer", "refusal"]
