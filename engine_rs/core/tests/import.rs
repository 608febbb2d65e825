//! Goal: each row of a statement is money once, however often and in whichever form it comes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Shop, idr, paid_in};
use kasir_core::Event;
use kasir_core::command::{EntryInput, MutationInput};
use kasir_core::ids::MutationId;
use kasir_core::records::Mutation;
use kasir_core::states::MutationState;

fn on(day: &str, amount: i64, reference: &str) -> MutationInput {
    MutationInput {
        date: day.into(),
        bank_reference: reference.into(),
        ..paid_in(amount, &format!("SETORAN {day}"))
    }
}

fn part(amount: i64, reference: &str, occurrence: i32) -> MutationInput {
    let entry = EntryInput { reference: "REF1".into(), amount: Some(idr(300)), occurrence };
    MutationInput { entry: Some(entry), ..on("2026-01-02", amount, reference) }
}

fn new(shop: &mut Shop, rows: &[MutationInput]) -> usize {
    let imported = shop.import(rows.to_vec());
    assert_eq!(imported.mutation_ids.len() + imported.known.len(), rows.len());
    shop.sound();
    imported.mutation_ids.len()
}

#[test]
fn an_id_that_a_bank_gives_again_on_another_day_is_another_row() {
    let mut shop = Shop::new();
    let row = |day| on(day, 100, "BATCH00012345678");
    assert_eq!(new(&mut shop, &[row("2026-01-01"), row("2026-01-03")]), 2);
    assert_eq!(new(&mut shop, &[row("2026-01-03"), row("2026-01-05")]), 1);
    assert_eq!(new(&mut shop, &[row("2026-01-05"), row("2026-01-05")]), 1);
    shop.replays();
}

#[test]
fn an_id_that_is_given_once_is_one_row_whatever_its_day() {
    let mut shop = Shop::new();
    let row = |day: &str| MutationInput { reference_is_unique: true, ..on(day, 100, "m1") };
    assert_eq!(new(&mut shop, &[row("2026-01-01")]), 1);
    assert_eq!(new(&mut shop, &[row("2026-01-01"), row("2026-01-02")]), 0);
    let twice = |id: &str| MutationInput { bank_reference: id.into(), occurrence: 2, ..row("2026-01-01") };
    assert_eq!(new(&mut shop, &[twice("m1"), twice("m2"), twice("m2")]), 1);
    shop.replays();
}

/// Rows imported before days were looked at are known by their id alone, and numbered without their day.
#[test]
fn rows_of_a_store_from_before_days_were_looked_at_are_known() {
    let mut shop = Shop::new();
    let row = |day: &str| MutationInput { reference_is_unique: true, ..on(day, 100, "BATCH00012345678") };
    assert_eq!(new(&mut shop, &[row("2026-01-01")]), 1);
    let first: Mutation = shop.mutation(1);
    for (number, day) in [(2, "2026-01-03"), (3, "2026-01-03")] {
        let (mutation_id, date) = (MutationId(number), day.to_string());
        let occurrence = i32::try_from(number).unwrap();
        shop.happened(Event::MutationImported(Mutation { mutation_id, date, occurrence, ..first.clone() }));
    }
    let row = |day| on(day, 100, "BATCH00012345678");
    assert_eq!(new(&mut shop, &[row("2026-01-01"), row("2026-01-03"), row("2026-01-03")]), 0);
    assert_eq!(new(&mut shop, &[row("2026-01-03"), row("2026-01-03"), row("2026-01-03")]), 1);
    assert_eq!(new(&mut shop, &[row("2026-01-03"), row("2026-01-04")]), 1);
    shop.replays();
}

#[test]
fn a_whole_entry_is_known_by_its_parts_and_they_by_it() {
    let whole = on("2026-01-02", 300, "REF1");
    let parts = [part(100, "REF1", 1), part(200, "REF1", 1)];
    for first_parts in [true, false] {
        let mut shop = Shop::new();
        if first_parts {
            assert_eq!(new(&mut shop, &parts), 2);
            assert_eq!(new(&mut shop, std::slice::from_ref(&whole)), 0);
            assert_eq!(new(&mut shop, &parts), 0);
        } else {
            assert_eq!(new(&mut shop, std::slice::from_ref(&whole)), 1);
            assert_eq!(new(&mut shop, &parts), 0);
            assert_eq!(new(&mut shop, std::slice::from_ref(&whole)), 0);
        }
        // Another entry of the day, and one of another day.
        let second = MutationInput { occurrence: 2, ..whole.clone() };
        let later = MutationInput { date: "2026-01-03".into(), ..whole.clone() };
        assert_eq!(new(&mut shop, &[whole.clone(), second, later]), 2);
        assert_eq!(new(&mut shop, &[part(100, "REF1", 2), part(200, "REF1", 2)]), 0);
        shop.replays();
    }
}

#[test]
fn parts_that_come_in_two_calls_are_all_imported() {
    let mut shop = Shop::new();
    assert_eq!(new(&mut shop, &[part(100, "", 1)]), 1);
    assert_eq!(new(&mut shop, &[part(200, "DETAIL000000002", 1)]), 1);
    assert_eq!(new(&mut shop, &[on("2026-01-02", 300, "REF1")]), 0);
    shop.replays();
}

/// A pending entry pays for nothing, so it must not stand for its posted parts.
#[test]
fn a_pending_entry_stands_for_no_posted_part() {
    let mut shop = Shop::new();
    let pending = MutationInput { pending: true, ..on("2026-01-02", 300, "REF1") };
    assert_eq!(new(&mut shop, &[pending]), 1);
    assert_eq!(new(&mut shop, &[part(100, "REF1", 1), part(200, "REF1", 1)]), 2);
    assert_eq!(new(&mut shop, &[on("2026-01-02", 300, "REF1")]), 0);
    assert_eq!(shop.mutation(1).state, MutationState::Pending);
    shop.replays();
}
