"""A backup tests itself: every file is read, and the newest moment is restored and verified."""

import shutil
import tempfile
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from engine import Engine, EngineError
from engine.backup import check_base, check_journal
from kasir.backup import catalogue, places
from kasir.backup.catalogue import BROKEN, Broken, History, Plan, Target
from kasir.backup.places import Checked


def broken_files(history: History) -> list[Broken]:
    """Reads every file of a history to its end. Raises EngineError when one cannot be read."""
    paths = [*(base.path for base in history.bases), *(part.path for part in history.parts)]
    return [*history.broken, *broken_of(paths)]


def broken_of(paths: Collection[Path], blamed: Collection[str] = BROKEN) -> list[Broken]:
    """Reads some files to their end. Raises EngineError, but for reasons that are `blamed` on the file."""
    return [Broken(path, words) for path in paths if (words := _broken(path, blamed))]


def _broken(path: Path, blamed: Collection[str]) -> str:
    try:
        if path.suffix == places.BASE_SUFFIX:
            check_base(path)
        else:
            check_journal(path, [])
    except EngineError as error:
        if error.reason not in blamed:
            raise
        return error.message
    return ""


def check(folder: Path, work: Path | None = None, *, replay: bool = False) -> Checked:
    """Reads every file, restores the newest moment to a directory in `work` (the backup's own, if none) and
    verifies it; with `replay` its whole journal plays in memory, too. What is found is kept in the backup.
    """
    begun = time.monotonic()
    last = places.read_checked(folder)
    checked = Checked(seen=last.seen if last else {})
    with places.reading(folder):
        try:
            _check(folder, work or folder, checked, replay=replay)
        except EngineError as error:
            checked.problems.append(f"it could not be done: {error.message}")
    checked.seconds = round(time.monotonic() - begun, 3)
    checked.time = datetime.now(UTC).isoformat()
    try:
        places.write_checked(folder, checked)
    except OSError as error:
        checked.notes.append(f"what was found is not kept in the backup: {error}")
    return checked


def _check(folder: Path, work: Path, checked: Checked, *, replay: bool) -> None:
    found = catalogue.read(folder)
    for stray in (path for history in found for path in history.strays):
        checked.notes.append(f"{stray.relative_to(folder)} is no file of a backup, and was passed by")
    _check_files(folder, found, checked)
    _check_reach(found, checked)
    plan = catalogue.plan(found, Target())
    if plan is None:
        checked.problems.append("there is nothing that could be restored")
    else:
        checked.history, checked.base = plan.history.path.name, plan.base.path.name
        _check_restored(plan, work, checked, replay=replay)


def _check_files(folder: Path, found: list[History], checked: Checked) -> None:
    for history in found:
        broken = broken_files(history)
        checked.broken += [str(each.path.relative_to(folder)) for each in broken]
        checked.problems += [str(each) for each in broken]
        checked.problems += history.without([each.path for each in broken]).gaps()


def _check_reach(found: list[History], checked: Checked) -> None:
    """What a check ever found must be there: nothing else tells of a last file that is gone. Histories older
    than all that are there were removed by intent.
    """
    reached = {each.path.name: _reach(each) for each in found}
    oldest = min(reached, default="")
    seen = {name: revision for name, revision in checked.seen.items() if name >= oldest}
    for name, revision in sorted(seen.items()):
        if (now := reached.get(name, 0)) < revision:
            checked.problems.append(
                f"{name}: revisions {now + 1} to {revision} are missing; an earlier check found them"
            )
    checked.seen = {name: max(seen.get(name, 0), reached.get(name, 0)) for name in {*seen, *reached}}


def _reach(history: History) -> int:
    return max((history.reach(base).revision for base in history.bases), default=0)


def _check_restored(plan: Plan, work: Path, checked: Checked, *, replay: bool) -> None:
    try:
        place = Path(tempfile.mkdtemp(prefix=places.CHECKING, dir=work))
    except OSError as error:
        checked.problems.append(f"nothing can be restored to {work} (see --work): {error}")
        return
    try:
        store = place / "store"
        parts = [part.path for part in plan.parts]
        made = Engine.restore(plan.base.path, store, parts)
        checked.revision = made["revision"]
        if replay:
            with Engine.open(store) as engine:
                checked.problems += engine.verify(replay=True)["violations"]
    except EngineError as error:
        if not any(error.message in problem for problem in checked.problems):
            checked.problems.append(error.message)
    finally:
        shutil.rmtree(place, ignore_errors=True)
