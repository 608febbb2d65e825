"""What a carrier's webhook leads to. It is a hint: what it says is asked for at the carrier before it counts.

So one that is forged, late, twice, out of order or ahead of its order's answer does no harm, and it may be
answered only when what it led to is in the engine's journal.
"""

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from clients.couriers.asking import Asking
from clients.couriers.carrier import Absent, Carrier, News, Ordered, TrackingState, Unclear, has_arrived
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

    def take(self, news: News) -> bool:
        """Acts on it; False when it could not be, and shall come again."""
        with Client(self._connection, patience=self._patience) as client:
            try:
                return self._number(news, client) and self._arrival(news, client)
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

    def _arrival(self, news: News, client: Client) -> bool:
        """Records that a parcel arrived, when its steps say so."""
        if news.state is not TrackingState.DELIVERED or not news.airway_bill:
            return True
        steps = self._carrier.track(news.airway_bill)
        if isinstance(steps, Unclear):
            return False
        if isinstance(steps, Absent) or not has_arrived(steps):
            return True
        parcel = client.call(GetParcelRequest(airway_bill=news.airway_bill), GetParcelResponse).parcel
        if self._is_ours(parcel) and not parcel.HasField("deliver_time"):
            client.call(DeliverParcelRequest(parcel_id=parcel.parcel_id), DeliverParcelResponse)
        return True

    def _parcel(self, reference: str, client: Client) -> Parcel | None:
        """The parcel whose reference it is: its number stands at the end of it."""
        number = reference.rpartition("-")[2]
        if not (number.isascii() and number.isdigit()) or len(number) > 18 or not int(number):
            return None
        try:
            parcel = client.call(GetParcelRequest(parcel_id=int(number)), GetParcelResponse).parcel
        except CallFailed as failed:
            if failed.reason == "PARCEL_NOT_FOUND":
                return None
            raise
        return parcel if parcel.courier_reference == reference and self._is_ours(parcel) else None

    def _is_ours(self, parcel: Parcel) -> bool:
        return self._courier_id in {0, parcel.courier_id}
