//! Goal: from a snapshot and the journal's segments a store comes back as it was at any revision, replies included, byte by byte;
//! damage is found and named. Method: random days, backed up by an onlooker beside the running store; each moment that was
//! copied while it lasted is restored from the backup and compared table by table.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kasir_core::Reason;
use kasir_store::{
    DATA_FILE, GENESIS, Hash, Onlooker, Options, StoreErrorKind, Target, check_seal, check_segment,
    merge_segments, read_segment, restore_to, write_segment,
};
use proptest::prelude::*;
use support::{MINUTE_MS, Shop, booking, dump, hold, location, receive, request};
use tempfile::TempDir;

type Rows = Vec<(String, Vec<u8>, Vec<u8>)>;

/// All rows but the store's description of itself: when it was made, and how often it was opened.
fn rows(data_file: &Path) -> Rows {
    dump(data_file).into_iter().filter(|(table, _, _)| table != "meta").collect()
}

/// A backup that grows: one snapshot, and the segments since.
struct Backup {
    dir: TempDir,
    base: PathBuf,
    base_revision: u64,
    revision: u64,
    hash: Hash,
    segments: Vec<PathBuf>,
}

impl Backup {
    fn begin(shop: &Shop) -> Self {
        Self::wait_for(shop);
        let dir = TempDir::new().unwrap();
        let base = dir.path().join("base");
        let taken = Onlooker::open(&shop.path()).unwrap().snapshot(&base).unwrap();
        let hash = Onlooker::open(&base).unwrap().head().unwrap().hash;
        let revision = taken.revision;
        Self { dir, base, base_revision: revision, revision, hash, segments: Vec::new() }
    }

    /// Takes all there is, in segments of so many bytes.
    fn go_on(&mut self, shop: &Shop, bytes_max: u64) {
        let look = || Onlooker::open(&shop.path()).unwrap();
        while let Some(segment) =
            write_segment(look(), self.dir.path(), self.revision, &self.hash, bytes_max).unwrap()
        {
            assert_eq!((segment.first_revision, segment.before), (self.revision + 1, self.hash));
            (self.revision, self.hash) = (segment.last_revision, segment.hash);
            self.segments.push(self.dir.path().join(segment.file_name()));
        }
    }

    /// Goes on until it has what was answered.
    fn reach(&mut self, shop: &Shop, bytes_max: u64) {
        Self::wait_for(shop);
        self.go_on(shop, bytes_max);
    }

    /// Until an onlooker sees what was answered: it may miss the last milliseconds.
    fn wait_for(shop: &Shop) {
        support::eventually("an onlooker to see what was answered", || {
            Onlooker::open(&shop.path()).unwrap().head().unwrap().revision >= shop.store.revision()
        });
    }

    fn merge(&mut self) {
        let merged = merge_segments(&self.segments, self.dir.path()).unwrap();
        let path = self.dir.path().join(merged.file_name());
        self.segments.iter().filter(|part| **part != path).for_each(|part| fs::remove_file(part).unwrap());
        self.segments = vec![path];
    }

    fn restore(&self, target: Target) -> (u64, Rows) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("store");
        let made = restore_to(&self.base, &self.segments, target, &path).unwrap();
        let files: Vec<_> = fs::read_dir(&path).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, [DATA_FILE], "nothing else is left behind");
        (made.revision, rows(&path.join(DATA_FILE)))
    }
}

fn at(revision: u64) -> Target {
    Target { revision: Some(revision), time_ms: None }
}

#[derive(Debug, Clone)]
enum Deed {
    Book(u8),
    Hold(i64),
    Receive(i64),
    Refused,
    Wait(i64),
    Reopen,
    /// The backup goes on, with segments of at least so many bytes.
    BackUp(u64),
    Merge,
    /// The moment is copied, to be compared.
    Remember,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..20_u8).prop_map(Deed::Book),
        4 => (1..10_i64).prop_map(Deed::Hold),
        2 => (1..5_i64).prop_map(Deed::Receive),
        1 => Just(Deed::Refused),
        3 => (0..30_i64).prop_map(Deed::Wait),
        1 => Just(Deed::Reopen),
        2 => (1..4_000_u64).prop_map(Deed::BackUp),
        1 => Just(Deed::Merge),
        3 => Just(Deed::Remember),
    ]
}

