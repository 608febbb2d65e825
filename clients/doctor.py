"""What is wrong, in plain words: `kasir doctor`.

Each check looks at one thing, at the server or on this machine, and says what it found and what to do. None
of them changes anything.
"""

import importlib.metadata
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import RenderableType

from clients.admin import about, clock_words
from clients.common.output import state_words, table
from clients.common.plain_words import by_number, sentence
from clients.common.problems import CallFailed
from clients.common.shop import PAGE_SIZE_MAX, Shop
from kasir.backup import places
from kasir.v1.admin_pb2 import GetStatusRequest, GetStatusResponse
from kasir.v1.booking_pb2 import (
    ORDER_STATE_BOOKED,
    ORDER_STATE_PARTLY_PAID,
    ListBookingsRequest,
    ListBookingsResponse,
)
from kasir.v1.customer_pb2 import (
    MESSAGE_STATE_QUEUED,
    MESSAGE_STATE_UNKNOWN,
    ListMessagesRequest,
    ListMessagesResponse,
)
from kasir.v1.hardware_pb2 import (
    DEVICE_STATE_READY,
    DeviceState,
    ListDevicesRequest,
    ListDevicesResponse,
)
from kasir.v1.print_pb2 import (
    PRINT_JOB_STATE_QUEUED,
    PRINT_JOB_STATE_UNKNOWN,
    ListPrintJobsRequest,
    ListPrintJobsResponse,
)
from kasir.v1.reconciliation_pb2 import (
    MUTATION_STATE_POSTED,
    MUTATION_STATE_PROPOSED,
    ListMutationsRequest,
    ListMutationsResponse,
    MutationState,
)
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_REQUESTED,
    AIRWAY_BILL_STATE_UNKNOWN,
    ListParcelsRequest,
    ListParcelsResponse,
)

# Clocks further apart than this make deadlines and receipts wrong.
CLOCK_MAX = timedelta(seconds=30)
# What waits for an agent so long waits for one that is not there.
AGENT_MAX = timedelta(minutes=5)
# Money that nobody has looked at.
MONEY_MAX = timedelta(days=2)
# A deadline that passed so long ago should have ended its order.
EXPIRY_MAX = timedelta(minutes=1)
SNAPSHOT_MAX = timedelta(days=1, hours=6)
# Certificates are renewed with a month left; one that ends so soon was not.
CERTIFICATE_MIN = timedelta(days=14)
# Of the store's map; beyond, it doubles soon, and needs the room.
MAP_PERCENT = 80
QUEUE_MAX = 1_000
DISK_MIN_BYTES = 2 * 1024**3
GIBIBYTE = 1024**3
# So many of a long list are looked at.
LOOKED_AT = 5 * PAGE_SIZE_MAX


class Health(StrEnum):
    """How a thing is."""

    WELL = "well"
    LOOK = "look at it"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    health: Health
    words: str


def well(name: str, words: str) -> Finding:
    """Nothing to do."""
    return Finding(name, Health.WELL, words)


def look(name: str, words: str) -> Finding:
    """Somebody should look."""
    return Finding(name, Health.LOOK, words)


def wrong(name: str, words: str) -> Finding:
    """Something does not work."""
    return Finding(name, Health.WRONG, words)


def findings(shop: Shop, data: Path | None = None, backup: Path | None = None) -> Iterator[Finding]:
    """Everything that is looked at, the server first."""
    yield from this_machine(shop)
    if data is not None:
        yield from server_machine(data, has_backup=backup is not None)
    if backup is not None:
        yield from backup_place(backup)
    began = time.monotonic()
    try:
        status = shop.call(GetStatusRequest(), GetStatusResponse)
    except CallFailed as failed:
        server_name = shop.client.connection.server
        if failed.retriable:
            words = f"{server_name} does not answer: start it with kasir serve, or name another with --server"
        else:
            words = f"{server_name} refuses: {failed.message}"
        yield wrong("Server", words)
        return
    took_ms = (time.monotonic() - began) * 1000
    yield from server(shop, status, took_ms)
    # Each asks when its turn comes.
    checks = {
        "Deadlines": deadlines(shop, status.log_time),
        "Devices": devices(shop),
        "Print jobs": papers(shop),
        "Messages": messages(shop),
        "Airway bills": airway_bills(shop),
        "Bank": money(shop),
    }
    for name, check in checks.items():
        try:
            yield from check
        except CallFailed as failed:
            yield look(name, f"not looked at: {_why_not(failed)}")


