//! Goal: after a power cut the store has all that was answered, and nothing else. Method: a shop's files are copied while
//! it trades. Whatever of LMDB's file no sync had confirmed by then is made an old page or a new one, as the dice fall,
//! and a frame is torn behind the last one; then the store is opened, verified, and sent every request again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use kasir_core::Command;
use kasir_store::{CHECKPOINT_FILE, DATA_FILE, Options, StoreErrorKind, WAL_FILES};
use support::{MINUTE_MS, START_MS, Shop, booking, eventually, hold, request};
use tempfile::TempDir;

const PAGE: usize = 4096;
const CUTS: u64 = 24;

type Told = BTreeMap<u128, (Command, Vec<u8>)>;

/// Dice that fall the same way every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// Books, and keeps what was told. With `followed`, LMDB commits each booking by itself.
fn trade(shop: &Shop, count: usize, followed: bool, told: &mut Told) {
    for _ in 0..count {
        let id = shop.next_id();
        let command = booking(&format!("Pembeli {}", told.len()));
        let reply = shop.store.submit_blocking(request(id, command.clone())).unwrap();
        told.insert(u128::from_be_bytes(id), (command, reply));
        if followed {
            shop.store.read(|_| Ok(())).unwrap();
        }
    }
}

/// The data file as the power cut leaves it: no page is older than in `before`, where all of it was confirmed.
fn mixed(before: &[u8], now: &[u8], cut: u64) -> Vec<u8> {
    let mut dice = Dice(cut);
    let mut left = Vec::with_capacity(now.len());
    for (at, page) in now.chunks(PAGE).enumerate() {
        let is_header = at < 2;
        let is_new = match cut % 4 {
            0 => is_header,
            1 => !is_header,
            _ => dice.roll() % 4 >= cut % 4,
        };
        let start = at * PAGE;
        if is_new {
            left.extend_from_slice(page);
        } else if let Some(old) = before.get(start..start + page.len()) {
            left.extend_from_slice(old);
        } else {
            left.resize(start + page.len(), 0);
        }
    }
    left
}

/// Cuts the power in many ways, and looks at what is left.
fn cut(shop: &Shop, before: &[u8], told: &Told) {
    let revision = shop.store.revision();
    let path = shop.path();
    // While nothing is written, the files are of one moment.
    let now = fs::read(path.join(DATA_FILE)).unwrap();
    for cut in 0..CUTS {
        let holder = Arc::new(TempDir::new().unwrap());
        let left = holder.path().join("store");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(DATA_FILE), mixed(before, &now, cut)).unwrap();
        for name in [CHECKPOINT_FILE, WAL_FILES[0], WAL_FILES[1]] {
            fs::copy(path.join(name), left.join(name)).unwrap();
        }
        tear(&left.join(WAL_FILES[0]), cut);
        let found = Shop::open(holder, &Options::default(), START_MS).unwrap();
        assert_eq!(found.store.revision(), revision, "cut {cut}");
        found.verify();
        for (&id, (command, reply)) in told {
            let again = found.store.submit_blocking(request(id.to_be_bytes(), command.clone())).unwrap();
            assert_eq!(&again, reply, "cut {cut}");
        }
        assert_eq!(found.store.revision(), revision, "cut {cut}");
        // It goes on, survives a kill, and a clean stop.
        for number in 0..cut {
            found.ok(booking(&format!("Pembeli baru {number}")));
        }
        let killed = copied(&found.path());
        assert_eq!(killed.store.revision(), revision + cut, "cut {cut}, and a kill");
        killed.verify();
        killed.reopen().verify();
    }
}

/// What a kill leaves of a store, opened.
fn copied(path: &Path) -> Shop {
    copied_into(path, &Options::default())
}

fn copied_into(path: &Path, options: &Options) -> Shop {
    let holder = Arc::new(TempDir::new().unwrap());
    let left = holder.path().join("store");
    fs::create_dir(&left).unwrap();
    // In this order: a checkpoint may be made meanwhile, and the last one before it is as good.
    for name in [CHECKPOINT_FILE, DATA_FILE, WAL_FILES[0], WAL_FILES[1]] {
        fs::copy(path.join(name), left.join(name)).unwrap();
    }
    Shop::open(holder, options, START_MS).unwrap()
}

