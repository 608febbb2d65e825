//! The log of commands: what was decided, in order, chained by hashes. Behind a trait, so that it can live elsewhere.

use kasir_core::kv::SHARD;
use kasir_core::refusal::Outcome;
use kasir_core::{Fault, Reason, Refusal};

use crate::record::{
    Head, JournalRecord, RequestRecord, Row, Trimmed, decode, encode, record_hash, request_key, revision_key,
};
use crate::schema::OwnTable;
use crate::sealing::{MadeKey, beside};
use crate::txn::{Reader, Writer};
use crate::wal::Frame;

/// One accepted command, or deadlines that fell due, for the log to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// What happened.
    pub record: JournalRecord,
    /// What the caller was told; none for deadlines.
    pub request: Option<RequestRecord>,
    /// Keys that were made for it: they go where it goes, but for the journal.
    pub made: Vec<MadeKey>,
}

/// Where a batch belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The shard; [`SHARD`] until there are more.
    pub shard: u8,
    /// The writer's epoch, see [`Head::epoch`].
    pub epoch: u64,
    /// The revision that the batch follows.
    pub expected_revision: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The log has it; it ends here now.
    Committed(Head),
    /// Another writer took over or went on: this one must stop. The log ends here.
    Fenced(Head),
    /// Nobody knows: this writer must stop, and ask when it starts again.
    Unknown(String),
}

/// Where commands are logged before their callers are answered.
///
/// The embedded log is a table of the same LMDB file, and `Committed` means: with the frame, then `txn`. A log elsewhere
/// commits there first; `txn` is then its local view, which can be rebuilt.
pub trait CommandLog: Send + Sync {
    /// Appends records of a batch, all of them or nothing. What goes into `frame`, behind what it has of the same batch, is
    /// written ahead of `txn`.
    ///
    /// # Errors
    /// [`Fault`] when the log cannot be written, or the batch does not follow what is there.
    fn append(
        &self,
        txn: &mut Writer<'_>,
        place: Place,
        batch: &[LogEntry],
        frame: &mut Frame,
    ) -> Result<Appended, Fault>;

    /// Visits at most `limit` records after revision `after`, ascending, until `visit` returns false. Returns the last
    /// revision looked at, `after` when there was none. The texts of persons stay sealed.
    ///
    /// # Errors
    /// Refused as REVISION_COMPACTED when the record after `after` was trimmed, and as FIELD_OUT_OF_RANGE when `after`
    /// lies beyond the log. [`Fault`] when the log cannot be read or a record's hash is wrong.
    fn read(
        &self,
        reader: &Reader<'_>,
        after: u64,
        limit: usize,
        visit: &mut dyn FnMut(JournalRecord) -> Result<bool, Fault>,
    ) -> Outcome<u64>;

    /// Forgets at most `limit` of the records before revision `before`, oldest first, and the requests they carried out:
    /// sending one of those again would carry it out again. Returns how many.
    ///
    /// # Errors
    /// [`Fault`] when the log cannot be written.
    fn trim(&self, txn: &mut Writer<'_>, before: u64, limit: usize) -> Result<u64, Fault>;
}

/// The log in the store's own LMDB file: the tables `journal` and `requests`.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedLog;

impl CommandLog for EmbeddedLog {
    fn append(
        &self,
        txn: &mut Writer<'_>,
        place: Place,
        batch: &[LogEntry],
        frame: &mut Frame,
    ) -> Result<Appended, Fault> {
        let mut head = txn.head()?;
        if place.shard != SHARD || place.epoch != head.epoch || place.expected_revision != head.revision {
            return Ok(Appended::Fenced(head));
        }
        for LogEntry { record, request, made } in batch {
            if record.revision != head.revision + 1 || record.time_ms < head.time_ms {
                let (revision, last) = (record.revision, head.revision);
                return Err(Fault::Corrupt(format!("record {revision} cannot follow record {last}")));
            }
            let body = encode(record)?;
            let hash = record_hash(&head.hash, &body);
            let row = Row { body: &body, previous: &head.hash, hash: &hash }.encode()?;
            txn.put_own(OwnTable::Journal, &revision_key(record.revision), &row);
            let request = request.as_ref().map(encode).transpose()?;
            if let Some(request) = &request {
                txn.put_own(OwnTable::Requests, request_key(&record.request_id).as_slice(), request);
            }
            frame.add(&body, &beside(made, request.as_deref().unwrap_or_default())?)?;
            head = Head { revision: record.revision, time_ms: record.time_ms, hash, ..head };
        }
        txn.put_head(head);
        Ok(Appended::Committed(head))
    }

