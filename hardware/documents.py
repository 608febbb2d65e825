"""What stands on a print job's paper: the job's document with the rest of the shop that it needs."""

from clients.common.shop import Shop
from hardware.paper import (
    Label,
    Logo,
    Paper,
    PaperError,
    address_label,
    order_slip,
    sales_receipt,
    shift_report,
)
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse, Order
from kasir.v1.print_pb2 import PrintJob


def label_of(shop: Shop, job: PrintJob) -> Label:
    """The address label of a job. Raises PaperError and CallFailed."""
    order = _order(shop, job.parcel.order_id)
    if order is None:
        raise PaperError(f"parcel {job.subject_id} has no order")
    courier = next((each for each in shop.couriers if each.courier_id == job.parcel.courier_id), None)
    return address_label(job.parcel, order, shop.settings, courier, copy=job.copy_number)


def paper_of(shop: Shop, job: PrintJob, width_mm: int = 80, logo: Logo | None = None) -> Paper:
    """The slip, receipt or report of a job; slips and receipts bear the logo. Raises PaperError and
    CallFailed.
    """
    document, copy = job.WhichOneof("document"), job.copy_number
    if document == "order":
        accounts, couriers = shop.accounts, shop.couriers
        account = next((each for each in accounts if each.bank_account_id == job.order.bank_account_id), None)
        courier = next((each for each in couriers if each.courier_id == job.order.courier_id), None)
        slip = order_slip(job.order, shop.settings, account, courier, width_mm=width_mm, copy=copy)
        return slip.with_logo(logo)
    if document == "sale":
        till = next((each for each in shop.tills if each.till_id == job.sale.till_id), None)
        order = _order(shop, job.sale.order_id)
        receipt = sales_receipt(job.sale, shop.settings, order, till, width_mm=width_mm, copy=copy)
        return receipt.with_logo(logo)
    if document == "shift":
        till = next((each for each in shop.tills if each.till_id == job.shift.till_id), None)
        return shift_report(job.shift, shop.settings, till, width_mm=width_mm, copy=copy)
    raise PaperError(f"print job {job.print_job_id} came without a document")


def _order(shop: Shop, order_id: int) -> Order | None:
    return shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order if order_id else None
