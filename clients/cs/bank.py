"""Payments: the bank's mutations, what they pay, money recorded by hand, money to give back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import Refused, command
from clients.common.money import show_money
from clients.common.numbers import id_argument, parse_id
from clients.common.output import facts, state_number, state_words, table
from clients.common.problems import BadInput
from clients.common.request_ids import new_request_id
from clients.common.shop import PAGE_SIZE_MAX, Shop
from clients.common.views import mutations_table, order_view, orders_table
from clients.cs.desk import BANK, app
from kasir.v1.booking_pb2 import (
    ORDER_STATE_REFUND_DUE,
    GetBookingRequest,
    GetBookingResponse,
    ListBookingsRequest,
    ListBookingsResponse,
    Order,
    OrderState,
)
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import (
    ConfirmMatchesRequest,
    ConfirmMatchesResponse,
    ConfirmMatchesResult,
    GetMutationRequest,
    GetMutationResponse,
    IgnoreMutationRequest,
    IgnoreMutationResponse,
    ImportStatementRequest,
    ImportStatementResponse,
    ListMutationsRequest,
    ListMutationsResponse,
    MatchMutationRequest,
    MatchMutationResponse,
    MutationAllocation,
    MutationState,
    ProposeMatchesRequest,
    ProposeMatchesResponse,
    RecordPaymentRequest,
    RecordPaymentResponse,
    RefundOrderRequest,
    RefundOrderResponse,
    UndoMatchRequest,
    UndoMatchResponse,
)

# The contract's bounds on a statement and its pieces.
STATEMENT_BYTES_MAX = 64 * 1024 * 1024
PIECE_BYTES = 256 * 1024

Account = Annotated[
    str,
    typer.Option(
        "--account",
        envvar="KASIR_ACCOUNT",
        metavar="NUMBER|BANK",
        help="The bank account; not needed if the only one.",
    ),
]


@command(
    app,
    "import",
    [
        "kasir cs import mutasi-bca.csv",
        "kasir cs import mutasi.csv --account 1234567890 --format klikbca-individual",
    ],
    BANK,
)
def import_statement(
    shop: Shop,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The bank's mutation file as downloaded.")
    ],
    account: Annotated[
        str, typer.Option(metavar="NUMBER|BANK", help="Whose file it is; else the number in the file says.")
    ] = "",
    format_: Annotated[str, typer.Option("--format", help="What it is; else its content says.")] = "",
    allow_broken: Annotated[
        bool, typer.Option("--allow-broken", help="Import although sums or balances do not add up.")
    ] = False,
) -> None:
    """Import a bank statement. The same file again, or one that overlaps, adds only what is new."""
    size = file.stat().st_size
    if size > STATEMENT_BYTES_MAX:
        raise BadInput(
            f"{file} has {size // 2**20} MiB; a statement has at most {STATEMENT_BYTES_MAX // 2**20}."
        )
    if size == 0:
        raise BadInput(f"{file} is empty.")
    request_id = new_request_id()
    head = ImportStatementRequest(
        header=ImportStatementRequest.Header(
            request_id=request_id,
            bank_account_id=shop.account(account).bank_account_id if account else 0,
            format=format_,
            allow_broken=allow_broken,
        )
    )
    pieces = [ImportStatementRequest(chunk=piece) for piece in _pieces(file)]
    with shop.progress(f"Sending {file.name}", len(pieces) + 1) as advance:
        sent = 0

        def on_sent(count: int) -> None:
            nonlocal sent
            advance(count - sent)
            sent = count

        note = f"import {file.name}"
        reply = shop.client.upload(
            head, pieces, request_id, ImportStatementResponse, note=note, on_sent=on_sent
        )
    shop.output.emit(reply, lambda: _import_view(shop, reply))
    if reply.new_rows and not shop.output.as_json:
        shop.output.say("Next: kasir cs match, then kasir cs confirm --all-auto.", "dim")


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def _import_view(shop: Shop, reply: ImportStatementResponse) -> Group:
    pairs = [
        ("Format", reply.format),
        ("Account", shop.account_words(reply.bank_account_id)),
        ("Rows", str(reply.rows)),
        ("New", str(reply.new_rows)),
        ("Known already", str(reply.known_rows)),
        ("Not posted yet", str(reply.pending_rows or "")),
    ]
    parts = [facts("Imported", pairs)]
    if reply.refused_rows:
        rows = ((str(each.row), each.reason) for each in reply.refused_rows)
        parts.append(table("Rows not taken", (">Row", "Why"), rows))
    return Group(*parts)


@command(
    app,
    "mutations",
    ["kasir cs mutations", "kasir cs mutations --state posted", "kasir cs mutations --account BCA --json"],
    BANK,
)
def mutations(
    shop: Shop,
    account: Annotated[str, typer.Option(metavar="NUMBER|BANK", help="Only this account's.")] = "",
    state: Annotated[
        str, typer.Option(help="Only these: pending, posted, proposed, confirmed, ignored.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List bank mutations, newest first, with what each pays or may pay."""
    request = ListMutationsRequest(state=state_number(MutationState, state, "MUTATION_STATE"))
    if account:
        request.bank_account_id = shop.account(account).bank_account_id
    found = shop.pages(request, ListMutationsResponse, "mutations", limit)
    shop.output.emit({"mutations": found}, lambda: mutations_table(shop, found, "Bank mutations"))


