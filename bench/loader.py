"""A process of its own that loads a gRPC server with unary calls or with commands on streams, and prints
what it measured as JSON.

python -m bench.loader '{"port": …, "server_pid": …, "kind": "hold", …}'
"""

import json
import select
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

from bench.http2 import Connection
from bench.http2_stream import StreamConnection
from bench.measure import BenchError, Meter, Sample, Window
from bench.work import ACTOR, Commands, Kind, Requests, Spread

HOST = "127.0.0.1"
# A server that answers nothing for so long is stuck.
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Task:
    """Which server to load, how."""

    port: int
    server_pid: int
    kind: Kind
    spread: Spread
    in_flight: int
    # Over so many connections, evenly.
    connections: int
    warm_up_s: float
    seconds: float
    # Operations in one call.
    batch: int = 1
    # One stream of commands on each connection, instead of calls.
    stream: bool = False

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def run(task: Task) -> Sample:
    """Keeps `in_flight` calls open until the window has ended, then waits for the last answers."""
    if task.stream:
        requests, connect = Commands(task.spread), StreamConnection
    else:
        requests, connect = Requests(task.kind, task.spread, batch=task.batch), Connection
    connections = [
        connect(HOST, task.port, requests.method, ACTOR) for _ in range(min(task.connections, task.in_flight))
    ]
    try:
        return _load(connections, requests, task)
    finally:
        for connection in connections:
            connection.close()


def _load(connections: Sequence[Connection], requests: Requests, task: Task) -> Sample:
    poll = select.epoll()
    by_descriptor = {connection.fileno(): connection for connection in connections}
    meter = Meter(Window(task.warm_up_s, task.seconds), task.server_pid, task.batch)
    for index in range(task.in_flight):
        connections[index % len(connections)].call(requests.next(), perf_counter())
    for descriptor, connection in by_descriptor.items():
        poll.register(descriptor, select.EPOLLIN)
        connection.flush()
    sample: Sample | None = None
    while sample is None or any(connection.is_busy for connection in connections):
        ready = poll.poll(PATIENCE_S)
        if not ready:
            raise BenchError(f"The server answered nothing for {PATIENCE_S:.0f} seconds.")
        for descriptor, _events in ready:
            connection = by_descriptor[descriptor]
            ended = connection.receive()
            now = perf_counter()
            for sent in ended:
                meter.done(sent, now)
                if now < meter.ends:
                    connection.call(requests.next(), now)
            connection.flush()
        if sample is None and perf_counter() >= meter.ends:
            sample = meter.finish()
    return sample


def main() -> None:
    """The process's body."""
    given = json.loads(sys.argv[1])
    task = Task(**{**given, "kind": Kind(given["kind"]), "spread": Spread(given["spread"])})
    try:
        sample = run(task)
    except (BenchError, OSError) as error:
        sys.exit(f"loader: {error}")
    print(json.dumps(sample.to_json()))


if __name__ == "__main__":
    main()
