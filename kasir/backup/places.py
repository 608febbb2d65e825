"""A backup's directory: what lies where, who may change it, when it was last looked at and checked.

    lock            held by the program that writes; touched at each look at the store
    reading         held shared by whoever restores or checks: nothing is removed meanwhile
    checked.json    what the last check found
    erased.json     whose data were erased: no names
    0001/           a history without a gap; the next one begins when the store's does not go on from here
      000000000120.base                     the whole store at revision 120
      000000000121-000000004310.journal     what happened since

Imports nothing of the engine, so that every program may ask how a backup is.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

LOCK = "lock"
READING = "reading"
CHECKED = "checked.json"
ERASED = "erased.json"
BASE_SUFFIX = ".base"
JOURNAL_SUFFIX = ".journal"
PART_SUFFIX = ".part"
# A file that could not be used, set aside by the program that writes
BROKEN_SUFFIX = ".broken"
# Where a check restores to, unless told otherwise
CHECKING = "checking"
# How long a backup may not have been looked after, and a check lie back, seconds.
LOOK_MAX_S = 5 * 60.0
CHECK_MAX_S = 2 * 24 * 3600.0
# Two machines' clocks may differ so much; what lies further ahead was noted by a clock that was wrong.
SKEW_MAX_S = 5 * 60.0
# What stands before the suffix: a revision, or the first and the last.
_REVISIONS = re.compile(r"[0-9]{12,}(-[0-9]{12,})?")


class BusyError(Exception):
    """Another program writes this backup."""


def make(folder: Path) -> None:
    """Makes a directory that only its owner reads, durable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync(folder.parent)


def sync(folder: Path) -> None:
    """Makes names in a directory durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_backup(folder: Path) -> bool:
    """Whether it is a backup's directory."""
    return any(histories(folder))


def histories(folder: Path) -> list[Path]:
    """The directories of its histories, oldest first."""
    return sorted(each for each in folder.glob("[0-9]" * 4) if each.is_dir())


def next_history(folder: Path) -> Path:
    """Where the next history goes."""
    there = histories(folder)
    return folder / f"{int(there[-1].name) + 1 if there else 1:04}"


def base_path(history: Path, revision: int) -> Path:
    """Where a copy of the whole store stands."""
    return history / f"{revision:012}{BASE_SUFFIX}"


def is_ours(path: Path) -> bool:
    """Whether a file's name is one that a backup gives."""
    return _REVISIONS.fullmatch(path.stem) is not None


def is_older(age_s: float, most_s: float) -> bool:
    """Whether something is so old, or of a time that has not come yet."""
    return not -SKEW_MAX_S <= age_s <= most_s


def revisions(path: Path) -> tuple[int, int]:
    """First and last revision in a file, as its name says them."""
    first, _, last = path.stem.partition("-")
    return int(first), int(last or first)


def size(folder: Path) -> int:
    """Bytes of all its files."""
    return sum(file.stat().st_size for history in histories(folder) for file in history.iterdir())


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Only one program changes a backup. Raises BusyError."""
    with (folder / LOCK).open("a") as file:
        if not _flock(file, shared=False):
            raise BusyError(f"Another kasir backup writes to {folder}.")
        for left in folder.glob(f"[0-9]*/*{PART_SUFFIX}"):
            left.unlink()
        yield


def looked(folder: Path) -> None:
    """Notes that the store was looked at."""
    stamp(folder / LOCK)


def stamp(path: Path) -> None:
    """Says that a file is of now, as this machine's clock has it: a share's own clock may be ahead."""
    now = time.time()
    os.utime(path, (now, now))


def looked_s(folder: Path) -> float:
    """When the store was last looked at and all of it was taken, Unix seconds; 0: never."""
    try:
        return (folder / LOCK).stat().st_mtime
    except OSError:
        return 0.0


def is_written(folder: Path) -> bool:
    """Whether a program that takes the backup runs on this machine, as far as who asks may know."""
    try:
        with (folder / LOCK).open() as file:
            return not _flock(file, shared=True)
    except (OSError, ImportError):
        return False


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Nothing is removed while the block lasts. A copy that cannot be written needs no such care."""
    try:
        file = (folder / READING).open("a")
    except OSError:
        yield
        return
    with file:
        _flock(file, shared=True, wait=True)
        yield


