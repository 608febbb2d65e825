"""A serial line for each test that asks for one, or a counter with its devices."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients.common.station import Station
from tests.devices.counter import Counter, Served, Watching
from tests.devices.pty_line import PATIENCE_S, PtyLine
from tests.server.support import until


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    made = PtyLine(tmp_path / "ttyTEST0")
    yield made
    made.unplug()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """Devices and their file; nobody drives them yet."""
    made = Counter(tmp_path)
    yield made
    made.close()


@pytest.fixture
def served(counter: Counter) -> Iterator[Served]:
    """A station before them."""
    made = Served(counter)
    yield made
    assert made.is_whole
    made.stop()


@pytest.fixture
def station(served: Served) -> Iterator[Station]:
    """A program's line to it."""
    with Station(served.counter.address) as opened:
        yield opened


@pytest.fixture
def watch(served: Served) -> Iterator[Callable[..., Watching]]:
    """Starts programs that watch scans, once the scanner is open; ended with the test."""
    started: list[Watching] = []
    until(lambda: served.condition("scanner") == "ready", "the scanner")

    def start(scanner: str = "") -> Watching:
        started.append(Watching(served.counter.address, scanner))
        started[-1].await_begun(1, PATIENCE_S)
        return started[-1]

    yield start
    for each in started:
        each.close()
