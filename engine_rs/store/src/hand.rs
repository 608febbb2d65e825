//! What the sequencer has in hand: what its queue carries, what of it is being decided, and what is being synced.

use crossbeam_channel::Sender;
use kasir_core::Refusal;

use crate::batch::Tally;
use crate::changed::Kinds;
use crate::failure::Failure;
use crate::record::Head;
use crate::request::{Answer, Passage, Request};

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
    /// Somebody waits to read what is answered.
    Follow,
}

/// What the sequencer wakes up for.
pub(crate) enum Next<T> {
    Work(Work<T>),
    /// A deadline fell due, or what was waited for at most is over.
    Time,
    /// The store is closed, and nothing waits.
    Closed,
}

/// What was decided, and not told yet: it may be told once it is durable.
pub(crate) struct Done {
    pub(crate) answers: Vec<Answer>,
    pub(crate) head: Head,
    pub(crate) now_ms: i64,
    pub(crate) next_due_ms: Option<i64>,
    pub(crate) tally: Tally,
    /// What kinds of things it changed.
    pub(crate) changed: Kinds,
    pub(crate) passage: Passage,
}

/// A batch that is being written ahead. What comes after it is decided meanwhile, upon it.
pub(crate) struct Underway<T> {
    pub(crate) done: Done,
    pub(crate) waiters: Vec<Waiter<T>>,
    /// Of its requests.
    pub(crate) bytes: usize,
    /// Why it is not durable, or nobody knows.
    pub(crate) failed: Option<Failure>,
}

/// What is in hand.
pub(crate) struct Intake<T> {
    pub(crate) requests: Vec<Request>,
    pub(crate) waiters: Vec<Waiter<T>>,
    pub(crate) trims: Vec<(u64, Sender<Result<u64, Refusal>>)>,
    pub(crate) under_way: Option<Underway<T>>,
}

impl<T> Intake<T> {
    /// Whether a batch is on its way to the disk, as far as was seen.
    pub(crate) fn is_writing(&self) -> bool {
        let batch = self.under_way.as_ref();
        batch.is_some_and(|batch| batch.done.passage.synced.is_none() && batch.failed.is_none())
    }
}

impl<T> Underway<T> {
    /// Takes what it answers out of the hand.
    pub(crate) fn new(done: Done, intake: &mut Intake<T>) -> Self {
        let count = done.answers.len();
        let bytes = intake.requests.drain(..count).map(|request| request.bytes).sum();
        Self { done, waiters: intake.waiters.drain(..count).collect(), bytes, failed: None }
    }
}
