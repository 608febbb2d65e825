//! Reading custody and claims.

use super::page::{Filling, Page, Paged, ascending, last_id, newest, oldest};
use crate::ids::{HoldId, ItemId, LocationId};
use crate::kv::{Key, View};
use crate::records::{Hold, Item, Location, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::stock::{StockLevel, level, levels};
use crate::tables::Table;

/// Bytes of a stock level in a page: the record has no encoding of its own.
const LEVEL_BYTES: usize = 40;

/// All locations by id.
pub fn list_locations(view: &dyn View, page: &Page) -> Outcome<Paged<Location>> {
    Ok(oldest(view, page)?)
}

/// Stock of an item at every location that ever had it, by location id.
pub fn stocks_of_item(view: &dyn View, item_id: ItemId) -> Outcome<Vec<StockLevel>> {
    need::<Item>(view, item_id.0).named("item_id")?;
    Ok(levels(view, item_id)?)
}

/// Stock at a location of every item that was ever there, by item id.
pub fn list_stocks(view: &dyn View, location_id: LocationId, page: &Page) -> Outcome<Paged<StockLevel>> {
    need::<Location>(view, location_id.0).named("location_id")?;
    let mut filling = Filling::new(page);
    let (from, to) = ascending(Key::new().u64(location_id.0), page.after);
    view.scan(Table::StocksByLocation, from.as_slice(), to.as_slice(), &mut |key, _| {
        let item_id = last_id(key)?;
        filling.offer(item_id, || Ok(Some((level(view, ItemId(item_id), location_id)?, LEVEL_BYTES))))
    })?;
    Ok(filling.done())
}

/// Holds that still claim at `now_ms`, newest first, of one item (0 is all).
pub fn list_holds(view: &dyn View, item_id: ItemId, now_ms: i64, page: &Page) -> Outcome<Paged<Hold>> {
    if item_id.is_some() {
        need::<Item>(view, item_id.0).named("item_id")?;
    }
    let live = |hold: &Hold| hold.expire_ms > now_ms && (!item_id.is_some() || hold.item_id == item_id);
    Ok(newest(view, page, live)?)
}

/// A hold that still claims at `now_ms`: one past its deadline is gone, even before the clock's turn to remove it.
pub fn hold(view: &dyn View, hold_id: HoldId, now_ms: i64) -> Outcome<Hold> {
    let hold: Hold = need(view, hold_id.0).named("hold_id")?;
    if hold.expire_ms <= now_ms {
        return Err(Refusal::not_found(Reason::HoldNotFound, "live hold", hold_id)
            .with("field", "hold_id")
            .into());
    }
    Ok(hold)
}
