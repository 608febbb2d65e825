//! What can go wrong with a store's files, and how LMDB's errors become faults and refusals.

use std::fmt;
use std::io;

use kasir_core::refusal::Stop;
use kasir_core::{Code, Fault, Reason, Refusal};

macro_rules! kinds {
    ($($name:ident = $text:literal $code:ident $meaning:literal;)*) => {
        /// Why a store cannot be opened, copied, restored or rebuilt.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StoreErrorKind { $(#[doc = $meaning] $name,)* }

        impl StoreErrorKind {
            /// Every kind.
            pub const ALL: &'static [StoreErrorKind] = &[$(StoreErrorKind::$name,)*];

            /// The name clients see, e.g. "STORE_LOCKED".
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The gRPC status.
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

kinds! {
    Locked = "STORE_LOCKED" Unavailable "Another process has the store open.";
    Corrupt = "STORE_CORRUPT" DataLoss "The store's file is damaged.";
    Format = "STORE_FORMAT" FailedPrecondition "The store was written in a format that this program does not know.";
    Unusable = "STORE_UNUSABLE" FailedPrecondition "The directory or a file in it cannot be made, read or written.";
    Exists = "STORE_EXISTS" AlreadyExists "The directory is not empty.";
    Differs = "STORE_DIFFERS" FailedPrecondition "The two stores do not share one history.";
    SnapshotExists = "SNAPSHOT_EXISTS" AlreadyExists "A file with the snapshot's name is there already.";
    SnapshotBroken = "SNAPSHOT_BROKEN" DataLoss "The file is no whole, sound snapshot.";
    JournalBroken = "JOURNAL_BROKEN" DataLoss "The file is no whole, sound part of a backup's journal.";
    NotReached = "BACKUP_NOT_REACHED" OutOfRange "The backup does not hold the revision or time.";
    Reopened = "STORE_REOPENED" Aborted "The store was opened anew while it was looked at: what was seen is not of one moment. Try again.";
    NotClosed = "STORE_NOT_CLOSED" FailedPrecondition "The store was not closed, and nobody has it open: its engine has to put it in order.";
}

/// A store's files could not be used; in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// Why.
    pub kind: StoreErrorKind,
    /// What happened, for people.
    pub message: String,
}

impl StoreError {
    /// An error with a message.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the operating system would not do.
    pub(crate) fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(StoreErrorKind::Unusable, format!("{doing}: {error}"))
    }

    /// A failure of LMDB while `doing`.
    pub(crate) fn lmdb(doing: impl fmt::Display, error: heed::Error) -> Self {
        Self::fault(doing, &fault(error))
    }

    /// A fault while `doing`.
    pub(crate) fn fault(doing: impl fmt::Display, fault: &Fault) -> Self {
        let kind = match fault {
            Fault::Corrupt(_) => StoreErrorKind::Corrupt,
            Fault::Full | Fault::Io(_) => StoreErrorKind::Unusable,
        };
        Self::new(kind, format!("{doing}: {fault}"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for StoreError {}

/// What an LMDB error means to the rules above.
#[allow(clippy::needless_pass_by_value, reason = "used as `map_err(fault)` everywhere")]
pub(crate) fn fault(error: heed::Error) -> Fault {
    use heed::MdbError as M;
    match error {
        heed::Error::Mdb(M::MapFull) => Fault::Full,
        heed::Error::Mdb(
            M::Corrupted
            | M::PageNotFound
            | M::Invalid
            | M::VersionMismatch
            | M::Incompatible
            | M::KeyExist
            | M::BadValSize,
        )
        | heed::Error::Encoding(_)
        | heed::Error::Decoding(_) => Fault::Corrupt(error.to_string()),
        heed::Error::Mdb(_) | heed::Error::Io(_) | heed::Error::EnvAlreadyOpened => {
            Fault::Io(error.to_string())
        }
    }
}

/// What the caller is told when an operation stopped.
pub fn refusal(stop: Stop) -> Refusal {
    match stop {
        Stop::Refused(refusal) => refusal,
        Stop::Fault(Fault::Corrupt(what)) => {
            Refusal::new(Reason::StoreCorrupt, format!("A stored record cannot be trusted: {what}."))
        }
        Stop::Fault(fault @ (Fault::Full | Fault::Io(_))) => {
            Refusal::new(Reason::StoreFull, format!("Nothing was changed: {fault}."))
        }
    }
}

/// The refusal after `close`.
pub(crate) fn closed() -> Refusal {
    Refusal::new(Reason::WriterStopped, "The engine is closed and takes no commands.")
}