@command(app, "match", ["kasir cs match", "kasir cs match --account BCA --json"], BANK)
def match(shop: Shop, account: Account = "") -> None:
    """Propose which Book Order each new mutation pays. Nothing is paid before somebody confirms."""
    account_id = shop.account(account).bank_account_id
    total = ProposeMatchesResponse(more=True)
    while total.more:
        reply = shop.call(ProposeMatchesRequest(bank_account_id=account_id), ProposeMatchesResponse)
        total.auto += reply.auto
        total.suggested += reply.suggested
        total.unmatched = reply.unmatched
        total.more = reply.more
    pairs = [
        ("Sure", f"{total.auto}  (kasir cs confirm --all-auto)"),
        ("To be looked at", f"{total.suggested}  (kasir cs mutations --state proposed)"),
        ("Without a match", f"{total.unmatched}  (kasir cs mutations --state posted)"),
    ]
    shop.output.emit(total, lambda: facts("Proposed matches", pairs))


@command(app, "confirm", ["kasir cs confirm --all-auto", "kasir cs confirm 31 32 --account BCA"], BANK)
def confirm(
    shop: Shop,
    mutation: Annotated[list[int] | None, id_argument("Numbers of proposed mutations.")] = None,
    all_auto: Annotated[bool, typer.Option("--all-auto", help="All that the matcher is sure of.")] = False,
    account: Account = "",
) -> None:
    """Confirm proposed matches: the orders are paid. Each one is accepted or refused by itself.

    Ends with status 1 when one was refused.
    """
    if bool(mutation) == all_auto:
        raise BadInput("Name the mutations, or say --all-auto.")
    account_id = shop.account(account).bank_account_id
    results: list[ConfirmMatchesResult] = []
    if mutation:
        for start in range(0, len(mutation), PAGE_SIZE_MAX):
            part = mutation[start : start + PAGE_SIZE_MAX]
            request = ConfirmMatchesRequest(bank_account_id=account_id, mutation_ids=part)
            results.extend(
                shop.call(request, ConfirmMatchesResponse, note=f"confirm {len(part)} matches").results
            )
    else:
        results.extend(_confirm_all(shop, account_id))
    shop.output.emit({"results": results}, lambda: _confirm_view(shop, results))
    if any(each.HasField("error") for each in results):
        raise Refused


def _confirm_all(shop: Shop, account_id: int) -> Iterator[ConfirmMatchesResult]:
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


def _confirm_view(shop: Shop, results: list[ConfirmMatchesResult]) -> Group:
    done = [each for each in results if not each.HasField("error")]
    states: dict[str, int] = {}
    for each in done:
        words = state_words(OrderState, each.order_state, "ORDER_STATE")
        states[words] = states.get(words, 0) + 1
    pairs = [("Confirmed", str(len(done)))] + [
        (f"  now {words}", str(count)) for words, count in states.items()
    ]
    parts = [facts("Matches", pairs)]
    refused = [(str(each.mutation_id), shop.why(each.error)) for each in results if each.HasField("error")]
    if refused:
        parts.append(table("Refused", (">Mutation", "Why"), refused))
    return Group(*parts)


@command(
    app,
    "allocate",
    [
        "kasir cs allocate 31 4711",
        "kasir cs allocate 31 4711=100.000 4712=50.000 --credit",
        "kasir cs allocate 31 --credit-to 08123456789",
    ],
    BANK,
)
def allocate(
    shop: Shop,
    mutation: Annotated[int, id_argument("The mutation's number.")],
    order: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ORDER[=AMOUNT]]...", help="What it pays; else all that is due."),
    ] = None,
    credit: Annotated[
        bool, typer.Option("--credit", help="Keep what is left over as the customer's credit.")
    ] = False,
    credit_to: Annotated[
        str, typer.Option(metavar="PHONE|#N", help="Keep it as this customer's credit; no order is needed.")
    ] = "",
) -> None:
    """Say by hand which Book Orders a mutation pays."""
    left = shop.call(GetMutationRequest(mutation_id=mutation), GetMutationResponse).mutation.amount
    if left.minor_units <= 0:
        raise BadInput(f"Mutation {mutation} is {show_money(left)}: money that went out pays no order.")
    allocations = []
    for text in order or []:
        number, _, typed = text.partition("=")
        order_id = parse_id(number, "Book Order")
        amount = shop.payment(typed, left.currency_code) if typed else _due(shop, order_id, left)
        left.minor_units -= amount.minor_units
        allocations.append(MutationAllocation(order_id=order_id, amount=amount))
    request = MatchMutationRequest(mutation_id=mutation, allocations=allocations, credit_remainder=credit)
    if credit_to:
        request.credit_remainder = True
        request.credit_customer_id = shop.customer(credit_to).customer_id
    reply = shop.call(request, MatchMutationResponse, note=f"allocate mutation {mutation}")
    shop.output.emit(
        reply,
        lambda: Group(
            mutations_table(shop, [reply.mutation], "Allocated"),
            orders_table(shop, reply.orders, "Orders now"),
        ),
    )


