//! Goal: a snapshot at revision N and a replay to M are the live store at M, byte by byte; a damaged snapshot is never
//! restored. Method: snapshots taken beside running writers, restored, replayed, and compared table by table.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use kasir_core::Reason;
use kasir_store::{DATA_FILE, Options, StoreErrorKind, restore};
use support::{MINUTE_MS, START_MS, Shop, booking, dump, hold, location, request};
use tempfile::TempDir;

/// All rows but the store's description of itself: when it was made, and how often it was opened.
fn rows(store: &Path) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    dump(&store.join(DATA_FILE)).into_iter().filter(|(table, _, _)| table != "meta").collect()
}

/// Two stores have the same rows, byte by byte.
fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (rows(one), rows(other));
    for (row, expected) in one.iter().zip(&other) {
        assert!(row == expected, "{} {:02x?} is not {} {:02x?}", row.0, row.1, expected.0, expected.1);
    }
    assert_eq!(one.len(), other.len());
}

/// A day of everything: holds, bookings, refusals, deadlines.
fn trade(shop: &Shop, from: usize, to: usize) {
    for n in from..to {
        shop.ok(booking(&format!("Pembeli {n}")));
        shop.ok(hold(&format!("Titip {n}"), shop.store.now_ms() + MINUTE_MS));
        shop.refused(location("GUDANG"));
        shop.clock.advance(MINUTE_MS / 2);
    }
}

#[test]
fn snapshot_and_replay_are_the_live_store() {
    let shop = Shop::stocked(1_000);
    trade(&shop, 0, 20);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("pagi.snapshot");
    let before = shop.store.revision();
    let snapshot = shop.store.snapshot(&file).unwrap();
    assert_eq!(snapshot.path, file);
    // Deadlines fall due meanwhile.
    assert!((before..=shop.store.revision()).contains(&snapshot.revision));
    assert_eq!(snapshot.bytes, fs::metadata(&file).unwrap().len());
    trade(&shop, 20, 40);
    let middle = shop.store.revision();
    let head = shop.store.status().unwrap().journal_head;
    trade(&shop, 40, 60);

    // The snapshot, and what happened after it.
    let restored = dir.path().join("restored");
    let made = restore(&file, &restored).unwrap();
    assert_eq!((made.revision, made.path.as_path()), (snapshot.revision, restored.as_path()));
    assert_eq!(shop.store.replay_into(&restored, Some(middle)).unwrap(), middle);
    // The journal from its beginning, into an empty store.
    let rebuilt = dir.path().join("rebuilt");
    assert_eq!(shop.store.replay_into(&rebuilt, Some(middle)).unwrap(), middle);
    assert_same(&restored, &rebuilt);

    assert_eq!(shop.store.replay_into(&restored, None).unwrap(), shop.store.revision());
    assert_eq!(shop.store.replay_into(&rebuilt, None).unwrap(), shop.store.revision());
    assert_eq!(shop.store.replay_into(&rebuilt, None).unwrap(), shop.store.revision(), "again is nothing");
    assert_ne!(shop.store.status().unwrap().journal_head, head);
    let live_head = shop.store.status().unwrap().journal_head;
    shop.verify();
    shop.store.close();
    assert_same(&restored, &shop.path());
    assert_same(&rebuilt, &shop.path());

    // And it is a shop like the other one: with the same memory of requests.
    let holder = Arc::new(TempDir::new().unwrap());
    fs::rename(&rebuilt, holder.path().join("store")).unwrap();
    let again = Shop::open(holder, &Options::default(), shop.clock_ms()).unwrap();
    assert_eq!(again.store.status().unwrap().journal_head, live_head);
    again.store.submit_blocking(request(1_u128.to_be_bytes(), location("GUDANG"))).unwrap();
    assert_eq!(again.store.status().unwrap().repeated, 1, "the first request of all is known");
    again.verify();
}

