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
use kasir_store::{DATA_FILE, GENESIS, Onlooker, Target, request_hash, restore_to, write_segment};
use proptest::prelude::*;
use support::{Shop, booking, dump, eventually, request, rewrite};
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
    // The store is not closed: its files are what a kill leaves.
    let copy = support::copy_of(&shop.path());
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

/// The key of a customer's row, and that of a request's.
fn key_of_customer(id: u64) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..]].concat()
}

fn key_of_request(id: u128) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..]].concat()
}

/// A restored store, from an empty one and one segment.
fn restored(base: &Path, segment: &Path, revision: u64) -> (TempDir, PathBuf) {
    let into = TempDir::new().unwrap();
    let place = into.path().join("store");
    let target = Target { revision: Some(revision), time_ms: None };
    restore_to(base, &[segment.to_path_buf()], target, &place).unwrap();
    (into, place)
}

/// A bit flips in the row of a key, whichever: the store opens, works, replays and is backed up; verify tells of it.
#[test]
fn a_damaged_key_stops_nothing_and_is_told() {
    let begun = Shop::empty();
    let dir = TempDir::new().unwrap();
    let base = dir.path().join("base");
    begun.store.snapshot(&base).unwrap();
    begun.stock(100);
    let book = request([7; 16], booking(NAME));
    begun.store.submit_blocking(book.clone()).unwrap();
    begun.store.close();
    let length = dump(&begun.path().join(DATA_FILE))
        .iter()
        .find(|(table, _, _)| table == "keys")
        .map(|(_, _, row)| row.len())
        .unwrap();
    let mut shop = begun;
    for byte in 0..length {
        rewrite(&shop.path(), "keys", &key_of_customer(1), |row| row[byte] ^= 1);
        shop = shop.reopen();
        let found = shop.store.verify(true).unwrap();
        assert!(found.violations.iter().any(|each| each.contains("key of customer 1")), "{byte}: {found:?}");
        assert_eq!(shop.store.submit_blocking(book.clone()).unwrap_err().reason, Reason::ReplyLost);
        assert_eq!(customer(&shop, 1).name, NAME);
        let revision = shop.store.revision();
        let segments = dir.path().join(format!("segments-{byte}"));
        fs::create_dir(&segments).unwrap();
        drop(restored(&base, &segment(&shop, &segments), revision));
        shop.store.replay_into(&dir.path().join(format!("replayed-{byte}")), None).unwrap();
        shop.store.close();
        rewrite(&shop.path(), "keys", &key_of_customer(1), |row| row[byte] ^= 1);
    }
    shop = shop.reopen();
    shop.verify();
    assert!(shop.store.submit_blocking(book.clone()).is_ok());
    shop.store.close();
    rewrite(&shop.path(), "keys", &key_of_customer(1), |row| row[length / 2] ^= 1);
    // What is told from now on has a key again.
    shop = shop.reopen();
    shop.ok(booking(NAME));
    let shop = shop.reopen();
    let read = shop.store.read_journal(shop.store.revision() - 1, 1).unwrap();
    assert!(format!("{read:?}").contains(NAME), "{read:?}");
    assert_eq!(tells(&copied(&shop), NAME), ["orders", "customers", "messages"]);
}

#[test]
fn a_key_that_is_gone_or_should_be_is_told() {
    let shop = Shop::stocked(100);
    shop.ok(booking(NAME));
    shop.ok(cancel(1));
    shop.store.close();
    let mut kept = Vec::new();
    support::behind(&shop.path(), "keys", |env, db| {
        let mut txn = env.write_txn().unwrap();
        kept = db.get(&txn, &key_of_customer(1)).unwrap().unwrap().to_vec();
        db.delete(&mut txn, &key_of_customer(1)).unwrap();
        txn.commit().unwrap();
    });
    let shop = shop.reopen();
    let found = shop.store.verify(false).unwrap().violations;
    assert!(found.iter().any(|each| each.contains("tells of customer 1 cannot be opened")), "{found:?}");
    shop.ok(erase(1));
    shop.verify();
    shop.store.close();
    support::behind(&shop.path(), "keys", |env, db| {
        let mut txn = env.write_txn().unwrap();
        db.put(&mut txn, &key_of_customer(1), &kept).unwrap();
        txn.commit().unwrap();
    });
    let found = shop.reopen().store.verify(false).unwrap().violations;
    assert!(found.iter().any(|each| each.contains("customer 1 was erased, but has a key")), "{found:?}");
}

/// A reply that cannot be decoded any more, or looks like something else, goes into a backup as it is; the keys of its record with it.
#[test]
fn a_damaged_reply_stops_no_backup() {
    let begun = Shop::empty();
    let dir = TempDir::new().unwrap();
    let base = dir.path().join("base");
    begun.store.snapshot(&base).unwrap();
    begun.stock(100);
    begun.store.submit_blocking(request(9_u128.to_be_bytes(), booking(NAME))).unwrap();
    begun.store.close();
    let mut shop = begun;
    for (number, first) in [0xc0, 0x92].into_iter().enumerate() {
        rewrite(&shop.path(), "requests", &key_of_request(9), |row| row[0] = first);
        shop = shop.reopen();
        let segments = dir.path().join(format!("segments-{number}"));
        fs::create_dir(&segments).unwrap();
        let (_kept, place) = restored(&base, &segment(&shop, &segments), shop.store.revision());
        assert!(rows(&place.join(DATA_FILE)) == copied(&shop), "{first:#x}");
        shop.store.close();
    }
}

/// The hash of a request would tell whoever guesses what was in it.
#[test]
fn a_request_leaves_no_hash_of_its_own() {
    let shop = Shop::stocked(100);
    let (book, other) = (request([7; 16], booking(NAME)), request([7; 16], booking("Budi Santoso")));
    let told = shop.store.submit_blocking(book.clone()).unwrap();
    let body = format!("{:?}", booking(NAME));
    let hash = request_hash("/kasir.v1.Test/Command", body.as_bytes());
    let has = |row: &[u8]| row.windows(hash.len()).any(|part| part == hash);
    assert!(!copied(&shop).iter().any(|(_, _, row)| has(row)));
    // In the batch that carried it out, and later.
    let shop = shop.reopen();
    assert_eq!(shop.store.submit_blocking(book.clone()).unwrap(), told);
    assert_eq!(shop.store.submit_blocking(other.clone()).unwrap_err().reason, Reason::RequestIdReused);
    shop.ok(cancel(1));
    shop.ok(erase(1));
    for request in [book, other] {
        let refused = shop.store.submit_blocking(request).unwrap_err();
        assert_eq!(refused.reason, Reason::ReplyLost, "nobody can say which of them it was");
    }
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
