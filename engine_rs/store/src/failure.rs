//! Why a batch came to nothing, and what its callers are told.

use std::time::Duration;

use kasir_core::{Fault, Reason, Refusal};

use crate::durable::Trouble;
use crate::error::refusal;
use crate::record::Head;

/// After the disk refused a batch, deadlines wait this long; commands try at once.
pub(crate) const DISK_PAUSE: Duration = Duration::from_secs(1);

/// Why an attempt at a batch came to nothing. Its transaction is gone.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The map is full: grow it, and do the batch again.
    MapFull,
    /// The disk did not take it; nothing was changed, and later batches may pass.
    Unwritable(String),
    /// The writer cannot go on.
    Stop(Refusal),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::MapFull,
            Fault::Io(what) => Self::Unwritable(what),
            Fault::Corrupt(_) => Self::Stop(refusal(fault.into())),
        }
    }
}

impl From<Trouble> for Failure {
    /// What a failed append to the write-ahead file means.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Write(error) => Self::Unwritable(error.to_string()),
            // A sync that failed once says nothing when it succeeds the next time: the kernel may have dropped what it
            // could not write.
            Trouble::Sync(error) => stop(&error),
        }
    }
}

/// What callers are told whose commands have no room.
pub(crate) fn too_full(what: &str) -> Refusal {
    Refusal::new(Reason::StoreFull, format!("The disk did not take it; nothing was changed: {what}."))
        .with("retry_ms", DISK_PAUSE.as_millis())
}

pub(crate) fn stop(error: &impl std::fmt::Display) -> Failure {
    Failure::Stop(unknown(&error.to_string()))
}

/// What callers are told whose commands may or may not have happened.
pub(crate) fn unknown(what: &str) -> Refusal {
    Refusal::new(
        Reason::WriterStopped,
        format!(
            "The engine stopped because it could not write for certain: {what}. Send the request again with its id."
        ),
    )
}

pub(crate) fn fenced(head: &Head) -> Refusal {
    Refusal::new(Reason::WriterStopped, "Another engine has taken this store over; nothing was changed.")
        .with("epoch", head.epoch)
        .with("revision", head.revision)
}

pub(crate) fn stopped_by(panic: &(dyn std::any::Any + Send)) -> Refusal {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    Refusal::new(
        Reason::WriterStopped,
        format!("The engine stopped because of a fault in its program: {words}."),
    )
}