/// Leaves a part of a frame where the next one would begin.
fn tear(wal: &Path, cut: u64) {
    let mut bytes = fs::read(wal).unwrap();
    let is_free = |block: &[u8]| block.iter().all(|byte| *byte == 0);
    let Some(end) = bytes.chunks(PAGE).position(is_free) else { return };
    let part = usize::try_from(20 + cut * 150).unwrap();
    let (frames, free) = bytes.split_at_mut(end * PAGE);
    free[..part.min(PAGE)].copy_from_slice(&frames[..part.min(PAGE)]);
    fs::write(wal, bytes).unwrap();
}

#[test]
fn nothing_answered_is_lost_by_a_power_cut_before_the_first_checkpoint() {
    let shop = Shop::empty();
    let before = fs::read(shop.path().join(DATA_FILE)).unwrap();
    shop.stock(100_000);
    let mut told = Told::new();
    trade(&shop, 40, true, &mut told);
    trade(&shop, 200, false, &mut told);
    shop.store.read(|_| Ok(())).unwrap();
    cut(&shop, &before, &told);
}

/// More frames than one transaction applies: while LMDB is told some of them, the next are applied, in whatever room there is.
#[test]
fn a_long_way_back_is_gone_in_parts() {
    const HOLDS: u16 = 4_500;
    let shop = Shop::stocked(100_000);
    for token in 0..HOLDS {
        let hold = hold(&format!("owner {token}"), START_MS + MINUTE_MS);
        shop.store.submit(shop.request(hold), u64::from(token)).unwrap();
    }
    assert!(shop.sink.answers(HOLDS.into()).iter().all(|(_, answer)| answer.is_ok()));
    for map_size in [1, 2 << 20, 256 << 20] {
        let killed = copied_into(&shop.path(), &Options { map_size, ..Options::default() });
        assert_eq!(killed.store.revision(), shop.store.revision(), "in a map of {map_size}");
        assert_eq!(killed.level(), (100_000, i64::from(HOLDS)));
        killed.verify();
        killed.ok(booking("Pembeli"));
        killed.reopen().verify();
    }
}

#[test]
fn nothing_answered_is_lost_by_a_power_cut_between_checkpoints() {
    let shop = Shop::stocked(100_000);
    let checkpoint = shop.path().join(CHECKPOINT_FILE);
    let mut told = Told::new();
    for _ in 0..2 {
        let last = fs::read(&checkpoint).unwrap();
        trade(&shop, 300, true, &mut told);
        eventually("a checkpoint", || {
            shop.store.submit_blocking(shop.request(booking("Pembeli lama"))).unwrap();
            shop.store.read(|_| Ok(())).unwrap();
            fs::read(&checkpoint).is_ok_and(|now| now != last)
        });
    }
    let before = fs::read(shop.path().join(DATA_FILE)).unwrap();
    let last = fs::read(&checkpoint).unwrap();
    trade(&shop, 100, true, &mut told);
    shop.store.read(|_| Ok(())).unwrap();
    assert!(fs::read(&checkpoint).unwrap() == last, "what was copied before is what was confirmed");
    cut(&shop, &before, &told);
}

/// What a store says that was killed, and whose files were changed by `harm` before it is opened again.
fn harmed(shop: &Shop, harm: impl FnOnce(&Path)) -> Option<StoreErrorKind> {
    let holder = Arc::new(TempDir::new().unwrap());
    let left = holder.path().join("store");
    fs::create_dir(&left).unwrap();
    for name in [CHECKPOINT_FILE, DATA_FILE, WAL_FILES[0], WAL_FILES[1]] {
        fs::copy(shop.path().join(name), left.join(name)).unwrap();
    }
    harm(&left);
    let opened = Shop::open(holder, &Options::default(), START_MS);
    opened.err().map(|error| error.kind)
}

