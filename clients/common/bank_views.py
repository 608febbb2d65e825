"""How bank mutations look, and what they pay or may pay."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType

from clients.common.money import show_money
from clients.common.output import facts, state_words, table
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from clients.common.views import order_state, unless_zero
from kasir.v1.reconciliation_pb2 import (
    MATCH_DECISION_AMBIGUOUS,
    MATCH_DECISION_AUTO,
    MATCH_DECISION_SUGGESTED,
    MUTATION_STATE_CONFIRMED,
    MatchCandidate,
    Mutation,
    MutationAllocation,
    MutationState,
    Proposal,
    ProposedAllocation,
)

_HOW_SURE = {
    MATCH_DECISION_AUTO: "sure",
    MATCH_DECISION_SUGGESTED: "likely",
    MATCH_DECISION_AMBIGUOUS: "several fit equally",
}


def mutation_state(mutation: Mutation) -> str:
    """Such as "posted" or "proposed"."""
    return state_words(MutationState, mutation.state, "MUTATION_STATE")


def mutations_table(shop: Shop, mutations: Iterable[Mutation], title: str) -> RenderableType:
    """Bank mutations, one a row, with what each pays or may pay."""
    rows = (
        (
            str(each.mutation_id),
            each.date,
            each.value_date if each.value_date != each.date else "",
            show_money(each.amount),
            mutation_state(each),
            _pays(each),
            each.counterparty,
            each.ignore_reason or each.description,
            shop.account_words(each.bank_account_id),
        )
        for each in mutations
    )
    columns = (">Mutation", "Date", "Value", ">Amount", "State", "Pays", "From or to", "Text", "Account")
    return table(title, columns, rows)


def _pays(mutation: Mutation) -> str:
    if mutation.state == MUTATION_STATE_CONFIRMED:
        parts = [f"order {each.order_id}{_written_off(each)}" for each in mutation.allocations]
        if mutation.credited.minor_units:
            parts.append(f"credit {show_money(mutation.credited)}")
        return " + ".join(parts)
    if not mutation.HasField("proposal"):
        return ""
    proposal = mutation.proposal
    if not proposal.allocations:
        return " or ".join(f"{_numbered(each.order_ids)}?" for each in proposal.candidates)
    with_ = "".join(f" with {number}" for number in proposal.joined_mutation_ids)
    return f"{_numbered([each.order_id for each in proposal.allocations])}{with_}?"


def _numbered(order_ids: Iterable[int]) -> str:
    return " + ".join(f"order {order_id}" for order_id in order_ids)


def _written_off(allocation: MutationAllocation | ProposedAllocation) -> str:
    off = allocation.write_off
    return f", {show_money(off)} written off" if off.minor_units else ""


def mutation_lines(mutation: Mutation) -> list[str]:
    """A mutation in a few lines: what the bank says of it."""
    value = f" (counts from {mutation.value_date})" if _has_another_value_date(mutation) else ""
    lines = [f"{mutation.mutation_id}  {show_money(mutation.amount)}  {mutation.date}{value}"]
    return lines + [text for text in (mutation.counterparty, mutation.description) if text]


def _has_another_value_date(mutation: Mutation) -> bool:
    return mutation.value_date not in {"", mutation.date}


def proposed_lines(shop: Shop, proposal: Proposal) -> list[str]:
    """What a mutation may pay, a line an order, with the customer's name."""
    return [
        f"{show_money(each.amount)} of {order_words(shop, each.order_id)}{_written_off(each)}"
        for each in proposal.allocations
    ]


def how_sure(proposal: Proposal) -> str:
    """How sure the matcher is, and by how much; its weights are nats."""
    sure = _HOW_SURE.get(proposal.decision, "")
    return f"{sure}, {_weight(proposal.score_millinats)} points, {_weight(proposal.margin_millinats)} ahead"


def other_lines(shop: Shop, proposal: Proposal) -> list[str]:
    """What else it may be, best first."""
    chosen = {each.order_id for each in proposal.allocations}
    others = [each for each in proposal.candidates if set(each.order_ids) != chosen]
    return [_candidate(shop, each) for each in others]


def _candidate(shop: Shop, candidate: MatchCandidate) -> str:
    orders = " + ".join(order_words(shop, order_id) for order_id in candidate.order_ids)
    return f"{orders}, {_weight(candidate.score_millinats)} points"


def _weight(millinats: int) -> str:
    """Thousandths as tenths, rounded to nearest; with a point, as in the reasons beside it."""
    tenths = (abs(millinats) + 50) // 100
    return f"{'-' if millinats < 0 and tenths else ''}{tenths // 10}.{tenths % 10}"


def order_words(shop: Shop, order_id: int) -> str:
    """Says "order 7 Sari Dewi, booked" to people; the bare number where the order cannot be read."""
    try:
        order = shop.order_by_id(order_id)
    except CallFailed:
        return f"order {order_id}"
    return f"order {order_id} {order.customer_name}, {order_state(order)}"


def mutation_view(shop: Shop, mutation: Mutation) -> RenderableType:
    """One mutation in full."""
    pairs = [
        ("Account", shop.account_words(mutation.bank_account_id)),
        ("Date", mutation.date),
        ("Counts from", mutation.value_date if _has_another_value_date(mutation) else ""),
        ("Amount", show_money(mutation.amount)),
        ("Balance after", show_money(mutation.balance)),
        ("From" if mutation.amount.minor_units > 0 else "To", mutation.counterparty),
        ("Text", mutation.description),
        ("Bank's reference", mutation.bank_reference),
        ("Equal rows", f"number {mutation.occurrence} of them" if mutation.occurrence > 1 else ""),
        ("Imported", shop.time(mutation.create_time)),
        ("Ignored", mutation.ignore_reason),
        ("Credit", _credit(mutation)),
    ]
    parts = [facts(f"Mutation {mutation.mutation_id}: {mutation_state(mutation)}", pairs)]
    if mutation.allocations:
        parts.append(_paid_table(shop, mutation.allocations))
    if mutation.HasField("proposal"):
        parts.append(_proposal_view(shop, mutation.proposal))
    return Group(*parts)


def _credit(mutation: Mutation) -> str:
    whose = f" of customer {mutation.credited_customer_id}"
    return show_money(mutation.credited) + whose if mutation.credited.minor_units else ""


def _paid_table(shop: Shop, allocations: Sequence[MutationAllocation]) -> RenderableType:
    rows = (
        (order_words(shop, each.order_id), show_money(each.amount), unless_zero(each.write_off))
        for each in allocations
    )
    return table("Pays", ("Order", ">Amount", ">Written off"), rows)


def _proposal_view(shop: Shop, proposal: Proposal) -> RenderableType:
    joined = ", ".join(str(number) for number in proposal.joined_mutation_ids)
    pairs = [("", line) for line in proposed_lines(shop, proposal)]
    pairs += [("Together with", joined), ("How sure", how_sure(proposal))]
    pairs += [("Because", reason) for reason in proposal.reasons]
    pairs += [("Or" if proposal.allocations else "Maybe", line) for line in other_lines(shop, proposal)]
    return facts("May pay", pairs)
