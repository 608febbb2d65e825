//! Drop Orders: from the warehouse to the CS desk and back.

use super::stock::{Demand, live_item, open_location};
use super::{Answer, Decided, check, next_id};
use crate::codes::find_scanned;
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{DropOrderId, ItemId, LocationId, OrderId};
use crate::kv::View;
use crate::records::{DropOrder, Item, Location, Settings, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::scan;
use crate::states::{DropOrderAction, DropOrderState, LocationKind};

/// What a desk asks for.
pub(crate) struct Asked<'a> {
    pub(crate) item_id: ItemId,
    pub(crate) quantity: i64,
    pub(crate) from: LocationId,
    pub(crate) to: LocationId,
    pub(crate) note: &'a str,
    pub(crate) expire_ms: Option<i64>,
}

/// Asks a warehouse for units; they are claimed at once.
pub(crate) fn request(view: &dyn View, asked: &Asked<'_>, context: &Context<'_>) -> Outcome<Decided> {
    live_item(view, "item_id", asked.item_id)?;
    let quantity = check::quantity("quantity", asked.quantity)?;
    open_location(view, "from_location_id", asked.from)?;
    if !asked.to.is_some() {
        return Err(check::required("to_location_id").into());
    }
    let desk: Location = need(view, asked.to.0).named("to_location_id")?;
    if desk.kind != LocationKind::CsDesk {
        let message = format!("{} is no CS desk; a Drop Order goes to one.", desk.code);
        return Err(Refusal::field(Reason::LocationKindWrong, "to_location_id", message).into());
    }
    let default_ms = Settings::load(view)?.hold_duration_ms;
    let expire_ms = check::deadline("expire_time", asked.expire_ms, default_ms, context.now_ms)?;
    let mut demand = Demand::default();
    demand.want(asked.item_id, asked.from, quantity);
    demand.check(view)?;
    let drop_order = DropOrder {
        drop_order_id: DropOrderId(next_id(view, DropOrderId::COUNTER)?),
        item_id: asked.item_id,
        quantity,
        from_location_id: asked.from,
        to_location_id: asked.to,
        state: DropOrderState::Requested,
        order_id: OrderId(0),
        requested_by: context.actor.to_string(),
        reject_reason: String::new(),
        note: check::optional_text("note", asked.note, 200)?,
        expire_ms,
        create_ms: context.now_ms,
        update_ms: context.now_ms,
    };
    let answer = Answer::DropOrder(drop_order.drop_order_id);
    Ok(Decided::one(Event::DropOrderRequested(Box::new(drop_order)), answer))
}

/// The Drop Order, if `action` may happen to it now.
pub(crate) fn ready(view: &dyn View, id: DropOrderId, action: DropOrderAction) -> Outcome<DropOrder> {
    let drop_order: DropOrder = need(view, id.0)?;
    if drop_order.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Drop Order", id.0, &drop_order.state, &action).into());
    }
    Ok(drop_order)
}

/// Refuses a scan that is not of the Drop Order's item.
fn check_scan(view: &dyn View, drop_order: &DropOrder, scan: &str) -> Outcome<()> {
    let Some(found) = find_scanned(view, check::scan("barcode", scan)?)? else {
        let shown = scan::shown(scan);
        let message = format!("No item has the barcode {shown}.");
        return Err(Refusal::field(Reason::BarcodeUnknown, "barcode", message).with("barcode", shown).into());
    };
    if found != drop_order.item_id.0 {
        let scanned: Item = must(view, found)?;
        let wanted: Item = must(view, drop_order.item_id.0)?;
        let message = format!(
            "Scanned: {}. Drop Order {} wants: {}.",
            scanned.name, drop_order.drop_order_id, wanted.name
        );
        let refusal = Refusal::field(Reason::ItemMismatch, "barcode", message);
        return Err(refusal.with("item_id", wanted.item_id).with("scanned_item_id", found).into());
    }
    Ok(())
}

/// The warehouse gives the item.
pub(crate) fn hand_over(view: &dyn View, id: DropOrderId, barcode: &str) -> Outcome<Decided> {
    let drop_order = ready(view, id, DropOrderAction::HandOver)?;
    check_scan(view, &drop_order, barcode)?;
    let event = Event::DropOrderHandedOver { drop_order_id: id, item_id: drop_order.item_id };
    Ok(Decided::one(event, Answer::DropOrder(id)))
}

/// The warehouse refuses.
pub(crate) fn reject(view: &dyn View, id: DropOrderId, reason: &str) -> Outcome<Decided> {
    let drop_order = ready(view, id, DropOrderAction::Reject)?;
    let reason = check::text("reason", reason, 200)?;
    let event = Event::DropOrderRejected { drop_order_id: id, item_id: drop_order.item_id, reason };
    Ok(Decided::one(event, Answer::DropOrder(id)))
}

/// The desk takes the request back.
pub(crate) fn cancel(view: &dyn View, id: DropOrderId) -> Outcome<Decided> {
    let drop_order = ready(view, id, DropOrderAction::Cancel)?;
    let event = Event::DropOrderCancelled { drop_order_id: id, item_id: drop_order.item_id };
    Ok(Decided::one(event, Answer::DropOrder(id)))
}

/// The desk will not book what it has in hand.
pub(crate) fn release(view: &dyn View, id: DropOrderId) -> Outcome<Decided> {
    let drop_order = ready(view, id, DropOrderAction::Release)?;
    let event = Event::DropOrderReleased { drop_order_id: id, item_id: drop_order.item_id };
    Ok(Decided::one(event, Answer::DropOrder(id)))
}

/// The item is scanned back. One still in the desk's claim is released by the same scan.
pub(crate) fn give_back(view: &dyn View, id: DropOrderId, barcode: &str) -> Outcome<Decided> {
    let drop_order: DropOrder = need(view, id.0)?;
    let item_id = drop_order.item_id;
    let mut events = Vec::with_capacity(2);
    if drop_order.state.next(DropOrderAction::Release).is_some() {
        events.push(Event::DropOrderReleased { drop_order_id: id, item_id });
    } else {
        ready(view, id, DropOrderAction::Return)?;
    }
    check_scan(view, &drop_order, barcode)?;
    events.push(Event::DropOrderReturned { drop_order_id: id, item_id });
    Ok(Decided::new(events, Answer::DropOrder(id)))
}
