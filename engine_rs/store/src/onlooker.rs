//! A store read beside the engine that has it open, or a copy of one: for backups and audits.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use kasir_core::ids::CustomerId;
use kasir_core::kv::{Key, u64_at};
use kasir_core::{Fault, Table, View};

use crate::checkpoint;
use crate::error::{StoreError, StoreErrorKind};
use crate::files::{DATA_FILE, Files, LOCK_FILE};
use crate::log::check_row;
use crate::onlookers::Look;
use crate::record::{GENESIS, Hash, Head, revision_key};
use crate::schema::OwnTable;
use crate::snapshot::{self, Snapshot};
use crate::txn::Reader;

/// One look at a store. While it lasts, the engine spares the pages that it may see, and the store's file grows: keep it short. An
/// engine that opens the store anew ends it: from then on there are only errors, [`StoreErrorKind::Reopened`].
#[derive(Debug)]
pub struct Onlooker {
    // Closed before the engine is told that nobody looks.
    files: Files,
    /// None at a snapshot.
    look: Option<Look>,
}

/// That what is told of a customer was erased. Id and time of making tell one customer from another, also in stores that were
/// restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Unix milliseconds.
    pub erase_ms: i64,
    /// Whose.
    pub customer_id: CustomerId,
    /// When the customer was made, Unix milliseconds.
    pub create_ms: i64,
}

/// What a walk through a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The oldest record's revision.
    pub first_revision: u64,
    /// Where the journal ends, as the store says.
    pub head: Head,
    /// Up to this revision every record follows the one before it.
    pub sound_revision: u64,
    /// Why not further; none when all of it is sound.
    pub broken: Option<String>,
    /// The hashes of the revisions that were asked for and are there.
    pub hashes: Vec<(u64, Hash)>,
}

