//! Replay: the journal of one store lets another one evolve to the same bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kasir_core::kept::Kept;
use kasir_core::kv::SHARD;
use kasir_core::refusal::Outcome;
use kasir_core::{Context, Fault, apply};

use crate::checkpoint;
use crate::error::{StoreError, StoreErrorKind, fault};
use crate::files::{Files, MapOptions};
use crate::follower::Follower;
use crate::log::{Appended, CommandLog, EmbeddedLog, LogEntry, Place, open_row};
use crate::record::{Hash, Head, JournalRecord, RequestRecord, Row, decode, request_key, revision_key};
use crate::rows::Rows;
use crate::schema::OwnTable;
use crate::sealing::{made_for, play, split};
use crate::segment::{Piece, Pieces};
use crate::store::{Options, unreadable};
use crate::txn::{Base, Reader, Writer};
use crate::verify::{Verification, verify};
use crate::wal::{End, Frame, Frames};
use crate::world::Surroundings;

/// Records that one transaction replays.
const CHUNK_MAX: usize = 1_000;

/// Some records of the source in order, and the hashes before and after them.
pub(crate) struct Chunk {
    entries: Vec<LogEntry>,
    before: Hash,
    after: Hash,
}

impl Chunk {
    /// Reads at most `limit` records after revision `after`, with the replies they led to.
    pub(crate) fn read(reader: &Reader<'_>, log: &dyn CommandLog, after: u64, limit: usize) -> Outcome<Self> {
        let mut entries = Vec::new();
        let last = log.read(reader, after, limit, &mut |record| {
            let request = if record.request_id.is_empty() {
                None
            } else {
                let key = request_key(&record.request_id);
                let bytes = reader.own(OwnTable::Requests, key.as_slice())?;
                let bytes = bytes.ok_or_else(|| {
                    Fault::Corrupt(format!(
                        "the reply to the request of record {} is missing",
                        record.revision
                    ))
                })?;
                Some(RequestRecord::read(bytes)?)
            };
            let texts = record.sealed.iter().map(|sealed| sealed.under);
            let replied = request.iter().flat_map(|request| request.under.iter().copied());
            let made = made_for(reader, record.revision, texts.chain(replied))?;
            entries.push(LogEntry { record, request, made });
            Ok(true)
        })?;
        let head = reader.head();
        let (before, after) = if entries.is_empty() {
            (head.hash, head.hash)
        } else {
            let (first, _) = hashes(reader, after + 1)?;
            let (_, end) = hashes(reader, last)?;
            (first, end)
        };
        Ok(Self { entries, before, after })
    }
}

/// The hash before a record, and its own.
fn hashes(reader: &Reader<'_>, revision: u64) -> Result<(Hash, Hash), Fault> {
    let key = revision_key(revision);
    let value = reader.own(OwnTable::Journal, &key)?;
    let value =
        value.ok_or_else(|| Fault::Corrupt(format!("record {revision} of the journal is missing")))?;
    let (_, row) = open_row(revision, &key, value)?;
    let hash = |bytes: &[u8]| {
        Hash::try_from(bytes)
            .map_err(|_| Fault::Corrupt(format!("record {revision} has a hash of another length")))
    };
    Ok((hash(row.previous)?, hash(row.hash)?))
}

/// Replays what `read` (after, limit) gives into the store in `target`, up to revision `up_to`. Returns the revision it
/// has then.
pub(crate) fn replay(
    read: &dyn Fn(u64, usize) -> Outcome<Chunk>,
    target: &Path,
    up_to: u64,
) -> Result<u64, StoreError> {
    let defaults = Options::default();
    let map = MapOptions { map_size: defaults.map_size, max_readers: defaults.max_readers };
    let (files, mut head, mut ahead) = Files::open(target, map, &Surroundings::default(), 0)?;
    loop {
        let left = usize::try_from(up_to.saturating_sub(head.revision)).unwrap_or(usize::MAX);
        let chunk = read(head.revision, left.min(CHUNK_MAX)).map_err(unreadable)?;
        if left > 0 && chunk.before != head.hash {
            return Err(StoreError::new(
                StoreErrorKind::Differs,
                format!(
                    "{} is not of this store's history: revision {} differs.",
                    target.display(),
                    head.revision
                ),
            ));
        }
        if chunk.entries.is_empty() {
            let made = ahead.close(head.revision);
            let made = made.and_then(|made| if made { Ok(()) } else { Err(checkpoint::not_taken()) });
            made.map_err(|error| StoreError::io(format!("{} cannot be synced", target.display()), &error))?;
            return Ok(head.revision);
        }
        let doing = format!("The journal cannot be replayed into {}", target.display());
        head = loop {
            let place = Place { shard: SHARD, epoch: head.epoch, expected_revision: head.revision };
            match write(&files, place, &chunk.entries) {
                Ok(Appended::Committed(head)) => break head,
                Ok(Appended::Fenced(_) | Appended::Unknown(_)) => {
                    return Err(StoreError::new(
                        StoreErrorKind::Locked,
                        format!("{doing}: another writer has it."),
                    ));
                }
                Err(Fault::Full) => files.grow().map_err(|fault| StoreError::fault(&doing, &fault))?,
                Err(fault) => return Err(StoreError::fault(&doing, &fault)),
            }
        };
        ahead.followed(head.revision).map_err(|error| StoreError::io(&doing, &error))?;
        if head.hash != chunk.after {
            return Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!("{doing}: revision {} came out as another record.", head.revision),
            ));
        }
    }
}

