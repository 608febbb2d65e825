"""Bank work that takes more than one call: a statement sent piece by piece, the matcher run to its end, all
confirmed that is sure.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from clients.common.problems import BadInput
from clients.common.shop import Shop
from kasir.v1.reconciliation_pb2 import (
    ConfirmMatchesRequest,
    ConfirmMatchesResponse,
    ConfirmMatchesResult,
    ImportStatementRequest,
    ImportStatementResponse,
    ProposeMatchesRequest,
    ProposeMatchesResponse,
)

# The contract's bounds on a statement and its pieces.
STATEMENT_BYTES_MAX = 1024 * 1024 * 1024
PIECE_BYTES = 256 * 1024
# A larger file is not written to this machine's disk a second time: when its answer is lost it is sent again,
# and its rows are known by then.
KEPT_BYTES_MAX = 64 * 1024 * 1024


def check_size(file: Path) -> int:
    """The statement's bytes. Raises BadInput for none and for more than the server takes, OSError."""
    size = file.stat().st_size
    if size > STATEMENT_BYTES_MAX:
        raise BadInput(
            "{file} has {size} MiB; a statement has at most {most}.",
            file=file,
            size=size // 2**20,
            most=STATEMENT_BYTES_MAX // 2**20,
        )
    if size == 0:
        raise BadInput("{file} is empty.", file=file)
    return size


def is_kept(size: int) -> bool:
    """Whether a statement of so many bytes waits in the journal for its answer."""
    return size <= KEPT_BYTES_MAX


def messages_of(size: int) -> int:
    """In how many messages a statement of so many bytes is sent."""
    return -(-size // PIECE_BYTES) + 1


def send_statement(
    shop: Shop,
    file: Path,
    header: ImportStatementRequest.Header,
    on_sent: Callable[[int], None] | None = None,
) -> ImportStatementResponse:
    """Sends a file whose header has its request id. `on_sent` hears how many messages of the current try have
    gone out. Raises BadInput as `check_size`, CallFailed, OSError.
    """
    return shop.client.upload(
        ImportStatementRequest(header=header),
        lambda: (ImportStatementRequest(chunk=piece) for piece in _pieces(file)),
        header.request_id,
        ImportStatementResponse,
        note=f"import {file.name}",
        kept=is_kept(check_size(file)),
        on_sent=on_sent,
    )


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def propose(shop: Shop, account_id: int) -> ProposeMatchesResponse:
    """Runs the matcher to its end, and adds up what it did. Raises CallFailed."""
    total = ProposeMatchesResponse(more=True)
    while total.more:
        reply = shop.call(ProposeMatchesRequest(bank_account_id=account_id), ProposeMatchesResponse)
        total.auto += reply.auto
        total.suggested += reply.suggested
        total.withdrawn += reply.withdrawn
        total.unmatched = reply.unmatched
        total.more = reply.more
    return total


def confirm_all(shop: Shop, account_id: int) -> Iterator[ConfirmMatchesResult]:
    """Confirms all that the matcher is sure of; each is accepted or refused by itself. Raises CallFailed."""
    # What was sure may not be any more, for money that came since: the matcher looks once more.
    propose(shop, account_id)
    seen: set[int] = set()
    while True:
        request = ConfirmMatchesRequest(bank_account_id=account_id, all_auto=True)
        reply = shop.call(request, ConfirmMatchesResponse, note="confirm all sure matches")
        fresh = [each for each in reply.results if each.mutation_id not in seen]
        seen.update(each.mutation_id for each in fresh)
        yield from fresh
        # Refused ones stay proposed and come again; a round of nothing else is the last. One of none at all
        # ended what fell due before it could be paid.
        if not reply.more or (reply.results and not fresh):
            return
