//! Snapshots: one file that is the store at one revision, and stores made from it.
//!
//! A snapshot is a compacted LMDB data file, followed by a seal of 64 bytes: [`MAGIC`], the data's length and its
//! revision (u64, big-endian), and the BLAKE3 of all that stands before. LMDB does not look beyond its pages, so that
//! `kasir inspect` opens a snapshot like a store; LMDB's pages carry no checksums, so that the seal is what tells a
//! whole file from a damaged one.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use heed::CompactionOption;

use crate::error::{StoreError, StoreErrorKind};
use crate::files::{DATA_FILE, Files, sync_dir_of};
use crate::replay::{Target, evolve};
use crate::txn::Reader;
use crate::verify::verify;

/// Begins the seal of a snapshot.
pub const MAGIC: [u8; 16] = *b"kasir-snapshot-1";
const SEAL_BYTES: usize = 64;
const COPY_BYTES: usize = 1 << 20;
/// Where a store is built until it counts.
const WORK_DIR: &str = "restoring";

/// A consistent copy of a store, or a store made from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it stands: a file, or the directory of a store.
    pub path: PathBuf,
    /// The revision it holds.
    pub revision: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What the seal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seal {
    length: u64,
    revision: u64,
    hash: [u8; 32],
}

impl Seal {
    /// Seals data that `hasher` has seen.
    fn new(mut hasher: blake3::Hasher, length: u64, revision: u64) -> Self {
        hasher.update(&MAGIC).update(&length.to_be_bytes()).update(&revision.to_be_bytes());
        Self { length, revision, hash: *hasher.finalize().as_bytes() }
    }

    fn encode(&self) -> Vec<u8> {
        [&MAGIC[..], &self.length.to_be_bytes(), &self.revision.to_be_bytes(), &self.hash].concat()
    }

    fn decode(bytes: &[u8; SEAL_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (revision, rest) = rest.split_first_chunk::<8>()?;
        let hash = *rest.first_chunk::<32>()?;
        let sealed =
            Self { length: u64::from_be_bytes(*length), revision: u64::from_be_bytes(*revision), hash };
        (*magic == MAGIC).then_some(sealed)
    }
}

/// Copies the store into the new file `path`. `check` says whether what was copied counts.
pub(crate) fn take(
    files: &Files,
    path: &Path,
    check: impl FnOnce(Result<(), StoreError>) -> Result<(), StoreError>,
) -> Result<Snapshot, StoreError> {
    if path.exists() {
        return Err(StoreError::new(
            StoreErrorKind::SnapshotExists,
            format!("{} is there already; choose another name.", path.display()),
        ));
    }
    let part = part_of(path);
    let taken = write_copy(files, &part, check).and_then(|mut snapshot| {
        let failed =
            |error| StoreError::io(format!("The snapshot {} cannot be written", path.display()), &error);
        fs::rename(&part, path).and_then(|()| sync_dir_of(path)).map_err(failed)?;
        snapshot.path = path.to_path_buf();
        Ok(snapshot)
    });
    if taken.is_err() {
        let _ = fs::remove_file(&part);
    }
    taken
}

fn write_copy(
    files: &Files,
    part: &Path,
    check: impl FnOnce(Result<(), StoreError>) -> Result<(), StoreError>,
) -> Result<Snapshot, StoreError> {
    let doing = format!("The snapshot {} cannot be written", part.display());
    let failed = |error| StoreError::io(&doing, &error);
    let options = File::options().read(true).write(true).create(true).truncate(true).open(part);
    let mut file = options.map_err(failed)?;
    let copied = files.env().copy_to_file(&mut file, CompactionOption::Enabled);
    check(copied.map_err(|error| StoreError::lmdb(&doing, error)))?;
    file.rewind().map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let length = copy(&mut file, &mut hasher, None).map_err(failed)?;
    let revision = {
        let copied = Files::open_copy(part)?;
        Reader::begin(&copied).map_err(|fault| StoreError::fault(&doing, &fault))?.revision()
    };
    file.write_all(&Seal::new(hasher, length, revision).encode())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(Snapshot { path: part.to_path_buf(), revision, bytes: length + SEAL_BYTES as u64 })
}

/// Makes a store in the empty or missing directory `path` from a snapshot. It counts once it is verified and durable.
///
/// # Errors
/// As [`restore_to`].
pub fn restore(snapshot: &Path, path: &Path) -> Result<Snapshot, StoreError> {
    restore_to(snapshot, &[], Target::default(), path)
}

/// Makes a store in the empty or missing directory `path` from a snapshot, and lets the journal in `segments` evolve it up to
/// `target`. It counts once it is verified and durable.
///
/// # Errors
/// [`StoreErrorKind::Exists`] when the directory is not empty; `SnapshotBroken` when the file is no snapshot, was cut
/// off or changed, or an invariant does not hold in it; `JournalBroken` when a segment is damaged or does not follow; `NotReached` when
/// the snapshot is later than `target`, or the journal ends before its revision; `Unusable` when something cannot be read or
/// written.
pub fn restore_to(
    snapshot: &Path,
    segments: &[PathBuf],
    target: Target,
    path: &Path,
) -> Result<Snapshot, StoreError> {
    let doing = format!("The store {} cannot be restored", path.display());
    let failed = |error| StoreError::io(&doing, &error);
    let made = !path.exists();
    if !made && fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(StoreError::new(
            StoreErrorKind::Exists,
            format!("{} is not empty; a store is restored into a new directory.", path.display()),
        ));
    }
    let work = path.join(WORK_DIR);
    fs::create_dir_all(&work).map_err(failed)?;
    let data = path.join(DATA_FILE);
    let restored = build(snapshot, segments, target, &work).and_then(|revision| {
        let bytes = fs::metadata(work.join(DATA_FILE)).map_err(failed)?.len();
        fs::rename(work.join(DATA_FILE), &data)
            .and_then(|()| fs::remove_dir_all(&work))
            .and_then(|()| sync_dir_of(&data))
            .and_then(|()| sync_dir_of(path))
            .map_err(failed)?;
        Ok(Snapshot { path: path.to_path_buf(), revision, bytes })
    });
    if restored.is_err() {
        let _ = fs::remove_dir_all(&work);
        if made {
            let _ = fs::remove_dir(path);
        }
    }
    restored
}

