//! Custody and claims: movements, holds, Drop Orders.

use super::index::{given, moved as index_moved};
use super::step;
use crate::deadlines::{self, DeadlineKind};
use crate::event::Event;
use crate::execute::{CLOCK_ACTOR, Context};
use crate::ids::{DropOrderId, HoldId, ItemId, LocationId, OrderId};
use crate::kv::{Fault, State};
use crate::records::{DropOrder, Hold, id_key, must, save};
use crate::states::{DropOrderAction, DropOrderState};
use crate::stock::{ItemFlow, add_flow, change};
use crate::tables::Table;
use crate::totals::{Book, Metric, Under};

fn book<'a>(state: &dyn State, location_id: LocationId, context: &Context<'a>) -> Result<Book<'a>, Fault> {
    let cashier = if context.actor == CLOCK_ACTOR { "" } else { context.actor };
    Book::open(state, context.now_ms, None, Under { location: location_id.0, cashier, channel: None })
}

pub(super) fn received(
    state: &mut dyn State,
    item_id: ItemId,
    location_id: LocationId,
    quantity: i64,
    context: &Context<'_>,
) -> Result<(), Fault> {
    change(state, item_id, location_id, quantity, 0)?;
    add_flow(state, item_id, ItemFlow { received: quantity, ..ItemFlow::default() })?;
    book(state, location_id, context)?.add(state, Metric::UnitsReceived, quantity, 0)
}

pub(super) fn adjusted(
    state: &mut dyn State,
    item_id: ItemId,
    location_id: LocationId,
    difference: i64,
    context: &Context<'_>,
) -> Result<(), Fault> {
    change(state, item_id, location_id, difference, 0)?;
    add_flow(state, item_id, ItemFlow { adjusted: difference, ..ItemFlow::default() })?;
    book(state, location_id, context)?.add(state, Metric::UnitsAdjusted, difference, 0)
}

pub(super) fn transferred(
    state: &mut dyn State,
    item_id: ItemId,
    from: LocationId,
    to: LocationId,
    quantity: i64,
    context: &Context<'_>,
) -> Result<(), Fault> {
    moved(state, item_id, from, to, quantity, 0)?;
    book(state, from, context)?.add(state, Metric::UnitsTransferred, quantity, 0)
}

/// Custody goes from one location to another, `held` of it with its claim.
fn moved(
    state: &mut dyn State,
    item_id: ItemId,
    from: LocationId,
    to: LocationId,
    quantity: i64,
    held: i64,
) -> Result<(), Fault> {
    change(state, item_id, from, -quantity, -held)?;
    change(state, item_id, to, quantity, held)
}

pub(super) fn hold_created(state: &mut dyn State, hold: &Hold) -> Result<(), Fault> {
    given(state, HoldId::COUNTER, hold.hold_id.0)?;
    change(state, hold.item_id, hold.location_id, 0, hold.quantity)?;
    deadlines::put(state, hold.expire_ms, DeadlineKind::Hold, hold.hold_id.0)?;
    save(state, hold)
}

/// A hold is over; its claim ends with it, or goes on as an order's.
pub(super) fn hold_ended(state: &mut dyn State, hold_id: HoldId, frees: bool) -> Result<(), Fault> {
    let hold: Hold = must(state.view(), hold_id.0)?;
    if frees {
        change(state, hold.item_id, hold.location_id, 0, -hold.quantity)?;
    }
    deadlines::delete(state, hold.expire_ms, DeadlineKind::Hold, hold_id.0)?;
    state.delete(Table::Holds, id_key(hold_id.0).as_slice())
}

/// A till's sale takes units out of a hold: their claim ends, and the sale that follows takes the goods.
pub(super) fn hold_drawn(state: &mut dyn State, hold_id: HoldId, quantity: i64) -> Result<(), Fault> {
    let mut hold: Hold = must(state.view(), hold_id.0)?;
    if !(1..=hold.quantity).contains(&quantity) {
        return Err(Fault::Corrupt(format!("{quantity} are drawn from hold {hold_id} of {}", hold.quantity)));
    }
    if quantity == hold.quantity {
        return hold_ended(state, hold_id, true);
    }
    change(state, hold.item_id, hold.location_id, 0, -quantity)?;
    hold.quantity -= quantity;
    save(state, &hold)
}

