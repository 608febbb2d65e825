"""How a backup that is followed does, for Prometheus. All of it is in memory: a place that hangs holds no
scrape up, and what was noted last is what tells of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kasir.backup import places
from kasir.backup.places import Checked
from server.metrics import MetricsEndpoint
from server.settings import SettingsError, parse_address


@dataclass
class Standing:
    """How a backup stands. Times are Unix seconds, 0: never."""

    # When it last had all that the store has, and up to which revision that was
    complete_s: float = 0.0
    revision: int = 0
    # When it was checked, and how much was wrong
    checked_s: float = 0.0
    problems: int = 0

    @classmethod
    def of(cls, folder: Path) -> "Standing":
        """How it stood when the last program that wrote it ended."""
        standing = cls(complete_s=places.looked_s(folder))
        checked = places.read_checked(folder)
        if checked is not None:
            standing.heed(checked)
        return standing

    def took(self, revision: int, now_s: float) -> None:
        """It has all there is."""
        self.complete_s, self.revision = now_s, revision

    def heed(self, checked: Checked) -> None:
        """It was checked, or could not be."""
        self.checked_s, self.problems = checked.time_s or self.checked_s, len(checked.problems)


class StandingCollector(Collector):
    """Tells at every scrape how a backup stands."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are told at the scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Age and state."""
        standing = self.standing
        yield GaugeMetricFamily(
            "kasir_backup_complete_time_seconds",
            "When the backup last had all that the store has; 0: never.",
            value=standing.complete_s,
        )
        yield GaugeMetricFamily(
            "kasir_backup_revision", "The last revision in the backup.", value=standing.revision
        )
        yield GaugeMetricFamily(
            "kasir_backup_checked_time_seconds",
            "When the backup was last restored and verified; 0: never.",
            value=standing.checked_s,
        )
        yield GaugeMetricFamily(
            "kasir_backup_problems", "What the last check found wrong.", value=standing.problems
        )


def serve(standing: Standing, listen: str) -> MetricsEndpoint:
    """Answers Prometheus at an address of this machine. Raises SettingsError."""
    address = parse_address(listen)
    if not address.is_loopback:
        raise SettingsError(
            f"--metrics-listen {address} can be reached from other machines, and is not encrypted: listen on "
            "127.0.0.1, behind a proxy if Prometheus is elsewhere."
        )
    registry = CollectorRegistry()
    registry.register(StandingCollector(standing))
    return MetricsEndpoint(registry, address, None)
