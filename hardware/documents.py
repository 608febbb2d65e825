"""What stands on a print job's paper: the job's document with the rest of the shop that it needs."""

from clients.common.shop import Shop
from hardware.paper import (
    Label,
    Logo,
    Paper,
    PaperError,
    address_label,
    manifest_pages,
    order_slip,
    pickup_manifest,
    refund_receipt,
    sales_receipt,
    shift_report,
)
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse, Order
from kasir.v1.print_pb2 import PrintJob
from kasir.v1.shipping_pb2 import Courier


def label_of(shop: Shop, job: PrintJob) -> Label:
    """The address label of a job. Raises PaperError and CallFailed."""
    order = _order(shop, job.parcel.order_id)
    if order is None:
        raise PaperError(f"parcel {job.subject_id} has no order")
    courier = _courier(shop, job.parcel.courier_id)
    return address_label(job.parcel, order, shop.settings, courier, copy=job.copy_number)


def pages_of(shop: Shop, job: PrintJob) -> tuple[Label, ...]:
    """The pages of a job that an office printer prints: a label, or a manifest on A4. Raises PaperError and
    CallFailed.
    """
    if job.WhichOneof("document") != "manifest":
        return (label_of(shop, job),)
    courier = _courier(shop, job.manifest.courier_id)
    return manifest_pages(job.manifest, shop.settings, courier, copy=job.copy_number)


def paper_of(shop: Shop, job: PrintJob, width_mm: int = 80, logo: Logo | None = None) -> Paper:
    """The slip, receipt, report or manifest of a job; slips and receipts bear the logo. Raises PaperError and
    CallFailed.
    """
    document, copy = job.WhichOneof("document"), job.copy_number
    if document == "order":
        accounts = shop.accounts
        account = next((each for each in accounts if each.bank_account_id == job.order.bank_account_id), None)
        courier = _courier(shop, job.order.courier_id)
        slip = order_slip(job.order, shop.settings, account, courier, width_mm=width_mm, copy=copy)
        return slip.with_logo(logo)
    if document == "sale":
        till = next((each for each in shop.tills if each.till_id == job.sale.till_id), None)
        order = _order(shop, job.sale.order_id)
        receipt = sales_receipt(job.sale, shop.settings, order, till, width_mm=width_mm, copy=copy)
        return receipt.with_logo(logo)
    if document == "refund":
        till = next((each for each in shop.tills if each.till_id == job.refund.till_id), None)
        receipt = refund_receipt(job.refund, shop.settings, till, width_mm=width_mm, copy=copy)
        return receipt.with_logo(logo)
    if document == "shift":
        till = next((each for each in shop.tills if each.till_id == job.shift.till_id), None)
        return shift_report(job.shift, shop.settings, till, width_mm=width_mm, copy=copy)
    if document == "manifest":
        courier = _courier(shop, job.manifest.courier_id)
        return pickup_manifest(job.manifest, shop.settings, courier, width_mm=width_mm, copy=copy)
    raise PaperError(f"print job {job.print_job_id} came without a document")


def _courier(shop: Shop, courier_id: int) -> Courier | None:
    return next((each for each in shop.couriers if each.courier_id == courier_id), None)


def _order(shop: Shop, order_id: int) -> Order | None:
    return shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order if order_id else None
