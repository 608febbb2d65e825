//! Book Orders: claims of their straight lines, payables, deadlines, totals.

use super::index::{given, moved as index_moved};
use super::mutations::order_changed;
use super::step;
use crate::deadlines::{self, DeadlineKind};
use crate::decide::booking::payable_key;
use crate::execute::{CLOCK_ACTOR, Context};
use crate::ids::OrderId;
use crate::kv::{Fault, Key, State, u64_at};
use crate::open_money;
use crate::records::{Order, Settings, must, save};
use crate::states::OrderAction;
use crate::stock::change;
use crate::tables::Table;
use crate::totals::{Book, Metric, Under};

/// The day's book under an order's location and channel and whoever acts; the clock is no cashier.
pub(super) fn book<'a>(state: &dyn State, order: &Order, context: &Context<'a>) -> Result<Book<'a>, Fault> {
    let cashier = if context.actor == CLOCK_ACTOR { "" } else { context.actor };
    let location = order.lines.first().map_or(0, |line| line.location_id.0);
    let under = Under { location, cashier, channel: Some(order.channel) };
    Book::open(state, context.now_ms, Some(order.currency), under)
}

/// Takes the order through an action: state, version, time, index and what hangs on being open or closed.
pub(super) fn act(
    state: &mut dyn State,
    order: &mut Order,
    action: OrderAction,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let before = order.state;
    let after = step("order", order.order_id.0, &before, before.next(action))?;
    index_moved(state, Table::OrdersByState, Some(before.number()), after.number(), order.order_id.0)?;
    match (before.is_open(), after.is_open()) {
        (true, false) => {
            deadlines::delete(state, order.expire_ms, DeadlineKind::Order, order.order_id.0)?;
            remind_at(state, order, 0)?;
        }
        (false, true) => {
            deadlines::put(state, order.expire_ms, DeadlineKind::Order, order.order_id.0)?;
            remind_before(state, order, context)?;
        }
        (true, true) | (false, false) => {}
    }
    if before.claims() && !after.claims() {
        reserve_for_a_while(state, order, context)?;
    }
    order_changed(state, order.order_id)?;
    order.state = after;
    order.version += 1;
    order.update_ms = context.now_ms;
    Ok(())
}

/// The deadline stands: its customer is reminded before it, if the time for that is still to come.
fn remind_before(state: &mut dyn State, order: &mut Order, context: &Context<'_>) -> Result<(), Fault> {
    let before_ms = Settings::load(state.view())?.reminder_before_ms;
    remind_at(state, order, Order::reminder(order.expire_ms, before_ms, context.now_ms))
}

/// Moves the reminder; 0 is none.
fn remind_at(state: &mut dyn State, order: &mut Order, remind_ms: i64) -> Result<(), Fault> {
    if order.remind_ms != 0 {
        deadlines::delete(state, order.remind_ms, DeadlineKind::Reminder, order.order_id.0)?;
    }
    if remind_ms != 0 {
        deadlines::put(state, remind_ms, DeadlineKind::Reminder, order.order_id.0)?;
    }
    order.remind_ms = remind_ms;
    Ok(())
}

pub(super) fn reminded(state: &mut dyn State, order_id: OrderId) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    remind_at(state, &mut order, 0)?;
    save(state, &order)
}

/// An order closed: its payable stays reserved for the cool-down, so that late money finds it.
fn reserve_for_a_while(state: &mut dyn State, order: &mut Order, context: &Context<'_>) -> Result<(), Fault> {
    if !order.bank_account_id.is_some() || !reserves(state, order)? {
        return Ok(());
    }
    let cooldown_ms = Settings::load(state.view())?.payable_cooldown_ms;
    order.payable_release_ms = context.now_ms + cooldown_ms;
    deadlines::put(state, order.payable_release_ms, DeadlineKind::Payable, order.order_id.0)
}

/// Whether the payable is this order's.
fn reserves(state: &dyn State, order: &Order) -> Result<bool, Fault> {
    let key = payable_key(order.bank_account_id, order.payable_minor);
    Ok(match state.get(Table::Payables, key.as_slice())? {
        Some(bytes) => u64_at(&bytes, 0)? == order.order_id.0,
        None => false,
    })
}

/// A closed order claims again: its payable is its own without end, if nobody else took it after the cool-down.
pub(super) fn reserve_again(state: &mut dyn State, order: &mut Order) -> Result<(), Fault> {
    if !order.bank_account_id.is_some() {
        return Ok(());
    }
    if order.payable_release_ms != 0 {
        deadlines::delete(state, order.payable_release_ms, DeadlineKind::Payable, order.order_id.0)?;
        order.payable_release_ms = 0;
    }
    let key = payable_key(order.bank_account_id, order.payable_minor);
    if state.get(Table::Payables, key.as_slice())?.is_none() {
        state.put(Table::Payables, key.as_slice(), &order.order_id.0.to_be_bytes())?;
    }
    Ok(())
}

