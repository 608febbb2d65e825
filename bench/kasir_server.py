"""A server on a port of its own choosing, in a process of its own, as an operator starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.measure import BenchError
from bench.ports import LOOPBACK

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 60.0
# A line of log for every call is measured apart, see docs/performance.md.
SERVE_OPTIONS = ("--log-calls", "refused", "--log-format", "json")


class KasirServer:
    """`kasir serve`, or another module that says in its first line where it serves, as that does. Stopped at
    the end of the `with`.
    """

    def __init__(self, data: Path, *, module: str = "", options: tuple[str, ...] = SERVE_OPTIONS) -> None:
        command = [module, str(data)]
        if not module:
            command = ["kasir.cli", "serve", "--data", str(data), "--listen", f"{LOOPBACK}:0", *options]
        self._killed = False
        self._log = data.with_name(data.name + ".log")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert self._process.stdout is not None
        ready = self._process.stdout.readline().strip()
        if not ready:
            status = self._process.wait(STOP_S)
            raise BenchError(f"The server ended with status {status}: {self._log.read_text()[-2000:]}")
        self.target = ready.partition(" serving on ")[2].split(" ", 1)[0]
        self.port = int(self.target.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def stop(self) -> None:
        """Stops it as an operator does, and sees that it ended well."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            raise BenchError(f"The server did not stop within {STOP_S:.0f} seconds.") from error
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()
        if status != 0:
            raise BenchError(f"The server ended with status {status}: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Ends it at once: kill -9."""
        self._killed = True
        self._process.kill()
        self._process.wait(STOP_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._killed:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()