fn remember(shop: &Shop, moments: &mut BTreeMap<u64, (Rows, i64)>) {
    let dir = TempDir::new().unwrap();
    let taken = shop.store.snapshot(&dir.path().join("copy")).unwrap();
    let head = Onlooker::open(&taken.path).unwrap().head().unwrap();
    moments.insert(taken.revision, (rows(&taken.path), head.time_ms));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn every_moment_of_any_day_comes_back(deeds in proptest::collection::vec(deed(), 1..50)) {
        let mut shop = Shop::with(&Options { map_size: 1, max_batch: 8, ..Options::default() });
        shop.stock(10);
        let mut backup = Backup::begin(&shop);
        let mut moments = BTreeMap::new();
        for deed in deeds {
            match deed {
                Deed::Book(customer) => drop(shop.send(booking(&format!("Pembeli {customer}")))),
                Deed::Hold(minutes) => {
                    drop(shop.send(hold("Titip", shop.store.now_ms() + minutes * MINUTE_MS)));
                }
                Deed::Receive(quantity) => drop(shop.ok(receive(quantity))),
                Deed::Refused => assert_eq!(shop.refused(location("GUDANG")), Reason::CodeTaken),
                Deed::Wait(minutes) => shop.clock.advance(minutes * MINUTE_MS),
                Deed::Reopen => shop = shop.reopen(),
                Deed::BackUp(bytes) => backup.go_on(&shop, bytes),
                Deed::Merge if backup.segments.len() > 1 => backup.merge(),
                Deed::Merge => {}
                Deed::Remember => remember(&shop, &mut moments),
            }
        }
        remember(&shop, &mut moments);
        backup.reach(&shop, u64::MAX);
        for (revision, (expected, time_ms)) in &moments {
            if *revision < backup.base_revision {
                continue;
            }
            let (made, found) = backup.restore(at(*revision));
            prop_assert_eq!(made, *revision);
            prop_assert!(found == *expected, "revision {} came back as another one", revision);
            // By time: the last record of that millisecond.
            let (reached, _) = backup.restore(Target { revision: None, time_ms: Some(*time_ms) });
            prop_assert!(reached >= *revision);
        }
        let (last, found) = backup.restore(Target::default());
        prop_assert_eq!(last, backup.revision);
        if let Some((expected, _)) = moments.get(&last) {
            prop_assert!(found == *expected);
        }
    }
}

/// A shop with a backup of three segments, the first of one record.
fn backed_up() -> (Shop, Backup) {
    backed_up_at(0)
}

/// The same, begun so many milliseconds later.
fn backed_up_at(later_ms: i64) -> (Shop, Backup) {
    let shop = Shop::empty();
    shop.clock.advance(later_ms);
    shop.stock(100);
    let mut backup = Backup::begin(&shop);
    for part in 0..3 {
        for n in 0..=part * 2 {
            shop.ok(booking(&format!("Pembeli {part} {n}")));
        }
        backup.reach(&shop, u64::MAX);
    }
    assert_eq!(backup.segments.len(), 3);
    (shop, backup)
}

#[test]
fn what_was_asked_before_is_answered_alike_after_a_restore() {
    let shop = Shop::stocked(10);
    let mut backup = Backup::begin(&shop);
    let early = shop.next_id();
    let reply = shop.store.submit_blocking(request(early, booking("Sri"))).unwrap();
    backup.reach(&shop, u64::MAX);
    let dir = Arc::new(TempDir::new().unwrap());
    restore_to(&backup.base, &backup.segments, Target::default(), &dir.path().join("store")).unwrap();
    let again = Shop::open(dir, &Options::default(), shop.clock_ms()).unwrap();
    assert_eq!(again.store.submit_blocking(request(early, booking("Sri"))).unwrap(), reply);
    assert_eq!(again.store.status().unwrap().repeated, 1);
    again.verify();
}

#[test]
fn every_flipped_bit_of_a_segment_is_found() {
    let (_shop, backup) = backed_up();
    let segment = &backup.segments[0];
    let sound = fs::read(segment).unwrap();
    for place in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(segment, &bytes).unwrap();
        let error = check_segment(segment, &[]).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::JournalBroken, "byte {place}");
        assert!(error.message.contains(&*segment.file_name().unwrap().to_string_lossy()), "{error}");
    }
    for length in [0, 7, 159, 160, sound.len() - 1] {
        fs::write(segment, &sound[..length]).unwrap();
        assert_eq!(check_segment(segment, &[]).unwrap_err().kind, StoreErrorKind::JournalBroken, "{length}");
    }
    let dir = TempDir::new().unwrap();
    let target = dir.path().join("store");
    let error = restore_to(&backup.base, &backup.segments, Target::default(), &target).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::JournalBroken);
    assert!(!target.exists(), "a restore that fails leaves nothing");
    fs::write(segment, &sound).unwrap();
    assert_eq!(check_segment(segment, &[]).unwrap().0, read_segment(segment).unwrap());
}

#[test]
fn a_segment_that_is_missing_or_of_another_history_is_never_passed_over() {
    let (_shop, backup) = backed_up();
    let (_other, theirs) = backed_up_at(MINUTE_MS);
    let dir = TempDir::new().unwrap();
    let gap = [backup.segments[0].clone(), backup.segments[2].clone()];
    let mixed = [backup.segments[0].clone(), theirs.segments[1].clone()];
    for segments in [&gap, &mixed] {
        let error = restore_to(&backup.base, segments, Target::default(), &dir.path().join("s")).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::JournalBroken, "{error}");
    }
    let merged = merge_segments(&gap, dir.path()).unwrap_err();
    assert_eq!(merged.kind, StoreErrorKind::JournalBroken);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no part of it is left");
}

