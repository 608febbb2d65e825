//! Locations, movements of stock, holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalogue::{bounded, free_code};
use super::check::Field;
use super::{Answer, Decided, check, next_id};
use crate::codes::CodeKind;
use crate::command::{HoldInput, LocationInput, StockLine};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{HoldId, ItemId, LocationId};
use crate::kv::View;
use crate::records::{Hold, Item, Location, Settings, find, need, need_shared};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Reply;
use crate::states::LocationKind;
use crate::stock::level;

/// Most lines of one movement.
const LINES_MAX: usize = 1_000;
/// Most locations of a shop.
const LOCATIONS_MAX: u64 = 1_000;
/// Most units of one item at one location.
pub(crate) const ON_HAND_MAX: i64 = 1_000_000_000_000;

/// Units wanted per item and location, summed before anything is checked: two lines of one order never both take the last.
#[derive(Debug, Default, Clone)]
pub(crate) struct Demand(BTreeMap<(ItemId, LocationId), i64>);

impl Demand {
    /// Adds units; returns false when all that is wanted so far is not available any more.
    pub(crate) fn add(
        &mut self,
        view: &dyn View,
        item_id: ItemId,
        location_id: LocationId,
        quantity: i64,
    ) -> Outcome<bool> {
        let wanted = self.0.entry((item_id, location_id)).or_default();
        *wanted = wanted.saturating_add(quantity);
        Ok(*wanted <= level(view, item_id, location_id)?.available())
    }

    /// Refuses when somewhere less is available than is wanted; the first by item and location.
    pub(crate) fn check(&self, view: &dyn View) -> Outcome<()> {
        for (&(item_id, location_id), &wanted) in &self.0 {
            let stock = level(view, item_id, location_id)?;
            if stock.available() < wanted {
                return Err(out_of_stock(view, item_id, location_id, stock.available(), wanted)?.into());
            }
        }
        Ok(())
    }

    /// Adds without looking.
    pub(crate) fn want(&mut self, item_id: ItemId, location_id: LocationId, quantity: i64) {
        let wanted = self.0.entry((item_id, location_id)).or_default();
        *wanted = wanted.saturating_add(quantity);
    }
}

fn out_of_stock(
    view: &dyn View,
    item_id: ItemId,
    location_id: LocationId,
    available: i64,
    wanted: i64,
) -> Outcome<Refusal> {
    let name = find::<Item>(view, item_id.0)?.map_or_else(|| format!("item {item_id}"), |item| item.name);
    let place =
        find::<Location>(view, location_id.0)?.map_or_else(|| location_id.to_string(), |place| place.code);
    let message = format!("{name}: {wanted} wanted at {place}, {available} available.");
    Ok(Refusal::new(Reason::OutOfStock, message)
        .with("item_id", item_id)
        .with("location_id", location_id)
        .with("available", available)
        .with("wanted", wanted))
}

/// A location that is not a CS desk: its stock may be booked, sold and moved freely.
pub(crate) fn open_location(
    view: &dyn View,
    field: impl Field,
    location_id: LocationId,
) -> Outcome<Arc<Location>> {
    if !location_id.is_some() {
        return Err(check::required(field).into());
    }
    let location: Arc<Location> = need_shared(view, location_id.0).named(field)?;
    if location.kind == LocationKind::CsDesk {
        let message = format!("{} is a CS desk: its stock moves by Drop Orders only.", location.code);
        return Err(Refusal::field(Reason::DropOrderRequired, field, message)
            .with("location_id", location_id)
            .into());
    }
    Ok(location)
}

/// An item that may be booked and sold.
pub(crate) fn live_item(view: &dyn View, field: impl Field, item_id: ItemId) -> Outcome<Arc<Item>> {
    if !item_id.is_some() {
        return Err(check::required(field).into());
    }
    let item: Arc<Item> = need_shared(view, item_id.0).named(field)?;
    if item.inactive {
        let message = format!("{} is not sold any more.", item.name);
        return Err(Refusal::field(Reason::ItemInactive, field, message).with("item_id", item_id).into());
    }
    Ok(item)
}

