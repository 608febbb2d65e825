//! Goal: the map grows while the shop runs, and no request is lost, doubled or answered wrongly by it. Method: maps so
//! small that they fill many times, 16 threads that book, readers beside them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kasir_core::stock::level;
use kasir_store::Options;
use support::{ITEM, MINUTE_MS, START_MS, Shop, WAREHOUSE, booking, hold};

const TINY: Options =
    Options { map_size: 1, max_queue: 16_384, max_queue_bytes: 64 << 20, max_batch: 64, max_readers: 64 };

#[test]
fn a_tiny_map_grows_under_load_without_losing_a_request() {
    let shop = Shop::with(&TINY);
    shop.stock(10_000);
    let small = shop.store.status().unwrap().map_bytes;
    let shop = Arc::new(shop);
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (shop, done) = (Arc::clone(&shop), Arc::clone(&done));
        thread::spawn(move || {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let (on_hand, held) = shop.level();
                assert!(on_hand == 10_000 && (0..=1_600).contains(&held));
                reads += 1;
            }
            reads
        })
    };
    let bookers: Vec<_> = (0..16)
        .map(|thread| {
            let shop = Arc::clone(&shop);
            thread::spawn(move || {
                (0..100).map(|n| shop.ok(booking(&format!("Pembeli {thread} {n}")))).collect::<Vec<_>>()
            })
        })
        .collect();
    let replies: Vec<_> = bookers.into_iter().flat_map(|booker| booker.join().unwrap()).collect();
    done.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);

    let status = shop.store.status().unwrap();
    assert!(status.map_bytes >= small * 8, "{} grew from {small}", status.map_bytes);
    assert_eq!(replies.iter().collect::<BTreeSet<_>>().len(), 1_600, "each booking has an order of its own");
    assert_eq!(status.commands, 4 + 1_600);
    assert_eq!(shop.level(), (10_000, 1_600));
    shop.verify();
    let shop = Arc::into_inner(shop).unwrap().reopen();
    assert_eq!(shop.level(), (10_000, 1_600));
    shop.verify();
}

#[test]
fn a_batch_larger_than_the_map_finds_room_in_a_larger_one() {
    let shop = Shop::with(&Options { max_batch: 4_096, ..TINY });
    shop.stock(5_000);
    shop.sink.hold();
    shop.store.submit(shop.request(hold("first", START_MS + MINUTE_MS)), 0).unwrap();
    shop.sink.wait_held();
    let before = shop.store.status().unwrap().map_bytes;
    for token in 1..=3_000 {
        shop.store.submit(shop.request(hold("next", START_MS + MINUTE_MS)), token).unwrap();
    }
    shop.sink.let_go();
    let answers = shop.sink.answers(3_001);
    assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
    assert_eq!(answers.iter().map(|(token, _)| token).collect::<BTreeSet<_>>().len(), 3_001);
    assert_eq!(shop.sink.batches(), vec![1, 3_000]);
    assert_eq!(shop.level(), (5_000, 3_001));
    assert!(shop.store.status().unwrap().map_bytes > before);
    shop.verify();
}

#[test]
fn a_full_map_waits_for_a_reader_and_the_reader_is_not_disturbed() {
    let shop = Arc::new(Shop::with(&TINY));
    shop.stock(5_000);
    let writer = shop
        .store
        .read(|view| {
            let before = level(view, ITEM, WAREHOUSE)?;
            let writing = Arc::clone(&shop);
            // Enough to fill the map while this reader is inside it: growing has to wait.
            let writer = thread::spawn(move || {
                for n in 0..300 {
                    writing.ok(booking(&format!("Pembeli {n}")));
                }
            });
            thread::sleep(Duration::from_millis(300));
            assert_eq!(level(view, ITEM, WAREHOUSE)?, before, "the snapshot stays as it was");
            Ok(writer)
        })
        .unwrap();
    writer.join().unwrap();
    assert_eq!(shop.level(), (5_000, 300));
    assert!(shop.store.status().unwrap().map_bytes >= 1 << 20);
    shop.verify();
}
