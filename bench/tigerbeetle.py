"""TigerBeetle, one replica on loopback, in a data file of its own, loaded by `bench.tigerbeetle_loader`.

Nobody packages it: the environment's TIGERBEETLE names the program. It runs as it comes, with its usual
caches: direct I/O, and every write waits for the disk.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.cells import TIGERBEETLE
from bench.machine import PROC
from bench.measure import BenchError
from bench.peer import Peer
from bench.ports import LOOPBACK, free_port
from bench.work import Spread

# Nobody else talks to the server; the number is the one that is kept for benchmarks.
CLUSTER = 0
# It asks for its 3 GiB of memory before it listens, page by page.
START_S = 90.0
VERSION_S = 30.0


@dataclass(frozen=True)
class Program:
    """A server that can be started, and its own word for what it is, such as `0.17.8+1e2826e`."""

    path: Path
    version: str


def find_program() -> Program:
    """What TIGERBEETLE names. BenchError when it cannot be run, or the client for Python is missing."""
    named = os.environ.get(TIGERBEETLE, "")
    path = Path(named).resolve()
    if not named or not path.is_file() or not os.access(path, os.X_OK):
        raise BenchError(f"{TIGERBEETLE} has to name TigerBeetle's program, but {named!r} is none.")
    if importlib.util.find_spec("tigerbeetle") is None:
        raise BenchError("TigerBeetle's client is missing. `make setup` installs it.")
    said = subprocess.run(
        [path, "version"], capture_output=True, text=True, timeout=VERSION_S, check=False
    ).stdout
    match said.split():
        case ["TigerBeetle", "version", version]:
            return Program(path, version)
    raise BenchError(f"{named} does not say that it is TigerBeetle when asked for its version.")


@dataclass(frozen=True)
class Task:
    """Which server the loader is to load, how."""

    port: int
    server_pid: int
    spread: Spread
    # Requests under way, all of one client: it sends one after the other, and puts together what waits.
    in_flight: int
    # Holds in one request.
    batch: int
    warm_up_s: float
    seconds: float

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


class TigerBeetle(Peer):
    """A new server on an empty data file in `folder`, running until the end of the `with`. It refuses a disk
    that has no direct I/O.
    """

    def __init__(self, program: Program, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._data = folder.resolve() / "0_0.tigerbeetle"
        self._log = folder / "tigerbeetle.log"
        self.port = free_port()
        self._format(program)
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [program.path, "start", f"--addresses={LOOPBACK}:{self.port}", self._data],
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
            self._check_durable()
        except (BenchError, OSError):
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def _format(self, program: Program) -> None:
        one = [f"--cluster={CLUSTER}", "--replica=0", "--replica-count=1"]
        made = subprocess.run(
            [program.path, "format", *one, self._data],
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        if made.returncode:
            raise BenchError(f"TigerBeetle does not format {self._data}: {made.stderr[-2000:]}")

    def _wait(self) -> None:
        give_up = time.monotonic() + START_S
        while True:
            try:
                return socket.create_connection((LOOPBACK, self.port), timeout=START_S).close()
            except OSError as error:
                if self._server.poll() is not None or time.monotonic() > give_up:
                    raise BenchError(
                        f"TigerBeetle does not start: {self._log.read_text()[-2000:]}"
                    ) from error
                time.sleep(0.05)

    def _check_durable(self) -> None:
        """Whether a write waits for the disk is the system's to say, of the file that the server has open."""
        process = PROC / str(self.pid)
        for link in (process / "fd").iterdir():
            if link.readlink() == self._data:
                flags = (process / "fdinfo" / link.name).read_text().partition("flags:")[2].split()[0]
                if int(flags, 8) & os.O_DSYNC:
                    return
        raise BenchError("TigerBeetle's writes do not wait for the disk.")
