//! Money and orders: what a payment does, undoing, late money, refunds.

use std::collections::BTreeSet;

use super::booking::{end_of_claim, paid_by, ready};
use super::erasure::is_erased;
use super::intent::Intents;
use super::stock::Demand;
use super::{Answer, Decided, check};
use crate::command::MoneyInput;
use crate::event::{Event, PaymentEffect, Reclaim, UndoEffect};
use crate::evolve::payments::kept_payer;
use crate::execute::Context;
use crate::ids::{CustomerId, DropOrderId, MutationId, OrderId};
use crate::kv::{Fault, View};
use crate::records::{Allocation, Customer, DropOrder, Mutation, Order, must, need};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::states::{DropOrderState, MessageKind, MutationAction, MutationState, OrderAction, OrderState};

/// The mutation, if `action` may happen to it now.
pub(super) fn mutation_ready(
    view: &dyn View,
    mutation_id: MutationId,
    action: MutationAction,
) -> Outcome<Mutation> {
    let mutation: Mutation = need(view, mutation_id.0)?;
    if mutation.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Mutation", mutation_id.0, &mutation.state, &action).into());
    }
    Ok(mutation)
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
    let mut order: Order = need(view, order_id.0)?;
    let reference = check::optional_text("reference", reference, 60)?;
    check::no_card_number("reference", &reference)?;
    let mut allocation = Allocation {
        mutation_id: MutationId(0),
        method: check::text("method", method, 30)?,
        reference,
        amount_minor: check::money("amount", amount, Some(order.currency), 1)?.minor,
        write_off_minor: 0,
        create_ms: context.now_ms,
    };
    let events = Paying::new(view, context, 0).pay(&mut order, &mut allocation, Told::TheCustomer)?;
    Ok(Decided::new(events, Answer::Order(order_id)))
}

/// Whether a payment's customer is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// A message is queued.
    TheCustomer,
    /// More money for the same order follows at once.
    Nobody,
}

/// What money does to orders within one decision, and what its re-booked orders have claimed so far.
pub(super) struct Paying<'v, 'c> {
    view: &'v dyn View,
    intents: Intents<'v, 'c>,
    write_off_max_minor: i64,
    demand: Demand,
    drops: BTreeSet<DropOrderId>,
}

impl<'v, 'c> Paying<'v, 'c> {
    /// At most `write_off_max_minor` of each order is written off.
    pub(super) fn new(view: &'v dyn View, context: &'c Context<'c>, write_off_max_minor: i64) -> Self {
        let intents = Intents::new(view, context);
        Self { view, intents, write_off_max_minor, demand: Demand::default(), drops: BTreeSet::new() }
    }

    /// Pays an order, which is left as it will be; nothing is written off of what has to be paid back.
    pub(super) fn pay(
        &mut self,
        order: &mut Order,
        allocation: &mut Allocation,
        told: Told,
    ) -> Outcome<Vec<Event>> {
        let order_id = order.order_id;
        self.check(order, allocation)?;
        let settled = allocation.amount_minor + allocation.write_off_minor;
        let full = settled == order.due_minor();
        let mut taken = Vec::new();
        // Who is not known any more can neither be sent the goods nor be told.
        let erased = !order.state.is_open() && is_erased(self.view, order.customer_id)?;
        let (action, effect) = match (order.state.is_open(), full) {
            (true, true) => (OrderAction::Pay, PaymentEffect::Paid),
            (true, false) => (OrderAction::PayPart, PaymentEffect::PartlyPaid),
            (false, true) if ended_by_the_clock(order) && !erased => match self.claim(order)? {
                Some(lines) => {
                    taken = drop_orders_taken(order, &lines);
                    (OrderAction::Rebook, PaymentEffect::Rebooked(lines))
                }
                None => (OrderAction::PayLate, PaymentEffect::RefundDue),
            },
            (false, _) => (OrderAction::PayLate, PaymentEffect::RefundDue),
        };
        let Some(after) = order.state.next(action) else {
            return Err(Refusal::wrong_state("Order", order_id.0, &order.state, &action).into());
        };
        let message = match effect {
            PaymentEffect::Paid | PaymentEffect::Rebooked(_) => Some(MessageKind::PaymentReceived),
            PaymentEffect::RefundDue => {
                allocation.write_off_minor = 0;
                Some(MessageKind::RefundDue)
            }
            PaymentEffect::PartlyPaid => None,
        };
        let mut events = vec![Event::PaymentAllocated { order_id, allocation: allocation.clone(), effect }];
        events.extend(taken);
        if let Some(kind) = message.filter(|_| told == Told::TheCustomer && !erased) {
            events.push(self.intents.message(kind, order, &[])?);
        }
        order.paid_minor += allocation.amount_minor;
        order.written_off_minor += allocation.write_off_minor;
        order.state = after;
        Ok(events)
    }

    /// Neither more than is due is paid nor more than may be is written off, in all payments of the order together.
    fn check(&self, order: &Order, allocation: &Allocation) -> Outcome<()> {
        let order_id = order.order_id;
        let (due, paid, off) = (order.due_minor(), allocation.amount_minor, allocation.write_off_minor);
        if paid > due {
            let message = format!("Order {order_id} has {due} minor units to pay, not {paid}.");
            let field = if allocation.mutation_id.is_some() { "allocations" } else { "amount" };
            let refusal = Refusal::field(Reason::OverAllocated, field, message).with("order_id", order_id);
            return Err(refusal.with("due_minor", due).with("currency", order.currency.code()).into());
        }
        // A part of the order's money that was undone leaves what was written off with the others.
        let before = order.written_off_minor;
        if off == 0 || (before + off <= self.write_off_max_minor && paid + off == due) {
            return Ok(());
        }
        let max = self.write_off_max_minor;
        let message = format!(
            "{off} minor units of order {order_id} cannot be written off: {} would be left to pay, {before} are written off \
             already, and the account's rules allow {max}.",
            due - paid
        );
        Err(Refusal::field(Reason::WriteOffTooHigh, "write_off", message)
            .with("order_id", order_id)
            .with("left_minor", due - paid)
            .with("written_off_minor", before)
            .with("max_minor", max)
            .with("currency", order.currency.code())
            .into())
    }

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
        self.demand = demand;
        self.drops = drops;
        Ok(Some(lines))
    }
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
    let matched = mutation.state == MutationState::Confirmed;
    events.push(Event::MutationUndone { mutation_id, matched });
    if !mutation.learnt_payer.is_empty() {
        let orders = mutation.allocations.iter().map(|allocation| allocation.order_id);
        for customer_id in customers_of(view, orders)? {
            let payer = kept_payer(view, &mutation.learnt_payer, customer_id)?.to_owned();
            events.push(Event::PayerForgotten { payer, customer_id });
        }
    }
    Ok(Decided::new(events, Answer::Mutation(mutation_id)))
}

/// Whose orders these are, each once; not those whose data were erased.
pub(crate) fn customers_of(
    view: &dyn View,
    orders: impl Iterator<Item = OrderId>,
) -> Result<BTreeSet<CustomerId>, Fault> {
    let mut customers = BTreeSet::new();
    for order_id in orders {
        let customer_id = must::<Order>(view, order_id.0)?.customer_id;
        if !is_erased(view, customer_id)? {
            customers.insert(customer_id);
        }
    }
    Ok(customers)
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
