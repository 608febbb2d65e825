"""A shop with a till, worked through the contract, and the till's core in front of it."""

from pathlib import Path
from typing import Any, cast

import grpc

from clients.common.connection import Connection
from clients.till.cart import Cart
from clients.till.line import till_client
from clients.till.store import till_directory
from clients.till.till import Till, open_till
from kasir.v1 import (
    catalogue_pb2,
    common_pb2,
    sale_pb2,
    sale_pb2_grpc,
    stock_pb2,
    stock_pb2_grpc,
    till_pb2,
    till_pb2_grpc,
)
from tests.server.support import Shop, idr, new_id
from tests.till.line import Line

CODE = "KASIR-1"


class TillShop(Shop):
    """Items with and without tax at a shop that has a till."""

    def __init__(self, channel: grpc.Channel, stock: int = 100) -> None:
        super().__init__(channel, stock=stock)
        self.tills = till_pb2_grpc.TillServiceStub(channel)
        self.shop_id = self._location("TOKO", stock_pb2.LOCATION_KIND_SHOP)
        self.included = self.tax("PPN11", 1_100, catalogue_pb2.TAX_MODE_INCLUSIVE)
        self.added = self.tax("SVC7", 725, catalogue_pb2.TAX_MODE_EXCLUSIVE)
        self.kopi = self.priced("KOPI-9", "8991002101241", 13_333, self.included)
        self.gula = self.priced("GULA-9", "8991002101258", 7_777, self.added)
        self.teh = self.priced("TEH-9", "8991002101265", 2_500, 0)
        self.items = (self.kopi, self.gula, self.teh)
        for item_id in self.items:
            self.put(item_id, stock)
        till = till_pb2.Till(code=CODE, location_id=self.shop_id)
        request = till_pb2.CreateTillRequest(request_id=new_id(), till=till)
        self.till_id = self.tills.CreateTill(request).till.till_id

    @classmethod
    def of(cls, channel: grpc.Channel, shop: "TillShop") -> "TillShop":
        """The same shop behind another channel."""
        made: Any = object.__new__(cls)
        made.__dict__.update(vars(shop))
        made.stock = stock_pb2_grpc.StockServiceStub(channel)
        made.sales = sale_pb2_grpc.SaleServiceStub(channel)
        made.tills = till_pb2_grpc.TillServiceStub(channel)
        return cast("TillShop", made)

    def tax(self, code: str, rate: int, mode: catalogue_pb2.TaxMode.ValueType) -> int:
        tax = catalogue_pb2.TaxClass(code=code, name=code, rate_basis_points=rate, mode=mode)
        request = catalogue_pb2.CreateTaxClassRequest(request_id=new_id(), tax_class=tax)
        return self.catalogue.CreateTaxClass(request).tax_class.tax_class_id

    def priced(self, sku: str, barcode: str, rupiah: int, tax_class_id: int) -> int:
        """An item that is cheaper from ten on."""
        prices = [(1, idr(rupiah)), (10, idr(rupiah - 111))]
        item = catalogue_pb2.Item(
            sku=sku,
            name=f"Barang {sku} enak",
            barcodes=[barcode],
            tax_class_id=tax_class_id,
            prices=[
                catalogue_pb2.Price(price_list="retail", min_quantity=least, amount=amount)
                for least, amount in prices
            ],
        )
        request = catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item)
        return self.catalogue.CreateItem(request).item.item_id

    def put(self, item_id: int, quantity: int) -> None:
        """Goods come into the shop."""
        line = stock_pb2.StockLine(item_id=item_id, quantity=quantity)
        self.stock.ReceiveStock(
            stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=self.shop_id, lines=[line])
        )

    def update(self, item_id: int, **fields: Any) -> catalogue_pb2.Item:
        """Changes an item."""
        item = self.catalogue.GetItem(catalogue_pb2.GetItemRequest(item_id=item_id)).item.item
        for name, value in fields.items():
            if isinstance(value, list):
                del getattr(item, name)[:]
                getattr(item, name).extend(value)
            else:
                setattr(item, name, value)
        request = catalogue_pb2.UpdateItemRequest(request_id=new_id(), item=item)
        return self.catalogue.UpdateItem(request).item

    def level(self, item_id: int) -> tuple[int, int]:
        """On hand and held in the shop."""
        for stock in self.stock.GetStock(stock_pb2.GetStockRequest(item_id=item_id)).stocks:
            if stock.location_id == self.shop_id:
                return stock.on_hand, stock.held
        return 0, 0

    def others_take(self, item_id: int, quantity: int) -> None:
        """Takes units out of the shop that nobody holds."""
        request = stock_pb2.TransferStockRequest(
            request_id=new_id(),
            from_location_id=self.shop_id,
            to_location_id=self.warehouse_id,
            lines=[stock_pb2.StockLine(item_id=item_id, quantity=quantity)],
        )
        self.stock.TransferStock(request)

    def sold(self, shift_id: int = 0) -> list[sale_pb2.Sale]:
        """All sales, oldest first."""
        found: list[sale_pb2.Sale] = []
        request = sale_pb2.ListSalesRequest(shift_id=shift_id, page_size=1_000)
        while True:
            reply = self.sales.ListSales(request)
            found.extend(reply.sales)
            if not reply.next_page_token:
                return found[::-1]
            request.page_token = reply.next_page_token


def till_at(root: Path, address: str, actor: str = "siti", **more: Any) -> Till:
    """The till's core; of the disk where the line is down."""
    client = till_client(Connection(address, actor), timeout_s=5.0)
    return open_till(root, client, CODE, **more)


def directory(root: Path, address: str) -> Path:
    return till_directory(root, address, CODE)


def cart(*lines: tuple[int, int]) -> Cart:
    made = Cart()
    for item_id, quantity in lines:
        made.add(item_id, quantity)
    return made


def cash(minor_units: int) -> list[sale_pb2.Tender]:
    amount = common_pb2.Money(currency_code="IDR", minor_units=minor_units)
    return [sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=amount)]


def back(till: Till, line: Line, cut_after: int | None = None) -> None:
    """The line is restored, and the till's channel has noticed."""
    line.restore(cut_after)
    grpc.channel_ready_future(till.client._channel).result(60)
    till.line_is_back()
