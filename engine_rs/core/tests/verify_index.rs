//! Goal: rows of indexes that are missing, or that nothing stands behind, are named.
//! Method: after a busy day one row at a time is taken away or put in.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod damage;
mod shop;

use std::collections::BTreeSet;

use damage::{assert_found, day, order_is};
use kasir_core::kv::{Key, u64_at};
use kasir_core::records::find;
use kasir_core::states::OrderState;
use kasir_core::tables::Codec;
use kasir_core::{Memory, State, Table, verify};
use shop::{ACCOUNT, COFFEE, STORE};

/// Rows of every index, of every kind of code and of deadline, are missed when they are gone.
#[test]
fn index_rows_that_are_missing_are_found() {
    let day = day();
    let fixed_index = |table: Table| matches!(table, Table::Codes | Table::Payables | Table::MutationKeys);
    // A paid order may have lost its payable to another one while it was expired.
    let of_paid = |table: Table, value: &[u8]| {
        let paid =
            |id: &[u8]| order_is(OrderState::Paid)(&find(&day, u64_at(id, 0).unwrap()).unwrap().unwrap());
        table == Table::Payables && paid(value)
    };
    let mut tried = BTreeSet::new();
    for (table, key, value) in day.entries() {
        let is_index = table.codec() == Codec::Empty || fixed_index(table);
        let kind = key.get(if table == Table::Deadlines { 9 } else { 1 });
        if !is_index || of_paid(table, value) || !tried.insert((table, kind)) {
            continue;
        }
        let mut state = day.clone();
        state.delete(table, key).unwrap();
        let violations = verify(&state).unwrap().violations;
        let said = format!("no row in {}", table.name());
        assert!(
            violations.iter().any(|violation| violation.contains(&said)),
            "{table:?} {key:?}: {violations:?}"
        );
    }
    assert!(tried.len() > 40, "{}", tried.len());
}

#[test]
fn index_rows_that_nothing_stands_behind_are_found() {
    let stray = |table: Table, key: Key, value: &[u8]| {
        let said = format!("{} has a row", table.name());
        assert_found(|s| s.put(table, key.as_slice(), value).unwrap(), &[&said]);
    };
    stray(Table::ItemWords, Key::new().text("gula").u64(COFFEE.0), &[]);
    stray(Table::ItemsByCategory, Key::new().text("gula").u64(COFFEE.0), &[]);
    stray(Table::StocksByLocation, Key::new().u64(STORE.0).u64(77), &[]);
    stray(Table::DropOrdersByState, Key::new().u8(4).u64(1), &[]);
    stray(Table::OrdersByState, Key::new().u8(9).u64(1), &[]);
    stray(Table::OrdersByCustomer, Key::new().u64(2).u64(1), &[]);
    stray(Table::Payables, Key::new().u64(ACCOUNT.0).i64(1), &1_u64.to_be_bytes());
    stray(Table::MutationsByState, Key::new().u64(ACCOUNT.0).u8(5).u64(1), &[]);
    stray(Table::PendingMutations, Key::new().bytes(&[7; 32]).u64(1), &[]);
    stray(Table::MutationKeys, Key::new().bytes(&[7; 32]), &1_u64.to_be_bytes());
    stray(Table::Credits, Key::new().u64(77), &[]);
    stray(Table::SalesByShift, Key::new().u64(9).u64(1), &[]);
    stray(Table::SalesByReceipt, Key::new().text("KASIR-9-1").u64(1), &[]);
    stray(Table::RefundsBySale, Key::new().u64(2).u64(1), &[]);
    stray(Table::ParcelsByLabel, Key::new().u8(3).u64(1), &[]);
    stray(Table::LabelsDue, Key::new().u8(0).u64(7), &[]);
    stray(Table::Proposals, Key::new().u64(ACCOUNT.0).u8(0).u8(1).u64(1), &[]);
    stray(Table::ProposalsByOrder, Key::new().u64(1).u64(1), &[]);
    stray(Table::ParcelsByAirwayBill, Key::new().u8(3).u64(1), &[]);
    stray(Table::PrintJobsByState, Key::new().u8(4).u64(1), &[]);
    stray(Table::MessagesByState, Key::new().u8(1).u64(1), &[]);
    for (kind, id) in [(1, 1), (2, 9), (3, 1), (4, 10)] {
        stray(Table::Deadlines, Key::new().i64(5).u8(kind).u64(id), &[]);
    }
    for kind in 1..=10 {
        stray(Table::Codes, Key::new().u8(kind).bytes(b"STRAY"), &1_u64.to_be_bytes());
    }
    stray(Table::Deadlines, Key::new().u8(3), &[]);
}

#[test]
fn what_was_learnt_of_payers_is_what_mutations_say() {
    let row = |payer: &str| Key::new().text(payer).u64(1);
    let count = |number: i64| number.to_be_bytes();
    let stray = |s: &mut Memory| s.put(Table::Payers, row("NOBODY").as_slice(), &count(1)).unwrap();
    assert_found(stray, &["A payer is kept as"]);
    let (key, _) = {
        let day = day();
        let kept = day.entries().find(|(table, _, _)| *table == Table::Payers);
        let (_, key, value) = kept.expect("somebody's payment was confirmed");
        (key.to_vec(), value.to_vec())
    };
    assert_found(|s| s.put(Table::Payers, &key, &count(99)).unwrap(), &["A payer is kept as Ok(99)"]);
    assert_found(|s| s.delete(Table::Payers, &key).unwrap(), &["payers of confirmed mutations are not kept"]);
}
