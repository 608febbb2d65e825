"""The echo on grpcio's own Python server, sync with a pool of threads: what Kasir's is compared with.

python -m bench.grpcio_echo
"""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from bench.ports import LOOPBACK
from bench.work import ECHO

THREADS = 4
GRACE_S = 5.0


def echo(request: bytes, _context: grpc.ServicerContext) -> bytes:
    """Gives back what came."""
    return request


def main() -> None:
    """Serves until SIGTERM; the first line printed names the address, as `kasir serve` does."""
    service, _, method = ECHO.removeprefix("/").rpartition("/")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = grpc.server(ThreadPoolExecutor(THREADS))
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        method: grpc.unary_unary_rpc_method_handler(echo)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    print(f"grpcio serving on {LOOPBACK}:{port}", flush=True)
    stop.wait()
    server.stop(GRACE_S).wait()


if __name__ == "__main__":
    main()
