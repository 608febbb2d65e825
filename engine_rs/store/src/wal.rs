//! The write-ahead files: what was decided, on disk before anybody is told, in one small write.
//!
//! LMDB's own commit scatters a batch over a hundred pages and syncs twice. So a batch is first appended here, as a frame,
//! and synced once; LMDB follows without a sync of its own, and is made durable behind everybody's back, see
//! [`crate::checkpoint`]. A store that was not closed is brought back to its last checkpoint, and the frames after it are
//! applied anew.
//!
//! Two files take turns. One is written over again only when a checkpoint holds all of it, so that its blocks are there
//! already and a sync writes nothing but data.
//!
//! A frame begins at a multiple of [`BLOCK`] bytes, so that no durable frame's block is ever written again before its
//! time: [`MAGIC`], first and last revision (u64), the hash before the first record, the length of the payload, the CRC-32
//! of all that comes after the header, and the CRC-32 of the header (u32), little-endian; then the payload: of each record
//! its length, its reply's length (u32), the record, the reply ([`crate::record::RequestRecord`]; empty for deadlines; with the
//! keys that were made for it, see [`crate::sealing`]).

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use kasir_core::Fault;

use crate::blocks::{BLOCK, Blocks};
use crate::durable::{Ended, Job, Passed, Trouble, WalFile};
use crate::error::{StoreError, StoreErrorKind};
use crate::log::LogEntry;
use crate::record::{Hash, Head, decode};
use crate::sealing::split;
use crate::world::Sizes;

/// The files' names in the store's directory.
pub const WAL_FILES: [&str; 2] = ["wal.0", "wal.1"];
/// Begins a frame.
const MAGIC: [u8; 8] = *b"kasirwal";
const HEADER_BYTES: usize = 72;
/// A file waits for the checkpoint under way at this multiple of the size at which it is full.
const OVERFULL: u64 = 4;

/// A batch on its way into a write-ahead file; its memory is used again.
#[derive(Debug, Default)]
pub struct Frame {
    bytes: Blocks,
    first: u64,
    before: Hash,
}

