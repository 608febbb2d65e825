//! The one writer: takes all commands that wait, carries them out, writes them ahead, syncs, then answers. LMDB follows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use kasir_core::deadlines::next_due_ms;
use kasir_core::kept::Kept;
use kasir_core::{Fault, Reason, Refusal};

use crate::ahead::Ahead;
use crate::batch::{Batch, Decided, Means};
use crate::checkpoint::not_taken;
use crate::durable::{Passed, Trouble};
use crate::error::refusal;
use crate::failure::{DISK_PAUSE, Failure, stop, stopped_by, too_full};
use crate::files::Files;
use crate::follow::TIGHT_PERCENT;
use crate::follower::Follower;
use crate::hand::{Done, Intake, Next, Underway, Waiter, Work};
use crate::pace::{self, Pace};
use crate::record::Head;
use crate::request::{Answer, Encoder, Passage};
use crate::store::{OnDrop, Shared};
use crate::txn::Writer;
use crate::wal::Frame;
use crate::world::World;

/// The machine's clock may be set while the sequencer sleeps: with a deadline ahead it looks at least this often.
const CLOCK_LOOK: Duration = Duration::from_millis(500);
/// Most records that one transaction trims.
const TRIM_MAX: usize = 10_000;

/// The thread's own state.
pub(crate) struct Sequencer<T> {
    pub(crate) shared: Arc<Shared<T>>,
    // The order counts: what holds on to the files goes before them, and while LMDB is told something the last checkpoint's pages
    // are kept.
    pub(crate) follower: Follower,
    pub(crate) ahead: Ahead,
    pub(crate) files: Files,
    pub(crate) queue: Receiver<Work<T>>,
    pub(crate) encoder: Arc<dyn Encoder>,
    pub(crate) max_batch: usize,
    /// Where the journal ends: durable.
    pub(crate) head: Head,
    /// The write-ahead file holds what LMDB's does not, and is not being told either.
    pub(crate) behind: bool,
    /// Why it could not follow.
    pub(crate) lost: Option<Failure>,
    /// When LMDB followed last.
    pub(crate) followed_at: Instant,
    /// The last stamp; stamps never go back.
    pub(crate) now_ms: i64,
    /// When the next deadline falls due, Unix milliseconds.
    pub(crate) next_due_ms: Option<i64>,
    pub(crate) pace: Pace,
    /// Deadlines wait until then: the disk did not take the last batch.
    pub(crate) pause_until: Option<Instant>,
    /// Reads seen, and until when more are expected.
    pub(crate) reads: (u64, Option<Instant>),
    /// Records were trimmed since the last checkpoint that was waited for.
    pub(crate) trimmed: bool,
    pub(crate) follow_commands: usize,
    pub(crate) world: Option<Arc<dyn World>>,
}

