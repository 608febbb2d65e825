//! Segments: files that hold a part of a store's journal, and the replies it led to, for a backup.
//!
//! A segment begins with a header of [`HEADER_BYTES`], big-endian: [`SEGMENT_MAGIC`]; the store's format and how often it was merged (u32);
//! first and last revision (u64); the times of both records (i64, Unix milliseconds); the hash before the first record and that
//! of the last; how many bytes follow (u64); the BLAKE3 of all this. Each record follows as a frame: the lengths of the record
//! and of its reply, the CRC-32 of both lengths and both parts (u32), the record, the reply
//! ([`crate::record::RequestRecord`]; empty for deadlines; with the keys that were made for it, see [`crate::sealing`]). A record's hash follows from the one before it, see [`record_hash`].
//!
//! A segment has its name, `FIRST-LAST.journal`, once it is whole and durable.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use kasir_core::Fault;

use crate::error::{StoreError, StoreErrorKind};
use crate::files::sync_dir_of;
use crate::log::check_row;
use crate::onlooker::Onlooker;
use crate::record::{Hash, RequestRecord, Stub, decode, record_hash, request_key, revision_key};
use crate::schema::{FORMAT, OwnTable};
use crate::sealing::{MadeKey, all_made_for, beside, made_for};
use crate::txn::Reader;

/// Begins a segment.
const SEGMENT_MAGIC: [u8; 16] = *b"kasir-journal-01";
const HEADER_BYTES: usize = 160;
/// Of a frame, before its parts.
const FRAME_BYTES: usize = 12;
const BUFFER_BYTES: usize = 1 << 18;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The format of the store whose records these are.
    pub format: u32,
    /// How often it was made of smaller ones.
    pub merges: u32,
    /// Its first record.
    pub first_revision: u64,
    /// Its last record.
    pub last_revision: u64,
    /// When the first record was decided, Unix milliseconds.
    pub first_ms: i64,
    /// When the last one was.
    pub last_ms: i64,
    /// The hash before the first record.
    pub before: Hash,
    /// The last record's hash.
    pub hash: Hash,
    /// Bytes after the header.
    pub length: u64,
}

impl Segment {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(SEGMENT_MAGIC);
        bytes.extend(self.format.to_be_bytes());
        bytes.extend(self.merges.to_be_bytes());
        bytes.extend(self.first_revision.to_be_bytes());
        bytes.extend(self.last_revision.to_be_bytes());
        bytes.extend(self.first_ms.to_be_bytes());
        bytes.extend(self.last_ms.to_be_bytes());
        bytes.extend(self.before);
        bytes.extend(self.hash);
        bytes.extend(self.length.to_be_bytes());
        bytes.extend(blake3::hash(&bytes).as_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<32>()?;
        let long = |at: usize| content[at..].first_chunk::<8>().copied();
        let short = |at: usize| content[at..].first_chunk::<4>().copied().map(u32::from_be_bytes);
        let segment = Self {
            format: short(16)?,
            merges: short(20)?,
            first_revision: long(24).map(u64::from_be_bytes)?,
            last_revision: long(32).map(u64::from_be_bytes)?,
            first_ms: long(40).map(i64::from_be_bytes)?,
            last_ms: long(48).map(i64::from_be_bytes)?,
            before: *content[56..].first_chunk()?,
            hash: *content[88..].first_chunk()?,
            length: long(120).map(u64::from_be_bytes)?,
        };
        (content[..16] == SEGMENT_MAGIC && blake3::hash(content) == *sum).then_some(segment)
    }

    /// Its name in a directory.
    pub fn file_name(&self) -> String {
        format!("{:012}-{:012}.journal", self.first_revision, self.last_revision)
    }
}

/// A record on its way out of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) revision: u64,
    pub(crate) time_ms: i64,
    pub(crate) request_id: Vec<u8>,
    /// The record, encoded.
    pub(crate) body: Vec<u8>,
    /// What its caller was told, encoded; empty for deadlines; with the keys that were made for it, see [`crate::sealing::split`].
    pub(crate) request: Vec<u8>,
    pub(crate) before: Hash,
    pub(crate) hash: Hash,
}

