//! LMDB behind the rules: tables, the one writer, readers, journal, snapshot and verify.
//!
//! [`Store`] is the whole of it. Commands go through a bounded queue to one thread, the sequencer, which carries out all
//! that wait, appends them to the write-ahead file and syncs it, and only then answers. LMDB's file follows by a thread of its
//! own. Reads take LMDB's snapshots beside it. [`schema`] lists what stands in the file.

mod ahead;
mod batch;
mod beside;
mod blocks;
mod changed;
mod checkpoint;
mod clock;
mod disk;
mod durable;
mod error;
mod failure;
#[cfg(test)]
mod faults;
mod files;
mod follow;
mod follower;
mod following;
mod hand;
mod log;
mod onlooker;
mod onlookers;
mod pace;
mod record;
mod replay;
mod request;
mod room;
mod rows;
pub mod schema;
mod sealing;
mod segment;
mod sequencer;
mod snapshot;
mod status;
mod store;
mod txn;
mod verify;
mod wal;
mod world;

pub use changed::Kinds;
pub use checkpoint::CHECKPOINT_FILE;
pub use clock::{CarefulClock, Clock, Machine, SystemClock, ThisMachine};
pub use error::{StoreError, StoreErrorKind, refusal};
pub use files::{DATA_FILE, LOCK_FILE};
pub use log::{Appended, CommandLog, EmbeddedLog, LogEntry, Place};
pub use onlooker::{Audit, Erasure, Onlooker};
pub use onlookers::ONLOOKERS_FILE;
pub use record::{
    DEADLINES_METHOD, GENESIS, Hash, Head, JournalRecord, RequestId, RequestRecord, record_hash, request_hash,
};
pub use replay::Target;
pub use request::{Answer, BatchSink, Encoder, Passage, Request};
pub use sealing::{MadeKey, Sealed, Under};
pub use segment::{Segment, check_segment, merge_segments, read_segment, write_segment};
pub use snapshot::{MAGIC, Snapshot, check_seal, restore, restore_to};
pub use status::{BATCH_SIZE_BUCKETS, Status};
pub use store::{Options, Runner, Store};
pub use txn::{Reader, Writer};
pub use verify::{VIOLATIONS_MAX, Verification};
pub use wal::{Frame, WAL_FILES};
pub use world::{Sizes, World};
