"""Counting what lies at a place: what was counted is held against what should be there."""

from collections.abc import Sequence
from dataclasses import dataclass

from clients.common.shop import Shop
from kasir.v1.catalogue_pb2 import Item, ItemAvailability, Stock
from kasir.v1.stock_pb2 import AdjustStockRequest, AdjustStockResponse, StockLine


@dataclass(frozen=True)
class Counted:
    """An item's units as counted, and as the books had them when they were counted."""

    item: Item
    counted: int
    on_hand: int

    @property
    def difference(self) -> int:
        """More than zero: more was found than the books have."""
        return self.counted - self.on_hand


def on_hand(item: ItemAvailability, location_id: int) -> int:
    """What should lie at a place."""
    return sum(stock.on_hand for stock in item.stocks if stock.location_id == location_id)


def correct(shop: Shop, location_id: int, counts: Sequence[Counted], reason: str) -> list[Stock]:
    """Corrects the books by what differs; all lines or none. The stock of what was corrected. Raises
    CallFailed.
    """
    lines = [
        StockLine(item_id=each.item.item_id, quantity=each.difference) for each in counts if each.difference
    ]
    if not lines:
        return []
    request = AdjustStockRequest(location_id=location_id, lines=lines, reason=reason)
    return list(shop.call(request, AdjustStockResponse, note=f"count of {len(counts)} items").stocks)