/// A record on its way into a segment.
struct Taken {
    time_ms: i64,
    previous: Vec<u8>,
    body: Vec<u8>,
    request: Vec<u8>,
}

/// Writes what the journal has after `after`, whose hash is `before`, into a new segment in `dir`: at least one record, and no more
/// once there are `bytes_max`, which are held in memory. `None` when there is nothing.
///
/// The look has ended when the first byte is written: a place that hangs keeps nobody from opening the store.
///
/// # Errors
/// [`StoreErrorKind::Differs`] when the journal does not follow from there, or does not reach back to it; `Corrupt` when a record is
/// damaged; `Reopened`; `Unusable` when the segment cannot be written.
pub fn write_segment(
    store: Onlooker,
    dir: &Path,
    after: u64,
    before: &Hash,
    bytes_max: u64,
) -> Result<Option<Segment>, StoreError> {
    let records = store.check(take_records(&store, after, before, bytes_max))?;
    drop(store);
    if records.is_empty() {
        return Ok(None);
    }
    let mut draft = Draft::begin(dir, after, *before)?;
    for Taken { time_ms, previous, body, request } in records {
        if previous != draft.segment.hash {
            return Err(differs(after));
        }
        draft.add(time_ms, &body, &request)?;
    }
    draft.finish().map(Some)
}

fn differs(after: u64) -> StoreError {
    let what = format!("The store's journal does not go on from revision {after} of the backup.");
    StoreError::new(StoreErrorKind::Differs, what)
}

fn take_records(
    store: &Onlooker,
    after: u64,
    before: &Hash,
    bytes_max: u64,
) -> Result<Vec<Taken>, StoreError> {
    let reader = store.reader()?;
    let head = *reader.head();
    let goes_on = head.revision > after || (head.revision == after && head.hash == *before);
    if !goes_on || head.first_revision > after + 1 {
        return Err(differs(after));
    }
    let (mut records, mut revision, mut bytes) = (Vec::new(), after, 0);
    let scanned = reader.scan_own(OwnTable::Journal, &revision_key(after + 1), &mut |key, value| {
        revision += 1;
        let row = check_row(revision, key, value)?;
        let record: Stub = decode("a record of the journal", row.body)?;
        let request = if record.request_id.is_empty() {
            Vec::new()
        } else {
            let found = reader.own(OwnTable::Requests, request_key(&record.request_id).as_slice())?;
            let found = found.ok_or_else(|| {
                Fault::Corrupt(format!("the reply to the request of record {revision} is missing"))
            })?;
            found.to_vec()
        };
        let request = beside(&keys_of(&reader, &record, &request)?, &request)?.into_owned();
        bytes += (FRAME_BYTES + row.body.len() + request.len()) as u64;
        let (previous, body) = (row.previous.to_vec(), row.body.to_vec());
        records.push(Taken { time_ms: record.time_ms, previous, body, request });
        Ok(bytes < bytes_max)
    });
    scanned.map_err(|fault| StoreError::fault("The journal cannot be read", &fault))?;
    Ok(records)
}

/// The keys that were made for a record. A reply that is damaged does not say whose it is sealed under; it goes along as it is.
fn keys_of(reader: &Reader<'_>, record: &Stub, request: &[u8]) -> Result<Vec<MadeKey>, Fault> {
    let replied = if request.is_empty() {
        Vec::new()
    } else {
        match RequestRecord::read(request) {
            Ok(replied) => replied.under,
            Err(Fault::Corrupt(_)) => return all_made_for(reader, record.revision),
            Err(fault) => return Err(fault),
        }
    };
    let texts = record.sealed.iter().map(|sealed| sealed.under);
    made_for(reader, record.revision, texts.chain(replied))
}

