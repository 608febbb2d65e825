//! Goal: after an erasure nothing of the store tells of the customer, and the books are the same whichever way they are come by.
//! Method: days with erasures; every byte of every table is searched for the name, and the store is compared with its replay,
//! with what a crash leaves, and with what a backup leads to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use kasir_core::ids::{CustomerId, OrderId};
use kasir_core::records::{Customer, find};
use kasir_core::{Command, Reason};
use kasir_store::{DATA_FILE, GENESIS, Onlooker, Target, restore_to, write_segment};
use proptest::prelude::*;
use support::{Shop, booking, dump, eventually, request};
use tempfile::TempDir;

const NAME: &str = "Sri Wahyuningsih";

type Rows = Vec<(String, Vec<u8>, Vec<u8>)>;

fn rows(data_file: &Path) -> Rows {
    dump(data_file).into_iter().filter(|(table, _, _)| table != "meta").collect()
}

fn copied(shop: &Shop) -> Rows {
    let dir = TempDir::new().unwrap();
    rows(&shop.store.snapshot(&dir.path().join("copy")).unwrap().path)
}

/// The tables in which the name stands, open.
fn tells(rows: &Rows, name: &str) -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(name.len()).any(|part| part == name.as_bytes());
    let mut tables: Vec<_> = rows
        .iter()
        .filter(|(_, key, value)| has(key) || has(value))
        .map(|(table, _, _)| table.clone())
        .collect();
    tables.dedup();
    tables
}

fn cancel(order: u64) -> Command {
    Command::CancelBooking { order_id: OrderId(order), reason: format!("{NAME} berubah pikiran") }
}

fn erase(customer: u64) -> Command {
    Command::EraseCustomer { customer_id: CustomerId(customer), version: 1 }
}

fn customer(shop: &Shop, id: u64) -> Customer {
    shop.store.read(|reader| Ok(find::<Customer>(reader, id)?)).unwrap().unwrap()
}

#[test]
fn nothing_tells_of_who_was_erased() {
    let shop = Shop::stocked(100);
    let book = request([7; 16], booking(NAME));
    shop.store.submit_blocking(book.clone()).unwrap();
    shop.ok(booking("Budi Santoso"));
    assert_eq!(shop.refused(erase(1)), Reason::CustomerBusy);
    shop.ok(cancel(1));
    let before = copied(&shop);
    assert_eq!(tells(&before, NAME), ["orders", "customers", "messages"], "and neither journal nor replies");
    let phone = customer(&shop, 1).phone;
    shop.ok(erase(1));
    let after = copied(&shop);
    assert_eq!(tells(&after, NAME), Vec::<String>::new());
    assert_eq!(tells(&after, &phone), Vec::<String>::new());
    shop.verify();

    assert_eq!(shop.refused(erase(1)), Reason::CustomerErased);
    let refused = shop.store.submit_blocking(book).unwrap_err();
    assert_eq!(refused.reason, Reason::ReplyLost, "it was carried out, and is not again");
    let shop = shop.reopen();
    shop.verify();
    // Whoever has the number now is somebody else.
    shop.ok(booking(NAME));
    assert_eq!((customer(&shop, 3).name.as_str(), customer(&shop, 1).name.as_str()), (NAME, ""));
    shop.verify();
}

#[test]
fn a_replay_is_the_store_after_erasures() {
    let shop = Shop::stocked(100);
    shop.ok(booking(NAME));
    shop.ok(cancel(1));
    shop.ok(erase(1));
    shop.ok(booking(NAME));
    let rebuilt = TempDir::new().unwrap();
    let target = rebuilt.path().join("store");
    shop.store.replay_into(&target, None).unwrap();
    shop.store.close();
    assert_eq!(rows(&target.join(DATA_FILE)), rows(&shop.path().join(DATA_FILE)));
}

