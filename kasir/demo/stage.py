"""Where the day is played: a fresh directory, a real server in a process of its own, lines to it."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

from google.protobuf.message import Message

from clients.common.client import Client, Patience, Reply
from clients.common.connection import Connection
from clients.common.journal import RequestJournal
from clients.common.output import Output
from clients.common.shop import Shop

P = ParamSpec("P")
T = TypeVar("T")

MARKER = ".kasir-demo"
DATA, STATE = "data", "state"
CATALOGUE, STATEMENT, COURIER, SUMMARY = "catalogue.csv", "mutasi-bca.csv", "courier.json", "summary.json"
TOGETHER = "labels.pdf"
SERVER_LOG, PRINTERS_LOG = "server.log", "printers.log"
# What a day leaves, and the next one removes.
FOLDERS = (DATA, STATE, "slips", "receipts", "labels", "shift-reports")
FILES = (CATALOGUE, STATEMENT, COURIER, SUMMARY, TOGETHER, SERVER_LOG, PRINTERS_LOG)
# Longer than anything takes on a busy machine; whoever waits so long has failed.
PATIENCE_S = 45.0
START_S = 30.0


class DemoFailed(Exception):  # noqa: N818 (an outcome)
    """The day did not go as it must; the message is a sentence for whoever plays it."""


class Stopped(DemoFailed):
    """Somebody else has failed, so this one stops too."""


class Quiet(Output):
    """Keeps what a command would print."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.value: Any = None

    def emit(self, value: Any, _view: Callable[[], Any]) -> None:
        """Keeps `value`."""
        self.value = value

    def say(self, text: str, style: str = "") -> None:
        """Says nothing: the demo tells the day in its own words."""


class Person(Shop):
    """The shop as one person of the demo sees it."""

    def __init__(self, client: Client) -> None:
        self._quiet = Quiet()
        super().__init__(client, self._quiet)

    @property
    def told(self) -> Any:
        """What the last command told, where one of the clients' own was used."""
        return self._quiet.value


