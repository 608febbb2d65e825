//! Goal: a program with another LMDB sees one sound moment of a store beside a busy writer, for as long as it looks, or
//! learns that it did not. Method: this process plays the onlooker: it opens the data file a second time without LMDB's
//! locks, as Python does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithTls};
use kasir_store::{DATA_FILE, GENESIS, ONLOOKERS_FILE, Options, StoreErrorKind, write_segment};
use support::{MINUTE_MS, Shop, booking, eventually, hold};
use tempfile::TempDir;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

struct Onlooker {
    // Let go last.
    env: Env<WithTls>,
    tables: Vec<Database<'static, Bytes, Bytes>>,
    file: File,
}

impl Onlooker {
    fn open(shop: &Shop) -> Self {
        let file = File::open(shop.path().join(ONLOOKERS_FILE)).unwrap();
        file.lock_shared().unwrap();
        let mut options = EnvOpenOptions::new();
        options.map_size(1 << 30).max_dbs(100);
        // SAFETY: the engine spares what this one sees: that is what is tested.
        #[allow(unsafe_code, reason = "heed marks opening a memory map unsafe")]
        let env = unsafe {
            options.flags(EnvFlags::READ_ONLY | EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK);
            options.open(shop.path().join(DATA_FILE)).unwrap()
        };
        let tables = kasir_store::schema::all()
            .map(|table| {
                let txn = env.read_txn().unwrap();
                env.open_databases_and_commit(txn, |opener, txn| {
                    opener
                        .open_database::<Bytes, Bytes>(txn, Some(table.name))
                        .map(CommitOrAbort::<_, ()>::Commit)
                })
                .unwrap()
                .unwrap_commit()
                .unwrap()
            })
            .collect();
        Self { env, tables, file }
    }

    /// Everything the transaction sees; fails when a page of it was used again.
    fn see(&self, txn: &RoTxn<'_, WithTls>) -> Vec<Rows> {
        let rows = |db: &Database<'static, Bytes, Bytes>| {
            let rows =
                db.iter(txn).unwrap().map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())));
            rows.collect::<Result<Rows, _>>().unwrap()
        };
        self.tables.iter().map(rows).collect()
    }
}

