"""`kasir serve` with one method more: an echo, answered in Python by the same server in the same way.

What an echo takes is the transport's share of every call. The product has no such method; it is registered
here.

    python -m bench.echo_server DATA
"""

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from uvloop import new_event_loop

from bench.work import ECHO
from engine import Engine
from engine.rpc import RpcCall
from server import handlers
from server.arriving import Arriving
from server.imports import StatementImporter
from server.journal import JournalClock
from server.logs import LogFormat, LogLevel, make_logger
from server.observe import LogCalls
from server.settings import Settings, parse_address
from server.transport import Transport


def echo(request: bytes, _call: RpcCall) -> bytes:
    """Gives back what came."""
    return request


async def serve(engine: Engine, data: Path) -> None:
    """Serves until SIGTERM, put together as `server.service` does it."""
    settings = Settings(listen=parse_address("127.0.0.1:0"))
    clock = JournalClock(engine)
    log = make_logger(LogLevel.WARNING, LogFormat.JSON)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with ThreadPoolExecutor(1) as executor:
        importer = StatementImporter(engine, executor, Arriving())
        registry = handlers.build(engine, clock, executor, settings, importer)
        transport = Transport(engine, registry, settings, log, LogCalls.REFUSED)
        transport.server.unary(ECHO, echo, quick=True)
        address = await transport.start()
        print(f"kasir serving on {address} (data {data})", flush=True)
        await stop.wait()
        await transport.stop(settings.grace_s)


def main() -> None:
    """The process's body."""
    data = Path(sys.argv[1])
    with Engine.open(data) as engine, asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(engine, data))


if __name__ == "__main__":
    main()
