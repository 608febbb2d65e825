"""The shop that is worked until it is killed: that of the server's tests, with a bank account and tills."""

from typing import Any

import grpc

from kasir.v1 import (
    booking_pb2_grpc,
    catalogue_pb2_grpc,
    drop_order_pb2_grpc,
    reconciliation_pb2_grpc,
    sale_pb2_grpc,
    shipping_pb2_grpc,
    stock_pb2,
    stock_pb2_grpc,
    till_pb2,
    till_pb2_grpc,
)
from tests.server.support import Shop, new_id

# Two clients share a till, and at times one closes the shift that the other sells in.
TILLS = 4


class BusyShop(Shop):
    """Goods in a warehouse and at tills, a CS desk, a bank account, and an item that only changes."""

    def __init__(self, channel: grpc.Channel, stock: int) -> None:
        super().__init__(channel, stock=stock)
        self.shop_id = self._location("TOKO", stock_pb2.LOCATION_KIND_SHOP)
        line = stock_pb2.StockLine(item_id=self.item_id, quantity=stock)
        self.stock.ReceiveStock(
            stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=self.shop_id, lines=[line])
        )
        self.stock_received = 2 * stock
        self.account_id = self.bank_account()
        self.changing_item_id = self.item("TEH-01", "8991002105553")
        self.tills = till_pb2_grpc.TillServiceStub(channel)
        self.till_ids = [self._till(f"KASIR-{number}") for number in range(1, TILLS + 1)]

    def _till(self, code: str) -> int:
        till = till_pb2.Till(code=code, location_id=self.shop_id)
        request = till_pb2.CreateTillRequest(request_id=new_id(), till=till)
        return self.tills.CreateTill(request).till.till_id

    def on(self, channel: grpc.Channel) -> "BusyShop":
        """The same shop behind another connection."""
        moved: Any = object.__new__(BusyShop)
        moved.__dict__.update(vars(self))
        moved.bookings = booking_pb2_grpc.BookingServiceStub(channel)
        moved.catalogue = catalogue_pb2_grpc.CatalogueServiceStub(channel)
        moved.drop_orders = drop_order_pb2_grpc.DropOrderServiceStub(channel)
        moved.reconciliation = reconciliation_pb2_grpc.ReconciliationServiceStub(channel)
        moved.sales = sale_pb2_grpc.SaleServiceStub(channel)
        moved.shipping = shipping_pb2_grpc.ShippingServiceStub(channel)
        moved.stock = stock_pb2_grpc.StockServiceStub(channel)
        moved.tills = till_pb2_grpc.TillServiceStub(channel)
        return moved
