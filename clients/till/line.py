"""A till's line to the server, what the till knows of itself, and the sending of what waits."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import BadInput, CallFailed
from clients.till import journal, lease, shifts
from clients.till.approvers import Approvers
from clients.till.catalogue import Catalogue
from clients.till.journal import Journal
from clients.till.sender import Sender, Sent, down
from clients.till.store import Store, Table, Transaction
from clients.till.turns import turn
from kasir.v1.admin_pb2 import GetSettingsRequest, GetSettingsResponse, Settings
from kasir.v1.stock_pb2 import ListLocationsRequest, ListLocationsResponse, Location
from kasir.v1.till_pb2 import GetShiftRequest, GetShiftResponse, ListTillsRequest, ListTillsResponse
from kasir.v1.till_pb2 import Till as TillRecord

# A line that broke is not tried again for so long by what can do without it; longer each time, since a server
# that hangs costs its whole deadline.
LINE_PAUSE_S = 2.0
LINE_PAUSE_MAX_S = 60.0
# How long a person waits while somebody else sends, over a line that may be slow; and at most, for what
# cannot be done without the line.
TURN_S = 1.0
TURN_MAX_S = 10.0
# Of a receipt number: no signs that look alike.
_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def till_client(
    connection: Connection,
    timeout_s: float = Patience.timeout_s,
    log_in: Callable[[Client], bool] | None = None,
) -> Client:
    """A line that says at once when it is down, instead of waiting for better times."""
    patience = Patience(timeout_s=timeout_s, tries=1)
    return Client(connection, patience=patience, on_retry=_give_up, log_in=log_in)


def _give_up(failed: CallFailed, _pause_s: float) -> None:
    raise failed


class NeedsLine(BadInput):
    """What is wanted cannot be had while the line is down."""


class TillLine:
    """The store of a till and the line of its server. `clock` tells seconds since 1970."""

    def __init__(self, store: Store, client: Client, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.client = client
        self.journal = Journal(store)
        self.catalogue = Catalogue(store)
        self.leases = lease.Leases(store)
        self.approvers = Approvers(store)
        self._clock = clock
        self._sender = Sender(store, self.journal, client, self.leases, self.now_ms)
        self._leasing_lock = FileLock(store.directory / "leasing.lock")
        self._down_until = 0.0
        self._pause_s = LINE_PAUSE_S

    # --- Who and where ---

    @property
    def record(self) -> TillRecord:
        """The till as the server told it last."""
        return TillRecord.FromString(self._kept("till"))

    @property
    def settings(self) -> Settings:
        """The shop's settings as the server told them last."""
        return Settings.FromString(self._kept("settings"))

    @property
    def location(self) -> Location:
        """Where the till stands."""
        return Location.FromString(self._kept("location"))

    def now_ms(self) -> int:
        """The till's clock."""
        return int(self._clock() * 1_000)

    def _kept(self, name: str) -> bytes:
        kept = self.store.meta(name)
        if kept is None:
            raise BadInput("This till has never seen its server: refresh it once while the line is up.")
        return bytes(kept)

    def meet(self, till_id: int) -> None:
        """Learns from the server what the till is and where. Raises CallFailed."""
        with self.store.read() as txn:
            known = journal.changes(txn)
        tills = self.client.call(ListTillsRequest(), ListTillsResponse).tills
        record = next(each for each in tills if each.till_id == till_id)
        settings = self.client.call(GetSettingsRequest(), GetSettingsResponse).settings
        locations = self.client.call(ListLocationsRequest(), ListLocationsResponse).locations
        place = next(each for each in locations if each.location_id == record.location_id)
        with self.store.write() as txn:
            txn.put(Table.META, b"till", record.SerializeToString())
            txn.put(Table.META, b"settings", settings.SerializeToString())
            txn.put(Table.META, b"location", place.SerializeToString())
            if txn.get(Table.META, b"receipts") is None:
                signs = "".join(secrets.choice(_SIGNS) for _ in range(4))
                txn.put(Table.META, b"receipts", [signs, 0])
        self._attach(record, known)

    def _attach(self, record: TillRecord, known: int) -> None:
        """A shift that was opened elsewhere is this till's too; one that was closed elsewhere is closed.
        Unless something happened here since `known` changes: then the record may be of before.
        """
        if self.journal.waits():
            return
        with self.store.read() as txn:
            ours = shifts.current(txn)
        if (ours.shift_id if ours else 0) == record.open_shift_id:
            return
        found = None
        if record.open_shift_id:
            found = self.client.call(GetShiftRequest(shift_id=record.open_shift_id), GetShiftResponse).shift
        with self.store.write() as txn:
            if journal.changes(txn) != known:
                return
            journal.count_change(txn)
            shifts.set_current(txn, 0)
            if found is not None:
                made = self.begin_shift(txn, found.opening_cash.minor_units, found.cashier)
                shifts.told(txn, made.number, found, txn.get(Table.META, b"entries") or 0)

    def begin_shift(self, txn: Transaction, opening_cash_minor: int, cashier: str) -> shifts.TillShift:
        shift = shifts.TillShift(
            txn.last(Table.SHIFTS) + 1,
            0,
            cashier,
            self.settings.currency_code,
            opening_cash_minor,
            self.now_ms(),
            txn.get(Table.META, b"entries") or 0,
        )
        shifts.put_shift(txn, shift)
        shifts.set_current(txn, shift.number)
        return shift

    def cashier(self, *, online: bool) -> str:
        """In whose name something is journalled. Without the line nobody looks at a PIN: then it is who
        logged in here last, and did not log out, or nobody. Raises NeedsLine.
        """
        line = self.client.connection
        if online or line.enrolment is None or line.actor == line.enrolment.user:
            return line.actor
        if line.enrolment.user:
            raise NeedsLine(
                "The line is down: until it is back only {name} sells here, who logged in last.",
                name=line.enrolment.user,
            )
        raise NeedsLine("The line is down, and nobody is logged in here: log in when it is back.")

    def cashier_now(self, *, is_ours: bool) -> str:
        """The same in this thread's turn (`is_ours`): somebody else than who logged in last is asked about
        at the server first. Raises NeedsLine, and CallFailed where the server does not let them in.
        """
        try:
            return self.cashier(online=False)
        except NeedsLine:
            if not is_ours or not self._answers():
                raise
        return self.cashier(online=True)

    def _answers(self) -> bool:
        """Whether the server answers who is at the till. Raises CallFailed where it does not let them in."""
        if not self.line_may_be_up():
            return False
        try:
            self.client.call(ListTillsRequest(), ListTillsResponse)
        except CallFailed as failed:
            self.broke(failed)
            return False
        return True

    # --- The line ---

    def line_may_be_up(self) -> bool:
        """Whether it is worth trying: a line that broke just now is not."""
        return time.monotonic() >= self._down_until

    def stay_offline(self) -> None:
        """Nobody tries the line until it is said to be back."""
        self._down_until = float("inf")

    def line_is_back(self) -> None:
        """Somebody knows better: the next call tries."""
        self._down_until, self._pause_s = 0.0, LINE_PAUSE_S

    @contextmanager
    def _turn(self, patience_s: float) -> Iterator[bool]:
        """Whether this thread sends what it journals meanwhile, and nobody else does; else it is sent later,
        as while the line is down.
        """
        if not self.line_may_be_up():
            yield False
            return
        with turn(self._sender.lock, patience_s) as is_ours:
            yield is_ours

    def send(self, fresh: int = 0) -> Sent:
        """Sends what waits; see Sender.send. With nothing left and no shift open the lease goes back."""
        sent = self._sender.send(fresh)
        if sent.failed is not None:
            self.broke(sent.failed)
            return sent
        if sent.done:
            self._pause_s = LINE_PAUSE_S
        if not sent.left:
            if sent.done > 1:
                self._tell_shift()
            self._give_back_after_close()
        return sent

    def _tell_shift(self) -> None:
        with self.store.read() as txn:
            shift = shifts.current(txn)
        if shift is not None:
            self.ask_shift(shift.number)

    def _give_back_after_close(self) -> None:
        with self.store.read() as txn:
            if shifts.current(txn) is not None or not txn.count(Table.LEASES):
                return
        self.give_back()

    def broke(self, failed: CallFailed) -> None:
        """Takes a failure that says the line is down; raises any other."""
        if not down(failed):
            raise failed
        self._down_until = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LINE_PAUSE_MAX_S)

    def give_back(self) -> bool:
        """Returns the lease once what was sold from it is sent; False when the line is down or somebody
        leases, and then it ends by itself.
        """
        with turn(self._leasing_lock, TURN_S) as is_ours:
            if not is_ours or (self.journal.waits() and self.send().left):
                return False
            try:
                with self._sender.lock:
                    self.leases.recover(self.client)
                self.leases.give_back(self.client)
            except CallFailed as failed:
                self.broke(failed)
                return False
        return True

    def ask_shift(self, shift_number: int) -> None:
        """The server's word on a shift, when nothing waits that would be missing in it."""
        with self.store.read() as txn:
            shift, last = shifts.get_shift(txn, shift_number), txn.get(Table.META, b"entries") or 0
            waits, known = txn.count(Table.OUTBOX), journal.changes(txn)
        if waits or not shift.shift_id or not self.line_may_be_up():
            return
        try:
            told = self.client.call(GetShiftRequest(shift_id=shift.shift_id), GetShiftResponse).shift
        except CallFailed as failed:
            self.broke(failed)
            return
        with self.store.write() as txn:
            # What was sold meanwhile may be in it or not.
            if journal.changes(txn) == known:
                shifts.told(txn, shift_number, told, last)