/// Builds the data file in `work`, verified and durable. Returns its revision.
fn build(snapshot: &Path, segments: &[PathBuf], target: Target, work: &Path) -> Result<u64, StoreError> {
    let data = work.join(DATA_FILE);
    let seal = unseal(snapshot, Some(&data))?;
    if segments.is_empty() && target == Target::default() {
        check(snapshot, &data, seal)?;
        return Ok(seal.revision);
    }
    let verified = evolve(work, segments, target)?;
    match verified.violations.first() {
        None => Ok(verified.revision),
        Some(violation) => Err(StoreError::new(
            StoreErrorKind::Corrupt,
            format!("What {} leads to does not hold: {violation}.", snapshot.display()),
        )),
    }
}

/// Reads a whole snapshot and checks its seal. Returns its length in bytes, the seal included.
///
/// # Errors
/// [`StoreErrorKind::SnapshotBroken`], `Unusable`.
pub fn check_seal(snapshot: &Path) -> Result<u64, StoreError> {
    unseal(snapshot, None).map(|seal| seal.length + SEAL_BYTES as u64)
}

/// Reads a snapshot whose seal is whole, and copies its data out where there is where to.
fn unseal(snapshot: &Path, part: Option<&Path>) -> Result<Seal, StoreError> {
    let reading =
        |error| StoreError::io(format!("The snapshot {} cannot be read", snapshot.display()), &error);
    let mut file = File::open(snapshot).map_err(reading)?;
    let bytes = file.metadata().map_err(reading)?.len();
    let Some(length) = bytes.checked_sub(SEAL_BYTES as u64) else {
        return Err(broken(snapshot, "it is too short"));
    };
    let mut seal = [0; SEAL_BYTES];
    file.seek(SeekFrom::Start(length)).and_then(|_| file.read_exact(&mut seal)).map_err(reading)?;
    let seal = Seal::decode(&seal).ok_or_else(|| broken(snapshot, "it is not one, or its end is missing"))?;
    if seal.length != length {
        return Err(broken(snapshot, "some of it is missing"));
    }
    file.rewind().map_err(reading)?;
    let to = part.map_or(String::new(), |part| format!(" to {}", part.display()));
    let copying = |error| StoreError::io(format!("{} cannot be copied{to}", snapshot.display()), &error);
    let mut out = part.map(File::create).transpose().map_err(copying)?;
    let mut hasher = blake3::Hasher::new();
    copy(&mut file.take(length), &mut hasher, out.as_mut()).map_err(copying)?;
    if Seal::new(hasher, length, seal.revision) != seal {
        return Err(broken(snapshot, "it was changed after it was made"));
    }
    out.map_or(Ok(()), |out| out.sync_all()).map_err(copying)?;
    Ok(seal)
}

/// Verifies the copied data.
fn check(snapshot: &Path, part: &Path, seal: Seal) -> Result<(), StoreError> {
    let files = Files::open_copy(part)?;
    let reader = Reader::begin(&files);
    let verified = reader.and_then(|reader| verify(&reader, false));
    let verified = verified.map_err(|fault| broken(snapshot, &fault.to_string()))?;
    if verified.revision != seal.revision {
        return Err(broken(snapshot, "its seal names another revision than its journal"));
    }
    match verified.violations.first() {
        None => Ok(()),
        Some(violation) => Err(broken(snapshot, violation)),
    }
}

fn broken(snapshot: &Path, why: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::SnapshotBroken,
        format!("{} is no sound snapshot: {why}.", snapshot.display()),
    )
}

/// Hashes a file, and copies it if there is where to. Returns its length.
fn copy(
    from: &mut impl Read,
    hasher: &mut blake3::Hasher,
    mut to: Option<&mut File>,
) -> std::io::Result<u64> {
    let mut reader = BufReader::with_capacity(COPY_BYTES, from);
    let mut buffer = vec![0; COPY_BYTES];
    let mut length = 0;
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(length);
        }
        hasher.update(&buffer[..count]);
        if let Some(file) = to.as_mut() {
            file.write_all(&buffer[..count])?;
        }
        length += count as u64;
    }
}

/// The name a file has until it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}
