//! How LMDB's file follows what is durable: beside the writer, or, where somebody reads, before the answer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use heed::MdbError;
use kasir_core::Fault;
use kasir_core::kept::Kept;

use crate::disk::{self, Verdict};
use crate::failure::{Failure, stop, unknown};
use crate::files::Files;
use crate::follower::Ended;
use crate::hand::Intake;
use crate::replay::recover;
use crate::sequencer::Sequencer;
use crate::txn::{Base, Writer, head_of};
use crate::wal::Frames;

/// Beyond this share no command has room in a map that cannot grow: what falls due needs the rest.
pub(crate) const TIGHT_PERCENT: u64 = 90;
/// LMDB follows again so long after it did last, while there are commands: a command that comes after a pause is followed at
/// once, of many the pages that they change are written once. Who reads does not wait for it, see [`Sequencer::is_wanted`].
const FOLLOW_TIME: Duration = Duration::from_millis(60);
/// The same while a checkpoint ends: of most files that does not last as long.
const FOLLOW_TIME_MOST: Duration = Duration::from_millis(100);
/// So many bytes of rows are as much as many commands: of some each is a thousand.
const FOLLOW_BYTES: usize = 16 << 20;
/// Up to so many bytes of rows, what a caller or two make, the writer tells LMDB itself where somebody reads. More it tells beside, and
/// who reads waits some milliseconds: else nothing would be decided meanwhile, and pages that many change would be written for each.
const FOLLOW_AT_ONCE_BYTES: usize = 16 << 10;
/// While LMDB still follows, so many times as much waits for it as otherwise.
const FOLLOW_TIMES_MOST: usize = 4;
/// A store that was read from will be again, for so long.
const READS_LINGER: Duration = Duration::from_millis(20);

