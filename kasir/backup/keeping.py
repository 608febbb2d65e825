"""What of a backup is kept."""

import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

from engine import EngineError
from engine.backup import check_base
from kasir.backup import catalogue, places
from kasir.backup.catalogue import Base, History


def keep_only(
    folder: Path, history: History, keep_s: float | None, distrusted: set[Path], say: Callable[[str], None]
) -> None:
    """Removes parts that a larger one holds, and what is older than the newest copy from before `keep_s`
    seconds. That copy, the newest one, and all that leads on from it stay; none is relied on unread. One that
    turns out to be broken raises EngineError, and is `distrusted` from then on.

    `history` is the newest one, and is brought up to date.
    """
    needed = history.parts_needed()
    for part in history.parts:
        if part not in needed:
            part.path.unlink()
    history.parts = needed
    if keep_s is None:
        return
    found = [*catalogue.read(folder)[:-1], history]
    before_ms = min(time.time() * 1000, _newest_ms(history)) - keep_s * 1000
    _remove_broken(found, before_ms)
    anchor = _anchor(found, before_ms, distrusted)
    if anchor is None:
        return
    kept, base = anchor
    old = [each for each in found if each.path < kept.path]
    bases = [each for each in kept.bases if each.end.revision < base.end.revision]
    parts = [each for each in kept.parts if each.end.revision <= base.end.revision]
    if not (old or bases or parts):
        return
    try:
        check_base(base.path)
    except EngineError as error:
        if error.reason in catalogue.BROKEN:
            distrusted.add(base.path)
        raise
    for path in [*(base.path for base in bases), *(part.path for part in parts)]:
        path.unlink()
    kept.bases = [each for each in kept.bases if each not in bases]
    kept.parts = [each for each in kept.parts if each not in parts]
    for each in old:
        shutil.rmtree(each.path)
    places.sync(folder)
    count = len(bases) + len(parts) + len(old)
    say(f"What is older than {base.path.relative_to(folder)} was removed: {count} files and histories.")


def _remove_broken(found: list[History], before_ms: float) -> None:
    """Removes what was set aside before a time."""
    for history in found:
        for file in history.path.glob(f"*{places.BROKEN_SUFFIX}"):
            if file.stat().st_mtime * 1000 < before_ms:
                file.unlink()


def _newest_ms(history: History) -> int:
    """When the last thing happened: a clock that leaps ahead makes nothing old."""
    ends = [*(base.end for base in history.bases), *(part.end for part in history.parts)]
    return max((end.time_ms for end in ends), default=0)


def _anchor(
    found: list[History], before_ms: float, distrusted: Collection[Path]
) -> tuple[History, Base] | None:
    """The newest copy of the time before, if there is one that is not distrusted."""
    for history in reversed(found):
        for base in reversed(history.bases):
            if base.end.time_ms <= before_ms and base.path not in distrusted:
                return history, base
    return None
