"""From paid orders to labels, all that there are: the server takes a thousand at a time."""

from collections.abc import Iterator

from clients.common.shop import Shop
from kasir.v1.sale_pb2 import CreateSalesRequest, CreateSalesResponse, CreateSalesResult
from kasir.v1.shipping_pb2 import PrintLabelsRequest, PrintLabelsResponse


def sell_all(shop: Shop, shift_id: int = 0) -> Iterator[CreateSalesResult]:
    """Makes sales from all paid orders; each is accepted or refused by itself. Raises CallFailed."""
    seen: set[int] = set()
    while True:
        request = CreateSalesRequest(all_paid=True, shift_id=shift_id)
        reply = shop.call(request, CreateSalesResponse, note="sell all paid orders")
        fresh = [each for each in reply.results if each.order_id not in seen]
        seen.update(each.order_id for each in fresh)
        yield from fresh
        # Refused ones stay paid and come again; a round of nothing else is the last.
        if not reply.more or not fresh:
            return


def label_all(shop: Shop) -> Iterator[PrintLabelsResponse]:
    """Queues all labels that were not printed yet. Raises CallFailed."""
    while True:
        reply = shop.call(PrintLabelsRequest(all_unprinted=True), PrintLabelsResponse, note="all labels")
        yield reply
        # Those that wait for an airway bill come again; a round of nothing else is the last.
        if not reply.more or not reply.queued_parcel_ids:
            return


def added_up(replies: Iterator[PrintLabelsResponse]) -> PrintLabelsResponse:
    """Several answers as one; a parcel that waited in each of them waits once."""
    total = PrintLabelsResponse()
    for reply in replies:
        total.queued_parcel_ids.extend(reply.queued_parcel_ids)
        total.print_job_ids.extend(reply.print_job_ids)
        total.skipped_parcel_ids.extend(reply.skipped_parcel_ids)
        known = set(total.waiting_parcel_ids)
        total.waiting_parcel_ids.extend(each for each in reply.waiting_parcel_ids if each not in known)
    return total
