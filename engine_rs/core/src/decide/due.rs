//! What ends by itself when its time has come.

use super::booking::end_of_claim;
use super::intent::Intents;
use crate::deadlines::{self, Deadline, DeadlineKind};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{DropOrderId, HoldId, OrderId};
use crate::kv::{Fault, View};
use crate::records::{DropOrder, Hold, Order, find, must};
use crate::states::MessageKind;

/// Up to `limit` deadlines at or before now.
pub(crate) fn due(view: &dyn View, now_ms: i64, limit: usize) -> Result<Vec<Deadline>, Fault> {
    deadlines::due(view, now_ms, limit)
}

/// What one deadline that fell due leads to.
pub(crate) fn expire(
    view: &dyn View,
    deadline: &Deadline,
    context: &Context<'_>,
) -> Result<Vec<Event>, Fault> {
    match deadline.kind {
        DeadlineKind::Order => expire_order(view, &must(view, deadline.id)?, context),
        DeadlineKind::Hold => {
            let hold: Hold = must(view, deadline.id)?;
            Ok(vec![Event::HoldExpired { hold_id: HoldId(deadline.id), item_id: hold.item_id }])
        }
        DeadlineKind::DropOrder => Ok(vec![expire_drop_order(&must(view, deadline.id)?)]),
        DeadlineKind::Payable => Ok(vec![Event::PayableReleased { order_id: OrderId(deadline.id) }]),
        DeadlineKind::Reminder => remind(view, &must(view, deadline.id)?, context),
    }
}

/// Expires this order if its deadline passed, although its turn has not come. An unknown one is left to `decide`.
pub(crate) fn expire_order_if_overdue(
    view: &dyn View,
    order_id: OrderId,
    context: &Context<'_>,
) -> Result<Vec<Event>, Fault> {
    match find::<Order>(view, order_id.0)?.filter(|order| order.overdue(context.now_ms)) {
        Some(order) => expire_order(view, &order, context),
        None => Ok(Vec::new()),
    }
}

/// Expires this Drop Order if its own claim's deadline passed, although its turn has not come.
pub(crate) fn expire_drop_order_if_overdue(
    view: &dyn View,
    drop_order_id: DropOrderId,
    context: &Context<'_>,
) -> Result<Vec<Event>, Fault> {
    let drop_order = find::<DropOrder>(view, drop_order_id.0)?;
    Ok(drop_order.filter(|found| found.overdue(context.now_ms)).iter().map(expire_drop_order).collect())
}

fn expire_drop_order(drop_order: &DropOrder) -> Event {
    let DropOrder { drop_order_id, item_id, .. } = *drop_order;
    Event::DropOrderExpired { drop_order_id, item_id }
}

/// Reminds of a deadline that is near; of one that has passed meanwhile its own message tells.
fn remind(view: &dyn View, order: &Order, context: &Context<'_>) -> Result<Vec<Event>, Fault> {
    let mut events = vec![Event::OrderReminded { order_id: order.order_id }];
    if !order.overdue(context.now_ms) {
        events.push(Intents::new(view, context).message(MessageKind::DeadlineReminder, order, &[])?);
    }
    Ok(events)
}

fn expire_order(view: &dyn View, order: &Order, context: &Context<'_>) -> Result<Vec<Event>, Fault> {
    let (items, mut events) = end_of_claim(order);
    events.insert(0, Event::OrderExpired { order_id: order.order_id, items });
    let kind = if order.paid_minor > 0 { MessageKind::RefundDue } else { MessageKind::BookingExpired };
    events.push(Intents::new(view, context).message(kind, order, &[])?);
    Ok(events)
}
