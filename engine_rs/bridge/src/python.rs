//! The module's classes: arguments and results of Python around [`Engine`]. The GIL is released before anything that may
//! lock, queue or read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kasir_store::{Options, Snapshot, Target};
use kasir_transport::{Doorstep, Mailbox, lock};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyType};

use crate::delivery::{Address, Arrival, Expected, Ticket};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::methods::{COMMANDS, QUERIES};
use crate::stream_commands;
use crate::to_proto::hex;

/// The `engine.errors.EngineError` that says what failed.
fn error(py: Python<'_>, failure: Failure) -> PyErr {
    static ENGINE_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let build = || {
        let details = PyDict::new(py);
        for (name, value) in failure.details {
            details.set_item(name, value)?;
        }
        let class = ENGINE_ERROR.import(py, "engine.errors", "EngineError")?;
        class.call1((failure.code, failure.reason, failure.message, details))
    };
    build().map_or_else(|broken: PyErr| broken, PyErr::from_value)
}

/// Runs `work` without the GIL.
pub(crate) fn released<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|failure| error(py, failure))
}

/// The mailbox of one event loop. Native threads put replies in, the loop's own thread takes them out.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct Completions {
    mailbox: Arc<Mailbox<(Ticket, Arrival)>>,
    doorstep: Doorstep,
    /// Locked only with the GIL held and never across a call into Python, so nobody ever waits for it.
    waiting: Mutex<HashMap<Ticket, Py<PyAny>>>,
    last_ticket: AtomicU64,
}

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let (mailbox, doorstep) = Mailbox::new()?;
        Ok(Self { mailbox, doorstep, waiting: Mutex::default(), last_ticket: AtomicU64::new(0) })
    }

    /// A descriptor that is readable while replies wait.
    fn fileno(&self) -> i32 {
        self.doorstep.fd()
    }

    /// Finishes every future whose reply waits, and returns how many were taken out.
    fn drain(&self, py: Python<'_>) -> usize {
        let arrived = py.detach(|| self.mailbox.take(&self.doorstep));
        let count = arrived.len();
        for (ticket, arrival) in arrived {
            let Some(future) = self.withdraw(ticket) else { continue };
            let future = future.into_bound(py);
            // One broken future must not cost the others their replies.
            if let Err(broken) = finish(&future, arrival) {
                broken.write_unraisable(py, Some(&future));
            }
        }
        count
    }

    /// Futures handed over and not drained yet.
    fn pending(&self) -> usize {
        lock(&self.waiting).len()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The collector runs with the GIL; who holds the lock holds the GIL too and is not collecting.
        let Ok(waiting) = self.waiting.try_lock() else { return Ok(()) };
        waiting.values().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        let futures = std::mem::take(&mut *lock(&self.waiting));
        drop(futures);
    }
}

impl Completions {
    /// Keeps a future until its answer is drained.
    fn expect(&self, future: Py<PyAny>) -> Expected {
        let ticket = self.last_ticket.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.waiting).insert(ticket, future);
        Expected { mailbox: Arc::clone(&self.mailbox), ticket }
    }

    /// Gives a future back.
    fn withdraw(&self, ticket: Ticket) -> Option<Py<PyAny>> {
        lock(&self.waiting).remove(&ticket)
    }

    /// Keeps `future` while `send` gives its address away, and no longer if that fails.
    fn hand_over(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        send: impl FnOnce(Expected) -> Result<(), Failure> + Send,
    ) -> PyResult<()> {
        let address = self.expect(future);
        let ticket = address.ticket;
        released(py, || send(address)).inspect_err(|_| drop(self.withdraw(ticket)))
    }
}

/// Gives a future what it waits for, unless it was cancelled.
fn finish(future: &Bound<'_, PyAny>, arrival: Arrival) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match arrival {
        Arrival::Reply(bytes) => {
            future.call_method1(intern!(py, "set_result"), (PyBytes::new(py, &bytes),))?
        }
        Arrival::Revision(revision) => future.call_method1(intern!(py, "set_result"), (revision,))?,
        Arrival::Failed(failure) => {
            future.call_method1(intern!(py, "set_exception"), (error(py, failure),))?
        }
    };
    Ok(())
}

