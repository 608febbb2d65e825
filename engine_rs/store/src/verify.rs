//! `verify`: every invariant over a whole store, and that its parts tell one story.

use kasir_core::kv::{Key, SHARD};
use kasir_core::{Context, Fault, Memory, Table, View, apply};

use crate::log::open_row;
use crate::record::{GENESIS, Hash, JournalRecord, RequestRecord, request_key, revision_key};
use crate::schema::OwnTable;
use crate::sealing::{open, unopened, wrong_key};
use crate::txn::Reader;

/// Violations that are told; more are cut off.
pub const VIOLATIONS_MAX: usize = 100;

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The revision that was checked.
    pub revision: u64,
    /// Rows looked at.
    pub records: u64,
    /// What does not hold, in plain words; at most [`VIOLATIONS_MAX`].
    pub violations: Vec<String>,
    /// Replies that are not as they were written, in plain words; at most [`VIOLATIONS_MAX`]. Nothing follows from a reply: the
    /// shop's state holds all the same.
    pub lost_replies: Vec<String>,
    /// Whether the whole journal was replayed and compared: asked for, and nothing of it was trimmed.
    pub replayed: bool,
}

impl Verification {
    /// Everything holds.
    pub fn ok(&self) -> bool {
        self.all().next().is_none()
    }

    /// All that does not hold.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.violations.iter().chain(&self.lost_replies)
    }
}

/// Checks a snapshot. A damaged record is a violation, not an error.
pub(crate) fn verify(reader: &Reader<'_>, deep: bool) -> Result<Verification, Fault> {
    let (mut found, mut lost) = (Findings::default(), Findings::default());
    let mut records = 0;
    if let Some(report) = found.of(kasir_core::verify(reader))? {
        records += report.records;
        report.violations.into_iter().for_each(|violation| found.add(violation));
    }
    let head = reader.head();
    let replayed = deep && head.first_revision == 1;
    let mut walk = Walk {
        reader,
        next: head.first_revision,
        previous: (head.first_revision == 1).then_some(GENESIS),
        time_ms: i64::MIN,
        requests: 0,
        replay: replayed.then(Memory::default),
        found: &mut found,
        lost: &mut lost,
    };
    reader.scan_own(OwnTable::Journal, &revision_key(0), &mut |key, value| walk.row(key, value))?;
    records += walk.next - head.first_revision;
    walk.end();
    let (requests, replay) = (walk.requests, walk.replay);
    let kept = reader.count_own(OwnTable::Requests)?;
    records += kept;
    if kept != requests {
        found.add(format!("{kept} requests have replies, but {requests} are in the journal"));
    }
    reader.scan_own(OwnTable::Keys, Key::new().as_slice(), &mut |key, row| {
        records += 1;
        if let Some(wrong) = found.of(wrong_key(reader, key, row))?.flatten() {
            found.add(wrong);
        }
        Ok(true)
    })?;
    if let Some(memory) = replay {
        compare(reader, &memory, &mut found)?;
    }
    Ok(Verification { revision: head.revision, records, violations: found.0, lost_replies: lost.0, replayed })
}

/// Violations, bounded.
#[derive(Debug, Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, violation: impl Into<String>) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(violation.into());
        }
    }

    /// The result, or `None` with a violation when a record is damaged.
    fn of<R>(&mut self, result: Result<R, Fault>) -> Result<Option<R>, Fault> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Corrupt(what)) => {
                self.add(what);
                Ok(None)
            }
            Err(fault @ (Fault::Io(_) | Fault::Full)) => Err(fault),
        }
    }
}

/// The way through the journal, record by record.
struct Walk<'w, 's> {
    reader: &'w Reader<'s>,
    /// The revision that comes next.
    next: u64,
    /// The hash before it; not known when the record before it was trimmed.
    previous: Option<Hash>,
    time_ms: i64,
    requests: u64,
    replay: Option<Memory>,
    found: &'w mut Findings,
    lost: &'w mut Findings,
}

