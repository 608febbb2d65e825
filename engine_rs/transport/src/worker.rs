//! One thread with the connections it was given: its calls, their deadlines, and the answers that come from elsewhere.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use http::HeaderMap;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Policy};
use crate::connection;
use crate::exchange::Owed;
use crate::handler::{
    CallId, Event, ForeignCall, Handler, Inbox, Info, Method, Order, Remote, Reply, Ticket,
};
use crate::holding::Holding;
use crate::mailbox::Mailbox;
use crate::observe::{Observer, Watched};
use crate::respond;
use crate::server::Phase;
use crate::status::{Code, Status};
use crate::stream::{Incoming, Outgoing};
use crate::trace::Sampler;

/// Events that are passed on at the latest, even if the connection has more to read.
const EVENTS_MAX: usize = 64;

/// What all threads of a server share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) methods: Vec<Method>,
    pub(crate) by_name: HashMap<String, usize>,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) mailbox: Arc<Mailbox<Event>>,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// A call in progress.
pub(crate) struct Call {
    pub(crate) watched: Option<Watched>,
    pub(crate) deadline: Option<Instant>,
    /// Replies of this size are compressed.
    pub(crate) compress_from: Option<usize>,
    pub(crate) to: To,
    /// What reads its requests.
    pub(crate) reader: Option<AbortHandle>,
    /// Its one request has not come whole.
    pub(crate) arriving: bool,
}

/// Where its answer goes.
pub(crate) enum To {
    /// Out, as soon as it is there.
    Direct(SendResponse<Bytes>),
    /// To the task that sends it.
    Stream(Rc<Outgoing>, Rc<Incoming>),
    /// To its place among the others that the call owes.
    Exchange(Rc<Owed>),
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    call: Option<Call>,
}

/// The calls of a worker by their ids.
#[derive(Default)]
struct Calls {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Calls {
    fn insert(&mut self, worker: u16, call: Call) -> CallId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer calls than four billion are in progress")
        });
        let place = &mut self.slots[slot as usize];
        place.call = Some(call);
        CallId { worker, slot, generation: place.generation }
    }

    fn get(&mut self, id: CallId) -> Option<&mut Call> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation == id.generation { slot.call.as_mut() } else { None }
    }

    fn remove(&mut self, id: CallId) -> Option<Call> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let call = slot.call.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(call)
    }

    /// Ids of calls with a deadline, and when it is.
    fn deadlines(&self, worker: u16) -> impl Iterator<Item = (CallId, Instant)> {
        (0..).zip(&self.slots).filter_map(move |(place, slot)| {
            let deadline = slot.call.as_ref()?.deadline?;
            Some((CallId { worker, slot: place, generation: slot.generation }, deadline))
        })
    }

    fn ids(&self, worker: u16) -> Vec<CallId> {
        let open = (0..).zip(&self.slots).filter(|(_, slot)| slot.call.is_some());
        open.map(|(place, slot)| CallId { worker, slot: place, generation: slot.generation }).collect()
    }
}

/// The state of one thread.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// How far the server's life is.
    pub(crate) phase: watch::Receiver<Phase>,
    /// Says which calls are traced; `None`: none are.
    pub(crate) sampler: Option<Sampler>,
    number: u16,
    inbox: Arc<Inbox>,
    calls: RefCell<Calls>,
    /// Events that are passed on together.
    events: RefCell<Vec<Event>>,
    /// Calls whose request had not come whole when they began, oldest first, and how many of them are such still.
    arriving: RefCell<VecDeque<CallId>>,
    arriving_now: Cell<usize>,
    /// Answers that their callers have no room for.
    holding: Holding,
    /// No call has an earlier deadline.
    next_deadline: Cell<Option<Instant>>,
    sooner: Notify,
}

/// Sockets on their way to a worker.
pub(crate) type Sockets = mpsc::Receiver<std::net::TcpStream>;

/// Carries connections until the server closes.
pub(crate) fn run(
    shared: Arc<Shared>,
    number: u16,
    inbox: Arc<Inbox>,
    mut sockets: Sockets,
    mut phase: watch::Receiver<Phase>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a thread that was started has its epoll");
    let workers = shared.config.workers;
    let sampler = shared.config.traced_of_million.map(Sampler::new);
    let worker = Rc::new(Worker {
        shared,
        phase: phase.clone(),
        sampler,
        number,
        inbox,
        calls: RefCell::default(),
        events: RefCell::default(),
        arriving: RefCell::default(),
        arriving_now: Cell::new(0),
        holding: Holding::new(workers),
        next_deadline: Cell::new(None),
        sooner: Notify::new(),
    });
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        spawn_local(answers(Rc::clone(&worker)));
        spawn_local(deadlines(Rc::clone(&worker)));
        let watched = phase.clone();
        loop {
            tokio::select! {
                Some(socket) = sockets.recv() => {
                    spawn_local(take(Rc::clone(&worker), socket, watched.clone()));
                }
                closing = phase.wait_for(|phase| *phase == Phase::Closing) => {
                    drop(closing);
                    break;
                }
            }
        }
    });
    worker.abandon();
    // Tasks hold the worker, and the runtime holds their sockets: they go in this order.
    drop(tasks);
    drop(worker);
}

