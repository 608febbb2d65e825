//! How many deadlines a batch ends: few enough that nobody waits long for it, however many are due.

use std::time::Duration;

/// What a batch that ends deadlines is to take at most, its commit included. A caller waits for the batch under way and for
/// its own, so nobody waits longer than twice this, where the machine lets us.
const BATCH_FOR: Duration = Duration::from_millis(3);
/// A batch ends so many that are due in any case: all are ended some time, in the order of their time.
pub(crate) const LEAST: usize = 16;
/// More than that are never ended in one batch.
const MOST: usize = 1_024;
/// How many a new store begins with.
const FIRST: usize = 64;

/// Learns from how long batches took: slowly more while they are quick, at once half as many when one was slow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace(usize);

impl Default for Pace {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pace {
    /// How many deadlines the next batch may end.
    pub(crate) fn most(self) -> usize {
        self.0
    }

    /// A batch ended `expired` deadlines and took so long.
    pub(crate) fn learn(&mut self, expired: u64, took: Duration) {
        if expired == 0 {
            return;
        }
        if took > BATCH_FOR {
            self.0 = (self.0 / 2).max(LEAST);
        } else if expired >= self.0 as u64 {
            self.0 = (self.0 + LEAST).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(1);
    const SLOW: Duration = Duration::from_millis(50);

    #[test]
    fn quick_batches_end_more_and_slow_ones_fewer() {
        let mut pace = Pace::default();
        pace.learn(FIRST as u64, QUICK);
        assert_eq!(pace.most(), FIRST + LEAST);
        pace.learn(80, SLOW);
        assert_eq!(pace.most(), 40);
        pace.learn(39, QUICK);
        assert_eq!(pace.most(), 40, "it was quick with fewer: that says nothing of more");
        pace.learn(0, SLOW);
        assert_eq!(pace.most(), 40, "it was not the deadlines that took so long");
    }

    #[test]
    fn it_never_ends_none_and_never_all() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.learn(1_000, SLOW);
        }
        assert_eq!(pace.most(), LEAST);
        for _ in 0..100 {
            pace.learn(u64::MAX, QUICK);
        }
        assert_eq!(pace.most(), MOST);
    }
}
