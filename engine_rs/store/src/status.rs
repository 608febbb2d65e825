//! How the store does: counters of the sequencer, and what an operator is shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::batch::Tally;
use crate::record::Hash;

/// Commits are counted by size: at most 1, 2, 4, … 32,768 commands.
pub const BATCH_SIZE_BUCKETS: usize = 16;

/// How the store does. Counts are since it was opened, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The last committed revision.
    pub revision: u64,
    /// The oldest revision that can still be read.
    pub first_revision: u64,
    /// The last record's time, Unix milliseconds; 0 in a new store.
    pub log_time_ms: i64,
    /// How far the machine's clock is ahead of the shop's time, milliseconds (behind it: negative), because it was set by
    /// more than is believed; 0 while it is believed.
    pub clock_step_ms: i64,
    /// Commands that wait now.
    pub queue_length: u64,
    /// Commands that may wait.
    pub max_queue: u64,
    /// Commands carried out and committed.
    pub commands: u64,
    /// Commands refused by the rules.
    pub refused: u64,
    /// Commands answered from the record of an earlier request with the same id.
    pub repeated: u64,
    /// Deadlines that fell due.
    pub expired: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Time spent in commits, that is waiting for the disk, microseconds.
    pub commit_time_us: u64,
    /// Commits by how many commands they took: at most 1, 2, 4, …; not cumulative.
    pub batch_sizes: [u64; BATCH_SIZE_BUCKETS],
    /// Most commands that one commit took.
    pub largest_batch: u64,
    /// Bytes of the file that are given out, freed pages included.
    pub used_bytes: u64,
    /// Bytes of the map; grows by itself.
    pub map_bytes: u64,
    /// The last journal record's hash.
    pub journal_head: Hash,
    /// Read transactions open now, this one not counted.
    pub readers: u64,
}

/// What the sequencer counts. Each number is exact; read together they may be of different moments.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commands: AtomicU64,
    refused: AtomicU64,
    repeated: AtomicU64,
    expired: AtomicU64,
    commits: AtomicU64,
    commit_time_us: AtomicU64,
    batch_time_us: AtomicU64,
    batch_sizes: [AtomicU64; BATCH_SIZE_BUCKETS],
    largest_batch: AtomicU64,
    pub(crate) readers: AtomicU64,
}

impl Counters {
    /// A batch was answered.
    pub(crate) fn answered(&self, tally: Tally) {
        self.commands.fetch_add(tally.accepted, Ordering::Relaxed);
        self.refused.fetch_add(tally.refused, Ordering::Relaxed);
        self.repeated.fetch_add(tally.repeated, Ordering::Relaxed);
        self.expired.fetch_add(tally.expired, Ordering::Relaxed);
    }

    /// A transaction of `commands` commands was committed in `commit`, after `batch` altogether.
    pub(crate) fn committed(&self, commands: usize, commit: Duration, batch: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_time_us.fetch_add(micros(commit), Ordering::Relaxed);
        self.batch_time_us.fetch_add(micros(batch), Ordering::Relaxed);
        self.batch_sizes[bucket(commands)].fetch_add(1, Ordering::Relaxed);
        self.largest_batch.fetch_max(commands as u64, Ordering::Relaxed);
    }

    /// What an average batch takes.
    pub(crate) fn batch_time(&self) -> Duration {
        let commits = self.commits.load(Ordering::Relaxed).max(1);
        Duration::from_micros(self.batch_time_us.load(Ordering::Relaxed) / commits)
    }

    /// Writes the counts into a status.
    pub(crate) fn show(&self, status: &mut Status) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        status.commands = read(&self.commands);
        status.refused = read(&self.refused);
        status.repeated = read(&self.repeated);
        status.expired = read(&self.expired);
        status.commits = read(&self.commits);
        status.commit_time_us = read(&self.commit_time_us);
        status.largest_batch = read(&self.largest_batch);
        for (shown, counter) in status.batch_sizes.iter_mut().zip(&self.batch_sizes) {
            *shown = read(counter);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The bucket of a batch: the power of two that it reaches, the last one for all beyond.
fn bucket(commands: usize) -> usize {
    let bits = usize::BITS - commands.saturating_sub(1).leading_zeros();
    (bits as usize).min(BATCH_SIZE_BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted_by_the_power_of_two_they_reach() {
        let sizes = [0, 1, 2, 3, 4, 5, 8, 9, 32_768, 1_000_000];
        assert_eq!(sizes.map(bucket), [0, 0, 1, 2, 2, 3, 3, 4, 15, 15]);
    }
}
