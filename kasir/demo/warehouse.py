"""The warehouse: people who see Drop Orders on a live screen, scan goods and hand them over, or cannot."""

import queue
from collections.abc import Callable, Sequence

from clients.common.problems import CallFailed
from clients.common.shop import Shop
from kasir.demo.live import Follower
from kasir.demo.opening import Facts
from kasir.demo.plan import WAREHOUSE, Plan
from kasir.demo.stage import DemoFailed, Stage
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_REQUESTED,
    DROP_ORDER_STATE_RETURN_DUE,
    DropOrder,
    HandOverDropOrderRequest,
    HandOverDropOrderResponse,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
    RejectDropOrderRequest,
    RejectDropOrderResponse,
    ReturnDropOrderRequest,
    ReturnDropOrderResponse,
    WatchDropOrdersRequest,
    WatchDropOrdersResponse,
)
from kasir.v1.stock_pb2 import AdjustStockRequest, AdjustStockResponse, StockLine

STAFF = ("gudang-budi", "gudang-agus")
REASONS = ("Tidak ada di rak", "Kemasan rusak", "Lewat tanggal kedaluwarsa")
# So often somebody takes the wrong thing from the shelf first.
WRONG_SCAN_EVERY = 60
RETURNS_MAX = 100_000


class Warehouse:
    """Works from `open` to `close`. The stream fills a list on the wall, the staff work it off."""

    def __init__(self, stage: Stage, facts: Facts, plan: Plan, on_done: Callable[[], None]) -> None:
        """`on_done` hears of each Drop Order that was handed over or rejected."""
        self.stage, self.facts, self.on_done = stage, facts, on_done
        self.not_found = {facts.items[sku] for sku in plan.not_found}
        self._wall: queue.SimpleQueue[DropOrder | None] = queue.SimpleQueue()
        self._on_the_wall: set[int] = set()
        self._screen: Follower | None = None

    def open(self) -> None:
        """Switches the screen on: what is requested comes on the wall at once."""
        request = WatchDropOrdersRequest(from_location_id=self.facts.locations[WAREHOUSE])
        self._screen = Follower(self.stage, STAFF[0], request, WatchDropOrdersResponse, self._see)

    def close(self) -> None:
        """Switches the screen off and lets the staff go when the wall is empty."""
        if self._screen is not None:
            self._screen.close()
        for _ in STAFF:
            self._wall.put(None)

    def _see(self, reply: WatchDropOrdersResponse) -> None:
        drop_order = reply.drop_order
        is_news = drop_order.drop_order_id not in self._on_the_wall
        if drop_order.state == DROP_ORDER_STATE_REQUESTED and is_news:
            self._on_the_wall.add(drop_order.drop_order_id)
            self._wall.put(drop_order)

    def work(self, name: str) -> None:
        """One of the staff: hands over what the wall shows, until the warehouse closes."""
        with self.stage.shop(name) as shop:
            while (drop_order := self._wall.get()) is not None:
                if drop_order.item_id in self.not_found:
                    self._reject(shop, drop_order)
                else:
                    self._hand_over(shop, drop_order)
                self.on_done()

    def _hand_over(self, shop: Shop, drop_order: DropOrder) -> None:
        number = drop_order.drop_order_id
        good = self.facts.goods[drop_order.item_id]
        if number % WRONG_SCAN_EVERY == 0:
            other = next(each for each in self.facts.goods.values() if each.sku != good.sku)
            self._mistake(shop, HandOverDropOrderRequest(drop_order_id=number, barcode=other.barcode))
        request = HandOverDropOrderRequest(drop_order_id=number, barcode=good.barcode)
        shop.call(request, HandOverDropOrderResponse)
        self.stage.ledger.add("handed_over")

    def _mistake(self, shop: Shop, request: HandOverDropOrderRequest) -> None:
        """The wrong item is scanned: nothing may move."""
        try:
            shop.call(request, HandOverDropOrderResponse)
        except CallFailed as failed:
            if failed.reason != "ITEM_MISMATCH":
                raise
            self.stage.ledger.add("wrong_scans")
        else:
            raise DemoFailed(f"Drop Order {request.drop_order_id} was handed over with the wrong item.")

    def _reject(self, shop: Shop, drop_order: DropOrder) -> None:
        number = drop_order.drop_order_id
        request = RejectDropOrderRequest(drop_order_id=number, reason=REASONS[number % len(REASONS)])
        shop.call(request, RejectDropOrderResponse)
        self.stage.ledger.add("rejected")


def returns_due(stage: Stage) -> list[DropOrder]:
    """What waits on the desk to go back."""
    with stage.shop(STAFF[0]) as shop:
        request = ListDropOrdersRequest(state=DROP_ORDER_STATE_RETURN_DUE)
        found: list[DropOrder] = shop.pages(request, ListDropOrdersResponse, "drop_orders", RETURNS_MAX)
        return found


def take_back(
    stage: Stage, facts: Facts, name: str, due: Sequence[DropOrder], on_done: Callable[[], None]
) -> None:
    """Scans Drop Orders back into the warehouse."""
    with stage.shop(name) as shop:
        for drop_order in due:
            barcode = facts.goods[drop_order.item_id].barcode
            request = ReturnDropOrderRequest(drop_order_id=drop_order.drop_order_id, barcode=barcode)
            shop.call(request, ReturnDropOrderResponse)
            stage.ledger.add("returned")
            on_done()


def write_off(stage: Stage, facts: Facts, plan: Plan) -> None:
    """What was not found on the shelf leaves the books, with a reason."""
    lines = [
        StockLine(item_id=facts.items[sku], quantity=-plan.stock[WAREHOUSE][sku])
        for sku in sorted(plan.not_found)
    ]
    request = AdjustStockRequest(
        location_id=facts.locations[WAREHOUSE], lines=lines, reason="Tidak ditemukan saat diminta"
    )
    with stage.shop(STAFF[0]) as shop:
        shop.call(request, AdjustStockResponse)
    stage.ledger.add("units_adjusted", sum(line.quantity for line in lines))
