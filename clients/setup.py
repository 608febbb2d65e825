"""What a shop sets up once: `kasir setup`."""

from decimal import Decimal
from typing import Annotated

import typer
from rich.console import RenderableType

from clients import admin
from clients.common.commands import command, new_app
from clients.common.numbers import parse_whole
from clients.common.output import state_number, state_words, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from kasir.v1.catalogue_pb2 import CreateTaxClassRequest, CreateTaxClassResponse, TaxClass, TaxMode
from kasir.v1.reconciliation_pb2 import BankAccount, CreateBankAccountRequest, CreateBankAccountResponse
from kasir.v1.shipping_pb2 import Courier, CreateCourierRequest, CreateCourierResponse
from kasir.v1.stock_pb2 import CreateLocationRequest, CreateLocationResponse, Location, LocationKind
from kasir.v1.till_pb2 import CreateTillRequest, CreateTillResponse, Till

app = new_app("setup", "Set the shop up: settings, locations, tills, bank accounts, couriers, tax classes.")

command(
    app,
    "settings",
    ["kasir setup settings", "kasir setup settings --shop-name 'Toko Melati' --zone WIB --booking 3h"],
)(admin.settings)

# What the contract's field can carry; the server says how many there may be.
UNIQUE_CODE_MAX = 2**31 - 1

Code = Annotated[str, typer.Argument(help="Short code, unique; what you will type from now on.")]
Name = Annotated[str, typer.Argument(help="Name in full.")]


@command(
    app,
    "location",
    [
        "kasir setup location GUDANG 'Gudang utama' --kind warehouse",
        "kasir setup location MEJA-CS 'Meja CS' --kind cs-desk",
        "kasir setup location TOKO 'Toko Melati' --kind shop",
    ],
)
def location(
    shop: Shop,
    code: Code,
    name: Name,
    kind: Annotated[str, typer.Option(help="warehouse, cs-desk or shop.")],
) -> None:
    """Add a place where stock stands."""
    number = state_number(LocationKind, kind, "LOCATION_KIND")
    request = CreateLocationRequest(location=Location(code=code, name=name, kind=number))
    reply = shop.call(request, CreateLocationResponse, note=f"add location {code}")
    shop.output.emit(reply, lambda: _locations_table([reply.location]))


@command(app, "locations", ["kasir setup locations", "kasir setup locations --json"])
def locations(shop: Shop) -> None:
    """List the locations."""
    shop.output.emit({"locations": shop.locations}, lambda: _locations_table(list(shop.locations)))


def _locations_table(found: list[Location]) -> RenderableType:
    rows = ((each.code, each.name, state_words(LocationKind, each.kind, "LOCATION_KIND")) for each in found)
    return table("Locations", ("Code", "Name", "Kind"), rows)


@command(
    app, "till", ["kasir setup till KASIR-1 --location TOKO", "kasir setup till KASIR-CS --location MEJA-CS"]
)
def till(
    shop: Shop,
    code: Code,
    location_: Annotated[
        str, typer.Option("--location", metavar="CODE", help="The shop or CS desk it stands at.")
    ],
) -> None:
    """Add a till."""
    request = CreateTillRequest(till=Till(code=code, location_id=shop.location(location_).location_id))
    reply = shop.call(request, CreateTillResponse, note=f"add till {code}")
    rows = [(reply.till.code, shop.location_code(reply.till.location_id))]
    shop.output.emit(reply, lambda: table("Till", ("Code", "Location"), rows))


@command(
    app,
    "account",
    [
        "kasir setup account BCA 1234567890 'Toko Melati'",
        "kasir setup account BCA 1234567890 'Toko Melati' --codes 1-499 --subtract",
    ],
)
def account(
    shop: Shop,
    bank: Annotated[str, typer.Argument(help="The bank, like BCA.")],
    number: Annotated[str, typer.Argument(help="The account's number, digits.")],
    holder: Annotated[str, typer.Argument(help="Whose name it is in.")],
    currency: Annotated[str, typer.Option(help="ISO 4217; the shop's when not said.")] = "",
    codes: Annotated[str, typer.Option(metavar="MIN-MAX", help="Unique codes to give; else 1-999.")] = "",
    subtract: Annotated[
        bool, typer.Option("--subtract", help="Take the unique code off instead of adding it.")
    ] = False,
) -> None:
    """Add a bank account that customers transfer to."""
    low, dash, high = codes.partition("-")
    lowest, highest = parse_whole(low or "0"), parse_whole(high or "0")
    named = bool(dash and low and high) or not codes
    if not named or lowest is None or highest is None or max(lowest, highest) > UNIQUE_CODE_MAX:
        raise BadInput(f"'{codes}' is no range of unique codes: write it like 1-999.")
    wanted = BankAccount(
        bank=bank,
        number=number.replace("-", "").replace(" ", ""),
        holder=holder,
        currency_code=currency.upper() or shop.settings.currency_code,
        unique_code_min=lowest,
        unique_code_max=highest,
        unique_code_subtracts=subtract,
    )
    request = CreateBankAccountRequest(bank_account=wanted)
    reply = shop.call(request, CreateBankAccountResponse, note=f"add account {bank} {number}")
    shop.output.emit(reply, lambda: _accounts_table([reply.bank_account]))


