"""The unix socket at which a station is served: for one agent, and for its user alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients.common.station import SCHEME


class StationInUseError(Exception):
    """Another agent serves its devices there."""


class Claim:
    """A station's address as long as one agent has it. What a killed agent left there is no hindrance."""

    def __init__(self, address: str) -> None:
        """Takes it. Raises StationInUseError, OSError."""
        path = Path(address.removeprefix(SCHEME))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StationInUseError(f"another agent serves its devices at {address}") from None

    def close(self) -> None:
        """Lets another agent have it."""
        os.close(self._lock)


@contextmanager
def private_files() -> Iterator[None]:
    """What this process makes meanwhile only its user may open."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
