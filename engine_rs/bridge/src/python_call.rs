//! A call on its way to a handler in Python, and what that says. As in [`crate::python_rpc`] locks are held for a move of a
//! few words and taken with the GIL held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use kasir_transport::{CallId, Extra, Info, Remote, Reply, Status, Ticket, lock, metadata};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::access::{Grant, grant_of};
use crate::python_values::{self, Value, headers};

/// Who is told what happens to a call while it lasts.
pub(crate) type Listeners = Arc<Mutex<HashMap<CallId, Py<PyAny>>>>;

/// One call that Python answers.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct RpcCall {
    pub(crate) info: Box<Info>,
    pub(crate) method: Arc<str>,
    pub(crate) remote: Remote,
    pub(crate) extra: Mutex<Option<Box<Extra>>>,
    pub(crate) listeners: Listeners,
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

    /// SHA-256 of the certificate by which a device calls for itself.
    #[getter]
    fn certificate<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.grant()?.certificate().map(|certificate| PyBytes::new(py, certificate))
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

    /// Its answer, to be sent with those of others; `None` when it was answered already.
    pub(crate) fn answered(&self, result: Result<Bytes, Status>) -> Option<(Ticket, Reply)> {
        let ticket = self.remote.ticket()?;
        self.close();
        if let Some(trace) = &self.info.trace {
            trace.passed("handle", Instant::now());
        }
        Some((ticket, Reply { result, extra: lock(&self.extra).take() }))
    }

    fn close(&self) {
        let listener = lock(&self.listeners).remove(&self.remote.id());
        // Dropped after the lock: that may run Python.
        drop(listener);
    }
}
