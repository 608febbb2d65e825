"""A small shop to play with: `kasir setup sample`."""

import tempfile
from pathlib import Path

from rich.console import Group

from clients.common.commands import command
from clients.common.items_csv import SAMPLE, read_rows
from clients.common.items_csv import Shop as CsvShop
from clients.common.output import table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.setup import app
from kasir.v1.catalogue_pb2 import (
    BatchCreateItemsRequest,
    BatchCreateItemsResponse,
    CreateTaxClassRequest,
    CreateTaxClassResponse,
    Item,
    TaxClass,
    TaxMode,
)
from kasir.v1.common_pb2 import BatchError
from kasir.v1.reconciliation_pb2 import BankAccount, CreateBankAccountRequest, CreateBankAccountResponse
from kasir.v1.shipping_pb2 import Courier, CreateCourierRequest, CreateCourierResponse
from kasir.v1.stock_pb2 import (
    CreateLocationRequest,
    CreateLocationResponse,
    ListLocationsRequest,
    ListLocationsResponse,
    Location,
    LocationKind,
    ReceiveStockRequest,
    ReceiveStockResponse,
    StockLine,
)
from kasir.v1.till_pb2 import CreateTillRequest, CreateTillResponse, Till

PLACES = (
    ("GUDANG", "Gudang", LocationKind.LOCATION_KIND_WAREHOUSE, 20),
    ("CS", "Meja CS", LocationKind.LOCATION_KIND_CS_DESK, 0),
    ("TOKO", "Toko", LocationKind.LOCATION_KIND_SHOP, 5),
)


@command(app, "sample", ["kasir setup sample"])
def sample(shop: Shop) -> None:
    """Fill an empty store with a small shop to play with.

    Three items, three locations, two tills, a tax class, a bank account and a courier.
    """
    if shop.call(ListLocationsRequest(), ListLocationsResponse).locations:
        raise BadInput("The store has a shop already; a sample goes into an empty one only.")
    tax = TaxClass(code="PPN11", name="PPN 11%", rate_basis_points=1100, mode=TaxMode.TAX_MODE_INCLUSIVE)
    shop.call(CreateTaxClassRequest(tax_class=tax), CreateTaxClassResponse, note="sample tax class")
    items = _items(shop)
    for code, name, kind, quantity in PLACES:
        _place(shop, Location(code=code, name=name, kind=kind), items, quantity)
    account = BankAccount(bank="BCA", number="0111222333", holder="TOKO CONTOH", currency_code="IDR")
    shop.call(
        CreateBankAccountRequest(bank_account=account), CreateBankAccountResponse, note="sample account"
    )
    courier = Courier(code="JNE", name="JNE")
    shop.call(CreateCourierRequest(courier=courier), CreateCourierResponse, note="sample courier")
    for till_code, place in (("KASIR-1", "TOKO"), ("KASIR-CS", "CS")):
        till = Till(code=till_code, location_id=shop.location(place).location_id)
        shop.call(CreateTillRequest(till=till), CreateTillResponse, note=f"sample till {till_code}")
    rows = [(item.sku, " ".join(item.barcodes), item.name) for item in items]
    places = ", ".join(f"{code} {quantity}" for code, _, _, quantity in PLACES if quantity)
    view = Group(
        table("A shop to play with", ("SKU", "Barcodes", "Name"), rows),
        f"In stock, of each: {places}. Next: kasir cs find kopi",
    )
    shop.output.emit({"items": items}, lambda: view)


def _items(shop: Shop) -> list[Item]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sample.csv"
        path.write_text(SAMPLE, encoding="utf-8")
        codes = CsvShop(money=shop.money, tax_class_id=lambda code: shop.tax_class(code).tax_class_id)
        wanted = [row.item for row in read_rows(path, codes) if row.item]
    reply = shop.call(BatchCreateItemsRequest(items=wanted), BatchCreateItemsResponse, note="sample items")
    refused: list[BatchError] = [result.error for result in reply.results if result.HasField("error")]
    if refused:
        raise BadInput(shop.why(refused[0]))
    return [result.item for result in reply.results]


def _place(shop: Shop, location: Location, items: list[Item], quantity: int) -> None:
    request = CreateLocationRequest(location=location)
    reply = shop.call(request, CreateLocationResponse, note=f"sample location {location.code}")
    if not quantity:
        return
    lines = [StockLine(item_id=item.item_id, quantity=quantity) for item in items]
    stock = ReceiveStockRequest(location_id=reply.location.location_id, lines=lines, reference="sample")
    shop.call(stock, ReceiveStockResponse, note=f"sample stock {location.code}")
