"""The machine's clock, how far the engine believes it, and who is told when it does not."""

import asyncio
import time
from contextlib import suppress

from engine import Engine, EngineError
from server.logs import Logger

LOOK_S = 2.0


class ShopTime:
    """The clock that the shop goes by, as far as Python has to know it: the machine's, less what is not
    believed of it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._step_ms = 0

    def __call__(self) -> float:
        """Unix seconds."""
        with suppress(EngineError):
            self._step_ms = self._engine.status()["clock_step_ms"]
        return time.time() - self._step_ms / 1000


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
