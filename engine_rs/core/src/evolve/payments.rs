//! What money does to orders, and credit.

use super::orders::{act, book, count_expired, free_straight_lines, reserve_again};
use crate::event::{PaymentEffect, Reclaim, UndoEffect};
use crate::execute::{CLOCK_ACTOR, Context};
use crate::ids::{CustomerId, MutationId, OrderId};
use crate::kv::{Fault, Key, State, View};
use crate::money::Currency;
use crate::open_money;
use crate::records::{Allocation, Customer, Order, Settings, id_key, must, save};
use crate::states::{OrderAction, OrderState};
use crate::stock::{change, fixed, numbers};
use crate::tables::Table;
use crate::totals::{Book, Metric, Under};

pub(super) fn allocated(
    state: &mut dyn State,
    order_id: OrderId,
    allocation: &Allocation,
    effect: &PaymentEffect,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    let settled = allocation.amount_minor + allocation.write_off_minor;
    if allocation.amount_minor <= 0 || allocation.write_off_minor < 0 || settled > order.due_minor() {
        return Err(Fault::Corrupt(format!("order {order_id} would be paid more than is due")));
    }
    let open = open_money::of_order(&order);
    order.paid_minor += allocation.amount_minor;
    order.written_off_minor += allocation.write_off_minor;
    order.allocations.push(allocation.clone());
    let action = match effect {
        PaymentEffect::Paid => OrderAction::Pay,
        PaymentEffect::PartlyPaid => OrderAction::PayPart,
        PaymentEffect::Rebooked(lines) => {
            claim_again(state, &mut order, lines)?;
            OrderAction::Rebook
        }
        PaymentEffect::RefundDue => OrderAction::PayLate,
    };
    let refund_was_due = order.state == OrderState::RefundDue;
    act(state, &mut order, action, context)?;
    let book = book(state, &order, context)?;
    book.add(state, Metric::Payments, 1, allocation.amount_minor)?;
    if allocation.write_off_minor > 0 {
        book.add(state, Metric::WriteOffs, 1, allocation.write_off_minor)?;
    }
    if matches!(effect, PaymentEffect::Rebooked(_) | PaymentEffect::RefundDue) {
        book.add(state, Metric::LatePayments, 1, allocation.amount_minor)?;
    }
    match effect {
        PaymentEffect::Paid => book.add(state, Metric::OrdersPaid, 1, order.payable_minor)?,
        PaymentEffect::Rebooked(_) => {
            book.add(state, Metric::OrdersPaid, 1, order.payable_minor)?;
            book.add(state, Metric::OrdersRebooked, 1, order.payable_minor)?;
        }
        PaymentEffect::RefundDue if refund_was_due => {
            book.add(state, Metric::RefundsDue, 0, allocation.amount_minor)?;
        }
        PaymentEffect::RefundDue => book.add(state, Metric::RefundsDue, 1, order.paid_minor)?,
        PaymentEffect::PartlyPaid => {}
    }
    open_money::moved(state, open, open_money::of_order(&order))?;
    save(state, &order)
}

/// The lines' claims begin anew where the decision found the goods; Drop Orders' claims follow in events of their own.
fn claim_again(state: &mut dyn State, order: &mut Order, lines: &[Reclaim]) -> Result<(), Fault> {
    if lines.len() != order.lines.len() {
        return Err(Fault::Corrupt(format!("order {} is claimed again with other lines", order.order_id)));
    }
    for (line, again) in order.lines.iter_mut().zip(lines) {
        line.location_id = again.location_id;
        line.drop_order_id = again.drop_order_id;
        line.hold_id = crate::ids::HoldId(0);
        if !again.drop_order_id.is_some() {
            change(state, line.item_id, line.location_id, 0, line.quantity)?;
        }
    }
    reserve_again(state, order)
}

