"""What a carrier's webhook leads to. It is a hint: what it says is asked for at the carrier before it counts.

So one that is forged, late, twice, out of order or ahead of its order's answer does no harm, and it may be
answered only when what it led to is in the engine's journal. Nor does a flood of them ask the carrier each
time: what is known already is not asked for, and the same news once.
"""

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from clients.couriers.asking import Asking
from clients.couriers.carrier import Absent, Carrier, News, Ordered, TrackingState, Unclear, has_arrived
from clients.couriers.lately import Lately
from clients.couriers.notes import Notes
from clients.couriers.reports import OVERTAKEN, report_of, report_of_refused
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_REQUESTED,
    AIRWAY_BILL_STATE_UNKNOWN,
    DeliverParcelRequest,
    DeliverParcelResponse,
    GetParcelRequest,
    GetParcelResponse,
    Parcel,
    ReportAirwayBillResponse,
)

_OPEN = frozenset({AIRWAY_BILL_STATE_REQUESTED, AIRWAY_BILL_STATE_UNKNOWN})


class Hearing:
    """Acts on one carrier's news. `take` may be called from any thread."""

    def __init__(
        self,
        connection: Connection,
        carrier: Carrier,
        *,
        courier_id: int = 0,
        notes: Notes | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`courier_id`: only this courier's parcels; 0: all."""
        self._connection = connection
        self._carrier = carrier
        self._courier_id = courier_id
        self._asking = Asking(carrier, notes)
        self._patience = patience or Patience()
        self._lately = Lately()

    def take(self, news: News) -> bool:
        """Acts on it; False when it could not be, and shall come again."""
        if (acted := self._lately.begin(news)) is not None:
            return acted
        acted = False
        try:
            acted = self._acted_on(news)
        finally:
            self._lately.end(news, acted)
        return acted

    def _acted_on(self, news: News) -> bool:
        with Client(self._connection, patience=self._patience) as client:
            try:
                parcel = self._numbered(news, client)
                if parcel is None and not self._number(news, client):
                    return False
                return self._arrival(news, parcel, client)
            except CallFailed as failed:
                # Refused: nobody waits for it, or no longer. Else the server may not have it.
                return failed.settled

    def _number(self, news: News, client: Client) -> bool:
        """Reports the number of an order that waits for one."""
        if not news.order_id:
            return True
        if news.reference:
            parcel = self._parcel(news.reference, client)
            if parcel is None or parcel.airway_bill_state not in _OPEN:
                return True
        found = self._carrier.look(news.order_id)
        if isinstance(found, Unclear):
            return False
        if not isinstance(found, Ordered):
            return True
        parcel = self._parcel(found.reference, client)
        if parcel is None or parcel.airway_bill_state not in _OPEN:
            return True
        if not found.airway_bill:
            self._asking.heard(parcel, found.order_id)
            return True
        report = report_of(parcel, AIRWAY_BILL_STATE_ASSIGNED, airway_bill=found.airway_bill)
        try:
            client.call(report, ReportAirwayBillResponse)
        except CallFailed as failed:
            if not failed.settled or failed.reason in OVERTAKEN:
                raise
            client.call(report_of_refused(parcel, found.airway_bill, failed), ReportAirwayBillResponse)
        self._asking.settled(parcel)
        return True

    def _arrival(self, news: News, parcel: Parcel | None, client: Client) -> bool:
        """Records that a parcel arrived, when its steps say so. `parcel` has the number, unless it was given
        just now.
        """
        if news.state is not TrackingState.DELIVERED:
            return True
        parcel = parcel or self._numbered(news, client)
        if parcel is None or parcel.HasField("deliver_time"):
            return True
        steps = self._carrier.track(news.airway_bill)
        if isinstance(steps, Unclear):
            return False
        if isinstance(steps, Absent) or not has_arrived(steps):
            return True
        client.call(DeliverParcelRequest(parcel_id=parcel.parcel_id), DeliverParcelResponse)
        return True

    def _numbered(self, news: News, client: Client) -> Parcel | None:
        """The parcel that has this number already; not one that it stands on by mistake, when the news is of
        another one here.
        """
        if not news.airway_bill:
            return None
        parcel = _found(GetParcelRequest(airway_bill=news.airway_bill), client)
        if parcel is None or not self._is_ours(parcel):
            return None
        is_its_own = news.reference in {"", parcel.courier_reference}
        return parcel if is_its_own or self._parcel(news.reference, client) is None else None

    def _parcel(self, reference: str, client: Client) -> Parcel | None:
        """The parcel whose reference it is: its number stands at the end of it."""
        number = reference.rpartition("-")[2]
        if not (number.isascii() and number.isdigit()) or len(number) > 18 or not int(number):
            return None
        parcel = _found(GetParcelRequest(parcel_id=int(number)), client)
        if parcel is None or parcel.courier_reference != reference or not self._is_ours(parcel):
            return None
        return parcel

    def _is_ours(self, parcel: Parcel) -> bool:
        return self._courier_id in {0, parcel.courier_id}


def _found(request: GetParcelRequest, client: Client) -> Parcel | None:
    try:
        return client.call(request, GetParcelResponse).parcel
    except CallFailed as failed:
        if failed.reason == "PARCEL_NOT_FOUND":
            return None
        raise
