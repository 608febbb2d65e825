"""What a backup holds: its histories with their copies and parts of the journal, and how far each leads."""

import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from engine import EngineError
from engine.backup import audit_journal, check_base, read_journal, store_head
from kasir.backup import places

# What says that a file is to blame: anything else, like a share that is away for a moment, passes.
BROKEN = frozenset({"SNAPSHOT_BROKEN", "JOURNAL_BROKEN", "STORE_CORRUPT"})
# Who only reads goes round a file that cannot be read, too: on a disk that dies it never can again.
UNUSABLE = BROKEN | {"STORE_UNUSABLE"}

# LMDB lets a process open a file once at a time: held by whoever looks into a copy.
LOOKING = threading.Lock()


@dataclass(frozen=True)
class Point:
    """A moment of a store: its last revision, that record's hash, and its time in Unix milliseconds."""

    revision: int
    hash: bytes
    time_ms: int


@dataclass(frozen=True)
class Base:
    """A copy of the whole store."""

    path: Path
    size: int
    end: Point


@dataclass(frozen=True)
class Part:
    """A part of the journal."""

    path: Path
    size: int
    first_revision: int
    first_ms: int
    before: bytes
    merges: int
    end: Point

    @property
    def begin(self) -> Point:
        """Its first record; the hash is that before it."""
        return Point(self.first_revision, self.before, self.first_ms)


@dataclass(frozen=True)
class Broken:
    """A file that cannot be used."""

    path: Path
    words: str

    def __str__(self) -> str:
        first, last = places.revisions(self.path)
        held = f"revision {first}" if first == last else f"revisions {first} to {last}"
        return f"{self.path.parent.name}/{self.path.name} ({held}): {self.words}"


@dataclass
class History:
    """A run of the store's life without a gap."""

    path: Path
    bases: list[Base] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    # Files with names that no backup gives
    strays: list[Path] = field(default_factory=list)

    def parts_needed(self) -> list[Part]:
        """Its parts, but for those that a larger one holds."""
        needed: list[Part] = []
        for part in sorted(self.parts, key=lambda part: (part.first_revision, -part.end.revision)):
            if not needed or part.end.revision > needed[-1].end.revision:
                needed.append(part)
        return needed

    def chain(self, base: Base) -> list[Part]:
        """The parts that lead on from a copy, as far as they go."""
        chain: list[Part] = []
        end = base.end
        longest: Part | None = None
        for first, group in groupby(sorted(self.parts, key=_first), key=_first):
            if longest and first > end.revision + 1 and longest.end.revision > end.revision:
                chain.append(longest)
                end = longest.end
            if first > end.revision + 1:
                break
            fitting = [part for part in group if first <= end.revision or part.before == end.hash]
            longest = max([longest, *fitting] if longest else fitting, key=_last, default=None)
        if longest and longest.end.revision > end.revision:
            chain.append(longest)
        return chain

    def reach(self, base: Base) -> Point:
        """How far a copy and its parts lead."""
        chain = self.chain(base)
        return chain[-1].end if chain else base.end

    def without(self, broken: Collection[Path]) -> "History":
        """The same without some files."""
        bases = [base for base in self.bases if base.path not in broken]
        parts = [part for part in self.parts if part.path not in broken]
        return History(self.path, bases, parts, self.broken, self.strays)

    def gaps(self) -> Iterator[str]:
        """What is missing between its files, in words."""
        name = self.path.name
        if not self.bases:
            yield f"{name}: there is no copy of the store to begin with"
            return
        end = self.bases[0].end
        for base in self.bases:
            if base.end.revision >= end.revision:
                end = max(end, self.reach(base), key=lambda point: point.revision)
        last = max((part.end.revision for part in self.parts), default=0)
        if last > end.revision:
            beyond = min(part.first_revision for part in self.parts if part.end.revision > end.revision)
            yield _missing(name, end.revision + 1, beyond - 1)
        for older, newer in zip(self.bases, self.bases[1:], strict=False):
            if (reached := self.reach(older)).revision < newer.end.revision:
                there = (
                    part.first_revision - 1 for part in self.parts if part.first_revision > reached.revision
                )
                yield _missing(
                    name, reached.revision + 1, min(newer.end.revision, *there, newer.end.revision)
                )

    def ranges(self) -> list[tuple[Point, Point]]:
        """From which moment to which it can be restored."""
        found: list[tuple[Point, Point]] = []
        for base in self.bases:
            end = self.reach(base)
            if found and base.end.revision <= found[-1][1].revision:
                begin, before = found[-1]
                found[-1] = (begin, max(before, end, key=lambda point: point.revision))
            else:
                found.append((base.end, end))
        return found


