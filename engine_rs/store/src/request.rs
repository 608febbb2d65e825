//! What goes to the writer and what comes back: requests, answers, and who is told.

use std::time::Instant;

use kasir_core::{Command, Fault, Refusal, Reply, View};

use crate::record::{Hash, RequestId, request_hash};

/// The encoded reply, as given the first time; or why the command was not carried out.
pub type Answer = Result<Vec<u8>, Refusal>;

/// One command on its way to the writer.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) id: RequestId,
    pub(crate) hash: Hash,
    pub(crate) actor: String,
    pub(crate) command: Command,
    /// Bytes it came in, as a measure of what it takes while it waits.
    pub(crate) bytes: usize,
}

impl Request {
    /// A command with the bytes it was decoded from: the same `id` with another method or body is refused.
    pub fn new(method: &'static str, body: &[u8], id: RequestId, actor: &str, command: Command) -> Self {
        Self {
            method,
            id,
            hash: request_hash(method, body),
            actor: actor.to_owned(),
            command,
            bytes: body.len(),
        }
    }
}

/// Turns replies into bytes for callers. The store knows no protobuf.
pub trait Encoder: Send + Sync {
    /// Encodes what `method` answers. `view` is the state right after the command.
    ///
    /// # Errors
    /// [`Fault`] when the view cannot be read.
    fn encode(&self, method: &'static str, reply: Reply, view: &dyn View) -> Result<Vec<u8>, Fault>;
}

impl<F> Encoder for F
where
    F: Fn(&'static str, Reply, &dyn View) -> Result<Vec<u8>, Fault> + Send + Sync,
{
    fn encode(&self, method: &'static str, reply: Reply, view: &dyn View) -> Result<Vec<u8>, Fault> {
        self(method, reply, view)
    }
}

/// When a batch was where on its way, for those who trace its commands.
#[derive(Debug, Clone, Copy)]
pub struct Passage {
    /// It was taken from the queue.
    pub begun: Instant,
    /// All of it was decided.
    pub decided: Instant,
    /// It was written ahead; `None` when there was nothing to make durable.
    pub written: Option<Instant>,
    /// It was synced.
    pub synced: Option<Instant>,
    /// LMDB had followed, where that came before the answers.
    pub followed: Option<Instant>,
    /// Commands in it.
    pub commands: usize,
    /// The journal's last revision after it.
    pub revision: u64,
}

/// Who is told what became of commands: called by the sequencer's thread, so it must be quick and never block.
/// `T` names a caller.
pub trait BatchSink<T>: Send + Sync {
    /// The answers of one batch, after its commit. Without a passage it came to nothing.
    fn complete(&self, answers: Vec<(T, Answer)>, passage: Option<&Passage>);

    /// Readers find the journal up to `revision` at once now. Under load that is some batches after the answers.
    fn readable(&self, revision: u64);

    /// The writer stopped because of a failure: nothing is accepted any more, every command is answered with `why`, and
    /// the process should end. Not called by [`crate::Store::close`].
    fn stopped(&self, why: &Refusal);
}
