//! Who answers calls, and how answers come back to the thread that holds the connection.

use std::any::Any;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::Notify;

use crate::exchange::Exchange;
use crate::mailbox::lock;
use crate::status::Status;
use crate::trace::Trace;

/// Bytes of messages that wait to be sent on one stream; who writes more waits.
pub const SEND_AHEAD: usize = 64 * 1024;
/// What a message counts for beyond its bytes, so that empty ones have a bound too.
const MESSAGE_COST: usize = 64;

/// Who calls, as [`crate::Policy::admit`] says.
pub type Caller = Cow<'static, str>;
/// What a caller's certificate is remembered by.
pub type Identity = [u8; 32];
/// What a call is allowed, for whoever gave it and knows what it is.
pub type Grant = Arc<dyn Any + Send + Sync>;

/// A call that was let in.
#[derive(Debug)]
pub struct Admission {
    /// Who calls.
    pub caller: Caller,
    /// What that allows; `None`: nobody keeps watch.
    pub grant: Option<Grant>,
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// Its certificate, if it showed one.
    pub identity: Option<Identity>,
}

/// A method and who answers it.
pub struct Method {
    /// "/package.Service/Method".
    pub name: String,
    /// Who.
    pub handler: Handler,
}

impl Method {
    /// Whether any number of replies go out.
    pub fn gives_many(&self) -> bool {
        match self.handler {
            Handler::Native(_) => false,
            Handler::Exchange(_) => true,
            Handler::Foreign(shape) => shape.gives_many(),
        }
    }

    /// Whether a call may last as long as its caller likes.
    pub(crate) fn is_long(&self) -> bool {
        match self.handler {
            Handler::Native(_) => false,
            Handler::Exchange(_) => true,
            Handler::Foreign(shape) => shape.takes_many() || shape.gives_many(),
        }
    }

    /// Whether a stop waits for what is under way: all but streams that go on until somebody ends them.
    pub(crate) fn is_awaited(&self) -> bool {
        match self.handler {
            Handler::Native(_) | Handler::Exchange(_) => true,
            Handler::Foreign(shape) => !shape.gives_many(),
        }
    }
}

/// Who answers.
pub enum Handler {
    /// Rust: one request, one reply.
    Native(Arc<dyn Native>),
    /// Rust: many requests, a reply to each.
    Exchange(Arc<dyn Exchange>),
    /// Another language, through the server's mailbox.
    Foreign(Shape),
}

/// How many messages a foreign method takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One and one, answered the moment it is taken out of the mailbox: nobody is told that the caller went away.
    Quick,
    /// One and one.
    Unary,
    /// Many and one.
    ClientStream,
    /// One and many.
    ServerStream,
    /// Many and many.
    Bidirectional,
}

impl Shape {
    /// Whether requests come one by one.
    pub(crate) fn takes_many(self) -> bool {
        match self {
            Self::ClientStream | Self::Bidirectional => true,
            Self::Quick | Self::Unary | Self::ServerStream => false,
        }
    }

    /// Whether any number of replies go out.
    pub fn gives_many(self) -> bool {
        match self {
            Self::ServerStream | Self::Bidirectional => true,
            Self::Quick | Self::Unary | Self::ClientStream => false,
        }
    }
}

/// A method in Rust. Called on the thread of the connection: it must not block.
pub trait Native: Send + Sync {
    /// Answers at once, or keeps the ticket and answers later from any thread.
    fn call(&self, call: &Info, request: Bytes, ticket: Ticket) -> Option<Reply>;
}

/// What is known of a call.
#[derive(Debug)]
pub struct Info {
    /// Its method's place in the table.
    pub method: usize,
    /// All of its headers; see [`crate::metadata`] for what a handler should see.
    pub headers: HeaderMap,
    /// Who calls.
    pub caller: Caller,
    /// What that allows.
    pub grant: Option<Grant>,
    /// Where from.
    pub peer: SocketAddr,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Where it is told when the call was where; mostly nobody wants to know.
    pub trace: Option<Arc<Trace>>,
}