pub(super) fn payable_released(state: &mut dyn State, order_id: OrderId) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    deadlines::delete(state, order.payable_release_ms, DeadlineKind::Payable, order_id.0)?;
    if reserves(state, &order)? {
        state.delete(Table::Payables, payable_key(order.bank_account_id, order.payable_minor).as_slice())?;
    }
    order.payable_release_ms = 0;
    save(state, &order)
}

pub(super) fn booked(state: &mut dyn State, order: &Order, context: &Context<'_>) -> Result<(), Fault> {
    let id = order.order_id.0;
    given(state, OrderId::COUNTER, id)?;
    let straight = order.lines.iter().filter(|line| !line.drop_order_id.is_some() && !line.hold_id.is_some());
    for line in straight {
        change(state, line.item_id, line.location_id, 0, line.quantity)?;
    }
    index_moved(state, Table::OrdersByState, None, order.state.number(), id)?;
    state.put(Table::OrdersByCustomer, Key::new().u64(order.customer_id.0).u64(id).as_slice(), &[])?;
    deadlines::put(state, order.expire_ms, DeadlineKind::Order, id)?;
    if order.remind_ms != 0 {
        deadlines::put(state, order.remind_ms, DeadlineKind::Reminder, id)?;
    }
    if order.bank_account_id.is_some() {
        let key = payable_key(order.bank_account_id, order.payable_minor);
        if !state.put_new(Table::Payables, key.as_slice(), &id.to_be_bytes())? {
            return Err(Fault::Corrupt(format!("the payable of order {id} is another order's")));
        }
    }
    book(state, order, context)?.add(state, Metric::OrdersBooked, 1, order.payable_minor)?;
    save(state, order)
}

pub(super) fn extended(
    state: &mut dyn State,
    order_id: OrderId,
    expire_ms: i64,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    act(state, &mut order, OrderAction::Extend, context)?;
    deadlines::delete(state, order.expire_ms, DeadlineKind::Order, order_id.0)?;
    deadlines::put(state, expire_ms, DeadlineKind::Order, order_id.0)?;
    order.expire_ms = expire_ms;
    remind_before(state, &mut order, context)?;
    save(state, &order)
}

/// Frees the stock of lines that no Drop Order carries; those have events of their own.
pub(super) fn free_straight_lines(state: &mut dyn State, order: &Order) -> Result<(), Fault> {
    for line in order.lines.iter().filter(|line| !line.drop_order_id.is_some()) {
        change(state, line.item_id, line.location_id, 0, -line.quantity)?;
    }
    Ok(())
}

pub(super) fn cancelled(
    state: &mut dyn State,
    order_id: OrderId,
    reason: &str,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    free_straight_lines(state, &order)?;
    act(state, &mut order, OrderAction::Cancel, context)?;
    order.cancelled = true;
    order.cancel_reason = reason.to_string();
    let book = book(state, &order, context)?;
    book.add(state, Metric::OrdersCancelled, 1, order.payable_minor)?;
    refund_due_if_paid(state, &book, &order)?;
    save(state, &order)
}

pub(super) fn expired(state: &mut dyn State, order_id: OrderId, context: &Context<'_>) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    free_straight_lines(state, &order)?;
    act(state, &mut order, OrderAction::Expire, context)?;
    let book = book(state, &order, context)?;
    count_expired(state, &book, &mut order)?;
    refund_due_if_paid(state, &book, &order)?;
    save(state, &order)
}

/// An order's claim ended because its deadline had passed.
pub(super) fn count_expired(state: &mut dyn State, book: &Book<'_>, order: &mut Order) -> Result<(), Fault> {
    order.times_expired += 1;
    book.add(state, Metric::OrdersExpired, 1, order.payable_minor)
}

fn refund_due_if_paid(state: &mut dyn State, book: &Book<'_>, order: &Order) -> Result<(), Fault> {
    if order.paid_minor == 0 {
        return Ok(());
    }
    open_money::moved(state, None, open_money::of_order(order))?;
    book.add(state, Metric::RefundsDue, 1, order.paid_minor)
}

pub(super) fn refunded(
    state: &mut dyn State,
    order_id: OrderId,
    reference: &str,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), order_id.0)?;
    let open = open_money::of_order(&order);
    act(state, &mut order, OrderAction::Refund, context)?;
    open_money::moved(state, open, open_money::of_order(&order))?;
    order.refund_reference = reference.to_string();
    book(state, &order, context)?.add(state, Metric::Refunded, 1, order.paid_minor)?;
    save(state, &order)
}
