//! Goal: what the writer does when the log or the disk fails it: nobody is told what did not happen, everybody is told
//! something, and it goes on only when it may. Method: a log that fails on command, in front of the real one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use kasir_core::command::LocationInput;
use kasir_core::kept::Kept;
use kasir_core::refusal::Outcome;
use kasir_core::{Command, Fault, Reason, Refusal, Reply, View};
use tempfile::TempDir;

use crate::clock::SystemClock;
use crate::log::{Appended, CommandLog, EmbeddedLog, LogEntry, Place};
use crate::record::JournalRecord;
use crate::request::{Answer, BatchSink, Passage, Request};
use crate::store::{Options, Store};
use crate::txn::{Reader, Writer};
use crate::wal::Frame;
use crate::world::Surroundings;

/// How an append fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// The disk does not take it.
    Io,
    /// The map is full, once.
    Full,
    /// It does not fit what is there.
    Corrupt,
    /// Another writer took over.
    Fenced,
    /// No answer.
    Unknown,
    /// A bug.
    Panic,
}

/// The embedded log, failing after it has written: as late as can be before the commit.
struct Failing(Mutex<Trouble>);

impl CommandLog for Failing {
    fn append(
        &self,
        txn: &mut Writer<'_>,
        place: Place,
        batch: &[LogEntry],
        frame: &mut Frame,
    ) -> Result<Appended, Fault> {
        let appended = EmbeddedLog.append(txn, place, batch, frame)?;
        let mut trouble = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *trouble {
            Trouble::None => Ok(appended),
            Trouble::Io => Err(Fault::Io("No space left on device".into())),
            Trouble::Full => {
                *trouble = Trouble::None;
                Err(Fault::Full)
            }
            Trouble::Corrupt => Err(Fault::Corrupt("records do not fit".into())),
            Trouble::Fenced => {
                EmbeddedLog.append(txn, Place { epoch: place.epoch - 1, ..place }, batch, frame)
            }
            Trouble::Unknown => Ok(Appended::Unknown("the connection broke".into())),
            Trouble::Panic => panic!("a bug in the log"),
        }
    }

    fn read(
        &self,
        reader: &Reader<'_>,
        after: u64,
        limit: usize,
        visit: &mut dyn FnMut(JournalRecord) -> Result<bool, Fault>,
    ) -> Outcome<u64> {
        EmbeddedLog.read(reader, after, limit, visit)
    }

    fn trim(&self, txn: &mut Writer<'_>, before: u64, limit: usize) -> Result<u64, Fault> {
        EmbeddedLog.trim(txn, before, limit)
    }
}

#[derive(Default)]
struct Sink {
    answers: Mutex<Vec<Answer>>,
    changed: Condvar,
    stops: AtomicUsize,
    panics: Option<Panics>,
}

/// Where a sink panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panics {
    Complete,
    Readable,
}

impl BatchSink<()> for Sink {
    fn complete(&self, answers: Vec<((), Answer)>, _passage: Option<&Passage>) {
        assert!(self.panics != Some(Panics::Complete), "a bug in the sink");
        self.answers.lock().unwrap().extend(answers.into_iter().map(|((), answer)| answer));
        self.changed.notify_all();
    }

    fn readable(&self, _revision: u64) {
        assert!(self.panics != Some(Panics::Readable), "a bug in the sink");
    }

    fn stopped(&self, _why: &Refusal) {
        self.stops.fetch_add(1, Ordering::SeqCst);
    }
}

struct Shop {
    store: Store<()>,
    log: Arc<Failing>,
    sink: Arc<Sink>,
    dir: TempDir,
}

#[allow(clippy::unnecessary_wraps, reason = "an encoder may fail")]
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
fn encode(_method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    Ok(format!("{reply:?}").into_bytes())
}

