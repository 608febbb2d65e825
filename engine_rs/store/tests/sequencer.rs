//! Goal: what the one writer promises its callers. Method: a real store in a temporary directory, real commands of the
//! core, time set by hand, and a sink that can hold the sequencer so that a batch is exactly what the test wants.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kasir_core::ids::ShiftId;
use kasir_core::{Command, Reason, Table, View};
use kasir_store::{CHECKPOINT_FILE, DEADLINES_METHOD, JournalRecord, ONLOOKERS_FILE, Options, WAL_FILES};
use support::{ITEM, MINUTE_MS, START_MS, Shop, booking, eventually, hold, item, location, receive, request};

/// The byte of a checkpoint that says that it was the last.
const CLOSED_AT: usize = 16;

#[test]
fn all_commands_that_wait_share_one_commit_and_each_is_answered() {
    let shop = Shop::stocked(1_000);
    shop.sink.hold();
    shop.store.submit(shop.request(hold("first", START_MS + MINUTE_MS)), 0).unwrap();
    shop.sink.wait_held();
    let before = shop.store.status().unwrap();
    for token in 1..=300 {
        shop.store
            .submit(shop.request(hold(&format!("owner {token}"), START_MS + MINUTE_MS)), token)
            .unwrap();
    }
    assert_eq!(shop.store.status().unwrap().queue_length, 300);
    shop.sink.let_go();
    let answers = shop.sink.answers(301);

    let tokens: BTreeSet<u64> = answers.iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens.len(), 301, "each caller is answered once");
    assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
    let after = shop.store.status().unwrap();
    assert_eq!(after.commits - before.commits, 1, "300 commands, one commit");
    assert_eq!(shop.sink.batches(), vec![1, 300]);
    assert_eq!(after.largest_batch, 300);
    assert_eq!(after.batch_sizes[9], 1, "300 commands are counted among those of at most 512");
    assert_eq!(shop.level(), (1_000, 301));
    eventually("the last revision to be told", || {
        shop.sink.revisions().last() == Some(&shop.store.revision())
    });
    shop.verify();
}

/// Does it once nobody can read any more. Returns how many could.
fn with_all_places_taken(shop: &Shop, work: &dyn Fn()) -> usize {
    let taken = shop.store.glance(|_| Ok(with_all_places_taken(shop, work)));
    taken.map_or_else(
        |_| {
            work();
            0
        },
        |deeper| deeper + 1,
    )
}

#[test]
fn the_writer_needs_no_place_among_those_who_read() {
    let shop = Shop::with(&Options { max_readers: 4, ..Options::default() });
    shop.stock(1_000);
    let mut taken = 0;
    for round in 1..=5 {
        taken = with_all_places_taken(&shop, &|| {
            for token in 0..60 {
                shop.store.submit(shop.request(hold("many", START_MS + MINUTE_MS)), token).unwrap();
            }
            // A pause, after which LMDB follows at once, and a command that finds it following.
            std::thread::sleep(Duration::from_millis(25));
            shop.ok(hold("one", START_MS + MINUTE_MS));
            shop.ok(hold("another", START_MS + MINUTE_MS));
        });
        assert_eq!(shop.level(), (1_000, round * 62));
    }
    assert!((1..=4).contains(&taken), "{taken}");
    shop.verify();
    assert_eq!(shop.reopen().level(), (1_000, 5 * 62));
}