impl Walk<'_, '_> {
    /// Looks at one row. Nothing after a damaged row can be trusted to follow it, so the walk ends there.
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<bool, Fault> {
        let opened = open_row(self.next, key, value);
        let Some((record, row)) = self.found.of(opened)? else { return Ok(false) };
        let revision = self.next;
        if self.previous.is_some_and(|previous| previous != row.previous) {
            self.found.add(format!("record {revision} of the journal does not follow the one before it"));
            return Ok(false);
        }
        // open_row has checked that the hash has its length.
        self.previous = row.hash.try_into().ok();
        if record.time_ms < self.time_ms {
            self.found.add(format!("the time of record {revision} goes back"));
        }
        self.time_ms = record.time_ms;
        self.request(&record)?;
        self.texts(&record)?;
        self.replay(&record)?;
        self.next += 1;
        Ok(true)
    }

    fn request(&mut self, record: &JournalRecord) -> Result<(), Fault> {
        if record.request_id.is_empty() {
            return Ok(());
        }
        self.requests += 1;
        let revision = record.revision;
        let Some(bytes) = self.reader.own(OwnTable::Requests, request_key(&record.request_id).as_slice())?
        else {
            self.found.add(format!("the reply to the request of record {revision} is missing"));
            return Ok(());
        };
        let Some(kept) = self.lost.of(RequestRecord::read(bytes))? else { return Ok(()) };
        if kept.revision != revision || kept.time_ms != record.time_ms || kept.method != record.method {
            self.found
                .add(format!("the reply to the request of record {revision} belongs to another record"));
        }
        Ok(())
    }

    fn texts(&mut self, record: &JournalRecord) -> Result<(), Fault> {
        let unopened = self.found.of(unopened(self.reader, record))?.unwrap_or_default();
        for customer_id in unopened {
            let revision = record.revision;
            self.found
                .add(format!("what record {revision} tells of customer {customer_id} cannot be opened"));
        }
        Ok(())
    }

    fn replay(&mut self, record: &JournalRecord) -> Result<(), Fault> {
        let Some(memory) = &mut self.replay else { return Ok(()) };
        let context = Context { now_ms: record.time_ms, actor: &record.actor };
        let applied = open(self.reader, record).and_then(|events| apply(memory, &events, &context));
        if self.found.of(applied)?.is_none() {
            self.found.add(format!("record {} of the journal cannot be replayed", record.revision));
            self.replay = None;
        }
        Ok(())
    }

    fn end(&mut self) {
        let head = self.reader.head();
        let (last, said) = (self.next - 1, head.revision);
        if last != said {
            self.found.add(format!("the journal is sound up to revision {last}, the store says {said}"));
            self.replay = None;
        } else if self.previous.is_some_and(|hash| hash != head.hash) {
            self.found.add(format!("the store names another hash of revision {said} than the journal"));
        } else if last >= head.first_revision && self.time_ms != head.time_ms {
            self.found.add(format!("the store names another time of revision {said} than the journal"));
        }
    }
}

/// Compares what the journal leads to with what stands in the tables, byte by byte.
fn compare(reader: &Reader<'_>, memory: &Memory, found: &mut Findings) -> Result<(), Fault> {
    let mut replayed = memory.entries().peekable();
    for &table in Table::ALL {
        let name = table.name();
        reader.scan(table, &[SHARD], &[SHARD + 1], &mut |key, value| {
            while let Some((_, missing, _)) = replayed.next_if(|(of, at, _)| *of == table && *at < key) {
                found.add(format!("{name}: key {} follows from the journal, but is not there", hex(missing)));
            }
            match replayed.next_if(|(of, at, _)| *of == table && *at == key) {
                Some((_, _, expected)) if expected == value => {}
                Some(_) => found
                    .add(format!("{name}: key {} has another value than follows from the journal", hex(key))),
                None => found.add(format!("{name}: key {} does not follow from the journal", hex(key))),
            }
            Ok(true)
        })?;
        while let Some((_, missing, _)) = replayed.next_if(|(of, _, _)| *of == table) {
            found.add(format!("{name}: key {} follows from the journal, but is not there", hex(missing)));
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
