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
from kasir.backup.catalogue import Broken, History, Plan, Target
from kasir.backup.places import Checked


def broken_files(history: History) -> list[Broken]:
    """Reads every file of a history to its end."""
    paths = [*(base.path for base in history.bases), *(part.path for part in history.parts)]
    return [*history.broken, *broken_of(paths)]


def broken_of(paths: Collection[Path]) -> list[Broken]:
    """Reads some files to their end."""
    return [Broken(path, words) for path in paths if (words := _broken(path))]


def _broken(path: Path) -> str:
    try:
        if path.suffix == places.BASE_SUFFIX:
            check_base(path)
        else:
            check_journal(path, [])
    except EngineError as error:
        return error.message
    return ""


def check(folder: Path, work: Path | None = None, *, replay: bool = False) -> Checked:
    """Reads every file, restores the newest moment to a directory in `work` (the backup's own, if none) and
    verifies it; with `replay` its whole journal plays in memory, too. What is found is kept in the backup.
    """
    begun = time.monotonic()
    checked = Checked()
    with places.reading(folder):
        found = catalogue.read(folder)
        _check_files(folder, found, checked)
        _check_reach(folder, found, checked)
        plan = catalogue.plan(found, Target())
        if plan is None:
            checked.problems.append("there is nothing that could be restored")
        else:
            checked.history, checked.base = plan.history.path.name, plan.base.path.name
            _check_restored(plan, work or folder, checked, replay=replay)
    checked.seconds = round(time.monotonic() - begun, 3)
    checked.time = datetime.now(UTC).isoformat()
    places.write_checked(folder, checked)
    return checked


def _check_files(folder: Path, found: list[History], checked: Checked) -> None:
    for history in found:
        broken = broken_files(history)
        checked.broken += [str(each.path.relative_to(folder)) for each in broken]
        checked.problems += [str(each) for each in broken]
        checked.problems += history.without([each.path for each in broken]).gaps()


def _check_reach(folder: Path, found: list[History], checked: Checked) -> None:
    """What was there at the last check must be there: nothing else tells of a last file that is gone."""
    last = places.read_checked(folder)
    if last is None or not last.revision:
        return
    history = next((each for each in found if each.path.name == last.history), None)
    reached = max((history.reach(base).revision for base in history.bases), default=0) if history else None
    if reached is not None and reached < last.revision:
        checked.problems.append(
            f"{last.history}: revisions {reached + 1} to {last.revision} are missing; "
            f"they were there at the check of {last.time}"
        )


def _check_restored(plan: Plan, work: Path, checked: Checked, *, replay: bool) -> None:
    place = Path(tempfile.mkdtemp(prefix=places.CHECKING, dir=work))
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
