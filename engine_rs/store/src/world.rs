//! What a simulation puts in the place of threads and of waiting, and the sizes that it makes small.

use std::sync::Arc;
use std::time::Duration;

/// Everything that would go on beside the writer. A store that is opened in a world has no thread: whoever opens it runs the
/// writer, and whatever happens meanwhile the world lets happen when the writer would wait.
pub trait World: Send + Sync {
    /// The writer would wait for something to do, `at_most` so long. It looks at its queue when this returns, however much
    /// time has passed. A read finds all that was answered only if the store has `followed`; else it waits for ever.
    fn idle(&self, at_most: Option<Duration>, followed: bool);

    /// Takes work that a thread of its own would do. Some of it leads to more.
    fn beside(&self, work: Box<dyn FnOnce() + Send>);

    /// Random bytes, the same ones every time the world is played.
    fn fill(&self, bytes: &mut [u8]);

    /// The writer waits for that work: all of it is done when this returns.
    fn join(&self);
}

/// How much of everything there is before the store turns to the next thing.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A write-ahead file is full at this size. It grows beyond it while a checkpoint is under way.
    pub wal_bytes: u64,
    /// How much a write-ahead file grows at a time. Zeros are written, not only promised: a sync of blocks that are there is
    /// faster. A multiple of 4,096.
    pub wal_growth_bytes: u64,
    /// A checkpoint is made at least after so many commits: until then LMDB spares the pages that they replaced, and its file
    /// grows by them.
    pub commits: u64,
    /// LMDB is told at least after so many commands, as soon as it has followed before.
    pub follow_commands: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { wal_bytes: 8 << 20, wal_growth_bytes: 1 << 20, commits: 256, follow_commands: 4_096 }
    }
}

/// Where a store is opened: the machine, unless a simulation says otherwise.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) sizes: Sizes,
    pub(crate) world: Option<Arc<dyn World>>,
}