async fn take(worker: Rc<Worker>, socket: std::net::TcpStream, phase: watch::Receiver<Phase>) {
    let observer = Arc::clone(&worker.shared.observer);
    if !observer.connected(worker.shared.config.max_connections) {
        return;
    }
    let _open = Open(observer);
    if let Ok(socket) = TcpStream::from_std(socket) {
        connection::serve(worker, socket, phase).await;
    }
}

/// A connection as it is counted.
struct Open(Arc<Observer>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

/// Carries out what other threads order.
async fn answers(worker: Rc<Worker>) {
    loop {
        worker.inbox.wake.notified().await;
        for (id, order) in worker.inbox.take() {
            worker.carry_out(id, order);
        }
    }
}

/// Ends calls whose time is over.
async fn deadlines(worker: Rc<Worker>) {
    loop {
        match worker.next_deadline.get() {
            None => worker.sooner.notified().await,
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => worker.expire(),
                () = worker.sooner.notified() => {}
            },
        }
    }
}

impl Worker {
    /// Takes a call in.
    pub(crate) fn insert(&self, call: Call) -> CallId {
        if let Some(deadline) = call.deadline {
            self.look_at(deadline);
        }
        self.calls.borrow_mut().insert(self.number, call)
    }

    /// Some call ends then, if it has not ended before.
    fn look_at(&self, deadline: Instant) {
        if self.next_deadline.get().is_none_or(|next| deadline < next) {
            self.next_deadline.set(Some(deadline));
            self.sooner.notify_one();
        }
    }

    /// Lets a call go.
    pub(crate) fn remove(&self, id: CallId) -> Option<Call> {
        let call = self.calls.borrow_mut().remove(id)?;
        self.arriving_now.set(self.arriving_now.get() - usize::from(call.arriving));
        Some(call)
    }

    /// The request of a call is waited for: not for ever, and not by so many that none are left for others.
    pub(crate) fn arrives(&self, id: CallId) {
        let longest = Instant::now() + self.shared.config.request_timeout;
        let ends = {
            let mut calls = self.calls.borrow_mut();
            let Some(call) = calls.get(id) else { return };
            call.arriving = true;
            let ends = call.deadline.map_or(longest, |deadline| deadline.min(longest));
            call.deadline = Some(ends);
            ends
        };
        self.look_at(ends);
        self.arriving_now.set(self.arriving_now.get() + 1);
        // With as many long calls as there may be, a quarter of all is left for those under way.
        let most = (self.shared.config.max_calls / 4 / self.shared.config.workers.max(1)).max(1);
        self.arriving.borrow_mut().push_back(id);
        while self.arriving_now.get() > most {
            let Some(oldest) = self.arriving.borrow_mut().pop_front() else { break };
            if self.is_arriving(oldest) {
                self.arrived(oldest, None);
                self.end(oldest, self.shared.policy.too_many_calls(self.shared.config.max_calls));
            }
        }
        if self.arriving.borrow().len() > 2 * most {
            self.arriving.borrow_mut().retain(|id| self.is_arriving(*id));
        }
    }

    /// The request of a call is there; its own deadline counts.
    pub(crate) fn arrived(&self, id: CallId, deadline: Option<Instant>) {
        if let Some(call) = self.calls.borrow_mut().get(id)
            && std::mem::take(&mut call.arriving)
        {
            call.deadline = deadline;
            self.arriving_now.set(self.arriving_now.get() - 1);
        }
    }

    fn is_arriving(&self, id: CallId) -> bool {
        self.calls.borrow_mut().get(id).is_some_and(|call| call.arriving)
    }

    /// Says which task reads the requests of a call. One that is over needs none.
    pub(crate) fn reads(&self, id: CallId, reader: AbortHandle) {
        match self.calls.borrow_mut().get(id) {
            Some(call) => call.reader = Some(reader),
            None => reader.abort(),
        }
    }