fn write(files: &Files, place: Place, entries: &[LogEntry]) -> Result<Appended, Fault> {
    let mut kept = Kept::new();
    let mut txn = Writer::begin(files, &mut kept).map_err(fault)?;
    let appended = follow(&mut txn, place, entries)?;
    txn.commit()?;
    Ok(appended)
}

/// Lets records evolve the store, and logs them.
fn follow(txn: &mut Writer<'_>, place: Place, entries: &[LogEntry]) -> Result<Appended, Fault> {
    for LogEntry { record, made, .. } in entries {
        let events = play(txn, record, made)?;
        apply(txn, &events, &Context { now_ms: record.time_ms, actor: &record.actor })?;
    }
    EmbeddedLog.append(txn, place, entries, &mut Frame::default())
}

/// How far a backup's journal is played: to whatever comes first. Neither: to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target {
    /// No record beyond this revision.
    pub revision: Option<u64>,
    /// No record after this time, Unix milliseconds.
    pub time_ms: Option<i64>,
}

impl Target {
    fn takes(&self, revision: u64, time_ms: i64) -> bool {
        self.revision.is_none_or(|last| revision <= last) && self.time_ms.is_none_or(|last| time_ms <= last)
    }
}

/// Lets the journal in `segments`, which follow one another, evolve the closed store in `dir` up to `target`; then verifies and
/// closes it. What the store has already is passed over.
pub(crate) fn evolve(dir: &Path, segments: &[PathBuf], target: Target) -> Result<Verification, StoreError> {
    let defaults = Options::default();
    let map = MapOptions { map_size: defaults.map_size, max_readers: defaults.max_readers };
    let (files, mut head, mut ahead) = Files::open(dir, map, &Surroundings::default(), 0)?;
    let doing = format!("The journal cannot be played into {}", dir.display());
    if !target.takes(head.revision, head.time_ms) {
        return Err(not_reached(format!("The snapshot is of revision {}, which is later.", head.revision)));
    }
    'all: for segment in segments {
        let mut pieces = Pieces::open(segment)?;
        loop {
            let (chunk, is_last) = follow_up(&mut pieces, &head, target)?;
            let Some(last) = chunk.last() else {
                if is_last {
                    break 'all;
                }
                break;
            };
            let reached = Head { revision: last.revision, time_ms: last.time_ms, hash: last.hash, ..head };
            loop {
                match put_pieces(&files, &chunk, &reached) {
                    Ok(()) => break,
                    Err(Fault::Full) => files.grow().map_err(|fault| StoreError::fault(&doing, &fault))?,
                    Err(fault) => return Err(StoreError::fault(&doing, &fault)),
                }
            }
            head = reached;
            ahead.followed(head.revision).map_err(|error| StoreError::io(&doing, &error))?;
            if is_last {
                break 'all;
            }
        }
    }
    if target.revision.is_some_and(|wanted| head.revision < wanted) && target.time_ms.is_none() {
        return Err(not_reached(format!("The journal of the backup ends at revision {}.", head.revision)));
    }
    let verified = Reader::begin(&files).and_then(|reader| verify(&reader, false));
    let verified = verified.map_err(|fault| StoreError::fault(&doing, &fault))?;
    let closed = ahead.close(head.revision).map_err(|error| StoreError::io(&doing, &error))?;
    if closed { Ok(verified) } else { Err(StoreError::io(&doing, &checkpoint::not_taken())) }
}

/// At most [`CHUNK_MAX`] records after `head`, and whether `target` takes no more than these.
fn follow_up(pieces: &mut Pieces, head: &Head, target: Target) -> Result<(Vec<Piece>, bool), StoreError> {
    let mut chunk: Vec<Piece> = Vec::new();
    while chunk.len() < CHUNK_MAX {
        let Some(piece) = pieces.next()? else { break };
        let (revision, hash) =
            chunk.last().map_or((head.revision, head.hash), |last| (last.revision, last.hash));
        if piece.revision == revision && piece.hash != hash
            || piece.revision > revision && (piece.revision != revision + 1 || piece.before != hash)
        {
            return Err(pieces.broken(&format!("it does not follow revision {revision}")));
        }
        if piece.revision <= revision {
            continue;
        }
        if !target.takes(piece.revision, piece.time_ms) {
            return Ok((chunk, true));
        }
        chunk.push(piece);
    }
    Ok((chunk, false))
}

