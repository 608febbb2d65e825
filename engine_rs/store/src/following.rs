//! Readers and a writer that runs ahead: LMDB's file follows some batches behind what is durable and answered.
//!
//! Whoever reads finds everything that was answered before: it asks, and waits until LMDB has followed that far. A writer
//! that is read from follows before it answers, as long as that is quick, so that nobody has to wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How far LMDB's file has followed.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// The last revision that a read finds.
    reached: AtomicU64,
    /// It cannot follow for now: reads find what there is.
    stuck: AtomicBool,
    /// The last revision that somebody waited for.
    wanted: AtomicU64,
    /// Reads begun.
    reads: AtomicU64,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Following {
    pub(crate) fn new(revision: u64) -> Self {
        Self { reached: AtomicU64::new(revision), ..Self::default() }
    }

    /// Returns once a read finds `revision`, or cannot for now. `wake` is called if the writer may have to be told.
    pub(crate) fn wait(&self, revision: u64, wake: impl FnOnce()) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_there(revision) {
            return;
        }
        self.wanted.fetch_max(revision, Ordering::AcqRel);
        wake();
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_there(revision) {
            guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The last revision that a read finds.
    pub(crate) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    fn is_there(&self, revision: u64) -> bool {
        self.reached() >= revision || self.stuck.load(Ordering::Acquire)
    }

    /// Reads find `revision` now.
    pub(crate) fn reach(&self, revision: u64) {
        self.reached.store(revision, Ordering::Release);
        self.stuck.store(false, Ordering::Release);
        self.tell();
    }

    /// Reads find less than was answered until the next [`Following::reach`].
    pub(crate) fn give_up(&self) {
        self.stuck.store(true, Ordering::Release);
        self.tell();
    }

    fn tell(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Whether somebody waits.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.is_there(self.wanted.load(Ordering::Acquire))
    }

    /// Reads begun so far.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_more_than_was_reached_is_still_waited_for() {
        let following = Following::new(3);
        assert!(!following.is_wanted());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| following.wait(5, || {}));
            while !following.is_wanted() {
                std::thread::yield_now();
            }
            following.reach(4);
            assert!(following.is_wanted() && !waiting.is_finished());
            following.reach(5);
            waiting.join().expect("it has what it waited for");
        });
        assert!(!following.is_wanted());
        following.wait(5, || panic!("it is there"));
        assert_eq!(following.reads(), 2);
    }

    #[test]
    fn nobody_waits_while_it_cannot_follow() {
        let following = Following::new(0);
        following.give_up();
        following.wait(1, || panic!("nobody has to be told"));
        assert!(!following.is_wanted());
        following.reach(0);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| following.wait(1, || {}));
            while !following.is_wanted() {
                std::thread::yield_now();
            }
            following.give_up();
            waiting.join().expect("it is let go");
        });
    }
}
