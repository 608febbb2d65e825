"""Drop Orders that nobody will book, and their way back."""

from clients.common.shop import Shop
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_REQUESTED,
    DROP_ORDER_STATE_RETURN_DUE,
    CancelDropOrderRequest,
    CancelDropOrderResponse,
    DropOrder,
    GetDropOrderRequest,
    GetDropOrderResponse,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
    ReleaseDropOrderRequest,
    ReleaseDropOrderResponse,
    ReturnDropOrderRequest,
    ReturnDropOrderResponse,
)


def give_up(shop: Shop, number: int) -> DropOrder:
    """Takes back one that was not handed over yet; what is on the desk waits there to be scanned into the
    warehouse again. Raises CallFailed.
    """
    found = shop.call(GetDropOrderRequest(drop_order_id=number), GetDropOrderResponse).drop_order
    if found.state == DROP_ORDER_STATE_REQUESTED:
        return shop.call(CancelDropOrderRequest(drop_order_id=number), CancelDropOrderResponse).drop_order
    return shop.call(ReleaseDropOrderRequest(drop_order_id=number), ReleaseDropOrderResponse).drop_order


def give_back(shop: Shop, code: str, chosen: int = 0) -> DropOrder | None:
    """Scans an item back into the warehouse, for the Drop Order that is chosen or else the oldest one of the
    item that must go back; None where none must. Raises CallFailed.
    """
    item_id = shop.item(code).item.item_id
    request = ListDropOrdersRequest(state=DROP_ORDER_STATE_RETURN_DUE)
    due = [
        each.drop_order_id
        for each in shop.each(request, ListDropOrdersResponse, "drop_orders")
        if each.item_id == item_id
    ]
    if not due:
        return None
    number = chosen if chosen in due else min(due)
    returned = ReturnDropOrderRequest(drop_order_id=number, barcode=code)
    return shop.call(returned, ReturnDropOrderResponse, note=f"return drop order {number}").drop_order
