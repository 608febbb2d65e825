"""Saved column mappings: which column of an account's CSV files and spreadsheets means what."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from clients.common.commands import command
from clients.common.output import facts, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.cs.bank import read_mapping
from clients.cs.desk import BANK, Account, OnlyAccount, app
from kasir.v1.reconciliation_pb2 import (
    ColumnMapping,
    DeleteColumnMappingRequest,
    DeleteColumnMappingResponse,
    ListColumnMappingsRequest,
    ListColumnMappingsResponse,
    SaveColumnMappingRequest,
    SaveColumnMappingResponse,
)

Name = Annotated[str, typer.Argument(help="What it is called, like bank-jago.")]


@command(
    app,
    "save-mapping",
    [
        "kasir cs save-mapping bank-jago columns.toml --account 1234567890",
        "kasir cs save-mapping bank-jago columns.json --account JAGO",
    ],
    BANK,
)
def save_mapping(
    shop: Shop,
    name: Name,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Which column means what: TOML or JSON.")
    ],
    account: Account = "",
) -> None:
    """Keep a mapping of columns for an account's files. One of the same name is replaced.

    From then on kasir cs import finds it by itself: by the header of the file.
    """
    found = shop.account(account)
    mapping = ColumnMapping(bank_account_id=found.bank_account_id, name=name, mapping=read_mapping(file))
    request = SaveColumnMappingRequest(column_mapping=mapping)
    reply = shop.call(request, SaveColumnMappingResponse, note=f"mapping {name} of account {found.number}")
    shop.output.emit(reply, lambda: _view(shop, reply.column_mapping))


@command(
    app,
    "mappings",
    ["kasir cs mappings", "kasir cs mappings bank-jago", "kasir cs mappings --account JAGO --json"],
    BANK,
)
def mappings(
    shop: Shop,
    name: Annotated[str, typer.Argument(help="Show this one in full.")] = "",
    account: OnlyAccount = "",
) -> None:
    """List saved mappings of columns, or show one in full."""
    found = _saved(shop, account)
    if name:
        mapping = _named(found, name)
        shop.output.emit(mapping, lambda: Text(mapping.mapping))
        return
    shop.output.emit({"column_mappings": found}, lambda: _table(shop, found))


@command(
    app,
    "delete-mapping",
    ["kasir cs delete-mapping bank-jago", "kasir cs delete-mapping bank-jago --account JAGO"],
    BANK,
)
def delete_mapping(shop: Shop, name: Name, account: OnlyAccount = "") -> None:
    """Forget a saved mapping of columns. What was imported by it stays."""
    mapping = _named(_saved(shop, account), name)
    request = DeleteColumnMappingRequest(column_mapping_id=mapping.column_mapping_id)
    reply = shop.call(request, DeleteColumnMappingResponse, note=f"forget mapping {mapping.name}")
    shop.output.emit(reply, lambda: _view(shop, reply.column_mapping, "Forgotten"))


def _saved(shop: Shop, account: str) -> list[ColumnMapping]:
    request = ListColumnMappingsRequest()
    if account:
        request.bank_account_id = shop.account(account).bank_account_id
    return list(shop.each(request, ListColumnMappingsResponse, "column_mappings"))


def _named(found: list[ColumnMapping], name: str) -> ColumnMapping:
    """The one of that name, whatever the case. Raises BadInput."""
    named = [mapping for mapping in found if mapping.name.lower() == name.strip().lower()]
    if not named:
        there = ", ".join(mapping.name for mapping in found) or "none"
        raise BadInput(f"No mapping is saved as '{name}'. There are: {there}.")
    if len(named) > 1:
        raise BadInput(f"Several accounts have a mapping '{name}': add --account.")
    return named[0]


def _table(shop: Shop, found: list[ColumnMapping]) -> RenderableType:
    rows = (
        (each.name, shop.account_words(each.bank_account_id), each.saved_by, shop.time(each.save_time))
        for each in found
    )
    return table("Saved mappings", ("Name", "Account", "Saved by", "When"), rows)


def _view(shop: Shop, mapping: ColumnMapping, title: str = "Saved") -> RenderableType:
    pairs = [
        ("Mapping", mapping.name),
        ("Account", shop.account_words(mapping.bank_account_id)),
        ("Saved by", mapping.saved_by),
        ("When", shop.time(mapping.save_time)),
    ]
    return facts(title, pairs)