#[test]
fn a_crash_leaves_what_was_sealed_and_what_was_erased() {
    let shop = Shop::stocked(100);
    shop.ok(booking(NAME));
    shop.ok(booking("Budi Santoso"));
    shop.ok(cancel(1));
    shop.ok(erase(1));
    let copy = TempDir::new().unwrap();
    let path = copy.path().join("store");
    fs::create_dir(&path).unwrap();
    // The store is not closed: its files are what a kill leaves.
    for file in fs::read_dir(shop.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), path.join(file.file_name())).unwrap();
    }
    shop.store.close();
    let found = Shop::open(
        copy.into(),
        &kasir_store::Options { map_size: 16 << 20, ..Default::default() },
        shop.clock_ms(),
    );
    let found = found.unwrap();
    found.verify();
    found.store.close();
    assert_eq!(rows(&found.path().join(DATA_FILE)), rows(&shop.path().join(DATA_FILE)));
}

/// The whole journal in one segment.
fn segment(shop: &Shop, dir: &Path) -> PathBuf {
    let look = || Onlooker::open(&shop.path()).unwrap();
    eventually("an onlooker to see what was answered", || {
        look().head().unwrap().revision >= shop.store.revision()
    });
    let written = write_segment(look(), dir, 0, &GENESIS, u64::MAX).unwrap().unwrap();
    dir.join(written.file_name())
}

#[test]
fn a_backup_of_before_leads_there_and_beyond() {
    let shop = Shop::empty();
    let dir = TempDir::new().unwrap();
    let base = dir.path().join("base");
    shop.store.snapshot(&base).unwrap();
    shop.stock(100);
    shop.ok(booking(NAME));
    shop.ok(cancel(1));
    let cancelled = shop.store.revision();
    let before = copied(&shop);
    fs::create_dir(dir.path().join("early")).unwrap();
    let early = segment(&shop, &dir.path().join("early"));
    shop.ok(erase(1));
    fs::create_dir(dir.path().join("late")).unwrap();
    let late = segment(&shop, &dir.path().join("late"));
    let restored = |segment: &Path, revision| {
        let into = TempDir::new().unwrap();
        let target = Target { revision: Some(revision), time_ms: None };
        restore_to(&base, &[segment.to_path_buf()], target, &into.path().join("store")).unwrap();
        rows(&into.path().join("store").join(DATA_FILE))
    };
    assert!(restored(&early, cancelled) == before, "a segment carries the keys that were made in it");
    assert_eq!(
        tells(&restored(&late, cancelled), NAME),
        Vec::<String>::new(),
        "one taken later has them no more"
    );
    assert!(restored(&late, shop.store.revision()) == copied(&shop));
}

#[derive(Debug, Clone)]
enum Deed {
    Book(u8),
    Cancel(u64),
    Erase(u64),
    Reopen,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => (0..4_u8).prop_map(Deed::Book),
        4 => (1..12_u64).prop_map(Deed::Cancel),
        4 => (1..8_u64).prop_map(Deed::Erase),
        1 => Just(Deed::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_day_with_erasures_replays(deeds in proptest::collection::vec(deed(), 1..40)) {
        let mut shop = Shop::stocked(100);
        for deed in deeds {
            match deed {
                Deed::Book(customer) => drop(shop.send(booking(&format!("{NAME} {customer}")))),
                Deed::Cancel(order) => drop(shop.send(cancel(order))),
                Deed::Erase(customer) => drop(shop.send(erase(customer))),
                Deed::Reopen => shop = shop.reopen(),
            }
        }
        shop.verify();
        let found = copied(&shop);
        let open = ["orders", "customers", "messages"];
        prop_assert!(tells(&found, NAME).iter().all(|table| open.contains(&table.as_str())));
        let rebuilt = TempDir::new().unwrap();
        shop.store.replay_into(&rebuilt.path().join("store"), None).unwrap();
        prop_assert!(rows(&rebuilt.path().join("store").join(DATA_FILE)) == found);
    }
}
