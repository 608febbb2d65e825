//! Lets LMDB's file follow beside the writer.

use std::io;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::beside::{Beside, gone};
use crate::files::Files;
use crate::following::Following;
use crate::rows::Rows;

/// Rows on their way into a file.
pub(crate) struct Job {
    files: Files,
    rows: Arc<Rows>,
    following: Arc<Following>,
}

impl Job {
    /// Unless somebody waits for it, whoever works on an answer has the processor first.
    fn carry_out(self) -> Ended {
        let pause = || {
            if !self.following.is_wanted() {
                std::thread::yield_now();
            }
        };
        self.rows.commit(&self.files, pause)
    }
}

/// What became of them: all are in it, or none.
pub(crate) type Ended = Result<(), heed::Error>;

/// What LMDB's file is being told.
struct Way {
    rows: Arc<Rows>,
    /// Where the journal ends with them.
    revision: u64,
}

/// Has LMDB's file follow to one revision after another. Only the writer has it.
pub(crate) struct Follower {
    /// `None`: a simulation, which has no thread; it is done when it is waited for.
    thread: Option<Beside<Job, Ended>>,
    /// Who waits for it.
    following: Arc<Following>,
    waits: Option<Job>,
    way: Option<Way>,
    /// What has ended, for its memory.
    ended: Option<Arc<Rows>>,
}

impl Follower {
    /// One that has nothing to do yet.
    pub(crate) fn new(has_threads: bool, following: Arc<Following>) -> io::Result<Self> {
        let thread = has_threads.then(|| Beside::new("kasir-follow", || (), Job::carry_out)).transpose()?;
        Ok(Self { thread, following, waits: None, way: None, ended: None })
    }

    /// What is on its way, if anything is.
    pub(crate) fn rows(&self) -> Option<Arc<Rows>> {
        self.way.as_ref().map(|way| Arc::clone(&way.rows))
    }

    /// Memory for more rows.
    pub(crate) fn spare(&mut self) -> Rows {
        let mut rows = self.ended.take().and_then(Arc::into_inner).unwrap_or_default();
        rows.clear();
        rows
    }

    /// Whether anything is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.way.is_some()
    }

    /// Begins: with `rows` the file is at `revision`. What was on its way before has ended.
    pub(crate) fn begin(&mut self, files: &Files, rows: Rows, revision: u64) -> io::Result<()> {
        debug_assert!(!self.is_busy(), "one at a time");
        let rows = Arc::new(rows);
        let following = Arc::clone(&self.following);
        let job = Job { files: files.clone(), rows: Arc::clone(&rows), following };
        self.way = Some(Way { rows, revision });
        if let Some(thread) = &self.thread {
            return thread.begin(job);
        }
        self.waits = Some(job);
        Ok(())
    }

    /// Where it is told that what is on its way has ended, for [`Follower::ended`]; `None`: when it is waited for.
    pub(crate) fn ending(&self) -> Option<&Receiver<Ended>> {
        self.thread.as_ref().filter(|_| self.is_busy()).map(Beside::done)
    }

    /// Waits until what is on its way has ended: the revision that it leads to, and what became of it.
    pub(crate) fn end(&mut self) -> Option<(u64, Ended)> {
        let ended = match &self.thread {
            Some(thread) if self.way.is_some() => thread.done().recv().ok(),
            _ => self.waits.take().map(Job::carry_out),
        };
        // Not the disk's fault, but the program's: nothing more is to be trusted.
        self.ended(ended.unwrap_or_else(|| Err(heed::Error::Decoding(gone().into()))))
    }

    /// It has ended so.
    pub(crate) fn ended(&mut self, ended: Ended) -> Option<(u64, Ended)> {
        self.way.take().map(|way| {
            self.ended = Some(way.rows);
            (way.revision, ended)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Verdict, verdict};
    use crate::files::MapOptions;
    use crate::world::Surroundings;

    /// Not as what a disk refused, which it may take the next time.
    #[test]
    fn a_thread_that_panicked_is_broken_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let map = MapOptions { map_size: 1 << 20, max_readers: 4 };
        let (files, ..) = Files::open(dir.path(), map, &Surroundings::default(), 0).unwrap();
        let thread = Beside::new("panics", || (), |_| panic!("a bug")).unwrap();
        let mut follower = Follower::new(false, Arc::default()).unwrap();
        follower.thread = Some(thread);
        follower.begin(&files, Rows::default(), 1).unwrap();
        let (revision, ended) = follower.end().unwrap();
        assert_eq!((revision, verdict(&ended.unwrap_err())), (1, Verdict::Broken));
        assert!(follower.begin(&files, Rows::default(), 2).is_err());
    }
}
