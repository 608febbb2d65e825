"""`kasir inspect` and `kasir export`: a store read from outside, without the engine, server running or not.

Python's lmdb and msgpack are all it takes: what Kasir keeps stays readable to whoever has the file.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NoReturn, TextIO

import lmdb
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from engine.layout import FORMATS, TABLES, BrokenRecordError, unpack

DATA_FILE = "data.mdb"
# Held shared (flock) by whoever reads a store beside the engine.
ONLOOKERS_FILE = "onlookers"
# Held by the engine while it has the store open.
LOCK_FILE = "lock"
# Says at this place whether the store was closed: see engine_rs/store/src/checkpoint.rs.
CHECKPOINT_FILE = "checkpoint"
CLOSED_AT = 16
STORE_KEY = b"\0store"
HEAD_KEY = b"\0head"
MAX_TABLES = 128

app = typer.Typer(no_args_is_help=True)
console = Console()


class NotAStoreError(Exception):
    """There is no store that this program can read; the text says why, in plain words."""


@dataclass(frozen=True)
class Opened:
    """A store at one moment: a read transaction, its tables' names, and what the store says of itself."""

    txn: Any
    tables: tuple[str, ...]
    about: dict[str, Any]
    environment: Any

    def database(self, table: str) -> Any:
        """The handle of a table."""
        return self.environment.open_db(table.encode(), txn=self.txn, create=False)

    def entries(self, table: str) -> int:
        """How many entries a table has."""
        return int(self.txn.stat(self.database(table))["entries"])

    def pages_bytes(self, table: str) -> int:
        """Bytes of a table's pages."""
        stat = self.txn.stat(self.database(table))
        pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        return int(pages * stat["psize"])

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """A table's entries in key order, decoded; what cannot be decoded comes as hex, with the reason."""
        layout = TABLES.get(table)
        with self.txn.cursor(self.database(table)) as cursor:
            for key, value in cursor:
                if layout is None:
                    yield _undecoded(key, value, "this program does not know the table")
                    continue
                try:
                    yield layout.decode(key, value)
                except BrokenRecordError as error:
                    yield _undecoded(key, value, str(error))