class Ledger:
    """What the people of the demo did, counted by name. For many threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, count: int = 1) -> None:
        """Adds to a count."""
        with self._lock:
            self._counts[name] += count

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]


class _DemoClient(Client):
    """Counts its requests, and stops asking once the day has failed."""

    def __init__(self, stage: "Stage", actor: str) -> None:
        super().__init__(
            Connection(stage.address, actor),
            stage.journal,
            Patience(tries=4, pause_max_s=1.0),
            lambda _failed, _pause_s: stage.ledger.add("retries"),
        )
        self._stage = stage

    def call(
        self, request: Message, reply_type: type[Reply], *, note: str = "", timeout_s: float | None = None
    ) -> Reply:
        self._stage.check()
        self._stage.ledger.add("requests")
        return super().call(request, reply_type, note=note, timeout_s=timeout_s)


class Stage:
    """One day's directory and server."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.data = out / DATA
        self.journal = RequestJournal(out / STATE)
        self.ledger = Ledger()
        self.address = ""
        self.failure: BaseException | None = None
        self._lock = threading.Lock()
        self._server: subprocess.Popen[str] | None = None

    def path(self, name: str) -> Path:
        """A file of the day."""
        return self.out / name

    # -- the directory ---------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Makes the directory, or removes an earlier day from it. Raises DemoFailed when it is another's."""
        marker = self.path(MARKER)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            if not marker.exists() and any(self.out.iterdir()):
                raise DemoFailed(
                    f"{self.out} is not empty, and no demo made it: name another directory with --out."
                )
            marker.write_text("Made by kasir demo, which removes what it left here when it runs again.\n")
            if _is_open(self.data / "lock"):
                raise DemoFailed(f"A server has {self.data} open: stop it first.")
            for folder in FOLDERS:
                if self.path(folder).exists():
                    shutil.rmtree(self.path(folder))
            for file in FILES:
                self.path(file).unlink(missing_ok=True)
        except OSError as error:
            raise DemoFailed(f"{self.out} cannot be used: {error.strerror or error}.") from error

    # -- the server ------------------------------------------------------------------------------------------

    def start_server(self, listen: str = "127.0.0.1:0") -> None:
        """Starts `kasir serve` and waits until it answers. Raises DemoFailed."""
        assert self._server is None
        command = [sys.executable, "-m", "kasir.cli", "serve", "--data", str(self.data), "--listen", listen]
        with self.path(SERVER_LOG).open("ab") as log:
            self._server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(),
                # Ctrl-C is for the demo, which stops the server when it is done with it.
                start_new_session=True,
            )
        assert self._server.stdout is not None
        line = _first_line(self._server.stdout, START_S)
        if not line.startswith("kasir serving on "):
            self.kill_server()
            raise DemoFailed(f"The server did not start: {self.last_words()}")
        self.address = line.removeprefix("kasir serving on ").split(" ", 1)[0]

    def last_words(self, log: str = SERVER_LOG) -> str:
        """What the server, or who else writes a log, said last."""
        try:
            lines = self.path(log).read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        return next((line for line in reversed(lines) if line.strip()), "it said nothing.")

    def wait_for_server(self) -> None:
        """Waits for as long as it serves. Raises DemoFailed when it ends by itself."""
        assert self._server is not None
        status = self._server.wait()
        raise DemoFailed(f"The server ended with status {status}: {self.last_words()}")

    def stop_server(self) -> None:
        """Stops it as an operator does. Raises DemoFailed when it does not stop well."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(signal.SIGTERM)
        try:
            status = server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            server.kill()
            server.wait()
            raise DemoFailed(f"The server did not stop within {PATIENCE_S:g} s.") from error
        finally:
            assert server.stdout is not None
            server.stdout.close()
        if status != 0:
            raise DemoFailed(f"The server ended with status {status}: {self.last_words()}")

    def kill_server(self) -> None:
        """Ends it whatever happens; nothing when it is stopped."""
        server, self._server = self._server, None
        if server is None:
            return
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()

    # -- lines to it -----------------------------------------------------------------------------------------

    def client(self, actor: str) -> Client:
        """A line for one person or program; close it. For one thread."""
        return _DemoClient(self, actor)

    @contextlib.contextmanager
    def shop(self, actor: str) -> Iterator[Person]:
        """The shop as one person sees it, for one thread."""
        with self.client(actor) as client:
            yield Person(client)

    # -- the others ------------------------------------------------------------------------------------------

    def fail(self, failure: BaseException) -> None:
        """The day has failed: whoever asks the server next stops. The first failure counts."""
        with self._lock:
            if self.failure is None and not isinstance(failure, Stopped):
                self.failure = failure

    def check(self) -> None:
        """Raises Stopped when another has failed."""
        if self.failure is not None:
            raise Stopped("Stopped, since another has failed.")

    def guarded(self, work: Callable[P, T]) -> Callable[P, T]:
        """The same work, whose failure stops the others."""

        def guard(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return work(*args, **kwargs)
            except BaseException as failure:
                self.fail(failure)
                raise

        return guard


def environment() -> dict[str, str]:
    """For programs of ours: what this shell says of other shops (KASIR_SERVER and so on) is not for them."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("KASIR_")}
    return {**others, "PYTHONUNBUFFERED": "1"}


def parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The things in pieces of at most `size`."""
    for start in range(0, len(things), size):
        yield things[start : start + size]


def _first_line(stream: IO[str], timeout_s: float) -> str:
    """The first line of a stream; empty when it ends or nothing comes in time."""
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    try:
        return lines.get(timeout=timeout_s).strip()
    except queue.Empty:
        return ""


def _is_open(lock: Path) -> bool:
    """Whether a running engine holds this lock file."""
    if sys.platform == "win32" or not lock.exists():
        # Windows does not let an open file be removed, which says it as well.
        return False
    import fcntl  # noqa: PLC0415 (there is none on Windows)

    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
