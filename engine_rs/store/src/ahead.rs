//! What makes a batch durable: the write-ahead files, and the checkpoints that let them be used again.

use std::io;

use crossbeam_channel::Receiver;

use crate::beside::{Beside, gone, take_short_turns};
use crate::checkpoint::Checkpoints;
use crate::durable::{Ended, Job, Passed, Trouble};
use crate::wal::{Frame, Wal};

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
    /// Makes frames durable beside the writer. `None`: a simulation, which has no thread; it is done when it is waited for.
    syncer: Option<Beside<Job, Ended>>,
    waits: Option<Job>,
    /// Memory for more.
    frames: Vec<Frame>,
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
        let syncer =
            has_threads.then(|| Beside::new("kasir-sync", take_short_turns, Job::carry_out)).transpose()?;
        let (waits, frames) = (None, Vec::new());
        Ok(Self { wal, checkpoints, commits: 0, commits_max, turned, revision, syncer, waits, frames })
    }

    /// Memory for a frame.
    pub(crate) fn frame(&mut self) -> Frame {
        self.frames.pop().unwrap_or_default()
    }

    /// Takes it back unused.
    pub(crate) fn give_back(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// Makes a batch durable whose last record is `last`.
    ///
    /// # Errors
    /// [`Trouble::Write`] when nothing was changed; [`Trouble::Sync`] when nobody knows.
    pub(crate) fn write(&mut self, frame: Frame, last: u64) -> Result<Passed, Trouble> {
        let job = self.job(frame, last)?;
        self.ended(job.carry_out())
    }

    /// The same beside the writer. Until it has ended nothing else is written.
    ///
    /// # Errors
    /// As [`Ahead::write`], as far as they are known.
    pub(crate) fn begin_write(&mut self, frame: Frame, last: u64) -> Result<(), Trouble> {
        let job = self.job(frame, last)?;
        if let Some(syncer) = &self.syncer {
            return syncer.begin(job).map_err(Trouble::Sync);
        }
        self.waits = Some(job);
        Ok(())
    }

    /// Where it is told when that is done, for [`Ahead::ended`]; `None`: when it is waited for.
    pub(crate) fn ending(&self) -> Option<&Receiver<Ended>> {
        self.syncer.as_ref().map(Beside::done)
    }

    /// Waits until it is done.
    pub(crate) fn end_write(&mut self) -> Result<Passed, Trouble> {
        let ended = match &self.syncer {
            Some(syncer) => syncer.done().recv().ok(),
            None => self.waits.take().map(Job::carry_out),
        };
        ended.map_or_else(|| Err(Trouble::Sync(gone())), |ended| self.ended(ended))
    }

    /// What it came to.
    pub(crate) fn ended(&mut self, ended: Ended) -> Result<Passed, Trouble> {
        let (frame, passed) = self.wal.end(ended);
        self.frames.push(frame);
        passed
    }

    fn job(&mut self, frame: Frame, last: u64) -> Result<Job, Trouble> {
        if self.wal.is_full() {
            self.checkpoints.hurry();
        }
        if self.wal.is_overfull() {
            self.checkpoints.look(true).map_err(Trouble::Sync)?;
        }
        self.turned |= self.wal.turn_for(&frame, self.checkpoints.revision());
        self.wal.begin(frame, last).map_err(Trouble::Write)
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
