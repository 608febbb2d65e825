//! Which orders a mutation pays: confirming what the matcher proposed, matching and joining by hand.

use std::collections::BTreeSet;

use kasir_matching::{payer_key, tells_payer};

use super::erasure::not_erased;
use super::matching::auto_proposals;
use super::payment::{Paying, Told, customers_of, mutation_ready};
use super::{Answer, Decided, check, small};
use crate::command::{AllocationInput, MoneyInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{BankAccountId, CustomerId, MutationId, OrderId};
use crate::kv::{Fault, View};
use crate::records::{
    Allocation, BankAccount, Mutation, MutationAllocation, Order, Proposal, Settings, find, must, need,
};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::{MatchDecision, MutationAction, OrderState};

/// Most mutations confirmed by one call.
const CONFIRM_MAX: usize = 1_000;

/// The mutations one ConfirmMatches takes, and whether there are more.
pub(crate) fn to_confirm(
    view: &dyn View,
    account_id: BankAccountId,
    ids: &[MutationId],
    all_auto: bool,
) -> Outcome<(Vec<MutationId>, bool)> {
    need::<BankAccount>(view, account_id.0).named("bank_account_id")?;
    if all_auto {
        if !ids.is_empty() {
            let message = "Name mutations or ask for all AUTO ones, not both.";
            return Err(Refusal::field(Reason::FieldMalformed, "mutation_ids", message).into());
        }
        return Ok(auto_proposals(view, account_id, CONFIRM_MAX)?);
    }
    check::count("mutation_ids", ids.len(), CONFIRM_MAX)?;
    Ok((ids.to_vec(), false))
}

/// The orders of the proposals that one ConfirmMatches takes, whether or not it will be refused.
pub(crate) fn orders_to_confirm(
    view: &dyn View,
    account_id: BankAccountId,
    ids: &[MutationId],
    all_auto: bool,
) -> Result<Vec<OrderId>, Fault> {
    let auto = if all_auto { auto_proposals(view, account_id, CONFIRM_MAX)?.0 } else { Vec::new() };
    let mut orders = Vec::new();
    for mutation_id in auto.iter().chain(ids.iter().take(CONFIRM_MAX)) {
        orders.extend(orders_of(view, *mutation_id)?);
    }
    Ok(orders)
}

/// Whether an order of a proposal is overdue but not expired yet: its payment must not come before.
pub(crate) fn is_overdue(view: &dyn View, mutation_id: MutationId, now_ms: i64) -> Result<bool, Fault> {
    for order_id in orders_of(view, mutation_id)? {
        if must::<Order>(view, order_id.0)?.overdue(now_ms) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The orders that a mutation's proposal names.
fn orders_of(view: &dyn View, mutation_id: MutationId) -> Result<Vec<OrderId>, Fault> {
    let proposal = find::<Mutation>(view, mutation_id.0)?.and_then(|mutation| mutation.proposal);
    Ok(proposal.map_or_else(Vec::new, |proposal| proposal.allocations.iter().map(|a| a.order_id).collect()))
}

/// The orders that a confirmed mutation pays.
pub(crate) fn allocated_orders(view: &dyn View, mutation_id: MutationId) -> Result<Vec<OrderId>, Fault> {
    let mutation = find::<Mutation>(view, mutation_id.0)?;
    Ok(mutation.map_or_else(Vec::new, |mutation| mutation.allocations.iter().map(|a| a.order_id).collect()))
}

/// The state of the first of these orders.
pub(crate) fn first_state(view: &dyn View, orders: &[OrderId]) -> Result<OrderState, Fault> {
    match orders.first() {
        Some(order_id) => Ok(must::<Order>(view, order_id.0)?.state),
        None => Err(Fault::Corrupt("a confirmed match names no order".into())),
    }
}

/// Confirms a proposal as it stands, together with those of other mutations that pay the same order with it; `all_auto`:
/// only if those are sure too. An order whose deadline passed meanwhile has changed: its version tells. Returns the
/// mutations, and the orders they pay.
pub(crate) fn confirm(
    view: &dyn View,
    mutation_id: MutationId,
    account_id: BankAccountId,
    all_auto: bool,
    context: &Context<'_>,
) -> Outcome<(Vec<Event>, Vec<MutationId>, Vec<OrderId>)> {
    let mutation = mutation_ready(view, mutation_id, MutationAction::Confirm)?;
    if mutation.bank_account_id != account_id {
        return Err(
            Refusal::not_found(Reason::MutationNotFound, "mutation of this account", mutation_id).into()
        );
    }
    let Some(proposal) = mutation.proposal.clone() else {
        let refusal =
            Refusal::wrong_state("Mutation", mutation_id.0, &mutation.state, &MutationAction::Confirm);
        return Err(refusal.into());
    };
    if proposal.decision == MatchDecision::Ambiguous || proposal.allocations.is_empty() {
        let message = format!("Several orders fit mutation {mutation_id} equally: say which it pays.");
        return Err(Refusal::new(Reason::ProposalAmbiguous, message).with("id", mutation_id).into());
    }
    let mut orders = Vec::with_capacity(proposal.allocations.len());
    for allocation in &proposal.allocations {
        let order: Order = must(view, allocation.order_id.0)?;
        if order.version != allocation.order_version {
            return Err(
                Refusal::stale("order", order.order_id.0, order.version, allocation.order_version).into()
            );
        }
        orders.push(order);
    }
    let order_ids = orders.iter().map(|order| order.order_id).collect();
    let rules = must::<BankAccount>(view, account_id.0)?.matching_rules;
    let mut paying = Paying::new(view, context, rules.write_off_max_minor);
    if proposal.joined.is_empty() {
        let over = rest(&mutation, proposal.allocations.iter().map(|part| part.amount_minor));
        let customer_id = orders.first().map_or(CustomerId(0), |order| order.customer_id);
        let credit = credit(view, &mutation, over, true, customer_id)?;
        let payments = proposal.allocations.iter().zip(orders).map(|(proposed, order)| Payment {
            order,
            amount_minor: proposed.amount_minor,
            write_off_minor: proposed.write_off_minor,
        });
        let events = allocate(view, &mutation, payments.collect(), credit, &mut paying, context)?;
        return Ok((events, vec![mutation_id], order_ids));
    }
    let together = joined(view, mutation_id, &proposal, all_auto)?;
    let ids = together.iter().map(|(mutation, _, _)| mutation.mutation_id).collect();
    let [order] = <[Order; 1]>::try_from(orders).map_err(|_| several_orders(mutation_id))?;
    let mut parts = Vec::with_capacity(together.len());
    for (mutation, paid, off) in &together {
        let credit = credit(view, mutation, rest(mutation, [*paid]), true, order.customer_id)?;
        parts.push(Part { mutation, amount_minor: *paid, write_off_minor: *off, credit });
    }
    let events = pay_together(view, order, &parts, &mut paying, context)?;
    Ok((events, ids, order_ids))
}

/// What of a mutation is left over.
fn rest(mutation: &Mutation, given: impl IntoIterator<Item = i64>) -> i64 {
    mutation.amount_minor - given.into_iter().sum::<i64>()
}

fn several_orders(mutation_id: MutationId) -> Fault {
    Fault::Corrupt(format!("mutation {mutation_id} is proposed with others for several orders"))
}

/// The mutations that pay one order together, by id, with how much each pays and what is written off with it. Refused when
/// one of them is not proposed so any more, or is not sure where all have to be.
fn joined(
    view: &dyn View,
    first: MutationId,
    proposal: &Proposal,
    all_auto: bool,
) -> Outcome<Vec<(Mutation, i64, i64)>> {
    let mut ids: BTreeSet<MutationId> = proposal.joined.iter().copied().collect();
    ids.insert(first);
    let wanted =
        proposal.allocations.first().map(|allocation| (allocation.order_id, allocation.order_version));
    let mut together = Vec::with_capacity(ids.len());
    for id in &ids {
        let mutation: Mutation = must(view, id.0)?;
        let same = mutation.proposal.as_ref().filter(|other| {
            let others: BTreeSet<_> = other.joined.iter().copied().chain([*id]).collect();
            others == ids && (!all_auto || other.decision == MatchDecision::Auto)
        });
        let part = same.and_then(|other| other.allocations.first());
        let Some(part) = part.filter(|part| Some((part.order_id, part.order_version)) == wanted) else {
            let message = format!("Mutation {id}, which pays with it, is not proposed so any more.");
            return Err(Refusal::new(Reason::VersionStale, message).with("id", *id).into());
        };
        let (paid, off) = (part.amount_minor, part.write_off_minor);
        together.push((mutation, paid, off));
    }
    // What is written off is what is left when all have paid.
    together.sort_by_key(|(mutation, _, off)| (*off, mutation.mutation_id));
    Ok(together)
}

/// What a person says that a mutation pays.
pub(crate) struct ByHand<'a> {
    pub(crate) allocations: &'a [AllocationInput],
    pub(crate) credit_remainder: bool,
    /// Whose credit the remainder becomes; 0: of the first order's customer.
    pub(crate) credit_customer_id: CustomerId,
}

/// Allocates a mutation by hand: to orders, or to nobody's order and a customer's credit (who paid twice, say).
pub(crate) fn match_by_hand(
    view: &dyn View,
    mutation_id: MutationId,
    by_hand: &ByHand<'_>,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let mutation = mutation_ready(view, mutation_id, MutationAction::Confirm)?;
    if by_hand.credit_customer_id.is_some() {
        need(view, by_hand.credit_customer_id.0).and_then(not_erased).named("credit_customer_id")?;
        check::at_most("allocations", by_hand.allocations.len(), check::ALLOCATIONS_MAX)?;
    } else {
        check::count("allocations", by_hand.allocations.len(), check::ALLOCATIONS_MAX)?;
    }
    let payments = payments(view, &mutation, by_hand.allocations)?;
    let left = rest(&mutation, payments.iter().map(|payment| payment.amount_minor));
    let of_first = || payments.first().map_or(CustomerId(0), |payment| payment.order.customer_id);
    let named = by_hand.credit_customer_id;
    let customer_id = if named.is_some() { named } else { of_first() };
    let credit = credit(view, &mutation, left, by_hand.credit_remainder, customer_id)?;
    let order_ids = payments.iter().map(|payment| payment.order.order_id).collect();
    let mut paying = Paying::new(view, context, write_off_max(view, &mutation)?);
    let events = allocate(view, &mutation, payments, credit, &mut paying, context)?;
    Ok(Decided::new(events, Answer::Matched(mutation_id, order_ids)))
}

/// The orders to pay by a mutation and how much each, which is not more than it has.
fn payments(view: &dyn View, mutation: &Mutation, allocations: &[AllocationInput]) -> Outcome<Vec<Payment>> {
    let mut payments: Vec<Payment> = Vec::with_capacity(allocations.len());
    let mut orders: BTreeSet<OrderId> = BTreeSet::new();
    for (index, allocation) in allocations.iter().enumerate() {
        let field = |part: &str| format!("allocations[{index}].{part}");
        let order: Order = need(view, allocation.order_id.0).named(field("order_id"))?;
        same_currency(&order, mutation, &field("order_id"))?;
        if !orders.insert(order.order_id) {
            let message = format!("Order {} stands twice.", order.order_id);
            return Err(Refusal::field(Reason::FieldMalformed, field("order_id"), message).into());
        }
        let amount_minor =
            check::money(&field("amount"), allocation.amount.as_ref(), Some(mutation.currency), 1)?.minor;
        let write_off_minor =
            check::optional_money(&field("write_off"), allocation.write_off.as_ref(), mutation.currency)?;
        payments.push(Payment { order, amount_minor, write_off_minor });
    }
    let sum = crate::money::sum(payments.iter().map(|payment| payment.amount_minor))
        .ok_or_else(|| check::amount_out_of_range("allocations"))?;
    if sum > mutation.amount_minor {
        let message = format!("The mutation has {} minor units; {sum} are allocated.", mutation.amount_minor);
        let refusal = Refusal::field(Reason::OverAllocated, "allocations", message);
        return Err(refusal
            .with("available_minor", mutation.amount_minor)
            .with("wanted_minor", sum)
            .with("currency", mutation.currency.code())
            .into());
    }
    Ok(payments)
}

/// The money is the order's kind of money.
fn same_currency(order: &Order, mutation: &Mutation, field: &str) -> Outcome<()> {
    if order.currency == mutation.currency {
        return Ok(());
    }
    let (wanted, given) = (order.currency.code(), mutation.currency.code());
    let message = format!("Order {} is in {wanted}, the money in {given}.", order.order_id);
    Err(Refusal::field(Reason::CurrencyMismatch, field, message).into())
}

fn write_off_max(view: &dyn View, mutation: &Mutation) -> Result<i64, Fault> {
    Ok(must::<BankAccount>(view, mutation.bank_account_id.0)?.matching_rules.write_off_max_minor)
}

/// What is left over after the orders, and whose credit it becomes.
fn credit(
    view: &dyn View,
    mutation: &Mutation,
    remainder: i64,
    allowed: bool,
    customer_id: CustomerId,
) -> Outcome<Option<(CustomerId, i64)>> {
    if remainder == 0 {
        return Ok(None);
    }
    if !allowed {
        let message =
            format!("{remainder} minor units are left over; say that they become the customer's credit.");
        return Err(Refusal::field(Reason::RemainderLeft, "credit_remainder", message)
            .with("remainder_minor", remainder)
            .with("currency", mutation.currency.code())
            .into());
    }
    if mutation.currency != Settings::load(view)?.currency {
        let message = "Credit is kept in the shop's currency only.";
        return Err(Refusal::field(Reason::CurrencyMismatch, "credit_remainder", message).into());
    }
    let has = not_erased(must(view, customer_id.0)?)?.credit_minor;
    check::sum_grows("credit_remainder", "The customer's credit", has, remainder)?;
    Ok(Some((customer_id, remainder)))
}

/// Allocates several mutations by hand to the one order that they pay together, in the order given.
pub(crate) fn join(
    view: &dyn View,
    mutation_ids: &[MutationId],
    order_id: OrderId,
    write_off: Option<&MoneyInput>,
    credit_remainder: bool,
    context: &Context<'_>,
) -> Outcome<Decided> {
    check::at_most("mutation_ids", mutation_ids.len(), check::ALLOCATIONS_MAX)?;
    check::range("mutation_ids", small(mutation_ids.len()).into(), 2, i64::MAX)?;
    let order: Order = need(view, order_id.0).named("order_id")?;
    let write_off_minor = check::optional_money("write_off", write_off, order.currency)?;
    let mut mutations: Vec<Mutation> = Vec::with_capacity(mutation_ids.len());
    for (index, id) in mutation_ids.iter().enumerate() {
        let field = format!("mutation_ids[{index}]");
        let mutation = mutation_ready(view, *id, MutationAction::Confirm).named(&field)?;
        same_currency(&order, &mutation, &field)?;
        let odd = mutations
            .iter()
            .any(|other| other.mutation_id == *id || other.bank_account_id != mutation.bank_account_id);
        if odd {
            let message = format!("Mutation {id} stands twice, or is of another account than the first.");
            return Err(Refusal::field(Reason::FieldMalformed, &field, message).into());
        }
        mutations.push(mutation);
    }
    let mut due = order.due_minor();
    let mut parts = Vec::with_capacity(mutations.len());
    for (index, mutation) in mutations.iter().enumerate() {
        let is_last = index + 1 == mutations.len();
        let amount_minor = if is_last { mutation.amount_minor.min(due) } else { mutation.amount_minor };
        if amount_minor <= 0 || amount_minor > due {
            let message = format!(
                "Order {order_id} has {due} minor units to pay before mutation {}.",
                mutation.mutation_id
            );
            let refusal = Refusal::field(Reason::OverAllocated, format!("mutation_ids[{index}]"), message);
            return Err(refusal.with("due_minor", due).with("currency", order.currency.code()).into());
        }
        due -= amount_minor;
        let left = mutation.amount_minor - amount_minor;
        let credit = credit(view, mutation, left, credit_remainder, order.customer_id)?;
        let write_off_minor = if is_last { write_off_minor } else { 0 };
        parts.push(Part { mutation, amount_minor, write_off_minor, credit });
    }
    let max = mutations.first().map_or(Ok(0), |mutation| write_off_max(view, mutation))?;
    let mut paying = Paying::new(view, context, max);
    let events = pay_together(view, order, &parts, &mut paying, context)?;
    Ok(Decided::new(events, Answer::Joined(mutation_ids.to_vec(), order_id)))
}

/// An order to pay, how much of it, and what is written off with it.
struct Payment {
    order: Order,
    amount_minor: i64,
    write_off_minor: i64,
}

/// Money from a mutation.
fn from(mutation: &Mutation, amount_minor: i64, write_off_minor: i64, context: &Context<'_>) -> Allocation {
    Allocation {
        mutation_id: mutation.mutation_id,
        method: String::new(),
        reference: String::new(),
        amount_minor,
        write_off_minor,
        create_ms: context.now_ms,
    }
}

/// One mutation pays orders.
fn allocate(
    view: &dyn View,
    mutation: &Mutation,
    payments: Vec<Payment>,
    credit: Option<(CustomerId, i64)>,
    paying: &mut Paying<'_, '_>,
    context: &Context<'_>,
) -> Outcome<Vec<Event>> {
    let mut allocations = Vec::with_capacity(payments.len());
    let mut paid = Vec::new();
    for Payment { mut order, amount_minor, write_off_minor } in payments {
        let mut allocation = from(mutation, amount_minor, write_off_minor, context);
        paid.extend(paying.pay(&mut order, &mut allocation, Told::TheCustomer)?);
        allocations.push((order.order_id, allocation));
    }
    let mut events = confirmed(view, mutation, &allocations, credit)?;
    events.extend(paid);
    Ok(events)
}

/// What one of several mutations has for the order that they pay together.
struct Part<'m> {
    mutation: &'m Mutation,
    amount_minor: i64,
    write_off_minor: i64,
    credit: Option<(CustomerId, i64)>,
}

/// Several mutations pay one order: the customer is told once, of what they come to.
fn pay_together(
    view: &dyn View,
    mut order: Order,
    parts: &[Part<'_>],
    paying: &mut Paying<'_, '_>,
    context: &Context<'_>,
) -> Outcome<Vec<Event>> {
    let mut events = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let told = if index + 1 == parts.len() { Told::TheCustomer } else { Told::Nobody };
        let mut allocation = from(part.mutation, part.amount_minor, part.write_off_minor, context);
        let paid = paying.pay(&mut order, &mut allocation, told)?;
        events.extend(confirmed(view, part.mutation, &[(order.order_id, allocation)], part.credit)?);
        events.extend(paid);
    }
    Ok(events)
}

/// A mutation is confirmed, and its payer is learnt.
fn confirmed(
    view: &dyn View,
    mutation: &Mutation,
    allocations: &[(OrderId, Allocation)],
    credit: Option<(CustomerId, i64)>,
) -> Outcome<Vec<Event>> {
    let (credited_customer_id, credited_minor) = credit.unwrap_or((CustomerId(0), 0));
    let customers = customers_of(view, allocations.iter().map(|(order_id, _)| *order_id))?;
    let payer = Some(bounded(payer_key(&mutation.description, &mutation.counterparty)));
    let payer = payer.filter(|payer| !customers.is_empty() && tells_payer(payer)).unwrap_or_default();
    let learnt = customers.into_iter().filter(|_| !payer.is_empty());
    let learnt: Vec<Event> =
        learnt.map(|customer_id| Event::PayerLearnt { payer: payer.clone(), customer_id }).collect();
    let allocations = allocations.iter().map(|(order_id, allocation)| MutationAllocation {
        order_id: *order_id,
        amount_minor: allocation.amount_minor,
        write_off_minor: allocation.write_off_minor,
    });
    let mut events = vec![Event::MutationConfirmed {
        mutation_id: mutation.mutation_id,
        allocations: allocations.collect(),
        credited_minor,
        credited_customer_id,
        payer,
    }];
    events.extend(learnt);
    Ok(events)
}

/// Most bytes of a payer's name that are kept: it is part of a key.
const PAYER_BYTES_MAX: usize = 160;

/// As much of a payer's name as is kept.
fn bounded(mut payer: String) -> String {
    let end = (0..=payer.len().min(PAYER_BYTES_MAX)).rev().find(|end| payer.is_char_boundary(*end));
    payer.truncate(end.unwrap_or(0));
    payer
}
