"""The certificate that a server shows, taken from its files whenever they change: no restart, and lines that
are open go on.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from server.logs import Logger
from server.settings import Tls

# How often it looks at the files, seconds
LOOK_S = 5.0
# Takes a chain and its key, PEM files that fit together. Raises OSError (ssl.SSLError is one).
Show = Callable[[Path, Path], None]


class Certificate:
    """One certificate, and all who show it. Made before they are: what changes since is taken."""

    def __init__(self, tls: Tls, log: Logger) -> None:
        self._tls = tls
        self._log = log
        # What is shown, and of what it was told that it is not
        self._taken = self._marked()
        self._told: tuple[object, ...] = ()
        self.shown_by: list[Show] = []
        # When the one ends that is shown, Unix seconds
        self.ends_s = self._end()

    async def run(self, thread: Executor) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await asyncio.get_running_loop().run_in_executor(thread, self.look)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Shows what is in the files, if that is another one than before. What cannot be used is told once
        and tried again; the one of before is shown on meanwhile.
        """
        mark = self._marked()
        if mark == self._taken:
            return
        try:
            ends_s = self._end()
            for show in self.shown_by:
                show(self._tls.certificate, self._tls.key)
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            if self._told != (mark, words):
                self._told = (mark, words)
                self._log.warning("certificate not taken", file=str(self._tls.certificate), why=words)
            return
        self._taken, self._told = mark, ()
        self.ends_s = ends_s
        self._log.info("certificate taken", file=str(self._tls.certificate), ends=_date(ends_s))

    def _marked(self) -> tuple[object, ...]:
        """Another one whenever a file is."""
        try:
            found = [path.stat() for path in (self._tls.certificate, self._tls.key)]
        except OSError:
            return ()
        return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)

    def _end(self) -> float:
        chain = x509.load_pem_x509_certificates(self._tls.certificate.read_bytes())
        return chain[0].not_valid_after_utc.timestamp()


def _date(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()
