"""PostgreSQL as Debian ships it, in a cluster of its own on loopback, loaded by its own pgbench.

pgbench is a C program that makes the load at next to no cost, so PostgreSQL has all of the machine that it
can have.
"""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.machine import cpu_times
from bench.measure import BenchError, Sample, Window, cores, summary
from bench.peer import Peer
from bench.ports import LOOPBACK, free_port
from bench.work import CUSTOMERS, HOT_ITEM, HOT_STOCK, ITEMS, SEED, Kind, Spread

HERE = Path(__file__).resolve().parent
DEBIAN = Path("/usr/lib/postgresql")
# Who runs the server when we are root: it refuses to be root.
SERVICE_USER = "postgres"
START_S = 30.0
# pgbench opens all connections before it begins.
CONNECTING_S = 1.0
LOADER_THREADS = 2
# Durable, as it comes; only where it listens is our own affair.
SETTINGS = ("fsync=on", "synchronous_commit=on", f"listen_addresses={LOOPBACK}", "unix_socket_directories=")

_PICK_ITEM = {Spread.UNIFORM: f"random(1, {ITEMS})", Spread.HOT: str(HOT_ITEM)}
_REQUEST = r"""\set n :n + 1
\set request :client_id * 10000000000 + :n
"""
_BOOKING = (
    _REQUEST
    + rf"""\set customer random(0, {CUSTOMERS - 1})
\set item_1 %s
\set second random(1, {ITEMS - 1})
\set item_2 :second + case when :second >= :item_1 then 1 else 0 end
\set quantity_2 random(1, 3)
\set shipping random(8, 60) * 100000
SELECT * FROM book(:request, '62812' || lpad((:customer)::text, 8, '0'), :name, :street, :district, :city,
    :province, :postal_code, :item_1, 1, :item_2, :quantity_2, :shipping);
"""
)
_HOLD = (
    _REQUEST
    + r"""\set item %s
WITH taken AS (
    UPDATE stock SET held = held + 1 WHERE item_id = :item AND location_id = 1 AND on_hand - held >= 1
    RETURNING item_id
)
INSERT INTO holds (request_id, item_id, location_id, quantity, owner, create_time, expire_time)
    SELECT :request, item_id, 1, 1, 'cart-' || :client_id, now(), now() + interval '1 hour' FROM taken
    RETURNING hold_id;
"""
)
# The server picks the items itself, which spares the loader and the wire a hundred numbers a call.
_PICK_ITEMS = {Spread.UNIFORM: f"1 + floor(random() * {ITEMS})::bigint", Spread.HOT: f"{HOT_ITEM}::bigint"}
_HOLD_MANY = (
    _REQUEST
    + r"""SELECT hold_many(:request * 1000::bigint,
    ARRAY(SELECT %s FROM generate_series(1, {batch})), 'cart-' || :client_id);
"""
)
_TEXTS = {
    "name": "Siti Rahmawati",
    "street": "Jl. Merdeka No. 7, RT 03/RW 07",
    "district": "Coblong",
    "city": "Bandung",
    "province": "Jawa Barat",
    "postal_code": "40132",
}


