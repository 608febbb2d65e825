//! Goal: only a sound store of this format opens, once. Method: stores that are open, foreign, newer, cut off, damaged
//! or tampered with, made with LMDB itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, WithTls};
use kasir_core::Reason;
use kasir_store::{DATA_FILE, JournalRecord, Options, StoreError, StoreErrorKind};
use support::{START_MS, Shop, behind, booking, request};
use tempfile::TempDir;

fn open(dir: &Arc<TempDir>) -> Result<Shop, StoreError> {
    Shop::open(Arc::clone(dir), &Options { map_size: 1 << 20, ..Options::default() }, START_MS)
}

fn kind_of(opened: Result<Shop, StoreError>) -> StoreErrorKind {
    opened.err().expect("it must not open").kind
}

/// A closed shop with a few bookings.
fn closed() -> Arc<TempDir> {
    let shop = Shop::stocked(10);
    shop.ok(booking("Budi"));
    shop.ok(booking("Ani"));
    shop.store.close();
    Arc::clone(&shop.dir)
}

/// What verify says of a store after `change`.
fn violations(
    table: &str,
    change: impl FnOnce(&Env<WithTls>, Database<'static, Bytes, Bytes>),
) -> Vec<String> {
    let dir = closed();
    behind(&dir.path().join("store"), table, change);
    let shop = open(&dir).unwrap();
    let verified = shop.store.verify(true).unwrap();
    assert!(!verified.ok(), "tampering with {table} is not found");
    verified.violations
}

fn put(table: &str, key: &[u8], value: &[u8]) -> Vec<String> {
    violations(table, |env, db| {
        let mut txn = env.write_txn().unwrap();
        db.put(&mut txn, key, value).unwrap();
        txn.commit().unwrap();
    })
}

fn delete(table: &str, key: &[u8]) -> Vec<String> {
    violations(table, |env, db| {
        let mut txn = env.write_txn().unwrap();
        assert!(db.delete(&mut txn, key).unwrap());
        txn.commit().unwrap();
    })
}

fn revision_key(revision: u64) -> Vec<u8> {
    [&[0], &revision.to_be_bytes()[..]].concat()
}

/// The value at a key of a closed store.
fn value(dir: &Path, table: &str, key: &[u8]) -> Vec<u8> {
    let rows = support::dump(&dir.join("store").join(DATA_FILE));
    rows.into_iter().find(|(name, at, _)| name == table && at == key).unwrap().2
}

#[test]
fn a_store_is_there_again_after_it_was_closed() {
    let shop = Shop::stocked(10);
    let reply = shop.ok(booking("Budi"));
    let (revision, head) = (shop.store.revision(), shop.store.status().unwrap().journal_head);
    let shop = shop.reopen();
    assert_eq!(shop.store.revision(), revision);
    assert_eq!(shop.store.status().unwrap().journal_head, head);
    assert_eq!(shop.level(), (10, 1));
    assert_ne!(shop.ok(booking("Ani")), reply);
    assert_eq!(shop.store.revision(), revision + 1);
    shop.verify();
}

#[test]
fn a_store_that_is_open_does_not_open_again() {
    let shop = Shop::stocked(1);
    let error = open(&shop.dir).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Locked);
    assert!(
        error.message.contains(&std::process::id().to_string()),
        "it names who has it: {}",
        error.message
    );
    shop.ok(booking("Budi"));
    shop.store.close();
    open(&shop.dir).unwrap().verify();
}

#[test]
fn what_is_no_store_of_this_format_is_refused_and_left_alone() {
    let newer = closed();
    // {"format": 99, "create_ms": 1}
    let info = [&[0x82, 0xa6][..], b"format", &[99, 0xa9], b"create_ms", &[1]].concat();
    behind(&newer.path().join("store"), "meta", |env, db| {
        let mut txn = env.write_txn().unwrap();
        db.put(&mut txn, b"\0store", &info).unwrap();
        txn.commit().unwrap();
    });
    let error = open(&newer).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Format);
    assert!(error.message.contains("format 99") && error.message.contains("format 4"), "{}", error.message);

    let foreign = Arc::new(TempDir::new().unwrap());
    behind(&foreign.path().join("store"), "somebody's table", |_, _| {});
    assert_eq!(kind_of(open(&foreign)), StoreErrorKind::Format);

    let garbage = Arc::new(TempDir::new().unwrap());
    fs::create_dir(garbage.path().join("store")).unwrap();
    fs::write(garbage.path().join("store").join(DATA_FILE), vec![7; 20_000]).unwrap();
    assert_eq!(kind_of(open(&garbage)), StoreErrorKind::Corrupt);

    let file = Arc::new(TempDir::new().unwrap());
    fs::write(file.path().join("store"), b"a file").unwrap();
    assert_eq!(kind_of(open(&file)), StoreErrorKind::Unusable);
}

