//! Custody and claims: each balance is the sum of what it stands for.

use std::collections::BTreeMap;

use super::{Audit, hex};
use crate::ids::{ItemId, LocationId};
use crate::kv::{Fault, Key, u64_at};
use crate::records::{DropOrder, Hold, Item, Line, Location, Order};
use crate::states::{DropOrderState, LocationKind};
use crate::stock::numbers;
use crate::tables::Table;
use crate::totals::Metric;

/// Adds up the claims and desk stock of holds and Drop Orders. Orders add their own.
pub(super) fn claims(audit: &mut Audit<'_>) -> Result<(), Fault> {
    audit.each::<Hold>(|audit, hold| {
        let who = format!("Hold {}", hold.hold_id);
        audit.names::<Item>(&who, hold.item_id.0)?;
        audit.names::<Location>(&who, hold.location_id.0)?;
        audit.demand(hold.quantity > 0, || format!("{who} claims {} units.", hold.quantity));
        audit.sums.claim(hold.item_id, hold.location_id, hold.quantity);
        Ok(())
    })?;
    audit.each::<DropOrder>(drop_order)
}

fn drop_order(audit: &mut Audit<'_>, drop_order: &DropOrder) -> Result<(), Fault> {
    let who = format!("Drop Order {}", drop_order.drop_order_id);
    audit.names::<Item>(&who, drop_order.item_id.0)?;
    audit.names::<Location>(&who, drop_order.from_location_id.0)?;
    if let Some(desk) = audit.named::<Location>(&who, drop_order.to_location_id.0)? {
        audit.demand(desk.kind == LocationKind::CsDesk, || {
            format!("{who} goes to {}, which is no CS desk.", desk.code)
        });
    }
    audit.demand(drop_order.quantity > 0, || format!("{who} is for {} units.", drop_order.quantity));
    if drop_order.state.on_desk() {
        let place = (drop_order.item_id, drop_order.to_location_id);
        *audit.sums.on_desk.entry(place).or_default() += i128::from(drop_order.quantity);
    }
    audit.sums.count(Metric::DropOrdersRequested, 1);
    match drop_order.state {
        DropOrderState::Requested => {
            audit.sums.claim(drop_order.item_id, drop_order.from_location_id, drop_order.quantity);
        }
        DropOrderState::HandedOver => {
            audit.sums.claim(drop_order.item_id, drop_order.to_location_id, drop_order.quantity);
        }
        DropOrderState::Rejected => audit.sums.count(Metric::DropOrdersRejected, 1),
        DropOrderState::Cancelled => audit.sums.count(Metric::DropOrdersCancelled, 1),
        DropOrderState::Returned => audit.sums.count(Metric::DropOrdersReturned, 1),
        DropOrderState::Booked | DropOrderState::Consumed | DropOrderState::ReturnDue => {}
    }
    its_order(audit, &who, drop_order)
}

/// A Drop Order that is booked or consumed stands in a line of a live or sold order; any other belongs to none.
fn its_order(audit: &mut Audit<'_>, who: &String, drop_order: &DropOrder) -> Result<(), Fault> {
    let state = drop_order.state;
    if !matches!(state, DropOrderState::Booked | DropOrderState::Consumed) {
        let order_id = drop_order.order_id;
        audit.demand(!order_id.is_some(), || format!("{who} is {state:?} but belongs to order {order_id}."));
        return Ok(());
    }
    let Some(order) = audit.named::<Order>(who, drop_order.order_id.0)? else { return Ok(()) };
    let lives = if state == DropOrderState::Booked { order.state.claims() } else { order.state.is_sold() };
    let stands = order.lines.iter().any(|line| line.drop_order_id == drop_order.drop_order_id);
    audit.demand(lives && stands, || {
        format!(
            "{who} is {state:?} for order {}, which is {:?} or has no line of it.",
            order.order_id, order.state
        )
    });
    Ok(())
}

/// Adds up an order's claims, and checks the Drop Orders its lines come from.
pub(super) fn order_claims(audit: &mut Audit<'_>, order: &Order) -> Result<(), Fault> {
    if !order.state.claims() && !order.state.is_sold() {
        return Ok(());
    }
    let mut lines_of = BTreeMap::new();
    for line in &order.lines {
        if order.state.claims() {
            audit.sums.claim(line.item_id, line.location_id, line.quantity);
        }
        if line.drop_order_id.is_some() {
            *lines_of.entry(line.drop_order_id).or_insert(0) += 1;
            drop_order_of_line(audit, order, line)?;
        }
    }
    let twice = lines_of.into_iter().find(|(_, lines)| *lines > 1);
    if let Some((drop_order_id, _)) = twice {
        audit.broken(format!("Order {} has Drop Order {drop_order_id} in two lines.", order.order_id));
    }
    Ok(())
}

fn drop_order_of_line(audit: &mut Audit<'_>, order: &Order, line: &Line) -> Result<(), Fault> {
    let who = format!("Order {}", order.order_id);
    let Some(drop_order) = audit.named::<DropOrder>(&who, line.drop_order_id.0)? else { return Ok(()) };
    let state = if order.state.claims() { DropOrderState::Booked } else { DropOrderState::Consumed };
    let same = drop_order.item_id == line.item_id
        && drop_order.quantity == line.quantity
        && drop_order.to_location_id == line.location_id;
    let id = line.drop_order_id;
    audit.demand(same, || {
        format!("{who} has a line of Drop Order {id} with another item, quantity or location.")
    });
    audit.demand(drop_order.state == state && drop_order.order_id == order.order_id, || {
        format!(
            "{who} is {:?} with Drop Order {id}, which is {:?} for order {}.",
            order.state, drop_order.state, drop_order.order_id
        )
    });
    Ok(())
}