#[test]
fn a_revision_that_is_not_there_is_refused() {
    let (_shop, backup) = backed_up();
    let dir = TempDir::new().unwrap();
    for revision in [backup.base_revision - 1, backup.revision + 1] {
        let made = restore_to(&backup.base, &backup.segments, at(revision), &dir.path().join("s"));
        assert_eq!(made.unwrap_err().kind, StoreErrorKind::NotReached, "{revision}");
    }
    let early = Target { revision: None, time_ms: Some(0) };
    let made = restore_to(&backup.base, &backup.segments, early, &dir.path().join("s"));
    assert_eq!(made.unwrap_err().kind, StoreErrorKind::NotReached);
}

#[test]
fn a_journal_that_was_trimmed_or_went_another_way_does_not_go_on() {
    let (shop, backup) = backed_up();
    let differs = |after: u64, before: &Hash| {
        let store = Onlooker::open(&shop.path()).unwrap();
        let dir = TempDir::new().unwrap();
        let written = write_segment(store, dir.path(), after, before, u64::MAX);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        written.unwrap_err().kind
    };
    assert_eq!(differs(backup.revision, &[1; 32]), StoreErrorKind::Differs);
    assert_eq!(differs(backup.base_revision, &[1; 32]), StoreErrorKind::Differs);
    assert_eq!(differs(backup.revision + 1, &backup.hash), StoreErrorKind::Differs);
    shop.store.trim(backup.base_revision + 3).unwrap();
    shop.store.read(|_| Ok(())).unwrap();
    assert_eq!(differs(1, &GENESIS), StoreErrorKind::Differs);
}

#[test]
fn an_onlooker_takes_all_of_a_busy_store() {
    let shop = Arc::new(Shop::stocked(100_000));
    let mut backup = Backup::begin(&shop);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for seller in 0..4 {
            let (shop, done) = (&shop, &done);
            scope.spawn(move || {
                let mut n = 0;
                while !done.load(Ordering::Relaxed) {
                    shop.ok(booking(&format!("Pembeli {seller} {n}")));
                    n += 1;
                }
            });
        }
        for _ in 0..30 {
            backup.go_on(&shop, 20_000);
        }
        done.store(true, Ordering::Relaxed);
    });
    backup.reach(&shop, u64::MAX);
    let (revision, found) = backup.restore(Target::default());
    assert_eq!(revision, shop.store.revision());
    shop.store.close();
    assert!(found == rows(&shop.path().join(DATA_FILE)));
}

#[test]
fn an_audit_walks_the_whole_chain() {
    let (shop, backup) = backed_up();
    let store = Onlooker::open(&shop.path()).unwrap();
    let audit = store.audit(&[0, backup.base_revision, backup.revision, 1_000]).unwrap();
    assert_eq!(audit.broken, None);
    assert_eq!((audit.first_revision, audit.sound_revision), (1, backup.revision));
    let head = Onlooker::open(&backup.base).unwrap().head().unwrap().hash;
    let expected = [(0, GENESIS), (backup.base_revision, head), (backup.revision, backup.hash)];
    assert_eq!(audit.hashes, expected);
    let (_, hashes) = check_segment(&backup.segments[2], &[backup.revision]).unwrap();
    assert_eq!(hashes, [(backup.revision, backup.hash)]);
    drop(store);

    // What was trimmed is known by the hash that the first record follows.
    shop.store.trim(backup.base_revision + 1).unwrap();
    support::eventually("the trim to be seen", || {
        Onlooker::open(&shop.path()).unwrap().head().unwrap().first_revision > 1
    });
    let trimmed = Onlooker::open(&shop.path()).unwrap().audit(&[backup.base_revision]).unwrap();
    assert_eq!((trimmed.broken, trimmed.hashes), (None, vec![(backup.base_revision, head)]));
}

#[test]
fn a_store_that_was_not_closed_is_not_looked_into() {
    let shop = Shop::stocked(1);
    let copy = support::copy_of(&shop.path());
    assert_eq!(Onlooker::open(&copy.path().join("store")).unwrap_err().kind, StoreErrorKind::NotClosed);
    assert_eq!(Onlooker::open(&copy.path().join("none")).unwrap_err().kind, StoreErrorKind::Unusable);
    shop.store.close();
    Onlooker::open(&shop.path()).unwrap();
}

#[test]
fn a_base_that_was_changed_is_found() {
    let (_shop, backup) = backed_up();
    assert_eq!(check_seal(&backup.base).unwrap(), fs::metadata(&backup.base).unwrap().len());
    let mut bytes = fs::read(&backup.base).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&backup.base, &bytes).unwrap();
    assert_eq!(check_seal(&backup.base).unwrap_err().kind, StoreErrorKind::SnapshotBroken);
}
