"""What is told the engine of an airway bill, with request ids that follow from what is said."""

import uuid

from clients.common.problems import CallFailed
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_UNKNOWN,
    AirwayBillState,
    Parcel,
    ReportAirwayBillRequest,
)

# The contract's bound.
MAX_DETAIL_CHARS = 200
# Of the ids of reports.
_REPORTS = uuid.UUID("b3c1e4de-4d4c-5c5a-8c1b-6f0d0f0c9a51")
# Refusals of a report that say that nobody waits for it any more.
OVERTAKEN = frozenset({"WRONG_STATE", "PARCEL_NOT_FOUND"})


def report_of(
    parcel: Parcel, state: AirwayBillState.ValueType, *, airway_bill: str = "", detail: str = ""
) -> ReportAirwayBillRequest:
    """A report with an id that follows from the parcel's version and from what is said.

    Not from what is said alone: a parcel may be refused with the same words a second time, after staff asked
    for it again, and that is another report.
    """
    report = ReportAirwayBillRequest(
        parcel_id=parcel.parcel_id,
        state=state,
        airway_bill=airway_bill,
        detail=detail[:MAX_DETAIL_CHARS],
    )
    said = report.SerializeToString(deterministic=True).hex()
    report.request_id = _id(parcel, said)
    return report


def report_of_refused(parcel: Parcel, airway_bill: str, failed: CallFailed) -> ReportAirwayBillRequest:
    """FAILED, since the engine did not take the courier's number: it stands on another parcel, say."""
    detail = f"the courier's number {airway_bill} was refused: {failed}"
    return report_of(parcel, AIRWAY_BILL_STATE_FAILED, detail=detail)


def claim_of(parcel: Parcel, name: str) -> ReportAirwayBillRequest:
    """UNKNOWN, before the carrier is asked. Its id follows from the parcel's version alone: of two claims of
    one parcel the second is refused, since it says another name with the same id.
    """
    return ReportAirwayBillRequest(
        request_id=_id(parcel, "claim"),
        parcel_id=parcel.parcel_id,
        state=AIRWAY_BILL_STATE_UNKNOWN,
        detail=f"being ordered by {name}"[:MAX_DETAIL_CHARS],
    )


def _id(parcel: Parcel, said: str) -> str:
    return str(uuid.uuid5(_REPORTS, f"{parcel.courier_reference}/{parcel.version}/{said}"))
