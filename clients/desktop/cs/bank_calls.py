"""What customer service asks of the server about the bank's money."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients.common.bank import confirm_all, messages_of, propose, send_statement
from clients.common.money import show_amount
from clients.common.problems import BadInput, CallFailed
from clients.common.request_ids import new_request_id
from clients.common.shop import Shop
from clients.desktop.refusals import why
from clients.desktop.tables import PAGE_SIZE, Page
from kasir.v1.booking_pb2 import ORDER_STATE_REFUND_DUE, ListBookingsRequest, ListBookingsResponse, Order
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import (
    MATCH_DECISION_AUTO,
    MUTATION_STATE_PROPOSED,
    BankAccount,
    ConfirmMatchesRequest,
    ConfirmMatchesResponse,
    ConfirmMatchesResult,
    GetMutationRequest,
    GetMutationResponse,
    IgnoreMutationRequest,
    IgnoreMutationResponse,
    ImportStatementRequest,
    ImportStatementResponse,
    JoinMutationsRequest,
    JoinMutationsResponse,
    ListBankAccountsRequest,
    ListBankAccountsResponse,
    ListMutationsRequest,
    ListMutationsResponse,
    MatchMutationRequest,
    MatchMutationResponse,
    Mutation,
    MutationAllocation,
    MutationState,
    ProposeMatchesResponse,
    RefundOrderRequest,
    RefundOrderResponse,
    UndoMatchRequest,
    UndoMatchResponse,
)

# Of so many orders that one mutation may pay more is shown than their numbers.
ORDERS_SHOWN_MAX = 20

Amounts = dict[str, int]


@dataclass(frozen=True)
class Side:
    """A mutation with those that pay the same order together with it, and the orders that all of it names."""

    mutations: tuple[Mutation, ...]
    orders: dict[int, Order]


@dataclass
class Sure:
    """What the matcher is sure of, and what of its proposals is left for a person."""

    count: int = 0
    amounts: Amounts = field(default_factory=dict)
    others: int = 0

    def words(self) -> str:
        """The sum, of each currency."""
        return " + ".join(show_amount(minor, code) for code, minor in sorted(self.amounts.items()))


@dataclass(frozen=True)
class Confirmed:
    """How many were confirmed, and why others were not."""

    count: int
    refused: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Imported:
    """What became of a statement, and what the matcher made of its new rows; None where there are none."""

    reply: ImportStatementResponse
    account: str
    matched: ProposeMatchesResponse | None


def accounts(shop: Shop) -> Sequence[BankAccount]:
    """All of the shop's."""
    return shop.call(ListBankAccountsRequest(), ListBankAccountsResponse).bank_accounts


def mutations(account_id: int, state: MutationState.ValueType, shop: Shop, token: str) -> Page:
    """A page of an account's mutations; of all accounts for 0."""
    request = ListMutationsRequest(
        bank_account_id=account_id, state=state, page_size=PAGE_SIZE, page_token=token
    )
    reply = shop.call(request, ListMutationsResponse)
    return Page(reply.mutations, reply.next_page_token)


def mutation(mutation_id: int, shop: Shop) -> Mutation:
    """One as it is now."""
    return shop.call(GetMutationRequest(mutation_id=mutation_id), GetMutationResponse).mutation


def several(numbers: Sequence[int], shop: Shop) -> list[Mutation]:
    """Several as they are now."""
    return [mutation(number, shop) for number in numbers]


def side(chosen: Mutation, shop: Shop) -> Side:
    """All that stands beside a mutation; an order that cannot be read is left out."""
    together = (chosen, *several(chosen.proposal.joined_mutation_ids, shop))
    orders = {}
    for order_id in list(dict.fromkeys(_named(together)))[:ORDERS_SHOWN_MAX]:
        try:
            orders[order_id] = shop.order_by_id(order_id)
        except CallFailed as failed:
            if not failed.settled:
                raise
    return Side(together, orders)


def _named(together: Iterable[Mutation]) -> Iterable[int]:
    for each in together:
        yield from (allocation.order_id for allocation in each.allocations)
        yield from (allocation.order_id for allocation in each.proposal.allocations)
        for candidate in each.proposal.candidates:
            yield from candidate.order_ids


def send(
    file: Path, account_id: int, allow_broken: bool, told: Callable[[int, int], None], shop: Shop
) -> Imported:
    """Sends a statement and lets the matcher look at what it brought; `told` hears how many of how many
    pieces have gone out.
    """
    header = ImportStatementRequest.Header(
        request_id=new_request_id(), bank_account_id=account_id, allow_broken=allow_broken
    )
    pieces = messages_of(file.stat().st_size)
    reply = send_statement(shop, file, header, lambda count: told(count, pieces))
    matched = propose(shop, reply.bank_account_id) if reply.new_rows + reply.posted_rows else None
    return Imported(reply, shop.account_words(reply.bank_account_id), matched)