impl Frame {
    /// Empties it for a batch that follows `head`.
    pub(crate) fn begin(&mut self, head: &Head) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES);
        (self.first, self.before) = (head.revision + 1, head.hash);
    }

    /// Whether it has no record.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER_BYTES
    }

    /// Bytes that it takes in the file.
    pub(crate) fn extent(&self) -> u64 {
        self.bytes.len().next_multiple_of(BLOCK) as u64
    }

    /// Adds a record, encoded, and what its caller was told, encoded; empty for deadlines.
    pub(crate) fn add(&mut self, record: &[u8], request: &[u8]) -> Result<(), Fault> {
        for part in [record, request] {
            let length = u32::try_from(part.len())
                .map_err(|_| Fault::Corrupt("a record of the journal is longer than 4 GiB".into()))?;
            self.bytes.extend(&length.to_le_bytes());
        }
        self.bytes.extend(record);
        self.bytes.extend(request);
        Ok(())
    }

    /// Writes the header, and fills up the last block.
    pub(crate) fn seal(&mut self, last: u64) -> io::Result<&[u8]> {
        let length = u32::try_from(self.bytes.len() - HEADER_BYTES);
        let length = length.map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?;
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK));
        let payload = &self.bytes[HEADER_BYTES..];
        let header =
            Header { first: self.first, last, before: self.before, length, crc: crc32fast::hash(payload) };
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        Ok(&self.bytes)
    }
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    first: u64,
    last: u64,
    before: Hash,
    length: u32,
    crc: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.last.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.before);
        bytes[56..60].copy_from_slice(&self.length.to_le_bytes());
        bytes[60..64].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..64]);
        bytes[64..68].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None`: no frame begins here.
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let long = |at: usize| bytes[at..].first_chunk().copied().map(u64::from_le_bytes);
        let short = |at: usize| bytes[at..].first_chunk().copied().map(u32::from_le_bytes);
        let header = Self {
            first: long(8)?,
            last: long(16)?,
            before: *bytes[24..].first_chunk()?,
            length: short(56)?,
            crc: short(60)?,
        };
        (bytes[..8] == MAGIC && short(64)? == crc32fast::hash(&bytes[..64])).then_some(header)
    }

    /// Bytes of the file that the frame takes.
    fn extent(&self) -> u64 {
        (HEADER_BYTES as u64 + u64::from(self.length)).next_multiple_of(BLOCK as u64)
    }
}

/// Where the next frame goes.
#[derive(Debug)]
pub(crate) struct Wal {
    files: Arc<[WalFile; 2]>,
    /// Bytes that are there to be written over.
    lengths: [u64; 2],
    /// The last revision in each file.
    holds: [u64; 2],
    current: usize,
    offset: u64,
    /// A write at this place failed, and may have left a frame: the next one is written over it, and goes nowhere else.
    spoilt: bool,
    sizes: Sizes,
}

impl Wal {
    /// Makes the files, empty: all that was in them is in the store. Durable when this returns, but for their names.
    pub(crate) fn create(dir: &Path, sizes: Sizes, directly: bool) -> io::Result<Self> {
        let create = |name: &str| {
            let path = dir.join(name);
            let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
            file.sync_all()?;
            Ok::<_, io::Error>(WalFile::new(file, &path, directly))
        };
        let files = Arc::new([create(WAL_FILES[0])?, create(WAL_FILES[1])?]);
        Ok(Self { files, lengths: [0; 2], holds: [0; 2], current: 0, offset: 0, spoilt: false, sizes })
    }

    /// Goes on after the frames that were found, durable when this returns. They may never have been: who wrote them did not
    /// live to see it, or saw it fail, after which the kernel takes them for written. So they are written once more.
    pub(crate) fn go_on(dir: &Path, end: End, sizes: Sizes, directly: bool) -> io::Result<Self> {
        let open = |name: &str| {
            let path = dir.join(name);
            let file = File::options().read(true).write(true).open(&path)?;
            Ok::<_, io::Error>(WalFile::new(file, &path, directly))
        };
        let files = [open(WAL_FILES[0])?, open(WAL_FILES[1])?];
        for (WalFile { file, .. }, length) in files.iter().zip(end.lengths) {
            let mut found = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            file.read_exact_at(&mut found, 0)?;
            file.write_all_at(&found, 0)?;
            file.sync_data()?;
        }
        let lengths = [files[0].file.metadata()?.len(), files[1].file.metadata()?.len()];
        let End { holds, current, offset, .. } = end;
        Ok(Self { files: Arc::new(files), lengths, holds, current, offset, spoilt: false, sizes })
    }

    /// Whether the next frame should go to the other file.
    pub(crate) fn is_full(&self) -> bool {
        self.offset >= self.sizes.wal_bytes
    }

    /// Whether the file is full, and a checkpoint at revision `checkpoint` is too old for the other to be begun.
    pub(crate) fn is_stuck(&self, checkpoint: u64) -> bool {
        self.is_full() && self.holds[1 - self.current] > checkpoint
    }

    /// Whether it has grown so far that a checkpoint has to be waited for.
    pub(crate) fn is_overfull(&self) -> bool {
        self.offset >= self.sizes.wal_bytes * OVERFULL
    }

    /// Begins the other file when `frame` does not fit this one and a checkpoint at revision `checkpoint` holds all that
    /// is in the other; returns whether it did. If not, this one grows.
    pub(crate) fn turn_for(&mut self, frame: &Frame, checkpoint: u64) -> bool {
        let end = self.offset + frame.extent();
        let other = 1 - self.current;
        let turns =
            !self.spoilt && self.offset > 0 && end > self.sizes.wal_bytes && self.holds[other] <= checkpoint;
        if turns {
            (self.current, self.offset) = (other, 0);
        }
        turns
    }

    /// Makes room for a frame whose last record is `last`. It is durable once the job is carried out, and the next one begins
    /// when that was told to [`Wal::end`].
    ///
    /// After an error nothing is there.
    pub(crate) fn begin(&mut self, frame: Frame, last: u64) -> io::Result<Job> {
        let (current, offset) = (self.current, self.offset);
        let end = offset + frame.extent();
        if end > self.lengths[current] {
            let length = end.next_multiple_of(self.sizes.wal_growth_bytes);
            let zeros = vec![0; usize::try_from(length - end).unwrap_or_default()];
            self.files[current].file.write_all_at(&zeros, end)?;
            self.lengths[current] = length;
        }
        Ok(Job { files: Arc::clone(&self.files), file: current, offset, frame, last })
    }

    /// What became of a frame, and its memory. After an error in writing whatever is there is written over.
    pub(crate) fn end(&mut self, ended: Ended) -> (Frame, Result<Passed, Trouble>) {
        let Ended { frame, end, last, passed } = ended;
        self.spoilt = passed.is_err();
        if !self.spoilt {
            self.holds[self.current] = last;
            self.offset = end;
        }
        (frame, passed)
    }
}

/// Where the frames end. Without any: at the start of the first file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End {
    /// The last revision in each file.
    holds: [u64; 2],
    /// Where the last frame ends in each file.
    lengths: [u64; 2],
    current: usize,
    offset: u64,
}

/// The frames of the two files that come after a checkpoint, in order.
#[derive(Debug)]
pub(crate) struct Frames {
    end: End,
    files: Vec<File>,
    /// File, offset and header of each.
    found: Vec<(usize, u64, Header)>,
    next: usize,
}

impl Frames {
    /// Finds the frames whose last record comes after revision `after`, and not after `last`.
    ///
    /// # Errors
    /// [`StoreErrorKind::Corrupt`] when a file is missing.
    pub(crate) fn between(dir: &Path, after: u64, last: u64) -> Result<Self, StoreError> {
        let (mut files, mut found) = (Vec::new(), Vec::new());
        for name in WAL_FILES {
            let path = dir.join(name);
            let failed = |error: &_| StoreError::io(format!("{} cannot be read", path.display()), error);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let what =
                        format!("{} is missing: the store was not closed, and needs it.", path.display());
                    return Err(StoreError::new(StoreErrorKind::Corrupt, what));
                }
                Err(error) => return Err(failed(&error)),
            };
            let mut offset = 0;
            let length = file.metadata().map_err(|error| failed(&error))?.len();
            while offset < length {
                match header_at(&file, offset).map_err(|error| failed(&error))? {
                    Some(header) => {
                        if header.last > after && header.last <= last {
                            found.push((files.len(), offset, header));
                        }
                        offset += header.extent();
                    }
                    // The end, unless a frame follows all the same.
                    None => offset += BLOCK as u64,
                }
            }
            files.push(file);
        }
        found.sort_by_key(|(_, _, header)| header.first);
        Ok(Self { end: End::default(), files, found, next: 0 })
    }

    /// How far [`Frames::next`] has come.
    pub(crate) fn place(&self) -> (usize, End) {
        (self.next, self.end)
    }

    /// Goes back to where it was.
    pub(crate) fn go_to(&mut self, place: (usize, End)) {
        (self.next, self.end) = place;
    }

    /// Where the last frame ends that [`Frames::next`] gave.
    pub(crate) fn end(&self) -> End {
        self.end
    }

    /// The records of the frame that follows `head`. `None`: there is no such frame, or it was torn; no caller was told of
    /// it, nor of any after it.
    pub(crate) fn next(&mut self, head: &Head) -> Result<Option<Vec<LogEntry>>, Fault> {
        while let Some((file, offset, header)) = self.found.get(self.next).copied() {
            self.next += 1;
            if header.first != head.revision + 1 || header.before != head.hash {
                // What a file held before it was written over.
                continue;
            }
            // Else torn, and perhaps written anew elsewhere.
            if let Some(payload) = self.payload(file, offset, &header)? {
                self.end.holds[file] = header.last;
                self.end.lengths[file] = offset + header.extent();
                (self.end.current, self.end.offset) = (file, offset + header.extent());
                return entries(&payload).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether a whole frame is left that comes after `head`, and not at once: what stood between was durable before it was
    /// written, and is gone.
    pub(crate) fn has_gap_after(&self, head: &Head) -> Result<bool, Fault> {
        for (file, offset, header) in &self.found {
            if header.first > head.revision + 1 && self.payload(*file, *offset, header)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a frame carries, unless it is torn.
    fn payload(&self, file: usize, offset: u64, header: &Header) -> Result<Option<Vec<u8>>, Fault> {
        let length = usize::try_from(header.extent()).map_err(|error| Fault::Io(error.to_string()))?;
        let mut payload = vec![0; length - HEADER_BYTES];
        match self.files[file].read_exact_at(&mut payload, offset + HEADER_BYTES as u64) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(Fault::Io(error.to_string())),
        }
        let whole = crc32fast::hash(&payload) == header.crc;
        payload.truncate(header.length as usize);
        Ok(whole.then_some(payload))
    }
}

fn header_at(file: &File, offset: u64) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_BYTES];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn entries(mut payload: &[u8]) -> Result<Vec<LogEntry>, Fault> {
    let cut_off = || Fault::Corrupt("a frame of the write-ahead file ends within a record".into());
    let length = |payload: &mut &[u8]| {
        let (length, rest) = payload.split_first_chunk().ok_or_else(cut_off)?;
        *payload = rest;
        Ok::<_, Fault>(u32::from_le_bytes(*length) as usize)
    };
    let mut found = Vec::new();
    while !payload.is_empty() {
        let (record, request) = (length(&mut payload)?, length(&mut payload)?);
        let (record, rest) = payload.split_at_checked(record).ok_or_else(cut_off)?;
        let (beside, rest) = rest.split_at_checked(request).ok_or_else(cut_off)?;
        payload = rest;
        let (made, request) = split(beside)?;
        found.push(LogEntry {
            record: decode("a record of the write-ahead file", record)?,
            request: (!request.is_empty())
                .then(|| decode("a request of the write-ahead file", &request))
                .transpose()?,
            made,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::record::{JournalRecord, encode, record_hash};

    fn record(revision: u64, size: usize) -> JournalRecord {
        JournalRecord {
            revision,
            time_ms: 7,
            actor: "a".repeat(size),
            method: "/m".into(),
            request_id: Vec::new(),
            events: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Files in a directory of their own, and the head after what was appended.
    struct Bench {
        dir: TempDir,
        wal: Wal,
        head: Head,
        frame: Frame,
        turns: usize,
    }

    impl Bench {
        fn new() -> Self {
            let dir = TempDir::new().unwrap();
            let wal = Wal::create(dir.path(), Sizes::default(), true).unwrap();
            Self { dir, wal, head: Head::empty(), frame: Frame::default(), turns: 0 }
        }

        /// Appends a frame of `count` records of `size` bytes and more, while a checkpoint is at revision `checkpoint`.
        fn append(&mut self, count: usize, size: usize, checkpoint: u64) {
            self.frame.begin(&self.head);
            for _ in 0..count {
                let record = record(self.head.revision + 1, size);
                let body = encode(&record).unwrap();
                self.frame.add(&body, &[]).unwrap();
                let hash = record_hash(&self.head.hash, &body);
                self.head = Head { revision: record.revision, hash, ..self.head };
            }
            self.turns += usize::from(self.wal.turn_for(&self.frame, checkpoint));
            let job = self.wal.begin(std::mem::take(&mut self.frame), self.head.revision).unwrap();
            let (frame, passed) = self.wal.end(job.carry_out());
            self.frame = frame;
            passed.unwrap();
        }

        /// The revisions found after `head`.
        fn found(&self, mut head: Head) -> Vec<u64> {
            let mut frames = Frames::between(self.dir.path(), head.revision, u64::MAX).unwrap();
            let mut found = Vec::new();
            while let Some(entries) = frames.next(&head).unwrap() {
                for entry in entries {
                    let hash = record_hash(&head.hash, &encode(&entry.record).unwrap());
                    head = Head { revision: entry.record.revision, hash, ..head };
                    found.push(head.revision);
                }
            }
            found
        }

        fn change(&self, file: usize, at: u64, bytes: &[u8]) {
            let path = self.dir.path().join(WAL_FILES[file]);
            File::options().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
        }
    }

    #[test]
    fn what_was_appended_is_found_from_any_frame_on() {
        let mut bench = Bench::new();
        bench.append(3, 10, 0);
        let middle = bench.head;
        bench.append(1, 9_000, 0);
        bench.append(2, 0, 0);
        assert_eq!(bench.found(Head::empty()), [1, 2, 3, 4, 5, 6]);
        assert_eq!(bench.found(middle), [4, 5, 6]);
        assert_eq!(bench.found(bench.head), []);
    }

    #[test]
    fn a_torn_frame_ends_what_is_found() {
        for at in [0, 30, 61, HEADER_BYTES as u64 + 5, 8_500] {
            let mut bench = Bench::new();
            bench.append(2, 10, 0);
            let begun = bench.wal.offset;
            bench.append(1, 9_000, 0);
            bench.append(1, 10, 0);
            bench.change(0, begun + at, &[0xA5]);
            assert_eq!(bench.found(Head::empty()), [1, 2], "byte {at}");
        }
    }

    #[test]
    fn what_follows_a_torn_frame_in_its_place_is_found() {
        let mut bench = Bench::new();
        bench.append(2, 10, 0);
        let (head, begun) = (bench.head, bench.wal.offset);
        bench.append(1, 10, 0);
        bench.change(0, begun + HEADER_BYTES as u64 + 5, &[0xA5]);
        // As the next opening goes on from there, wherever it writes.
        bench.head = head;
        bench.wal.current = 1;
        bench.wal.offset = 0;
        bench.append(3, 20, 0);
        assert_eq!(bench.found(head), [3, 4, 5]);
    }

    #[test]
    fn files_take_turns_and_old_frames_are_passed_over() {
        let mut bench = Bench::new();
        let size = usize::try_from(Sizes::default().wal_bytes).unwrap() / 5;
        let mut heads = vec![bench.head];
        for _ in 0..23 {
            let checkpoint = bench.head.revision;
            bench.append(1, size, checkpoint);
            heads.push(bench.head);
        }
        assert_eq!(bench.turns, 5, "four frames a file");
        // The file under way has three frames; the other one those before them.
        for behind in 0..=7 {
            let found = bench.found(heads[23 - behind]);
            assert_eq!(found, (24 - behind as u64..=23).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_file_grows_until_a_checkpoint_holds_the_other_one() {
        let mut bench = Bench::new();
        let size = usize::try_from(Sizes::default().wal_bytes).unwrap() / 5;
        for _ in 0..12 {
            bench.append(1, size, 3);
        }
        assert_eq!(bench.turns, 1, "to the empty one, and not back");
        assert!(bench.wal.is_full() && !bench.wal.is_overfull());
        assert_eq!(bench.found(Head::empty()), (1..=12).collect::<Vec<_>>());
    }

    /// Its caller was told that nothing was done.
    #[test]
    fn a_frame_whose_write_failed_gives_way_to_the_next_even_if_all_of_it_is_there() {
        let size = usize::try_from(Sizes::default().wal_bytes).unwrap() / 3;
        let mut bench = Bench::new();
        bench.append(2, size, 0);
        let head = bench.head;
        bench.frame.begin(&head);
        bench.frame.add(&encode(&record(3, size)).unwrap(), &[]).unwrap();
        let job = bench.wal.begin(std::mem::take(&mut bench.frame), 3).unwrap();
        let ended = job.carry_out();
        assert_eq!(bench.found(head), [3], "it is there");
        let failed = Err(Trouble::Write(ErrorKind::StorageFull.into()));
        bench.frame = bench.wal.end(Ended { passed: failed, ..ended }).0;
        // This file is full, and the other one free.
        bench.append(1, size + 1, 2);
        assert_eq!((bench.turns, bench.found(head)), (0, vec![3]));
        let mut frames = Frames::between(bench.dir.path(), 2, u64::MAX).unwrap();
        let found = frames.next(&head).unwrap().unwrap();
        assert_eq!(found[0].record.actor.len(), size + 1);
        bench.append(1, size, 2);
        assert_eq!((bench.turns, bench.found(head)), (1, vec![3, 4]));
    }

    #[test]
    fn frames_of_another_history_are_not_taken() {
        let mut bench = Bench::new();
        bench.append(2, 10, 0);
        let other = Head { hash: [7; 32], ..Head::empty() };
        assert_eq!(bench.found(other), []);
    }
}
