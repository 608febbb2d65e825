//! A server: its threads, from the first socket to the last.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::config::{Config, Policy};
use crate::handler::{Event, Inbox, Method};
use crate::mailbox::{Mailbox, lock};
use crate::observe::{LogCalls, Observer};
use crate::tls::{self, Shown};
use crate::worker::{self, Shared};

/// Sockets that wait for a busy worker; the system's own backlog takes over then.
const SOCKETS_MAX: usize = 128;
/// The system gives no socket: it is asked again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most threads that carry connections.
const WORKERS_MAX: usize = 256;

/// How far its life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// No new connections; calls come to their end.
    Draining,
    /// Everything is dropped.
    Closing,
}

/// A running server. Dropped, it closes at once.
pub struct Server {
    observer: Arc<Observer>,
    /// Its certificate, where it speaks TLS.
    shown: Option<Arc<Shown>>,
    phase: watch::Sender<Phase>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// Serves what connects to `listeners`. Foreign methods' events go to `mailbox`.
    ///
    /// # Errors
    /// Certificates that cannot be used; a system that gives no threads.
    pub fn start(
        config: Config,
        methods: Vec<Method>,
        policy: Arc<dyn Policy>,
        mailbox: Arc<Mailbox<Event>>,
        log_calls: LogCalls,
        listeners: Vec<TcpListener>,
    ) -> Result<Self, Error> {
        let by_name: HashMap<String, usize> =
            methods.iter().enumerate().map(|(place, method)| (method.name.clone(), place)).collect();
        if by_name.len() < methods.len() {
            return Err(Error::new(ErrorKind::InvalidInput, "a method is there twice"));
        }
        let workers = config.workers.clamp(1, WORKERS_MAX);
        let observer = Arc::new(Observer::new(methods.len(), log_calls));
        let (tls, shown) = config.tls.as_ref().map(tls::acceptor).transpose()?.unzip();
        let shared = Arc::new(Shared {
            config,
            methods,
            by_name,
            policy,
            observer: Arc::clone(&observer),
            mailbox,
            tls,
        });
        let (phase, watched) = watch::channel(Phase::Serving);
        let server = Self { observer, shown, phase, threads: Mutex::default() };
        let mut to_workers = Vec::with_capacity(workers);
        for number in 0..u16::try_from(workers).unwrap_or(u16::MAX) {
            let (sender, sockets) = mpsc::channel(SOCKETS_MAX);
            to_workers.push(sender);
            let (shared, phase) = (Arc::clone(&shared), watched.clone());
            server.spawn(format!("kasir-net-{number}"), move || {
                let work = || worker::run(shared, number, Arc::new(Inbox::default()), sockets, phase);
                // Handlers' panics are caught at the call. This one is ours, it was printed, and nobody would carry this
                // worker's connections any more: whoever runs the process has to start it again.
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    std::process::abort();
                }
            })?;
        }
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let (to_workers, phase) = (to_workers.clone(), watched.clone());
            server.spawn("kasir-accept".into(), move || accept(listener, &to_workers, phase))?;
        }
        Ok(server)
    }

    fn spawn(&self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = Builder::new().name(name).spawn(work)?;
        lock(&self.threads).push(thread);
        Ok(())
    }

    /// What it counts.
    pub fn observer(&self) -> &Arc<Observer> {
        &self.observer
    }

    /// Shows another certificate to who connects from now on: its chain and key, PEM. Connections that are open go on.
    ///
    /// # Errors
    /// What cannot be used; then the one of before is shown. A server without TLS has none to show.
    pub fn show_certificate(&self, certificate: &[u8], key: &[u8]) -> Result<(), Error> {
        let shown = self.shown.as_ref().ok_or_else(|| Error::from(ErrorKind::Unsupported))?;
        shown.change(certificate, key)
    }

    /// Takes no more connections and asks callers to go; waits at most `grace` for calls that have an answer to come, then
    /// at most `flush` of what is left of it for the rest; closes. Blocks as long as that. The second time is nothing.
    pub fn stop(&self, grace: Duration, flush: Duration) {
        let until = Instant::now() + grace;
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
        if self.observer.wait(false, grace) {
            self.observer.wait(true, until.saturating_duration_since(Instant::now()).min(flush));
        }
        self.close();
    }

    fn close(&self) {
        let _ = self.phase.send(Phase::Closing);
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // What a thread panicked with was printed when it did.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("phase", &*self.phase.borrow()).finish_non_exhaustive()
    }
}

/// Hands sockets to the workers in turn.
fn accept(
    listener: TcpListener,
    workers: &[mpsc::Sender<std::net::TcpStream>],
    mut phase: watch::Receiver<Phase>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a thread that was started has its epoll");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("it was made nonblocking");
        let mut turn = (0..workers.len()).cycle();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            };
            let Ok(socket) = accepted.and_then(ready) else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let worker = &workers[turn.next().unwrap_or_default()];
            tokio::select! {
                _ = worker.send(socket) => {}
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            }
        }
    });
}

/// A socket that sends small answers at once.
fn ready((socket, _): (tokio::net::TcpStream, SocketAddr)) -> Result<std::net::TcpStream, Error> {
    socket.set_nodelay(true)?;
    socket.into_std()
}
