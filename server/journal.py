"""Following the journal: one clock for the whole server, and pages of changes for each stream."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from engine import Changes, Code, Engine, EngineError

# Records a page may hold, and a busy stream's share of the loop before others have their turn.
PAGE_RECORDS = 500
# Under load all streams are woken together this often, later when there are many: no more than 2,000 wake-ups
# a second.
MIN_PACE_S = 0.01
PACE_PER_STREAM_S = 0.0005
STOPPING_RETRY_MS = 1_000


def stopping_error(resume_revision: int) -> EngineError:
    """What open streams end with when the server stops."""
    return EngineError(
        Code.UNAVAILABLE,
        "SERVER_STOPPING",
        "The server is stopping. Connect again and resume from the last revision seen.",
        {"resume_revision": str(resume_revision), "retry_ms": str(STOPPING_RETRY_MS)},
    )


def too_slow_error(resume_revision: int) -> EngineError:
    """What a reader is cut off with that does not keep up."""
    return EngineError(
        Code.RESOURCE_EXHAUSTED,
        "READER_TOO_SLOW",
        "The stream was cut off because its reader did not keep up. Resume from the last revision seen.",
        {"resume_revision": str(resume_revision)},
    )


class JournalClock:
    """Tells all streams that the journal grew: one waiter at the engine, whatever the number of streams.

    When nothing happens, the first commit is passed on once readers find it; commits that follow each other
    closely are passed on together. The writer is not held up for either.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.stopping = False
        self.streams = 0
        # Set when the engine can follow its journal no more.
        self.failure: EngineError | None = None
        self._tick: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Runs until it is cancelled or the engine stops; then `failure` says why."""
        revision = self.engine.readable()
        while True:
            try:
                revision = await self.engine.wait_readable(revision)
            except EngineError as error:
                self.failure = error
                self._wake()
                return
            self._wake()
            await asyncio.sleep(max(MIN_PACE_S, PACE_PER_STREAM_S * self.streams))

    def stop(self) -> None:
        """Ends every stream with SERVER_STOPPING."""
        self.stopping = True
        self._wake()

    def _wake(self) -> None:
        tick, self._tick = self._tick, None
        if tick is not None:
            tick.set_result(None)

    async def wait(self, after: int, timeout_s: float) -> None:
        """Returns once the journal may be read beyond `after`, the server stops, or the time is over."""
        if self.stopping or self.failure is not None or self.engine.readable() > after:
            return
        if self._tick is None:
            self._tick = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._tick], timeout=timeout_s)

    def check(self, resume_revision: int) -> None:
        """Raises when streams have to end."""
        if self.stopping:
            raise stopping_error(resume_revision)
        if self.failure is not None:
            raise self.failure


class Follower:
    """One stream's way through the journal, without gaps and without a buffer: the journal itself waits for
    the reader.
    """

    def __init__(
        self, clock: JournalClock, *, resources: Sequence[int], heartbeat_s: float, max_lag: int
    ) -> None:
        self.clock = clock
        self.resources = list(resources)
        self.heartbeat_s = heartbeat_s
        self.max_lag = max_lag

    async def pages(self, after: int) -> AsyncGenerator[Changes, None]:
        """Pages of records after a revision; a page without records is a heartbeat, due when nothing was sent
        for a while. Raises READER_TOO_SLOW, SERVER_STOPPING, or what the engine says (REVISION_COMPACTED,
        WRITER_STOPPED).
        """
        engine = self.clock.engine
        loop = asyncio.get_running_loop()
        sent = loop.time()
        was_up_to_date = False
        while True:
            self.clock.check(after)
            page = engine.read_changes(after, PAGE_RECORDS, self.resources, at_once=True)
            resume, after = after, page.revision
            # Below 0 for who began with what is committed and cannot be read yet
            lag = engine.readable() - after
            if was_up_to_date and lag > self.max_lag:
                raise too_slow_error(resume)
            was_up_to_date = was_up_to_date or lag <= 0
            if page.records or loop.time() - sent >= self.heartbeat_s:
                yield page
                sent = loop.time()
            if engine.readable() > after:
                # Reads and sends may both have been answered without waiting: others have their turn now.
                await asyncio.sleep(0)
            else:
                await self.clock.wait(after, max(0.0, sent + self.heartbeat_s - loop.time()))
