//! The one writer: takes all commands that wait, carries them out in one transaction, commits, then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use kasir_core::deadlines::next_due_ms;
use kasir_core::kept::Kept;
use kasir_core::kv::SHARD;
use kasir_core::{Fault, Reason, Refusal};

use crate::batch::{Batch, Tally};
use crate::disk::{self, Verdict};
use crate::error::{fault, refusal};
use crate::files::Files;
use crate::log::{Appended, Place};
use crate::pace::{self, Pace};
use crate::record::Head;
use crate::request::{Answer, Encoder, Request};
use crate::store::Shared;
use crate::txn::Writer;

/// The machine's clock may be set while the sequencer sleeps: with a deadline ahead it looks at least this often.
const CLOCK_LOOK: Duration = Duration::from_millis(500);
/// After the disk refused a batch, deadlines wait this long; commands try at once.
const DISK_PAUSE: Duration = Duration::from_secs(1);
/// The map grows ahead of need once this share of it is used.
const GROW_AHEAD_PERCENT: u64 = 75;
/// Most records that one transaction trims.
const TRIM_MAX: usize = 10_000;

/// Who waits for an answer.
pub(crate) enum Waiter<T> {
    /// A caller that the sink knows.
    Sink(T),
    /// A blocked thread.
    Thread(Sender<Answer>),
}

/// What the queue carries.
pub(crate) enum Work<T> {
    /// A command.
    Command(Box<Request>, Waiter<T>),
    /// Trimming of the journal before a revision.
    Trim(u64, Sender<Result<u64, Refusal>>),
}

/// What the sequencer wakes up for.
enum Next<T> {
    Work(Work<T>),
    /// A deadline fell due.
    Deadline,
    /// The store is closed, and nothing waits.
    Closed,
}

/// Why an attempt at a batch came to nothing. Its transaction is gone.
enum Failure {
    /// The map is full: grow it, and do the batch again.
    MapFull,
    /// The disk did not take it; nothing was changed, and later batches may pass.
    Unwritable(String),
    /// The writer cannot go on.
    Stop(Refusal),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::MapFull,
            Fault::Io(what) => Self::Unwritable(what),
            Fault::Corrupt(_) => Self::Stop(refusal(fault.into())),
        }
    }
}

/// What an attempt led to, committed.
struct Done {
    answers: Vec<Answer>,
    head: Head,
    now_ms: i64,
    next_due_ms: Option<i64>,
    tally: Tally,
}

/// The thread's own state.
pub(crate) struct Sequencer<T> {
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) files: Files,
    pub(crate) queue: Receiver<Work<T>>,
    pub(crate) encoder: Arc<dyn Encoder>,
    pub(crate) max_batch: usize,
    pub(crate) head: Head,
    pub(crate) kept: Kept,
    /// The last stamp; stamps never go back.
    pub(crate) now_ms: i64,
    /// When the next deadline falls due, Unix milliseconds.
    pub(crate) next_due_ms: Option<i64>,
    pub(crate) pace: Pace,
    /// Deadlines wait until then: the disk did not take the last batch.
    pub(crate) pause_until: Option<Instant>,
}

