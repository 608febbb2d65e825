//! A call whose answer takes its time: what waits to go out, what may come in, and the tasks between them and the
//! connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep, timeout};

use crate::frame::{COPY_MAX, Deframer, framed, together};
use crate::handler::{CallId, Event, Flow, Reply, cost};
use crate::respond::{self, Held};
use crate::status::Status;
use crate::worker::Worker;

/// A call that ended waits so long for a caller that takes nothing of what was sent before.
pub(crate) const LINGER: Duration = Duration::from_secs(5);
/// Bytes of messages that a handler has not taken yet; beyond, the caller has to wait.
pub(crate) const READ_AHEAD: usize = 256 * 1024;

enum Out {
    Initial(HeaderMap),
    /// One of many, or the only one: that one was never counted into the flow.
    Message(Bytes, bool),
    End(Status, HeaderMap),
}

#[derive(Default)]
struct State {
    queue: VecDeque<Out>,
    /// Ends the call at once, whatever waits.
    cut: Option<Status>,
    /// Nothing comes after what waits.
    ending: bool,
    waker: Option<Waker>,
}

/// What waits to go out.
pub(crate) struct Outgoing {
    state: RefCell<State>,
    /// The handler's side of the account, where many messages go out.
    pub(crate) flow: Option<Arc<Flow>>,
}

