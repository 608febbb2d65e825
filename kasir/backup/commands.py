"""The commands of `kasir backup`."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from clients.common.bad_input import BadInput
from clients.common.local_commands import EXIT_REFUSED, epilog, file_words, local_command, plain_failures
from clients.common.output import Output, table
from clients.common.stopping import Stopping
from clients.common.times import parse_duration
from engine import EngineError
from kasir.backup import catalogue, places, words
from kasir.backup.checking import check
from kasir.backup.places import BusyError, Checked
from kasir.backup.taking import Copying, Taker, Wanted, copy_base

if TYPE_CHECKING:
    from kasir.audit.heads import Signer
    from kasir.backup.metrics import Standing

TAKE = "take"
# While it follows
TIDY_EVERY_S = 60.0
SIGN_EVERY_S = 60.0
CHECK_EVERY_S = 24 * 3600.0
# After a check that was not well
CHECK_AGAIN_S = 3600.0
# While something is in the way it looks less often
PAUSE_MAX_S = 10.0
# What was answered is seen from outside after some milliseconds: before the last look it waits so long
SETTLE_S = 0.1
# Of the data directory, but no part of the store
ACCESS = "access"
EXAMPLES = [
    "kasir backup data --to /mnt/backup/kasir",
    "kasir backup data --to /mnt/backup/kasir --follow --keep 30d",
    "kasir backup list /mnt/backup/kasir",
    "kasir backup check /mnt/backup/kasir",
    "kasir restore /mnt/backup/kasir --data restored --time 2026-11-27T17:00",
]


class OneCommandUnnamed(TyperGroup):
    """`kasir backup DATA --to DIR` is `kasir backup take DATA --to DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Names the command when none is."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [TAKE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="backup",
    cls=OneCommandUnnamed,
    help="Keep a store in another place, to the second, and go back to any moment.",
    epilog=epilog(EXAMPLES),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's directory.")]
ErasedAfter = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="Remove what is from before a customer's erasure that is so old, like 3d. Else as --keep.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@local_command(app, TAKE, EXAMPLES[:2])
def take(
    data: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The server's data directory.")],
    to: Annotated[
        Path,
        typer.Option(
            file_okay=False, metavar="DIR", help="Where the backup goes: another disk; made if missing."
        ),
    ],
    follow: Annotated[bool, typer.Option(help="Go on until stopped, and take what is new.")] = False,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often it looks for what is new.")] = "1s",
    base: Annotated[bool, typer.Option("--base", help="Take a copy of the whole store now.")] = False,
    base_every: Annotated[
        str, typer.Option(metavar="TIME", help="Take one when the newest is so old.")
    ] = "7d",
    keep: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Remove what no moment of the last TIME needs, like 30d. Else all stays."
        ),
    ] = "",
    erased_after: ErasedAfter = "",
    heads: Annotated[
        Path | None, typer.Option(help="Append a signed head here, once a minute at most.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Sign with this key (kasir audit keygen).")] = None,
    work: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Where checks restore to; else in the backup."),
    ] = None,
    metrics_listen: Annotated[
        str | None, typer.Option(help="host:port for Prometheus while it follows; off when not given.")
    ] = None,
) -> None:
    """Take what is new of a store into a backup, while its server runs or not. "take" may be left out.

    The first time, and once in a while, that is a copy of the whole store; else what its journal has since.
    Ends with 0 when the backup has all there is, with 1 when not, with 2 when the command was wrong.
    """
    os.umask(0o077)
    output = Output(as_json=False)
    said = _Said(output)
    with plain_failures(output):
        every_s, base_every_s = _seconds(every), _seconds(base_every)
        kept_s, erased_s = (_seconds(each) if each else None for each in (keep, erased_after))
        wanted = Wanted(base, base_every_s, kept_s, erased_s)
        if (heads is None) != (key is None):
            raise BadInput("--heads and --key go together.")
        if metrics_listen is not None and not follow:
            raise BadInput("--metrics-listen goes with --follow: who takes a backup once is not asked.")
        _check_place(data, to)
        if heads and any(heads.resolve().is_relative_to(place.resolve()) for place in (data, to)):
            raise BadInput("{heads} lies with what it is to tell of: keep it elsewhere.", heads=heads)
        signer = _signer(key, heads) if key and heads else None
        _tell_of_access(data, output)
        places.make(to)
        try:
            with places.writing(to):
                shown = _show_copy if output.beside.is_terminal else copy_base
                taker = Taker(data, to, wanted, said, signer=signer, copy=shown, copy_beside=follow)
                if follow:
                    with _standing(to, metrics_listen) as standing:
                        _follow(taker, every_s, work, said, standing)
                else:
                    _once(output, taker, work, said)
        except BusyError as busy:
            output.say(str(busy), "red")
            raise typer.Exit(EXIT_REFUSED) from busy
        except EngineError as error:
            output.say(error.message, "red")
            raise typer.Exit(EXIT_REFUSED) from error


def _tell_of_access(data: Path, output: Output) -> None:
    if (data / ACCESS).is_dir():
        output.say(
            f"{data / ACCESS} (users, devices, keys, the log of access) is NOT in this backup. "
            f"Copy it too: kasir access copy --data {data} --to NEW_DIRECTORY",
            "yellow",
        )


@contextmanager
def _standing(folder: Path, metrics_listen: str | None) -> Iterator["Standing | None"]:
    """Tells Prometheus meanwhile how the backup stands, if asked to. Raises BadInput."""
    if metrics_listen is None:
        yield None
        return
    from kasir.backup.metrics import Standing, serve  # noqa: PLC0415  (Prometheus's client, for those who ask)
    from server.settings import SettingsError  # noqa: PLC0415

    standing = Standing.of(folder)
    try:
        endpoint = serve(standing, metrics_listen)
    except SettingsError as error:
        raise BadInput("{why}", why=error) from error
    try:
        yield standing
    finally:
        endpoint.close()


def _signer(key: Path, heads: Path) -> "Signer":
    from kasir.audit.heads import Signer  # noqa: PLC0415  (cryptography, for those who sign)

    return Signer(key, heads)


def _check_place(data: Path, to: Path) -> None:
    """A backup is a directory of its own, and not in what it is to save."""
    if to.resolve().is_relative_to(data.resolve()):
        raise BadInput("{to} lies in {data}: both would be lost together.", to=to, data=data)
    if to.is_dir() and any(to.iterdir()) and not places.is_backup(to) and not (to / places.LOCK).exists():
        raise BadInput("{to} holds other things: a backup needs a directory of its own.", to=to)


class _Said:
    """Says things, and not the same twice in a row."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last:
            self._output.say(text)
        self._last = text


def _once(output: Output, taker: Taker, work: Path | None, said: _Said) -> None:
    try:
        taker.step()
    except (EngineError, OSError):
        with suppress(EngineError, OSError):
            taker.tidy()
        raise
    is_signed = _Task(taker.sign, said).run()
    taker.tidy()
    assert taker.end is not None
    zone = words.zone_of(taker.store)
    said(
        f"{taker.folder} is at {words.point(taker.end, zone)}: {words.mebibytes(places.size(taker.folder))}."
    )
    if taker.fresh_base:
        with output.beside.status("restoring and verifying the copy"):
            checked = check(taker.folder, work)
        _say_checked(checked, said)
        if not checked.is_well:
            raise typer.Exit(EXIT_REFUSED)
    if not is_signed:
        raise typer.Exit(EXIT_REFUSED)


def _follow(
    taker: Taker, every_s: float, work: Path | None, said: _Said, standing: "Standing | None"
) -> None:
    stop = Stopping()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.ask())
    checks = _Checks(taker, work, said, standing)
    step, sign, tidy = _Task(taker.step, said), _Task(taker.sign, said), _Task(taker.tidy, said)
    pause_s = every_s
    with ThreadPoolExecutor(max_workers=1) as beside:
        while True:
            is_last = stop.is_asked
            if is_last:
                time.sleep(SETTLE_S)
            if step.run():
                pause_s = every_s
                if standing is not None and taker.end is not None:
                    standing.took(taker.end.revision, time.time())
                step.tell(f"{taker.folder} follows {taker.store}.")
            else:
                # The server starts again, the share is mounted again: what was missed is taken then.
                pause_s = max(every_s, min(2 * pause_s, PAUSE_MAX_S))
                taker.look_anew()
            if is_last or sign.age_s > SIGN_EVERY_S:
                sign.run()
            checks.look(beside)
            if tidy.age_s > TIDY_EVERY_S:
                tidy.run()
            if is_last:
                break
            stop.wait(pause_s)
        taker.give_up_copy()
        said("Stopping when the check is done." if checks.is_running else "Stopped.")


class _Task:
    """A part of the work: that it fails is said once each time, and stops no other."""

    def __init__(self, work: Callable[[], None], said: Callable[[str], None]) -> None:
        self._work = work
        self._said = said
        self._last = ""
        self._is_well = True
        self._ran = float("-inf")

    @property
    def age_s(self) -> float:
        """How long ago it ran."""
        return time.monotonic() - self._ran

    def run(self) -> bool:
        """Does it; whether it went well."""
        self._ran = time.monotonic()
        try:
            self._work()
        except (EngineError, OSError) as error:
            self.tell(error.message if isinstance(error, EngineError) else f"{file_words(error)}.")
            self._is_well = False
            return False
        if not self._is_well:
            self._is_well, self._last = True, ""
        return True

    def tell(self, text: str) -> None:
        """Says how it is, once."""
        if text != self._last:
            self._said(text)
        self._last = text


class _Checks:
    """Checks of a backup that is followed: of each new copy, and once a day. Beside the work."""

    def __init__(
        self, taker: Taker, work: Path | None, said: _Said, standing: "Standing | None" = None
    ) -> None:
        self._standing = standing
        self._taker = taker
        self._work = work
        self._said = said
        self._running: Future[Checked] | None = None
        # Of the clock that only goes on
        self._not_due_before = 0.0

    @property
    def is_running(self) -> bool:
        """Whether one is under way."""
        return self._running is not None and not self._running.done()

    def look(self, beside: ThreadPoolExecutor) -> None:
        """Begins one when it is time, and says what one found."""
        if self._running is None:
            if self._taker.fresh_base or self._is_due():
                self._taker.fresh_base = None
                self._running = beside.submit(check, self._taker.folder, self._work)
        elif self._running.done():
            running, self._running = self._running, None
            self._heed(_found_by(running))

    def _is_due(self) -> bool:
        if time.monotonic() < self._not_due_before:
            return False
        last = places.read_checked(self._taker.folder)
        return last is None or not last.is_well or places.is_older(last.age_s, CHECK_EVERY_S)

    def _heed(self, checked: Checked) -> None:
        """Says what was found; what is broken or missing is taken again, and looked at in an hour."""
        _say_checked(checked, self._said)
        if self._standing is not None:
            self._standing.heed(checked)
        self._not_due_before = time.monotonic() + CHECK_AGAIN_S
        if not checked.is_well:
            self._taker.look_anew()
            broken = [self._taker.folder / each for each in checked.broken]
            _Task(lambda: self._taker.set_aside(broken), self._said).run()


def _found_by(running: Future[Checked]) -> Checked:
    """What a check found; that it could not be done is a finding, too."""
    try:
        return running.result()
    except Exception as error:  # noqa: BLE001 (whatever it is, the backup goes on)
        return Checked(problems=[f"it could not be done: {error}"])


def _say_checked(checked: Checked, said: _Said) -> None:
    if checked.is_well:
        said(
            f"Checked in {checked.seconds:.1f} s: {checked.base} and its journal, up to revision "
            f"{checked.revision}."
        )
    for each in (*checked.problems, *checked.notes):
        said(f"Check: {each}.")


def _seconds(text: str) -> float:
    """Reads a time to wait, like "1s" or "30d". Raises BadInput."""
    seconds = parse_duration(text).total_seconds()
    if seconds <= 0:
        raise BadInput("'{text}' is no time to wait.", text=text)
    return seconds


def _show_copy(store: Path, path: Path, bytes_most: int) -> None:
    """Takes a copy of a store, and shows how far it is."""
    # Most commands show none.
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    written = path.with_name(f"{path.name}{places.PART_SUFFIX}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("copying the store", total=bytes_most)

        def show() -> None:
            with suppress(FileNotFoundError):
                progress.update(task, completed=min(written.stat().st_size, bytes_most))

        Copying(store, path).wait(show)


@local_command(app, "check", ["kasir backup check /mnt/backup/kasir", f"{EXAMPLES[3]} --replay"])
def check_backup(
    folder: Folder,
    work: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Where it restores to; else in the backup."),
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Play the whole journal in memory, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file of a backup, restore its newest moment to a temporary place, and verify that. Ends with
    status 1 when something is wrong, and says what can be restored.
    """
    os.umask(0o077)
    output = Output(as_json=as_json)
    with plain_failures(output):
        _need_backup(folder)
        with output.beside.status("reading and restoring"):
            checked = check(folder, work, replay=replay)
        said = _Said(output)
        if as_json:
            output.emit(asdict(checked), lambda: "")
        else:
            _say_checked(checked, said)
            if not checked.is_well:
                _say_ranges(folder, checked, said)
        if not checked.is_well:
            raise typer.Exit(EXIT_REFUSED)


def _need_backup(folder: Path) -> None:
    if not places.is_backup(folder):
        raise BadInput("There is no backup in {folder}.", folder=folder)


def _say_ranges(folder: Path, checked: Checked, said: _Said) -> None:
    """What can be restored without the files that are broken."""
    broken = {folder / each for each in checked.broken}
    any_range = False
    for history in catalogue.read(folder, catalogue.UNUSABLE):
        sound = history.without(broken)
        for begin, end in sound.ranges():
            any_range = True
            zone = words.zone_of(sound.bases[0].path)
            first, last = words.point(begin, zone), words.point(end, zone)
            said(f"Can be restored, from {history.path.name}: {first} to {last}.")
    if not any_range:
        said("Nothing can be restored.")


@local_command(app, "list", ["kasir backup list /mnt/backup/kasir", f"{EXAMPLES[2]} --json"])
def list_backup(folder: Folder, as_json: AsJson = False) -> None:
    """Show what a backup holds: copies, journal, from which moment to which, and its last check."""
    output = Output(as_json=as_json)
    with plain_failures(output):
        _need_backup(folder)
        with places.reading(folder):
            found = catalogue.read(folder, catalogue.UNUSABLE)
        zone = words.zone_of(next((base.path for each in found for base in each.bases), folder))
        checked = places.read_checked(folder)
        plain = {
            "histories": [_plain(history) for history in found],
            "checked": asdict(checked) if checked else None,
            "health": [each.words for each in places.health(folder)],
        }
        columns = ("History", "What", "From", "To", "Files", "Size")
        rows = [row for history in found for row in _rows(history, zone)]
        output.emit(plain, lambda: table(f"{folder}: {words.mebibytes(places.size(folder))}", columns, rows))
        for stray in (path for history in found for path in history.strays):
            output.say(f"{stray.relative_to(folder)} is no file of a backup, and was passed by.", "yellow")
        for history in found:
            for problem in (*map(str, history.broken), *history.gaps()):
                output.say(problem, "red")
        for each in places.health(folder):
            output.say(each.words, "" if each.is_well else "yellow")
        if checked:
            output.say(f"Last check: {checked.time}, {'well' if checked.is_well else 'NOT well'}.")


def _plain(history: catalogue.History) -> dict[str, Any]:
    return {
        "history": history.path.name,
        "bases": [
            {
                "file": base.path.name,
                "revision": base.end.revision,
                "time_ms": base.end.time_ms,
                "bytes": base.size,
            }
            for base in history.bases
        ],
        "segments": [
            {
                "file": part.path.name,
                "first_revision": part.first_revision,
                "last_revision": part.end.revision,
                "first_ms": part.first_ms,
                "last_ms": part.end.time_ms,
                "bytes": part.size,
            }
            for part in history.parts
        ],
        "ranges": [
            {
                "first_revision": begin.revision,
                "last_revision": end.revision,
                "first_ms": begin.time_ms,
                "last_ms": end.time_ms,
            }
            for begin, end in history.ranges()
        ],
    }


def _rows(history: catalogue.History, zone: timedelta) -> list[tuple[str, ...]]:
    name = history.path.name
    rows: list[tuple[str, ...]] = [
        (name, "copy", words.point(base.end, zone), "", base.path.name, words.mebibytes(base.size))
        for base in history.bases
    ]
    if history.parts:
        begin, end = (
            history.parts[0].begin,
            max((part.end for part in history.parts), key=lambda end: end.revision),
        )
        size = sum(part.size for part in history.parts)
        count = f"{len(history.parts)} segments"
        rows.append(
            (name, "journal", words.point(begin, zone), words.point(end, zone), count, words.mebibytes(size))
        )
    return rows
