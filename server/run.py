"""From an opened store to its close: a server in an event loop, until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from engine import Engine, EngineError
from server.logs import LogFormat, LogLevel, forward_libraries, make_logger
from server.service import Service
from server.settings import LogCalls, Settings

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class LogSettings:
    """What is logged, and how."""

    level: LogLevel
    format: LogFormat
    calls: LogCalls


def until_stopped(
    opening: Future[Engine], data: Path, settings: Settings, logs: LogSettings
) -> EngineError | None:
    """Serves the store in `data` until a signal comes (None) or the engine stops by itself (why). Raises what
    the opening raises, and SettingsError.
    """
    log = make_logger(logs.level, logs.format)
    forward_libraries(log)
    with opening.result() as engine:
        service = partial(Service, engine, settings, log, logs.calls)
        return _run(_serve(service, data))


def _run(main: Coroutine[Any, Any, EngineError | None]) -> EngineError | None:
    """Runs the event loop, on uvloop where there is one."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    # There is none for Windows.
    with suppress(ImportError):
        from uvloop import new_event_loop as factory  # noqa: PLC0415
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


async def _serve(make: Callable[[], Service], data: Path) -> EngineError | None:
    loop = asyncio.get_running_loop()
    service = make()
    stop = asyncio.Event()
    # Before the ready line: who reads it may send the signal at once.
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    address = await service.start()
    typer.echo(f"kasir serving on {address} (data {data})")
    sys.stdout.flush()
    waits = {
        asyncio.create_task(stop.wait(), name="stop"),
        failed := asyncio.create_task(service.failed(), name="engine failure"),
    }
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    failure = failed.result() if failed.done() else None
    # A second signal means: now.
    for number in STOP_SIGNALS:
        loop.remove_signal_handler(number)
    for wait in waits:
        wait.cancel()
    await service.stop()
    return failure
