//! Many requests and an answer to each, in Rust: what is owed on a call, and the task that reads its requests.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::call::words;
use crate::frame::Deframer;
use crate::handler::{CallId, Flow, Info, Ticket};
use crate::server::Phase;
use crate::status::Status;
use crate::stream::Outgoing;
use crate::worker::Worker;

/// A method in Rust that takes many requests and gives each one reply, in the order of the requests.
///
/// At most [`crate::Config::max_under_way`] of a call's requests are without an answer, and no more are read while
/// [`crate::SEND_AHEAD`] bytes of answers wait for the caller: HTTP/2 holds it up then.
pub trait Exchange: Send + Sync {
    /// A call begins. What is returned stays on the thread of the connection, and must not block it.
    fn begin(&self, call: &Info) -> Box<dyn Conversation>;
}

/// One call of an [`Exchange`].
pub trait Conversation {
    /// Answers a request at once, or keeps the ticket and answers it later from any thread. A status that is given for an
    /// answer ends the call.
    fn take(&mut self, request: &Bytes, ticket: Ticket) -> Taken;
}

/// What became of a request.
#[derive(Debug)]
pub enum Taken {
    /// The ticket will answer it.
    Later,
    /// It is answered already.
    Now(Bytes),
    /// There is no room for it: it comes again, after this time at the latest. Its ticket is void.
    Full(Duration),
    /// It makes no sense. Nothing more is read, what came before it is answered, and the call ends so.
    End(Status),
}

/// The answers that a call owes. They go out in the order of their requests, in whichever they come.
pub(crate) struct Owed {
    state: RefCell<State>,
    pub(crate) outgoing: Rc<Outgoing>,
    flow: Arc<Flow>,
    /// Fewer answers are owed, or wait for the caller.
    moved: Notify,
}

#[derive(Default)]
struct State {
    /// Requests by number, ascending, with their answers as far as they are there.
    waiting: VecDeque<(u64, Option<Bytes>)>,
    /// The last number given to a request.
    last: u64,
    /// How the call ends once nothing is owed.
    end: Option<Status>,
}

/// What can be done now.
#[derive(Default)]
pub(crate) struct Settled {
    /// Answers that were passed on.
    pub(crate) answers: u64,
    /// Nothing more comes: the call ends so.
    pub(crate) end: Option<Status>,
}

impl Owed {
    pub(crate) fn new() -> Self {
        let flow = Arc::<Flow>::default();
        let outgoing = Rc::new(Outgoing::new(Some(Arc::clone(&flow))));
        Self { state: RefCell::default(), outgoing, flow, moved: Notify::new() }
    }

    /// A number for the next request.
    fn number(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        state.last += 1;
        state.last
    }

    fn owe(&self, request: u64, answer: Option<Bytes>) {
        self.state.borrow_mut().waiting.push_back((request, answer));
    }

    /// Takes an answer in, or gives back the status that the call ends with instead. What answers a request that is owed
    /// nothing, since it was not taken or has its answer, is passed over.
    pub(crate) fn answer(&self, request: u64, result: Result<Bytes, Status>) -> Result<(), Status> {
        let mut state = self.state.borrow_mut();
        if let Ok(place) = state.waiting.binary_search_by_key(&request, |(number, _)| *number)
            && let (_, empty @ None) = &mut state.waiting[place]
        {
            *empty = Some(result?);
        }
        Ok(())
    }

    /// Passes on the answers that nothing stands before.
    pub(crate) fn settle(&self) -> Settled {
        let mut state = self.state.borrow_mut();
        let mut settled = Settled::default();
        while let Some((_, answer @ Some(_))) = state.waiting.front_mut() {
            if let Some(answer) = answer.take() {
                self.flow.add(answer.len());
                self.outgoing.message(answer);
            }
            state.waiting.pop_front();
            settled.answers += 1;
        }
        if settled.answers > 0 {
            self.moved.notify_one();
        }
        if state.waiting.is_empty() {
            settled.end = state.end.take();
        }
        settled
    }

    /// The caller takes answers again.
    pub(crate) fn writable(&self) {
        self.moved.notify_one();
    }

    /// Waits until another request may be taken.
    async fn room(&self, max: usize) {
        while self.state.borrow().waiting.len() >= max || self.flow.must_wait() {
            self.moved.notified().await;
        }
    }
}

/// Reads the requests of a call to their end, or until the server stops.
pub(crate) async fn read(
    worker: Rc<Worker>,
    id: CallId,
    mut requests: Requests,
    conversation: Box<dyn Conversation>,
    owed: Rc<Owed>,
) {
    let mut phase = worker.phase.clone();
    let end = tokio::select! {
        biased;
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => Some(worker.shared.policy.stopping()),
        end = converse(&worker, id, &mut requests, conversation, &owed) => end,
    };
    if let Some(end) = end {
        owed.state.borrow_mut().end = Some(end);
        worker.settle(id, &owed);
    }
}

/// Where requests come from.
pub(crate) struct Requests {
    pub(crate) body: RecvStream,
    pub(crate) deframer: Deframer,
}

/// How a call ends whose requests are over; `None` when it ended by itself.
async fn converse(
    worker: &Worker,
    id: CallId,
    requests: &mut Requests,
    mut conversation: Box<dyn Conversation>,
    owed: &Owed,
) -> Option<Status> {
    loop {
        match requests.deframer.next() {
            Ok(Some(request)) => {
                if let Some(end) = take(worker, id, &mut *conversation, owed, &request).await {
                    return Some(end);
                }
                if owed.outgoing.is_ending() {
                    return None;
                }
                continue;
            }
            Ok(None) => {}
            Err(broken) => return Some(words(worker, broken)),
        }
        match requests.body.data().await {
            Some(Ok(chunk)) => {
                // What is not taken out of the window stays there, and the caller waits.
                let _ = requests.body.flow_control().release_capacity(chunk.len());
                requests.deframer.push(chunk);
            }
            // The task that writes learns of it too.
            Some(Err(_)) => return None,
            None => return Some(requests.deframer.end().map_or_else(Status::from, |()| Status::OK)),
        }
    }
}

/// Hands a request over, once there is room for it. How the call ends, if the request is none.
async fn take(
    worker: &Worker,
    id: CallId,
    conversation: &mut dyn Conversation,
    owed: &Owed,
    request: &Bytes,
) -> Option<Status> {
    loop {
        owed.room(worker.shared.config.max_under_way).await;
        let number = owed.number();
        let ticket = worker.ticket(id, number);
        let taken = catch_unwind(AssertUnwindSafe(|| conversation.take(request, ticket)));
        match taken.unwrap_or_else(|_| Taken::End(worker.shared.policy.fault())) {
            Taken::Later => owed.owe(number, None),
            Taken::Now(answer) => {
                owed.owe(number, Some(answer));
                worker.settle(id, owed);
            }
            Taken::Full(longest) => {
                // An answer of our own says that others may have come too.
                let _ = timeout(longest, owed.moved.notified()).await;
                continue;
            }
            Taken::End(status) => return Some(status),
        }
        return None;
    }
}