impl<T: Send + 'static> Sequencer<T> {
    /// Begins to decide, over what the file has and what it is being told.
    pub(crate) fn begin<'f>(&mut self, files: &'f Files, kept: &'f mut Kept) -> Result<Writer<'f>, Failure> {
        let mut below = self.follower.rows();
        let base = match Base::begin(files, below.is_none()) {
            Err(heed::Error::Mdb(MdbError::ReadersFull)) => {
                self.end_follow()?;
                below = None;
                Base::begin(files, true)
            }
            begun => begun,
        };
        Ok(Writer::over(files, base.map_err(|error| stop(&error))?, kept, below, self.follower.spare()))
    }

    /// Whether the file has followed meanwhile: then it is decided over that alone.
    pub(crate) fn look_at_follower(&mut self, txn: &mut Writer<'_>) -> Result<(), Failure> {
        match self.follower.ending().map(Receiver::try_recv) {
            Some(Ok(ended)) => self.has_followed(ended)?,
            Some(Err(TryRecvError::Disconnected)) => self.end_follow()?,
            Some(Err(TryRecvError::Empty)) | None => {}
        }
        if let Some(failure) = self.lost.take() {
            return Err(failure);
        }
        if self.follower.is_busy() { Ok(()) } else { txn.settle().map_err(|error| stop(&error)) }
    }

    /// Whether the file is to follow what so many commands changed.
    pub(crate) fn is_time(&self, txn: &Writer<'_>, commands: usize) -> bool {
        let is_busy = self.follower.is_busy();
        let times = if is_busy { FOLLOW_TIMES_MOST } else { 1 };
        commands >= self.follow_commands.saturating_mul(times)
            || txn.weight() >= FOLLOW_BYTES * times
            || !is_busy && (self.shared.following.is_wanted() || Instant::now() >= self.follows_at())
    }

    /// When it is to follow at the latest.
    pub(crate) fn follows_at(&self) -> Instant {
        self.followed_at + if self.ahead.is_ending() { FOLLOW_TIME_MOST } else { FOLLOW_TIME }
    }

    /// Whether it has to follow before anything else is done.
    pub(crate) fn is_wanted(&mut self, txn: &Writer<'_>, intake: &Intake<T>) -> bool {
        let is_quick = !self.follower.is_busy() && txn.weight() <= FOLLOW_AT_ONCE_BYTES;
        // Asked first: it remembers who reads.
        self.is_read_from() && is_quick || !intake.trims.is_empty() || self.is_filled(TIGHT_PERCENT)
    }

    /// Whether readers have to be expected.
    fn is_read_from(&mut self) -> bool {
        let reads = self.shared.following.reads();
        if reads != self.reads.0 {
            self.reads = (reads, Some(Instant::now() + READS_LINGER));
        }
        self.reads.1.is_some_and(|until| Instant::now() < until) || self.shared.following.is_wanted()
    }

    /// Lets the file follow, up to `revision`, before anything else is done.
    pub(crate) fn follow(&mut self, txn: Writer<'_>, revision: u64) -> Result<(), Failure> {
        let rows = txn.into_rows()?;
        self.end_follow()?;
        if !rows.is_empty() {
            rows.commit(&self.files, || ()).map_err(|error| self.judge(&error))?;
        }
        self.caught_up(revision)
    }

    /// Lets the file follow to what was told, beside the writer.
    pub(crate) fn hand_over(&mut self, txn: Writer<'_>) -> Result<(), Failure> {
        let rows = txn.into_rows()?;
        self.end_follow()?;
        if rows.is_empty() {
            return Ok(());
        }
        self.grow_ahead();
        self.follower.begin(&self.files, rows, self.head.revision).map_err(|error| stop(&error))?;
        (self.behind, self.followed_at) = (false, Instant::now());
        Ok(())
    }

    /// Waits until the file has followed as far as it was told to.
    pub(crate) fn end_follow(&mut self) -> Result<(), Failure> {
        // It may have ended, and failed, while something else was waited for: nothing follows upon rows that were lost.
        if let Some(failure) = self.lost.take() {
            return Err(failure);
        }
        self.follower.end().map_or(Ok(()), |(revision, ended)| self.see(revision, ended))
    }

    /// It has, or has failed to.
    pub(crate) fn has_followed(&mut self, ended: Ended) -> Result<(), Failure> {
        self.follower.ended(ended).map_or(Ok(()), |(revision, ended)| self.see(revision, ended))
    }

    fn see(&mut self, revision: u64, ended: Ended) -> Result<(), Failure> {
        match ended {
            Ok(()) => self.followed(revision),
            Err(error) => {
                self.behind = true;
                Err(self.judge(&error))
            }
        }
    }

    /// The file is where the writer is.
    fn caught_up(&mut self, revision: u64) -> Result<(), Failure> {
        (self.behind, self.followed_at) = (false, Instant::now());
        self.grow_ahead();
        self.followed(revision)
    }

    /// The file has followed: readers find it, and checkpoints are seen to.
    fn followed(&mut self, revision: u64) -> Result<(), Failure> {
        self.shared.following.reach(revision);
        self.show();
        self.ahead.followed(revision).map_err(|error| stop(&error))
    }

    /// Lets the file follow the write-ahead file, if rows that it was to be told were lost.
    pub(crate) fn catch_up(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.lost.take() {
            return Err(failure);
        }
        if self.behind { self.settle() } else { Ok(()) }
    }

    /// The same, and waits for what it is being told: then it is where the writer is.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        // Rows that were lost are in the write-ahead file.
        if let Err(why @ Failure::Stop(_)) = self.end_follow() {
            return Err(why);
        }
        if !self.behind {
            return Ok(());
        }
        let reached = head_of(&self.files)?;
        let frames = Frames::between(&self.shared.dir, reached.revision, self.head.revision);
        let mut frames = frames.map_err(|error| Failure::Unwritable(error.message))?;
        let has_threads = self.world.is_none();
        let head = match recover(&self.files, &mut frames, reached, &|| self.double(), has_threads) {
            // LMDB closes an environment whose header it could not write: then nobody knows what the file says.
            Err(Fault::Io(what)) if self.files.write_txn().is_err() => {
                return Err(Failure::Stop(unknown(&what)));
            }
            recovered => recovered?,
        };
        if (head.revision, head.hash) != (self.head.revision, self.head.hash) {
            let (there, said) = (head.revision, self.head.revision);
            let what = format!("the write-ahead file leads to revision {there}, not to {said}");
            return Err(Failure::from(Fault::Corrupt(what)));
        }
        self.caught_up(head.revision)
    }

    /// What a failed commit of LMDB's means.
    pub(crate) fn judge(&self, error: &heed::Error) -> Failure {
        match disk::verdict(error) {
            Verdict::MapFull => Failure::MapFull,
            // LMDB closes an environment whose header it could not write: then nobody knows what the file says.
            Verdict::Unwritten if self.files.write_txn().is_ok() => Failure::Unwritable(error.to_string()),
            Verdict::Unwritten | Verdict::Broken => stop(error),
            Verdict::Corrupt => Failure::from(Fault::Corrupt(error.to_string())),
        }
    }

    /// Lets those who look know how far they can: to what was told, and LMDB has followed.
    pub(crate) fn show(&self) {
        let revision = self.head.revision.min(self.shared.following.reached());
        if revision > self.shared.readable.load(Ordering::Relaxed) {
            self.shared.readable.store(revision, Ordering::Release);
            self.shared.sink.readable(revision);
        }
    }
}