#[test]
fn who_looks_in_needs_no_place_among_those_who_read_and_neither_does_the_end() {
    let shop = Shop::with(&Options { max_readers: 4, ..Options::default() });
    shop.stock(1_000);
    // The writer has no place any more, and gets none.
    std::thread::sleep(Duration::from_millis(200));
    let onlookers = File::open(shop.path().join(ONLOOKERS_FILE)).unwrap();
    std::thread::scope(|scope| {
        with_all_places_taken(&shop, &|| {
            onlookers.lock_shared().unwrap();
            for token in 0..60 {
                shop.store.submit(shop.request(hold("many", START_MS + MINUTE_MS)), token).unwrap();
            }
            std::thread::sleep(Duration::from_millis(100));
            shop.ok(hold("one", START_MS + MINUTE_MS));
            onlookers.unlock().unwrap();
            shop.ok(hold("another", START_MS + MINUTE_MS));
            // It waits for those who read, but not before all is on the disk.
            scope.spawn(|| shop.store.close());
            let checkpoint = shop.path().join(CHECKPOINT_FILE);
            eventually("the store to be closed", || {
                std::fs::read(&checkpoint).is_ok_and(|bytes| bytes.get(CLOSED_AT) == Some(&1))
            });
        });
    });
    // Closed well: its data file says it all.
    for name in WAL_FILES {
        std::fs::remove_file(shop.path().join(name)).unwrap();
    }
    std::fs::remove_file(shop.path().join(CHECKPOINT_FILE)).unwrap();
    let shop = shop.reopen();
    assert_eq!(shop.level(), (1_000, 62));
    shop.verify();
}

#[test]
fn who_follows_what_is_readable_misses_nothing_and_holds_nobody_up() {
    const COMMANDS: u64 = 500;
    let shop = Shop::with(&Options { map_size: 256 << 20, ..Options::default() });
    shop.stock(1_000);
    let start = shop.store.revision();
    std::thread::scope(|scope| {
        let following = scope.spawn(|| {
            let (mut seen, mut at) = (Vec::new(), start);
            while at < start + COMMANDS {
                let told = shop.store.readable();
                let looked = shop.store.scan_readable(at, usize::MAX, &mut |record| {
                    seen.push(record.revision);
                    true
                });
                at = looked.unwrap();
                assert!(at >= told && at <= shop.store.revision(), "{at} of {told}");
            }
            seen
        });
        for token in 0..COMMANDS {
            let held = hold(&format!("owner {token}"), START_MS + MINUTE_MS);
            shop.store.submit(shop.request(held), token).unwrap();
            shop.sink.answers(usize::try_from(token).unwrap() + 1);
        }
        assert_eq!(following.join().unwrap(), (start + 1..=start + COMMANDS).collect::<Vec<_>>());
    });
    let passages = shop.sink.passages();
    assert!(
        passages.iter().flatten().all(|passage| passage.followed.is_none()),
        "somebody waited for a reader"
    );
    assert!(shop.sink.revisions().is_sorted());
    assert_eq!(shop.store.readable(), shop.store.revision());
    let last = shop.store.revision();
    assert_eq!(shop.store.scan_readable(last, 10, &mut |_| true).unwrap(), last, "nothing is there yet");
    let beyond = kasir_store::refusal(shop.store.scan_readable(last + 1, 10, &mut |_| true).unwrap_err());
    assert_eq!(beyond.reason, Reason::FieldOutOfRange);
}

#[test]
fn a_batch_tells_when_it_was_where() {
    let shop = Shop::stocked(10);
    let asked = Instant::now();
    shop.store.submit(shop.request(hold("Budi", START_MS + MINUTE_MS)), 0).unwrap();
    shop.sink.answers(1);
    let refused = hold("Sari", START_MS - MINUTE_MS);
    shop.store.submit(shop.request(refused), 1).unwrap();
    assert!(shop.sink.answers(2)[1].1.is_err());
    let [Some(taken), Some(refused)] = shop.sink.passages()[..] else { panic!("two batches") };
    let way = [asked, taken.begun, taken.decided, taken.written.unwrap(), taken.synced.unwrap()];
    assert!(way.is_sorted(), "{way:?}");
    assert!(taken.followed.is_none_or(|followed| Some(followed) >= taken.synced));
    assert_eq!((taken.commands, taken.revision), (1, shop.store.revision()));
    assert_eq!((refused.written, refused.synced), (None, None), "there was nothing to make durable");
    assert!(taken.synced.unwrap() <= refused.begun && refused.begun <= refused.decided);
}