def _why_not(failed: CallFailed) -> str:
    if failed.reason == "ROLE_MISSING":
        return "your role may not; ask somebody whose role may to run this, an owner or a manager"
    return sentence(failed, by_number)


# --- The server ---


def server(shop: Shop, status: GetStatusResponse, took_ms: float) -> Iterator[Finding]:
    """How it answers, its clock, its store."""
    connection = shop.client.connection
    own = importlib.metadata.version("kasir")
    if status.version == own:
        yield well("Server", f"{connection.server} answers in {took_ms:.0f} ms, version {status.version}")
    else:
        yield look("Server", f"it has version {status.version}, this machine {own}: bring both to the newer")
    apart = datetime.now(UTC) - status.log_time.ToDatetime(UTC)
    if status.log_time.seconds and apart < -CLOCK_MAX:
        yield wrong(
            "Clock",
            f"the server's is {about(-apart)} ahead of this machine's: have both ask a time server (NTP)",
        )
    step = status.clock_step.ToTimedelta()
    if step:
        # A start believes no clock that is behind: stamps never go back.
        way_out = "restart the server" if step > timedelta() else "the shop once ran ahead: see ADR 26"
        yield wrong("Server's clock", f"it is {clock_words(step)}; where it is right, {way_out}")
    if status.queue_length > QUEUE_MAX:
        yield wrong("Queue", f"{status.queue_length} commands wait: the disk or the processor is too slow")
    yield from certificate(status)
    if status.lost_traces:
        yield look(
            "Traces",
            f"{status.lost_traces} were lost since the server's start: their collector (serve --traces) is "
            "away or too slow",
        )
    used = 100 * status.used_bytes / max(1, status.map_bytes)
    words = f"{used:.0f} % of its map is used"
    if used >= MAP_PERCENT:
        yield look("Store", f"{words}: it doubles by itself; see that the disk has room")
    else:
        yield well("Store", f"{words}, revision {status.revision}")


def certificate(status: GetStatusResponse) -> Iterator[Finding]:
    """Whether the server's certificate lasts."""
    if not status.HasField("certificate_expire_time"):
        return
    left = status.certificate_expire_time.ToDatetime(UTC) - datetime.now(UTC)
    if left < CERTIFICATE_MIN:
        yield wrong(
            "Certificate",
            f"the server's ends in {_days(left)}, and then nobody can call: it should have been renewed; the "
            "server's log says why it was not",
        )
    else:
        yield well("Certificate", f"the server's lasts {_days(left)} more")


def deadlines(shop: Shop, log_time: Timestamp) -> Iterator[Finding]:
    """Orders that should have expired by the server's own time, and those that should have by ours alone."""
    waiting = (
        order
        for state in (ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID)
        for order in islice(
            shop.each(ListBookingsRequest(state=state), ListBookingsResponse, "orders"), LOOKED_AT
        )
    )
    late = [each for each in waiting if _age(each.expire_time) > EXPIRY_MAX]
    if not late:
        yield well("Deadlines", "none has passed that was not heeded")
        return
    server_time = log_time.ToDatetime(UTC)
    unheeded = [each for each in late if server_time - each.expire_time.ToDatetime(UTC) > EXPIRY_MAX]
    first = min(unheeded or late, key=lambda order: order.expire_time.ToMilliseconds())
    count = len(unheeded or late)
    words = f"order {first.order_id} for {about(_age(first.expire_time))}"
    if unheeded:
        yield wrong(
            "Deadlines",
            f"{count} orders are past their deadline and still hold stock, {words}: the server's writer "
            "hangs; look into its log",
        )
    else:
        yield look(
            "Deadlines",
            f"{count} orders are past their deadline by this machine's clock, {words}, and not yet by the "
            "server's: have both ask a time server (NTP); if both are right, look into the server's log",
        )


