"""Which saved column mapping a bank's file is read by: the one that is named, or the one that fits its
header.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from engine import Code, Engine, EngineError
from kasir.v1 import reconciliation_pb2
from server.calls import field_error
from server.statements import fitting

LIST_COLUMN_MAPPINGS = "/kasir.v1.ReconciliationService/ListColumnMappings"

Header = reconciliation_pb2.ImportStatementRequest.Header


@dataclass(frozen=True, slots=True)
class Choice:
    """How a file is to be read."""

    mapping: str
    """Which column means what; empty: the file says by itself."""
    bank_account_id: int
    """Whose file it is; 0: the file says."""
    name: str = ""
    """What the mapping was saved as; empty when it was not."""
    unfit: tuple[str, ...] = ()
    """The saved mappings that do not fit."""


def choose(engine: Engine, header: Header, file: BinaryIO) -> Choice:
    """The mapping for an upload. Reads how the file begins.

    Raises EngineError: COLUMN_MAPPING_NOT_FOUND, COLUMN_MAPPING_AMBIGUOUS, FIELD_MALFORMED.
    """
    if header.mapping and header.mapping_name:
        raise field_error(
            "FIELD_MALFORMED", "header.mapping_name", "Send a mapping or the name of a saved one, not both."
        )
    if header.mapping or (header.format and not header.mapping_name):
        return Choice(header.mapping, header.bank_account_id)
    saved = list(_saved(engine, header.bank_account_id))
    if header.mapping_name:
        wanted = header.mapping_name.strip().lower()
        found = [mapping for mapping in saved if mapping.name.lower() == wanted]
        if not found:
            raise EngineError(
                Code.NOT_FOUND,
                "COLUMN_MAPPING_NOT_FOUND",
                f"No column mapping is saved as {header.mapping_name}; there are: {_names(saved) or 'none'}.",
                {"field": "header.mapping_name", "name": header.mapping_name},
            )
    else:
        found = [saved[place] for place in fitting(file, [mapping.mapping for mapping in saved])]
        if not found:
            return Choice("", header.bank_account_id, unfit=tuple(mapping.name for mapping in saved))
    if len(found) > 1:
        raise _ambiguous(header, found)
    return Choice(found[0].mapping, found[0].bank_account_id, found[0].name)


def _ambiguous(header: Header, found: list[reconciliation_pb2.ColumnMapping]) -> EngineError:
    if header.mapping_name:
        words = f"Several bank accounts have a mapping {header.mapping_name}: say whose file it is."
        field = "header.bank_account_id"
    else:
        words = f"Several saved mappings fit the file's header: {_names(found)}. Say which by its name."
        field = "header.mapping_name"
    return EngineError(
        Code.INVALID_ARGUMENT, "COLUMN_MAPPING_AMBIGUOUS", words, {"field": field, "names": _names(found)}
    )


def _names(mappings: list[reconciliation_pb2.ColumnMapping]) -> str:
    return ", ".join(mapping.name for mapping in mappings)


def _saved(engine: Engine, bank_account_id: int) -> Iterator[reconciliation_pb2.ColumnMapping]:
    """Every column mapping of an account; 0: of the shop."""
    request = reconciliation_pb2.ListColumnMappingsRequest(bank_account_id=bank_account_id)
    while True:
        answer = engine.query(LIST_COLUMN_MAPPINGS, request.SerializeToString())
        page = reconciliation_pb2.ListColumnMappingsResponse.FromString(answer)
        yield from page.column_mappings
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