pub(super) fn drop_order(state: &mut dyn State, event: &Event, context: &Context<'_>) -> Result<(), Fault> {
    match event {
        Event::DropOrderRequested(drop_order) => requested(state, drop_order, context),
        Event::DropOrderHandedOver { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::HandOver, OrderId(0), "", context)
        }
        Event::DropOrderRejected { drop_order_id, reason, .. } => {
            act(state, *drop_order_id, DropOrderAction::Reject, OrderId(0), reason, context)
        }
        Event::DropOrderCancelled { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Cancel, OrderId(0), "", context)
        }
        Event::DropOrderExpired { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Expire, OrderId(0), "", context)
        }
        Event::DropOrderBooked { drop_order_id, order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Book, *order_id, "", context)
        }
        Event::DropOrderUnbooked { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Unbook, OrderId(0), "", context)
        }
        Event::DropOrderConsumed { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Consume, OrderId(0), "", context)
        }
        Event::DropOrderReleased { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Release, OrderId(0), "", context)
        }
        Event::DropOrderReturned { drop_order_id, .. } => {
            act(state, *drop_order_id, DropOrderAction::Return, OrderId(0), "", context)
        }
        other => Err(Fault::Corrupt(format!("{} is no event of a Drop Order", other.name()))),
    }
}

fn requested(state: &mut dyn State, drop_order: &DropOrder, context: &Context<'_>) -> Result<(), Fault> {
    let id = drop_order.drop_order_id.0;
    given(state, DropOrderId::COUNTER, id)?;
    change(state, drop_order.item_id, drop_order.from_location_id, 0, drop_order.quantity)?;
    deadlines::put(state, drop_order.expire_ms, DeadlineKind::DropOrder, id)?;
    index_moved(state, Table::DropOrdersByState, None, drop_order.state.number(), id)?;
    book(state, drop_order.from_location_id, context)?.add(state, Metric::DropOrdersRequested, 1, 0)?;
    save(state, drop_order)
}

fn act(
    state: &mut dyn State,
    id: DropOrderId,
    action: DropOrderAction,
    order_id: OrderId,
    reason: &str,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut drop_order: DropOrder = must(state.view(), id.0)?;
    let before = drop_order.state;
    let after = step("Drop Order", id.0, &before, before.next(action))?;
    move_stock(state, &drop_order, action)?;
    if before.claims() && (!after.claims() || action == DropOrderAction::Book) {
        deadlines::delete(state, drop_order.expire_ms, DeadlineKind::DropOrder, id.0)?;
    }
    index_moved(state, Table::DropOrdersByState, Some(before.number()), after.number(), id.0)?;
    drop_order.state = after;
    drop_order.update_ms = context.now_ms;
    match action {
        DropOrderAction::Book => drop_order.order_id = order_id,
        DropOrderAction::Unbook => drop_order.order_id = OrderId(0),
        DropOrderAction::Reject => drop_order.reject_reason = reason.to_string(),
        DropOrderAction::HandOver
        | DropOrderAction::Cancel
        | DropOrderAction::Expire
        | DropOrderAction::Release
        | DropOrderAction::Return
        | DropOrderAction::Consume => {}
    }
    if let Some(metric) = metric(action, after) {
        book(state, drop_order.from_location_id, context)?.add(state, metric, 1, 0)?;
    }
    save(state, &drop_order)
}

/// Custody and claim that go with an action. Consuming is the sale's: it takes stock and claim of every line.
fn move_stock(state: &mut dyn State, drop_order: &DropOrder, action: DropOrderAction) -> Result<(), Fault> {
    let DropOrder { item_id, quantity, from_location_id: from, to_location_id: desk, .. } = *drop_order;
    match action {
        DropOrderAction::HandOver => moved(state, item_id, from, desk, quantity, quantity),
        DropOrderAction::Reject | DropOrderAction::Cancel => change(state, item_id, from, 0, -quantity),
        DropOrderAction::Expire => {
            let place = if drop_order.state == DropOrderState::Requested { from } else { desk };
            change(state, item_id, place, 0, -quantity)
        }
        DropOrderAction::Book if drop_order.state == DropOrderState::ReturnDue => {
            change(state, item_id, desk, 0, quantity)
        }
        DropOrderAction::Unbook | DropOrderAction::Release => change(state, item_id, desk, 0, -quantity),
        DropOrderAction::Return => moved(state, item_id, desk, from, quantity, 0),
        DropOrderAction::Book | DropOrderAction::Consume => Ok(()),
    }
}

fn metric(action: DropOrderAction, after: DropOrderState) -> Option<Metric> {
    match (action, after) {
        (DropOrderAction::HandOver, _) => Some(Metric::DropOrdersHandedOver),
        (DropOrderAction::Reject, _) => Some(Metric::DropOrdersRejected),
        (DropOrderAction::Cancel | DropOrderAction::Expire, DropOrderState::Cancelled) => {
            Some(Metric::DropOrdersCancelled)
        }
        (DropOrderAction::Return, _) => Some(Metric::DropOrdersReturned),
        _ => None,
    }
}
