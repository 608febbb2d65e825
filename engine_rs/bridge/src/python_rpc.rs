//! The server: calls on their way to handlers in Python ([`crate::python_call`]), and its figures.
//!
//! Handlers run where the loop drains the mailbox, and nowhere else. Locks here are held for a move of a few words and
//! never while anything waits, so they are taken with the GIL held: giving it up could cost the loop its turn.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use kasir_transport::{
    CallId, Config, Doorstep, Event, ForeignCall, Handler, LogCalls, Mailbox, Method, PlainPolicy, Policy,
    Replies, Reply, Server, Shape, Ticket, Tls, Traced, lock,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::access::Access;
use crate::answers::{self, ShopPolicy, check_places};
use crate::engine::Engine;
use crate::listening::listen;
use crate::python::CoreEngine;
use crate::python_access::{self, PlaceRow, RpcAccess};
use crate::python_call::{Listeners, RpcCall};
use crate::python_values::{self, seconds};

/// Answers given in one drain that are sent before the next ones are made.
const ANSWERS_MAX: usize = 64;

/// Certificate chain, key, authority of clients.
type Pems = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);
/// See [`RpcServer::figures`] and [`RpcServer::take_log`].
type FiguresRow = (String, bool, Vec<u64>, Vec<u64>, f64, u64, u64);
type LogRow = (String, String, u8, String, f64, Option<u64>);
/// See [`RpcServer::take_traces`].
type TraceRow<'py> = (
    String,
    Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>,
    u8,
    String,
    u64,
    Vec<(&'static str, u64)>,
    Vec<(&'static str, u64)>,
);

/// A method in Python.
struct Answerer {
    name: Arc<str>,
    handler: Py<PyAny>,
}

/// What is decided before the start.
#[derive(Default)]
struct Table {
    methods: Vec<Method>,
    /// Handlers of foreign methods, at their place in the table.
    answerers: Vec<Option<Answerer>>,
    engine: Option<Arc<Engine>>,
    access: Option<Arc<Access>>,
}

/// A gRPC server whose handlers are the engine's and Python's.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct RpcServer {
    mailbox: Arc<Mailbox<Event>>,
    doorstep: Doorstep,
    /// Taken apart by the start; nothing is added after.
    table: Mutex<Table>,
    answerers: OnceLock<Vec<Option<Answerer>>>,
    methods: OnceLock<Vec<(String, bool)>>,
    listeners: Listeners,
    on_error: Py<PyAny>,
    server: OnceLock<Server>,
    /// The process that made it.
    pid: u32,
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        // In a forked child the server's threads do not exist: waiting for their end would never end.
        if std::process::id() != self.pid {
            std::mem::forget(self.server.take());
        }
    }
}

#[pymethods]
impl RpcServer {
    /// `on_error(call, exception)` is told what a handler raised.
    #[new]
    fn new(on_error: Py<PyAny>) -> PyResult<Self> {
        let (mailbox, doorstep) = Mailbox::new()?;
        Ok(Self {
            mailbox,
            doorstep,
            table: Mutex::default(),
            answerers: OnceLock::new(),
            methods: OnceLock::new(),
            listeners: Listeners::default(),
            on_error,
            server: OnceLock::new(),
            pid: std::process::id(),
        })
    }

    /// Answers a method with `handler(request, call)`, which returns the reply, or None and answers through the call.
    fn add(&self, method: &str, shape: &str, handler: Py<PyAny>) -> PyResult<()> {
        let shape = match shape {
            "quick" => Shape::Quick,
            "unary" => Shape::Unary,
            "client_stream" => Shape::ClientStream,
            "server_stream" => Shape::ServerStream,
            "bidirectional" => Shape::Bidirectional,
            other => return Err(PyValueError::new_err(format!("{other} is no kind of method"))),
        };
        let mut table = self.unstarted()?;
        table.methods.push(Method { name: method.to_owned(), handler: Handler::Foreign(shape) });
        table.answerers.push(Some(Answerer { name: method.into(), handler }));
        Ok(())
    }

