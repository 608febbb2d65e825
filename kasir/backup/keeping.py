"""What of a backup is kept."""

import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from engine import EngineError
from engine.backup import check_base, store_erasures
from kasir.backup import catalogue, places
from kasir.backup.catalogue import Base, History
from kasir.backup.places import Erasure


@dataclass(frozen=True)
class Keep:
    """How long things are kept; None: without end."""

    # Each moment, seconds
    keep_s: float | None = None
    # What is from before an erasure, since that, seconds
    erased_after_s: float | None = None


def erasures_in(store: Path) -> set[Erasure]:
    """Whose data were erased in a store or a copy of one. Raises EngineError."""
    with catalogue.LOOKING:
        return {Erasure(erased, number, made) for number, made, erased in store_erasures(store)}


def keep_only(
    folder: Path, history: History, keep: Keep, distrusted: set[Path], say: Callable[[str], None]
) -> None:
    """Removes parts that a larger one holds, and what is older than the newest copy from before so many
    seconds, or than the first one after an erasure whose time has come; then also what is broken and as old.
    That copy, the newest one, and all that leads on from it stay; none is relied on unread. One that turns
    out to be broken raises EngineError, and is `distrusted` from then on.

    `history` is the newest one, and is brought up to date.
    """
    needed = history.parts_needed()
    for part in history.parts:
        if part not in needed:
            part.path.unlink()
    history.parts = needed
    if keep == Keep():
        return
    found = [*catalogue.read(folder)[:-1], history]
    now_ms = min(time.time() * 1000, _newest_ms(history))
    anchors = []
    if keep.keep_s is not None:
        before_ms = now_ms - keep.keep_s * 1000
        _remove_broken(found, before_ms)
        anchors.append(_anchor(found, before_ms, distrusted))
    due = _due(folder, keep.erased_after_s)
    if due:
        anchors.append(_after(found, max(due), distrusted))
    those = [each for each in anchors if each is not None]
    if not those:
        return
    kept, base = max(those, key=lambda each: (each[0].path, each[1].end.revision))
    old = [each for each in found if each.path < kept.path]
    bases = [each for each in kept.bases if each.end.revision < base.end.revision]
    parts = [each for each in kept.parts if each.end.revision <= base.end.revision]
    unusable = _unusable(kept, base) if due else []
    if not (old or bases or parts or unusable):
        return
    try:
        check_base(base.path)
    except EngineError as error:
        if error.reason in catalogue.BROKEN:
            distrusted.add(base.path)
        raise
    for path in [*(base.path for base in bases), *(part.path for part in parts), *unusable]:
        path.unlink()
    kept.bases = [each for each in kept.bases if each not in bases]
    kept.parts = [each for each in kept.parts if each not in parts]
    for each in old:
        shutil.rmtree(each.path)
    places.sync(folder)
    count = len(bases) + len(parts) + len(unusable) + len(old)
    say(f"What is older than {base.path.relative_to(folder)} was removed: {count} files and histories.")


def _remove_broken(found: list[History], before_ms: float) -> None:
    """Removes what was set aside before a time."""
    for history in found:
        for file in history.path.glob(f"*{places.BROKEN_SUFFIX}"):
            if file.stat().st_mtime * 1000 < before_ms:
                file.unlink()


def _unusable(history: History, base: Base) -> list[Path]:
    """What is broken, set aside or not yet, and of no later than a copy."""
    aside = history.path.glob(f"*{places.BROKEN_SUFFIX}")
    named = {file: file.with_suffix("") for file in aside}
    named |= {each.path: each.path for each in history.broken if each.path.exists()}
    return [
        file
        for file, name in named.items()
        if places.is_ours(name) and places.revisions(name)[1] <= base.end.revision
    ]


def _newest_ms(history: History) -> int:
    """When the last thing happened: a clock that leaps ahead makes nothing old."""
    ends = [*(base.end for base in history.bases), *(part.end for part in history.parts)]
    return max((end.time_ms for end in ends), default=0)


def _due(folder: Path, erased_after_s: float | None) -> list[Erasure]:
    """The erasures whose time has come. Raises OSError when they cannot be read."""
    if erased_after_s is None:
        return []
    until_ms = (time.time() - erased_after_s) * 1000
    return [each for each in places.read_erased(folder) if each.erase_ms <= until_ms]


def _after(
    found: list[History], erasure: Erasure, distrusted: Collection[Path]
) -> tuple[History, Base] | None:
    """The first copy that an erasure stands in, if there is one that is not distrusted."""
    for history in found:
        for base in history.bases:
            late = base.end.time_ms >= erasure.erase_ms and base.path not in distrusted
            if late and erasure in erasures_in(base.path):
                return history, base
    return None


def _anchor(
    found: list[History], before_ms: float, distrusted: Collection[Path]
) -> tuple[History, Base] | None:
    """The newest copy of the time before, if there is one that is not distrusted."""
    for history in reversed(found):
        for base in reversed(history.bases):
            if base.end.time_ms <= before_ms and base.path not in distrusted:
                return history, base
    return None
