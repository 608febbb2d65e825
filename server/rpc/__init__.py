"""A gRPC server for Python handlers: sync or async, unary and streams, bytes or message classes.

    server = Server()
    server.unary("/echo.Echo/Echo", lambda request, context: request, quick=True)
    port = await server.start(["127.0.0.1:0"])
    …
    await server.stop(grace_s=10)

Connections are carried by threads of Rust (`engine_rs/transport`). Handlers run in the event loop that
started the server, or in its threads; a call costs the loop a wake-up only if none is under way already.
"""

from server.rpc.context import Abort, Context, RequestStream
from server.rpc.health import Health
from server.rpc.methods import Handler, Interceptor, Kind
from server.rpc.options import Options, TlsFiles
from server.rpc.server import Server

__all__ = [
    "Abort",
    "Context",
    "Handler",
    "Health",
    "Interceptor",
    "Kind",
    "Options",
    "RequestStream",
    "Server",
    "TlsFiles",
]