    /// Answers the engine's methods without Python, and names callers as the shop does.
    fn add_engine(&self, py: Python<'_>, engine: &CoreEngine) -> PyResult<()> {
        let engine = engine.engine(py)?;
        let mut table = self.unstarted()?;
        for method in answers::methods(engine) {
            table.methods.push(method);
            table.answerers.push(None);
        }
        table.engine = Some(Arc::clone(engine));
        Ok(())
    }

    /// Lets nobody in but whom the table says that is returned. Comes after all methods. `strangers` are methods open to all,
    /// `devices` those that an enrolled device is enough for, `deferred` those that may be sent later for somebody else,
    /// `scopes` what a key needs for each.
    #[expect(clippy::needless_pass_by_value, reason = "arguments from Python arrive by value")]
    fn guard(
        &self,
        strangers: Vec<String>,
        devices: Vec<String>,
        deferred: Vec<String>,
        places: Vec<PlaceRow>,
        scopes: Vec<(String, String)>,
    ) -> PyResult<RpcAccess> {
        let mut table = self.unstarted()?;
        let Some(engine) = table.engine.clone() else {
            return Err(PyRuntimeError::new_err("There is no engine to guard."));
        };
        let names: Vec<_> = table.methods.iter().map(|method| method.name.clone()).collect();
        let access =
            python_access::access(engine, &names, [&strangers, &devices, &deferred], places, scopes)?;
        table.access = Some(Arc::clone(&access));
        Ok(RpcAccess { access, names })
    }