# --- Agents ---


def devices(shop: Shop) -> Iterator[Finding]:
    """Printers, scanners and the like that their agents tell of."""
    found = list(shop.each(ListDevicesRequest(), ListDevicesResponse, "devices"))
    ill = [device for device in found if device.state != DEVICE_STATE_READY]
    for device in ill:
        words = state_words(DeviceState, device.state, "DEVICE_STATE")
        detail = f" ({device.detail})" if device.detail else ""
        waiting = f", {device.waiting_jobs} jobs wait for it" if device.waiting_jobs else ""
        yield wrong(f"{device.agent}: {device.name}", f"{words}{detail}{waiting}")
    low = [f"{device.agent}: {device.name}" for device in found if device.paper_low]
    if low:
        yield look("Paper", f"runs out at {', '.join(low)}")
    if found and not ill:
        yield well("Devices", f"all {len(found)} are ready")
    elif not found:
        yield look("Devices", "no agent tells of any: kasir hardware run")


def papers(shop: Shop) -> Iterator[Finding]:
    """Print jobs that wait, or that nobody knows the end of."""

    def jobs(state: Any) -> Iterable[Any]:
        return shop.each(ListPrintJobsRequest(state=state), ListPrintJobsResponse, "jobs")

    yield from _waiting(
        "Print jobs",
        jobs(PRINT_JOB_STATE_QUEUED),
        "no printer takes them: kasir print jobs, kasir hardware devices",
    )
    yield from _open_questions(
        "Print jobs", jobs(PRINT_JOB_STATE_UNKNOWN), "look at the paper, then kasir print settle"
    )


def messages(shop: Shop) -> Iterator[Finding]:
    """Messages to customers likewise."""

    def told(state: Any) -> Iterable[Any]:
        return shop.each(ListMessagesRequest(state=state), ListMessagesResponse, "messages")

    yield from _waiting("Messages", told(MESSAGE_STATE_QUEUED), "no agent sends them: kasir messages agent")
    yield from _open_questions("Messages", told(MESSAGE_STATE_UNKNOWN), "kasir messages questions")


def airway_bills(shop: Shop) -> Iterator[Finding]:
    """Parcels that wait for a number likewise."""

    def parcels(state: Any) -> Iterable[Any]:
        return shop.each(ListParcelsRequest(airway_bill_state=state), ListParcelsResponse, "parcels")

    yield from _waiting(
        "Airway bills", parcels(AIRWAY_BILL_STATE_REQUESTED), "no agent asks the courier: kasir courier agent"
    )
    yield from _open_questions("Airway bills", parcels(AIRWAY_BILL_STATE_UNKNOWN), "kasir courier questions")


def money(shop: Shop) -> Iterator[Finding]:
    """Transfers that pay for nothing yet, and matches that nobody has confirmed."""
    old_posted = _old_transfers(shop, MUTATION_STATE_POSTED)
    old_proposed = _old_transfers(shop, MUTATION_STATE_PROPOSED)
    came = "transfers came more than two days ago and"
    if old_posted:
        yield look("Bank", f"{old_posted} {came} pay for nothing: kasir cs mutations")
    if old_proposed:
        yield look("Matches", f"{old_proposed} {came} wait for their match's yes: kasir cs proposals")
    if not old_posted and not old_proposed:
        yield well("Bank", "no transfer waits for long")


def _old_transfers(shop: Shop, state: MutationState.ValueType) -> int:
    """How many of the newest in this state came long ago."""
    mutations = shop.each(ListMutationsRequest(state=state), ListMutationsResponse, "mutations")
    return sum(
        each.amount.minor_units > 0 and _age(each.create_time) > MONEY_MAX
        for each in islice(mutations, LOOKED_AT)
    )