@contextmanager
def removing(folder: Path) -> Iterator[bool]:
    """Whether files may be removed now: not while somebody reads."""
    with (folder / READING).open("a") as file:
        yield _flock(file, shared=False)


def clear_checks(folder: Path) -> None:
    """Removes what a check that was killed left behind. Only while nobody reads."""
    for left in folder.glob(f"{CHECKING}*"):
        shutil.rmtree(left)


def _flock(file: IO[str], *, shared: bool, wait: bool = False) -> bool:
    import fcntl  # noqa: PLC0415  (not on Windows, where the other commands run too)

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@dataclass
class Checked:
    """What a check found."""

    # When it ended, and how long it took
    time: str = ""
    seconds: float = 0.0
    # What was restored and verified: the base's file, and the revision that its journal led to
    base: str = ""
    history: str = ""
    revision: int = 0
    # Files that cannot be used, from the backup's directory on
    broken: list[str] = field(default_factory=list)
    # What is wrong, in plain words
    problems: list[str] = field(default_factory=list)
    # What is told, and is nothing wrong
    notes: list[str] = field(default_factory=list)
    # By history, the highest revision that any check found
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    @property
    def time_s(self) -> float:
        """When it ended, Unix seconds; 0: it did not."""
        return datetime.fromisoformat(self.time).timestamp() if self.time else 0.0

    @property
    def age_s(self) -> float:
        """How long ago it was."""
        return time.time() - self.time_s


def write_checked(folder: Path, checked: Checked) -> None:
    """Keeps what a check found, durable."""
    _write_json(folder, CHECKED, asdict(checked))


def _write_json(folder: Path, name: str, content: object) -> None:
    part = folder / f"{name}.{os.getpid()}{PART_SUFFIX}"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync(folder)


@dataclass(frozen=True, order=True)
class Erasure:
    """That a customer's data were erased; number and time of making tell who it was, in any history."""

    # Unix milliseconds
    erase_ms: int
    customer_id: int
    create_ms: int


def write_erased(folder: Path, erased: set[Erasure]) -> None:
    """Keeps whose data were erased, durable."""
    _write_json(folder, ERASED, [asdict(each) for each in sorted(erased)])


def read_erased(folder: Path) -> set[Erasure]:
    """Whose data were erased, as far as the backup knows. Raises OSError when that cannot be read."""
    try:
        return {Erasure(**each) for each in json.loads((folder / ERASED).read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return set()
    except (ValueError, TypeError) as error:
        raise OSError(f"{folder / ERASED} cannot be read: {error}") from error


def read_checked(folder: Path) -> Checked | None:
    """What the last check found; None when there was none, or nothing that can be read of it."""
    try:
        return Checked(**json.loads((folder / CHECKED).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@dataclass(frozen=True)
class Health:
    """How a backup is, in a sentence."""

    is_well: bool
    words: str


def health(folder: Path) -> list[Health]:
    """How a backup is: whether it is there, somebody looks after it, and its last check was a good one."""
    if not is_backup(folder):
        return [
            Health(is_well=False, words=f"there is no backup in {folder}: kasir backup DATA --to {folder}")
        ]
    found = []
    age_s = time.time() - looked_s(folder)
    if is_older(age_s, LOOK_MAX_S):
        found.append(Health(is_well=False, words=_behind(folder, age_s)))
    checked = read_checked(folder)
    if checked is None:
        found.append(Health(is_well=False, words=f"it was never checked: kasir backup check {folder}"))
    elif checked.problems:
        found.append(Health(is_well=False, words=f"its check failed: {checked.problems[0]}"))
    elif is_older(checked.age_s, CHECK_MAX_S):
        found.append(Health(is_well=False, words=f"its last check is old: kasir backup check {folder}"))
    return found or [Health(is_well=True, words="it is looked after, and its last check was a good one")]


def _behind(folder: Path, age_s: float) -> str:
    if is_written(folder):
        return (
            f"it is {age_s / 60:,.0f} min behind, though kasir backup runs: it says why (journalctl -u "
            "kasir-backup)"
        )
    return "nobody looks after it: is kasir backup --follow running?"
