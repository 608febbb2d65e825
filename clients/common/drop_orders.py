"""Drop Orders that nobody will book, and those that a scan is for."""

from clients.common.problems import BadInput
from clients.common.shop import Shop
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_REQUESTED,
    DROP_ORDER_STATE_RETURN_DUE,
    CancelDropOrderRequest,
    CancelDropOrderResponse,
    DropOrder,
    DropOrderState,
    GetDropOrderRequest,
    GetDropOrderResponse,
    HandOverDropOrderRequest,
    HandOverDropOrderResponse,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
    ReleaseDropOrderRequest,
    ReleaseDropOrderResponse,
    ReturnDropOrderRequest,
    ReturnDropOrderResponse,
)


class NobodyWaits(BadInput):
    """No Drop Order in the state that is wanted is of the item that was scanned."""


def give_up(shop: Shop, number: int) -> DropOrder:
    """Takes back one that was not handed over yet; what is on the desk waits there to be scanned into the
    warehouse again. Raises CallFailed.
    """
    found = shop.call(GetDropOrderRequest(drop_order_id=number), GetDropOrderResponse).drop_order
    if found.state == DROP_ORDER_STATE_REQUESTED:
        return shop.call(CancelDropOrderRequest(drop_order_id=number), CancelDropOrderResponse).drop_order
    return shop.call(ReleaseDropOrderRequest(drop_order_id=number), ReleaseDropOrderResponse).drop_order


def waiting(shop: Shop, state: DropOrderState.ValueType, location_id: int) -> list[DropOrder]:
    """Those in a state that come from a location, or from any when it is 0: the one that waits longest first.
    Raises CallFailed.
    """
    request = ListDropOrdersRequest(state=state, from_location_id=location_id)
    found = shop.each(request, ListDropOrdersResponse, "drop_orders")
    return sorted(found, key=lambda each: each.drop_order_id)


def hand_over(shop: Shop, location_id: int, code: str, preferred: int = 0) -> DropOrder:
    """Hands over what was scanned: for the preferred Drop Order if that is its item, else for the one that
    waits longest. Raises NobodyWaits, CallFailed.
    """
    number = _for_scan(shop, DROP_ORDER_STATE_REQUESTED, location_id, code, preferred)
    request = HandOverDropOrderRequest(drop_order_id=number, barcode=code)
    return shop.call(request, HandOverDropOrderResponse, note=f"hand over drop order {number}").drop_order


def take_back(shop: Shop, location_id: int, code: str, preferred: int = 0) -> DropOrder:
    """Takes what was scanned back into the warehouse, by the same choice; at any location
    when it is 0. Raises NobodyWaits, CallFailed.
    """
    number = _for_scan(shop, DROP_ORDER_STATE_RETURN_DUE, location_id, code, preferred)
    request = ReturnDropOrderRequest(drop_order_id=number, barcode=code)
    return shop.call(request, ReturnDropOrderResponse, note=f"return drop order {number}").drop_order


def _for_scan(
    shop: Shop, state: DropOrderState.ValueType, location_id: int, code: str, preferred: int
) -> int:
    item = shop.item(code).item
    fitting = [each for each in waiting(shop, state, location_id) if each.item_id == item.item_id]
    if not fitting:
        if state == DROP_ORDER_STATE_RETURN_DUE:
            raise NobodyWaits("No Drop Order of {item} has to come back.", item=item.sku)
        raise NobodyWaits("Nobody asks for {item} now.", item=item.sku)
    numbers = [each.drop_order_id for each in fitting]
    return preferred if preferred in numbers else numbers[0]