/// The one answer of a call.
#[derive(Debug)]
pub struct Reply {
    /// The message, or why there is none.
    pub result: Result<Bytes, Status>,
    /// Metadata of the handler; mostly there is none.
    pub extra: Option<Box<Extra>>,
}

/// Metadata of a reply.
#[derive(Debug, Default)]
pub struct Extra {
    /// Before the message.
    pub initial: HeaderMap,
    /// After it.
    pub trailing: HeaderMap,
}

impl From<Result<Bytes, Status>> for Reply {
    fn from(result: Result<Bytes, Status>) -> Self {
        Self { result, extra: None }
    }
}

/// Names a call for as long as it lasts, and never another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId {
    pub(crate) worker: u16,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// What a handler wants of the thread that holds the call.
#[derive(Debug)]
pub(crate) enum Order {
    /// Answers the request with this number; a call that takes one request ends with it.
    Reply(u64, Reply),
    /// Sends initial metadata.
    Initial(HeaderMap),
    /// Sends one of many messages.
    Send(Bytes),
    /// Ends a call that gives many.
    Finish(Status, HeaderMap),
    /// Messages that cost so much were taken: more may come.
    Consumed(usize),
}

type Orders = Vec<(CallId, Order)>;

/// Where orders wait for a worker. A whole batch wakes it once.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    orders: Mutex<Orders>,
    pub(crate) wake: Notify,
}

impl Inbox {
    pub(crate) fn put(&self, orders: impl IntoIterator<Item = (CallId, Order)>) {
        let wake = {
            let mut waiting = lock(&self.orders);
            let was_empty = waiting.is_empty();
            waiting.extend(orders);
            was_empty && !waiting.is_empty()
        };
        if wake {
            self.wake.notify_one();
        }
    }

    pub(crate) fn take(&self) -> Orders {
        std::mem::take(&mut *lock(&self.orders))
    }
}

/// The right to answer one request, from any thread. Dropped without an answer, the call ends as a fault of the server.
#[derive(Debug)]
pub struct Ticket {
    inbox: Option<Arc<Inbox>>,
    id: CallId,
    /// Which request of the call; 0 where it takes one.
    request: u64,
}

impl Ticket {
    pub(crate) fn new(inbox: Arc<Inbox>, id: CallId, request: u64) -> Self {
        Self { inbox: Some(inbox), id, request }
    }

    /// Answers.
    pub fn complete(mut self, reply: Reply) {
        if let Some(inbox) = self.inbox.take() {
            inbox.put([(self.id, Order::Reply(self.request, reply))]);
        }
    }

    /// The request needs no answer of this ticket: it was answered otherwise.
    pub fn forget(mut self) {
        self.inbox = None;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            inbox.put([(self.id, Order::Reply(self.request, Err(Status::lost()).into()))]);
        }
    }
}

/// Answers of many calls, left for each thread together.
#[derive(Debug, Default)]
pub struct Replies {
    // Workers are few, mostly one: a list finds them faster than a map.
    by_worker: Vec<(Arc<Inbox>, Orders)>,
}

impl Replies {
    /// Adds an answer.
    pub fn add(&mut self, mut ticket: Ticket, reply: Reply) {
        let Some(inbox) = ticket.inbox.take() else { return };
        let order = (ticket.id, Order::Reply(ticket.request, reply));
        match self.by_worker.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &inbox)) {
            Some((_, orders)) => orders.push(order),
            None => self.by_worker.push((inbox, vec![order])),
        }
    }

    /// Sends all that were added, each worker woken once.
    pub fn send(&mut self) {
        for (inbox, orders) in &mut self.by_worker {
            inbox.put(orders.drain(..));
        }
    }
}

/// What is on its way out of a stream, for both sides.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    queued: AtomicUsize,
    waits: AtomicBool,
}

