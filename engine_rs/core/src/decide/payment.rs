//! Money and orders: confirming, matching by hand, undoing, late money, refunds.

use std::collections::BTreeSet;

use super::booking::{end_of_claim, paid_by, ready};
use super::intent::Intents;
use super::matching::auto_proposals;
use super::stock::Demand;
use super::{Answer, Decided, check};
use crate::command::{AllocationInput, MoneyInput};
use crate::event::{Event, PaymentEffect, Reclaim, UndoEffect};
use crate::execute::Context;
use crate::ids::{BankAccountId, CustomerId, DropOrderId, MutationId, OrderId};
use crate::kv::{Fault, View};
use crate::records::{
    Allocation, BankAccount, Customer, DropOrder, Mutation, MutationAllocation, Order, Settings, find, must,
    need,
};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::{DropOrderState, MessageKind, MutationAction, OrderAction, OrderState};

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

fn mutation_ready(view: &dyn View, mutation_id: MutationId, action: MutationAction) -> Outcome<Mutation> {
    let mutation: Mutation = need(view, mutation_id.0)?;
    if mutation.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Mutation", mutation_id.0, &mutation.state, &action).into());
    }
    Ok(mutation)
}

/// Confirms a proposal as it stands. An order whose deadline passed meanwhile has changed: its version tells.
pub(crate) fn confirm(
    view: &dyn View,
    mutation_id: MutationId,
    account_id: BankAccountId,
    context: &Context<'_>,
) -> Outcome<(Vec<Event>, Vec<OrderId>)> {
    let mutation = mutation_ready(view, mutation_id, MutationAction::Confirm)?;
    if mutation.bank_account_id != account_id {
        return Err(
            Refusal::not_found(Reason::MutationNotFound, "mutation of this account", mutation_id).into()
        );
    }
    let Some(proposal) = &mutation.proposal else {
        let refusal =
            Refusal::wrong_state("Mutation", mutation_id.0, &mutation.state, &MutationAction::Confirm);
        return Err(refusal.into());
    };
    let mut payments = Vec::new();
    for allocation in &proposal.allocations {
        let order: Order = must(view, allocation.order_id.0)?;
        if order.version != allocation.order_version {
            return Err(
                Refusal::stale("order", order.order_id.0, order.version, allocation.order_version).into()
            );
        }
        payments.push((order, allocation.amount_minor));
    }
    let orders = payments.iter().map(|(order, _)| order.order_id).collect();
    Ok((allocate(view, &mutation, payments, None, context)?, orders))
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
        need::<Customer>(view, by_hand.credit_customer_id.0).named("credit_customer_id")?;
        check::at_most("allocations", by_hand.allocations.len(), check::ALLOCATIONS_MAX)?;
    } else {
        check::count("allocations", by_hand.allocations.len(), check::ALLOCATIONS_MAX)?;
    }
    let payments = payments(view, &mutation, by_hand.allocations)?;
    let credit = credit(view, &mutation, &payments, by_hand)?;
    let order_ids = payments.iter().map(|(order, _)| order.order_id).collect();
    let events = allocate(view, &mutation, payments, credit, context)?;
    Ok(Decided::new(events, Answer::Matched(mutation_id, order_ids)))
}