impl Outgoing {
    pub(crate) fn new(flow: Option<Arc<Flow>>) -> Self {
        Self { state: RefCell::default(), flow }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.state.borrow_mut();
            if state.ending {
                return;
            }
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn initial(&self, headers: HeaderMap) {
        self.change(|state| state.queue.push_back(Out::Initial(headers)));
    }

    pub(crate) fn message(&self, message: Bytes) {
        self.change(|state| state.queue.push_back(Out::Message(message, true)));
    }

    pub(crate) fn finish(&self, status: Status, trailing: HeaderMap) {
        self.change(|state| {
            state.queue.push_back(Out::End(status, trailing));
            state.ending = true;
        });
    }

    pub(crate) fn reply(&self, reply: Reply) {
        let (initial, trailing) =
            reply.extra.map_or_else(Default::default, |extra| (extra.initial, extra.trailing));
        self.change(|state| {
            if !initial.is_empty() {
                state.queue.push_back(Out::Initial(initial));
            }
            let status = match reply.result {
                Ok(message) => {
                    state.queue.push_back(Out::Message(message, false));
                    Status::OK
                }
                Err(status) => status,
            };
            state.queue.push_back(Out::End(status, trailing));
            state.ending = true;
        });
    }

    /// Ends the call without what still waits.
    pub(crate) fn cut(&self, status: Status) {
        let waker = {
            let mut state = self.state.borrow_mut();
            state.cut.get_or_insert(status);
            state.ending = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Out> {
        let mut state = self.state.borrow_mut();
        if let Some(status) = state.cut.take() {
            return Poll::Ready(Out::End(status, HeaderMap::new()));
        }
        if let Some(out) = state.queue.pop_front() {
            return Poll::Ready(out);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// The next one of many messages, if it waits and has at most so many bytes.
    fn next_message(&self, most: usize) -> Option<Bytes> {
        let mut state = self.state.borrow_mut();
        match (&state.cut, state.queue.front()) {
            (None, Some(Out::Message(message, true))) if message.len() <= most => {}
            _ => return None,
        }
        let Some(Out::Message(message, _)) = state.queue.pop_front() else { return None };
        Some(message)
    }

    fn is_empty(&self) -> bool {
        self.state.borrow().queue.is_empty()
    }

    fn is_cut(&self) -> bool {
        self.state.borrow().cut.is_some()
    }

    /// Whether nothing can be added any more.
    pub(crate) fn is_ending(&self) -> bool {
        self.state.borrow().ending
    }
}

/// What may come in.
#[derive(Default)]
pub(crate) struct Incoming {
    waiting: Cell<usize>,
    taken: Notify,
}

impl Incoming {
    pub(crate) fn consumed(&self, cost: usize) {
        self.waiting.set(self.waiting.get().saturating_sub(cost));
        self.taken.notify_one();
    }
}

/// Why a message did not go out.
enum Stopped {
    /// The caller is gone.
    Gone,
    /// The call is to end at once.
    Cut,
    /// The call ended, and the caller takes nothing.
    Stuck,
}

/// The way out of one call.
struct Way {
    respond: SendResponse<Bytes>,
    stream: Option<SendStream<Bytes>>,
    compress_from: Option<usize>,
}

impl Way {
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.stream {
            Some(stream) => stream.poll_reset(context).map(drop),
            None => self.respond.poll_reset(context).map(drop),
        }
    }

    fn open(&mut self, initial: HeaderMap) -> Result<&mut SendStream<Bytes>, Stopped> {
        if self.stream.is_none() {
            let head = respond::head(initial, self.compress_from.is_some());
            self.stream = Some(self.respond.send_response(head, false).map_err(|_| Stopped::Gone)?);
        }
        self.stream.as_mut().ok_or(Stopped::Gone)
    }

    /// Sends a message, and with it small ones that wait, each of at most `limit` bytes. Returns what they cost.
    async fn messages(
        &mut self,
        message: Bytes,
        outgoing: &Outgoing,
        limit: usize,
    ) -> Result<usize, Stopped> {
        self.open(HeaderMap::new())?;
        let mut sent = cost(message.len());
        let compress = self.compress_from.is_some_and(|from| message.len() >= from);
        let (first, rest) = if compress || message.len() > COPY_MAX || outgoing.is_empty() {
            framed(message, compress)
        } else {
            let plain_max = self.compress_from.map_or(limit, |from| limit.min(from.saturating_sub(1)));
            let frame = together(&message, |room| {
                let next = outgoing.next_message(room.min(plain_max))?;
                sent += cost(next.len());
                Some(next)
            });
            (frame, None)
        };
        for part in [Some(first), rest].into_iter().flatten() {
            self.part(part, outgoing).await?;
        }
        Ok(sent)
    }

    /// Sends bytes as the caller takes them.
    async fn part(&mut self, mut part: Bytes, outgoing: &Outgoing) -> Result<(), Stopped> {
        let stream = self.open(HeaderMap::new())?;
        let mut linger: Option<Pin<Box<Sleep>>> = None;
        while !part.is_empty() {
            stream.reserve_capacity(part.len());
            let capacity = poll_fn(|context| poll_room(stream, outgoing, &mut linger, context)).await?;
            let now = part.split_to(capacity.min(part.len()));
            stream.send_data(now, false).map_err(|_| Stopped::Gone)?;
            linger = None;
        }
        Ok(())
    }
}

/// Sends a message as its caller makes room for it; breaks it off when there is none for `longest`.
pub(crate) async fn send_held(held: Held, longest: Duration) {
    let Held { mut stream, parts, trailers } = held;
    for mut part in parts {
        while !part.is_empty() {
            stream.reserve_capacity(part.len());
            let room = poll_fn(|context| match stream.poll_reset(context) {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => {
                    stream.poll_capacity(context).map(|room| room?.ok().filter(|room| *room > 0))
                }
            });
            let Ok(room) = timeout(longest, room).await else {
                stream.send_reset(Reason::CANCEL);
                return;
            };
            let Some(room) = room else { return };
            if stream.send_data(part.split_to(room.min(part.len())), false).is_err() {
                return;
            }
        }
    }
    // A caller that is gone needs no end.
    let _ = stream.send_trailers(trailers);
}

/// Waits for room on the way out, as long as that makes sense.
fn poll_room(
    stream: &mut SendStream<Bytes>,
    outgoing: &Outgoing,
    linger: &mut Option<Pin<Box<Sleep>>>,
    context: &mut Context<'_>,
) -> Poll<Result<usize, Stopped>> {
    if stream.poll_reset(context).is_ready() {
        return Poll::Ready(Err(Stopped::Gone));
    }
    if outgoing.is_cut() {
        return Poll::Ready(Err(Stopped::Cut));
    }
    match stream.poll_capacity(context) {
        Poll::Ready(Some(Ok(0))) | Poll::Pending => {}
        Poll::Ready(Some(Ok(capacity))) => return Poll::Ready(Ok(capacity)),
        Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Stopped::Gone)),
    }
    let mut state = outgoing.state.borrow_mut();
    state.waker = Some(context.waker().clone());
    if state.ending {
        let linger = linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if linger.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Stopped::Stuck));
        }
    }
    Poll::Pending
}

