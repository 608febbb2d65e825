//! Answers that wait for room at their callers: the oldest make room when they become too much.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_local};

use crate::respond::Held;
use crate::stream::send_held;

/// Most bytes of waiting answers, over all workers; one may be longer. And what each costs beside its own.
const BYTES_MAX: usize = 96 << 20;
const COST: usize = 1_024;

/// A worker's waiting answers.
pub(crate) struct Holding {
    most: usize,
    waiting: Rc<RefCell<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    bytes: usize,
    /// The number of the one that came last.
    last: u64,
    /// Oldest first, with its bytes and the task that sends it.
    tasks: BTreeMap<u64, (usize, AbortHandle)>,
}

impl Waiting {
    fn is_over(&mut self, number: u64) {
        if let Some((bytes, _)) = self.tasks.remove(&number) {
            self.bytes -= bytes;
        }
    }

    /// Gives the oldest up until there is room. A task that ends early lets go of its stream, which resets it with CANCEL: what
    /// was asked may be done already, and the caller must not take it for a refusal.
    fn make_room(&mut self, bytes: usize, most: usize) {
        while self.bytes + bytes > most
            && let Some((_, (given_up, task))) = self.tasks.pop_first()
        {
            task.abort();
            self.bytes -= given_up;
        }
    }
}

impl Holding {
    /// Of one of so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self { most: BYTES_MAX / workers.max(1), waiting: Rc::default() }
    }

    /// Keeps an answer until its caller has taken it, or takes nothing of it for `longest`.
    pub(crate) fn keep(&self, held: Held, longest: Duration) {
        let bytes = held.length() + COST;
        let mut waiting = self.waiting.borrow_mut();
        waiting.make_room(bytes, self.most);
        waiting.last += 1;
        let (number, here) = (waiting.last, Rc::clone(&self.waiting));
        let task = spawn_local(async move {
            send_held(held, longest).await;
            here.borrow_mut().is_over(number);
        });
        waiting.bytes += bytes;
        waiting.tasks.insert(number, (bytes, task.abort_handle()));
    }
}