/// Makes one segment, in `dir`, of several that follow one another. They stay.
///
/// # Errors
/// [`StoreErrorKind::JournalBroken`] when one is damaged or does not follow; `Unusable`.
pub fn merge_segments(parts: &[PathBuf], dir: &Path) -> Result<Segment, StoreError> {
    let headers = parts.iter().map(|part| read_segment(part)).collect::<Result<Vec<_>, _>>()?;
    let first = headers.first().ok_or_else(|| {
        StoreError::new(StoreErrorKind::Unusable, "A segment is made of at least one other.")
    })?;
    let mut draft = Draft::begin(dir, first.first_revision - 1, first.before)?;
    draft.segment.merges = headers.iter().map(|each| each.merges).max().unwrap_or_default() + 1;
    draft.segment.format = headers.iter().map(|each| each.format).max().unwrap_or(FORMAT);
    for part in parts {
        let mut pieces = Pieces::open(part)?;
        if pieces.segment.first_revision != draft.next_revision()
            || pieces.segment.before != draft.segment.hash
        {
            return Err(broken(part, "it does not follow the one before it"));
        }
        while let Some(piece) = pieces.next()? {
            draft.add(piece.time_ms, &piece.body, &piece.request)?;
        }
    }
    draft.finish()
}

/// A segment's header, and that the file is as long as it says.
///
/// # Errors
/// [`StoreErrorKind::JournalBroken`], `Unusable`.
pub fn read_segment(path: &Path) -> Result<Segment, StoreError> {
    Pieces::open(path).map(|pieces| pieces.segment)
}

/// Reads a whole segment: every checksum, and that each record follows the one before it. Gives the hashes of the revisions
/// `asked`, that before the first record included.
///
/// # Errors
/// [`StoreErrorKind::JournalBroken`], `Unusable`.
pub fn check_segment(path: &Path, asked: &[u64]) -> Result<(Segment, Vec<(u64, Hash)>), StoreError> {
    let mut pieces = Pieces::open(path)?;
    let segment = pieces.segment;
    let asked: BTreeSet<u64> = asked.iter().copied().collect();
    let before = (segment.first_revision - 1, segment.before);
    let mut hashes: Vec<_> = asked.contains(&before.0).then_some(before).into_iter().collect();
    while let Some(piece) = pieces.next()? {
        if asked.contains(&piece.revision) {
            hashes.push((piece.revision, piece.hash));
        }
    }
    Ok((segment, hashes))
}

/// A segment that is written, under a name that says so. Dropped before its end it is gone.
struct Draft {
    dir: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    /// `last_revision` and `hash` are those of the record before the next.
    segment: Segment,
    finished: bool,
}

impl Draft {
    fn begin(dir: &Path, after: u64, before: Hash) -> Result<Self, StoreError> {
        let part = dir.join(format!("{:012}.journal.part", after + 1));
        let failed = |error| StoreError::io(format!("{} cannot be written", part.display()), &error);
        let file = File::create(&part).map_err(failed)?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        file.write_all(&[0; HEADER_BYTES]).map_err(failed)?;
        let segment = Segment {
            format: FORMAT,
            merges: 0,
            first_revision: after + 1,
            last_revision: after,
            first_ms: 0,
            last_ms: 0,
            before,
            hash: before,
            length: 0,
        };
        Ok(Self { dir: dir.to_path_buf(), part, file, segment, finished: false })
    }

    fn next_revision(&self) -> u64 {
        self.segment.last_revision + 1
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::io(format!("{} cannot be written", self.part.display()), error)
    }

    fn add(&mut self, time_ms: i64, body: &[u8], request: &[u8]) -> Result<(), StoreError> {
        let length = |part: &[u8]| u32::try_from(part.len());
        let (Ok(body_length), Ok(request_length)) = (length(body), length(request)) else {
            return Err(self.failed(&io::ErrorKind::FileTooLarge.into()));
        };
        let lengths = [body_length.to_be_bytes(), request_length.to_be_bytes()].concat();
        let sum = checksum(&lengths, body, request).to_be_bytes();
        for part in [&lengths[..], &sum, body, request] {
            self.file.write_all(part).map_err(|error| self.failed(&error))?;
        }
        let segment = &mut self.segment;
        if segment.length == 0 {
            segment.first_ms = time_ms;
        }
        segment.last_ms = time_ms;
        segment.last_revision += 1;
        segment.hash = record_hash(&segment.hash, body);
        segment.length += (FRAME_BYTES + body.len() + request.len()) as u64;
        Ok(())
    }

