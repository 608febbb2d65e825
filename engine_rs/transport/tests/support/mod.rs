//! A server whose handlers behave as the tests need it, and a client that speaks HTTP/2 to it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use kasir_transport::{
    Code, Config, Conversation, Event, Exchange, ForeignCall, Handler, Info, LogCalls, Mailbox, Method,
    Native, PlainPolicy, Reply, Server, Shape, Status, Taken, Ticket, lock,
};
use tokio::net::TcpStream;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with what came.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) calls: AtomicUsize,
}

impl Native for Echo {
    fn call(&self, _call: &Info, request: Bytes, ticket: Ticket) -> Option<Reply> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        ticket.forget();
        Some(Ok(request).into())
    }
}

/// Keeps its tickets.
#[derive(Default)]
pub(crate) struct Keep {
    pub(crate) tickets: Mutex<Vec<(Bytes, Ticket)>>,
}

impl Native for Keep {
    fn call(&self, _call: &Info, request: Bytes, ticket: Ticket) -> Option<Reply> {
        lock(&self.tickets).push((request, ticket));
        None
    }
}

/// Does with a request what it says; keeps the ticket of any other.
#[derive(Default)]
pub(crate) struct Talk {
    /// How often there is no room yet.
    pub(crate) full: AtomicUsize,
    pub(crate) tickets: Arc<Mutex<Vec<(Bytes, Ticket)>>>,
}

pub(crate) struct Talking {
    pub(crate) full: usize,
    pub(crate) tickets: Arc<Mutex<Vec<(Bytes, Ticket)>>>,
}

impl Exchange for Talk {
    fn begin(&self, _call: &Info) -> Box<dyn Conversation> {
        let full = self.full.load(Ordering::Relaxed);
        Box::new(Talking { full, tickets: Arc::clone(&self.tickets) })
    }
}

impl Conversation for Talking {
    fn take(&mut self, request: &Bytes, ticket: Ticket) -> Taken {
        match &request[..] {
            b"now" => Taken::Now(request.clone()),
            b"end" => Taken::End(Status::new(Code::InvalidArgument, "This is none.")),
            b"full" if self.full > 0 => {
                self.full -= 1;
                Taken::Full(Duration::from_millis(5))
            }
            b"break" => panic!("it breaks"),
            _ => {
                lock(&self.tickets).push((request.clone(), ticket));
                Taken::Later
            }
        }
    }
}

pub(crate) struct Broken;

impl Native for Broken {
    fn call(&self, _call: &Info, request: Bytes, _ticket: Ticket) -> Option<Reply> {
        assert!(request.is_empty(), "it breaks on anything but nothing");
        None
    }
}

pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) echo: Arc<Echo>,
    pub(crate) keep: Arc<Keep>,
    pub(crate) talk: Arc<Talk>,
    pub(crate) mailbox: Arc<Mailbox<Event>>,
    pub(crate) doorstep: kasir_transport::Doorstep,
    pub(crate) events: Mutex<Vec<Event>>,
}

pub(crate) fn start(config: Config) -> Running {
    let (echo, keep) = (Arc::<Echo>::default(), Arc::<Keep>::default());
    let talk = Arc::<Talk>::default();
    let native =
        |name: &str, native: Arc<dyn Native>| Method { name: name.into(), handler: Handler::Native(native) };
    let foreign = |name: &str, shape| Method { name: name.into(), handler: Handler::Foreign(shape) };
    let methods = vec![
        native("/t.T/Echo", Arc::clone(&echo) as _),
        native("/t.T/Keep", Arc::clone(&keep) as _),
        native("/t.T/Broken", Arc::new(Broken)),
        Method { name: "/t.T/Talk".into(), handler: Handler::Exchange(Arc::clone(&talk) as _) },
        foreign("/t.T/Unary", Shape::Unary),
        foreign("/t.T/Watch", Shape::ServerStream),
        foreign("/t.T/Chat", Shape::Bidirectional),
    ];
    let (mailbox, doorstep) = Mailbox::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let here = Arc::clone(&mailbox);
    let server =
        Server::start(config, methods, Arc::new(PlainPolicy), here, LogCalls::All, vec![listener]).unwrap();
    Running { server, address, echo, keep, talk, mailbox, doorstep, events: Mutex::default() }
}

impl Running {
    /// The first event that is wanted; others stay.
    pub(crate) async fn event<R>(
        &self,
        mut wanted: impl FnMut(&Event) -> bool,
        take: impl FnOnce(Event) -> R,
    ) -> R {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = {
                let mut events = lock(&self.events);
                events.extend(self.mailbox.take(&self.doorstep));
                let place = events.iter().position(&mut wanted);
                place.map(|place| events.remove(place))
            };
            if let Some(found) = found {
                return take(found);
            }
            assert!(Instant::now() < until, "the event never came");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn call(&self) -> ForeignCall {
        let take = |event| match event {
            Event::Call(call) => call,
            other => panic!("{other:?}"),
        };
        self.event(|event| matches!(event, Event::Call(_)), take).await
    }

    pub(crate) async fn kept(&self) -> (Bytes, Ticket) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(kept) = lock(&self.keep.tickets).pop() {
                return kept;
            }
            assert!(Instant::now() < until, "the call never came");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Running {
    /// So many requests of conversations, once they were taken, and no more were taken meanwhile.
    pub(crate) async fn asked(&self, count: usize) -> Vec<(Bytes, Ticket)> {
        let until = Instant::now() + PATIENCE;
        while lock(&self.talk.tickets).len() < count {
            assert!(Instant::now() < until, "{count} requests never came");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = std::mem::take(&mut *lock(&self.talk.tickets));
        assert_eq!(asked.len(), count);
        asked
    }
}

/// The messages of a body.
pub(crate) fn messages(mut body: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = body.get(1..).and_then(<[u8]>::split_first_chunk) {
        let (message, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        found.push(message);
        body = rest;
    }
    found
}

pub(crate) fn all(requests: &[&[u8]]) -> Bytes {
    requests.iter().map(|request| framed(0, request)).collect::<Vec<_>>().concat().into()
}

pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE * 2, test).await.expect("it takes too long") });
}

pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let (client, driver) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    tokio::spawn(driver);
    client
}

pub(crate) fn request(path: &str) -> http::request::Builder {
    Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

pub(crate) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

pub(crate) fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

/// What came back: HTTP status, grpc-status, the body's bytes, headers and trailers together.
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) code: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

pub(crate) async fn read(response: Response<RecvStream>) -> Answer {
    let (head, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        body.extend_from_slice(&chunk);
    }
    let mut headers = head.headers;
    headers.extend(stream.trailers().await.unwrap().unwrap_or_default());
    let code = headers.get("grpc-status").map_or("none", |code| code.to_str().unwrap()).to_owned();
    Answer { http: head.status.as_u16(), code, body, headers }
}

pub(crate) async fn send(client: &SendRequest<Bytes>, request: Request<()>, body: Bytes) -> Answer {
    let (response, mut stream) = client.clone().send_request(request, false).unwrap();
    stream.send_data(body, true).unwrap();
    read(response.await.unwrap()).await
}

pub(crate) fn open(
    client: &SendRequest<Bytes>,
    request: http::request::Builder,
) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
    client.clone().send_request(request.body(()).unwrap(), false).unwrap()
}

pub(crate) fn plain(path: &str) -> Request<()> {
    request(path).body(()).unwrap()
}
