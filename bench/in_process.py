"""A process of its own that works on an engine in that process, and prints what it measured as JSON.

python -m bench.in_process '{"store": …, "caller": "asyncio", …}'
"""

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

from uvloop import new_event_loop

from bench.measure import BenchError, Meter, Sample, Window
from bench.work import ACTOR, Kind, Requests, Spread, refused_holds
from engine import Engine, Status

Caller = Literal["asyncio", "threads"]


@dataclass(frozen=True)
class Task:
    """What to do, and on which store (made by `bench.work.seed_store`)."""

    store: str
    caller: Caller
    kind: Kind
    spread: Spread
    in_flight: int
    warm_up_s: float
    seconds: float
    # Operations in one call.
    batch: int = 1

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def run(task: Task) -> Sample:
    """Opens the store, works on it, closes it."""
    requests = Requests(task.kind, task.spread, batch=task.batch)
    with Engine.open(Path(task.store)) as engine:
        before = engine.status()
        window = Window(task.warm_up_s, task.seconds)
        meter = Meter(window, os.getpid(), task.batch)
        if task.caller == "asyncio":
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(_tasks(engine, requests, meter, task.in_flight))
        else:
            _threads(engine, requests, meter, task.in_flight)
        sample = meter.finish()
        sample.engine = engine_figures(before, engine.status())
        if task.batch > 1:
            # Stock only went down, so what is granted at the end was granted all along.
            last = engine.submit_blocking(requests.method, requests.next(), ACTOR)
            if refused := refused_holds(last):
                raise BenchError(f"{refused} of {task.batch} holds of a batch were refused.")
    return sample


async def _tasks(engine: Engine, requests: Requests, meter: Meter, in_flight: int) -> None:
    method = requests.method

    async def submitter() -> None:
        now = perf_counter()
        while now < meter.ends:
            sent = now
            await engine.submit(method, requests.next(), ACTOR)
            now = perf_counter()
            meter.done(sent, now)

    await asyncio.gather(*(submitter() for _ in range(in_flight)))


def _threads(engine: Engine, requests: Requests, meter: Meter, in_flight: int) -> None:
    method = requests.method
    # Each thread makes ids of its own; bodies may be shared.
    series = [requests.beside() for _ in range(in_flight)]

    def submitter(mine: Requests) -> None:
        now = perf_counter()
        while now < meter.ends:
            sent = now
            engine.submit_blocking(method, mine.next(), ACTOR)
            now = perf_counter()
            meter.done(sent, now)

    with ThreadPoolExecutor(in_flight) as threads:
        for _ in threads.map(submitter, series):
            pass


def engine_figures(before: Status, after: Status) -> dict[str, float]:
    """Commits and what they cost, from the opening of the store to the end, warm-up included."""
    commands = after["commands"] - before["commands"]
    commits = after["commits"] - before["commits"]
    if not commits:
        return {}
    return {
        "commands": commands,
        "commits": commits,
        "commands_per_commit": round(commands / commits, 1),
        "commit_us": round((after["commit_time_us"] - before["commit_time_us"]) / commits, 1),
        "bytes_per_command": round((after["used_bytes"] - before["used_bytes"]) / max(1, commands), 1),
    }


def main() -> None:
    """The process's body."""
    given = json.loads(sys.argv[1])
    task = Task(**{**given, "kind": Kind(given["kind"]), "spread": Spread(given["spread"])})
    print(json.dumps(run(task).to_json()))


if __name__ == "__main__":
    main()
