"""`kasir restore`: a store made from a snapshot or a backup, in a new directory."""

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from clients.common.bad_input import BadInput
from clients.common.local_commands import EXIT_REFUSED, local_command, plain_failures
from clients.common.output import Output
from engine import Engine, EngineError
from engine.backup import store_head
from kasir.backup import catalogue, places, words
from kasir.backup.catalogue import UNUSABLE, Broken, History, Plan, Target
from kasir.backup.checking import broken_of
from kasir.backup.keeping import erasures_in
from kasir.backup.places import Erasure
from kasir.v1.customer_pb2 import EraseCustomerRequest, GetCustomerRequest, GetCustomerResponse

CUSTOMERS = "/kasir.v1.CustomerService"
# Who erases again what was erased
ACTOR = "restore"

Source = Annotated[
    Path,
    typer.Argument(
        exists=True, help="A backup's directory (kasir backup), or a snapshot (kasir admin snapshot)."
    ),
]
Into = Annotated[
    Path, typer.Option("--data", file_okay=False, help="Where the store shall stand: new or empty.")
]
EXAMPLES = [
    "kasir restore /mnt/backup/kasir --data restored",
    "kasir restore /mnt/backup/kasir --data restored --time 2026-11-27T17:00",
    "kasir restore /mnt/backup/kasir --data restored --revision 4310",
    "kasir restore data/snapshots/monday --data restored",
]

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


@local_command(app, "restore", EXAMPLES)
def restore(
    source: Source,
    data: Into,
    revision: Annotated[int | None, typer.Option(min=0, help="The store as it was at this revision.")] = None,
    time: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="As it was at this time: 2026-11-27T17:00, in the shop's zone, or with its own.",
        ),
    ] = "",
    history: Annotated[
        str, typer.Option(metavar="NAME", help="From this history of the backup (kasir backup list).")
    ] = "",
) -> None:
    """Make a store from a backup, as it was last or at a moment, or from a snapshot. Checksums, the journal's
    chain and every invariant are checked first. Ends with status 1, and leaves nothing, when something is
    damaged; says what can be restored then.
    """
    os.umask(0o077)
    output = Output(as_json=False)
    with plain_failures(output):
        try:
            if source.is_dir():
                _from_backup(output, source, data, revision, time, history)
                return
            if revision is not None or time or history:
                raise BadInput(
                    "A snapshot is of one moment: --revision, --time and --history are for backups."
                )
            made = Engine.restore(source, data)
        except EngineError as error:
            output.say(error.message, "red")
            raise typer.Exit(EXIT_REFUSED) from error
        typer.echo(
            f"{data}: the store as it was at revision {made['revision']}. Next: kasir serve --data {data}"
        )


def _from_backup(
    output: Output, folder: Path, data: Path, revision: int | None, time: str, name: str
) -> None:
    if not places.is_backup(folder):
        raise BadInput("There is no backup in {folder}.", folder=folder)
    if revision is not None and time:
        raise BadInput("Either --revision or --time.")
    erased = places.read_erased(folder)
    with places.reading(folder):
        found = [each for each in catalogue.read(folder, UNUSABLE) if name in {"", each.path.name}]
        if not found:
            raise BadInput("There is no history {name} in {folder}.", name=name, folder=folder)
        newest = next((base.path for each in reversed(found) for base in reversed(each.bases)), folder)
        zone = words.zone_of(newest)
        target = Target(revision, words.parse_moment(time, zone) if time else None)
        plan, reached = _Restoring(output, found, target, zone).into(data)
    if target.time_ms is not None and target.time_ms > plan.end.time_ms:
        output.say(f"The backup ends before that time, at {words.point(plan.end, zone)}.", "yellow")
    now = _erase_again(output, erased, data)
    output.say(
        "Who may call is in no backup of a store: for a server with --access, put its newest copy (kasir "
        f"access copy) into {data / 'access'} first."
    )
    went_on = (
        f", then opened to erase again, and what was due by now has ended: it is at revision {now}"
        if now > reached
        else ""
    )
    typer.echo(f"{data}: the store as it was at revision {reached}{went_on}. Next: kasir serve --data {data}")