/// Compares every stock level with its claims, every desk with its Drop Orders, every item with its flow.
pub(super) fn balances(audit: &mut Audit<'_>) -> Result<(), Fault> {
    let mut on_hand_of: BTreeMap<ItemId, i128> = BTreeMap::new();
    let desks = desks(audit)?;
    let (view, all) = (audit.view, Key::new());
    view.scan(Table::Stocks, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        audit.report.records += 1;
        let (Ok(item), Ok(location), Ok([on_hand, held]), 17) =
            (u64_at(key, 1), u64_at(key, 9), numbers::<2>(value), key.len())
        else {
            audit.broken(format!("stocks has a row of a wrong form: {}.", hex(key)));
            return Ok(true);
        };
        let place = (ItemId(item), LocationId(location));
        *on_hand_of.entry(place.0).or_default() += i128::from(on_hand);
        level(audit, place, on_hand, held)?;
        if desks.contains(&place.1) {
            let expected = audit.sums.on_desk.remove(&place).unwrap_or(0);
            audit.demand(expected == i128::from(on_hand), || {
                format!("CS desk {location} has {on_hand} of item {item} on hand; its Drop Orders brought {expected}.")
            });
        }
        Ok(true)
    })?;
    for ((item_id, location_id), claimed) in std::mem::take(&mut audit.sums.claimed) {
        let text =
            format!("{claimed} of item {item_id} are claimed at location {location_id}, which never had it.");
        audit.demand(claimed == 0, || text);
    }
    for ((item_id, location_id), units) in std::mem::take(&mut audit.sums.on_desk) {
        let text = format!(
            "Drop Orders brought {units} of item {item_id} to location {location_id}, which never had it."
        );
        audit.demand(units == 0, || text);
    }
    flows(audit, on_hand_of)
}

fn desks(audit: &Audit<'_>) -> Result<Vec<LocationId>, Fault> {
    let (view, all) = (audit.view, Key::new());
    let mut desks = Vec::new();
    view.scan(Table::Locations, all.as_slice(), all.end().as_slice(), &mut |_, value| {
        // A location that does not decode was reported with its record.
        let location = crate::records::decode::<Location>(value).ok();
        desks.extend(location.filter(|l| l.kind == LocationKind::CsDesk).map(|l| l.location_id));
        Ok(true)
    })?;
    Ok(desks)
}

fn level(
    audit: &mut Audit<'_>,
    (item_id, location_id): (ItemId, LocationId),
    on_hand: i64,
    held: i64,
) -> Result<(), Fault> {
    let who = format!("Stock of item {item_id} at location {location_id}");
    audit.names::<Item>(&who, item_id.0)?;
    audit.names::<Location>(&who, location_id.0)?;
    audit.demand(on_hand >= held && held >= 0, || format!("{who}: {on_hand} on hand, {held} held."));
    let claimed = audit.sums.claimed.remove(&(item_id, location_id)).unwrap_or(0);
    audit.demand(claimed == i128::from(held), || {
        format!("{who}: {held} held, but live claims add up to {claimed}.")
    });
    let index = Key::new().u64(location_id.0).u64(item_id.0);
    match audit.view.get(Table::StocksByLocation, index.as_slice())? {
        Some(_) => *audit.rows.entry(Table::StocksByLocation).or_default() += 1,
        None => audit.broken(format!("{who} has no row in stocks_by_location.")),
    }
    Ok(())
}

/// On hand over all locations is what was received and adjusted, less what was sold.
fn flows(audit: &mut Audit<'_>, mut on_hand_of: BTreeMap<ItemId, i128>) -> Result<(), Fault> {
    let (view, all) = (audit.view, Key::new());
    view.scan(Table::ItemFlows, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        audit.report.records += 1;
        let (Ok(item), Ok(flow)) = (u64_at(key, 1), numbers::<3>(value)) else {
            audit.broken(format!("item_flows has a row of a wrong form: {}.", hex(key)));
            return Ok(true);
        };
        let [received, adjusted, sold] = flow.map(i128::from);
        let on_hand = on_hand_of.remove(&ItemId(item)).unwrap_or(0);
        audit.demand(on_hand == received + adjusted - sold, || {
            format!(
                "Item {item}: {on_hand} on hand, but {received} received + {adjusted} adjusted - {sold} sold."
            )
        });
        let in_sales = audit.sums.sold.remove(&ItemId(item)).unwrap_or(0);
        audit.demand(in_sales == sold, || {
            format!("Item {item}: {sold} sold, but its sales add up to {in_sales}.")
        });
        audit.sums.count(Metric::UnitsReceived, received);
        audit.sums.count(Metric::UnitsAdjusted, adjusted);
        // What came back is not sold any more, and stays counted on the day it was.
        audit.sums.count(Metric::UnitsSold, sold);
        Ok(true)
    })?;
    for (item_id, on_hand) in on_hand_of {
        audit.demand(on_hand == 0, || format!("Item {item_id}: {on_hand} on hand, but none ever came."));
    }
    for (item_id, sold) in std::mem::take(&mut audit.sums.sold) {
        audit.demand(sold == 0, || format!("Item {item_id}: sales of {sold}, but none ever came."));
    }
    Ok(())
}