fn shop(panics: Option<Panics>) -> Shop {
    let dir = TempDir::new().unwrap();
    let log = Arc::new(Failing(Mutex::new(Trouble::None)));
    let sink = Arc::new(Sink { panics, ..Sink::default() });
    let options = Options { map_size: 1 << 20, ..Options::default() };
    let store = Store::open_with(
        dir.path(),
        &options,
        Arc::new(encode),
        sink.clone(),
        Arc::new(SystemClock),
        log.clone(),
    )
    .unwrap();
    Shop { store, log, sink, dir }
}

impl Shop {
    fn trouble(&self, trouble: Trouble) {
        *self.log.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = trouble;
    }

    fn send(&self, number: u8) -> Answer {
        self.store.submit_blocking(location(number))
    }

    /// The store as the next process finds it.
    fn reopened(self) -> Store<()> {
        self.store.close();
        let options = Options { map_size: 1 << 20, ..Options::default() };
        let sink = Arc::new(Sink::default());
        let store =
            Store::open(self.dir.path(), &options, Arc::new(encode), sink, Arc::new(SystemClock)).unwrap();
        assert!(store.verify(true).unwrap().ok());
        store
    }
}

fn location(number: u8) -> Request {
    let input = LocationInput { code: format!("L{number}"), name: format!("Lokasi {number}"), kind: 1 };
    Request::new("/kasir.v1.Test/Command", &[number], [number; 16], "sari", Command::CreateLocation(input))
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_waited_for() {
    let shop = shop(None);
    shop.send(1).unwrap();
    shop.trouble(Trouble::Io);
    for number in 2..5 {
        let refusal = shop.send(number).unwrap_err();
        assert_eq!(refusal.reason, Reason::StoreFull);
        assert!(refusal.details.iter().any(|(name, _)| *name == "retry_ms"));
    }
    assert_eq!(shop.store.revision(), 1);
    shop.trouble(Trouble::None);
    // The same request, under the same id: nothing of the failed try is left.
    shop.send(2).unwrap();
    assert_eq!(shop.store.revision(), 2);
    assert_eq!(shop.store.stopped(), None);
    assert_eq!(shop.sink.stops.load(Ordering::SeqCst), 0);
    assert_eq!(shop.reopened().revision(), 2);
}

#[test]
fn a_map_that_is_full_at_the_very_end_costs_nothing() {
    let shop = shop(None);
    shop.trouble(Trouble::Full);
    let before = shop.store.status().unwrap().map_bytes;
    shop.send(1).unwrap();
    assert!(shop.store.status().unwrap().map_bytes > before);
    assert_eq!(shop.store.revision(), 1);
    assert_eq!(shop.reopened().revision(), 1);
}

/// The writer stops, once, with `reason` to everybody; what it had begun is not there.
fn stops(trouble: Trouble, reason: Reason) {
    let shop = shop(None);
    shop.send(1).unwrap();
    shop.trouble(trouble);
    assert_eq!(shop.send(2).unwrap_err().reason, reason, "{trouble:?}");
    assert_eq!(shop.send(3).unwrap_err().reason, reason, "{trouble:?}");
    assert_eq!(shop.store.submit(location(4), ()).unwrap_err().reason, reason);
    assert_eq!(shop.store.trim(1).unwrap_err().reason, reason);
    assert_eq!(shop.store.stopped().unwrap().reason, reason);
    assert_eq!(shop.store.revision(), 1);
    assert_eq!(shop.store.read(|reader| Ok(reader.revision())).unwrap(), 1, "reading goes on");
    let sink = Arc::clone(&shop.sink);
    let store = shop.reopened();
    assert_eq!(sink.stops.load(Ordering::SeqCst), 1);
    assert_eq!(store.revision(), 1);
    store.submit_blocking(location(2)).unwrap();
}

#[test]
fn corruption_stops_the_writer() {
    stops(Trouble::Corrupt, Reason::StoreCorrupt);
}

#[test]
fn a_writer_that_was_fenced_off_stops() {
    stops(Trouble::Fenced, Reason::WriterStopped);
}

#[test]
fn a_log_that_does_not_say_stops_the_writer() {
    stops(Trouble::Unknown, Reason::WriterStopped);
}

#[test]
fn a_panic_stops_the_writer_and_leaves_nobody_waiting() {
    stops(Trouble::Panic, Reason::WriterStopped);
}

#[test]
fn all_that_wait_are_answered_when_the_writer_stops() {
    let shop = shop(None);
    shop.trouble(Trouble::Unknown);
    let mut accepted = 0;
    for number in 0..100 {
        accepted += usize::from(shop.store.submit(location(number), ()).is_ok());
    }
    assert!(accepted > 0);
    let answers = shop.sink.answers.lock().unwrap();
    let waited = shop
        .sink
        .changed
        .wait_timeout_while(answers, Duration::from_secs(30), |answers| answers.len() < accepted);
    let (answers, _) = waited.unwrap();
    assert_eq!(answers.len(), accepted);
    assert!(
        answers.iter().all(|answer| answer.as_ref().is_err_and(|why| why.reason == Reason::WriterStopped))
    );
}

#[test]
fn a_sink_that_panics_stops_the_writer_and_not_the_process() {
    // LMDB has followed when somebody is told what is readable: the writer waits for something else by then.
    for panics in [Panics::Complete, Panics::Readable] {
        stops_at(panics);
    }
}

fn stops_at(panics: Panics) {
    let shop = shop(Some(panics));
    if panics == Panics::Readable {
        // What was read from lately follows before the answer, and tells what is readable.
        shop.store.read(|_| Ok(())).unwrap();
    }
    shop.store.submit(location(1), ()).unwrap();
    let begun = std::time::Instant::now();
    while shop.sink.stops.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{panics:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(shop.send(2).unwrap_err().reason, Reason::WriterStopped);
    assert!(shop.store.stopped().is_some());
    if panics == Panics::Readable {
        assert_eq!(shop.sink.answers.lock().unwrap().len(), 1, "it was decided, and is told");
    }
    // It was committed before anybody was to be told.
    assert_eq!(shop.reopened().revision(), 1);
}

#[test]
fn an_append_elsewhere_than_at_the_end_is_fenced_off() {
    let shop = shop(None);
    shop.send(1).unwrap();
    shop.store.close();
    let options = crate::files::MapOptions { map_size: 1 << 20, max_readers: 8 };
    let (files, head, _ahead) =
        crate::files::Files::open(shop.dir.path(), options, &Surroundings::default(), 0).unwrap();
    let mut frame = Frame::default();
    let place = Place { shard: 0, epoch: head.epoch, expected_revision: head.revision };
    let wrong = [
        Place { shard: 1, ..place },
        Place { epoch: place.epoch - 1, ..place },
        Place { epoch: place.epoch + 1, ..place },
        Place { expected_revision: 0, ..place },
        Place { expected_revision: 2, ..place },
    ];
    let mut kept = Kept::new();
    let mut txn = Writer::begin(&files, &mut kept).unwrap();
    for place in wrong {
        assert_eq!(
            EmbeddedLog.append(&mut txn, place, &[], &mut frame).unwrap(),
            Appended::Fenced(head),
            "{place:?}"
        );
    }
    assert_eq!(EmbeddedLog.append(&mut txn, place, &[], &mut frame).unwrap(), Appended::Committed(head));
    let record = |revision, time_ms| LogEntry {
        made: Vec::new(),
        record: JournalRecord {
            revision,
            time_ms,
            actor: "sari".into(),
            method: "/m".into(),
            request_id: Vec::new(),
            events: Vec::new(),
            sealed: Vec::new(),
        },
        request: None,
    };
    let late = head.time_ms;
    for entry in [record(3, late), record(1, late), record(2, late - 1)] {
        assert!(matches!(EmbeddedLog.append(&mut txn, place, &[entry], &mut frame), Err(Fault::Corrupt(_))));
    }
}