impl<T: Send + 'static> Sequencer<T> {
    /// Serves until the queue is closed and empty, or the writer has to stop.
    pub(crate) fn run(mut self) {
        // However this ends, nobody waits for it.
        let shared = Arc::clone(&self.shared);
        let _end = OnDrop(|| shared.following.give_up());
        let files = self.files.clone();
        let mut kept = Kept::new();
        let mut intake =
            Intake { requests: Vec::new(), waiters: Vec::new(), trims: Vec::new(), under_way: None };
        loop {
            // A panic is a bug: nothing more is to be trusted.
            let lived = catch_unwind(AssertUnwindSafe(|| self.live(&files, &mut kept, &mut intake)));
            let lived = lived.unwrap_or_else(|panic| {
                let why = stopped_by(panic.as_ref());
                self.refuse(&why, &mut intake).and(Err(why))
            });
            match lived {
                Ok(true) => {}
                Ok(false) => return self.close(),
                Err(why) => return self.stop(&why),
            }
        }
    }

    /// Waits for something to do, and does it. False: the queue is closed and empty.
    fn live(&mut self, files: &Files, kept: &mut Kept, intake: &mut Intake<T>) -> Result<bool, Refusal> {
        let retry = self.behind.then(|| Instant::now() + DISK_PAUSE);
        let next = self.wait(retry);
        if matches!(next, Next::Closed) {
            return Ok(false);
        }
        self.gather(next, intake);
        self.serve(files, kept, intake)?;
        self.trim(&mut intake.trims)?;
        Ok(true)
    }

    /// Waits for something to do, at most `until`.
    fn wait(&mut self, until: Option<Instant>) -> Next<T> {
        loop {
            let due = self.next_due_ms.map(|due_ms| self.until(due_ms));
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let wait = due.into_iter().chain(left).min();
            match self.receive(wait.map(|wait| wait.min(CLOCK_LOOK))) {
                Ok(Some(work)) => return Next::Work(work),
                Ok(None) => return Next::Time,
                Err(RecvTimeoutError::Disconnected) => return Next::Closed,
                Err(RecvTimeoutError::Timeout) if wait.is_some_and(|wait| wait.is_zero()) => {
                    return Next::Time;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Takes what the queue has, or waits for it, `at_most` so long. `None`: LMDB's file has followed meanwhile.
    fn receive(&mut self, at_most: Option<Duration>) -> Result<Option<Work<T>>, RecvTimeoutError> {
        let closed = |_| RecvTimeoutError::Disconnected;
        if let Some(world) = &self.world {
            if self.follower.is_busy() {
                self.lost = self.end_follow().err();
                return Ok(None);
            }
            world.idle(at_most, !self.behind);
        } else if let Some(ending) = self.follower.ending() {
            let at_most = at_most.unwrap_or(CLOCK_LOOK);
            let ended = crossbeam_channel::select! {
                recv(self.queue) -> work => return work.map(Some).map_err(closed),
                recv(ending) -> ended => ended.ok(),
                default(at_most) => return Err(RecvTimeoutError::Timeout),
            };
            let followed = if let Some(ended) = ended { self.has_followed(ended) } else { self.end_follow() };
            self.lost = followed.err();
            return Ok(None);
        }
        match (&self.world, at_most) {
            (None, None) => self.queue.recv().map(Some).map_err(closed),
            (None, Some(at_most)) if !at_most.is_zero() => self.queue.recv_timeout(at_most).map(Some),
            _ => self.queue.try_recv().map(Some).map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
        }
    }

    fn until(&self, due_ms: i64) -> Duration {
        let now_ms = self.shared.clock.now_ms().max(self.now_ms);
        let left = Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(0));
        let pause = self.pause_until.map(|until| until.saturating_duration_since(Instant::now()));
        left.max(pause.unwrap_or_default())
    }

    /// Takes what there is, as much as one batch holds.
    fn gather(&self, next: Next<T>, intake: &mut Intake<T>) {
        let mut next = if let Next::Work(work) = next { Some(work) } else { None };
        while let Some(work) = next {
            match work {
                Work::Command(request, waiter) => {
                    intake.requests.push(*request);
                    intake.waiters.push(waiter);
                }
                Work::Trim(before, done) => intake.trims.push((before, done)),
                Work::Follow => {}
            }
            next = if intake.requests.len() < self.max_batch { self.queue.try_recv().ok() } else { None };
        }
    }

    /// Carries out what is in hand and what comes meanwhile. `Err`: the writer has to stop, with this answer to all.
    fn serve(&mut self, files: &Files, kept: &mut Kept, intake: &mut Intake<T>) -> Result<(), Refusal> {
        loop {
            let what = match self.round(files, kept, intake) {
                Ok(()) if intake.requests.is_empty() => return Ok(()),
                Ok(()) => continue,
                Err(Failure::Stop(why)) => {
                    self.refuse(&why, intake)?;
                    return Err(why);
                }
                Err(Failure::MapFull) => match self.grow() {
                    Ok(()) => None,
                    Err(fault) => Some(fault.to_string()),
                },
                Err(Failure::Unwritable(what)) => Some(what),
            };
            // What the transaction kept it may have written itself.
            *kept = Kept::new();
            let Some(what) = what else { continue };
            // Who reads is to find what was answered before this.
            match self.settle() {
                Ok(()) => {}
                Err(Failure::Stop(why)) => {
                    self.refuse(&why, intake)?;
                    return Err(why);
                }
                Err(Failure::MapFull | Failure::Unwritable(_)) => self.shared.following.give_up(),
            }
            self.pause_until = Some(Instant::now() + DISK_PAUSE);
            return self.refuse(&too_full(&what), intake);
        }
    }

    /// Carries out batches, one after another. Each is durable by itself, and answered; pages that many of them change are so
    /// written once, when LMDB's file is to follow.
    fn round(&mut self, files: &Files, kept: &mut Kept, intake: &mut Intake<T>) -> Result<(), Failure> {
        self.catch_up()?;
        if !intake.requests.is_empty()
            && self.is_filled(TIGHT_PERCENT)
            && let Err(why) = self.grow()
        {
            self.refuse(&too_full(&why.to_string()), intake).map_err(Failure::Stop)?;
        }
        let mut txn = self.begin(files, kept)?;
        let mut commands = 0;
        loop {
            if let Err(failure) = self.look_at_follower(&mut txn) {
                // It is decided, whatever becomes of LMDB's file.
                self.land(intake)?;
                return Err(failure);
            }
            let is_first = intake.under_way.is_none();
            let attempted = self.attempt(&mut txn, intake);
            // What was decided before is durable first, and told whatever became of this one.
            self.end_write(intake)?;
            let count = attempted.as_ref().map_or(0, |(done, _)| done.answers.len());
            let is_new = attempted.as_ref().is_ok_and(|(_, frame)| !frame.is_empty());
            commands += count;
            let is_wanted = self.is_wanted(&txn, intake);
            let is_alone = is_first && count < 2 && self.queue.is_empty();
            let attempted = attempted.and_then(|(done, frame)| {
                if !is_new || is_wanted || is_alone {
                    return Ok((done, Some(frame)));
                }
                self.ahead.begin_write(frame, done.head.revision)?;
                Ok((done, None))
            });
            self.land(intake)?;
            let (mut done, frame) = attempted?;
            if let Some(frame) = frame {
                if is_new {
                    let passed = self.ahead.write(frame, done.head.revision)?;
                    self.durable(&mut done, passed);
                } else {
                    self.ahead.give_back(frame);
                }
                if is_wanted {
                    // First, so that nobody who reads has to wait. It is decided, whatever comes of it.
                    let followed = self.follow(txn, done.head.revision);
                    done.passage.followed = followed.is_ok().then(Instant::now);
                    self.tell(Underway::new(done, intake))?;
                    return followed;
                }
                self.tell(Underway::new(done, intake))?;
            } else {
                intake.under_way = Some(Underway::new(done, intake));
                let goes_on = !intake.requests.is_empty() || self.meanwhile(intake)?;
                if goes_on && !self.is_wanted(&txn, intake) && !self.is_time(&txn, commands) {
                    continue;
                }
                self.land(intake)?;
                if self.is_wanted(&txn, intake) {
                    // What came begins the next round.
                    return self.follow(txn, self.head.revision);
                }
            }
            if self.is_time(&txn, commands) {
                return self.hand_over(txn);
            }
            if intake.requests.is_empty() && !self.has_more(&txn, commands, intake) {
                // A command that came in the last moment begins the next round.
                let revision = self.head.revision;
                return if self.is_wanted(&txn, intake) {
                    self.follow(txn, revision)
                } else {
                    self.hand_over(txn)
                };
            }
        }
    }

    /// Waits for more to decide. False: LMDB's file is to follow first.
    fn has_more(&mut self, txn: &Writer<'_>, commands: usize, intake: &mut Intake<T>) -> bool {
        let until = (!self.follower.is_busy()).then(|| self.follows_at());
        let next = self.wait(until);
        // Somebody reads: while LMDB is told something, what came since has to wait for that.
        let ends = match next {
            Next::Closed => true,
            Next::Work(Work::Follow) => !self.follower.is_busy(),
            Next::Work(_) | Next::Time => false,
        };
        self.gather(next, intake);
        !ends && !self.is_time(txn, commands)
    }

    /// Takes what comes while a batch is written. False: no command came before something else did, its end or a wish.
    fn meanwhile(&mut self, intake: &mut Intake<T>) -> Result<bool, Failure> {
        let known = intake.requests.len();
        let work = match self.ahead.ending() {
            None => self.queue.try_recv().ok(),
            Some(ending) => crossbeam_channel::select! {
                recv(self.queue) -> work => work.ok(),
                recv(ending) -> ended => {
                    // Without one its thread is gone, which is seen when it is waited for.
                    let passed = ended.ok().map(|ended| self.ahead.ended(ended));
                    passed.map_or(Ok(()), |passed| self.written(intake, passed))?;
                    None
                }
            },
        };
        if let Some(work) = work {
            self.gather(Next::Work(work), intake);
        }
        Ok(intake.requests.len() > known)
    }

    /// Waits until the batch under way is durable, and answers it.
    fn land(&mut self, intake: &mut Intake<T>) -> Result<(), Failure> {
        self.end_write(intake)?;
        intake.under_way.take().map_or(Ok(()), |under_way| self.tell(under_way))
    }

    /// Waits until the batch under way is durable.
    fn end_write(&mut self, intake: &mut Intake<T>) -> Result<(), Failure> {
        if let Some(failure) = intake.under_way.as_ref().and_then(|batch| batch.failed.clone()) {
            return Err(failure);
        }
        if intake.is_writing() {
            let passed = self.ahead.end_write();
            self.written(intake, passed)?;
        }
        Ok(())
    }

    /// Looks whether a batch is still on its way to the disk.
    fn is_writing(&mut self, intake: &mut Intake<T>) -> Result<bool, Failure> {
        if intake.is_writing()
            && let Some(Ok(ended)) = self.ahead.ending().map(Receiver::try_recv)
        {
            let passed = self.ahead.ended(ended);
            self.written(intake, passed)?;
        }
        Ok(intake.is_writing())
    }

    /// What became of the batch under way.
    fn written(&mut self, intake: &mut Intake<T>, passed: Result<Passed, Trouble>) -> Result<(), Failure> {
        let Some(under_way) = &mut intake.under_way else { return Ok(()) };
        match passed.map_err(Failure::from) {
            Ok(passed) => self.durable(&mut under_way.done, passed),
            Err(failure) => {
                under_way.failed = Some(failure.clone());
                return Err(failure);
            }
        }
        Ok(())
    }

    /// A batch is durable.
    fn durable(&mut self, done: &mut Done, passed: Passed) {
        let passage = &mut done.passage;
        (passage.written, passage.synced) = (Some(passed.written), Some(passed.synced));
        self.behind = true;
        let (begun, decided) = (passage.begun, passage.decided);
        self.pace.learn(done.tally.expired, passed.synced - begun);
        self.shared.counters.committed(passage.commands, passed.synced - decided, passed.synced - begun);
    }

    /// Decides a batch: what is in hand, or as much of it and of what comes as the sync of the one before it lasts.
    fn attempt(&mut self, txn: &mut Writer<'_>, intake: &mut Intake<T>) -> Result<(Done, Frame), Failure> {
        let begun = Instant::now();
        let (world, encoder, shared) =
            (self.world.clone(), Arc::clone(&self.encoder), Arc::clone(&self.shared));
        let means =
            Means { encoder: &*encoder, log: &*shared.log, clock: &*shared.clock, world: world.as_deref() };
        let before = intake.under_way.as_ref().map(|before| &before.done);
        let (head, now_ms) = before.map_or((self.head, self.now_ms), |before| (before.head, before.now_ms));
        let frame = self.ahead.frame();
        let mut batch = Batch::new(txn, means, frame, head, now_ms, self.pace.most());
        let mut answers: Vec<Answer> = Vec::with_capacity(intake.requests.len());
        if intake.requests.is_empty() {
            // Until a command comes.
            while batch.settle_due(pace::LEAST)? && self.queue.is_empty() {}
        }
        loop {
            while let Some(request) = intake.requests.get(answers.len()) {
                answers.push(batch.carry_out(request)?);
                if answers.len() < intake.requests.len() && !self.is_writing(intake)? {
                    self.land(intake)?;
                }
            }
            let has_room = intake.requests.len() < self.max_batch && intake.trims.is_empty();
            if !intake.is_writing() || !has_room || !self.meanwhile(intake)? {
                break;
            }
        }
        let Decided { frame, head: end, now_ms, tally, changed } = batch.finish()?;
        let next_due_ms = next_due_ms(txn)?;
        let passage = Passage {
            begun,
            decided: Instant::now(),
            written: None,
            synced: None,
            followed: None,
            commands: answers.len(),
            revision: end.revision,
        };
        Ok((Done { answers, head: end, now_ms, next_due_ms, tally, changed, passage }, frame))
    }

    /// Makes a batch known: its callers are answered, and whoever asks for the revision finds it.
    fn tell(&mut self, batch: Underway<T>) -> Result<(), Failure> {
        let Underway { done, waiters, bytes, .. } = batch;
        let grown = done.head.revision > self.head.revision;
        self.set_head(done.head);
        self.now_ms = done.now_ms;
        self.next_due_ms = done.next_due_ms;
        self.pause_until = None;
        self.shared.counters.answered(done.tally);
        self.shared.log_time_ms.store(self.now_ms, Ordering::Release);
        if grown {
            self.shared.last_changes.changed(done.changed, self.head.revision);
            self.shared.revision.store(self.head.revision, Ordering::Release);
        }
        self.shared.answered(bytes);
        let answers = waiters.into_iter().zip(done.answers);
        let answered = self.answer(answers, Some(&done.passage)).map_err(Failure::Stop);
        // After that: the sink that is told this may be broken.
        self.show();
        answered
    }

    fn set_head(&mut self, head: Head) {
        self.head = head;
        *self.shared.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }

    /// Answers all in hand alike.
    fn refuse(&self, why: &Refusal, intake: &mut Intake<T>) -> Result<(), Refusal> {
        let (mut waiters, mut bytes) = (Vec::new(), 0);
        if let Some(under_way) = intake.under_way.take() {
            (waiters, bytes) = (under_way.waiters, under_way.bytes);
        }
        bytes += intake.requests.drain(..).map(|request| request.bytes).sum::<usize>();
        waiters.append(&mut intake.waiters);
        self.shared.answered(bytes);
        self.answer(waiters.into_iter().map(|waiter| (waiter, Err(why.clone()))), None)
    }

    /// Tells the callers of a batch. The sink is another's code: its panic stops the writer, not the process.
    fn answer(
        &self,
        answers: impl Iterator<Item = (Waiter<T>, Answer)>,
        passage: Option<&Passage>,
    ) -> Result<(), Refusal> {
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
        catch_unwind(AssertUnwindSafe(|| self.shared.sink.complete(for_sink, passage)))
            .map_err(|panic| stopped_by(panic.as_ref()))
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
                // It may be forgotten, and come back with the next start.
                Err(Failure::Unwritable(what)) => {
                    let words = format!("The disk did not take it for certain: {what}. Ask for it again.");
                    (Err(Refusal::new(Reason::StoreFull, words)), None)
                }
                Err(Failure::MapFull) => (Err(refusal(Fault::Full.into())), None),
            };
            drop(done.send(told));
            stop.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn trim_once(&mut self, before: u64) -> Result<u64, Failure> {
        self.settle()?;
        let mut kept = Kept::new();
        let mut txn = Writer::begin(&self.files, &mut kept).map_err(|error| stop(&error))?;
        let count = self.shared.log.trim(&mut txn, before, TRIM_MAX)?;
        let head = txn.head()?;
        if count > 0 {
            txn.into_rows()?.commit(&self.files, || ()).map_err(|error| self.judge(&error))?;
            self.set_head(head);
            self.trimmed = true;
        } else if self.trimmed {
            // Nothing in the write-ahead file says what was forgotten. Whoever asked asks until nothing is left to forget.
            drop(txn);
            if !self.ahead.checkpoint(head.revision).map_err(|error| stop(&error))? {
                return Err(Failure::Unwritable(not_taken().to_string()));
            }
            self.trimmed = false;
        }
        Ok(count)
    }

    /// Leaves LMDB's file whole on the disk. Where that fails, the next opening sees to it.
    fn close(mut self) {
        // The sink is told how far it can look, and may be what is broken.
        let settled = catch_unwind(AssertUnwindSafe(|| self.settle()));
        if settled.is_ok_and(|settled| settled.is_ok()) {
            let _ = self.ahead.close(self.head.revision);
        }
    }

    /// Takes nothing more, and answers all that wait.
    fn stop(mut self, why: &Refusal) {
        self.shared.stop(why.clone());
        // Reading goes on, if it can, with all that was answered.
        let _ = catch_unwind(AssertUnwindSafe(|| self.settle()));
        self.shared.following.give_up();
        let left = self.queue.try_iter().filter_map(|work| match work {
            Work::Command(_, waiter) => Some((waiter, Err(why.clone()))),
            Work::Trim(_, done) => {
                drop(done.send(Err(why.clone())));
                None
            }
            Work::Follow => None,
        });
        // The sink may be what is broken.
        let _ = self.answer(left, None);
        let _ = catch_unwind(AssertUnwindSafe(|| self.shared.sink.stopped(why)));
    }
}