#[test]
fn files_that_are_missing_or_damaged_are_told_and_never_passed_over() {
    let shop = Shop::stocked(1_000);
    trade(&shop, 20, false, &mut Told::new());
    assert_eq!(harmed(&shop, |_| ()), None);
    for name in [CHECKPOINT_FILE, WAL_FILES[0], WAL_FILES[1]] {
        let found = harmed(&shop, |left| fs::remove_file(left.join(name)).unwrap());
        assert_eq!(found, Some(StoreErrorKind::Corrupt), "{name} is missing");
    }
    // The tenth frame's header, and what it carries: frames come after it, so it was answered.
    for at in [9 * PAGE + 20, 9 * PAGE + 200] {
        let found = harmed(&shop, |left| {
            let path = left.join(WAL_FILES[0]);
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
        });
        assert_eq!(found, Some(StoreErrorKind::Corrupt), "byte {at} is another");
    }
}

#[test]
fn an_older_file_of_a_closed_store_brings_back_no_later_history() {
    let shop = Shop::stocked(1_000);
    trade(&shop, 10, true, &mut Told::new());
    let shop = shop.reopen();
    let revision = shop.store.revision();
    shop.store.close();
    let older = fs::read(shop.path().join(DATA_FILE)).unwrap();
    let shop = shop.reopen();
    trade(&shop, 10, true, &mut Told::new());
    shop.store.close();
    fs::write(shop.path().join(DATA_FILE), older).unwrap();
    let shop = shop.reopen();
    assert_eq!(shop.store.revision(), revision);
    trade(&shop, 3, true, &mut Told::new());
    let killed = copied(&shop.path());
    assert_eq!(killed.store.revision(), revision + 3);
    killed.verify();
}

#[test]
fn a_file_that_is_not_the_checkpoint_s_is_refused_and_left_alone() {
    let shop = Shop::stocked(100_000);
    let holder = TempDir::new().unwrap();
    let snapshot = holder.path().join("snapshot");
    shop.store.snapshot(&snapshot).unwrap();
    let checkpoint = shop.path().join(CHECKPOINT_FILE);
    let first = fs::read(&checkpoint).unwrap();
    trade(&shop, 300, true, &mut Told::new());
    eventually("a checkpoint", || {
        shop.store.submit_blocking(shop.request(booking("Pembeli lama"))).unwrap();
        shop.store.read(|_| Ok(())).unwrap();
        fs::read(&checkpoint).is_ok_and(|now| now != first)
    });
    let mut left = Vec::new();
    let found = harmed(&shop, |path| {
        let data = path.join(DATA_FILE);
        fs::copy(&snapshot, &data).unwrap();
        left.push((File::open(&data).unwrap(), fs::read(&data).unwrap()));
    });
    assert_eq!(found, Some(StoreErrorKind::Corrupt));
    let (mut file, before) = left.remove(0);
    let mut after = Vec::new();
    file.read_to_end(&mut after).unwrap();
    assert!(after == before, "it may be all that somebody has");
}

#[test]
fn a_power_cut_while_a_store_is_made_leaves_one_that_can_be_made() {
    let headers = fs::read(Shop::empty().path().join(DATA_FILE)).unwrap()[..2 * PAGE].to_vec();
    let opened = |bytes: &[u8]| {
        let holder = Arc::new(TempDir::new().unwrap());
        let left = holder.path().join("store");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(DATA_FILE), bytes).unwrap();
        Shop::open(holder, &Options::default(), START_MS)
    };
    let without = |page: usize| {
        let mut torn = headers.clone();
        torn[page * PAGE..][..PAGE].fill(0);
        torn
    };
    let cut = |length: usize| headers[..length].to_vec();
    let missing = [without(0), without(1), vec![0; 2 * PAGE], vec![0; 512]];
    for torn in missing.into_iter().chain([11, 512, PAGE + 1, PAGE + 11, 2 * PAGE].map(cut)) {
        let shop = opened(&torn).unwrap();
        shop.stock(3);
        shop.reopen().verify();
    }
    // A sync of them may have failed, and the kernel takes them for written: they are written once more.
    let mut written = headers.clone();
    written[4_000] = 7;
    let shop = opened(&written).unwrap();
    assert_eq!(fs::read(shop.path().join(DATA_FILE)).unwrap()[4_000], 0);
    // What is another's is left alone.
    for other in [vec![7; 2 * PAGE], b"a shopping list".to_vec()] {
        assert!(opened(&other).is_err());
    }
}
