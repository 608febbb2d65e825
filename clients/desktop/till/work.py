"""The till's core beside the window: each thread has a `Till` of its own on the one store of this machine."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.journal import state_dir
from clients.common.shop import Shop
from clients.desktop.calls import Calls, Failure, LogIn
from clients.till.cart import Cart
from clients.till.line import till_client
from clients.till.refunds import Refunds
from clients.till.shifts import TillShift
from clients.till.store import Store
from clients.till.till import Till, known_till, open_till

# A customer waits: a server that does not answer by then is taken for gone, and the till sells without it.
TIMEOUT_S = 5.0

TillWork = Callable[[Till], Any]


@dataclass(frozen=True)
class State:
    """How the till stands, as it is told on every screen."""

    online: bool
    # Entries that wait for the line, and exceptions that wait for a person
    waits: int
    matters: int
    # Units on lease, of so many items, the last until then (ms since 1970; 0 for none)
    leased_units: int
    leased_items: int
    leased_until_ms: int
    # Held ones, on the disk and in memory
    carts: int
    shift: TillShift | None
    # Whether goods were given back and nobody knows whether the server did it
    refund_unanswered: bool


class TillCalls(Calls):
    """Calls whose work is a till's. Which till it is, is found out with the first of them."""

    def __init__(self, connection: Connection, code: str) -> None:
        """`code` is the till's, empty for the only one. Raises BadInput."""
        super().__init__(connection)
        self._code = code
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._tills: dict[int, Till] = {}
        self._is_down = False
        # Carts that the disk did not take
        self.in_memory: list[Cart] = []
        self._shown: Till | None = None
        self._shown_client = till_client(connection, TIMEOUT_S)

    def client(self, _patience: Patience, log_in: LogIn) -> Client:
        """One that says at once when the line is down."""
        return till_client(self.connection, TIMEOUT_S, log_in)

    def acts_as(self, name: str) -> None:
        """Of what memory and disk answer, too."""
        super().acts_as(name)
        self._shown_client.acts_as(name)

    def close(self) -> None:
        """Ends lines and threads, and the store when nobody works with it any more."""
        super().close()
        self._shown_client.close()
        store, self._store, self._shown = self._store, None, None
        if store is not None and not any(thread.is_alive() for thread in self._threads):
            store.close()

    # --- For the window's thread ---

    @property
    def till(self) -> Till | None:
        """The till for what memory and disk answer at once; None until it is open."""
        if self._shown is None and self._store is not None:
            self._shown = Till(self._store, self._shown_client)
        return self._shown

    def state(self) -> State | None:
        """How the till stands; None until it is open."""
        till = self.till
        if till is None:
            return None
        held = [each for each in till.leases.held(till.now_ms()) if each.quantity]
        return State(
            online=self.is_online,
            waits=till.journal.waits(),
            matters=len(till.journal.matters()),
            leased_units=sum(each.quantity for each in held),
            leased_items=len({each.item_id for each in held}),
            leased_until_ms=max((each.until_ms for each in held), default=0),
            carts=len(self.carts(till)),
            shift=till.shift,
            refund_unanswered=Refunds(till).unanswered() is not None,
        )

    def carts(self, till: Till) -> list[Cart]:
        """Carts that were held, oldest first; of one that is on the disk as it was before, the newer one."""
        newer = {cart.number: cart for cart in self.in_memory if cart.number}
        kept = [newer.pop(cart.number, cart) for cart in till.carts()]
        return kept + [cart for cart in self.in_memory if not cart.number or cart.number in newer]

    @property
    def is_online(self) -> bool:
        """Whether the line may be up."""
        return not self._is_down and all(each.line_may_be_up() for each in list(self._tills.values()))

    def line_stands(self, *, stands: bool) -> None:
        """Who follows the server's journal knows whether the line is up: nobody waits to find out."""
        self._is_down = not stands
        for till in list(self._tills.values()):
            _told(till, is_down=self._is_down)

    # --- For the other threads ---

    def with_till(self, work: TillWork) -> Callable[[Shop], Any]:
        """Work for the till of the thread that does it."""
        return lambda shop: work(self._till_of(shop.client))

    def _till_of(self, client: Client) -> Till:
        """Raises BadInput and CallFailed where no till can be opened."""
        found = self._tills.get(id(client))
        if found is None:
            with self._opening:
                if self._store is None:
                    found = known_till(state_dir(), client, self._code)
                    found = found or open_till(state_dir(), client, self._code)
                    self._store = found.store
                else:
                    found = Till(self._store, client)
            _told(found, is_down=self._is_down)
            self._tills[id(client)] = found
        return found


def _told(till: Till, *, is_down: bool) -> None:
    if is_down:
        till.stay_offline()
    else:
        till.line_is_back()


class TillDesk(QObject):
    """What the till's screens share beside the desk of every window."""

    # How the till stands may have changed (State).
    stands = Signal(object)
    # Items, prices, taxes or settings are others.
    catalogue_changed = Signal()

    def __init__(self, calls: TillCalls, parent: QObject) -> None:
        super().__init__(parent)
        self.calls = calls

    @property
    def till(self) -> Till:
        """For what memory and disk answer at once. It is open."""
        till = self.calls.till
        assert till is not None, "no screen is shown before the till is open"
        return till

    def carts(self) -> list[Cart]:
        """Carts that were held, oldest first."""
        return self.calls.carts(self.till)

    def keep_in_memory(self, cart: Cart) -> None:
        """Holds a cart that the disk did not take, until the window is closed."""
        self.calls.in_memory.append(cart)

    def take_from_memory(self, cart: Cart) -> None:
        """Such a cart, if it is one, is held no more."""
        self.calls.in_memory = [each for each in self.calls.in_memory if each is not cart]

    @property
    def shift(self) -> TillShift | None:
        """The open one."""
        return self.till.shift

    @property
    def is_online(self) -> bool:
        """Whether the line may be up."""
        return self.calls.is_online

    @property
    def state(self) -> State:
        """How the till stands now, which takes reading all its leases."""
        found = self.calls.state()
        assert found is not None, "no screen is shown before the till is open"
        return found

    def tell_state(self) -> None:
        """Tells all screens how the till stands."""
        if self.calls.till is not None:
            self.stands.emit(self.state)

    def do(
        self,
        owner: QObject,
        work: TillWork,
        done: Callable[[Any], None],
        failed: Callable[[Failure], None] | None = None,
    ) -> None:
        """Has the till do something; see Calls.do. Then all screens hear how it stands."""
        failed = failed or self.calls.failed.emit
        self.calls.do(owner, self.calls.with_till(work), self._then(done), self._then(failed))

    def look(
        self,
        owner: QObject,
        work: TillWork,
        done: Callable[[Any], None],
        failed: Callable[[Failure], None] | None = None,
        *,
        latest: str = "",
    ) -> None:
        """Has a till look at something; see Calls.look."""
        failed = failed or self.calls.failed.emit
        self.calls.look(
            owner, self.calls.with_till(work), self._then(done), self._then(failed), latest=latest
        )

    def _then(self, outcome: Callable[[Any], None]) -> Callable[[Any], None]:
        def told(result: Any) -> None:
            outcome(result)
            self.tell_state()

        return told