#[test]
fn snapshots_beside_running_writers_are_whole() {
    let shop = Arc::new(Shop::stocked(10_000));
    let bookers: Vec<_> = (0..4)
        .map(|thread| {
            let shop = Arc::clone(&shop);
            thread::spawn(move || {
                for n in 0..150 {
                    shop.ok(booking(&format!("Pembeli {thread} {n}")));
                }
            })
        })
        .collect();
    let dir = TempDir::new().unwrap();
    let mut last = 0;
    for number in 0..5 {
        let file = dir.path().join(format!("{number}.snapshot"));
        let snapshot = shop.store.snapshot(&file).unwrap();
        assert!(snapshot.revision >= last);
        last = snapshot.revision;
        let target = dir.path().join(format!("store {number}"));
        assert_eq!(restore(&file, &target).unwrap().revision, snapshot.revision);
        assert!(shop.store.replay_into(&target, None).unwrap() >= snapshot.revision);
    }
    for booker in bookers {
        booker.join().unwrap();
    }
    shop.verify();
}

#[test]
fn a_snapshot_never_overwrites() {
    let shop = Shop::stocked(1);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("ada");
    fs::write(&file, b"precious").unwrap();
    assert_eq!(shop.store.snapshot(&file).unwrap_err().kind, StoreErrorKind::SnapshotExists);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let nowhere = shop.store.snapshot(&dir.path().join("no").join("such").join("place"));
    assert_eq!(nowhere.unwrap_err().kind, StoreErrorKind::Unusable);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half made is left");
}

#[test]
fn a_damaged_snapshot_is_not_restored() {
    let shop = Shop::stocked(100);
    trade(&shop, 0, 10);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("snapshot");
    shop.store.snapshot(&file).unwrap();
    let whole = fs::read(&file).unwrap();
    let target = dir.path().join("store");
    let mut damaged: Vec<Vec<u8>> = vec![Vec::new(), b"not a snapshot at all".to_vec(), vec![0; 100_000]];
    for length in [63, 64, 4_096, whole.len() / 2, whole.len() - 1] {
        damaged.push(whole[..length].to_vec());
    }
    damaged.push([&whole[..], b"more"].concat());
    for at in (0..whole.len()).step_by(whole.len() / 50).chain([whole.len() - 1, whole.len() - 40]) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        damaged.push(flipped);
    }
    let broken = dir.path().join("broken");
    for bytes in damaged {
        fs::write(&broken, &bytes).unwrap();
        assert_eq!(restore(&broken, &target).unwrap_err().kind, StoreErrorKind::SnapshotBroken);
        assert!(!target.exists(), "nothing half made is left");
    }
    assert_eq!(restore(&dir.path().join("missing"), &target).unwrap_err().kind, StoreErrorKind::Unusable);
    restore(&file, &target).unwrap();
    assert_eq!(restore(&file, &target).unwrap_err().kind, StoreErrorKind::Exists);
}

#[test]
fn replay_refuses_another_shops_history() {
    let ours = Shop::stocked(10);
    let theirs = Shop::stocked(20);
    ours.ok(booking("Budi"));
    theirs.ok(booking("Ani"));
    let dir = TempDir::new().unwrap();
    let target = dir.path().join("store");
    theirs.store.replay_into(&target, Some(4)).unwrap();
    assert_eq!(ours.store.replay_into(&target, None).unwrap_err().kind, StoreErrorKind::Differs);
    // A target that is further than the source.
    theirs.store.replay_into(&target, None).unwrap();
    theirs.ok(booking("Citra"));
    theirs.store.replay_into(&target, None).unwrap();
    assert_eq!(ours.store.replay_into(&target, None).unwrap_err().kind, StoreErrorKind::Differs);
    // An open one.
    assert_eq!(ours.store.replay_into(&theirs.path(), None).unwrap_err().kind, StoreErrorKind::Locked);
    // A journal that does not reach back.
    ours.store.trim(3).unwrap();
    let empty = dir.path().join("empty");
    assert_eq!(ours.store.replay_into(&empty, None).unwrap_err().kind, StoreErrorKind::Differs);
    assert_eq!(
        kasir_store::refusal(ours.store.read_journal(0, 1).unwrap_err()).reason,
        Reason::RevisionCompacted
    );
}

#[test]
fn a_snapshot_outlives_a_trimmed_journal() {
    let shop = Shop::stocked(100);
    trade(&shop, 0, 5);
    shop.store.trim(shop.store.revision()).unwrap();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("snapshot");
    shop.store.snapshot(&file).unwrap();
    trade(&shop, 5, 10);
    let target = dir.path().join("store");
    restore(&file, &target).unwrap();
    shop.store.replay_into(&target, None).unwrap();
    shop.store.close();
    assert_same(&target, &shop.path());
    assert!(shop.clock_ms() > START_MS);
}