/// The orders to pay by a mutation and how much each, which is not more than it has.
fn payments(
    view: &dyn View,
    mutation: &Mutation,
    allocations: &[AllocationInput],
) -> Outcome<Vec<(Order, i64)>> {
    let mut payments: Vec<(Order, i64)> = Vec::with_capacity(allocations.len());
    let mut orders: BTreeSet<OrderId> = BTreeSet::new();
    for (index, allocation) in allocations.iter().enumerate() {
        let field = |part: &str| format!("allocations[{index}].{part}");
        let order: Order = need(view, allocation.order_id.0).named(field("order_id"))?;
        if order.currency != mutation.currency {
            let message = format!(
                "Order {} is in {}, the money in {}.",
                order.order_id,
                order.currency.code(),
                mutation.currency.code()
            );
            return Err(Refusal::field(Reason::CurrencyMismatch, &field("order_id"), message).into());
        }
        if !orders.insert(order.order_id) {
            let message = format!("Order {} stands twice.", order.order_id);
            return Err(Refusal::field(Reason::FieldMalformed, &field("order_id"), message).into());
        }
        let amount =
            check::money(&field("amount"), allocation.amount.as_ref(), Some(mutation.currency), 1)?.minor;
        payments.push((order, amount));
    }
    let sum = crate::money::sum(payments.iter().map(|(_, amount)| *amount))
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

/// What is left over after the orders, and whose credit it becomes.
fn credit(
    view: &dyn View,
    mutation: &Mutation,
    payments: &[(Order, i64)],
    by_hand: &ByHand<'_>,
) -> Outcome<Option<(CustomerId, i64)>> {
    let remainder = mutation.amount_minor - payments.iter().map(|(_, amount)| amount).sum::<i64>();
    if remainder == 0 {
        return Ok(None);
    }
    if !by_hand.credit_remainder {
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
    let of_first = || payments.first().map_or(CustomerId(0), |(order, _)| order.customer_id);
    let named = by_hand.credit_customer_id;
    let customer_id = if named.is_some() { named } else { of_first() };
    let has = must::<Customer>(view, customer_id.0)?.credit_minor;
    check::sum_grows("credit_remainder", "The customer's credit", has, remainder)?;
    Ok(Some((customer_id, remainder)))
}

fn allocate(
    view: &dyn View,
    mutation: &Mutation,
    payments: Vec<(Order, i64)>,
    credit: Option<(CustomerId, i64)>,
    context: &Context<'_>,
) -> Outcome<Vec<Event>> {
    let mutation_id = mutation.mutation_id;
    let (credited_customer_id, credited_minor) = credit.unwrap_or((CustomerId(0), 0));
    let allocations = payments
        .iter()
        .map(|(order, amount_minor)| MutationAllocation {
            order_id: order.order_id,
            amount_minor: *amount_minor,
        })
        .collect();
    let mut events =
        vec![Event::MutationConfirmed { mutation_id, allocations, credited_minor, credited_customer_id }];
    let mut intents = Intents::new(view, context);
    let mut demand = Demand::default();
    let mut drops = BTreeSet::new();
    for (order, amount_minor) in payments {
        let allocation = Allocation {
            mutation_id,
            method: String::new(),
            reference: String::new(),
            amount_minor,
            create_ms: context.now_ms,
        };
        let mut again = Again { view, demand: &mut demand, drops: &mut drops };
        events.extend(pay(&order, allocation, &mut again, &mut intents)?);
    }
    Ok(events)
}

/// Money that came otherwise.
pub(crate) fn record(
    view: &dyn View,
    order_id: OrderId,
    amount: Option<&MoneyInput>,
    method: &str,
    reference: &str,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let order: Order = need(view, order_id.0)?;
    let reference = check::optional_text("reference", reference, 60)?;
    check::no_card_number("reference", &reference)?;
    let allocation = Allocation {
        mutation_id: MutationId(0),
        method: check::text("method", method, 30)?,
        reference,
        amount_minor: check::money("amount", amount, Some(order.currency), 1)?.minor,
        create_ms: context.now_ms,
    };
    let mut demand = Demand::default();
    let mut drops = BTreeSet::new();
    let mut again = Again { view, demand: &mut demand, drops: &mut drops };
    let events = pay(&order, allocation, &mut again, &mut Intents::new(view, context))?;
    Ok(Decided::new(events, Answer::Order(order_id)))
}

/// What re-booked orders of one decision have claimed so far.
struct Again<'v, 'd> {
    view: &'v dyn View,
    demand: &'d mut Demand,
    drops: &'d mut BTreeSet<DropOrderId>,
}

fn pay(
    order: &Order,
    allocation: Allocation,
    again: &mut Again<'_, '_>,
    intents: &mut Intents<'_, '_>,
) -> Outcome<Vec<Event>> {
    let order_id = order.order_id;
    if allocation.amount_minor > order.due_minor() {
        let message = format!(
            "Order {order_id} has {} minor units to pay, not {}.",
            order.due_minor(),
            allocation.amount_minor
        );
        let field = if allocation.mutation_id.is_some() { "allocations" } else { "amount" };
        let refusal = Refusal::field(Reason::OverAllocated, field, message).with("order_id", order_id);
        return Err(refusal
            .with("due_minor", order.due_minor())
            .with("currency", order.currency.code())
            .into());
    }
    let full = allocation.amount_minor == order.due_minor();
    let mut taken = Vec::new();
    let (action, effect) = match (order.state.is_open(), full) {
        (true, true) => (OrderAction::Pay, PaymentEffect::Paid),
        (true, false) => (OrderAction::PayPart, PaymentEffect::PartlyPaid),
        (false, true) if ended_by_the_clock(order) => match again.claim(order)? {
            Some(lines) => {
                taken = drop_orders_taken(order, &lines);
                (OrderAction::Rebook, PaymentEffect::Rebooked(lines))
            }
            None => (OrderAction::PayLate, PaymentEffect::RefundDue),
        },
        (false, _) => (OrderAction::PayLate, PaymentEffect::RefundDue),
    };
    if order.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Order", order_id.0, &order.state, &action).into());
    }
    let message = match effect {
        PaymentEffect::Paid | PaymentEffect::Rebooked(_) => Some(MessageKind::PaymentReceived),
        PaymentEffect::RefundDue => Some(MessageKind::RefundDue),
        PaymentEffect::PartlyPaid => None,
    };
    let mut events = vec![Event::PaymentAllocated { order_id, allocation, effect }];
    events.extend(taken);
    if let Some(kind) = message {
        events.push(intents.message(kind, order, &[])?);
    }
    Ok(events)
}

/// Late money that completes it books it again: nobody cancelled it, whether some of its money came before or not.
fn ended_by_the_clock(order: &Order) -> bool {
    order.state == OrderState::Expired || (order.state == OrderState::RefundDue && !order.cancelled)
}

fn drop_orders_taken(order: &Order, lines: &[Reclaim]) -> Vec<Event> {
    let taken = lines.iter().filter(|line| line.drop_order_id.is_some());
    taken
        .map(|line| Event::DropOrderBooked {
            drop_order_id: line.drop_order_id,
            item_id: line.item_id,
            order_id: order.order_id,
        })
        .collect()
}

impl Again<'_, '_> {
    /// Claims an expired order's lines again, all or none: from the Drop Order that still waits on the desk, else from
    /// where the goods came.
    fn claim(&mut self, order: &Order) -> Outcome<Option<Vec<Reclaim>>> {
        let mut demand = self.demand.clone();
        let mut drops = self.drops.clone();
        let mut lines = Vec::with_capacity(order.lines.len());
        for line in &order.lines {
            let mut reclaim = Reclaim {
                item_id: line.item_id,
                location_id: line.location_id,
                drop_order_id: DropOrderId(0),
            };
            if line.drop_order_id.is_some() {
                let drop_order: DropOrder = must(self.view, line.drop_order_id.0)?;
                if drop_order.state == DropOrderState::ReturnDue && drops.insert(line.drop_order_id) {
                    reclaim.drop_order_id = line.drop_order_id;
                    lines.push(reclaim);
                    continue;
                }
                reclaim.location_id = drop_order.from_location_id;
            }
            if !demand.add(self.view, line.item_id, reclaim.location_id, line.quantity)? {
                return Ok(None);
            }
            lines.push(reclaim);
        }
        *self.demand = demand;
        *self.drops = drops;
        Ok(Some(lines))
    }
}

/// Takes a confirmed match back, until one of its orders is sold or refunded; or that money in pays no order. Money out has
/// nothing to go back to.
pub(crate) fn undo(view: &dyn View, mutation_id: MutationId, context: &Context<'_>) -> Outcome<Decided> {
    let mutation = mutation_ready(view, mutation_id, MutationAction::Undo)?;
    if mutation.amount_minor <= 0 && !mutation.ignored_pending {
        let action = MutationAction::Undo;
        return Err(Refusal::wrong_state("Mutation", mutation_id.0, &mutation.state, &action).into());
    }
    let mut events = Vec::new();
    let mut intents = Intents::new(view, context);
    for allocation in &mutation.allocations {
        let order: Order = must(view, allocation.order_id.0)?;
        if order.state.is_sold() {
            let message = format!("Order {} was sold; its payment stays.", order.order_id);
            return Err(Refusal::new(Reason::OrderSold, message).with("order_id", order.order_id).into());
        }
        events.extend(unpay(&order, mutation_id, &mut intents, context)?);
    }
    if mutation.credited_minor > 0 {
        let customer: Customer = must(view, mutation.credited_customer_id.0)?;
        if customer.credit_minor < mutation.credited_minor {
            let message = format!("{} has used the credit already.", customer.name);
            return Err(Refusal::new(Reason::CreditTooLow, message)
                .with("customer_id", customer.customer_id)
                .into());
        }
    }
    events.push(Event::MutationUndone { mutation_id });
    Ok(Decided::new(events, Answer::Mutation(mutation_id)))
}

fn unpay(
    order: &Order,
    mutation_id: MutationId,
    intents: &mut Intents<'_, '_>,
    context: &Context<'_>,
) -> Outcome<Vec<Event>> {
    let order_id = order.order_id;
    let amount_minor = paid_by(order, mutation_id);
    let left = order.paid_minor - amount_minor;
    let claim_ended = !order.state.claims();
    let late = claim_ended || order.expire_ms <= context.now_ms;
    let (action, effect) = match (late, left > 0, order.cancelled) {
        (false, false, _) => (OrderAction::Unpay, UndoEffect::Booked),
        (false, true, _) => (OrderAction::UnpayPart, UndoEffect::PartlyPaid),
        (true, true, _) => (OrderAction::UnpayDue, UndoEffect::RefundDue),
        (true, false, true) => (OrderAction::UnpayCancelled, UndoEffect::Cancelled),
        (true, false, false) => (OrderAction::UnpayExpired, UndoEffect::Expired),
    };
    if order.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Order", order_id.0, &order.state, &action).into());
    }
    let expires = late && !claim_ended;
    let (items, drops) = if expires { end_of_claim(order) } else { (Vec::new(), Vec::new()) };
    let mut events = vec![Event::PaymentUndone { order_id, mutation_id, amount_minor, effect, items }];
    events.extend(drops);
    if expires {
        let kind = if left > 0 { MessageKind::RefundDue } else { MessageKind::BookingExpired };
        events.push(intents.message(kind, order, &[])?);
    }
    Ok(events)
}

/// Says that a mutation pays no order.
pub(crate) fn ignore(view: &dyn View, mutation_id: MutationId, reason: &str) -> Outcome<Decided> {
    mutation_ready(view, mutation_id, MutationAction::Ignore)?;
    let reason = check::text("reason", reason, 200)?;
    Ok(Decided::one(Event::MutationIgnored { mutation_id, reason }, Answer::Mutation(mutation_id)))
}

/// The money of a REFUND_DUE order was paid back.
pub(crate) fn refund(view: &dyn View, order_id: OrderId, reference: &str) -> Outcome<Decided> {
    ready(view, order_id, OrderAction::Refund)?;
    let reference = check::text("reference", reference, 60)?;
    check::no_card_number("reference", &reference)?;
    Ok(Decided::one(Event::OrderRefunded { order_id, reference }, Answer::Order(order_id)))
}
