//! Goal: whatever a day brings, the store is sound, its journal leads to it, and a repeat is never a second effect.
//! Method: random days of bookings, holds, repeats, refusals, waiting, closing and opening, snapshots and trims, over a
//! map so small that it grows; after each day everything is verified, and the store rebuilt elsewhere is the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use kasir_core::{Command, Reason};
use kasir_store::{Options, restore};
use proptest::prelude::*;
use support::{MINUTE_MS, Shop, booking, hold, location, receive, request};
use tempfile::TempDir;

const TINY: Options =
    Options { map_size: 1, max_queue: 64, max_queue_bytes: 1 << 20, max_batch: 8, max_readers: 16 };

#[derive(Debug, Clone)]
enum Deed {
    Book(u8),
    Hold {
        minutes: i64,
    },
    Receive(i64),
    Refused,
    /// Sends an earlier request again.
    Repeat(usize),
    /// Sends another command under an earlier request's id.
    Reuse(usize),
    Wait {
        minutes: i64,
    },
    Reopen,
    Snapshot,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..20_u8).prop_map(Deed::Book),
        6 => (1..10_i64).prop_map(|minutes| Deed::Hold { minutes }),
        2 => (1..5_i64).prop_map(Deed::Receive),
        2 => Just(Deed::Refused),
        3 => any::<usize>().prop_map(Deed::Repeat),
        1 => any::<usize>().prop_map(Deed::Reuse),
        3 => (-5..30_i64).prop_map(|minutes| Deed::Wait { minutes }),
        1 => Just(Deed::Reopen),
        1 => Just(Deed::Snapshot),
    ]
}

/// What was sent and answered.
struct Day {
    shop: Shop,
    sent: Vec<([u8; 16], Command)>,
    replies: BTreeMap<[u8; 16], Vec<u8>>,
}

impl Day {
    fn send(&mut self, command: Command) {
        let id = self.shop.next_id();
        match self.shop.store.submit_blocking(request(id, command.clone())) {
            Ok(reply) => {
                self.replies.insert(id, reply);
                self.sent.push((id, command));
            }
            Err(refusal) => assert_eq!(refusal.reason, Reason::OutOfStock),
        }
    }

    fn repeat(&self, index: usize) {
        let Some((id, command)) = self.sent.get(index % self.sent.len().max(1)) else { return };
        let again = self.shop.store.submit_blocking(request(*id, command.clone())).unwrap();
        assert_eq!(again, self.replies[id]);
    }

    fn reuse(&self, index: usize) {
        let Some((id, _)) = self.sent.get(index % self.sent.len().max(1)) else { return };
        let refusal = self.shop.store.submit_blocking(request(*id, location("LAIN"))).unwrap_err();
        assert_eq!(refusal.reason, Reason::RequestIdReused);
    }

    fn snapshot(&self) {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("snapshot");
        let taken = self.shop.store.snapshot(&file).unwrap();
        assert_eq!(restore(&file, &dir.path().join("store")).unwrap().revision, taken.revision);
    }

    fn live(mut self, deeds: Vec<Deed>) -> Self {
        for deed in deeds {
            match deed {
                Deed::Book(customer) => self.send(booking(&format!("Pembeli {customer}"))),
                Deed::Hold { minutes } => {
                    let expire_ms = self.shop.store.now_ms() + minutes * MINUTE_MS;
                    self.send(hold("Titip", expire_ms));
                }
                Deed::Receive(quantity) => self.send(receive(quantity)),
                Deed::Refused => assert_eq!(self.shop.refused(location("GUDANG")), Reason::CodeTaken),
                Deed::Repeat(index) => self.repeat(index),
                Deed::Reuse(index) => self.reuse(index),
                Deed::Wait { minutes } => self.shop.clock.advance(minutes * MINUTE_MS),
                Deed::Reopen => self.shop = self.shop.reopen(),
                Deed::Snapshot => self.snapshot(),
            }
        }
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_day_leaves_a_sound_store(deeds in proptest::collection::vec(deed(), 1..60)) {
        let shop = Shop::with(&TINY);
        shop.stock(10);
        let day = Day { shop, sent: Vec::new(), replies: BTreeMap::new() }.live(deeds);
        day.shop.verify();
        for index in 0..day.sent.len() {
            day.repeat(index);
        }
        let records = day.shop.store.read_journal(0, usize::MAX).unwrap();
        prop_assert!(records.iter().map(|record| record.time_ms).is_sorted());
        prop_assert!(records.iter().map(|record| record.revision).eq(1..=records.len() as u64));

        let dir = Arc::new(TempDir::new().unwrap());
        let replayed = day.shop.store.replay_into(&dir.path().join("store"), None).unwrap();
        let head = day.shop.store.read(|reader| Ok(*reader.head())).unwrap();
        let rebuilt = Shop::open(dir, &TINY, i64::MIN).unwrap();
        prop_assert!(replayed <= head.revision);
        rebuilt.verify();
        let same = rebuilt.store.read(|reader| Ok(*reader.head())).unwrap();
        prop_assert!(same.revision < head.revision || same.hash == head.hash);
    }
}