@command(app, "accounts", ["kasir setup accounts", "kasir setup accounts --json"])
def accounts(shop: Shop) -> None:
    """List the bank accounts."""
    shop.output.emit({"bank_accounts": shop.accounts}, lambda: _accounts_table(list(shop.accounts)))


def _accounts_table(found: list[BankAccount]) -> RenderableType:
    rows = (
        (
            each.bank,
            each.number,
            each.holder,
            each.currency_code,
            f"{each.unique_code_min}-{each.unique_code_max}",
            "taken off" if each.unique_code_subtracts else "added",
        )
        for each in found
    )
    return table("Bank accounts", ("Bank", "Number", "Holder", "Currency", "Unique code", "It is"), rows)


@command(
    app,
    "courier",
    ["kasir setup courier JNE 'JNE Express' --connected", "kasir setup courier TOKO 'Own driver'"],
)
def courier(
    shop: Shop,
    code: Code,
    name: Name,
    connected: Annotated[
        bool,
        typer.Option("--connected", help="An agent asks it for airway bills; else they are entered by hand."),
    ] = False,
) -> None:
    """Add a courier. 'kasir courier list' lists them."""
    request = CreateCourierRequest(courier=Courier(code=code, name=name, connected=connected))
    reply = shop.call(request, CreateCourierResponse, note=f"add courier {code}")
    rows = [(reply.courier.code, reply.courier.name, "connected" if reply.courier.connected else "by hand")]
    shop.output.emit(reply, lambda: table("Courier", ("Code", "Name", "AWB"), rows))


@command(
    app,
    "tax-class",
    [
        "kasir setup tax-class PPN11 'PPN 11%' --rate 11 --mode inclusive",
        "kasir setup tax-class PB1 'PB1' --rate 10 --mode exclusive",
    ],
)
def tax_class(
    shop: Shop,
    code: Code,
    name: Annotated[str, typer.Argument(help="What receipts show.")],
    rate: Annotated[str, typer.Option(metavar="PERCENT", help="Like 11 or 7,25.")],
    mode: Annotated[str, typer.Option(help="inclusive: prices contain it; exclusive: it is added.")],
) -> None:
    """Add a tax class."""
    wanted = TaxClass(
        code=code,
        name=name,
        rate_basis_points=_basis_points(rate),
        mode=state_number(TaxMode, mode, "TAX_MODE"),
    )
    reply = shop.call(
        CreateTaxClassRequest(tax_class=wanted), CreateTaxClassResponse, note=f"add tax class {code}"
    )
    shop.output.emit(reply, lambda: _tax_classes_table([reply.tax_class]))


def _basis_points(text: str) -> int:
    """Reads a rate in percent as whole basis points. Raises BadInput."""
    try:
        points = Decimal(text.strip().removesuffix("%").strip().replace(",", ".")) * 100
    except ArithmeticError as error:
        raise BadInput(f"'{text}' is not a rate in percent, like 11 or 7,25.") from error
    if not points.is_finite() or not 0 <= points <= 10_000 or points != int(points):
        raise BadInput(f"'{text}' is not a rate from 0 to 100 percent with at most two decimals.")
    return int(points)


@command(app, "tax-classes", ["kasir setup tax-classes", "kasir setup tax-classes --json"])
def tax_classes(shop: Shop) -> None:
    """List the tax classes."""
    shop.output.emit({"tax_classes": shop.tax_classes}, lambda: _tax_classes_table(list(shop.tax_classes)))


def _tax_classes_table(found: list[TaxClass]) -> RenderableType:
    rows = (
        (
            each.code,
            each.name,
            f"{Decimal(each.rate_basis_points) / 100:g} %",
            state_words(TaxMode, each.mode, "TAX_MODE"),
        )
        for each in found
    )
    return table("Tax classes", ("Code", "Name", ">Rate", "Price"), rows)