def match(account_ids: Sequence[int], shop: Shop) -> ProposeMatchesResponse:
    """Lets the matcher look at accounts anew."""
    total = ProposeMatchesResponse()
    for account_id in account_ids:
        reply = propose(shop, account_id)
        total.auto += reply.auto
        total.suggested += reply.suggested
        total.withdrawn += reply.withdrawn
        total.unmatched += reply.unmatched
    return total


def count_sure(account_ids: Sequence[int], shop: Shop) -> Sure:
    """Lets the matcher look once more, and counts what it is sure of."""
    match(account_ids, shop)
    found = Sure()
    for account_id in account_ids:
        request = ListMutationsRequest(bank_account_id=account_id, state=MUTATION_STATE_PROPOSED)
        for each in shop.each(request, ListMutationsResponse, "mutations"):
            if each.proposal.decision != MATCH_DECISION_AUTO:
                found.others += 1
                continue
            found.count += 1
            code = each.amount.currency_code
            found.amounts[code] = found.amounts.get(code, 0) + each.amount.minor_units
    return found


def confirm_sure(account_ids: Sequence[int], told: Callable[[int, int], None], shop: Shop) -> Confirmed:
    """Confirms all that is sure; `told` hears how many are done (of how many: 0, nobody knows)."""
    done: list[ConfirmMatchesResult] = []
    for account_id in account_ids:
        for each in confirm_all(shop, account_id):
            done.append(each)
            told(len(done), 0)
    refused = [(each.mutation_id, why(shop, each.error)) for each in done if each.HasField("error")]
    return Confirmed(len(done) - len(refused), tuple(refused))


def confirm(chosen: Mutation, shop: Shop) -> Mutation:
    """Confirms what is proposed for one, together with those that pay the same order. Raises BadInput."""
    number = chosen.mutation_id
    request = ConfirmMatchesRequest(bank_account_id=chosen.bank_account_id, mutation_ids=[number])
    reply = shop.call(request, ConfirmMatchesResponse, note=f"confirm mutation {number}")
    for each in reply.results:
        if each.HasField("error"):
            raise BadInput(why(shop, each.error))
    return mutation(number, shop)


def allocate(
    number: int, allocations: Sequence[MutationAllocation], credit: bool, shop: Shop
) -> MatchMutationResponse:
    """Says by hand what a mutation pays."""
    request = MatchMutationRequest(mutation_id=number, allocations=allocations, credit_remainder=credit)
    return shop.call(request, MatchMutationResponse, note=f"allocate mutation {number}")


def join(
    numbers: Sequence[int], order_id: int, write_off: Money | None, credit: bool, shop: Shop
) -> JoinMutationsResponse:
    """Says by hand that several pay one order together."""
    request = JoinMutationsRequest(
        mutation_ids=numbers, order_id=order_id, write_off=write_off, credit_remainder=credit
    )
    note = f"join {len(numbers)} mutations for order {order_id}"
    return shop.call(request, JoinMutationsResponse, note=note)


def undo(numbers: Sequence[int], shop: Shop) -> list[Mutation]:
    """Takes back what was confirmed, the last first, or that one pays nothing."""
    return [
        shop.call(
            UndoMatchRequest(mutation_id=number), UndoMatchResponse, note=f"undo match {number}"
        ).mutation
        for number in reversed(numbers)
    ]


def ignore(number: int, reason: str, shop: Shop) -> Mutation:
    """Says that it pays no order."""
    request = IgnoreMutationRequest(mutation_id=number, reason=reason)
    return shop.call(request, IgnoreMutationResponse, note=f"ignore mutation {number}").mutation


def refunds(shop: Shop, token: str) -> Page:
    """A page of the orders whose money is to be given back."""
    request = ListBookingsRequest(state=ORDER_STATE_REFUND_DUE, page_size=PAGE_SIZE, page_token=token)
    reply = shop.call(request, ListBookingsResponse)
    return Page(reply.orders, reply.next_page_token)


def refund(order_id: int, reference: str, shop: Shop) -> Order:
    """Records that an order's money was given back."""
    request = RefundOrderRequest(order_id=order_id, reference=reference)
    return shop.call(request, RefundOrderResponse, note=f"refund of order {order_id}").order
