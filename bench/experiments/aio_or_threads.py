"""grpc.aio or threads for the server? Both answer the same calls from the same engine with the same bytes.

    python -m bench.experiments.aio_or_threads
    python -m bench.experiments.aio_or_threads --seconds 5 --rounds 5

Four servers, each as bare as it can be: no metrics, no log, no status details. What they share is the engine.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.console import Console
from rich.table import Table
from uvloop import new_event_loop

from bench import machine
from bench.cells import IN_FLIGHT
from bench.kasir_server import ROOT
from bench.loader import Task
from bench.measure import BenchError, Sample, median
from bench.work import ACTOR, ECHO, Kind, Spread, seed_store
from engine import Engine

THREADS = 64
CONNECTIONS = 8
STOP_S = 30.0
SERVERS = ("aio on uvloop", "aio on asyncio", "4 threads", "64 threads")
ANY_PORT = "127.0.0.1:0"


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self.answer(handler_call_details.method))


def serve_aio(engine: Engine, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """grpc.aio: one thread for all of Python, awaitables from the engine."""

    def answer(method: str) -> Any:
        async def echo(request: bytes, _context: Any) -> bytes:
            return request

        async def submit(request: bytes, _context: Any) -> bytes:
            return await engine.submit(method, request, ACTOR)

        return echo if method == ECHO else submit

    async def serve() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Methods(answer),))
        port = server.add_insecure_port(ANY_PORT)
        await server.start()
        print(port, flush=True)
        await stop.wait()
        await server.stop(1.0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve())


def serve_threads(engine: Engine, threads: int) -> None:
    """grpcio's other server: a pool of threads, each of which waits for its commit."""

    def answer(method: str) -> Any:
        def echo(request: bytes, _context: Any) -> bytes:
            return request

        def submit(request: bytes, _context: Any) -> bytes:
            return engine.submit_blocking(method, request, ACTOR)

        return echo if method == ECHO else submit

    with ThreadPoolExecutor(threads) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((_Methods(answer),))
        port = server.add_insecure_port(ANY_PORT)
        server.start()
        signal.signal(signal.SIGTERM, lambda *_: server.stop(1.0))
        print(port, flush=True)
        server.wait_for_termination()


def serve(name: str, data: Path) -> None:
    """The server of a name."""
    with Engine.open(data) as engine:
        if name.startswith("aio"):
            serve_aio(engine, new_event_loop if "uvloop" in name else asyncio.new_event_loop)
        else:
            serve_threads(engine, int(name.partition(" ")[0]))


def measure(name: str, kind: Kind, data: Path, seconds: float) -> Sample:
    """Starts it, loads it, stops it."""
    me = [sys.executable, "-m", "bench.experiments.aio_or_threads"]
    server = subprocess.Popen(
        [*me, "--serve", name, "--data", str(data)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        task = Task(port, server.pid, kind, Spread.UNIFORM, IN_FLIGHT, CONNECTIONS, 0.5, seconds)
        loaded = subprocess.run(
            [sys.executable, "-m", "bench.loader", task.to_json()],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if loaded.returncode:
            raise BenchError(loaded.stderr)
        return Sample(**json.loads(loaded.stdout))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(STOP_S)
        server.stdout.close()


def main(
    seconds: Annotated[float, typer.Option(help="Seconds a server and kind of call.")] = 3.0,
    rounds: Annotated[int, typer.Option(help="Rounds; shown is their median.")] = 3,
    scratch: Annotated[Path, typer.Option(help="Where the stores lie.")] = Path("out/bench/aio_or_threads"),
    serve_as: Annotated[str, typer.Option("--serve", hidden=True)] = "",
    data: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure four ways to serve gRPC from Python."""
    if serve_as:
        assert data is not None, "given by `measure`"
        return serve(serve_as, data)
    before = machine.load_average()
    shutil.rmtree(scratch, ignore_errors=True)
    for _percent in seed_store(scratch / "template"):
        pass
    samples: dict[tuple[str, Kind], list[Sample]] = {}
    for _ in range(rounds):
        for kind in Kind:
            for name in SERVERS:
                store = scratch / "store"
                shutil.rmtree(store, ignore_errors=True)
                shutil.copytree(scratch / "template", store)
                samples.setdefault((name, kind), []).append(measure(name, kind, store, seconds))
    shutil.rmtree(scratch)
    table = Table(title=f"{IN_FLIGHT} in flight, medians of {rounds}; load average {before:.1f} before")
    for head in ("server", "call", "per second", "p50 ms", "p99 ms", "CPU us a call", "loader us a call"):
        table.add_column(head, justify="left" if head in {"server", "call"} else "right")
    for (name, kind), each in samples.items():
        table.add_row(
            name,
            kind.value,
            f"{median([sample.rate_per_s for sample in each]):,.0f}",
            f"{median([sample.p50_ms for sample in each]):.1f}",
            f"{median([sample.p99_ms for sample in each]):.1f}",
            *(
                f"{median([sample.cpu[who] / sample.rate_per_s * 1e6 for sample in each]):.0f}"
                for who in ("system", "loader")
            ),
        )
    Console(width=110).print(table)
    return None


if __name__ == "__main__":
    typer.run(main)