/// One open store and its sequencer thread.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct CoreEngine {
    pub(crate) engine: Arc<Engine>,
    /// The process that opened it.
    pid: u32,
}

#[pymethods]
impl CoreEngine {
    /// Opens the store in the directory `path`, or makes it there.
    #[staticmethod]
    #[pyo3(signature = (path, *, map_size, max_queue, max_batch))]
    fn open(
        py: Python<'_>,
        path: &str,
        map_size: usize,
        max_queue: usize,
        max_batch: usize,
    ) -> PyResult<Self> {
        let options = Options { map_size, max_queue, max_batch, ..Options::default() };
        let engine = released(py, || Engine::open(Path::new(path), &options))?;
        Ok(Self { engine: Arc::new(engine), pid: std::process::id() })
    }

    /// Makes a new store in an empty or missing directory from a snapshot file and the journal since, verified.
    #[staticmethod]
    #[pyo3(signature = (snapshot, path, segments, revision, time_ms))]
    #[expect(clippy::needless_pass_by_value, reason = "an argument from Python arrives by value")]
    fn restore(
        py: Python<'_>,
        snapshot: PathBuf,
        path: PathBuf,
        segments: Vec<PathBuf>,
        revision: Option<u64>,
        time_ms: Option<i64>,
    ) -> PyResult<Bound<'_, PyDict>> {
        let target = Target { revision, time_ms };
        let made = released(py, || Ok(kasir_store::restore_to(&snapshot, &segments, target, &path)?))?;
        describe(py, &made)
    }

    /// Full names of the methods that `submit` answers.
    #[staticmethod]
    fn commands() -> Vec<&'static str> {
        COMMANDS.iter().map(|method| method.name).collect()
    }

    /// Full names of the methods that `query` answers.
    #[staticmethod]
    fn queries() -> Vec<&'static str> {
        QUERIES.iter().map(|method| method.name).collect()
    }

    /// Full names of the streams that a server answers without Python.
    #[staticmethod]
    fn streams() -> [&'static str; 1] {
        [stream_commands::NAME]
    }

    /// Queues a command; its durable reply completes `future` through `completions`.
    fn submit(
        &self,
        py: Python<'_>,
        method: &str,
        request: &[u8],
        actor: &str,
        completions: &Completions,
        future: Py<PyAny>,
    ) -> PyResult<()> {
        let engine = self.engine(py)?;
        completions
            .hand_over(py, future, |address| engine.submit(method, request, actor, Address::Loop(address)))
    }

    /// Commits a command and returns its reply; for plain threads.
    fn submit_blocking<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        request: &[u8],
        actor: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let engine = self.engine(py)?;
        let reply = released(py, || engine.submit_blocking(method, request, actor))?;
        Ok(PyBytes::new(py, &reply))
    }

    /// Raises what a command would be refused with as things stand.
    fn check(&self, py: Python<'_>, method: &str, request: &[u8], actor: &str) -> PyResult<()> {
        let engine = self.engine(py)?;
        released(py, || engine.check(method, request, actor))
    }

    /// Answers from a snapshot, without the writer.
    fn query<'py>(&self, py: Python<'py>, method: &str, request: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let engine = self.engine(py)?;
        let answer = released(py, || engine.query(method, request))?;
        Ok(PyBytes::new(py, &answer))
    }

    /// A serialized kasir.v1.WatchResponse, its revision, and how many records it holds.
    #[expect(clippy::needless_pass_by_value, reason = "an argument from Python arrives by value")]
    fn read_changes<'py>(
        &self,
        py: Python<'py>,
        after_revision: i64,
        limit: i64,
        resources: Vec<i32>,
        at_once: bool,
    ) -> PyResult<(Bound<'py, PyBytes>, u64, usize)> {
        let engine = self.engine(py)?;
        let changes = released(py, || engine.read_changes(after_revision, limit, &resources, at_once))?;
        Ok((PyBytes::new(py, &changes.response), changes.revision, changes.count))
    }

    /// Whether one of `resources` may have changed after `after_revision`.
    #[expect(clippy::needless_pass_by_value, reason = "an argument from Python arrives by value")]
    fn may_have_changed(&self, py: Python<'_>, after_revision: i64, resources: Vec<i32>) -> PyResult<bool> {
        let engine = self.engine(py)?;
        engine.may_have_changed(after_revision, &resources).map_err(|failure| error(py, failure))
    }

    /// The last committed revision.
    fn revision(&self, py: Python<'_>) -> PyResult<u64> {
        self.engine(py)?.revision().map_err(|failure| error(py, failure))
    }

    /// The last revision that readers find without waiting.
    fn readable(&self, py: Python<'_>) -> PyResult<u64> {
        self.engine(py)?.readable().map_err(|failure| error(py, failure))
    }

    /// Completes `future` with the readable revision once it is greater than `after`.
    fn wait_readable(
        &self,
        py: Python<'_>,
        after: i64,
        completions: &Completions,
        future: Py<PyAny>,
    ) -> PyResult<()> {
        let engine = self.engine(py)?;
        completions.hand_over(py, future, |address| engine.wait_readable(after, address))
    }

    /// How the engine does; keys as in `engine.Status`.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let engine = self.engine(py)?;
        let status = released(py, || engine.status())?;
        let dict = PyDict::new(py);
        dict.set_item("version", env!("CARGO_PKG_VERSION"))?;
        dict.set_item("revision", status.revision)?;
        dict.set_item("first_revision", status.first_revision)?;
        dict.set_item("log_time_ms", status.log_time_ms)?;
        dict.set_item("clock_step_ms", status.clock_step_ms)?;
        dict.set_item("queue_length", status.queue_length)?;
        dict.set_item("max_queue", status.max_queue)?;
        dict.set_item("commands", status.commands)?;
        dict.set_item("refused", status.refused)?;
        dict.set_item("repeated", status.repeated)?;
        dict.set_item("commits", status.commits)?;
        dict.set_item("commit_time_us", status.commit_time_us)?;
        dict.set_item("batch_sizes", status.batch_sizes.to_vec())?;
        dict.set_item("expired", status.expired)?;
        dict.set_item("used_bytes", status.used_bytes)?;
        dict.set_item("map_bytes", status.map_bytes)?;
        dict.set_item("journal_head", hex(&status.journal_head))?;
        dict.set_item("readers", status.readers)?;
        Ok(dict)
    }

    /// Checks every invariant over the whole store.
    fn verify<'py>(&self, py: Python<'py>, replay: bool) -> PyResult<Bound<'py, PyDict>> {
        let engine = self.engine(py)?;
        let found = released(py, || engine.verify(replay))?;
        let dict = PyDict::new(py);
        dict.set_item("ok", found.ok())?;
        dict.set_item("revision", found.revision)?;
        dict.set_item("records", found.records)?;
        dict.set_item("violations", found.all().collect::<Vec<_>>())?;
        Ok(dict)
    }

    /// Writes a consistent copy of the store into the new file `path`.
    fn snapshot<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyDict>> {
        let engine = self.engine(py)?;
        let made = released(py, || engine.snapshot(Path::new(path)))?;
        describe(py, &made)
    }

    /// Commits and answers what is queued, stops the sequencer, closes the store.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.engine(py)?;
        py.detach(|| engine.close());
        Ok(())
    }
}

impl CoreEngine {
    /// The engine, in the process that opened it: a forked child has neither its threads nor a right to its files.
    pub(crate) fn engine(&self, py: Python<'_>) -> PyResult<&Arc<Engine>> {
        if std::process::id() == self.pid { Ok(&self.engine) } else { Err(error(py, Failure::forked())) }
    }
}

impl Drop for CoreEngine {
    fn drop(&mut self) {
        // In a forked child the sequencer's thread does not exist: waiting for its end would never end, and the files are the
        // parent's. The child keeps what it copied.
        if std::process::id() != self.pid {
            std::mem::forget(Arc::clone(&self.engine));
            return;
        }
        // Attached as a dropped object's thread is, unless the interpreter is on its way out.
        let detached = Python::try_attach(|py| py.detach(|| self.engine.close()));
        if detached.is_none() {
            self.engine.close();
        }
    }
}

/// A snapshot or a restored store in Python's words.
fn describe<'py>(py: Python<'py>, snapshot: &Snapshot) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("path", snapshot.path.to_string_lossy())?;
    dict.set_item("revision", snapshot.revision)?;
    dict.set_item("bytes", snapshot.bytes)?;
    Ok(dict)
}
