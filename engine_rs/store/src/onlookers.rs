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

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checkpoint::{Pin, Pins};
use crate::error::{StoreError, StoreErrorKind};

/// Held shared (flock) by programs that read the store's data file without LMDB's locks.
pub const ONLOOKERS_FILE: &str = "onlookers";

/// How long the opening of a store waits for them.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// The read transaction kept for onlookers: one that is there anyway, so that there is a place for it among those who read.
pub(crate) struct Onlookers {
    file: File,
    kept: Option<Arc<Pin>>,
}

impl Onlookers {
    pub(crate) fn new(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(ONLOOKERS_FILE);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file =
            file.map_err(|error| StoreError::io(format!("{} cannot be made", path.display()), &error))?;
        Ok(Self { file, kept: None })
    }

    /// Runs `work` while nobody looks on: it gives up pages that they may see.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] when somebody still does after some seconds.
    pub(crate) fn alone(&self, dir: &Path, work: &dyn Fn() -> std::io::Result<()>) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            match self.file.try_lock() {
                Ok(()) => {
                    let done = work().and_then(|()| self.file.unlock());
                    let doing = format!("The store {} cannot be put back to its checkpoint", dir.display());
                    return done.map_err(|error| StoreError::io(doing, &error));
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::new(
                        StoreErrorKind::Locked,
                        format!(
                            "The store {} was not closed, and another program looks into it. End that program first.",
                            dir.display()
                        ),
                    ));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::io(format!("{} cannot be locked", dir.display()), &error));
                }
            }
        }
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