#[test]
fn a_batch_is_bounded() {
    let shop = Shop::with(&Options { max_batch: 10, map_size: 16 << 20, ..Options::default() });
    shop.stock(100);
    shop.sink.hold();
    shop.store.submit(shop.request(hold("first", START_MS + MINUTE_MS)), 0).unwrap();
    shop.sink.wait_held();
    for token in 1..=25 {
        shop.store.submit(shop.request(hold("next", START_MS + MINUTE_MS)), token).unwrap();
    }
    shop.sink.let_go();
    shop.sink.answers(26);
    assert_eq!(shop.sink.batches(), vec![1, 10, 10, 5]);
}

#[test]
fn a_repeated_request_gets_the_same_bytes_and_has_one_effect() {
    let shop = Shop::stocked(10);
    let id = shop.next_id();
    let first = shop.store.submit_blocking(request(id, booking("Budi"))).unwrap();
    let revision = shop.store.revision();
    shop.clock.advance(MINUTE_MS);
    let again = shop.store.submit_blocking(request(id, booking("Budi"))).unwrap();
    assert_eq!(first, again);
    assert_eq!(shop.store.revision(), revision, "nothing new in the journal");
    assert_eq!(shop.level(), (10, 1));
    assert_eq!(shop.store.status().unwrap().repeated, 1);

    // Also after the process ended.
    let shop = shop.reopen();
    assert_eq!(shop.store.submit_blocking(request(id, booking("Budi"))).unwrap(), first);
    assert_eq!(shop.level(), (10, 1));
    shop.verify();
}

#[test]
fn a_request_sent_twice_within_one_batch_has_one_effect() {
    let shop = Shop::stocked(10);
    shop.sink.hold();
    shop.store.submit(shop.request(hold("first", START_MS + MINUTE_MS)), 0).unwrap();
    shop.sink.wait_held();
    let id = shop.next_id();
    shop.store.submit(request(id, booking("Budi")), 1).unwrap();
    shop.store.submit(request(id, booking("Budi")), 2).unwrap();
    shop.store.submit(request(id, booking("Ani")), 3).unwrap();
    shop.sink.let_go();
    let answers = shop.sink.answers(4);
    let answer =
        |token| answers.iter().find(|(of, _)| *of == token).map(|(_, answer)| answer.clone()).unwrap();
    assert_eq!(answer(1).unwrap(), answer(2).unwrap());
    assert_eq!(answer(3).unwrap_err().reason, Reason::RequestIdReused);
    assert_eq!(shop.sink.batches(), vec![1, 3], "all three were in one batch");
    assert_eq!(shop.level(), (10, 2));
    shop.verify();
}

#[test]
fn a_request_id_with_another_body_is_refused_and_changes_nothing() {
    let shop = Shop::stocked(10);
    let id = shop.next_id();
    shop.store.submit_blocking(request(id, booking("Budi"))).unwrap();
    let revision = shop.store.revision();
    let refusal = shop.store.submit_blocking(request(id, booking("Ani"))).unwrap_err();
    assert_eq!(refusal.reason, Reason::RequestIdReused);
    assert_eq!(shop.store.revision(), revision);
}

#[test]
fn a_refused_command_is_not_recorded_and_its_id_may_be_used_again() {
    let shop = Shop::stocked(0);
    let id = shop.next_id();
    let revision = shop.store.revision();
    assert_eq!(
        shop.store.submit_blocking(request(id, booking("Budi"))).unwrap_err().reason,
        Reason::OutOfStock
    );
    assert_eq!(shop.store.revision(), revision);
    shop.ok(receive(1));
    shop.store.submit_blocking(request(id, booking("Budi"))).unwrap();
    assert_eq!(shop.level(), (1, 1));
    shop.verify();
}