#[test]
fn a_store_that_was_cut_off_is_refused_before_it_is_read() {
    let shop = Shop::stocked(10_000);
    for n in 0..2_000 {
        shop.store.submit(shop.request(booking(&format!("Pembeli {n}"))), n).unwrap();
    }
    shop.store.close();
    let data = shop.path().join(DATA_FILE);
    let length = fs::metadata(&data).unwrap().len();
    assert!(length > 4 << 20);
    File::options().write(true).open(&data).unwrap().set_len(length / 2).unwrap();
    assert_eq!(kind_of(open(&shop.dir)), StoreErrorKind::Corrupt);
}

#[test]
fn a_changed_journal_is_found() {
    let dir = closed();
    let row = value(dir.path(), "journal", &revision_key(3));
    // A forged name within the body: its hash no longer fits.
    let at = row.windows(4).position(|part| part == b"Kopi").unwrap();
    let mut forged = row.clone();
    forged[at] = b'T';
    let found = put("journal", &revision_key(3), &forged);
    assert!(found.iter().any(|violation| violation.contains("hash of record 3")), "{found:?}");

    // The whole row of another record: sound by itself, in the wrong place.
    let found = put("journal", &revision_key(3), &value(dir.path(), "journal", &revision_key(2)));
    assert!(found.iter().any(|violation| violation.contains("says it is record 2")), "{found:?}");

    let found = put("journal", &revision_key(3), b"garbage");
    assert!(found.iter().any(|violation| violation.contains("does not decode")), "{found:?}");
}

