"""Before the shop opens: settings, places, tills, account, couriers, taxes, catalogue, first goods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from clients import catalogue
from clients.common.shop import Shop
from clients.common.times import WIB
from kasir.demo import goods
from kasir.demo.goods import Good
from kasir.demo.plan import CONNECTED_COURIER, DESK, OTHER_COURIER, SHOP_FLOOR, TILLS, WAREHOUSE, Plan
from kasir.demo.stage import CATALOGUE, DemoFailed, Person, Stage, parts
from kasir.v1.admin_pb2 import UpdateSettingsRequest, UpdateSettingsResponse
from kasir.v1.catalogue_pb2 import (
    TAX_MODE_EXCLUSIVE,
    TAX_MODE_INCLUSIVE,
    CreateTaxClassRequest,
    CreateTaxClassResponse,
    ListItemsRequest,
    ListItemsResponse,
    TaxClass,
    TaxMode,
)
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import BankAccount, CreateBankAccountRequest, CreateBankAccountResponse
from kasir.v1.shipping_pb2 import Courier, CreateCourierRequest, CreateCourierResponse
from kasir.v1.stock_pb2 import (
    LOCATION_KIND_CS_DESK,
    LOCATION_KIND_SHOP,
    LOCATION_KIND_WAREHOUSE,
    CreateLocationRequest,
    CreateLocationResponse,
    Location,
    LocationKind,
    ReceiveStockRequest,
    ReceiveStockResponse,
    StockLine,
)
from kasir.v1.till_pb2 import CreateTillRequest, CreateTillResponse, Till

OWNER = "ibu-ratna"
SHOP_NAME = "Toko Melati Sejahtera"
SHOP_ADDRESS = "Jl. Braga No. 57, Bandung 40111"
ACCOUNT_NUMBER, ACCOUNT_HOLDER = "5270123456", "TOKO MELATI SEJAHTERA"
CURRENCY = "IDR"
# The contract's bound on one delivery
LINES_PER_DELIVERY = 1_000


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers that the server gave to what was set up."""

    locations: Mapping[str, int]
    tills: Sequence[int]
    """Of the shop floor."""
    desk_till: int
    account: int
    couriers: Mapping[str, int]
    """By code; "" is none."""
    items: Mapping[str, int]
    """By SKU."""
    goods: Mapping[int, Good]
    """What stands on the shelf under the number of an item."""


def money(minor_units: int) -> Money:
    """An amount of the shop's currency."""
    return Money(currency_code=CURRENCY, minor_units=minor_units)


def rupiah(amount: int) -> Money:
    """An amount of whole rupiah."""
    return money(amount * 100)


def set_up(stage: Stage, plan: Plan) -> Facts:
    """Sets the shop up. Raises DemoFailed and CallFailed."""
    with stage.shop(OWNER) as shop:
        _settings(shop)
        locations = {
            WAREHOUSE: _location(shop, WAREHOUSE, "Gudang utama", LOCATION_KIND_WAREHOUSE),
            DESK: _location(shop, DESK, "Meja layanan pelanggan", LOCATION_KIND_CS_DESK),
            SHOP_FLOOR: _location(shop, SHOP_FLOOR, SHOP_NAME, LOCATION_KIND_SHOP),
        }
        tills = [_till(shop, f"KASIR-{number}", locations[SHOP_FLOOR]) for number in range(1, TILLS + 1)]
        desk_till = _till(shop, "KASIR-CS", locations[DESK])
        account = BankAccount(
            bank="BCA", number=ACCOUNT_NUMBER, holder=ACCOUNT_HOLDER, currency_code=CURRENCY
        )
        made = shop.call(CreateBankAccountRequest(bank_account=account), CreateBankAccountResponse)
        couriers = {
            "": 0,
            CONNECTED_COURIER: _courier(shop, CONNECTED_COURIER, "JNE Express", connected=True),
            OTHER_COURIER: _courier(shop, OTHER_COURIER, "Pos Indonesia", connected=False),
        }
        _tax_class(shop, goods.INCLUSIVE, "PPN 11%", TAX_MODE_INCLUSIVE)
        _tax_class(shop, goods.EXCLUSIVE, "PPN 11% (belum termasuk)", TAX_MODE_EXCLUSIVE)
        items = _catalogue(stage, shop, plan)
        _deliveries(stage, shop, plan, locations, items)
        shelf = {items[good.sku]: good for good in plan.goods}
        return Facts(locations, tills, desk_till, made.bank_account.bank_account_id, couriers, items, shelf)


def _settings(shop: Shop) -> None:
    settings = shop.settings
    settings.shop_name, settings.shop_address = SHOP_NAME, SHOP_ADDRESS
    settings.currency_code = CURRENCY
    for name, length in (
        ("utc_offset", WIB),
        ("booking_duration", timedelta(hours=3)),
        ("hold_duration", timedelta(hours=1)),
        ("payable_cooldown", timedelta(days=7)),
    ):
        duration = Duration()
        duration.FromTimedelta(length)
        getattr(settings, name).CopyFrom(duration)
    shop.call(UpdateSettingsRequest(settings=settings), UpdateSettingsResponse)


def _location(shop: Shop, code: str, name: str, kind: LocationKind.ValueType) -> int:
    request = CreateLocationRequest(location=Location(code=code, name=name, kind=kind))
    return shop.call(request, CreateLocationResponse).location.location_id


def _till(shop: Shop, code: str, location_id: int) -> int:
    request = CreateTillRequest(till=Till(code=code, location_id=location_id))
    return shop.call(request, CreateTillResponse).till.till_id


def _courier(shop: Shop, code: str, name: str, *, connected: bool) -> int:
    request = CreateCourierRequest(courier=Courier(code=code, name=name, connected=connected))
    return shop.call(request, CreateCourierResponse).courier.courier_id


def _tax_class(shop: Shop, code: str, name: str, mode: TaxMode.ValueType) -> None:
    wanted = TaxClass(code=code, name=name, rate_basis_points=1_100, mode=mode)
    shop.call(CreateTaxClassRequest(tax_class=wanted), CreateTaxClassResponse)


def _catalogue(stage: Stage, shop: Person, plan: Plan) -> dict[str, int]:
    """Writes the catalogue's file and imports it as `kasir catalogue import` does; item ids by SKU."""
    path = stage.path(CATALOGUE)
    goods.write_csv(path, plan.goods)
    catalogue.import_(shop, path)
    imported = shop.told
    if imported["created"] != len(plan.goods):
        raise DemoFailed(f"Of {len(plan.goods)} items {imported['created']} were imported.")
    found = shop.pages(ListItemsRequest(), ListItemsResponse, "items", len(plan.goods) + 1)
    return {item.sku: item.item_id for item in found}


def _deliveries(
    stage: Stage, shop: Shop, plan: Plan, locations: Mapping[str, int], items: Mapping[str, int]
) -> None:
    for code, stock in plan.stock.items():
        for number, lines in enumerate(_lines(stock, items), start=1):
            request = ReceiveStockRequest(
                location_id=locations[code], lines=lines, reference=f"SJ-{code}-{number}"
            )
            shop.call(request, ReceiveStockResponse)
            stage.ledger.add("units_received", sum(line.quantity for line in lines))


def _lines(stock: Mapping[str, int], items: Mapping[str, int]) -> Iterator[list[StockLine]]:
    for part in parts(list(stock.items()), LINES_PER_DELIVERY):
        yield [StockLine(item_id=items[sku], quantity=quantity) for sku, quantity in part]
