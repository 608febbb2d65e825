//! The server's classes: calls on their way to handlers in Python, and what these say.
//!
//! Handlers run where the loop drains the mailbox, and nowhere else. Locks here are held for a move of a few words and
//! never while anything waits, so they are taken with the GIL held: giving it up could cost the loop its turn.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use kasir_transport::{
    CallId, Config, Doorstep, Event, Extra, ForeignCall, Handler, Info, LogCalls, Mailbox, Method,
    PlainPolicy, Policy, Remote, Replies, Reply, Server, Shape, Status, Ticket, Tls, lock, metadata,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::access::{Access, Grant, grant_of};
use crate::answers::{self, ShopPolicy, check_places};
use crate::engine::Engine;
use crate::listening::listen;
use crate::python::CoreEngine;
use crate::python_access::{self, PlaceRow, RpcAccess};
use crate::python_values::{self, Value, headers, seconds};

/// Answers given in one drain that are sent before the next ones are made.
const ANSWERS_MAX: usize = 64;

type Listeners = Arc<Mutex<HashMap<CallId, Py<PyAny>>>>;

/// Certificate chain, key, authority of clients.
type Pems = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);
/// See [`RpcServer::figures`] and [`RpcServer::take_log`].
type FiguresRow = (String, bool, Vec<u64>, Vec<u64>, f64, u64, u64);
type LogRow = (String, String, u8, String, f64, Option<u64>);

/// One call that Python answers.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct RpcCall {
    info: Box<Info>,
    method: Arc<str>,
    remote: Remote,
    extra: Mutex<Option<Box<Extra>>>,
    listeners: Listeners,
}

#[pymethods]
impl RpcCall {
    /// Its full name.
    #[getter]
    fn method(&self) -> &str {
        &self.method
    }

    /// Who calls, as far as the server knows.
    #[getter]
    fn caller(&self) -> &str {
        &self.info.caller
    }

    /// Where from: "127.0.0.1:40000".
    #[getter]
    fn peer(&self) -> String {
        self.info.peer.to_string()
    }

    /// Seconds until the caller stops waiting.
    fn time_remaining(&self) -> Option<f64> {
        let deadline = self.info.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()).as_secs_f64())
    }

    /// The device that the caller works at; "" where nobody keeps watch.
    #[getter]
    fn device(&self) -> &str {
        self.grant().map_or("", Grant::device)
    }

    /// SHA-256 of the caller's token.
    #[getter]
    fn token<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.grant()?.token().map(|token| PyBytes::new(py, token))
    }

    /// Whether the caller is let in still: a call may last longer than a session.
    #[getter]
    fn admitted(&self) -> bool {
        self.grant().is_none_or(Grant::holds)
    }

    /// Whether nothing says where the caller may work.
    #[getter]
    fn everywhere(&self) -> bool {
        self.grant().is_none_or(Grant::is_everywhere)
    }

    /// Whether the caller may call the method of this name, too; with this request, where one is given.
    #[pyo3(signature = (method, request = None))]
    fn allows(&self, py: Python<'_>, method: &str, request: Option<&[u8]>) -> PyResult<bool> {
        let Some(grant) = self.grant() else { return Ok(true) };
        py.detach(|| grant.allows(method, request))
            .map_err(|status| PyRuntimeError::new_err(status.message.into_owned()))
    }

    /// What the caller sent beside its messages.
    fn metadata<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyAny>)> {
        let value = |name: &str, value: Vec<u8>| {
            if metadata::is_binary(name) {
                PyBytes::new(py, &value).into_any()
            } else {
                PyString::new(py, &String::from_utf8_lossy(&value)).into_any()
            }
        };
        metadata::pairs(&self.info.headers)
            .map(|(name, found)| (name.to_owned(), value(name, found)))
            .collect()
    }

    /// Sets what goes out before the first message.
    fn set_initial_metadata(&self, pairs: Vec<(String, Value)>) -> PyResult<()> {
        let headers = headers(pairs)?;
        lock(&self.extra).get_or_insert_default().initial = headers;
        Ok(())
    }

    /// Sets what goes out after the last one.
    fn set_trailing_metadata(&self, pairs: Vec<(String, Value)>) -> PyResult<()> {
        let headers = headers(pairs)?;
        lock(&self.extra).get_or_insert_default().trailing = headers;
        Ok(())
    }

    /// Whether it was answered, or ended by itself.
    #[getter]
    fn done(&self) -> bool {
        self.remote.is_done()
    }

    /// Sends the one answer.
    fn reply(&self, message: &[u8]) {
        let message = Bytes::copy_from_slice(message);
        self.answer(Ok(message));
    }

    /// Ends the call with a status.
    fn fail(&self, code: u8, message: String, details: &[u8], reason: &str) -> PyResult<()> {
        let status = Status {
            code: python_values::code(code)?,
            message: message.into(),
            reason: reason.to_owned().into(),
            details: Bytes::copy_from_slice(details),
        };
        self.answer(Err(status));
        Ok(())
    }

    /// Sends the initial metadata now.
    fn send_initial_metadata(&self) {
        let initial = lock(&self.extra).as_mut().map(|extra| std::mem::take(&mut extra.initial));
        self.remote.initial(initial.unwrap_or_default());
    }

    /// Sends one of many messages. False: wait before the next one, if `must_wait` says so.
    fn send(&self, message: &[u8]) -> bool {
        let initial = lock(&self.extra).as_mut().map(|extra| std::mem::take(&mut extra.initial));
        if let Some(initial) = initial.filter(|initial| !initial.is_empty()) {
            self.remote.initial(initial);
        }
        self.remote.send(Bytes::copy_from_slice(message))
    }

    /// Whether there is no room; if so, the listener's `writable` will be called.
    fn must_wait(&self) -> bool {
        self.remote.must_wait()
    }

    /// Ends a stream well.
    fn finish(&self) {
        let trailing = lock(&self.extra).take().map(|extra| extra.trailing).unwrap_or_default();
        self.close();
        self.remote.finish(Status::OK, trailing);
    }

    /// A message of so many bytes was taken: the caller may send more.
    fn consumed(&self, size: usize) {
        self.remote.consumed(size);
    }

    /// The call ended by itself: nothing is sent any more.
    fn forget(&self) {
        self.remote.forget();
        self.close();
    }

    /// `listener.message(bytes)`, `.half_closed()`, `.writable()` and `.cancelled()` are called while the call lasts.
    fn listen(&self, listener: Py<PyAny>) {
        if !self.remote.is_done() {
            let before = lock(&self.listeners).insert(self.remote.id(), listener);
            drop(before);
        }
    }
}

impl RpcCall {
    fn grant(&self) -> Option<&Grant> {
        grant_of(self.info.grant.as_ref())
    }

    fn answer(&self, result: Result<Bytes, Status>) {
        if let Some((ticket, reply)) = self.answered(result) {
            ticket.complete(reply);
        }
    }

    fn answered(&self, result: Result<Bytes, Status>) -> Option<(Ticket, Reply)> {
        let ticket = self.remote.ticket()?;
        self.close();
        Some((ticket, Reply { result, extra: lock(&self.extra).take() }))
    }

    fn close(&self) {
        let listener = lock(&self.listeners).remove(&self.remote.id());
        // Dropped after the lock: that may run Python.
        drop(listener);
    }
}

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
        keepalive_s, keepalive_timeout_s, handshake_timeout_s, compress_from, tls, log_calls))]
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
