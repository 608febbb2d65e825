"""Goal: a signal ends a program that waits, whenever it comes. Method: it is raised at each line that waiting
runs through, one after the other.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clients.common.stopping import Stopping

WAIT_S = 0.01


@contextmanager
def at_line(number: int) -> Iterator[list[int]]:
    """Raises the signal at a line that is run from now on; how many lines were run."""
    lines = [0]

    def trace(_frame: Any, event: str, _argument: Any) -> Any:
        if event == "line":
            lines[0] += 1
            if lines[0] == number:
                signal.raise_signal(signal.SIGUSR1)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


@pytest.fixture
def listening() -> Iterator[Callable[[], Stopping]]:
    """Makes one that the signal asks."""
    before = signal.getsignal(signal.SIGUSR1)

    def listening() -> Stopping:
        stop = Stopping()
        signal.signal(signal.SIGUSR1, lambda *_: stop.ask())
        return stop

    yield listening
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.timeout(30)
def test_a_signal_ends_waiting_whenever_it_comes(listening):
    stop = listening()
    with at_line(0) as lines:
        assert not stop.wait(WAIT_S)
    assert lines[0] > 2
    for number in range(1, lines[0] + 1):
        stop = listening()
        with at_line(number):
            stop.wait(WAIT_S)
        assert stop.is_asked, f"line {number}"
        assert stop.wait(0)


def test_who_was_asked_stays_asked():
    stop = Stopping()
    assert not stop.is_asked
    stop.ask()
    assert stop.is_asked
    assert stop.wait(60)
    assert stop.wait(60)
    assert stop.is_asked
