"""The shop as a till sees it, with the line and without it."""

from collections.abc import Sequence
from functools import cached_property

from clients.common.shop import Shop
from clients.till.till import Till
from kasir.v1.admin_pb2 import Settings
from kasir.v1.catalogue_pb2 import ItemAvailability
from kasir.v1.stock_pb2 import Location
from kasir.v1.till_pb2 import Till as TillRecord


class TillShop(Shop):
    """The shop as the till's disk has it while the line is down, for what is shown to people."""

    def __init__(self, shop: Shop, till: Till) -> None:
        super().__init__(shop.client, shop.output)
        self._till = till

    @cached_property
    def settings(self) -> Settings:
        """As told last."""
        return self._till.settings

    @cached_property
    def locations(self) -> Sequence[Location]:
        """The till's own."""
        return [self._till.location]

    @cached_property
    def tills(self) -> Sequence[TillRecord]:
        """The one till."""
        return [self._till.record]

    def item_by_id(self, item_id: int) -> ItemAvailability:
        """From the catalogue's copy; its name and codes only."""
        found = ItemAvailability()
        item = self._till.catalogue.by_id(item_id)
        if item is not None:
            found.item.item_id, found.item.sku, found.item.name = item_id, item.sku, item.name
        return found
