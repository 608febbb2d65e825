//! From the headers of a request to its handler.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method as HttpMethod, Request, StatusCode};
use tokio::task::spawn_local;

use crate::config::Asked;
use crate::exchange::{self, Exchange, Owed, Requests};
use crate::frame::{Broken, Deframer, Encoding};
use crate::handler::{CallId, Event, ForeignCall, Grant, Handler, Info, Peer, Shape};
use crate::observe::{Counted, Watched};
use crate::respond;
use crate::status::{Code, Status, beginning};
use crate::stream::{self, Incoming, Outgoing};
use crate::worker::{Call, To, Worker};

/// Of a name that a caller made up, it is told so many bytes.
const SHOWN_MAX: usize = 120;
/// Of a request that is no gRPC, so many bytes are read before it is refused.
const FOREIGN_MAX: usize = 64 * 1024;
const GRPC: &[u8] = b"application/grpc";

/// Takes a request in. Most are whole already and reach their handler before this returns.
pub(crate) fn begin(
    worker: &Rc<Worker>,
    peer: &Peer,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (parts, body) = request.into_parts();
    if let Some(code) = not_grpc(&parts.method, &parts.headers) {
        spawn_local(refuse_http(body, respond, code));
        return;
    }
    let Some(method) = worker.shared.by_name.get(parts.uri.path()).copied() else {
        let status = Status::new(
            Code::Unimplemented,
            format!("Nobody answers {}.", beginning(parts.uri.path(), SHOWN_MAX)),
        );
        let _ = respond::refuse(&mut respond, &status, HeaderMap::new());
        return;
    };
    let mut admitted = match admit(worker, method, &parts.headers, peer) {
        Ok(admitted) => admitted,
        Err(Refused { status, encoding }) => {
            worker.refused(method, &status);
            let _ = if encoding {
                respond::refuse_encoding(&mut respond, &status)
            } else {
                respond::refuse(&mut respond, &status, HeaderMap::new())
            };
            return;
        }
    };
    let info = Box::new(Info {
        method,
        caller: admitted.watched.caller.clone(),
        grant: admitted.grant.take(),
        deadline: admitted.deadline,
        trace: admitted.watched.trace.clone(),
        peer: peer.address,
        headers: parts.headers,
    });
    match &worker.shared.methods[method].handler {
        Handler::Native(_) | Handler::Foreign(Shape::Quick) => direct(worker, info, admitted, body, respond),
        Handler::Foreign(shape) => streamed(worker, info, admitted, body, respond, *shape),
        Handler::Exchange(handler) => exchanged(worker, &info, admitted, body, respond, &**handler),
    }
}