    fn finish(mut self) -> Result<Segment, StoreError> {
        self.write_header().map_err(|error| self.failed(&error))?;
        self.finished = true;
        Ok(self.segment)
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(&self.segment.encode())?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let path = self.dir.join(self.segment.file_name());
        fs::rename(&self.part, &path)?;
        sync_dir_of(&path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// The records of a segment, one after another.
pub(crate) struct Pieces {
    path: PathBuf,
    file: BufReader<File>,
    pub(crate) segment: Segment,
    next: u64,
    hash: Hash,
    time_ms: i64,
    left: u64,
}

impl Pieces {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io(format!("{} cannot be read", path.display()), &error);
        let mut file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut header = [0; HEADER_BYTES];
        match file.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(broken(path, "it is too short"));
            }
            read => read.map_err(failed)?,
        }
        let segment = Segment::decode(&header)
            .ok_or_else(|| broken(path, "its beginning is damaged, or of no segment"))?;
        if segment.format > FORMAT {
            let (theirs, ours) = (segment.format, FORMAT);
            let shown = path.display();
            let what = format!(
                "{shown} has format {theirs}; this program reads {ours}. Use the Kasir that wrote it."
            );
            return Err(StoreError::new(StoreErrorKind::Format, what));
        }
        let length = bytes - HEADER_BYTES as u64;
        if length != segment.length {
            let wanted = segment.length;
            return Err(broken(path, &format!("it holds {length} bytes of records, not {wanted}")));
        }
        if path.file_name().is_none_or(|name| *name != *segment.file_name()) {
            return Err(broken(path, &format!("it is {} under another name", segment.file_name())));
        }
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        let (next, hash, time_ms, left) = (segment.first_revision, segment.before, i64::MIN, length);
        Ok(Self { path: path.to_path_buf(), file, segment, next, hash, time_ms, left })
    }

    /// The next record, checked; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, StoreError> {
        let revision = self.next;
        if self.left == 0 {
            return if revision == self.segment.last_revision + 1 && self.hash == self.segment.hash {
                Ok(None)
            } else {
                Err(self.broken("its last record is another one than it says"))
            };
        }
        let damaged = |pieces: &Self| pieces.broken(&format!("record {revision} is damaged"));
        let Some(frame) = self.take(FRAME_BYTES as u64)? else { return Err(damaged(self)) };
        let short = |at: usize| u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
        let (body_length, request_length, sum) = (short(0), short(4), short(8));
        let Some(mut body) = self.take(u64::from(body_length) + u64::from(request_length))? else {
            return Err(damaged(self));
        };
        let request = body.split_off(body_length as usize);
        if checksum(&frame[..8], &body, &request) != sum {
            return Err(damaged(self));
        }
        let record: Stub = decode("a record of the journal", &body).map_err(|_| damaged(self))?;
        if record.revision != revision
            || record.time_ms < self.time_ms
            || revision > self.segment.last_revision
        {
            return Err(self.broken(&format!("record {revision} does not follow the one before it")));
        }
        let before = self.hash;
        self.hash = record_hash(&before, &body);
        self.next += 1;
        self.time_ms = record.time_ms;
        let Stub { time_ms, request_id, .. } = record;
        Ok(Some(Piece { revision, time_ms, request_id, body, request, before, hash: self.hash }))
    }

    /// So many bytes, if there are.
    fn take(&mut self, length: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if length > self.left {
            return Ok(None);
        }
        self.left -= length;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = self.file.read_exact(&mut bytes);
        read.map_err(|error| StoreError::io(format!("{} cannot be read", self.path.display()), &error))?;
        Ok(Some(bytes))
    }

    pub(crate) fn broken(&self, why: &str) -> StoreError {
        broken(&self.path, why)
    }
}

fn checksum(lengths: &[u8], body: &[u8], request: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(lengths);
    hasher.update(body);
    hasher.update(request);
    hasher.finalize()
}

pub(crate) fn broken(path: &Path, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::JournalBroken, format!("{} is no sound segment: {why}.", path.display()))
}
