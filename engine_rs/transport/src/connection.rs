//! One connection: TLS, HTTP/2, the calls that come in, signs of life, and its end.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Builder, Connection};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::{spawn_local, yield_now};
use tokio::time::{sleep, timeout};

use crate::call;
use crate::handler::Peer;
use crate::parting::Parting;
use crate::server::Phase;
use crate::tls;
use crate::worker::Worker;

/// Bytes that a caller may send ahead on one stream, and over all of its streams.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// A frame that waits to be read costs more than its bytes: h2 counts what the small ones lack to 256. Callers that send
/// each command in a frame of its own fill their window with frames of some 50 bytes, and are not to be cut off for it.
const FRAME_BUDGET: usize = 4 * CONNECTION_WINDOW as usize;
/// Calls that a connection may begin and break off before they are looked at; more is an attack.
const PENDING_RESETS_MAX: usize = 128;
/// A connection whose call took longer lets the others go first.
const TURN: Duration = Duration::from_micros(500);
/// Bytes that wait in HTTP/2 to be sent on one stream.
const SEND_BUFFER: usize = 256 * 1024;

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, socket: TcpStream, phase: watch::Receiver<Phase>) {
    let Ok(address) = socket.peer_addr() else { return };
    let mut peer = Peer { address, identity: None };
    let limit = worker.shared.config.handshake_timeout;
    match worker.shared.tls.clone() {
        None => http(worker, socket, peer, phase).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(limit, acceptor.accept(socket)).await
                && tls::agreed(&stream)
            {
                peer.identity =
                    tls::certificate(&stream).and_then(|shown| worker.shared.policy.identify(shown));
                http(worker, stream, peer, phase).await;
            }
        }
    }
}

async fn http<T>(worker: Rc<Worker>, io: T, peer: Peer, mut phase: watch::Receiver<Phase>)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let config = &worker.shared.config;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(config.max_streams)
        .max_header_list_size(config.max_header_bytes)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(FRAME_BUDGET)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_send_buffer_size(SEND_BUFFER);
    let handshake =
        timeout(config.handshake_timeout, builder.handshake::<Parting<T>, Bytes>(Parting::new(io)));
    let Ok(Ok(mut connection)) = handshake.await else { return };
    let dead = Rc::new(Notify::new());
    let pings = connection
        .ping_pong()
        .map(|pings| spawn_local(keep_alive(Rc::clone(&worker), pings, Rc::clone(&dead))).abort_handle());
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            accepted = accept(&worker, &mut connection) => match accepted {
                Some(Ok((request, respond))) => {
                    let began = Instant::now();
                    call::begin(&worker, &peer, request, respond);
                    if began.elapsed() > TURN {
                        // Who asks for much waits for it; others have their turn.
                        worker.flush();
                        yield_now().await;
                    }
                }
                // Broken or over: HTTP/2 has said what there was to say.
                Some(Err(_)) | None => break,
            },
            () = dead.notified() => break,
            _ = phase.wait_for(|phase| *phase != Phase::Serving), if !draining => {
                draining = true;
                connection.graceful_shutdown();
            }
        }
    }
    worker.flush();
    if let Some(pings) = pings {
        pings.abort();
    }
}

type Accepted = Result<(http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>), h2::Error>;

/// The next call. What the calls before it left for other threads is passed on when there is no next one yet.
async fn accept<T>(worker: &Worker, connection: &mut Connection<T, Bytes>) -> Option<Accepted>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|context| {
        let accepted = connection.poll_accept(context);
        if accepted.is_pending() {
            worker.flush();
        }
        accepted
    })
    .await
}

/// Asks now and then whether the other side still lives.
async fn keep_alive(worker: Rc<Worker>, mut pings: PingPong, dead: Rc<Notify>) {
    let config = &worker.shared.config;
    loop {
        sleep(config.keepalive).await;
        let answered = timeout(config.keepalive_timeout, pings.ping(Ping::opaque())).await;
        if !matches!(answered, Ok(Ok(_))) {
            dead.notify_one();
            return;
        }
    }
}
