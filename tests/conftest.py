"""What many tests need: an open engine, a server in this process, a server of its own process, a channel to
it.
"""

import asyncio
import faulthandler
import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
# Longer than anything here takes on a busy machine; a test that waits so long has failed.
PATIENCE_S = 60.0


def pytest_unconfigure() -> None:
    """A run that does not come to its end shows where it hangs, and ends: a minute is more than its end
    takes.
    """
    gc.collect()
    faulthandler.dump_traceback_later(PATIENCE_S, exit=True)


class RunningServer:
    """A server in this process, in an event loop and thread of its own."""

    def __init__(self, engine: Any, **settings: Any) -> None:
        from server.logs import LogFormat, LogLevel, make_logger
        from server.observe import LogCalls
        from server.service import Service
        from server.settings import Settings, parse_address

        self.engine = engine
        self._lines = io.StringIO()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server under test", daemon=True)
        self._thread.start()
        settings = {"listen": parse_address("127.0.0.1:0"), "heartbeat_s": 0.2, "grace_s": 10.0, **settings}

        async def start() -> Any:
            log = make_logger(LogLevel.DEBUG, LogFormat.JSON, self._lines)
            service = Service(engine, Settings(**settings), log, LogCalls.ALL)
            await service.start()
            return service

        try:
            self.service = self.run(start())
        except BaseException:
            self._end_loop()
            raise
        self._stopped = False

    @property
    def target(self) -> str:
        """host:port."""
        return str(self.service.address)

    @property
    def log(self) -> list[dict[str, Any]]:
        """Lines logged so far."""
        return [json.loads(line) for line in self._lines.getvalue().splitlines()]

    def run(self, work: Awaitable[T]) -> T:
        """Runs a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Its Python does nothing meanwhile, as on a machine that is too busy."""
        goes_on = threading.Event()
        self._loop.call_soon_threadsafe(goes_on.wait, PATIENCE_S)
        try:
            yield
        finally:
            goes_on.set()

    def stop(self) -> None:
        """Stops the server; the engine stays open."""
        if not self._stopped:
            self._stopped = True
            try:
                self.run(self.service.stop())
            finally:
                self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


class ServerProcess:
    """`kasir serve` as an operator starts it."""

    def __init__(self, data: Path, *options: str, log: Path) -> None:
        self.data = data
        self.log_path = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "kasir.cli",
                    "serve",
                    "--data",
                    str(data),
                    "--listen",
                    "127.0.0.1:0",
                    *options,
                ],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline().strip()
        if not self.ready_line:
            self.process.wait(PATIENCE_S)
            raise RuntimeError(f"kasir serve ended with {self.process.returncode}: {log.read_text()}")
        self.target = self.ready_line.removeprefix("kasir serving on ").split(" ", 1)[0]

    @property
    def log(self) -> list[dict[str, Any]]:
        """Lines logged so far."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to stop and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.stop(signal.SIGKILL)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Any]:
    """An engine over a new store."""
    from engine import Engine

    with Engine.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def start_server(engine: Any) -> Iterator[Callable[..., RunningServer]]:
    """Starts a server over `engine` with settings by name; stopped when the test ends."""
    running: list[RunningServer] = []

    def start(**settings: Any) -> RunningServer:
        running.append(RunningServer(engine, **settings))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def server(start_server: Callable[..., RunningServer]) -> RunningServer:
    """A server over `engine`, with heartbeats every fifth of a second."""
    return start_server()


@pytest.fixture
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    """A channel to `server`."""
    with grpc.insecure_channel(server.target) as opened:
        yield opened


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts `kasir serve` on a data directory (tmp_path/shop when none is named), with options; killed at
    the end.
    """
    started: list[ServerProcess] = []

    def start(*options: str, data: Path | None = None) -> ServerProcess:
        log = tmp_path / f"serve-{len(started)}.log"
        started.append(ServerProcess(data or tmp_path / "shop", *options, log=log))
        return started[-1]

    yield start
    for each in started:
        each.kill()
