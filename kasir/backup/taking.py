"""Taking a backup: a copy of the store, then what its journal has since, again and again."""

import errno
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from engine import EngineError
from engine.backup import (
    Head,
    check_journal,
    merge_journal,
    store_head,
    write_base,
    write_journal,
)
from kasir.backup import catalogue, places
from kasir.backup.catalogue import Base, History, Part, Point
from kasir.backup.keeping import Keep, erasures_in, keep_only

if TYPE_CHECKING:
    from kasir.audit.heads import Signer

# A part of the journal holds no more than a record beyond this.
PART_BYTES = 64 << 20
# A new copy is taken when the journal since the last one is larger than that, or than this.
OUTGROWN_BYTES = 64 << 20
# So many parts of the same kind are made one, unless it were larger than this; so often at once.
MERGED_PARTS = 60
MERGED_BYTES = 256 << 20
MERGES_MAX = 10

# Until a copy that failed is tried again, seconds
COPY_AGAIN_S = 600.0
# How far a copy is is shown so often, seconds
SHOWN_S = 0.1
# A copy that is given up is waited for so long, seconds
STOP_MAX_S = 5.0

Say = Callable[[str], None]
# Takes a copy of the store: from where, to where, and how many bytes it may come to
CopyBase = Callable[[Path, Path, int], None]


def copy_base(store: Path, path: Path, bytes_most: int) -> None:  # noqa: ARG001 (for those that show it)
    """Takes a copy of the store, without showing how far it is."""
    Copying(store, path).wait()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _copy_in_child(store: Path, path: Path, told: Connection) -> None:
    # Whoever stops the backup stops it, too; and who comes next writes where it would.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        write_base(store, path)
    except EngineError as error:
        told.send(error)
        sys.exit(1)


class Copying:
    """A copy of the store that a process of its own takes: LMDB lets one process look at a store once at a
    time, and the journal must not wait. When the store is opened anew meanwhile, LMDB may end that process.
    """

    def __init__(self, store: Path, path: Path) -> None:
        """Begins it."""
        self.path = path
        spawn = multiprocessing.get_context("spawn")
        self._told, told = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=_copy_in_child, args=(store, path, told), daemon=True)
        self._process.start()
        told.close()

    def wait(self, show: Callable[[], None] = lambda: None) -> None:
        """Waits until it has ended, and lets how far it is be shown. Raises what `take` raises."""
        try:
            while not self.is_done:
                self._process.join(SHOWN_S)
                show()
        except BaseException:
            self.stop()
            raise
        self.take()

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self._process.exitcode is not None

    def take(self) -> None:
        """Says that it has ended well. Raises EngineError, or OSError when something ended it."""
        if self._process.exitcode == 0:
            return
        with suppress(EOFError):
            raise self._told.recv()
        raise OSError("what copied the store was ended before it had done; see the system's log")

    def stop(self) -> None:
        """Gives it up; one that hangs with the backup's place ends when that does."""
        self._process.kill()
        self._process.join(STOP_MAX_S)


@dataclass(frozen=True)
class Wanted:
    """How a backup is taken."""

    # A copy now, whatever there is
    base: bool = False
    # A copy is taken when the newest is so old, and something has happened since; seconds
    base_every_s: float = 7 * 24 * 3600.0
    # What is older than the newest copy before so many seconds is removed; None keeps all
    keep_s: float | None = None
    # So is what is from before an erasure that is so old, seconds; None: no sooner than the rest
    erased_after_s: float | None = None


def _may_be_one(part: Part, following: Part, erased_ms: list[int]) -> bool:
    """Whether two parts may go into a larger one: what is from before an erasure has the key, and is to go
    without what came after. `erased_ms` are the times of erasures in their order.
    """
    later = bisect_left(erased_ms, part.end.time_ms)
    is_parted = later < len(erased_ms) and erased_ms[later] <= following.end.time_ms
    return part.merges == following.merges and part.end.hash == following.before and not is_parted