pub(super) fn undone(
    state: &mut dyn State,
    order_id: OrderId,
    mutation_id: MutationId,
    amount_minor: i64,
    effect: UndoEffect,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    let (written_off, open) = (order.written_off_minor, open_money::of_order(&order));
    order.allocations.retain(|allocation| allocation.mutation_id != mutation_id);
    order.paid_minor -= amount_minor;
    order.written_off_minor = order.allocations.iter().map(|allocation| allocation.write_off_minor).sum();
    let left: i64 = order.allocations.iter().map(|allocation| allocation.amount_minor).sum();
    if order.paid_minor != left {
        return Err(Fault::Corrupt(format!("order {order_id} loses another amount than it was paid")));
    }
    let action = match effect {
        UndoEffect::Booked => OrderAction::Unpay,
        UndoEffect::PartlyPaid => OrderAction::UnpayPart,
        UndoEffect::Expired => OrderAction::UnpayExpired,
        UndoEffect::Cancelled => OrderAction::UnpayCancelled,
        UndoEffect::RefundDue => OrderAction::UnpayDue,
    };
    let before = order.state;
    act(state, &mut order, action, context)?;
    if before.claims() && !order.state.claims() {
        free_straight_lines(state, &order)?;
        // The deadline ended it, not whoever undid the match.
        let clock = Context { actor: CLOCK_ACTOR, ..*context };
        let book = book(state, &order, &clock)?;
        count_expired(state, &book, &mut order)?;
    }
    let book = book(state, &order, context)?;
    book.add(state, Metric::PaymentsUndone, 1, amount_minor)?;
    if written_off > order.written_off_minor {
        book.add(state, Metric::WriteOffs, -1, order.written_off_minor - written_off)?;
    }
    if order.state == OrderState::RefundDue && before != OrderState::RefundDue {
        book.add(state, Metric::RefundsDue, 1, order.paid_minor)?;
    }
    open_money::moved(state, open, open_money::of_order(&order))?;
    save(state, &order)
}

/// What a mutation had too much becomes a customer's credit, or is taken back from it; nothing for nobody.
pub(super) fn credit_by_mutation(
    state: &mut dyn State,
    customer_id: CustomerId,
    amount_minor: i64,
    currency: Currency,
    context: &Context<'_>,
) -> Result<(), Fault> {
    if amount_minor == 0 {
        return Ok(());
    }
    let under = Under { location: 0, cashier: context.actor, channel: None };
    let book = Book::open(state, context.now_ms, Some(currency), under)?;
    book.add(state, Metric::Credits, amount_minor.signum(), amount_minor)?;
    credit(state, customer_id, amount_minor)
}

/// Counts that a payer paid for a customer, or that this was undone; a count of none is not kept. A payer who reads as empty may
/// have been learnt under the name.
pub(super) fn payer(
    state: &mut dyn State,
    payer: &str,
    customer_id: CustomerId,
    change: i64,
) -> Result<(), Fault> {
    let key = payer_row(payer, customer_id);
    let before = match state.get(Table::Payers, key.as_slice())? {
        Some(bytes) => numbers::<1>(&bytes)?[0],
        None => 0,
    };
    match before + change {
        0 => state.delete(Table::Payers, key.as_slice()),
        count if count > 0 => state.put(Table::Payers, key.as_slice(), &fixed([count])),
        _ if payer.is_empty() => Ok(()),
        _ => Err(Fault::Corrupt(format!(
            "a payer of customer {customer_id} is forgotten more often than learnt"
        ))),
    }
}

/// The key of how often a payer paid for a customer.
pub(crate) fn payer_row(payer: &str, customer_id: CustomerId) -> Key {
    Key::new().text(payer).u64(customer_id.0)
}

/// What a payer is kept as: empty where the name was sealed and what sealed it is gone, as in a store that was restored to before
/// an erasure.
pub(crate) fn kept_payer<'p>(
    view: &dyn View,
    payer: &'p str,
    customer_id: CustomerId,
) -> Result<&'p str, Fault> {
    let is_kept = |payer| Ok(view.get(Table::Payers, payer_row(payer, customer_id).as_slice())?.is_some());
    Ok(if !is_kept(payer)? && is_kept("")? { "" } else { payer })
}

/// Adds to a customer's credit; nothing for nobody.
pub(super) fn credit(state: &mut dyn State, customer_id: CustomerId, amount_minor: i64) -> Result<(), Fault> {
    if amount_minor == 0 {
        return Ok(());
    }
    let mut customer: Customer = must(state.view(), customer_id.0)?;
    let currency = Settings::load(state.view())?.currency;
    let open = open_money::of_customer(&customer, currency);
    customer.credit_minor += amount_minor;
    customer.version += 1;
    if customer.credit_minor < 0 {
        return Err(Fault::Corrupt(format!("customer {customer_id} would owe credit")));
    }
    let key = id_key(customer_id.0);
    match customer.credit_minor {
        0 => state.delete(Table::Credits, key.as_slice())?,
        _ => state.put(Table::Credits, key.as_slice(), &[])?,
    }
    open_money::moved(state, open, open_money::of_customer(&customer, currency))?;
    save(state, &customer)
}