#[test]
fn a_refused_neighbour_costs_nothing() {
    let shop = Shop::stocked(2);
    shop.sink.hold();
    shop.store.submit(shop.request(location("TOKO")), 0).unwrap();
    shop.sink.wait_held();
    for token in 1..=5 {
        shop.store.submit(shop.request(booking(&format!("Pembeli {token}"))), token).unwrap();
    }
    shop.store.submit(shop.request(location("TOKO")), 6).unwrap();
    shop.store.submit(shop.request(location("CABANG")), 7).unwrap();
    shop.sink.let_go();
    let answers = shop.sink.answers(8);
    let outcomes: Vec<_> = answers[1..]
        .iter()
        .map(|(_, answer)| answer.as_ref().map(drop).map_err(|refusal| refusal.reason))
        .collect();
    let sold_out = Err(Reason::OutOfStock);
    assert_eq!(outcomes, [Ok(()), Ok(()), sold_out, sold_out, sold_out, Err(Reason::CodeTaken), Ok(())]);
    assert_eq!(shop.sink.batches(), vec![1, 7]);
    assert_eq!(shop.level(), (2, 2));
    assert_eq!(shop.store.status().unwrap().refused, 4);
    shop.verify();
}

#[test]
fn the_journal_is_gapless_and_says_who_when_and_what() {
    let shop = Shop::stocked(5);
    shop.clock.advance(MINUTE_MS);
    shop.ok(booking("Budi"));
    shop.refused(booking(""));
    shop.ok(booking("Ani"));
    let records = shop.store.read_journal(0, usize::MAX).unwrap();
    let revisions: Vec<u64> = records.iter().map(|record| record.revision).collect();
    assert_eq!(revisions, (1..=shop.store.revision()).collect::<Vec<_>>());
    let last = records.last().unwrap();
    assert_eq!((last.actor.as_str(), last.method.as_str()), ("sari", "/kasir.v1.Test/Command"));
    assert_eq!(last.time_ms, START_MS + MINUTE_MS);
    assert_eq!(last.request_id.len(), 16);
    assert!(last.events.iter().any(|event| event.name() == "OrderBooked"));

    let page = shop.store.read_journal(2, 2).unwrap();
    assert_eq!(page.iter().map(|record| record.revision).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(shop.store.scan_journal(3, 10, &mut |record| record.revision < 4).unwrap(), 4);
    assert_eq!(
        shop.store.scan_journal(shop.store.revision(), 10, &mut |_| true).unwrap(),
        shop.store.revision()
    );
    let beyond = kasir_store::refusal(shop.store.read_journal(shop.store.revision() + 1, 1).unwrap_err());
    assert_eq!(beyond.reason, Reason::FieldOutOfRange);
}

#[test]
fn a_command_that_finds_nothing_to_do_is_a_record_too() {
    let shop = Shop::stocked(1);
    let nothing =
        Command::CreateSales { order_ids: Vec::new(), all_paid: true, shift_id: ShiftId::default() };
    let id = shop.next_id();
    let revision = shop.store.revision();
    let first = shop.store.submit_blocking(request(id, nothing.clone())).unwrap();
    assert_eq!(shop.store.revision(), revision + 1);
    assert!(shop.store.read_journal(revision, 1).unwrap()[0].events.is_empty());
    assert_eq!(shop.store.submit_blocking(request(id, nothing)).unwrap(), first);
    assert_eq!(shop.store.revision(), revision + 1);
    shop.verify();
}

#[test]
fn stamps_never_go_back() {
    let shop = Shop::stocked(5);
    shop.clock.set(START_MS + 10 * MINUTE_MS);
    shop.ok(receive(1));
    shop.clock.set(START_MS - 60 * MINUTE_MS);
    shop.ok(receive(1));
    assert_eq!(shop.store.now_ms(), START_MS + 10 * MINUTE_MS);
    // Not even when the clock was set back while the shop was closed.
    let shop = shop.reopen();
    shop.ok(receive(1));
    let times: Vec<i64> =
        shop.store.read_journal(0, usize::MAX).unwrap().iter().map(|record| record.time_ms).collect();
    assert!(times.is_sorted());
    assert_eq!(times[times.len() - 3..], [START_MS + 10 * MINUTE_MS; 3]);
    shop.verify();
}

#[test]
fn what_falls_due_ends_without_any_traffic() {
    let shop = Shop::stocked(3);
    shop.ok(hold("Budi", START_MS + MINUTE_MS));
    shop.ok(hold("Ani", START_MS + 2 * MINUTE_MS));
    assert_eq!(shop.level(), (3, 2));
    shop.clock.advance(MINUTE_MS);
    eventually("the first hold to end", || shop.level() == (3, 1));
    shop.clock.advance(MINUTE_MS);
    eventually("the second hold to end", || shop.level() == (3, 0));
    let last = shop.store.read_journal(shop.store.revision() - 1, 1).unwrap().remove(0);
    assert_eq!((last.method.as_str(), last.actor.as_str()), (DEADLINES_METHOD, ""));
    assert!(last.request_id.is_empty());
    eventually("the count of deadlines", || shop.store.status().unwrap().expired == 2);
    shop.verify();
}

#[test]
fn what_fell_due_while_the_shop_was_closed_ends_when_it_opens() {
    let shop = Shop::stocked(3);
    shop.ok(hold("Budi", START_MS + MINUTE_MS));
    shop.clock.advance(60 * MINUTE_MS);
    // The clock jumped, and the shop is closed before anybody looked.
    let shop = shop.reopen();
    eventually("the hold to end", || shop.level() == (3, 0));
    shop.verify();
}

#[test]
fn what_is_due_ends_before_a_command_of_the_same_time_is_decided() {
    let shop = Shop::stocked(1);
    shop.ok(hold("Budi", START_MS + MINUTE_MS));
    assert_eq!(shop.refused(booking("Ani")), Reason::OutOfStock);
    shop.clock.advance(MINUTE_MS);
    shop.ok(booking("Ani"));
    shop.verify();
}

#[test]
fn thousands_of_deadlines_at_once_do_not_stop_the_shop() {
    let shop = Shop::stocked(2_000);
    shop.sink.hold();
    shop.store.submit(shop.request(location("TOKO")), 0).unwrap();
    shop.sink.wait_held();
    for token in 1..=1_500 {
        shop.store.submit(shop.request(hold("Borongan", START_MS + MINUTE_MS)), token).unwrap();
    }
    shop.sink.let_go();
    shop.sink.answers(1_501);
    assert_eq!(shop.level(), (2_000, 1_500));

    shop.sink.hold();
    shop.store.submit(shop.request(location("CABANG")), 0).unwrap();
    shop.sink.wait_held();
    shop.clock.advance(MINUTE_MS);
    shop.store.submit(shop.request(location("PASAR")), 1).unwrap();
    shop.sink.let_go();
    shop.sink.answers(1_503);
    let answered = shop.store.read_journal(0, usize::MAX).unwrap();
    let before = answered.iter().position(|record| record.method == DEADLINES_METHOD).unwrap();
    assert!(answered[before].events.len() <= 64, "one batch ends a bounded number of them");
    assert!(
        answered[before + 1].events.iter().any(|event| event.name() == "LocationCreated"),
        "then the shop goes on"
    );
    eventually("all holds to end", || shop.level() == (2_000, 0));
    shop.verify();
}

/// A shop whose batches are of one command each, so that more commands wait whenever one is done.
fn never_idle() -> Shop {
    let shop = Shop::with(&Options { max_batch: 1, map_size: 16 << 20, ..Options::default() });
    shop.stock(10_000);
    shop
}

fn holds(count: usize, expire_ms: i64) -> Command {
    let Command::CreateHold(each) = hold("Borongan", expire_ms) else { unreachable!("a hold is one") };
    Command::BatchCreateHolds(vec![each; count])
}

/// Commands that wait together when `ms` have passed, and all their answers.
fn all_at_once(shop: &Shop, ms: i64, commands: impl Iterator<Item = Command>) {
    shop.sink.hold();
    shop.store.submit(shop.request(location("TOKO")), 0).unwrap();
    shop.sink.wait_held();
    shop.clock.advance(ms);
    let sent = commands.map(|command| shop.store.submit(shop.request(command), 1).unwrap()).count();
    shop.sink.let_go();
    assert!(shop.sink.answers(sent + 1).iter().all(|(_, answer)| answer.is_ok()));
}

/// Events of deadlines among these records.
fn ended(records: &[JournalRecord]) -> usize {
    records.iter().filter(|record| record.method == DEADLINES_METHOD).map(|record| record.events.len()).sum()
}

#[test]
fn deadlines_are_settled_although_commands_always_wait() {
    let shop = never_idle();
    shop.ok(holds(1_000, START_MS + MINUTE_MS));
    let before = shop.store.revision();
    all_at_once(&shop, MINUTE_MS, (0..100).map(|_| receive(1)));
    let records = shop.store.read_journal(before, usize::MAX).unwrap();
    let last = records.iter().rposition(|record| record.method != DEADLINES_METHOD).unwrap();
    assert_eq!(ended(&records[..last]), 1_000, "the last deadline was settled before the last command");
    shop.verify();
}

#[test]
fn deadlines_are_settled_as_fast_as_they_are_made() {
    let shop = never_idle();
    shop.ok(holds(1_000, START_MS + MINUTE_MS));
    shop.ok(holds(1_000, START_MS + MINUTE_MS));
    let later_ms = START_MS + 60 * MINUTE_MS;
    all_at_once(&shop, MINUTE_MS, [holds(1_000, later_ms), holds(1_000, later_ms)].into_iter());
    let records = shop.store.read_journal(0, usize::MAX).unwrap();
    let made = records.iter().rposition(|record| record.method != DEADLINES_METHOD).unwrap();
    assert_eq!(ended(&records[..made + 2]), 2_000, "each batch ended as many as it made");
    assert_eq!(shop.level(), (10_000, 2_000));
    shop.verify();
}

#[test]
fn the_queue_is_bounded_and_says_when_to_try_again() {
    let shop = Shop::with(&Options { max_queue: 3, map_size: 16 << 20, ..Options::default() });
    shop.sink.hold();
    shop.store.submit(shop.request(location("A")), 0).unwrap();
    shop.sink.wait_held();
    for (token, code) in (1..).zip(["B", "C", "D"]) {
        shop.store.submit(shop.request(location(code)), token).unwrap();
    }
    let refusal = shop.store.submit(shop.request(location("E")), 4).unwrap_err();
    assert_eq!(refusal.reason, Reason::QueueFull);
    let retry_ms =
        refusal.details.iter().find(|(name, _)| *name == "retry_ms").unwrap().1.parse::<u64>().unwrap();
    assert!((20..=2_000).contains(&retry_ms));
    assert_eq!(
        shop.store.submit_blocking(shop.request(location("E"))).unwrap_err().reason,
        Reason::QueueFull
    );
    shop.sink.let_go();
    assert!(shop.sink.answers(4).iter().all(|(_, answer)| answer.is_ok()));
    shop.ok(location("E"));
}

#[test]
fn what_waits_is_bounded_in_bytes_too() {
    // A request's body is its command in words here.
    let three = 3 * format!("{:?}", location("A")).len();
    let shop = Shop::with(&Options { max_queue_bytes: three, map_size: 16 << 20, ..Options::default() });
    shop.sink.hold();
    shop.store.submit(shop.request(location("A")), 0).unwrap();
    shop.sink.wait_held();
    for (token, code) in (1..).zip(["B", "C", "D"]) {
        shop.store.submit(shop.request(location(code)), token).unwrap();
    }
    let refusal = shop.store.submit(shop.request(location("E")), 4).unwrap_err();
    assert_eq!(refusal.reason, Reason::QueueFull);
    shop.sink.let_go();
    assert!(shop.sink.answers(4).iter().all(|(_, answer)| answer.is_ok()));
    shop.ok(location("E"));
}

#[test]
fn closing_answers_what_was_accepted_and_takes_nothing_more() {
    let shop = Shop::stocked(100);
    shop.sink.hold();
    shop.store.submit(shop.request(hold("first", START_MS + MINUTE_MS)), 0).unwrap();
    shop.sink.wait_held();
    for token in 1..=50 {
        shop.store.submit(shop.request(hold("next", START_MS + MINUTE_MS)), token).unwrap();
    }
    let store = Arc::clone(&shop.store);
    let closing = std::thread::spawn(move || store.close());
    eventually("the queue to be closed", || {
        shop.store
            .submit(shop.request(location("TOKO")), 99)
            .is_err_and(|why| why.reason == Reason::WriterStopped)
    });
    shop.sink.let_go();
    closing.join().unwrap();
    let accepted = shop.sink.answers(51);
    assert!(accepted.iter().filter(|(token, _)| *token != 99).all(|(_, answer)| answer.is_ok()));
    let read = shop.store.read(|_| Ok(())).map_err(kasir_store::refusal);
    assert_eq!(read.unwrap_err().reason, Reason::WriterStopped);
    shop.store.close();
    assert_eq!(shop.sink.stops(), 0, "closing is no failure");
    let shop = shop.reopen();
    assert_eq!(shop.level(), (100, 51));
    shop.verify();
}

#[test]
fn a_reader_sees_one_moment_and_everything_acknowledged_before_it() {
    let shop = Shop::stocked(10);
    shop.store
        .read(|view| {
            let before = kasir_core::stock::level(view, ITEM, support::WAREHOUSE)?;
            // The writer does not wait for the reader, and the reader does not see what comes after it.
            shop.ok(booking("Budi"));
            assert_eq!(kasir_core::stock::level(view, ITEM, support::WAREHOUSE)?, before);
            assert!(shop.store.revision() > view.revision());
            Ok(())
        })
        .unwrap();
    assert_eq!(shop.level(), (10, 1));
}

#[test]
fn a_reader_scans_both_ways_within_bounds() {
    let shop = Shop::stocked(1);
    for sku in ["KOPI-2", "KOPI-3"] {
        shop.ok(item(sku));
    }
    shop.store
        .read(|view| {
            let key = |id| kasir_core::kv::Key::new().u64(id);
            let found = |back: bool, from: u64, to: u64| -> Vec<u64> {
                let mut ids = Vec::new();
                let mut visit = |at: &[u8], _: &[u8]| {
                    ids.push(kasir_core::kv::u64_at(at, 1)?);
                    Ok(true)
                };
                let (from, to) = (key(from), key(to));
                if back {
                    view.scan_back(Table::Items, from.as_slice(), to.as_slice(), &mut visit).unwrap();
                } else {
                    view.scan(Table::Items, from.as_slice(), to.as_slice(), &mut visit).unwrap();
                }
                ids
            };
            assert_eq!(found(false, 1, 3), [1, 2]);
            assert_eq!(found(true, 1, 3), [2, 1]);
            assert_eq!(found(true, 0, 100), [3, 2, 1]);
            assert_eq!(found(false, 3, 3), [] as [u64; 0]);
            assert_eq!(found(false, 3, 2), [] as [u64; 0]);
            assert_eq!(found(true, 4, 9), [] as [u64; 0]);
            Ok(())
        })
        .unwrap();
}