impl Onlooker {
    /// Looks at the store in a directory, or at a snapshot, as it stands now. What its engine answered in the last milliseconds
    /// may be missing.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unusable`] when there is no store, `NotClosed` when it was not closed and nobody has it open.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_dir() {
            return Ok(Self { files: Files::open_copy(path)?, look: None });
        }
        let failed = |error| StoreError::io(format!("{} cannot be read", path.display()), &error);
        let data = path.join(DATA_FILE);
        if !fs::exists(&data).map_err(failed)? {
            let message = format!("There is no store in {}.", path.display());
            return Err(StoreError::new(StoreErrorKind::Unusable, message));
        }
        let mut look = Look::begin(path).map_err(failed)?;
        match (is_open(path), checkpoint::is_closed(path).map_err(failed)?) {
            (false, true) => look.is_of_a_closed_store(),
            (true, _) => {}
            (false, false) => {
                let message = format!(
                    "{} was not closed: start its server, or run kasir verify --data.",
                    path.display()
                );
                return Err(StoreError::new(StoreErrorKind::NotClosed, message));
            }
        }
        let files = look.check(Files::open_beside(&data))?;
        Ok(Self { files, look: Some(look) })
    }

    /// What was seen until now, if it is of one moment.
    pub(crate) fn check<T>(&self, seen: Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.look {
            Some(look) => look.check(seen),
            None => seen,
        }
    }

    pub(crate) fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let begun = Reader::begin(&self.files);
        self.check(begun.map_err(|fault| StoreError::fault("The store cannot be read", &fault)))
    }

    /// Where its journal ends.
    ///
    /// # Errors
    /// [`StoreErrorKind::Reopened`], or `Unusable` when the store cannot be read.
    pub fn head(&self) -> Result<Head, StoreError> {
        Ok(*self.reader()?.head())
    }

    /// Customers whose data were erased, the earliest first.
    ///
    /// # Errors
    /// [`StoreErrorKind::Reopened`], or `Unusable` when the store cannot be read.
    pub fn erasures(&self) -> Result<Vec<Erasure>, StoreError> {
        let (reader, all, mut found) = (self.reader()?, Key::new(), Vec::new());
        let scanned =
            reader.scan(Table::Erasures, all.as_slice(), all.end().as_slice(), &mut |key, value| {
                let number = |bytes: &[u8], at: usize| u64_at(bytes, at);
                // Before the sign's bit was flipped for the order of keys.
                let erase_ms = (number(key, 1)? ^ (1 << 63)).cast_signed();
                let customer_id = CustomerId(number(key, 9)?);
                found.push(Erasure { erase_ms, customer_id, create_ms: number(value, 0)?.cast_signed() });
                Ok(true)
            });
        self.check(scanned.map_err(|fault| StoreError::fault("The store cannot be read", &fault)))?;
        Ok(found)
    }

    /// Bytes of the file that are given out: more than a snapshot has.
    pub fn used_bytes(&self) -> u64 {
        self.files.used_bytes()
    }

    /// Writes a consistent copy into the new file `path`, durable when this returns.
    ///
    /// # Errors
    /// [`StoreErrorKind::SnapshotExists`] when the file is there already, `Unusable` when it cannot be written,
    /// `Reopened`. The copying itself may end the program when the store is opened anew: LMDB trusts its pages.
    pub fn snapshot(&self, path: &Path) -> Result<Snapshot, StoreError> {
        snapshot::take(&self.files, path, |copied| self.check(copied))
    }

    /// Goes through the journal and checks that each record follows the one before it; notes the hashes of the revisions
    /// `asked`. Where the journal was trimmed, the hash before its first record is known, too.
    ///
    /// # Errors
    /// [`StoreErrorKind::Reopened`], or `Unusable` when the store cannot be read. A broken chain is a finding.
    pub fn audit(&self, asked: &[u64]) -> Result<Audit, StoreError> {
        let reader = self.reader()?;
        let mut asked = asked.to_vec();
        asked.sort_unstable();
        asked.dedup();
        let head = *reader.head();
        let mut walk = Chain { next: head.first_revision, previous: None, asked, hashes: Vec::new() };
        if head.first_revision == 1 {
            walk.reach(GENESIS, 0);
        }
        let walked = reader.scan_own(OwnTable::Journal, &revision_key(0), &mut |key, value| {
            walk.row(key, value)?;
            Ok(true)
        });
        self.check(Ok(()))?;
        let sound_revision = walk.next - 1;
        let broken = match walked {
            Err(Fault::Corrupt(what)) => Some(what),
            Err(fault) => return Err(StoreError::fault("The journal cannot be read", &fault)),
            Ok(()) if sound_revision != head.revision => Some(format!(
                "the journal ends with record {sound_revision}, the store says {}",
                head.revision
            )),
            Ok(()) if walk.previous.is_some_and(|hash| hash != head.hash) => {
                Some(format!("the store names another hash of record {sound_revision} than the journal"))
            }
            Ok(()) => None,
        };
        Ok(Audit { first_revision: head.first_revision, head, sound_revision, broken, hashes: walk.hashes })
    }
}

/// The way along the chain.
struct Chain {
    next: u64,
    previous: Option<Hash>,
    asked: Vec<u64>,
    hashes: Vec<(u64, Hash)>,
}

impl Chain {
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let revision = self.next;
        let row = check_row(revision, key, value)?;
        let hash = |bytes: &[u8]| Hash::try_from(bytes).expect("check_row has hashed with both");
        match self.previous {
            Some(previous) if previous != row.previous => {
                let what = format!("record {revision} of the journal does not follow the one before it");
                return Err(Fault::Corrupt(what));
            }
            Some(_) => {}
            None => self.reach(hash(row.previous), revision - 1),
        }
        self.reach(hash(row.hash), revision);
        self.next += 1;
        Ok(())
    }

    fn reach(&mut self, hash: Hash, revision: u64) {
        self.previous = Some(hash);
        if self.asked.binary_search(&revision).is_ok() {
            self.hashes.push((revision, hash));
        }
    }
}

/// Whether a process has the store open, and its file in order.
fn is_open(dir: &Path) -> bool {
    File::open(dir.join(LOCK_FILE)).is_ok_and(|file| {
        let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        is_held && file.metadata().is_ok_and(|of| of.len() > 0)
    })
}