def _erase_again(output: Output, erased: set[Erasure], data: Path) -> int:
    """Erases in a store of before what was erased since, as far as the rules let it; says what not. Gives the
    revision that the store is at then: where it was opened, what fell due since has ended as well.
    """
    missing = sorted(erased - erasures_in(data))
    if missing:
        with Engine.open(data) as engine:
            for said in filter(None, (_erased(engine, each) for each in missing)):
                output.say(said, "yellow")
    return store_head(data)["revision"]


def _erased(engine: Engine, erasure: Erasure) -> str:
    """Erases one customer; what there is to say of it."""
    asked = GetCustomerRequest(customer_id=erasure.customer_id)
    try:
        reply = engine.query(f"{CUSTOMERS}/GetCustomer", asked.SerializeToString())
    except EngineError as error:
        if error.reason != "CUSTOMER_NOT_FOUND":
            raise
        return ""
    customer = GetCustomerResponse.FromString(reply).customer
    made_ms = customer.create_time.ToMilliseconds()
    if made_ms != erasure.create_ms or customer.HasField("erase_time"):
        return ""
    request = EraseCustomerRequest(
        request_id=str(uuid.uuid4()), customer_id=customer.customer_id, version=customer.version
    )
    try:
        engine.submit_blocking(f"{CUSTOMERS}/EraseCustomer", request.SerializeToString(), ACTOR)
    except EngineError as error:
        how = f"kasir customer erase '#{customer.customer_id}'"
        return (
            f"Customer {customer.customer_id} was erased later, and is not here: {error.message} Then: {how}"
        )
    return f"Customer {customer.customer_id} was erased later, and is erased here too."


class _Restoring:
    """A way to a moment; another one where files turn out to be broken."""

    def __init__(self, output: Output, found: list[History], target: Target, zone: timedelta) -> None:
        self._output = output
        self._found = found
        self._target = target
        self._zone = zone

    def into(self, data: Path) -> tuple[Plan, int]:
        """Restores; what it was made of, and the revision that was reached. Raises typer.Exit."""
        while True:
            plan = catalogue.plan(self._found, self._target)
            lost = list(self._lost(plan))
            if plan is None or lost:
                self._give_up(lost)
            shown = f"restoring {plan.base.path.name} and {len(plan.parts)} segments"
            try:
                with self._output.beside.status(shown):
                    return plan, self._restore(plan, data)
            except EngineError as error:
                broken = broken_of(plan.files, UNUSABLE) if error.reason in UNUSABLE else []
                if not broken:
                    raise
                self._output.say(error.message, "yellow")
                self._leave_out(broken)

    def _restore(self, plan: Plan, data: Path) -> int:
        parts = [part.path for part in plan.parts]
        revision, time_ms = self._target.revision, self._target.time_ms
        return Engine.restore(plan.base.path, data, parts, revision=revision, time_ms=time_ms)["revision"]

    def _leave_out(self, broken: list[Broken]) -> None:
        paths = {each.path for each in broken}
        self._found = [each.without(paths) for each in self._found]
        for each in broken:
            next(history for history in self._found if history.path == each.path.parent).broken.append(each)

    def _lost(self, plan: Plan | None) -> Iterator[str]:
        """What is damaged between where the plan ends and what was asked for."""
        if plan is None:
            yield "The backup does not lead to that moment"
        if self._target.revision is not None and plan is not None:
            return
        for history in reversed(self._found):
            is_planned = plan is not None and history is plan.history
            end = plan.end.revision if plan is not None and is_planned else -1
            is_reached = is_planned and self._is_reached(plan)
            if not is_reached:
                yield from (str(each) for each in history.broken if places.revisions(each.path)[1] > end)
                if any(part.end.revision > end for part in history.parts):
                    yield from history.gaps()
            if is_planned:
                return

    def _is_reached(self, plan: Plan | None) -> bool:
        time_ms = self._target.time_ms
        return plan is not None and time_ms is not None and plan.end.time_ms > time_ms

    def _give_up(self, lost: list[str]) -> NoReturn:
        for each in lost:
            self._output.say(f"{each}.", "red")
        for history in self._found:
            for begin, end in history.ranges():
                first, last = words.point(begin, self._zone), words.point(end, self._zone)
                how = f"--history {history.path.name} --revision {end.revision}"
                self._output.say(f"Can be restored: {first} to {last} ({how}).")
        raise typer.Exit(EXIT_REFUSED)
