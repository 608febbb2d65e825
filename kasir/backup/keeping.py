"""What of a backup is kept."""

import time
from collections.abc import Callable
from pathlib import Path

from engine.backup import check_base
from kasir.backup import catalogue, places
from kasir.backup.catalogue import Base, History


def keep_only(folder: Path, history: History, keep_s: float | None, say: Callable[[str], None]) -> None:
    """Removes parts that a larger one holds, and what is older than the newest copy from before `keep_s`
    seconds. That copy, the newest one, and all that leads on from it stay; none is relied on unread.

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
    anchor = _anchor(found, min(time.time() * 1000, _newest_ms(history)) - keep_s * 1000)
    if anchor is None:
        return
    kept, base = anchor
    old = [each for each in found if each.path < kept.path]
    bases = [each for each in kept.bases if each.end.revision < base.end.revision]
    parts = [each for each in kept.parts if each.end.revision <= base.end.revision]
    if not (old or bases or parts):
        return
    check_base(base.path)
    for path in [*(base.path for base in bases), *(part.path for part in parts)]:
        path.unlink()
    kept.bases = [each for each in kept.bases if each not in bases]
    kept.parts = [each for each in kept.parts if each not in parts]
    for each in old:
        for file in each.path.iterdir():
            file.unlink()
        each.path.rmdir()
    places.sync(folder)
    count = len(bases) + len(parts) + len(old)
    say(f"What is older than {base.path.relative_to(folder)} was removed: {count} files and histories.")


def _newest_ms(history: History) -> int:
    """When the last thing happened: a clock that leaps ahead makes nothing old."""
    ends = [*(base.end for base in history.bases), *(part.end for part in history.parts)]
    return max((end.time_ms for end in ends), default=0)


def _anchor(found: list[History], before_ms: float) -> tuple[History, Base] | None:
    """The newest copy of the time before, if there is one."""
    for history in reversed(found):
        for base in reversed(history.bases):
            if base.end.time_ms <= before_ms:
                return history, base
    return None