#[test]
fn a_forged_record_with_a_right_hash_breaks_the_chain() {
    let dir = closed();
    let forged = JournalRecord {
        revision: 3,
        time_ms: START_MS,
        actor: "maling".into(),
        method: "/kasir.v1.Test/Command".into(),
        request_id: vec![9; 16],
        events: Vec::new(),
        sealed: Vec::new(),
    };
    let body = rmp_serde::to_vec_named(&forged).unwrap();
    let row = value(dir.path(), "journal", &revision_key(3));
    let previous: [u8; 32] = row[row.len() - 66..row.len() - 34].try_into().unwrap();
    let hash = kasir_store::record_hash(&previous, &body);
    let bin =
        |bytes: &[u8]| [&[0xc5], &u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let found =
        put("journal", &revision_key(3), &[&[0x93][..], &bin(&body), &bin(&previous), &bin(&hash)].concat());
    assert!(
        found.iter().any(|violation| violation.contains("record 4 of the journal does not follow")),
        "{found:?}"
    );
}

#[test]
fn a_missing_journal_record_is_found() {
    let found = delete("journal", &revision_key(3));
    assert!(
        found.iter().any(|violation| violation.contains("record 3 of the journal is missing")),
        "{found:?}"
    );
    // The last ones: the chain before is whole, the head knows of more.
    let found = delete("journal", &revision_key(6));
    assert!(found.iter().any(|violation| violation.contains("sound up to revision 5")), "{found:?}");
}

#[test]
fn a_missing_or_foreign_reply_is_found() {
    let id = |number: u128| [&[0], &number.to_be_bytes()[..]].concat();
    let found = delete("requests", &id(5));
    assert!(found.iter().any(|violation| violation.contains("record 5 is missing")), "{found:?}");
    let dir = closed();
    let found = put("requests", &id(5), &value(dir.path(), "requests", &id(6)));
    assert!(found.iter().any(|violation| violation.contains("belongs to another record")), "{found:?}");
    let found = put("requests", &id(77), &value(dir.path(), "requests", &id(6)));
    assert!(found.iter().any(|violation| violation.contains("7 requests have replies, but 6")), "{found:?}");
}

#[test]
fn state_that_does_not_follow_from_the_journal_is_found() {
    // Stock of the item: 10 on hand, 2 held. Ten more, also in the flows: every sum is right, nobody received them.
    let stock = [&[0], &1_u64.to_be_bytes()[..], &1_u64.to_be_bytes()].concat();
    let flow = [&[0], &1_u64.to_be_bytes()[..]].concat();
    let found = violations("stocks", |env, stocks| {
        let mut txn = env.write_txn().unwrap();
        stocks.put(&mut txn, &stock, &[20_u64.to_be_bytes(), 2_u64.to_be_bytes()].concat()).unwrap();
        txn.commit().unwrap();
        let txn = env.write_txn().unwrap();
        let flows = env
            .create_databases_and_commit(txn, |opener, txn| {
                opener
                    .create_database::<Bytes, Bytes>(txn, Some("item_flows"))
                    .map(CommitOrAbort::<_, ()>::Commit)
            })
            .unwrap()
            .unwrap_commit();
        let mut txn = env.write_txn().unwrap();
        let numbers = [20_u64.to_be_bytes(), 0_u64.to_be_bytes(), 0_u64.to_be_bytes()].concat();
        flows.put(&mut txn, &flow, &numbers).unwrap();
        txn.commit().unwrap();
    });
    assert!(found.iter().any(|violation| violation.starts_with("stocks: key 00")), "{found:?}");
    assert!(found.iter().any(|violation| violation.starts_with("item_flows: key 00")), "{found:?}");

    let found = delete("orders", &flow);
    assert!(
        found.iter().any(|violation| violation.contains("follows from the journal, but is not there")),
        "{found:?}"
    );
    let found = put("payables", &[0, 9, 9], &[0; 8]);
    assert!(
        found.iter().any(|violation| violation.contains("does not follow from the journal")),
        "{found:?}"
    );
}

#[test]
fn a_damaged_record_stops_the_writer_rather_than_being_built_upon() {
    let dir = closed();
    behind(&dir.path().join("store"), "items", |env, db| {
        let mut txn = env.write_txn().unwrap();
        db.put(&mut txn, &[&[0], &1_u64.to_be_bytes()[..]].concat(), b"garbage").unwrap();
        txn.commit().unwrap();
    });
    let shop = open(&dir).unwrap();
    let before = shop.store.revision();
    let refusal = shop.store.submit_blocking(request([200; 16], booking("Citra"))).unwrap_err();
    assert_eq!(refusal.reason, Reason::StoreCorrupt);
    assert_eq!(shop.sink.wait_stopped().reason, Reason::StoreCorrupt);
    assert_eq!(shop.refused(support::location("TOKO")), Reason::StoreCorrupt);
    assert_eq!(shop.store.stopped().unwrap().reason, Reason::StoreCorrupt);
    assert_eq!(shop.store.revision(), before);
    // What is there can still be read.
    assert_eq!(shop.level(), (10, 2));
}

#[test]
fn a_damaged_reply_is_not_given_out_and_stops_nobody_else() {
    let dir = closed();
    let shop = open(&dir).unwrap();
    let told = request([9; 16], support::location("TOKO"));
    shop.store.submit_blocking(told.clone()).unwrap();
    shop.store.close();
    drop(shop);
    behind(&dir.path().join("store"), "requests", |env, db| {
        let mut txn = env.write_txn().unwrap();
        let key = [&[0], &[9; 16][..]].concat();
        let mut kept = db.get(&txn, &key).unwrap().unwrap().to_vec();
        let byte = kept.len() - 12;
        kept[byte] ^= 1;
        db.put(&mut txn, &key, &kept).unwrap();
        txn.commit().unwrap();
    });
    let shop = open(&dir).unwrap();
    let revision = shop.store.revision();
    assert_eq!(shop.store.submit_blocking(told).unwrap_err().reason, Reason::ReplyLost);
    assert_eq!(shop.store.revision(), revision);
    shop.store.submit_blocking(request([10; 16], support::location("RUMAH"))).unwrap();
    let found = shop.store.verify(false).unwrap();
    assert!(found.lost_replies.iter().any(|each| each.contains("not as it was written")), "{found:?}");
    assert!(!found.ok() && found.violations.is_empty(), "{found:?}");
    // What is restored from it has all but that reply.
    let (copy, place) = (dir.path().join("copy"), dir.path().join("restored"));
    shop.store.snapshot(&copy).unwrap();
    kasir_store::restore(&copy, &place).unwrap();
}

#[test]
fn a_trimmed_journal_begins_later_and_everything_else_stays() {
    let shop = Shop::stocked(10);
    let id = shop.next_id();
    shop.store.submit_blocking(request(id, booking("Budi"))).unwrap();
    let revision = shop.store.revision();
    shop.ok(booking("Ani"));
    assert_eq!(shop.store.trim(revision).unwrap(), revision - 1);
    assert_eq!(shop.store.status().unwrap().first_revision, revision);
    let gone = kasir_store::refusal(shop.store.read_journal(revision - 2, 10).unwrap_err());
    assert_eq!(gone.reason, Reason::RevisionCompacted);
    assert_eq!(shop.store.read_journal(revision - 1, 10).unwrap().len(), 2);
    // The request is younger than what was trimmed: it is still known.
    shop.store.submit_blocking(request(id, booking("Budi"))).unwrap();
    assert_eq!(shop.level(), (10, 2));

    let verified = shop.store.verify(true).unwrap();
    assert_eq!(verified.violations, Vec::<String>::new());
    assert!(!verified.replayed, "a journal without its beginning leads nowhere");

    // Everything: the next record still follows the last one.
    assert_eq!(shop.store.trim(u64::MAX).unwrap(), 2);
    let shop = shop.reopen();
    assert_eq!(shop.store.read_journal(shop.store.revision(), 1).unwrap(), []);
    shop.ok(booking("Citra"));
    assert_eq!(shop.store.status().unwrap().first_revision, shop.store.revision());
    assert!(shop.store.verify(false).unwrap().ok());
}