class Taker:
    """Keeps a backup of one store up to date. For the one program that writes it."""

    def __init__(
        self,
        store: Path,
        folder: Path,
        wanted: Wanted,
        say: Say,
        *,
        signer: "Signer | None" = None,
        copy: CopyBase = copy_base,
        copy_beside: bool = False,
    ) -> None:
        """Looks at what is there. With `copy_beside` the journal goes on while a copy is taken, but for the
        first.
        """
        self.store = store
        self.folder = folder
        self.wanted = wanted
        self.say = say
        self.signer = signer
        self.copy = copy
        self.copy_beside = copy_beside
        self.fresh_base: Base | None = None
        self._base_now = wanted.base
        found = catalogue.read(folder)
        self.history: History | None = found[-1] if found else None
        # Where the journal in the backup ends, once it was compared with the store.
        self.end: Point | None = None
        # What the backup has as the hash of a revision; of the journal that ends there
        self._known: tuple[Point | None, int, bytes | None] = (None, -1, None)
        # Where the journal ended when it was looked for erasures last
        self._erasures_of: Point | None = None
        self._copying: Copying | None = None
        # After a copy that failed
        self._no_copy_before = 0.0
        self._must_look_anew = False
        # Copies that were read and are broken, until it looks anew
        self._distrusted: set[Path] = set()

    def step(self) -> None:
        """Takes what is new. Raises EngineError when the store cannot be read, OSError when the backup cannot
        be written; trying again is always right.
        """
        try:
            head = store_head(self.store)
        except EngineError:
            # The server died: once it has opened the store again the copy would count for nothing.
            if self._copying is not None:
                self.give_up_copy()
                self._copy_failed()
            raise
        if self._must_look_anew:
            self._look_anew()
        if self.history is None or not self.history.bases:
            self._begin(head)
        self.end = self.end or self._resume(head)
        if not self._same_history(head):
            self._begin_anew(head, "the store's history is another one than the backup's")
        elif head["revision"] > self.end.revision:
            self._take_journal(head)
        self._note_erasures()
        if self._copying is not None:
            self._look_at_copy(self._copying)
        elif self._is_base_due(head):
            self._take_base(head)
            # The copy may be a little newer than the journal beside it.
            self._take_journal(store_head(self.store))
        places.looked(self.folder)

    def _note_erasures(self) -> None:
        """Notes whose data were erased since it looked last. A copy is due then."""
        assert self.end is not None
        assert self.history is not None
        if self._erasures_of == self.end:
            return
        found, known = erasures_in(self.store), places.read_erased(self.folder)
        if not found <= known:
            places.write_erased(self.folder, found | known)
        newest = max(found, default=None)
        if newest and newest.erase_ms >= self.history.bases[-1].end.time_ms:
            self._base_now = self._base_now or newest not in erasures_in(self.history.bases[-1].path)
        self._erasures_of = self.end

    def sign(self) -> None:
        """Signs where the journal in the backup ends. Raises OSError when the heads' place is away."""
        if self.signer and self.end and self.signer.last != self.end.hash:
            self.signer.sign(self.end.revision, self.end.hash, self.end.time_ms)

    def tidy(self) -> None:
        """Removes what is not to be kept, which makes room, then makes one of many small parts. Raises
        EngineError when a copy that is relied on is broken, OSError when something cannot be removed.
        """
        if self._must_look_anew or self._is_any_gone():
            self._look_anew()
        try:
            self._remove_and_merge()
        except OSError:
            self.look_anew()
            raise

    def _remove_and_merge(self) -> None:
        try:
            self._remove()
        finally:
            if self._merge_some():
                self._remove()

    def _is_any_gone(self) -> bool:
        """Whether somebody else removed files."""
        if self.history is None:
            return False
        files = [*(base.path for base in self.history.bases), *(part.path for part in self.history.parts)]
        return not all(file.exists() for file in files)

    def _remove(self) -> None:
        """Removes what is not to be kept; not while somebody reads."""
        if self.history is None:
            return
        with places.removing(self.folder) as may:
            if may:
                places.clear_checks(self.folder)
                keep = Keep(self.wanted.keep_s, self.wanted.erased_after_s)
                keep_only(self.folder, self.history, keep, self._distrusted, self.say)

    def set_aside(self, broken: Iterable[Path]) -> None:
        """Puts files that cannot be used out of the way; what they held is taken from the store again, if it
        still has it.
        """
        here = self.history.path if self.history else None
        mine = [path for path in broken if path.parent == here and path.exists()]
        for path in mine:
            places.stamp(path)
            path.rename(path.with_name(f"{path.name}{places.BROKEN_SUFFIX}"))
            self.say(f"{path.relative_to(self.folder)} is broken, and was set aside.")
        if mine:
            self.look_anew()

    def look_anew(self) -> None:
        """Has the next step read what is in the backup: what is missing there is taken again, if the store
        still has it.
        """
        self._must_look_anew = True

    def _look_anew(self) -> None:
        found = catalogue.read(self.folder)
        if not (self.folder / places.LOCK).exists() or (self.history and not found):
            raise FileNotFoundError(errno.ENOENT, "the backup is not there any more", str(self.folder))
        self.history = found[-1] if found else None
        self.end = None
        self._must_look_anew = False
        self._distrusted.clear()

    # --- The journal ---

    def _resume(self, head: Head) -> Point:
        """Where to go on: at the earliest place after which something is missing that the store still has."""
        assert self.history is not None
        ends = sorted({self.history.reach(base) for base in self.history.bases}, key=lambda end: end.revision)
        return next((end for end in ends if head["first_revision"] <= end.revision + 1), ends[-1])

    def _same_history(self, head: Head) -> bool:
        """Whether the store is one that the backup's journal leads to, or leads beyond."""
        assert self.end is not None
        if head["revision"] > self.end.revision:
            return True  # the next part says so, or does not follow
        if self._known[:2] != (self.end, head["revision"]):
            self._known = self.end, head["revision"], self._hash_at(head["revision"])
        ours = self._known[2]
        if ours == head["hash"] and head["revision"] < self.end.revision:
            self.say(
                f"The store is at revision {head['revision']}, behind the backup's {self.end.revision}: it "
                "was restored to an earlier moment. What comes next begins another history in the backup."
            )
        return ours == head["hash"]

    def _hash_at(self, revision: int) -> bytes | None:
        assert self.history is not None
        assert self.end is not None
        if revision == self.end.revision:
            return self.end.hash
        for part in reversed(self.history.parts):
            if part.first_revision - 1 <= revision <= part.end.revision:
                return check_journal(part.path, [revision])["hashes"].get(revision)
        for base in self.history.bases:
            if revision <= base.end.revision:
                return catalogue.base_hash(base, revision)
        return None

    def _take_journal(self, head: Head) -> None:
        assert self.history is not None
        assert self.end is not None
        if head["first_revision"] > self.end.revision + 1:
            gone = f"{self.end.revision + 1} to {head['first_revision'] - 1}"
            self._begin_anew(head, f"the store trimmed revisions {gone} of its journal")
            return
        while self.end.revision < head["revision"]:
            try:
                made = write_journal(
                    self.store, self.history.path, self.end.revision, self.end.hash, PART_BYTES
                )
            except EngineError as error:
                if error.reason != "STORE_DIFFERS":
                    raise
                self._begin_anew(head, "the store's history is another one than the backup's")
                return
            if made is None:
                return
            end = Point(made["last_revision"], made["hash"], made["last_ms"])
            path = self.history.path / made["name"]
            first, first_ms = made["first_revision"], made["first_ms"]
            self.history.parts.append(
                Part(path, path.stat().st_size, first, first_ms, made["before"], made["merges"], end)
            )
            self.end = end

    def _merge_some(self) -> bool:
        """Makes one part of many, some times; whether it did."""
        done = 0
        while done < MERGES_MAX and self._merge():
            done += 1
        return done > 0

    def _merge(self) -> bool:
        """Makes one part of many, if there are so many and all that they tell of erasures is noted."""
        if self.history is None or self.end is None or self._erasures_of != self.end:
            return False
        erased_ms = sorted(each.erase_ms for each in places.read_erased(self.folder))
        run: list[Part] = []
        for part in sorted(self.history.parts_needed(), key=lambda part: part.first_revision):
            if run and not _may_be_one(run[-1], part, erased_ms):
                run = []
            run.append(part)
            if len(run) == MERGED_PARTS:
                if sum(each.size for each in run) <= MERGED_BYTES:
                    made = merge_journal([each.path for each in run], self.history.path)
                    self.history.parts.append(catalogue.read_part(self.history.path / made["name"]))
                    return True
                run = []
        return False

    # --- Copies ---

    def _is_base_due(self, head: Head) -> bool:
        assert self.history is not None
        newest = self.history.bases[-1]
        if time.monotonic() < self._no_copy_before:
            return False
        if self._base_now:
            return True
        if head["revision"] == newest.end.revision:
            return False
        since = sum(part.size for part in self.history.parts if part.end.revision > newest.end.revision)
        age_s = time.time() - newest.path.stat().st_mtime
        is_old = places.is_older(age_s, self.wanted.base_every_s)
        return since > max(newest.size, OUTGROWN_BYTES) or is_old

    def _take_base(self, head: Head) -> None:
        """Takes a copy. One that failed is not tried again for some minutes: each reads all of the store."""
        if time.monotonic() < self._no_copy_before:
            raise OSError(
                "The backup begins with a copy of the whole store, which failed; it is tried again."
            )
        try:
            self._remove()
        except (EngineError, OSError) as error:
            self.say(f"Nothing was removed: {error}")
        try:
            self._try_base(head)
        except (EngineError, OSError):
            self._copy_failed()
            raise

    def _copy_failed(self) -> None:
        self._no_copy_before = time.monotonic() + COPY_AGAIN_S
        self._base_now = True

    def _try_base(self, head: Head) -> None:
        assert self.history is not None
        self._base_now = False
        if any(base.end.revision == head["revision"] for base in self.history.bases):
            self.say(f"There is a copy at revision {head['revision']} already.")
            return
        draft = self.history.path / f"new{places.BASE_SUFFIX}{places.PART_SUFFIX}"
        draft.unlink(missing_ok=True)
        if (free := shutil.disk_usage(self.folder).free) < head["used_bytes"]:
            needed = (
                f"{free >> 20:,} MiB are free, a copy of the store needs up to {head['used_bytes'] >> 20:,}"
            )
            raise OSError(errno.ENOSPC, needed, str(self.folder))
        if self.copy_beside and self.history.bases:
            self._copying = Copying(self.store, draft)
            return
        try:
            self.copy(self.store, draft, head["used_bytes"])
        except (EngineError, OSError):
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        self._add_base(draft)

    def give_up_copy(self) -> None:
        """Stops what copies beside, if anything does."""
        if self._copying is not None:
            self._copying.stop()
            self._copying = None

    def _look_at_copy(self, copying: Copying) -> None:
        assert self.history is not None
        if not copying.is_done:
            return
        self._copying = None
        try:
            copying.take()
        except (EngineError, OSError) as error:
            self._copy_failed()
            with suppress(OSError):
                copying.path.unlink(missing_ok=True)
            why = error.message if isinstance(error, EngineError) else error
            self.say(f"The copy of the whole store was not taken; it is tried again later: {why}")
            return
        if copying.path.parent == self.history.path:
            self._add_base(copying.path)
        else:  # the history that it belongs to has ended meanwhile
            copying.path.unlink()

    def _add_base(self, draft: Path) -> None:
        assert self.history is not None
        made = store_head(draft)
        path = places.base_path(self.history.path, made["revision"])
        places.stamp(draft)
        draft.rename(path)
        places.sync(self.history.path)
        base = Base(path, path.stat().st_size, Point(made["revision"], made["hash"], made["time_ms"]))
        self.history.bases.append(base)
        self.fresh_base = base
        self.say(
            f"{path.relative_to(self.folder)}: a copy of the whole store at revision {base.end.revision}."
        )

    def _begin(self, head: Head) -> None:
        path = self.history.path if self.history else places.next_history(self.folder)
        places.make(path)
        self.history = History(path)
        self._take_base(head)
        self.end = self.history.bases[-1].end

    def _begin_anew(self, head: Head, why: str) -> None:
        self.say(f"A gap: {why}. A new copy of the whole store is taken.")
        self.history = None
        self._begin(head)