    /// Listens on "ip:port" addresses and serves; returns the port.
    #[pyo3(signature = (addresses, *, workers, max_connections, max_streams, max_calls, max_under_way, max_receive_bytes, max_send_bytes,
        keepalive_s, keepalive_timeout_s, handshake_timeout_s, compress_from, tls, log_calls, traced_of_million))]
    #[expect(clippy::too_many_arguments, reason = "options by name")]
    #[expect(clippy::needless_pass_by_value, reason = "arguments from Python arrive by value")]
    fn start(
        &self,
        addresses: Vec<String>,
        workers: usize,
        max_connections: usize,
        max_streams: u32,
        max_calls: usize,
        max_under_way: usize,
        max_receive_bytes: usize,
        max_send_bytes: usize,
        keepalive_s: f64,
        keepalive_timeout_s: f64,
        handshake_timeout_s: f64,
        compress_from: Option<usize>,
        tls: Option<Pems>,
        log_calls: &str,
        traced_of_million: Option<u32>,
    ) -> PyResult<u16> {
        let log_calls = match log_calls {
            "all" => LogCalls::All,
            "refused" => LogCalls::Refused,
            "none" => LogCalls::None,
            other => return Err(PyValueError::new_err(format!("{other} says not which calls are logged"))),
        };
        let config = Config {
            workers,
            max_connections,
            max_streams,
            max_calls,
            max_under_way: max_under_way.max(1),
            max_receive_bytes,
            max_send_bytes,
            keepalive: seconds(keepalive_s)?,
            keepalive_timeout: seconds(keepalive_timeout_s)?,
            handshake_timeout: seconds(handshake_timeout_s)?,
            compress_from,
            traced_of_million,
            tls: tls.map(|(certificate, key, client_authorities)| Tls {
                certificate,
                key,
                client_authorities,
                client_optional: lock(&self.table).access.is_some(),
            }),
            ..Config::default()
        };
        let (listeners, port) = listen(&addresses)?;
        self.serve(config, listeners, log_calls)?;
        Ok(port)
    }

    /// A descriptor that is readable while calls wait.
    fn fileno(&self) -> i32 {
        self.doorstep.fd()
    }

    /// Hands what waits to the handlers; returns how much that was.
    fn drain(&self, py: Python<'_>) -> usize {
        let events = self.mailbox.take(&self.doorstep);
        let count = events.len();
        let mut replies = Replies::default();
        let mut waiting = 0;
        for event in events {
            match event {
                Event::Call(call) => {
                    if let Some((ticket, reply)) = self.call(py, call) {
                        replies.add(ticket, reply);
                        waiting += 1;
                    }
                }
                Event::Message(id, message) => {
                    self.tell(py, id, |listener| {
                        listener.call_method1(intern!(py, "message"), (PyBytes::new(py, &message),))
                    });
                }
                Event::HalfClosed(id) => {
                    self.tell(py, id, |listener| listener.call_method0(intern!(py, "half_closed")));
                }
                Event::Writable(id) => {
                    self.tell(py, id, |listener| listener.call_method0(intern!(py, "writable")));
                }
                Event::Cancelled(id) => {
                    self.tell(py, id, |listener| listener.call_method0(intern!(py, "cancelled")));
                    let listener = lock(&self.listeners).remove(&id);
                    drop(listener);
                }
            }
            if waiting == ANSWERS_MAX {
                replies.send();
                waiting = 0;
            }
        }
        replies.send();
        count
    }

    /// Shows another certificate to who connects from now on: its chain and key, PEM.
    fn show_certificate(&self, certificate: &[u8], key: &[u8]) -> PyResult<()> {
        let Some(server) = self.server.get() else {
            return Err(PyRuntimeError::new_err("The server was not started."));
        };
        Ok(server.show_certificate(certificate, key)?)
    }

    /// Takes no more connections, waits for answers at most `grace_s`, then at most `flush_s` for the rest; closes.
    fn stop(&self, py: Python<'_>, grace_s: f64, flush_s: f64) -> PyResult<()> {
        let (grace, flush) = (seconds(grace_s)?, seconds(flush_s)?);
        if let Some(server) = self.server.get() {
            py.detach(|| server.stop(grace, flush));
        }
        Ok(())
    }

    /// Unary calls, uploads and streams of commands that have an answer to come.
    fn awaited(&self) -> usize {
        self.server.get().map_or(0, |server| server.observer().awaited())
    }

    /// Of each method: name, whether it is a stream of replies, calls ended by code, by latency, their seconds, open,
    /// messages.
    fn figures(&self) -> Vec<FiguresRow> {
        let (Some(server), Some(methods)) = (self.server.get(), self.methods.get()) else {
            return Vec::new();
        };
        let row = |(place, (name, streams)): (usize, &(String, bool))| {
            let found = server.observer().figures(place);
            let (ended, latencies) = (found.ended.to_vec(), found.latencies.to_vec());
            (name.clone(), *streams, ended, latencies, found.total.as_secs_f64(), found.open, found.messages)
        };
        methods.iter().enumerate().map(row).collect()
    }

    /// How often calls ended for each reason.
    fn reasons(&self) -> HashMap<String, u64> {
        let Some(server) = self.server.get() else { return HashMap::new() };
        server.observer().reasons().into_iter().map(|(reason, count)| (reason.into_owned(), count)).collect()
    }

    /// At most `limit` calls that ended and are to be logged: method, caller, code, reason, seconds, messages of a stream.
    /// And how many found no room since the last time.
    fn take_log(&self, limit: usize) -> (Vec<LogRow>, u64) {
        let (Some(server), Some(methods)) = (self.server.get(), self.methods.get()) else {
            return (Vec::new(), 0);
        };
        let records = server.observer().take_log(limit).into_iter().map(|record| {
            let method = methods.get(record.method).map(|(name, _)| name.clone()).unwrap_or_default();
            let (caller, reason) = (record.caller.into_owned(), record.reason.into_owned());
            (method, caller, record.code as u8, reason, record.took.as_secs_f64(), record.messages)
        });
        (records.collect(), server.observer().take_dropped())
    }

    /// At most `limit` traced calls that ended: method, trace and caller's span, code, reason, Unix nanoseconds at which it
    /// came, its stages with the ends of each, what else was noted.
    fn take_traces<'py>(&self, py: Python<'py>, limit: usize) -> Vec<TraceRow<'py>> {
        let (Some(server), Some(methods)) = (self.server.get(), self.methods.get()) else {
            return Vec::new();
        };
        let row = |ended: Traced| {
            let method = methods.get(ended.method).map(|(name, _)| name.clone()).unwrap_or_default();
            let parent =
                ended.parent.map(|from| (PyBytes::new(py, &from.trace), PyBytes::new(py, &from.span)));
            let (code, reason) = (ended.code as u8, ended.reason.into_owned());
            (method, parent, code, reason, ended.began_ns, ended.stages, ended.facts)
        };
        server.observer().take_traces(limit).into_iter().map(row).collect()
    }

    /// How many traced calls found no room to be told of, since the start.
    fn dropped_traces(&self) -> u64 {
        self.server.get().map_or(0, |server| server.observer().dropped_traces())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_error)?;
        for answerer in self.answerers.get().into_iter().flatten().flatten() {
            visit.call(&answerer.handler)?;
        }
        // The collector runs with the GIL; who holds the lock holds the GIL too and is not collecting.
        let Ok(listeners) = self.listeners.try_lock() else { return Ok(()) };
        listeners.values().try_for_each(|listener| visit.call(listener))
    }
}