/// Sends what a call gives, to its end.
pub(crate) async fn write(
    worker: Rc<Worker>,
    id: CallId,
    respond: SendResponse<Bytes>,
    outgoing: Rc<Outgoing>,
    compress_from: Option<usize>,
) {
    let mut way = Way { respond, stream: None, compress_from };
    loop {
        let next = poll_fn(|context| {
            if way.poll_gone(context).is_ready() {
                return Poll::Ready(None);
            }
            outgoing.poll_next(context).map(Some)
        });
        let stopped = match next.await {
            None => Stopped::Gone,
            Some(Out::Initial(headers)) => match way.open(headers) {
                Ok(_) => continue,
                Err(stopped) => stopped,
            },
            Some(Out::Message(message, counted)) => {
                match send(&worker, id, &mut way, &outgoing, message, counted).await {
                    Ok(()) => continue,
                    Err(stopped) => stopped,
                }
            }
            Some(Out::End(status, trailing)) => {
                end(&worker, id, way, status, trailing);
                return;
            }
        };
        match stopped {
            // The next one is the end.
            Stopped::Cut => {}
            Stopped::Gone => {
                worker.gone(id);
                return;
            }
            Stopped::Stuck => {
                if let Some(stream) = &mut way.stream {
                    stream.send_reset(Reason::CANCEL);
                }
                worker.gone(id);
                return;
            }
        }
    }
}

async fn send(
    worker: &Worker,
    id: CallId,
    way: &mut Way,
    outgoing: &Outgoing,
    message: Bytes,
    counted: bool,
) -> Result<(), Stopped> {
    let sent = match worker.checked(Ok(message)) {
        Ok(message) => way.messages(message, outgoing, worker.shared.config.max_send_bytes).await?,
        Err(status) => {
            worker.end(id, status);
            return Err(Stopped::Cut);
        }
    };
    if counted && outgoing.flow.as_ref().is_some_and(|flow| flow.sent(sent)) {
        worker.writable(id);
    }
    Ok(())
}

fn end(worker: &Worker, id: CallId, mut way: Way, status: Status, trailing: HeaderMap) {
    let trailers = respond::trailers(&status, trailing);
    let sent = match &mut way.stream {
        Some(stream) => stream.send_trailers(trailers),
        None => way.respond.send_response(respond::only(trailers), true).map(drop),
    };
    worker.ended(id, &if sent.is_ok() { status } else { Status::gone() });
}

/// Passes on the messages that a caller sends, as fast as the handler takes them.
pub(crate) async fn read(
    worker: Rc<Worker>,
    id: CallId,
    mut body: RecvStream,
    mut deframer: Deframer,
    incoming: Rc<Incoming>,
) {
    loop {
        loop {
            match deframer.next() {
                Ok(Some(message)) => {
                    let cost = cost(message.len());
                    incoming.waiting.set(incoming.waiting.get() + cost);
                    worker.tell(Event::Message(id, message));
                }
                Ok(None) => break,
                Err(broken) => {
                    worker.end(id, crate::call::words(&worker, broken));
                    return;
                }
            }
            if incoming.waiting.get() >= READ_AHEAD {
                worker.flush();
                while incoming.waiting.get() >= READ_AHEAD {
                    incoming.taken.notified().await;
                }
            }
        }
        worker.flush();
        match body.data().await {
            Some(Ok(chunk)) => {
                // It leaves the window when it is taken out of it; what is not taken stays there, and the caller waits.
                let _ = body.flow_control().release_capacity(chunk.len());
                deframer.push(chunk);
            }
            // The task that writes learns of it too.
            Some(Err(_)) => return,
            None => break,
        }
    }
    match deframer.end() {
        Ok(()) => worker.tell(Event::HalfClosed(id)),
        Err(broken) => worker.end(id, broken.into()),
    }
    worker.flush();
}
