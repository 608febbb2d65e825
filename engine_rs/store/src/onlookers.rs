//! Programs that look into the file beside the engine, with another LMDB.
//!
//! All LMDBs of version 0.9 agree on the data file, but not on the lock file in which readers register: Python's
//! `lmdb` cannot register beside this engine. A reader that is not registered is overtaken: the writer uses its pages
//! again. So an onlooker holds [`ONLOOKERS_FILE`] shared (flock) from before it opens the data file, without LMDB's
//! locks, until it has done; and while somebody holds it, the writer keeps the read transaction that was the last checkpoint's
//! when they came, older than all that it writes since, for whose sake LMDB spares those pages. The kernel lets go of the file
//! however the onlooker ends.
//!
//! The writer looks before each transaction. One that began before the onlooker came is no danger to it: it uses only
//! pages again that no snapshot since the commit before the last can see.
//!
//! An engine that opens the store has no read transaction as old as theirs who look already. It gives them a moment to end, and
//! then changes what the file says, which counts such openings: whoever finds it changed after the look has seen pages of
//! different times, and looks anew. Of a store that was closed when the look began the first engine to come spares what it finds.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checkpoint::{Pin, Pins};
use crate::error::{StoreError, StoreErrorKind};

/// Held shared (flock) by programs that read the store's data file without LMDB's locks. It says how often the store was opened
/// while somebody did (u64, big-endian; nothing: never).
pub const ONLOOKERS_FILE: &str = "onlookers";

/// How long the opening of a store waits for them: most looks take less.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// The read transaction kept for onlookers: one that is there anyway, so that there is a place for it among those who read.
pub(crate) struct Onlookers {
    path: PathBuf,
    file: File,
    kept: Option<Arc<Pin>>,
}

impl Onlookers {
    pub(crate) fn new(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(ONLOOKERS_FILE);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file =
            file.map_err(|error| StoreError::io(format!("{} cannot be made", path.display()), &error))?;
        Ok(Self { path, file, kept: None })
    }

    /// Waits a moment for those who look to end. Returns whether nobody looks; then nobody begins to until they are let in.
    pub(crate) fn wait(&self) -> Result<bool, StoreError> {
        let begun = Instant::now();
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(true),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => {
                    let doing = format!("{} cannot be locked", self.path.display());
                    return Err(StoreError::io(doing, &error));
                }
            }
        }
    }

    /// The file is what it will be; from now on pages are written. `nobody_looks`: they are let in; else whoever looks
    /// already learns of it.
    pub(crate) fn begin(&self, nobody_looks: bool) -> Result<(), StoreError> {
        let begun = if nobody_looks {
            self.file.unlock()
        } else {
            openings(&self.file).and_then(|count| self.file.write_all_at(&(count + 1).to_be_bytes(), 0))
        };
        begun.map_err(|error| StoreError::io(format!("{} cannot be written", self.path.display()), &error))
    }

    /// To be called before each write transaction. `pins`: the last checkpoint's.
    pub(crate) fn look(&mut self, pins: &Pins) -> Result<(), heed::Error> {
        match self.file.try_lock() {
            Ok(()) => {
                self.file.unlock()?;
                self.kept = None;
            }
            // Also when the system does not say: somebody may be there.
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {
                self.kept.get_or_insert_with(|| pins.last());
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Onlookers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onlookers").field("kept", &self.kept.is_some()).finish_non_exhaustive()
    }
}

/// How often the store was opened while somebody looked.
fn openings(file: &File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(u64::from_be_bytes(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

/// A look at a store in a directory, as its engine knows of it.
#[derive(Debug)]
pub(crate) struct Look {
    path: PathBuf,
    /// None of a store whose files were copied from elsewhere: nobody writes it, yet.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    file: File,
    /// What it says while the look is good.
    openings: RangeInclusive<u64>,
}

impl Look {
    /// Begins it: from now on the engine spares what is seen, unless the store is opened anew.
    pub(crate) fn begin(dir: &Path) -> io::Result<Self> {
        let path = dir.join(ONLOOKERS_FILE);
        let held = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => {
                let file = opened?;
                file.lock_shared()?;
                let count = openings(&file)?;
                Some(Held { file, openings: count..=count })
            }
        };
        Ok(Self { path, held })
    }

    /// The store was closed, and nobody had it open since the look began: what is seen is what the next engine finds and spares.
    pub(crate) fn is_of_a_closed_store(&mut self) {
        if let Some(held) = &mut self.held {
            let count = *held.openings.start();
            held.openings = count..=count + 1;
        }
    }

    /// What was seen until now; an error when some of it may be of another time.
    ///
    /// # Errors
    /// [`StoreErrorKind::Reopened`].
    pub(crate) fn check<T>(&self, seen: Result<T, StoreError>) -> Result<T, StoreError> {
        let failed = |error| StoreError::io(format!("{} cannot be read", self.path.display()), &error);
        if self.is_good().map_err(failed)? {
            return seen;
        }
        let what = "The store was opened anew while it was looked at, and what was seen is not of one moment. Try again.";
        Err(StoreError::new(StoreErrorKind::Reopened, what))
    }

    fn is_good(&self) -> io::Result<bool> {
        let now = match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(self.held.is_none()),
            now => now?,
        };
        let Some(held) = &self.held else { return Ok(false) };
        let own = held.file.metadata()?;
        let is_same = (own.dev(), own.ino()) == (now.dev(), now.ino());
        Ok(is_same && held.openings.contains(&openings(&held.file)?))
    }
}