impl Flow {
    /// A message is to go out; false when the next one has to wait.
    pub(crate) fn add(&self, message: usize) -> bool {
        let cost = cost(message);
        self.queued.fetch_add(cost, Ordering::SeqCst) + cost < SEND_AHEAD
    }

    /// Messages that cost so much are out; true when somebody waits and there is room now.
    pub(crate) fn sent(&self, cost: usize) -> bool {
        let left = self.queued.fetch_sub(cost, Ordering::SeqCst) - cost;
        left < SEND_AHEAD && self.waits.swap(false, Ordering::SeqCst)
    }

    /// Whether there is no room; if so, [`Flow::sent`] will tell of it.
    pub(crate) fn must_wait(&self) -> bool {
        self.waits.store(true, Ordering::SeqCst);
        let full = self.queued.load(Ordering::SeqCst) >= SEND_AHEAD;
        if !full {
            self.waits.store(false, Ordering::SeqCst);
        }
        full
    }
}

/// A foreign call: what is known of it, and how it is answered.
#[derive(Debug)]
pub struct ForeignCall {
    /// What is known.
    pub info: Box<Info>,
    /// The request of a method that takes one.
    pub request: Option<Bytes>,
    /// How it is answered.
    pub remote: Remote,
}

/// A foreign handler's hold on its call. Dropped before the end, the call ends as a fault of the server.
#[derive(Debug)]
pub struct Remote {
    inbox: Arc<Inbox>,
    id: CallId,
    flow: Option<Arc<Flow>>,
    done: AtomicBool,
}

impl Remote {
    pub(crate) fn new(inbox: Arc<Inbox>, id: CallId, flow: Option<Arc<Flow>>) -> Self {
        Self { inbox, id, flow, done: AtomicBool::new(false) }
    }

    /// Names the call in [`Event`]s.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The one answer of this call, for [`Replies`]; `None` when it was answered already.
    pub fn ticket(&self) -> Option<Ticket> {
        (!self.done.swap(true, Ordering::Relaxed)).then(|| Ticket::new(Arc::clone(&self.inbox), self.id, 0))
    }

    /// Whether it was answered.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Nothing is sent any more, and nothing is missed: the call ended by itself.
    pub fn forget(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// Sends initial metadata ahead of the first message. Once.
    pub fn initial(&self, headers: HeaderMap) {
        self.order(Order::Initial(headers));
    }

    /// Sends one of many messages. False when the next one has to wait for [`Event::Writable`]; ask
    /// [`Remote::must_wait`] then.
    pub fn send(&self, message: Bytes) -> bool {
        let room = self.flow.as_ref().is_none_or(|flow| flow.add(message.len()));
        self.order(Order::Send(message));
        room
    }

    /// Whether there is no room; if so, [`Event::Writable`] will come.
    pub fn must_wait(&self) -> bool {
        self.flow.as_ref().is_some_and(|flow| flow.must_wait())
    }

    /// Ends the call.
    pub fn finish(&self, status: Status, trailing: HeaderMap) {
        if !self.done.swap(true, Ordering::Relaxed) {
            self.inbox.put([(self.id, Order::Finish(status, trailing))]);
        }
    }

    /// A message of so many bytes was taken.
    pub fn consumed(&self, message: usize) {
        self.order(Order::Consumed(cost(message)));
    }

    fn order(&self, order: Order) {
        if !self.is_done() {
            self.inbox.put([(self.id, order)]);
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.finish(Status::lost(), HeaderMap::new());
    }
}

/// What a message counts for while it waits.
pub(crate) fn cost(message: usize) -> usize {
    message + MESSAGE_COST
}

/// What foreign handlers are told.
#[derive(Debug)]
pub enum Event {
    /// A call came.
    Call(ForeignCall),
    /// One of its messages.
    Message(CallId, Bytes),
    /// The last one has come.
    HalfClosed(CallId),
    /// There is room for messages again.
    Writable(CallId),
    /// It is over, by the caller, its deadline or the network: nobody waits for the answer.
    Cancelled(CallId),
}