/// Adds a location.
pub(crate) fn create_location(view: &dyn View, input: &LocationInput) -> Outcome<Decided> {
    let code = check::code("location.code", &input.code, 20)?;
    free_code(view, CodeKind::Location, "location.code", &code)?;
    let id = next_id(view, LocationId::COUNTER)?;
    bounded(id, LOCATIONS_MAX, "locations")?;
    let location = Location {
        location_id: LocationId(id),
        code,
        name: check::text("location.name", &input.name, 100)?,
        kind: LocationKind::from_number(input.kind).ok_or_else(|| check::required("location.kind"))?,
    };
    let answer = Answer::Location(location.location_id);
    Ok(Decided::one(Event::LocationCreated(location), answer))
}

fn known_items(view: &dyn View, lines: &[StockLine]) -> Outcome<()> {
    check::count("lines", lines.len(), LINES_MAX)?;
    for (index, line) in lines.iter().enumerate() {
        if !line.item_id.is_some() {
            return Err(check::required(&format!("lines[{index}].item_id")).into());
        }
        need::<Item>(view, line.item_id.0).named(format_args!("lines[{index}].item_id"))?;
    }
    Ok(())
}

fn distinct(lines: &[StockLine], location_id: LocationId) -> Vec<(ItemId, LocationId)> {
    let items: std::collections::BTreeSet<ItemId> = lines.iter().map(|line| line.item_id).collect();
    items.into_iter().map(|item_id| (item_id, location_id)).collect()
}

/// Goods come in.
pub(crate) fn receive(
    view: &dyn View,
    location_id: LocationId,
    lines: &[StockLine],
    reference: &str,
) -> Outcome<Decided> {
    open_location(view, "location_id", location_id)?;
    let reference = check::optional_text("reference", reference, 100)?;
    known_items(view, lines)?;
    let mut events = Vec::with_capacity(lines.len());
    let mut sums: BTreeMap<ItemId, i64> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        let field = format!("lines[{index}].quantity");
        let quantity = check::quantity(&field, line.quantity)?;
        let sum = sums.entry(line.item_id).or_default();
        *sum += quantity;
        let after = level(view, line.item_id, location_id)?.on_hand + *sum;
        check::range(&field, after, 0, ON_HAND_MAX)?;
        let item_id = line.item_id;
        events.push(Event::StockReceived { item_id, location_id, quantity, reference: reference.clone() });
    }
    Ok(Decided::new(events, Answer::Stocks(distinct(lines, location_id))))
}

/// A count differs.
pub(crate) fn adjust(
    view: &dyn View,
    location_id: LocationId,
    lines: &[StockLine],
    reason: &str,
) -> Outcome<Decided> {
    open_location(view, "location_id", location_id)?;
    let reason = check::text("reason", reason, 200)?;
    known_items(view, lines)?;
    let mut events = Vec::with_capacity(lines.len());
    let mut sums: BTreeMap<ItemId, i64> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        let field = format!("lines[{index}].quantity");
        let difference = check::range(&field, line.quantity, -check::QUANTITY_MAX, check::QUANTITY_MAX)?;
        if difference == 0 {
            return Err(Refusal::field(Reason::FieldOutOfRange, &field, format!("{field} is zero.")).into());
        }
        let sum = sums.entry(line.item_id).or_default();
        *sum += difference;
        let stock = level(view, line.item_id, location_id)?;
        if stock.available() + *sum < 0 {
            return Err(out_of_stock(view, line.item_id, location_id, stock.available(), -*sum)?.into());
        }
        check::range(&field, stock.on_hand + *sum, 0, ON_HAND_MAX)?;
        let item_id = line.item_id;
        events.push(Event::StockAdjusted { item_id, location_id, difference, reason: reason.clone() });
    }
    Ok(Decided::new(events, Answer::Stocks(distinct(lines, location_id))))
}