def _due(shop: Shop, order_id: int, at_most: Money) -> Money:
    due = _left_to_pay(shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order)
    if at_most.minor_units <= 0:
        raise BadInput(f"Nothing of the money is left for order {order_id}: the orders before take it all.")
    due.minor_units = min(due.minor_units, at_most.minor_units)
    return due


def _left_to_pay(order: Order) -> Money:
    """What is missing. Raises BadInput when nothing is."""
    minor_units = order.payable.minor_units - order.paid.minor_units
    if minor_units <= 0:
        raise BadInput(f"Order {order.order_id} has nothing left to pay: {show_money(order.paid)} is paid.")
    return Money(currency_code=order.payable.currency_code, minor_units=minor_units)


@command(app, "undo", ["kasir cs undo 31"], BANK)
def undo(
    shop: Shop, mutation: Annotated[int, id_argument("A confirmed or ignored mutation's number.")]
) -> None:
    """Take a confirmed match back, or that a mutation is ignored. Not once one of its orders was sold."""
    reply = shop.call(
        UndoMatchRequest(mutation_id=mutation), UndoMatchResponse, note=f"undo match {mutation}"
    )
    shop.output.emit(reply, lambda: mutations_table(shop, [reply.mutation], "Taken back"))


@command(app, "ignore", ["kasir cs ignore 31 --reason 'bank interest'"], BANK)
def ignore(
    shop: Shop,
    mutation: Annotated[int, id_argument("The mutation's number.")],
    reason: Annotated[str, typer.Option(help="Why it pays no order.")],
) -> None:
    """Say that a mutation pays no order."""
    request = IgnoreMutationRequest(mutation_id=mutation, reason=reason)
    reply = shop.call(request, IgnoreMutationResponse, note=f"ignore mutation {mutation}")
    shop.output.emit(reply, lambda: mutations_table(shop, [reply.mutation], "Ignored"))


@command(
    app,
    "pay",
    [
        "kasir cs pay 4711 --method marketplace --reference TKP-99120",
        "kasir cs pay 4711 --amount 50.000 --method cash",
    ],
    BANK,
)
def pay(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    method: Annotated[str, typer.Option(help="How: marketplace, gateway, cash, …")],
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="How much; else all that is due.")] = "",
    reference: Annotated[str, typer.Option(help="The payer's reference. Never a card number.")] = "",
) -> None:
    """Record money that came otherwise than by a bank mutation."""
    money = shop.payment(amount) if amount else None
    if money is None:
        money = _left_to_pay(shop.call(GetBookingRequest(order_id=order), GetBookingResponse).order)
    request = RecordPaymentRequest(order_id=order, amount=money, method=method, reference=reference)
    reply = shop.call(request, RecordPaymentResponse, note=f"payment of order {order}")
    shop.output.emit(reply, lambda: order_view(shop, reply.order))


@command(app, "refunds", ["kasir cs refunds", "kasir cs refunds --json"], BANK)
def refunds(shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 200) -> None:
    """List orders whose money is to be given back."""
    request = ListBookingsRequest(state=ORDER_STATE_REFUND_DUE)
    found = shop.pages(request, ListBookingsResponse, "orders", limit)
    rows = (
        (
            str(each.order_id),
            each.customer_name,
            each.customer_phone,
            show_money(each.paid),
            shop.time(each.update_time),
        )
        for each in found
    )
    columns = (">Order", "Customer", "Phone", ">To give back", "Since")
    shop.output.emit({"orders": found}, lambda: table("Refunds due", columns, rows))


@command(app, "refund", ["kasir cs refund 4711 --reference 'BCA 2026-03-05 0012'"], BANK)
def refund(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    reference: Annotated[str, typer.Option(help="The bank's reference of the money sent back.")],
) -> None:
    """Record that the money of an order was given back."""
    request = RefundOrderRequest(order_id=order, reference=reference)
    reply = shop.call(request, RefundOrderResponse, note=f"refund of order {order}")
    shop.output.emit(reply, lambda: orders_table(shop, [reply.order], "Refunded"))