impl<T: Send + 'static> Sequencer<T> {
    /// Serves until the queue is closed and empty, or the writer has to stop.
    pub(crate) fn run(mut self) {
        let mut requests = Vec::new();
        let mut waiters = Vec::new();
        let mut trims = Vec::new();
        loop {
            let mut next = match self.wait() {
                Next::Work(work) => Some(work),
                Next::Deadline => None,
                Next::Closed => return,
            };
            while let Some(work) = next {
                match work {
                    Work::Command(request, waiter) => {
                        requests.push(*request);
                        waiters.push(waiter);
                    }
                    Work::Trim(before, done) => trims.push((before, done)),
                }
                next = if requests.len() < self.max_batch { self.queue.try_recv().ok() } else { None };
            }
            // A panic is a bug. The transaction it tore is gone with the stack, but nothing more is to be trusted.
            let served = catch_unwind(AssertUnwindSafe(|| self.serve(&requests)))
                .unwrap_or_else(|panic| Err(stopped_by(panic.as_ref())));
            self.shared.answered(requests.iter().map(|request: &Request| request.bytes).sum());
            requests.clear();
            let stop = match served {
                Ok(answers) => self.answer(waiters.drain(..).zip(answers)),
                Err(why) => {
                    let all = waiters.drain(..).map(|waiter| (waiter, Err(why.clone())));
                    self.answer(all).and(Err(why))
                }
            };
            if let Err(why) = stop.and_then(|()| self.trim(&mut trims)) {
                return self.stop(&why);
            }
        }
    }

    fn wait(&self) -> Next<T> {
        loop {
            let Some(due_ms) = self.next_due_ms else {
                return self.queue.recv().map_or(Next::Closed, Next::Work);
            };
            let wait = self.until(due_ms);
            if wait.is_zero() {
                return match self.queue.try_recv() {
                    Ok(work) => Next::Work(work),
                    Err(TryRecvError::Empty) => Next::Deadline,
                    Err(TryRecvError::Disconnected) => Next::Closed,
                };
            }
            match self.queue.recv_timeout(wait.min(CLOCK_LOOK)) {
                Ok(work) => return Next::Work(work),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Next::Closed,
            }
        }
    }

    fn until(&self, due_ms: i64) -> Duration {
        let now_ms = self.shared.clock.now_ms().max(self.now_ms);
        let left = Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(0));
        let pause = self.pause_until.map(|until| until.saturating_duration_since(Instant::now()));
        left.max(pause.unwrap_or_default())
    }

    /// Carries a batch out and commits it. `Err`: the writer has to stop, with this answer to all.
    fn serve(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Refusal> {
        loop {
            // A failed attempt keeps nothing: what it kept it may have written itself.
            let mut kept = std::mem::take(&mut self.kept);
            let begun = Instant::now();
            let what = match self.attempt(requests, &mut kept) {
                Ok(done) => {
                    self.kept = kept;
                    self.pace.learn(done.tally.expired, begun.elapsed());
                    return Ok(self.publish(done));
                }
                Err(Failure::Stop(why)) => return Err(why),
                Err(Failure::MapFull) => match self.grow() {
                    Ok(()) => continue,
                    Err(fault) => fault.to_string(),
                },
                Err(Failure::Unwritable(what)) => what,
            };
            self.pause_until = Some(Instant::now() + DISK_PAUSE);
            let why = Refusal::new(
                Reason::StoreFull,
                format!("The disk did not take it; nothing was changed: {what}."),
            )
            .with("retry_ms", DISK_PAUSE.as_millis());
            return Ok(vec![Err(why); requests.len()]);
        }
    }

    fn attempt(&self, requests: &[Request], kept: &mut Kept) -> Result<Done, Failure> {
        let begun = Instant::now();
        let mut txn = Writer::begin(&self.files, kept).map_err(|error| stop(&error))?;
        let most = self.pace.most();
        let mut batch =
            Batch::new(&mut txn, &*self.encoder, &*self.shared.clock, &self.head, self.now_ms, most);
        let answers: Vec<Answer> = if requests.is_empty() {
            // Until a command comes.
            while batch.settle_due(pace::LEAST)? && self.queue.is_empty() {}
            Vec::new()
        } else {
            requests.iter().map(|request| batch.carry_out(request)).collect::<Result<_, _>>()?
        };
        let (entries, now_ms, tally) = batch.finish()?;
        let next_due_ms = next_due_ms(&txn)?;
        if entries.is_empty() {
            // Refused or repeated, all of it: there is nothing to make durable.
            return Ok(Done { answers, head: self.head, now_ms, next_due_ms, tally });
        }
        let place = Place { shard: SHARD, epoch: self.head.epoch, expected_revision: self.head.revision };
        let head = match self.shared.log.append(&mut txn, place, &entries)? {
            Appended::Committed(head) => head,
            Appended::Fenced(head) => return Err(Failure::Stop(fenced(&head))),
            Appended::Unknown(what) => return Err(Failure::Stop(unknown(&what))),
        };
        let committing = Instant::now();
        txn.commit().map_err(|error| self.judge(error))?;
        self.shared.counters.committed(requests.len(), committing.elapsed(), begun.elapsed());
        Ok(Done { answers, head, now_ms, next_due_ms, tally })
    }

    /// What a failed commit means.
    fn judge(&self, error: heed::Error) -> Failure {
        match disk::verdict(&error, &self.shared.dir) {
            Verdict::MapFull => Failure::MapFull,
            // LMDB closes an environment whose header it could not write: then nobody knows what the file says.
            Verdict::DiskFull if self.files.write_txn().is_ok() => Failure::Unwritable(error.to_string()),
            Verdict::DiskFull | Verdict::Broken => stop(&error),
            Verdict::Corrupt => Failure::from(fault(error)),
        }
    }

    /// Makes a batch known: readers see it already, now whoever asks for the revision does.
    fn publish(&mut self, done: Done) -> Vec<Answer> {
        let grown = done.head.revision > self.head.revision;
        self.head = done.head;
        self.now_ms = done.now_ms;
        self.next_due_ms = done.next_due_ms;
        self.pause_until = None;
        self.shared.counters.answered(done.tally);
        self.shared.log_time_ms.store(self.now_ms, Ordering::Release);
        if grown {
            self.shared.revision.store(self.head.revision, Ordering::Release);
            self.shared.sink.committed(self.head.revision);
            self.grow_ahead();
        }
        done.answers
    }

    /// Tells the callers of a batch. The sink is another's code: its panic stops the writer, not the process.
    fn answer(&self, answers: impl Iterator<Item = (Waiter<T>, Answer)>) -> Result<(), Refusal> {
        let mut for_sink = Vec::with_capacity(answers.size_hint().0);
        for (waiter, answer) in answers {
            match waiter {
                Waiter::Sink(token) => for_sink.push((token, answer)),
                // A thread that gave up waiting has dropped its end.
                Waiter::Thread(thread) => drop(thread.send(answer)),
            }
        }
        if for_sink.is_empty() {
            return Ok(());
        }
        catch_unwind(AssertUnwindSafe(|| self.shared.sink.complete(for_sink)))
            .map_err(|panic| stopped_by(panic.as_ref()))
    }

    /// Doubles the map, once no reader of this process is inside it.
    fn grow(&self) -> Result<(), Fault> {
        let _alone = self.shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.files.grow()
    }

    /// Grows the map before it is full, when no reader has to be waited for.
    fn grow_ahead(&self) {
        let (used, map) = (self.files.used_bytes(), self.files.map_bytes());
        if used.saturating_mul(100) < map.saturating_mul(GROW_AHEAD_PERCENT) {
            return;
        }
        if let Ok(_alone) = self.shared.gate.try_write() {
            // Whatever hinders it now is found out, and told, when the map is full.
            let _ = self.files.grow();
        }
    }

    fn trim(&mut self, trims: &mut Vec<(u64, Sender<Result<u64, Refusal>>)>) -> Result<(), Refusal> {
        for (before, done) in trims.drain(..) {
            let trimmed = loop {
                match self.trim_once(before) {
                    Err(Failure::MapFull) if self.grow().is_ok() => {}
                    other => break other,
                }
            };
            let (told, stop) = match trimmed {
                Ok(count) => (Ok(count), None),
                Err(Failure::Stop(why)) => (Err(why.clone()), Some(why)),
                Err(Failure::Unwritable(what)) => (Err(refusal(Fault::Io(what).into())), None),
                Err(Failure::MapFull) => (Err(refusal(Fault::Full.into())), None),
            };
            drop(done.send(told));
            stop.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn trim_once(&mut self, before: u64) -> Result<u64, Failure> {
        let mut txn = Writer::begin(&self.files, &mut self.kept).map_err(|error| stop(&error))?;
        let count = self.shared.log.trim(&mut txn, before, TRIM_MAX)?;
        let head = txn.head()?;
        if count > 0 {
            txn.commit().map_err(|error| self.judge(error))?;
            self.head = head;
        }
        Ok(count)
    }

    /// Takes nothing more, and answers all that wait.
    fn stop(self, why: &Refusal) {
        self.shared.stop(why.clone());
        let left = self.queue.try_iter().filter_map(|work| match work {
            Work::Command(_, waiter) => Some((waiter, Err(why.clone()))),
            Work::Trim(_, done) => {
                drop(done.send(Err(why.clone())));
                None
            }
        });
        // The sink may be what is broken.
        let _ = self.answer(left);
        let _ = catch_unwind(AssertUnwindSafe(|| self.shared.sink.stopped(why)));
    }
}

fn stop(error: &heed::Error) -> Failure {
    Failure::Stop(unknown(&error.to_string()))
}

/// What callers are told whose commands may or may not have happened.
fn unknown(what: &str) -> Refusal {
    Refusal::new(
        Reason::WriterStopped,
        format!(
            "The engine stopped because it could not write for certain: {what}. Send the request again with its id."
        ),
    )
}

fn fenced(head: &Head) -> Refusal {
    Refusal::new(Reason::WriterStopped, "Another engine has taken this store over; nothing was changed.")
        .with("epoch", head.epoch)
        .with("revision", head.revision)
}

fn stopped_by(panic: &(dyn std::any::Any + Send)) -> Refusal {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    Refusal::new(
        Reason::WriterStopped,
        format!("The engine stopped because of a fault in its program: {words}."),
    )
}
