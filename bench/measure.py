"""One measured stretch of work: what was done in it, how long each took, and whose CPU it cost."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter

from bench.machine import CpuTimes, cpu_times


class BenchError(Exception):
    """The measurement cannot be made or means nothing; the text says why, in plain words."""


@dataclass(frozen=True)
class Window:
    """Seconds to warm up in, not counted, and seconds to measure."""

    warm_up_s: float
    seconds: float


@dataclass
class Sample:
    """What one run of a cell gave. An operation is one hold, booking or echo; a latency is that of a call,
    which carries a batch of them.
    """

    operations: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    # Cores kept busy: system, sequencer (a part of it), loader, machine, and others that had no part in it.
    cpu: dict[str, float]
    # The engine's own figures over the same stretch, where there is an engine.
    engine: dict[str, float] = field(default_factory=dict)

    @property
    def rate_per_s(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds that the system spends on one operation: a busy machine changes it least."""
        return self.cpu["system"] / self.rate_per_s * 1e6

    def to_json(self) -> dict[str, object]:
        """For a pipe."""
        return asdict(self)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed; 0 of nothing."""
    if not ascending:
        return 0.0
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]


def median(values: Sequence[float]) -> float:
    """The middle one; 0 of nothing."""
    return statistics.median(values) if values else 0.0


def cores(before: CpuTimes, after: CpuTimes, seconds: float) -> dict[str, float]:
    """Cores kept busy between two readings, and those that others kept busy."""
    earlier = asdict(before)
    busy = {name: (value - earlier[name]) / seconds for name, value in asdict(after).items()}
    ours = busy["system"] + (0.0 if after.shared else busy["loader"])
    busy["others"] = max(0.0, busy["machine"] - ours)
    return {name: round(value, 3) for name, value in busy.items() if name != "shared"}


def summary(latencies_s: list[float], seconds: float, cpu: dict[str, float], batch: int = 1) -> Sample:
    """Makes a sample of the calls that were counted, each of `batch` operations. Refuses a stretch in which
    nothing happened.
    """
    if not latencies_s:
        raise BenchError("Nothing was answered while it was measured.")
    latencies_s.sort()
    return Sample(
        operations=len(latencies_s) * batch,
        seconds=seconds,
        p50_ms=percentile(latencies_s, 0.50) * 1000,
        p99_ms=percentile(latencies_s, 0.99) * 1000,
        max_ms=latencies_s[-1] * 1000,
        cpu=cpu,
    )


class Meter:
    """Counts answers between the end of the warm-up and the end of the window. For one thread, or under the
    interpreter's own lock: its one hot method appends to a list.
    """

    def __init__(self, window: Window, system_pid: int, batch: int = 1) -> None:
        self._batch = batch
        self._system_pid = system_pid
        self._before: CpuTimes | None = None
        self._latencies_s: list[float] = []
        self.begins = perf_counter() + window.warm_up_s
        self.ends = self.begins + window.seconds

    def done(self, sent: float, answered: float) -> None:
        """A request sent and answered at these times of `perf_counter`."""
        if self.begins <= answered < self.ends:
            if self._before is None:
                self._before = cpu_times(self._system_pid, os.getpid())
            self._latencies_s.append(answered - sent)

    def finish(self) -> Sample:
        """To be called when the window has just ended."""
        if self._before is None:
            raise BenchError("Nothing was answered while it was measured.")
        after = cpu_times(self._system_pid, os.getpid())
        # The CPU clocks were read a moment later than the window's edges, both times.
        seconds = self.ends - self.begins
        cpu = cores(self._before, after, perf_counter() - self.begins)
        return summary(self._latencies_s, seconds, cpu, self._batch)