def find_programs() -> Path:
    """The folder of initdb, postgres and pgbench, the newest version. BenchError when there is none."""
    found = [path.parent for path in DEBIAN.glob("*/bin/pgbench")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    on_path = shutil.which("pgbench")
    if on_path is None or not Path(on_path).with_name("initdb").exists():
        raise BenchError("PostgreSQL is missing. Install Debian's package: apt-get install postgresql")
    return Path(on_path).parent


@dataclass(frozen=True)
class _Owner:
    """Who owns the cluster's files and runs its programs: ourselves, unless we are root."""

    name: str | None

    @classmethod
    def choose(cls) -> "_Owner":
        return cls(SERVICE_USER if os.geteuid() == 0 else None)

    def own(self, path: Path) -> None:
        if self.name is not None:
            shutil.chown(path, self.name, self.name)


class Postgres(Peer):
    """A new cluster in `folder`, running until the end of the `with`."""

    def __init__(self, folder: Path) -> None:
        self.programs = find_programs()
        self._folder = folder.resolve()
        self._owner = _Owner.choose()
        self._data = self._folder / "data"
        self._port = free_port()
        self._log = self._folder / "postgres.log"
        self._make()
        settings = [word for setting in (*SETTINGS, f"port={self._port}") for word in ("-c", setting)]
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [self.programs / "postgres", "-D", self._data, *settings],
                stdout=log,
                stderr=log,
                user=self._owner.name,
                group=self._owner.name,
                cwd="/",
            )
        self._wait()
        with self._connect() as connection:
            connection.execute((HERE / "postgres.sql").read_text())
            self.version = str(connection.info.server_version // 10_000)

    def _make(self) -> None:
        self._folder.mkdir(parents=True)
        self._owner.own(self._folder)
        made = subprocess.run(
            [
                self.programs / "initdb",
                "-D",
                self._data,
                "-U",
                "bench",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
            ],
            capture_output=True,
            text=True,
            user=self._owner.name,
            group=self._owner.name,
            cwd="/",
            check=False,
        )
        if made.returncode:
            raise BenchError(
                f"PostgreSQL's initdb failed in {self._data}: {made.stderr.strip()}. If its user cannot get "
                "there, name another folder with --scratch."
            )

    def _wait(self) -> None:
        give_up = time.monotonic() + START_S
        while True:
            try:
                return self._connect().close()
            except psycopg.OperationalError as error:
                if self._server.poll() is not None or time.monotonic() > give_up:
                    self._server.kill()
                    raise BenchError(f"PostgreSQL does not start: {self._log.read_text()[-2000:]}") from error
                time.sleep(0.05)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=LOOPBACK, port=self._port, user="bench", dbname="postgres", autocommit=True
        )

    def seed(self) -> None:
        """Empties the shop and fills it anew, so that every measurement begins alike."""
        text = (HERE / "postgres_seed.sql").read_text()
        for name, value in (("items", ITEMS), ("stock", HOT_STOCK), ("customers", CUSTOMERS)):
            text = text.replace(f":{name}", str(value))
        with self._connect() as connection:
            for statement in text.split(";\n"):
                if statement.strip():
                    connection.execute(sql.SQL(statement))

    def durable(self) -> bool:
        """Whether a commit waits for the disk, as the server itself says."""
        with self._connect() as connection:
            said = [
                connection.execute(sql.SQL("SHOW ") + sql.Identifier(name)).fetchone()
                for name in ("fsync", "synchronous_commit", "full_page_writes")
            ]
        return all(row == ("on",) for row in said)

    def measure(self, kind: Kind, spread: Spread, in_flight: int, window: Window, batch: int = 1) -> Sample:
        """Loads it with one kind of work from `in_flight` clients, `batch` of it in a call."""
        folder = self._folder / "load"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        script = folder / "script.sql"
        script.write_text(_script(kind, spread, batch))
        texts = _TEXTS if kind is Kind.BOOKING else {}
        defined = {"n": "0", **texts}
        lasts = CONNECTING_S + window.warm_up_s + window.seconds + CONNECTING_S
        loader = subprocess.Popen(
            [
                self.programs / "pgbench",
                *("--host", LOOPBACK, "--port", str(self._port), "--username", "bench"),
                *("--no-vacuum", "--protocol", "prepared", "--file", script),
                *("--client", str(in_flight), "--jobs", str(LOADER_THREADS), "--time", str(round(lasts))),
                *("--random-seed", str(SEED), "--log", "--log-prefix", folder / "log"),
                *(word for item in defined.items() for word in ("--define", "=".join(item))),
                "postgres",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        time.sleep(CONNECTING_S + window.warm_up_s)
        begins, before = time.time(), cpu_times(self._server.pid, loader.pid)
        time.sleep(window.seconds)
        ends, after = time.time(), cpu_times(self._server.pid, loader.pid)
        said, _ = loader.communicate(timeout=START_S + lasts)
        failed = re.search(r"number of failed transactions: (\d+)", said)
        if loader.returncode or failed is None or failed[1] != "0":
            raise BenchError(f"pgbench failed: {said[-2000:]}")
        cpu = cores(before, after, ends - begins)
        sample = summary(_read_log(folder, begins, ends), ends - begins, cpu, batch)
        if (there := self._count(kind)) < sample.operations:
            raise BenchError(f"{sample.operations} {kind}s were answered, but {there} are there.")
        return sample

    def _count(self, kind: Kind) -> int:
        table = sql.Identifier("orders" if kind is Kind.BOOKING else "holds")
        with self._connect() as connection:
            row = connection.execute(sql.SQL("SELECT count(*) FROM ") + table).fetchone()
        return int(row[0]) if row else 0


def _script(kind: Kind, spread: Spread, batch: int) -> str:
    """What each client of pgbench does, over and over."""
    if batch > 1:
        assert kind is Kind.HOLD, "only holds are measured in batches"
        return _HOLD_MANY.format(batch=batch) % _PICK_ITEMS[spread]
    return (_BOOKING if kind is Kind.BOOKING else _HOLD) % _PICK_ITEM[spread]


def _read_log(folder: Path, begins: float, ends: float) -> list[float]:
    """Latencies in seconds of the transactions that ended between two moments. pgbench writes a line for
    each: "client transaction latency_us script epoch_s epoch_us".
    """
    latencies: list[float] = []
    for path in folder.glob("log.*"):
        with path.open() as lines:
            for line in lines:
                words = line.split()
                if begins <= int(words[4]) + int(words[5]) / 1e6 < ends:
                    latencies.append(int(words[2]) / 1e6)
    return latencies