impl RpcServer {
    fn unstarted(&self) -> PyResult<std::sync::MutexGuard<'_, Table>> {
        if self.methods.get().is_some() {
            return Err(PyRuntimeError::new_err("The server was started already."));
        }
        Ok(lock(&self.table))
    }

    fn serve(&self, config: Config, listeners: Vec<TcpListener>, log_calls: LogCalls) -> PyResult<()> {
        let table = std::mem::take(&mut *self.unstarted()?);
        let names = table.methods.iter().map(|method| (method.name.clone(), method.gives_many())).collect();
        let shop = |_| Arc::new(ShopPolicy { access: table.access }) as Arc<dyn Policy>;
        let policy = table.engine.map_or_else(|| Arc::new(PlainPolicy) as _, shop);
        // First come the handlers: calls may be there before this returns.
        let _ = (self.methods.set(names), self.answerers.set(table.answerers));
        let mailbox = Arc::clone(&self.mailbox);
        let server = Server::start(config, table.methods, policy, mailbox, log_calls, listeners)?;
        let _ = self.server.set(server);
        Ok(())
    }

    /// Calls the handler; gives its answer if it has one at once.
    fn call(&self, py: Python<'_>, call: ForeignCall) -> Option<(Ticket, Reply)> {
        let ForeignCall { info, request, remote } = call;
        let answerer = self.answerers.get()?.get(info.method)?.as_ref()?;
        if let Some(request) = &request
            && let Err(refused) = py.detach(|| check_places(&info, request))
        {
            return remote.ticket().map(|ticket| (ticket, Err(refused).into()));
        }
        if let Some(trace) = &info.trace {
            trace.passed("wait", Instant::now());
        }
        let request = request.map(|request| PyBytes::new(py, &request));
        let listeners = Arc::clone(&self.listeners);
        let method = Arc::clone(&answerer.name);
        let call = RpcCall { info, method, remote, extra: Mutex::default(), listeners };
        let outcome = Bound::new(py, call).map(|call| {
            let answer = answerer.handler.bind(py).call1((request, &call));
            (call, answer)
        });
        let (call, answer) = match outcome {
            Ok(both) => both,
            Err(broken) => {
                broken.write_unraisable(py, None);
                return None;
            }
        };
        let error = match answer {
            Ok(answer) if answer.is_none() => return None,
            Ok(answer) => match answer.cast::<PyBytes>() {
                Ok(message) => return call.get().answered(Ok(Bytes::copy_from_slice(message.as_bytes()))),
                Err(wrong) => PyErr::from(wrong),
            },
            Err(error) => error,
        };
        // A handler of errors that breaks leaves the call without an answer, and that ends it.
        if let Err(broken) = self.on_error.bind(py).call1((&call, error.value(py))) {
            broken.write_unraisable(py, Some(self.on_error.bind(py)));
        }
        None
    }

    fn tell<'py>(
        &self,
        py: Python<'py>,
        id: CallId,
        say: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) {
        let listener = lock(&self.listeners).get(&id).map(|listener| listener.bind(py).clone());
        let Some(listener) = listener else { return };
        if let Err(broken) = say(&listener) {
            broken.write_unraisable(py, Some(&listener));
        }
    }
}

/// A refusal as a call ends with it: its words, cut to what fits, and the serialized google.rpc.Status.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "arguments from Python arrive by value")]
pub(crate) fn refusal<'py>(
    py: Python<'py>,
    code: u8,
    reason: String,
    message: &str,
    details: Vec<(String, String)>,
) -> PyResult<(String, Bound<'py, PyBytes>)> {
    let facts = details.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let status = crate::status::status(python_values::code(code)?, reason.into(), message, &facts);
    Ok((status.message.into_owned(), PyBytes::new(py, &status.details)))
}
