"""A store, a server and a model for one run of the machine, and the shop they begin with."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from engine import Engine
from kasir.v1 import catalogue_pb2, reconciliation_pb2, shipping_pb2, stock_pb2, till_pb2
from tests.conftest import RunningServer
from tests.properties.driver import Driver
from tests.properties.inputs import Choice, money

WAREHOUSE, DESK, SHOP, OTHER_WAREHOUSE = 1, 2, 3, 4


@dataclass(frozen=True)
class Action:
    """Something that people do, how often, and when there is something to do it with."""

    name: str
    weight: int
    when: Callable[[Any], bool]
    act: Callable[[Any, Choice], None]


ACTIONS: list[Action] = []
Act = TypeVar("Act", bound=Callable[[Any, Choice], None])


def action(weight: int, when: Callable[[Any], bool] = lambda _shop: True) -> Callable[[Act], Act]:
    """Adds a method of the machine to what people do."""

    def add(act: Act) -> Act:
        ACTIONS.append(Action(act.__name__, weight, when, act))
        return act

    return add


def open_shop(send: Callable[..., Any]) -> None:
    """A shop with few of everything, so that what is scarce is fought for."""
    inclusive, exclusive = catalogue_pb2.TAX_MODE_INCLUSIVE, catalogue_pb2.TAX_MODE_EXCLUSIVE
    for code, mode in (("PPN11", inclusive), ("PPN11X", exclusive)):
        tax_class = catalogue_pb2.TaxClass(code=code, name="PPN 11%", rate_basis_points=1_100, mode=mode)
        send("CreateTaxClass", tax_class=tax_class)
    kinds = {"GUDANG": "WAREHOUSE", "CS": "CS_DESK", "TOKO": "SHOP", "GUDANG-2": "WAREHOUSE"}
    for code, kind in kinds.items():
        number = stock_pb2.LocationKind.Value(f"LOCATION_KIND_{kind}")
        send("CreateLocation", location=stock_pb2.Location(code=code, name=code, kind=number))
    for number, (barcode, price) in enumerate(
        (("4006381333931", 10_000_00), ("96385074", 12_345_67), ("B-3", 500))
    ):
        send("CreateItem", item=item(number, [barcode], price))
    lines = [stock_pb2.StockLine(item_id=item_id, quantity=4) for item_id in (1, 2, 3)]
    for place in (WAREHOUSE, SHOP):
        send("ReceiveStock", location_id=place, lines=lines, reference="SJ-1")
    for number, highest, subtracts in (("1111", 3, False), ("2222", 0, True)):
        account = reconciliation_pb2.BankAccount(
            bank="BCA",
            number=number,
            holder="Toko",
            currency_code="IDR",
            unique_code_max=highest,
            unique_code_subtracts=subtracts,
        )
        send("CreateBankAccount", bank_account=account)
    for code, connected in (("JNE", True), ("ANTAR", False)):
        send("CreateCourier", courier=shipping_pb2.Courier(code=code, name=code, connected=connected))
    for code, place in (("KASIR-1", SHOP), ("MEJA-1", DESK)):
        send("CreateTill", till=till_pb2.Till(code=code, location_id=place))
    send("OpenShift", till_id=1, opening_cash=money(100_000_00))


class ShopBase(RuleBasedStateMachine):
    """One store, one server and one model a run."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="kasir-machine-")
        self.engine = Engine.open(Path(self.folder.name) / "store", map_size_bytes=1 << 24)
        self.server = RunningServer(self.engine)
        self.channel = grpc.insecure_channel(self.server.target)
        self.driver = Driver(self.engine, self.channel, note)
        self.model = self.driver.model

    def teardown(self) -> None:
        try:
            found = self.engine.verify()
            assert found["ok"], found["violations"]
        finally:
            self.channel.close()
            self.server.stop()
            self.engine.close()
            self.folder.cleanup()

    def send(self, choice: Choice, name: str, **fields: Any) -> None:
        """Makes a call as the choice has it: by whom, and whether once more."""
        self.driver.send(name, actor=choice.actor, again=choice.again, **fields)

    @initialize()
    def opens(self) -> None:
        open_shop(self.driver.send)

    @invariant()
    def both_show_the_same(self) -> None:
        self.model.invariants()
        if self.driver.unseen:
            self.driver.settle()


def item(number: int, barcodes: list[str], price: int) -> catalogue_pb2.Item:
    """An item with prices for one, for three, and at times for resellers."""
    prices = [catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=money(price))]
    prices.append(catalogue_pb2.Price(price_list="retail", min_quantity=3, amount=money(price * 9 // 10)))
    if number % 2:
        prices.append(catalogue_pb2.Price(price_list="wholesale", min_quantity=2, amount=money(price // 2)))
    return catalogue_pb2.Item(
        sku=f"SKU-{number}",
        name=f"Item {number}",
        category="food",
        barcodes=barcodes,
        prices=prices,
        tax_class_id=number % 3,
        weight_grams=100 * number,
    )
