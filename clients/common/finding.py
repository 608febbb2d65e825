"""Looking items up as a person does: by words, a SKU, or a code that was scanned."""

from clients.common.problems import CallFailed
from clients.common.shop import Shop, looks_scanned
from kasir.v1.catalogue_pb2 import ItemAvailability, ListAlternativesRequest, ListAlternativesResponse


def scanned_item(shop: Shop, query: str) -> ItemAvailability | None:
    """The one item that a scanned code names, whatever it is called; None for what was typed, and for a code
    that no item has. Raises CallFailed.
    """
    if not looks_scanned(query):
        return None
    try:
        return shop.item(query)
    except CallFailed as failed:
        if not failed.settled:
            raise
        return None


def alternatives(shop: Shop, item_id: int) -> list[ItemAvailability]:
    """Items of the same category that are in stock. Raises CallFailed."""
    return list(shop.call(ListAlternativesRequest(item_id=item_id), ListAlternativesResponse).items)
