//! A store after a busy day, and words for damaging it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::OnceLock;

use kasir_core::ids::ItemId;
use kasir_core::kv::Key;
use kasir_core::records::{Order, Record, decode, save};
use kasir_core::states::OrderState;
use kasir_core::stock::{fixed, numbers};
use kasir_core::{Memory, State, Table, View, verify};

use crate::shop::busy_day;

/// The store after the busy day, made once.
pub(crate) fn day() -> Memory {
    static DAY: OnceLock<Memory> = OnceLock::new();
    DAY.get_or_init(|| busy_day().state).clone()
}

/// Asserts that a damage is named by every one of these phrases.
#[track_caller]
pub(crate) fn assert_found(damage: impl FnOnce(&mut Memory), phrases: &[&str]) {
    let mut state = day();
    damage(&mut state);
    assert!(state != day(), "nothing was damaged");
    let violations = verify(&state).unwrap().violations;
    for phrase in phrases {
        assert!(
            violations.iter().any(|said| said.contains(phrase)),
            "{phrase:?} is not said in {violations:#?}"
        );
    }
}

/// Changes the first record that fits, and nothing beside it.
#[track_caller]
pub(crate) fn edit<R: Record>(state: &mut Memory, fits: impl Fn(&R) -> bool, change: impl FnOnce(&mut R)) {
    let mut record = first(state, fits);
    change(&mut record);
    save(state, &record).unwrap();
}

#[track_caller]
pub(crate) fn first<R: Record>(state: &Memory, fits: impl Fn(&R) -> bool) -> R {
    let records = state.entries().filter(|(table, _, _)| *table == R::TABLE);
    let mut records = records.map(|(_, _, value)| decode::<R>(value).unwrap());
    records.find(fits).unwrap_or_else(|| panic!("no {} fits", R::ENTITY))
}

pub(crate) fn stock_row(item_id: ItemId, location: u64) -> Key {
    Key::new().u64(item_id.0).u64(location)
}

/// Adds to a row of fixed-width numbers.
pub(crate) fn add<const N: usize>(state: &mut Memory, table: Table, key: Key, more: [i64; N]) {
    let mut row: [i64; N] =
        numbers(&state.get(table, key.as_slice()).unwrap().expect("the row is there")).unwrap();
    row.iter_mut().zip(more).for_each(|(number, more)| *number += more);
    state.put(table, key.as_slice(), &fixed(row)).unwrap();
}

pub(crate) fn order_is(state: OrderState) -> impl Fn(&Order) -> bool {
    move |order| order.state == state
}
