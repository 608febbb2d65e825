"""Tells when the machine's clock was set by more than the engine believes."""

import asyncio

from engine import Engine, EngineError
from server.logs import Logger

LOOK_S = 2.0


async def watch_clock(engine: Engine, log: Logger) -> None:
    """Writes a line into the log when it is believed no more, and when it is again; ends with the engine."""
    believed = True
    while True:
        try:
            step_ms = engine.status()["clock_step_ms"]
        except EngineError:
            return
        if believed and step_ms:
            log.warning(
                "clock_not_believed",
                ahead_s=step_ms / 1000,
                advice="Set the machine's clock right. Where it is right now, restart the server.",
            )
        elif not believed and not step_ms:
            log.info("clock_believed")
        believed = not step_ms
        await asyncio.sleep(LOOK_S)