/// Writes records as they were, and what follows from them, in one transaction.
fn put_pieces(files: &Files, pieces: &[Piece], reached: &Head) -> Result<(), Fault> {
    let mut kept = Kept::new();
    let mut txn = Writer::begin(files, &mut kept).map_err(fault)?;
    for piece in pieces {
        let record: JournalRecord = decode("a record of the journal", &piece.body)?;
        let (made, request) = split(&piece.request)?;
        let events = play(&mut txn, &record, &made)?;
        apply(&mut txn, &events, &Context { now_ms: record.time_ms, actor: &record.actor })?;
        let row = Row { body: &piece.body, previous: &piece.before, hash: &piece.hash }.encode()?;
        txn.put_own(OwnTable::Journal, &revision_key(piece.revision), &row);
        if !request.is_empty() {
            txn.put_own(OwnTable::Requests, request_key(&piece.request_id).as_slice(), &request);
        }
    }
    txn.put_head(*reached);
    txn.commit()
}

fn not_reached(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::NotReached, message)
}

/// Applies the frames that follow `head`, which is where LMDB's file ends. Returns where it ends then. `grow` doubles the
/// map. While LMDB is told some of them, those after them are applied.
pub(crate) fn recover(
    files: &Files,
    frames: &mut Frames,
    head: Head,
    grow: &dyn Fn() -> Result<(), Fault>,
    has_threads: bool,
) -> Result<Head, Fault> {
    let follower =
        Follower::new(has_threads, Arc::default()).map_err(|error| Fault::Io(error.to_string()))?;
    let sure = (frames.place(), head);
    let mut recovery = Recovery { files, frames, follower, head, sure, told: None };
    let mut kept = Kept::new();
    loop {
        let was_busy = recovery.follower.is_busy();
        let some = recovery.some(&mut kept);
        if !recovery.settle()? {
            kept = Kept::new();
            grow()?;
            continue;
        }
        let (rows, reached) = some?;
        if reached.revision > recovery.head.revision {
            recovery.tell(rows, reached)?;
        } else if !was_busy {
            return Ok(reached);
        }
    }
}

/// A place among frames.
type Passed = (usize, End);

/// How far frames are applied.
struct Recovery<'r> {
    files: &'r Files,
    frames: &'r mut Frames,
    follower: Follower,
    /// Where they lead so far.
    head: Head,
    /// What of that the file has: the place after the last frame, and where it leads.
    sure: (Passed, Head),
    /// The same of what it is being told.
    told: Option<(Passed, Head)>,
}

impl Recovery<'_> {
    /// Applies some more: what they change, and where they lead.
    fn some(&mut self, kept: &mut Kept) -> Result<(Rows, Head), Fault> {
        let below = self.follower.rows();
        let base = match Base::begin(self.files, below.is_none()) {
            // Once the file has followed it is read without a reader's place.
            Err(heed::Error::Mdb(heed::MdbError::ReadersFull)) => return Ok((Rows::default(), self.head)),
            begun => begun.map_err(fault)?,
        };
        let mut txn = Writer::over(self.files, base, kept, below, self.follower.spare());
        let mut head = self.head;
        while head.revision - self.head.revision < CHUNK_MAX as u64 {
            let Some(entries) = self.frames.next(&head)? else { break };
            let place = Place { shard: SHARD, epoch: head.epoch, expected_revision: head.revision };
            match follow(&mut txn, place, &entries)? {
                Appended::Committed(reached) => head = reached,
                Appended::Fenced(_) | Appended::Unknown(_) => {
                    return Err(Fault::Corrupt(format!(
                        "revision {} changed beneath the writer",
                        head.revision
                    )));
                }
            }
        }
        Ok((txn.into_rows()?, head))
    }

    /// Waits until the file has followed. False: the map is full, and all is as it was before that.
    fn settle(&mut self) -> Result<bool, Fault> {
        match self.follower.end().map(|(_, ended)| ended.map_err(fault)) {
            None | Some(Ok(())) => self.sure = self.told.take().unwrap_or(self.sure),
            Some(Err(Fault::Full)) => {
                self.told = None;
                self.frames.go_to(self.sure.0);
                self.head = self.sure.1;
                return Ok(false);
            }
            Some(Err(fault)) => return Err(fault),
        }
        Ok(true)
    }

    /// Has the file follow to what was applied last.
    fn tell(&mut self, rows: Rows, head: Head) -> Result<(), Fault> {
        self.head = head;
        self.told = Some((self.frames.place(), head));
        self.follower.begin(self.files, rows, head.revision).map_err(|error| Fault::Io(error.to_string()))
    }
}