/// Goods go from one location to another.
pub(crate) fn transfer(
    view: &dyn View,
    from: LocationId,
    to: LocationId,
    lines: &[StockLine],
) -> Outcome<Decided> {
    open_location(view, "from_location_id", from)?;
    open_location(view, "to_location_id", to)?;
    if from == to {
        let message = "Stock goes to another location, not to the same.";
        return Err(Refusal::field(Reason::FieldMalformed, "to_location_id", message).into());
    }
    known_items(view, lines)?;
    let mut demand = Demand::default();
    let mut events = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let quantity = check::quantity(&format!("lines[{index}].quantity"), line.quantity)?;
        demand.want(line.item_id, from, quantity);
        let item_id = line.item_id;
        events.push(Event::StockTransferred {
            item_id,
            from_location_id: from,
            to_location_id: to,
            quantity,
        });
    }
    demand.check(view)?;
    let mut keys = distinct(lines, from.min(to));
    keys.extend(distinct(lines, from.max(to)));
    Ok(Decided::new(events, Answer::Stocks(keys)))
}

/// Claims units until a deadline.
pub(crate) fn create_hold(view: &dyn View, input: &HoldInput, context: &Context<'_>) -> Outcome<Decided> {
    live_item(view, "hold.item_id", input.item_id)?;
    open_location(view, "hold.location_id", input.location_id)?;
    let quantity = check::quantity("hold.quantity", input.quantity)?;
    let owner = check::optional_text("hold.owner", &input.owner, 60)?;
    let default_ms = Settings::load(view)?.hold_duration_ms;
    let expire_ms = check::deadline("hold.expire_time", input.expire_ms, default_ms, context.now_ms)?;
    let replaced = match find::<Hold>(view, input.replaced_hold_id.0)? {
        Some(hold) if (hold.item_id, hold.location_id) == (input.item_id, input.location_id) => Some(hold),
        Some(_) => {
            let message = "A hold takes the place of one of the same item and location only.";
            return Err(Refusal::field(Reason::ItemMismatch, "hold.replaced_hold_id", message).into());
        }
        None => None,
    };
    let mut demand = Demand::default();
    demand.want(input.item_id, input.location_id, quantity);
    if let Some(hold) = &replaced {
        demand.want(hold.item_id, hold.location_id, -hold.quantity);
    }
    demand.check(view)?;
    let hold = Hold {
        hold_id: HoldId(next_id(view, HoldId::COUNTER)?),
        item_id: input.item_id,
        location_id: input.location_id,
        quantity,
        owner,
        expire_ms,
        create_ms: context.now_ms,
    };
    let answer = Answer::Made(Box::new(Reply::Hold(hold.clone())));
    let ended = replaced.map(|old| Event::HoldReleased { hold_id: old.hold_id, item_id: old.item_id });
    Ok(Decided::new(ended.into_iter().chain([Event::HoldCreated(hold)]).collect(), answer))
}

/// A hold that still claims.
pub(crate) fn live_hold(view: &dyn View, hold_id: HoldId, context: &Context<'_>) -> Outcome<Hold> {
    let hold: Hold = need(view, hold_id.0)?;
    if hold.expire_ms <= context.now_ms {
        return Err(Refusal::not_found(Reason::HoldNotFound, "hold", hold_id).into());
    }
    Ok(hold)
}

/// Gives a claim back.
pub(crate) fn release_hold(view: &dyn View, hold_id: HoldId, context: &Context<'_>) -> Outcome<Decided> {
    let hold = live_hold(view, hold_id, context)?;
    let answer = Answer::Stocks(vec![(hold.item_id, hold.location_id)]);
    Ok(Decided::one(Event::HoldReleased { hold_id, item_id: hold.item_id }, answer))
}
