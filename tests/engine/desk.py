"""Words of the engine's tests: methods of the contract called in this process, and a small shop for them."""

import uuid
from typing import Any

from google.protobuf import message_factory
from google.protobuf.message import Message

from engine import Engine, EngineError
from kasir.v1 import (
    admin_pb2,
    booking_pb2,
    catalogue_pb2,
    common_pb2,
    customer_pb2,
    drop_order_pb2,
    hardware_pb2,
    print_pb2,
    reconciliation_pb2,
    report_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    watch_pb2,
)

FILES = (
    admin_pb2,
    booking_pb2,
    catalogue_pb2,
    customer_pb2,
    drop_order_pb2,
    hardware_pb2,
    print_pb2,
    reconciliation_pb2,
    report_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    watch_pb2,
)
# Full name of every method of the contract -> its descriptor.
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
BY_NAME = {full.rsplit("/", 1)[1]: full for full in METHODS}
BARCODE = "8991002101234"


def new_id() -> str:
    """A request id."""
    return str(uuid.uuid4())


def idr(rupiah: int) -> common_pb2.Money:
    """An amount of whole rupiah."""
    return common_pb2.Money(currency_code="IDR", minor_units=rupiah * 100)


def message_of(method: str, side: str) -> type[Message]:
    """The class of a method's "input" or "output"."""
    return message_factory.GetMessageClass(getattr(METHODS[method], f"{side}_type"))


def everything(message: Message, depth: int = 4) -> Message:
    """The message with every field set to something plain, the first of each oneof."""
    for field in message.DESCRIPTOR.fields:
        of = field.containing_oneof
        if of is not None and of.fields[0].number != field.number:
            continue
        if field.type == field.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry or depth == 0:
                continue
            inner = getattr(message, field.name)
            everything(inner.add() if field.is_repeated else inner, depth - 1)
        else:
            value: Any = {field.CPPTYPE_STRING: "1", field.CPPTYPE_BOOL: True}.get(field.cpp_type, 1)
            if field.type == field.TYPE_BYTES:
                value = b"1"
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


class Desk:
    """Calls methods by their short name and reads the answers."""

    def __init__(self, engine: Engine, actor: str = "sari") -> None:
        self.engine = engine
        self.actor = actor

    def __call__(self, name: str, **fields: Any) -> Any:
        """Sends a request with these fields (a new request id for changes) and returns the reply."""
        method = BY_NAME[name]
        request = message_of(method, "input")(**fields)
        if method in self.engine.commands and not fields.get("request_id"):
            request.request_id = new_id()
        return message_of(method, "output").FromString(self.send(name, request.SerializeToString()))

    def send(self, name: str, body: bytes) -> bytes:
        """The same with bytes."""
        method = BY_NAME[name]
        if method in self.engine.commands:
            return self.engine.submit_blocking(method, body, self.actor)
        return self.engine.query(method, body)

    def attempt(self, method: str, body: bytes) -> bytes | EngineError:
        """The reply of a method by its full name, or why there is none."""
        try:
            return self.send(method.rsplit("/", 1)[1], body)
        except EngineError as error:
            return error

    def refused(self, name: str, **fields: Any) -> EngineError:
        """The refusal of such a request; nothing may have changed."""
        revision = self.engine.revision()
        try:
            reply = self(name, **fields)
        except EngineError as error:
            assert self.engine.revision() == revision
            return error
        raise AssertionError(f"{name} was answered with {reply}")


class Shop(Desk):
    """A desk in a shop: a warehouse, a CS desk, a shop floor, a tax class, one item, a bank account."""

    def __init__(self, engine: Engine, stock: int = 100) -> None:
        super().__init__(engine)
        self.warehouse_id = self.location("GUDANG", stock_pb2.LOCATION_KIND_WAREHOUSE)
        self.desk_id = self.location("CS", stock_pb2.LOCATION_KIND_CS_DESK)
        self.floor_id = self.location("TOKO", stock_pb2.LOCATION_KIND_SHOP)
        tax_class = catalogue_pb2.TaxClass(
            code="PPN11", name="PPN 11%", rate_basis_points=1100, mode=catalogue_pb2.TAX_MODE_INCLUSIVE
        )
        self.tax_class_id = self("CreateTaxClass", tax_class=tax_class).tax_class.tax_class_id
        self.item_id = self.item("TAS-01", BARCODE)
        self.receive(self.warehouse_id, stock)
        account = reconciliation_pb2.BankAccount(
            bank="BCA", number="1234567890", holder="Toko Kasir", currency_code="IDR"
        )
        self.account_id = self("CreateBankAccount", bank_account=account).bank_account.bank_account_id

    def location(self, code: str, kind: stock_pb2.LocationKind.ValueType) -> int:
        """Adds a location."""
        location = stock_pb2.Location(code=code, name=code.title(), kind=kind)
        return self("CreateLocation", location=location).location.location_id

    def item(self, sku: str, barcode: str, rupiah: int = 111_000) -> int:
        """Adds an item with one retail price that contains PPN."""
        item = catalogue_pb2.Item(
            sku=sku,
            name=f"Tas {sku}",
            category="tas",
            barcodes=[barcode],
            prices=[catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(rupiah))],
            tax_class_id=self.tax_class_id,
            weight_grams=250,
        )
        return self("CreateItem", item=item).item.item_id

    def receive(self, location_id: int, quantity: int) -> None:
        """Goods of the one item come in."""
        line = stock_pb2.StockLine(item_id=self.item_id, quantity=quantity)
        self("ReceiveStock", location_id=location_id, lines=[line])

    def booking(self, quantity: int = 1, **fields: Any) -> booking_pb2.BookingInput:
        """The one item from the warehouse, paid by transfer."""
        line = booking_pb2.OrderLineInput(
            location_id=self.warehouse_id, item_id=self.item_id, quantity=quantity
        )
        wanted = {
            "customer_name": "Siti Rahmawati",
            "customer_phone": "081234567890",
            "address": common_pb2.Address(
                recipient="Siti Rahmawati", street="Jl. Merdeka 1", city="Bandung", postal_code="40111"
            ),
            "lines": [line],
            "channel": common_pb2.CHANNEL_CHAT,
            "bank_account_id": self.account_id,
        }
        return booking_pb2.BookingInput(**(wanted | fields))

    def book(self, quantity: int = 1, **fields: Any) -> booking_pb2.Order:
        """Books it."""
        return self("CreateBooking", booking=self.booking(quantity, **fields)).order
