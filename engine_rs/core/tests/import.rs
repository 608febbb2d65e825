//! Goal: each row of a statement is money once, however often and in whichever form it comes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Shop, idr, paid_in};
use kasir_core::command::{EntryInput, MutationInput};
use kasir_core::ids::MutationId;
use kasir_core::records::Mutation;
use kasir_core::states::MutationState;
use kasir_core::{Command, Event, Reply};

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
        shop.happened(Event::MutationImported(Box::new(Mutation {
            mutation_id,
            date,
            occurrence,
            ..first.clone()
        })));
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

fn waits(day: &str, text: &str, reference: &str) -> MutationInput {
    MutationInput { pending: true, date: day.into(), bank_reference: reference.into(), ..paid_in(100, text) }
}

fn booked(day: &str, text: &str, reference: &str) -> MutationInput {
    MutationInput { pending: false, ..waits(day, text, reference) }
}

fn posted(shop: &mut Shop, row: &MutationInput) -> Vec<u64> {
    let imported = shop.import(vec![row.clone()]);
    shop.sound();
    assert_eq!(shop.import(vec![row.clone()]).mutation_ids, [], "the same row again");
    imported.posted.iter().map(|id| id.0).collect()
}

#[test]
fn a_row_that_gets_its_id_when_it_is_posted_is_found_by_its_text() {
    let mut shop = Shop::new();
    let pending = waits("2026-01-01", "PAY 1", "");
    assert_eq!(new(&mut shop, std::slice::from_ref(&pending)), 1);
    let row = booked("2026-01-02", "PAY  1", "REF123456789012");
    assert_eq!(posted(&mut shop, &row), [1]);
    let mutation = shop.mutation(1);
    assert_eq!(
        (mutation.state, mutation.bank_reference.as_str()),
        (MutationState::Posted, "REF123456789012")
    );
    assert_eq!(new(&mut shop, &[pending]), 0, "the file that had it pending");
    assert_eq!(new(&mut shop, &[booked("2026-01-03", "PAY 1", "REF123456789012")]), 1, "another day");
    shop.replays();
}

#[test]
fn a_row_whose_text_grows_or_is_cut_when_it_is_posted_is_the_same() {
    let (short, long) = ("BI-FAST CR TRANSFER DR 014 SITI", "BI-FAST CR TRANSFER   DR 014 SITI AMINAH");
    for (before, after) in [(short, long), (long, short)] {
        let mut shop = Shop::new();
        let pending = waits("2026-01-01", before, "");
        new(&mut shop, std::slice::from_ref(&pending));
        assert_eq!(posted(&mut shop, &booked("2026-01-02", after, "")), [1]);
        assert_eq!(shop.mutation(1).description, after);
        assert_eq!(new(&mut shop, &[pending]), 0);
        shop.replays();
    }
}

#[test]
fn a_row_of_another_text_is_posted_only_when_no_other_fits() {
    let long = "TRANSFER SITI AMINAH";
    for (pending, row) in [
        (
            vec![waits("2026-01-01", "TRANSFER", ""), waits("2026-01-01", "TRANSFER SITI", "")],
            booked("2026-01-02", long, ""),
        ),
        (vec![waits("2026-01-01", "TRANSFER SITI", "")], booked("2026-01-09", long, "")),
        (vec![waits("2026-01-01", "TRANSFER BUDI", "")], booked("2026-01-02", long, "")),
        (vec![waits("2026-01-01", "", "")], booked("2026-01-02", long, "")),
        (vec![waits("2026-01-01", "TRANSFER", "ID00001")], booked("2026-01-02", long, "ID00002")),
        (
            vec![MutationInput { amount: Some(idr(-100)), ..waits("2026-01-01", "TRANSFER", "") }],
            booked("2026-01-02", long, ""),
        ),
    ] {
        let mut shop = Shop::new();
        new(&mut shop, &pending);
        assert_eq!(posted(&mut shop, &row), [0; 0], "{pending:?}");
        assert_eq!(shop.mutation(1).state, MutationState::Pending);
    }
}

#[test]
fn a_pending_row_equal_to_one_that_was_posted_before_is_another() {
    for reference in ["", "BATCH00012345678"] {
        let mut shop = Shop::new();
        let (pending, text) = (|day| waits(day, "SETORAN", reference), "SETORAN");
        assert_eq!(new(&mut shop, &[pending("2026-01-01")]), 1);
        assert_eq!(posted(&mut shop, &booked("2026-01-01", text, reference)), [1]);
        assert_eq!(new(&mut shop, &[pending("2026-01-01")]), 0, "the file that had it pending");
        assert_eq!(new(&mut shop, &[pending("2026-01-02"), pending("2026-01-02")]), 2);
        assert_eq!(new(&mut shop, &[pending("2026-01-02"), pending("2026-01-02")]), 0);
        assert_eq!(posted(&mut shop, &booked("2026-01-03", text, reference)), [2]);
        // A file that has it posted and pending has another one pending.
        assert_eq!(new(&mut shop, &[booked("2026-01-03", text, reference), pending("2026-01-03")]), 0);
        shop.replays();
    }
}

#[test]
fn rows_of_a_file_that_was_taken_whole_are_known_whatever_they_say_later() {
    let mut shop = Shop::new();
    let import = |shop: &mut Shop, day: &str, file_hash: &str, file_ends| {
        let command = Command::ImportMutations {
            bank_account_id: common::BCA,
            file_hash: file_hash.into(),
            mutations: vec![MutationInput { date: day.into(), ..paid_in(100, "A") }],
            file_ends,
        };
        let Reply::Imported(imported) = shop.ok(command) else { panic!("another reply") };
        shop.sound();
        (imported.mutation_ids.len(), imported.known_rows, imported.file_known)
    };
    assert_eq!(import(&mut shop, "2026-01-08", "aa", false), (1, 0, false));
    // Half a file is none: the other half may be new.
    assert_eq!(import(&mut shop, "2026-01-09", "aa", true), (1, 0, false));
    assert_eq!(import(&mut shop, "2027-01-08", "aa", true), (0, 1, true));
    assert_eq!(import(&mut shop, "2027-01-08", "bb", false), (1, 0, false));
    assert_eq!(import(&mut shop, "2028-01-08", "", true), (1, 0, false));
    assert_eq!(import(&mut shop, "2029-01-08", "", true), (1, 0, false));
    shop.replays();
}

#[test]
fn pending_parts_are_posted_by_their_whole_entry() {
    let pending = |row: MutationInput| MutationInput { pending: true, ..row };
    let parts = [pending(part(100, "", 1)), pending(part(200, "REF1", 1))];
    let whole = on("2026-01-03", 300, "REF1");
    let mut shop = Shop::new();
    assert_eq!(new(&mut shop, &parts), 2);
    assert_eq!(posted(&mut shop, &whole), [1, 2]);
    assert_eq!(shop.mutation(2).state, MutationState::Posted);
    assert_eq!(new(&mut shop, &parts), 0);
    let booked = parts.map(|row| MutationInput { pending: false, date: "2026-01-03".into(), ..row });
    assert_eq!(new(&mut shop, &booked), 0);
    shop.replays();

    // Some are missing: nobody knows which.
    let mut shop = Shop::new();
    assert_eq!(new(&mut shop, &[pending(part(100, "", 1))]), 1);
    assert_eq!(posted(&mut shop, &whole), [0; 0]);
    assert_eq!(shop.mutation(1).state, MutationState::Pending);
    shop.replays();
}
