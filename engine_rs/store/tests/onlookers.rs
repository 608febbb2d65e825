//! Goal: a program with another LMDB sees one sound moment of a store beside a busy writer, for as long as it looks.
//! Method: this process plays the onlooker: it opens the data file a second time without LMDB's locks, as Python does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithTls};
use kasir_store::{DATA_FILE, ONLOOKERS_FILE, Options};
use support::{MINUTE_MS, Shop, booking, eventually, hold};

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