#[test]
fn an_onlooker_sees_one_moment_while_the_shop_goes_on() {
    // A small map: it grows while somebody looks.
    let shop = Arc::new(Shop::with(&Options { map_size: 1 << 20, ..Options::default() }));
    shop.stock(100_000);
    let done = Arc::new(AtomicBool::new(false));
    let traders: Vec<_> = (0..4)
        .map(|thread| {
            let (shop, done) = (Arc::clone(&shop), Arc::clone(&done));
            thread::spawn(move || {
                for n in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    shop.ok(booking(&format!("Pembeli {thread} {n}")));
                    shop.ok(hold("Titip", shop.store.now_ms() + MINUTE_MS));
                    shop.clock.advance(MINUTE_MS / 100);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let onlooker = Onlooker::open(&shop);
        let txn = onlooker.env.read_txn().unwrap();
        let first = onlooker.see(&txn);
        let begun = shop.store.status().unwrap().commits;
        eventually("fifty commits", || shop.store.status().unwrap().commits >= begun + 50);
        assert!(onlooker.see(&txn) == first, "pages that the onlooker sees were used again");
        drop(txn);
        onlooker.file.unlock().unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for trader in traders {
        trader.join().unwrap();
    }
    shop.verify();
}

#[test]
fn pages_are_used_again_once_nobody_looks() {
    let shop = Shop::stocked(100_000);
    let onlooker = Onlooker::open(&shop);
    let txn = onlooker.env.read_txn().unwrap();
    let churn = || {
        // More than two checkpoints; whoever reads makes LMDB follow each command by itself.
        for _ in 0..600 {
            shop.ok(hold("Titip", shop.store.now_ms() + MINUTE_MS));
            shop.store.read(|_| Ok(())).unwrap();
        }
        shop.store.status().unwrap().used_bytes
    };
    let before = shop.store.status().unwrap().used_bytes;
    let watched = churn() - before;
    drop(txn);
    onlooker.file.unlock().unwrap();
    // A checkpoint that is late costs pages of its own.
    let grown = (0..5).map(|_| {
        let before = shop.store.status().unwrap().used_bytes;
        churn() - before
    });
    let alone = grown.min().unwrap();
    assert!(alone * 4 < watched, "{watched} bytes while somebody looked, {alone} after");
    shop.verify();
}

/// Looks at a store that an engine opens meanwhile: `reopen` does it, and gives the shop.
fn looks_while(dir: &Path, reopen: impl FnOnce() -> Shop) {
    let look = || kasir_store::Onlooker::open(dir).unwrap();
    let (copies, looking) = (TempDir::new().unwrap(), look());
    looking.head().unwrap();
    looking.snapshot(&copies.path().join("before")).unwrap();
    let shop = reopen();
    assert_eq!(shop.path(), dir);
    for n in 0..200 {
        shop.ok(booking(&format!("Pembeli {n}")));
    }
    let copy = copies.path().join("copy");
    assert_eq!(looking.snapshot(&copy).unwrap_err().kind, StoreErrorKind::Reopened);
    assert!(!copy.exists(), "what is of several moments has no name");
    assert_eq!(looking.head().unwrap_err().kind, StoreErrorKind::Reopened);
    assert_eq!(looking.erasures().unwrap_err().kind, StoreErrorKind::Reopened);
    assert_eq!(looking.audit(&[]).unwrap_err().kind, StoreErrorKind::Reopened);
    let written = write_segment(looking, copies.path(), 0, &GENESIS, u64::MAX);
    assert_eq!(written.unwrap_err().kind, StoreErrorKind::Reopened);
    eventually("the engine to be seen", || look().head().unwrap().revision == shop.store.revision());
    look().snapshot(&copy).unwrap();
    let audit = look().audit(&[]).unwrap();
    assert_eq!((audit.broken, audit.sound_revision), (None, shop.store.revision()));
    shop.verify();
}

#[test]
fn who_looks_while_the_store_is_opened_anew_learns_that_it_was() {
    let shop = Shop::stocked(100_000);
    looks_while(&shop.path(), || shop.reopen());
}

#[test]
fn who_looks_keeps_no_store_closed_that_was_killed() {
    let killed = Shop::stocked(100_000);
    // Who reads makes LMDB follow, past the checkpoint: there is something to put back.
    killed.ok(booking("Budi"));
    killed.store.read(|_| Ok(())).unwrap();
    let left = support::copy_of(&killed.path());
    let dir = left.path().join("store");
    // Whoever looked while the engine lived looks still.
    let file = File::open(dir.join(ONLOOKERS_FILE)).unwrap();
    file.lock_shared().unwrap();
    let shop = Shop::open(Arc::new(left), &Options::default(), killed.clock_ms()).unwrap();
    assert_eq!(shop.store.revision(), killed.store.revision());
    assert_eq!(fs::read(dir.join(ONLOOKERS_FILE)).unwrap(), 1_u64.to_be_bytes());
    shop.verify();
}

#[test]
fn a_copied_store_without_the_file_is_watched_for_an_engine_too() {
    let closed = Shop::stocked(100_000);
    closed.store.close();
    fs::remove_file(closed.path().join(ONLOOKERS_FILE)).unwrap();
    looks_while(&closed.path(), || closed.reopen());
}

/// After a clean stop its data file is all there is to a store: the rest may be removed.
#[test]
fn who_holds_a_file_that_is_no_more_is_told_too() {
    let shop = Shop::stocked(100_000);
    looks_while(&shop.path(), || {
        shop.store.close();
        fs::remove_file(shop.path().join(ONLOOKERS_FILE)).unwrap();
        shop.reopen()
    });
}

#[test]
fn who_looks_into_a_closed_store_is_spared_by_the_first_engine_that_opens_it() {
    let mut shop = Shop::stocked(100_000);
    shop.store.close();
    let onlooker = Onlooker::open(&shop);
    let txn = onlooker.env.read_txn().unwrap();
    let first = onlooker.see(&txn);
    shop = shop.reopen();
    for n in 0..200 {
        shop.ok(booking(&format!("Pembeli {n}")));
        shop.store.read(|_| Ok(())).unwrap();
    }
    assert!(onlooker.see(&txn) == first, "pages that the onlooker sees were used again");
    shop.verify();
}

#[test]
fn who_looks_into_a_closed_store_learns_of_the_second_engine() {
    let mut shop = Shop::stocked(100_000);
    shop.store.close();
    let looking = kasir_store::Onlooker::open(&shop.path()).unwrap();
    shop = shop.reopen();
    looking.head().unwrap();
    shop = shop.reopen();
    assert_eq!(looking.head().unwrap_err().kind, StoreErrorKind::Reopened);
    shop.verify();
}