/// Answers what is no gRPC, once it has come to its end: some programs of HTTP/2 take no answer before.
async fn refuse_http(mut body: RecvStream, mut respond: SendResponse<Bytes>, code: StatusCode) {
    let mut read = 0;
    while let Some(chunk) = body.data().await {
        let Ok(chunk) = chunk else { return };
        read += chunk.len();
        if read > FOREIGN_MAX {
            break;
        }
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    let _ = respond::refuse_http(&mut respond, code);
}

/// Why a request is none of gRPC.
fn not_grpc(method: &HttpMethod, headers: &HeaderMap) -> Option<StatusCode> {
    if method != HttpMethod::POST {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    let rest = headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().strip_prefix(GRPC));
    match rest {
        Some([] | [b'+' | b';', ..]) => None,
        _ => Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

struct Admitted {
    watched: Watched,
    grant: Option<Grant>,
    deadline: Option<Instant>,
    compress_from: Option<usize>,
    deframer: Deframer,
}

struct Refused {
    status: Status,
    /// The caller is told which encodings are known.
    encoding: bool,
}

fn admit(worker: &Worker, method: usize, headers: &HeaderMap, peer: &Peer) -> Result<Admitted, Refused> {
    let shared = &worker.shared;
    let refused = |status| Refused { status, encoding: false };
    let now = Instant::now();
    let encoding = match headers.get("grpc-encoding") {
        None => Encoding::Identity,
        Some(name) => Encoding::named(name.as_bytes()).ok_or_else(|| Refused {
            status: Status::new(Code::Unimplemented, "The message's encoding is unknown here."),
            encoding: true,
        })?,
    };
    let deadline = match headers.get("grpc-timeout") {
        None => None,
        Some(text) => {
            let timeout = crate::metadata::timeout(text.as_bytes());
            let timeout =
                timeout.ok_or_else(|| refused(Status::new(Code::Internal, "grpc-timeout is malformed.")))?;
            Some(now + timeout)
        }
    };
    let admission = shared.policy.admit(&Asked { method, headers, peer }).map_err(refused)?;
    let named = &shared.methods[method];
    let counted = Counted { streams: named.gives_many(), awaited: named.is_awaited(), long: named.is_long() };
    let watched = Watched::begin(&shared.observer, method, counted, shared.config.max_calls);
    let mut watched =
        watched.ok_or_else(|| refused(shared.policy.too_many_calls(shared.config.max_calls)))?;
    watched.caller = admission.caller;
    if counted.awaited
        && let Some(sampler) = &worker.sampler
    {
        // A stream that goes on until somebody ends it has no way that would tell anything.
        watched.trace = sampler.begin(headers, now).map(Arc::new);
    }
    let takes_gzip =
        || headers.get_all("grpc-accept-encoding").iter().any(|names| names_gzip(names.as_bytes()));
    Ok(Admitted {
        watched,
        grant: admission.grant,
        deadline,
        compress_from: shared.config.compress_from.filter(|_| takes_gzip()),
        deframer: Deframer::new(encoding, shared.config.max_receive_bytes),
    })
}

fn names_gzip(names: &[u8]) -> bool {
    names.split(|byte| *byte == b',').any(|name| name.trim_ascii() == b"gzip")
}

/// A call that is answered by one order, without a task of its own.
fn direct(
    worker: &Rc<Worker>,
    info: Box<Info>,
    admitted: Admitted,
    body: RecvStream,
    respond: SendResponse<Bytes>,
) {
    let id = worker.insert(Call {
        watched: Some(admitted.watched),
        deadline: admitted.deadline,
        compress_from: admitted.compress_from,
        to: To::Direct(respond),
        reader: None,
        arriving: false,
    });
    collect(worker, id, info, body, admitted.deframer);
}

/// A call with a task that sends its answer, and notices when the caller goes away.
fn streamed(
    worker: &Rc<Worker>,
    info: Box<Info>,
    admitted: Admitted,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    shape: Shape,
) {
    let outgoing = Rc::new(Outgoing::new(shape.gives_many().then(Arc::default)));
    let incoming = Rc::new(Incoming::default());
    let compress_from = admitted.compress_from;
    let id = worker.insert(Call {
        watched: Some(admitted.watched),
        deadline: admitted.deadline,
        compress_from,
        to: To::Stream(Rc::clone(&outgoing), Rc::clone(&incoming)),
        reader: None,
        arriving: false,
    });
    let flow = outgoing.flow.clone();
    spawn_local(stream::write(Rc::clone(worker), id, respond, outgoing, compress_from));
    if shape.takes_many() {
        let remote = worker.remote(id, flow);
        worker.tell(Event::Call(ForeignCall { info, request: None, remote }));
        let reader = spawn_local(stream::read(Rc::clone(worker), id, body, admitted.deframer, incoming));
        worker.reads(id, reader.abort_handle());
    } else {
        collect(worker, id, info, body, admitted.deframer);
    }
}

/// A call with a task that reads its requests, and one that sends the answers.
fn exchanged(
    worker: &Rc<Worker>,
    info: &Info,
    admitted: Admitted,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    handler: &dyn Exchange,
) {
    let owed = Rc::new(Owed::new());
    let compress_from = admitted.compress_from;
    let id = worker.insert(Call {
        watched: Some(admitted.watched),
        deadline: admitted.deadline,
        compress_from,
        to: To::Exchange(Rc::clone(&owed)),
        reader: None,
        arriving: false,
    });
    let outgoing = Rc::clone(&owed.outgoing);
    spawn_local(stream::write(Rc::clone(worker), id, respond, outgoing, compress_from));
    // What came too late is not begun.
    if info.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        worker.end(id, Status::late());
        return;
    }
    let requests = Requests { body, deframer: admitted.deframer };
    let reader = exchange::read(Rc::clone(worker), id, requests, handler.begin(info), owed);
    worker.reads(id, spawn_local(reader).abort_handle());
}

/// Reads the one message of a request: now, if it is there, or in a task.
fn collect(worker: &Rc<Worker>, id: CallId, info: Box<Info>, body: RecvStream, deframer: Deframer) {
    let mut request = Collect { body, deframer, message: None };
    match request.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(collected) => have(worker, id, info, collected),
        Poll::Pending => {
            let here = Rc::clone(worker);
            let deadline = info.deadline;
            worker.arrives(id);
            let reader = spawn_local(async move {
                let collected = poll_fn(|context| request.poll(context)).await;
                here.arrived(id, deadline);
                have(&here, id, info, collected);
                here.flush();
            });
            worker.reads(id, reader.abort_handle());
        }
    }
}

fn have(worker: &Worker, id: CallId, info: Box<Info>, collected: Result<Bytes, Failed>) {
    if let Some(trace) = &info.trace {
        trace.read();
    }
    match collected {
        Ok(request) => worker.dispatch(id, info, request),
        Err(Failed::Gone) => worker.gone(id),
        Err(Failed::Broken(broken)) => worker.end(id, words(worker, broken)),
    }
}

/// What a caller is told of its broken message.
pub(crate) fn words(worker: &Worker, broken: Broken) -> Status {
    match broken {
        Broken::TooLarge { bytes, limit } => worker.shared.policy.too_large(bytes, limit),
        Broken::Malformed(_) => broken.into(),
    }
}

enum Failed {
    Gone,
    Broken(Broken),
}

struct Collect {
    body: RecvStream,
    deframer: Deframer,
    message: Option<Bytes>,
}

impl Collect {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Failed>> {
        loop {
            let chunk = match self.body.poll_data(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Failed::Gone)),
                Poll::Ready(None) => return Poll::Ready(self.end().map_err(Failed::Broken)),
                Poll::Ready(Some(Ok(chunk))) => chunk,
            };
            let _ = self.body.flow_control().release_capacity(chunk.len());
            self.deframer.push(chunk);
            if let Err(broken) = self.take() {
                return Poll::Ready(Err(Failed::Broken(broken)));
            }
            // Known without asking once more.
            if self.body.is_end_stream() {
                return Poll::Ready(self.end().map_err(Failed::Broken));
            }
        }
    }

    fn take(&mut self) -> Result<(), Broken> {
        while let Some(message) = self.deframer.next()? {
            if self.message.replace(message).is_some() {
                return Err(Broken::Malformed("The method takes one message, and there are more."));
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Bytes, Broken> {
        self.deframer.end()?;
        self.message.take().ok_or(Broken::Malformed("The method takes a message, and there is none."))
    }
}
