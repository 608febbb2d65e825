//! Custody and claims: two balances per item and location, and where they must agree.

use crate::ids::{ItemId, LocationId};
use crate::kv::{Fault, Key, State, View, u64_at};
use crate::tables::Table;

/// What is where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// The item.
    pub item_id: ItemId,
    /// The location.
    pub location_id: LocationId,
    /// Units physically there.
    pub on_hand: i64,
    /// Units promised to someone.
    pub held: i64,
}

impl StockLevel {
    /// What can be promised now.
    pub fn available(&self) -> i64 {
        self.on_hand - self.held
    }
}

/// What came, was corrected and was sold of an item, over all locations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ItemFlow {
    /// Units received.
    pub received: i64,
    /// Units adjusted, signed.
    pub adjusted: i64,
    /// Units sold.
    pub sold: i64,
}

/// Signed numbers of a fixed-width value.
pub fn numbers<const N: usize>(bytes: &[u8]) -> Result<[i64; N], Fault> {
    let mut all = [0; N];
    for (index, number) in all.iter_mut().enumerate() {
        *number = u64_at(bytes, index * 8)?.cast_signed();
    }
    Ok(all)
}

/// A fixed-width value of signed numbers.
pub fn fixed<const N: usize>(numbers: [i64; N]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn stock_key(item_id: ItemId, location_id: LocationId) -> Key {
    Key::new().u64(item_id.0).u64(location_id.0)
}

/// Stock of an item at a location; none ever there is zero.
pub fn level(view: &dyn View, item_id: ItemId, location_id: LocationId) -> Result<StockLevel, Fault> {
    let read = || match view.get(Table::Stocks, stock_key(item_id, location_id).as_slice())? {
        Some(bytes) => numbers(&bytes),
        None => Ok([0, 0]),
    };
    let kept = view.kept();
    let [on_hand, held] = kept.map_or_else(read, |kept| kept.balances_or(item_id, location_id, read))?;
    Ok(StockLevel { item_id, location_id, on_hand, held })
}

/// Stock of an item everywhere, by location id.
pub fn levels(view: &dyn View, item_id: ItemId) -> Result<Vec<StockLevel>, Fault> {
    let prefix = Key::new().u64(item_id.0);
    let mut found = Vec::new();
    view.scan(Table::Stocks, prefix.as_slice(), prefix.end().as_slice(), &mut |key, value| {
        let [on_hand, held] = numbers(value)?;
        found.push(StockLevel { item_id, location_id: LocationId(u64_at(key, 9)?), on_hand, held });
        Ok(true)
    })?;
    Ok(found)
}

/// What came, was corrected and was sold of an item.
pub fn flow(view: &dyn View, item_id: ItemId) -> Result<ItemFlow, Fault> {
    let [received, adjusted, sold] = match view.get(Table::ItemFlows, Key::new().u64(item_id.0).as_slice())? {
        Some(bytes) => numbers(&bytes)?,
        None => [0, 0, 0],
    };
    Ok(ItemFlow { received, adjusted, sold })
}

/// Adds signed differences to on hand and held, and asserts `on_hand >= held >= 0`: decide has refused what would
/// break it, so a break here is corruption, and the batch is not committed.
pub(crate) fn change(
    state: &mut dyn State,
    item_id: ItemId,
    location_id: LocationId,
    on_hand: i64,
    held: i64,
) -> Result<(), Fault> {
    let before = level(state.view(), item_id, location_id)?;
    let (Some(on_hand), Some(held)) = (before.on_hand.checked_add(on_hand), before.held.checked_add(held))
    else {
        return Err(Fault::Corrupt(format!("stock of item {item_id} at location {location_id} overflows")));
    };
    if held < 0 || on_hand < held {
        return Err(Fault::Corrupt(format!(
            "item {item_id} at location {location_id} would have {on_hand} on hand and {held} held"
        )));
    }
    state.put(Table::Stocks, stock_key(item_id, location_id).as_slice(), &fixed([on_hand, held]))?;
    if let Some(kept) = state.view().kept() {
        kept.keep_balances(item_id, location_id, [on_hand, held]);
    }
    if before.on_hand == 0 && before.held == 0 {
        let index = Key::new().u64(location_id.0).u64(item_id.0);
        state.put(Table::StocksByLocation, index.as_slice(), &[])?;
    }
    Ok(())
}

/// Adds to what came, was corrected and was sold of an item.
pub(crate) fn add_flow(state: &mut dyn State, item_id: ItemId, add: ItemFlow) -> Result<(), Fault> {
    let now = flow(state.view(), item_id)?;
    let next = [now.received + add.received, now.adjusted + add.adjusted, now.sold + add.sold];
    state.put(Table::ItemFlows, Key::new().u64(item_id.0).as_slice(), &fixed(next))
}