def _first(part: Part) -> int:
    return part.first_revision


def _last(part: Part) -> int:
    return part.end.revision


def _missing(history: str, first: int, last: int) -> str:
    held = f"revisions {first} to {last}" if last > first else f"revision {first}"
    return f"{history}: the journal of {held} is missing"


def read(folder: Path, blamed: Collection[str] = BROKEN) -> list[History]:
    """What lies in a backup, oldest history first; files are judged by their beginnings only. Raises
    EngineError, but for reasons that are `blamed` on the file.
    """
    return [_read(path, blamed) for path in places.histories(folder)]


def _read(path: Path, blamed: Collection[str]) -> History:
    history = History(path)
    for file in sorted(path.iterdir()):
        try:
            if file.suffix in {places.BASE_SUFFIX, places.JOURNAL_SUFFIX} and not places.is_ours(file):
                history.strays.append(file)
            elif file.suffix == places.BASE_SUFFIX:
                history.bases.append(_base(file))
            elif file.suffix == places.JOURNAL_SUFFIX:
                history.parts.append(read_part(file))
        except EngineError as error:
            if error.reason not in blamed:
                raise
            history.broken.append(Broken(file, error.message))
    return history


def base_hash(base: "Base", revision: int) -> bytes | None:
    """The hash of a revision, as a copy's own journal has it."""
    with LOOKING:
        return audit_journal(base.path, [revision])["hashes"].get(revision)


def _base(file: Path) -> Base:
    try:
        with LOOKING:
            head = store_head(file)
    except EngineError as error:
        if error.reason not in BROKEN:
            # Damage may pass for a store of another program.
            check_base(file)
        raise
    return Base(file, file.stat().st_size, Point(head["revision"], head["hash"], head["time_ms"]))


def read_part(file: Path) -> Part:
    """A part of the journal, judged by its beginning. Raises EngineError."""
    found = read_journal(file)
    end = Point(found["last_revision"], found["hash"], found["last_ms"])
    first, first_ms = found["first_revision"], found["first_ms"]
    return Part(file, file.stat().st_size, first, first_ms, found["before"], found["merges"], end)


@dataclass(frozen=True)
class Target:
    """How far to go: to whatever comes first; neither is all of it."""

    revision: int | None = None
    time_ms: int | None = None

    def takes(self, point: Point) -> bool:
        """Whether a moment is not too late."""
        return (self.revision is None or point.revision <= self.revision) and (
            self.time_ms is None or point.time_ms <= self.time_ms
        )


@dataclass(frozen=True)
class Plan:
    """What is restored: a copy, and the parts of the journal that lead on from it."""

    history: History
    base: Base
    parts: list[Part]
    end: Point

    @property
    def files(self) -> list[Path]:
        """All that is read."""
        return [self.base.path, *(part.path for part in self.parts)]


def plan(found: Iterable[History], target: Target) -> Plan | None:
    """The newest copy that is not too late, in the newest history that has one, and what leads on from it.

    A revision must be reached; the journal may end before a time.
    """
    for history in reversed(list(found)):
        for base in reversed(history.bases):
            if not target.takes(base.end):
                continue
            chain = history.chain(base)
            end = chain[-1].end if chain else base.end
            if target.revision is not None and end.revision < target.revision:
                continue
            needed = [part for part in chain if target.takes(part.begin)]
            return Plan(history, base, needed, end)
    return None
