"""One round for one parcel: what is known of its order after the carrier was asked, and one order at most.

Where the carrier finds orders by our reference, every round begins with that question; only when the answer
is that there is none, an order is made under the same reference. So one that was made and whose answer was
lost (by the line, by the carrier, by a crash) is found and not made again; and should the carrier still be
busy with a first request while it denies having one, the reference that both share lets it know them for one.

Where it does not, the parcel is claimed first: it is reported UNKNOWN, which is what it is from the moment of
asking until the answer. A parcel that is UNKNOWN already is never ordered, unless a note says that surely
nothing was done. What is left is a question for a person, or is settled when a webhook names the order.

An order that was cancelled at the carrier is a refusal: staff ask for it anew, or send the parcel otherwise.
Where the carrier finds orders by our reference, asking anew finds the cancelled one again: then only a number
that somebody enters or another courier helps.

Right before an order is made the shop is asked whether anybody still waits for it: staff may have settled the
parcel by hand meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass

from clients.couriers.carrier import Absent, Cancelled, Carrier, Ordered, Refused, Shipment, Unclear
from clients.couriers.notes import Note, Notes
from kasir.v1.shipping_pb2 import AIRWAY_BILL_STATE_REQUESTED, Parcel

LOST = "the courier may have this order: look there, then kasir courier settle"

NOT_ANEW = (
    "there is no second one for this parcel: enter a number (kasir cs awb) or choose another courier"
    " (kasir cs request-awb --courier)"
)


@dataclass(frozen=True, slots=True)
class Question:
    """Asking again would not tell: a person has to look, or a webhook has to come."""

    words: str


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nobody waits for it any more as it was: staff settled it, or asked for something else."""

    parcel: Parcel
    """As it stands now."""


Outcome = Ordered | Cancelled | Refused | Unclear | Question | Overtaken


@dataclass(frozen=True, slots=True)
class Waiting:
    """One parcel that waits, and what the shop's server is asked about it on the way."""

    parcel: Parcel
    shipment: Callable[[], Shipment | Unclear]
    """What is to be ordered."""
    claim: Callable[[], bool]
    """Reports UNKNOWN before an order that could not be found again; false when it could not."""
    overtaken: Callable[[], Overtaken | Unclear | None]
    """Whether it stands otherwise now; None when it stands as it did."""


class Asking:
    """How one carrier is asked. For use by several threads at once, on different parcels."""

    def __init__(self, carrier: Carrier, notes: Notes | None) -> None:
        """`notes` are needed where the carrier finds no order by its reference."""
        assert carrier.asks_by_reference or notes is not None
        self._carrier = carrier
        self._notes = notes

    @property
    def finds(self) -> bool:
        """Whether the carrier finds orders by our reference."""
        return self._carrier.asks_by_reference

    def words(self, cancelled: Cancelled) -> str:
        """For people: what became of the order, and what is left to do where it cannot be made anew."""
        return f"{cancelled.words}; {NOT_ANEW}" if self.finds else cancelled.words

    def ask(self, waiting: Waiting) -> Outcome:
        """One round."""
        if self._notes is not None and not self._carrier.asks_by_reference:
            return self._once(self._notes, waiting)
        found = self._carrier.find(waiting.parcel.courier_reference)
        if not isinstance(found, Absent):
            return found
        wanted = waiting.shipment()
        if isinstance(wanted, Unclear):
            return wanted
        return waiting.overtaken() or self._carrier.create(wanted)

    def settled(self, parcel: Parcel) -> None:
        """Nothing has to be remembered of it any more."""
        if self._notes is not None and self._notes.of(parcel) is not None:
            self._notes.forget(parcel)

    def heard(self, parcel: Parcel, order_id: str) -> None:
        """A webhook named the order of a parcel that still waits for its number."""
        if self._notes is not None:
            self._notes.put(parcel, Note(order_id))

    def _once(self, notes: Notes, waiting: Waiting) -> Outcome:
        parcel = waiting.parcel
        note = notes.of(parcel)
        is_new = parcel.airway_bill_state == AIRWAY_BILL_STATE_REQUESTED
        if not is_new and note is None:
            return Question(parcel.airway_bill_detail or LOST)
        if not is_new and note is not None and note.order_id:
            return self._looked(parcel, note.order_id)
        wanted = waiting.shipment()
        if isinstance(wanted, Unclear):
            return wanted
        if is_new and not waiting.claim():
            return Unclear("the shop's server did not take the report before the order", nothing_done=True)
        made = waiting.overtaken() or self._made(notes, parcel, wanted)
        match made:
            case Ordered(order_id=order_id):
                notes.put(parcel, Note(order_id))
            case Unclear(nothing_done=True):
                notes.put(parcel, Note())
            case Unclear(words=words):
                return Question(f"{words}; {LOST}")
            case Cancelled() | Refused() | Overtaken():
                pass
        return made

    def _made(
        self, notes: Notes, parcel: Parcel, wanted: Shipment
    ) -> Ordered | Cancelled | Refused | Unclear:
        """Orders it. What was noted of it before is over: nothing came of it, or staff settled the order that
        it names, and asked anew.
        """
        if notes.of(parcel) is not None:
            notes.forget(parcel)
        return self._carrier.create(wanted)

    def _looked(self, parcel: Parcel, order_id: str) -> Outcome:
        found = self._carrier.look(order_id)
        if isinstance(found, Absent):
            return Question(f"the courier does not know its order {order_id} any more")
        if isinstance(found, Ordered | Cancelled) and found.reference not in {"", parcel.courier_reference}:
            return Question(f"the courier's order {order_id} is of {found.reference}")
        return found