    /// A call's hold for a foreign handler.
    pub(crate) fn remote(&self, id: CallId, flow: Option<Arc<crate::handler::Flow>>) -> Remote {
        Remote::new(Arc::clone(&self.inbox), id, flow)
    }

    /// The right to answer a request of a call.
    pub(crate) fn ticket(&self, id: CallId, request: u64) -> Ticket {
        Ticket::new(Arc::clone(&self.inbox), id, request)
    }

    /// Tells foreign handlers something, soon; see [`Worker::flush`].
    pub(crate) fn tell(&self, event: Event) {
        let mut events = self.events.borrow_mut();
        events.push(event);
        if events.len() >= EVENTS_MAX {
            self.shared.mailbox.put(events.drain(..));
        }
    }

    /// Passes on what foreign handlers are to be told.
    pub(crate) fn flush(&self) {
        let mut events = self.events.borrow_mut();
        if !events.is_empty() {
            self.shared.mailbox.put(events.drain(..));
        }
    }

    /// Hands a call with its whole request to its handler.
    pub(crate) fn dispatch(&self, id: CallId, info: Box<Info>, request: Bytes) {
        // What came too late is not begun. The request may have taken its time to come in.
        if info.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.end(id, Status::late());
            return;
        }
        let flow = {
            let mut calls = self.calls.borrow_mut();
            // Its deadline passed, or its caller went away, while the request came in.
            let Some(call) = calls.get(id) else { return };
            match &call.to {
                To::Direct(_) | To::Exchange(_) => None,
                To::Stream(outgoing, _) => outgoing.flow.clone(),
            }
        };
        match &self.shared.methods[info.method].handler {
            Handler::Native(native) => {
                let ticket = self.ticket(id, 0);
                let answer = catch_unwind(AssertUnwindSafe(|| native.call(&info, request, ticket)));
                if let Some(reply) = answer.unwrap_or_else(|_| Some(Err(Status::lost()).into())) {
                    self.reply(id, reply);
                }
            }
            Handler::Foreign(_) => {
                let remote = self.remote(id, flow);
                self.tell(Event::Call(ForeignCall { info, request: Some(request), remote }));
            }
            Handler::Exchange(_) => unreachable!("its requests are read by its task"),
        }
    }

    fn carry_out(&self, id: CallId, order: Order) {
        let mut calls = self.calls.borrow_mut();
        let Some(call) = calls.get(id) else { return };
        if let (Order::Send(_), Some(watched)) = (&order, &mut call.watched) {
            watched.messages += 1;
        }
        match &call.to {
            To::Direct(_) => {
                drop(calls);
                match order {
                    Order::Reply(_, reply) => self.reply(id, reply),
                    Order::Finish(status, _) => self.end(id, status),
                    // A direct call has no stream to send on.
                    Order::Initial(_) | Order::Send(_) | Order::Consumed(_) => {}
                }
            }
            To::Stream(outgoing, incoming) => {
                let (outgoing, incoming) = (Rc::clone(outgoing), Rc::clone(incoming));
                drop(calls);
                self.carry_out_on(id, order, &outgoing, &incoming);
            }
            To::Exchange(owed) => {
                let owed = Rc::clone(owed);
                drop(calls);
                if let Order::Reply(request, reply) = order {
                    self.answer(id, &owed, request, reply.result);
                }
            }
        }
    }

    /// Carries out an order for a stream.
    fn carry_out_on(&self, id: CallId, order: Order, outgoing: &Outgoing, incoming: &Incoming) {
        match order {
            Order::Reply(_, mut reply) => {
                reply.result = self.checked(reply.result);
                self.over(id, reply.result.as_ref().err().unwrap_or(&Status::OK));
                outgoing.reply(reply);
            }
            Order::Initial(headers) => outgoing.initial(headers),
            Order::Send(message) => outgoing.message(message),
            Order::Finish(status, trailing) => {
                let status = if status.is_lost() { self.shared.policy.fault() } else { status };
                self.over(id, &status);
                outgoing.finish(status, trailing);
            }
            Order::Consumed(cost) => incoming.consumed(cost),
        }
    }

    /// Answers one of many requests.
    fn answer(&self, id: CallId, owed: &Owed, request: u64, result: Result<Bytes, Status>) {
        match owed.answer(request, self.checked(result)) {
            Ok(()) => self.settle(id, owed),
            Err(status) => self.end(id, status),
        }
    }

    /// Sends the answers whose turn it is, and ends the call when there are no more to come.
    pub(crate) fn settle(&self, id: CallId, owed: &Owed) {
        let settled = owed.settle();
        if let Some(watched) = self.calls.borrow_mut().get(id).and_then(|call| call.watched.as_mut()) {
            watched.messages += settled.answers;
        }
        if let Some(status) = settled.end {
            self.over(id, &status);
            owed.outgoing.finish(status, HeaderMap::new());
        }
    }

    /// The caller of a stream takes messages again.
    pub(crate) fn writable(&self, id: CallId) {
        match self.calls.borrow_mut().get(id).map(|call| &call.to) {
            Some(To::Exchange(owed)) => owed.writable(),
            Some(To::Stream(..)) => {
                self.tell(Event::Writable(id));
                self.flush();
            }
            Some(To::Direct(_)) | None => {}
        }
    }

    /// A handler is done with its call, which is counted out now: a caller that takes the rest slowly changes nothing.
    fn over(&self, id: CallId, status: &Status) {
        let watched = self.calls.borrow_mut().get(id).and_then(|call| call.watched.take());
        if let Some(watched) = watched {
            watched.end(status.code, status.reason.clone());
        }
    }

    /// Sends the answer of a direct call.
    fn reply(&self, id: CallId, mut reply: Reply) {
        let Some(mut call) = self.remove(id) else { return };
        let To::Direct(respond) = &mut call.to else { unreachable!("others are answered by their task") };
        reply.result = self.checked(reply.result);
        let sent = respond::whole(respond, reply, call.compress_from);
        let (status, held) = sent.unwrap_or_else(|_| (Status::gone(), None));
        Self::count_out(call, &status);
        if let Some(held) = held {
            self.holding.keep(held, self.shared.config.keepalive_timeout);
        }
    }

    /// A message within the limit; a status with its words.
    pub(crate) fn checked(&self, result: Result<Bytes, Status>) -> Result<Bytes, Status> {
        let limit = self.shared.config.max_send_bytes;
        match result {
            Ok(message) if message.len() > limit => Err(Status::new(
                Code::ResourceExhausted,
                format!("The reply has {} bytes, which is larger than max ({limit}).", message.len()),
            )),
            Err(status) if status.is_lost() => Err(self.shared.policy.fault()),
            Ok(_) | Err(_) => result,
        }
    }

    /// Ends a call with a status, whatever it was at.
    pub(crate) fn end(&self, id: CallId, status: Status) {
        match self.calls.borrow_mut().get(id).map(|call| &call.to) {
            None => return,
            Some(To::Direct(_)) => {}
            Some(To::Stream(outgoing, _)) => {
                outgoing.cut(status);
                self.tell(Event::Cancelled(id));
                self.flush();
                return;
            }
            Some(To::Exchange(owed)) => {
                owed.outgoing.cut(status);
                return;
            }
        }
        self.reply(id, Err(status).into());
    }

    /// Lets a call go whose caller is gone.
    pub(crate) fn gone(&self, id: CallId) {
        if let Some(call) = self.remove(id) {
            if let To::Stream(..) = call.to {
                self.tell(Event::Cancelled(id));
                self.flush();
            }
            Self::count_out(call, &Status::gone());
        }
    }

    /// Counts a call out.
    fn count_out(mut call: Call, status: &Status) {
        if let Some(watched) = call.watched.take() {
            watched.end(status.code, status.reason.clone());
        }
    }

    /// Lets a call go that ended so.
    pub(crate) fn ended(&self, id: CallId, status: &Status) {
        if let Some(call) = self.remove(id) {
            Self::count_out(call, status);
        }
    }

    fn expire(&self) {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let mut late = Vec::new();
        for (id, deadline) in self.calls.borrow().deadlines(self.number) {
            if deadline <= now {
                late.push(id);
            } else if next.is_none_or(|next| deadline < next) {
                next = Some(deadline);
            }
        }
        self.next_deadline.set(next);
        for id in late {
            if let Some(call) = self.calls.borrow_mut().get(id) {
                call.deadline = None;
            }
            self.end(id, Status::late());
        }
    }

    /// The server closes: foreign handlers learn that nobody waits any more.
    fn abandon(&self) {
        for id in self.calls.borrow().ids(self.number) {
            self.tell(Event::Cancelled(id));
        }
        self.flush();
        // Taken out before they are dropped: a call's end may look at the others.
        let calls = std::mem::take(&mut *self.calls.borrow_mut());
        drop(calls);
    }

    /// Counts a call that ended before it was one.
    pub(crate) fn refused(&self, method: usize, status: &Status) {
        let nobody = self.shared.policy.nobody();
        Watched::refuse(&self.shared.observer, method, nobody, status.code, status.reason.clone());
    }
}
