"""How moments and sizes of a backup are told, and typed: in the shop's own time zone."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from clients.common.bad_input import BadInput
from clients.common.times import WIB, zone_name
from kasir.backup.catalogue import Point


def zone_of(store: Path) -> timedelta:
    """The shop's offset from UTC, as a store or a copy of one has it; that of a shop without settings
    otherwise.
    """
    from engine.inspect import NotAStoreError, opened  # noqa: PLC0415  (lmdb and bars, to say one time)

    try:
        with opened(store) as found:
            for row in found.rows("settings"):
                return timedelta(milliseconds=row.get("utc_offset_ms", 0))
    except NotAStoreError:
        pass
    return WIB


def moment(time_ms: int, zone: timedelta) -> str:
    """A time as the shop tells it; nothing of a store without records."""
    if not time_ms:
        return "the beginning"
    shown = datetime.fromtimestamp(time_ms / 1000, timezone(zone))
    return f"{shown:%Y-%m-%d %H:%M:%S} {zone_name(zone)}"


def point(at: Point, zone: timedelta) -> str:
    """A moment of a store."""
    return f"revision {at.revision} of {moment(at.time_ms, zone)}"


def parse_moment(text: str, zone: timedelta) -> int:
    """Reads a time, to its last millisecond: ISO 8601, in the shop's zone unless it names one."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput("'{text}' is no time: write it like 2026-11-27T17:00.", text=text) from error
    aware = found if found.tzinfo else found.replace(tzinfo=timezone(zone))
    return int(aware.astimezone(UTC).timestamp() * 1000)


def mebibytes(count: int) -> str:
    """A size."""
    return f"{count / (1 << 20):,.1f} MiB"
