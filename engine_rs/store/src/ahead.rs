//! What makes a batch durable: the write-ahead files, and the checkpoints that let them be used again.

use std::io;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::checkpoint::Checkpoints;
use crate::syncer::{Synced, Syncer};
use crate::wal::{Frame, Trouble, Wal};

/// Write-ahead files and checkpoints of one open store. Only the writer has it.
#[derive(Debug)]
pub(crate) struct Ahead {
    wal: Wal,
    checkpoints: Checkpoints,
    /// Since the last checkpoint was begun.
    commits: u64,
    /// After so many the next one is begun.
    commits_max: u64,
    /// The other file was begun since then.
    turned: bool,
    /// The last revision that LMDB followed to.
    revision: u64,
    /// Syncs beside the writer. `None`: a simulation, which has no thread; its syncs come when they are waited for.
    syncer: Option<Syncer>,
}

impl Ahead {
    /// Goes on from a store that is recovered up to `revision`, by frames that end where `wal` goes on.
    pub(crate) fn begin(
        wal: Wal,
        checkpoints: Checkpoints,
        revision: u64,
        commits_max: u64,
        has_threads: bool,
    ) -> io::Result<Self> {
        // Nobody waits for a checkpoint now, but what was recovered should not have to be once more.
        let turned = revision > checkpoints.revision();
        let syncer = has_threads.then(|| wal.syncer()).transpose()?;
        Ok(Self { wal, checkpoints, commits: 0, commits_max, turned, revision, syncer })
    }

    /// Writes a batch whose last record is `last`; it is durable once it is synced. Says when it was written.
    ///
    /// # Errors
    /// [`Trouble::Write`] when nothing was changed; [`Trouble::Sync`] when nobody knows.
    pub(crate) fn write(&mut self, frame: &mut Frame, last: u64) -> Result<Instant, Trouble> {
        if self.wal.is_full() {
            self.checkpoints.hurry();
        }
        if self.wal.is_overfull() {
            self.checkpoints.look(true).map_err(Trouble::Sync)?;
        }
        self.turned |= self.wal.turn_for(frame, self.checkpoints.revision());
        self.wal.write(frame, last).map_err(Trouble::Write)
    }

    /// Makes durable what was written last; says when that was done.
    pub(crate) fn sync(&self) -> Synced {
        self.wal.sync()
    }

    /// Begins to make durable what was written last, beside the writer.
    pub(crate) fn begin_sync(&self) -> io::Result<()> {
        self.syncer.as_ref().map_or(Ok(()), |syncer| syncer.begin(self.wal.current()))
    }

    /// Where it is told when that is done; `None`: when it is waited for.
    pub(crate) fn syncing(&self) -> Option<&Receiver<Synced>> {
        self.syncer.as_ref().map(Syncer::done)
    }

    /// Waits until it is done.
    pub(crate) fn end_sync(&self) -> Synced {
        match &self.syncer {
            Some(syncer) => syncer.done().recv().map_err(io::Error::other)?,
            None => self.sync(),
        }
    }

    /// LMDB followed up to `revision`: begins a checkpoint when it is time. Never waits.
    ///
    /// # Errors
    /// A checkpoint failed: the disk did not confirm.
    pub(crate) fn followed(&mut self, revision: u64) -> io::Result<()> {
        self.commits += u64::from(revision > self.revision);
        self.revision = revision;
        self.checkpoints.look(false)?;
        if !self.checkpoints.is_pending()
            && (self.turned
                || self.wal.is_stuck(self.checkpoints.revision())
                || self.commits >= self.commits_max)
        {
            self.start(revision)?;
        }
        Ok(())
    }

    /// Whether a checkpoint is almost made, see [`Checkpoints::is_ending`].
    pub(crate) fn is_ending(&self) -> bool {
        self.checkpoints.is_ending()
    }

    /// Makes a checkpoint of all that is committed, up to `revision`. False: the disk has no room for it.
    pub(crate) fn checkpoint(&mut self, revision: u64) -> io::Result<bool> {
        let made = self.checkpoints.make(revision)?;
        if made {
            (self.commits, self.turned) = (0, false);
        }
        Ok(made)
    }

    /// Makes the last checkpoint: LMDB's file, at `revision`, is all there is to the store then.
    pub(crate) fn close(self, revision: u64) -> io::Result<bool> {
        self.checkpoints.close(revision)
    }

    fn start(&mut self, revision: u64) -> io::Result<()> {
        if self.checkpoints.start(revision)? {
            (self.commits, self.turned) = (0, false);
        }
        Ok(())
    }
}
