"""Drop Orders that nobody will book."""

from clients.common.shop import Shop
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_REQUESTED,
    CancelDropOrderRequest,
    CancelDropOrderResponse,
    DropOrder,
    GetDropOrderRequest,
    GetDropOrderResponse,
    ReleaseDropOrderRequest,
    ReleaseDropOrderResponse,
)


def give_up(shop: Shop, number: int) -> DropOrder:
    """Takes back one that was not handed over yet; what is on the desk waits there to be scanned into the
    warehouse again. Raises CallFailed.
    """
    found = shop.call(GetDropOrderRequest(drop_order_id=number), GetDropOrderResponse).drop_order
    if found.state == DROP_ORDER_STATE_REQUESTED:
        return shop.call(CancelDropOrderRequest(drop_order_id=number), CancelDropOrderResponse).drop_order
    return shop.call(ReleaseDropOrderRequest(drop_order_id=number), ReleaseDropOrderResponse).drop_order