def _undecoded(key: bytes, value: bytes, reason: str) -> dict[str, Any]:
    return {"key_hex": key.hex(), "value_hex": value.hex(), "not_decoded": reason}


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Opens a store's directory, or a snapshot file, as it stands now. Raises NotAStoreError.

    What a running server answered in the last milliseconds may be missing. It goes on writing meanwhile; LMDB
    keeps the pages of this moment until the end of the block, so a store that is written a lot grows for as
    long as it lasts. NotAStoreError at the block's end, when the server began anew meanwhile: then what was
    read is not of one moment.
    """
    is_store = path.is_dir()
    if not (path / DATA_FILE if is_store else path).is_file():
        raise NotAStoreError(f"There is no store at {path}.")
    with (
        _looking_on(path, is_store=is_store),
        _environment(path, is_store=is_store) as environment,
        environment.begin() as txn,
    ):
        with txn.cursor() as names:
            tables = tuple(bytes(name).decode() for name in names.iternext(keys=True, values=False))
        if "meta" not in tables:
            raise NotAStoreError(f"{path} is an LMDB file, but no store of Kasir's.")
        meta = environment.open_db(b"meta", txn=txn, create=False)
        about = {**_meta(txn, meta, STORE_KEY), **_meta(txn, meta, HEAD_KEY)}
        if about.get("format") not in FORMATS:
            known = " and ".join(map(str, FORMATS))
            raise NotAStoreError(
                f"{path} has the format {about.get('format')}; this program reads {known}. "
                "Use the Kasir that wrote it."
            )
        yield Opened(txn, tables, about, environment)


def _is_closed(path: Path) -> bool:
    """Whether nobody has the store open. Refuses one that was not closed then: after a power cut its data
    file may be in pieces, until the engine puts them together.
    """
    import fcntl  # noqa: PLC0415  (not on Windows, where the other commands run too)

    with suppress(FileNotFoundError), (path / LOCK_FILE).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if lock.read():  # who opens it has put it in order
                return False
    with suppress(FileNotFoundError):
        if (path / CHECKPOINT_FILE).read_bytes()[CLOSED_AT : CLOSED_AT + 1] == b"\0":
            raise NotAStoreError(
                f"{path} was not closed. "
                f"Run kasir verify --data {path} once, which puts it in order; then look."
            )
    return True


def _openings(file: BinaryIO) -> tuple[int, int]:
    """Which file it is, and how often it says that the store was opened while somebody looked."""
    return os.fstat(file.fileno()).st_ino, int.from_bytes(os.pread(file.fileno(), 8, 0))


@contextmanager
def _looking_on(path: Path, *, is_store: bool) -> Iterator[None]:
    """While the block lasts, the engine spares the pages that it sees, unless it opens the store anew: see
    engine_rs/store/src/onlookers.rs. Raises NotAStoreError then.

    A snapshot is a finished file that nobody writes, and needs none of it.
    """
    import fcntl  # noqa: PLC0415  (not on Windows, where the other commands run too)

    if not is_store:
        yield
        return
    with ExitStack() as until_the_end:
        # None: the files were copied from elsewhere, and nobody writes them yet.
        good: list[tuple[int, int] | None] = [None]
        with suppress(FileNotFoundError):
            file = until_the_end.enter_context((path / ONLOOKERS_FILE).open("rb"))
            fcntl.flock(file, fcntl.LOCK_SH)
            which, count = _openings(file)
            good = [(which, count)]
        if _is_closed(path) and good != [None]:
            # The first engine that opens it spares what it finds.
            good.append((which, count + 1))
        try:
            yield
        finally:
            found = None
            with suppress(FileNotFoundError), (path / ONLOOKERS_FILE).open("rb") as now:
                found = _openings(now)
            if found not in good:
                raise NotAStoreError(
                    f"{path} was opened anew meanwhile: what was read is not of one moment. Try again."
                )


@contextmanager
def _environment(path: Path, *, is_store: bool) -> Iterator[Any]:
    """LMDB's environment without LMDB's locks: the engine's LMDB writes another lock file than Python's."""
    try:
        environment = lmdb.open(
            str(path),
            subdir=is_store,
            readonly=True,
            lock=False,
            create=False,
            max_dbs=MAX_TABLES,
            map_size=0,
        )
    except lmdb.Error as error:
        raise NotAStoreError(f"{path} cannot be opened: {error}.") from error
    with environment:
        yield environment


def _meta(txn: Any, meta: Any, key: bytes) -> dict[str, Any]:
    value = txn.get(key, db=meta)
    found = {} if value is None else unpack(value)
    return found if isinstance(found, dict) else {}


def as_json(row: dict[str, Any]) -> str:
    """One line of JSON; bytes as hex."""
    return json.dumps(row, ensure_ascii=False, default=bytes.hex)


def _give_up(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _known(store: Opened, table: str) -> str:
    if table not in store.tables:
        _give_up(f"There is no table {table!r}. There are: {', '.join(store.tables)}.")
    return table


StorePath = Annotated[Path, typer.Argument(metavar="STORE", help="The data directory, or a snapshot file.")]


@app.command("inspect")
def inspect_store(
    store: StorePath,
    table: Annotated[
        str | None, typer.Argument(help="Show this table's entries instead of all tables.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many entries.")] = 20,
) -> None:
    """Look into a store without the engine: its tables, or one table's entries as JSON lines.

    It may run beside the server, and changes nothing.

    \b
    Examples:
      kasir inspect out/shop
      kasir inspect out/shop orders --limit 3
      kasir inspect out/shop/snapshots/monday stocks
    """  # noqa: D301 (\b: what follows keeps its lines)
    try:
        with opened(store) as found:
            if table is None:
                _show_tables(store, found)
            else:
                for index, row in enumerate(found.rows(_known(found, table))):
                    if index == limit:
                        total = found.entries(table)
                        typer.echo(f"{limit} of {total} entries; more with --limit.", err=True)
                        break
                    typer.echo(as_json(row))
    except NotAStoreError as error:
        _give_up(str(error))


def _show_tables(path: Path, store: Opened) -> None:
    title = f"{path} at revision {store.about.get('revision')}"
    grid = Grid("table", "entries", "KiB", "values", title=title)
    for column in (1, 2):
        grid.columns[column].justify = "right"
    for name in store.tables:
        layout = TABLES.get(name)
        codec = layout.codec.value if layout else "unknown"
        grid.add_row(name, f"{store.entries(name):,}", f"{store.pages_bytes(name) // 1024:,}", codec)
    console.print(grid)


@app.command("export")
def export_store(
    store: StorePath,
    out: Annotated[Path, typer.Option("--out", help="Directory for one file a table; made when missing.")],
    table: Annotated[
        list[str] | None, typer.Option("--table", help="Only this one; may be repeated.")
    ] = None,
) -> None:
    """Write a store's records out as JSON lines, one file a table, all of one moment.

    It may run beside the server, and changes nothing. A store that is written a lot grows while the export
    lasts: export a snapshot of a big one.

    \b
    Examples:
      kasir export out/shop --out out/export
      kasir export out/shop --out out/export --table orders --table sales
    """  # noqa: D301 (\b: what follows keeps its lines)
    written: list[Path] = []
    try:
        with opened(store) as found:
            names = [_known(found, name) for name in table] if table else list(found.tables)
            _export(found, names, out, written)
    except NotAStoreError as error:
        for path in written:
            path.unlink(missing_ok=True)
        _give_up(str(error))
    except OSError as error:
        _give_up(f"Cannot write to {out}: {error.strerror}.")
    typer.echo(f"{len(names)} tables at revision {found.about.get('revision')} written to {out}")


def _export(store: Opened, names: list[str], out: Path, written: list[Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}.jsonl" for name in names]
    for path in paths:
        if path.exists():
            _give_up(f"{path} is there already. Export into a new directory.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for name, path in zip(names, paths, strict=True):
            task = progress.add_task(name, total=store.entries(name))
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                _write(store.rows(name), file, lambda done, task=task: progress.update(task, completed=done))


def _write(rows: Iterator[dict[str, Any]], file: TextIO, tell: Any) -> None:
    """Writes rows, and tells how many now and then."""
    done = 0
    for done, row in enumerate(rows, start=1):
        file.write(as_json(row))
        file.write("\n")
        if done % 1_000 == 0:
            tell(done)
    tell(done)
