//! Readers and a writer that runs ahead: LMDB's file follows some batches behind what is durable and answered.
//!
//! Whoever reads finds everything that was answered before: it asks, and waits for the batch under way at most. A writer
//! that is read from follows before it answers, so that nobody has to wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How far LMDB's file has followed.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// The last revision that a read finds.
    reached: AtomicU64,
    /// It cannot follow for now: reads find what there is.
    stuck: AtomicBool,
    /// Somebody waits.
    wanted: AtomicBool,
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
        self.wanted.store(true, Ordering::Release);
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
        self.wanted.store(false, Ordering::Release);
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Whether somebody waits.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Reads begun so far.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}