    fn read(
        &self,
        reader: &Reader<'_>,
        after: u64,
        limit: usize,
        visit: &mut dyn FnMut(JournalRecord) -> Result<bool, Fault>,
    ) -> Outcome<u64> {
        let head = reader.head();
        if after > head.revision {
            return Err(Refusal::field(
                Reason::FieldOutOfRange,
                "start_revision",
                format!("Revision {after} is not there yet: the last one is {}.", head.revision),
            )
            .into());
        }
        if after + 1 < head.first_revision {
            return Err(Refusal::new(
                Reason::RevisionCompacted,
                format!(
                    "The journal begins at revision {}; read the state anew and go on from there.",
                    head.first_revision
                ),
            )
            .with("first_revision", head.first_revision)
            .into());
        }
        let mut last = after;
        let mut left = limit;
        if left == 0 {
            return Ok(last);
        }
        reader.scan_own(OwnTable::Journal, &revision_key(after + 1), &mut |key, value| {
            let (record, _) = open_row(last + 1, key, value)?;
            last = record.revision;
            left -= 1;
            Ok(visit(record)? && left > 0)
        })?;
        Ok(last)
    }

    fn trim(&self, txn: &mut Writer<'_>, before: u64, limit: usize) -> Result<u64, Fault> {
        let mut head = txn.head()?;
        let end = before.min(head.revision + 1);
        let mut trimmed = Vec::new();
        if limit == 0 || end <= head.first_revision {
            return Ok(0);
        }
        txn.scan_own(OwnTable::Journal, &revision_key(head.first_revision), &mut |key, value| {
            let revision = head.first_revision + trimmed.len() as u64;
            let row = check_row(revision, key, value)?;
            let record: Trimmed = decode("a record of the journal", row.body)?;
            trimmed.push(record.request_id);
            Ok(revision + 1 < end && trimmed.len() < limit)
        })?;
        for request_id in &trimmed {
            txn.delete_own(OwnTable::Journal, &revision_key(head.first_revision));
            if !request_id.is_empty() {
                txn.delete_own(OwnTable::Requests, request_key(request_id).as_slice());
            }
            head.first_revision += 1;
        }
        txn.put_head(head);
        Ok(trimmed.len() as u64)
    }
}

/// Reads a row of the journal that must be record `revision`, and checks its hash. Gives the hash before it, too.
pub(crate) fn open_row<'b>(
    revision: u64,
    key: &[u8],
    value: &'b [u8],
) -> Result<(JournalRecord, Row<'b>), Fault> {
    let row = check_row(revision, key, value)?;
    let record: JournalRecord = decode("a record of the journal", row.body)?;
    if record.revision != revision {
        let says = record.revision;
        return Err(Fault::Corrupt(format!("record {revision} of the journal says it is record {says}")));
    }
    Ok((record, row))
}

/// The row of record `revision`, with its hash checked.
pub(crate) fn check_row<'b>(revision: u64, key: &[u8], value: &'b [u8]) -> Result<Row<'b>, Fault> {
    if key != revision_key(revision) {
        return Err(Fault::Corrupt(format!("record {revision} of the journal is missing")));
    }
    let row = Row::decode(value)?;
    let hash = <&[u8; 32]>::try_from(row.previous).ok().map(|previous| record_hash(previous, row.body));
    if hash.as_ref().map(<[u8; 32]>::as_slice) != Some(row.hash) {
        return Err(Fault::Corrupt(format!("the hash of record {revision} of the journal is wrong")));
    }
    Ok(row)
}