def _waiting(name: str, things: Iterable[Any], what_to_do: str) -> Iterator[Finding]:
    waiting = [each for each in islice(things, LOOKED_AT) if _age(each.create_time) > AGENT_MAX]
    if waiting:
        oldest = max(_age(each.create_time) for each in waiting)
        yield wrong(name, f"{len(waiting)} wait, one for {about(oldest)}: {what_to_do}")
    else:
        yield well(name, "none waits for long")


def _open_questions(name: str, things: Iterable[Any], what_to_do: str) -> Iterator[Finding]:
    count = sum(1 for _ in islice(things, LOOKED_AT))
    if count:
        yield look(name, f"of {count} nobody knows whether it happened: {what_to_do}")


# --- Machines ---


def this_machine(shop: Shop) -> Iterator[Finding]:
    """What was sent from here and not answered."""
    kept = shop.client.journal.pending()
    if kept:
        yield look("This machine", f"{len(kept)} requests never got an answer: kasir cs pending")
    else:
        yield well("This machine", "every request that was sent has its answer")
    enrolment = shop.client.connection.enrolment
    if enrolment is not None:
        left = timedelta(seconds=enrolment.device.expires_s - enrolment.now_s())
        if left < CERTIFICATE_MIN:
            yield wrong(
                "Certificate here",
                f"this machine's ends in {_days(left)}: calls renew it while the server answers; when it is "
                "over, kasir enrol CODE",
            )


def server_machine(data: Path, *, has_backup: bool) -> Iterator[Finding]:
    """The disk under a server's data, and its snapshots, which who has a backup may do without."""
    if not (data / "data.mdb").exists():
        yield wrong("Data", f"there is no store in {data}")
        return
    disk = shutil.disk_usage(data)
    words = f"{disk.free / GIBIBYTE:.1f} of {disk.total / GIBIBYTE:.0f} GiB are free"
    if disk.free < DISK_MIN_BYTES:
        yield wrong("Disk", f"{words}: make room before the server has to refuse")
    else:
        yield well("Disk", words)
    snapshots = [path for path in (data / "snapshots").glob("*") if path.is_file()]
    if has_backup:
        return
    if not snapshots:
        yield look("Snapshots", "there is none: kasir admin snapshot NAME, every night")
        return
    newest = max(snapshots, key=lambda path: path.stat().st_mtime)
    age = timedelta(seconds=time.time() - newest.stat().st_mtime)
    words = f"the newest, {newest.name}, is {about(age)} old"
    yield (
        look("Snapshots", f"{words}: kasir admin snapshot NAME, every night")
        if age > SNAPSHOT_MAX
        else well("Snapshots", words)
    )


def backup_place(folder: Path) -> Iterator[Finding]:
    """Whether a backup is there, is looked after, and was found good."""
    for each in places.health(folder):
        yield well("Backup", each.words) if each.is_well else wrong("Backup", each.words)


def _days(left: timedelta) -> str:
    return f"{max(0, left.days)} days"


def _age(stamp: Timestamp) -> timedelta:
    """How long ago it was; nothing for a time that is not set."""
    return datetime.now(UTC) - stamp.ToDatetime(UTC) if stamp.seconds else timedelta()


def table_of(found: list[Finding]) -> RenderableType:
    """What was found as people read it, the worst first."""
    marks = {Health.WELL: "✓", Health.LOOK: "!", Health.WRONG: "✗"}
    order = list(marks)[::-1]
    rows = [
        (marks[each.health], each.name, each.words)
        for each in sorted(found, key=lambda each: order.index(each.health))
    ]
    ill = sum(each.health is Health.WRONG for each in found)
    title = (
        f"{ill} wrong"
        if ill
        else "All is well"
        if all(each.health is Health.WELL for each in found)
        else "Nothing is wrong"
    )
    return table(title, ("", "What", "How it is"), rows)
