//! Banks' files for Python: read on a thread of their own, handed over in batches. The reader never takes the GIL.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use kasir_statements::{
    Account, Date, End, FORMATS, Options, OwnedRow, ReadSeek, Row, Sink, Source, StatementError, Summary,
    fitting, read, write_row,
};
use kasir_transport::lock;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

/// Batches that wait for Python; the reader waits when there are more.
const BATCHES_AHEAD: usize = 2;
/// Bytes of JSON lines in one batch.
const LINES_BYTES: usize = 256 * 1024;
/// Most rows of one batch.
const ROWS_MAX: usize = 100_000;
/// The Julian day of the day that Python numbers 0.
const ORDINAL_ZERO: i32 = 1_721_425;

/// What the reader hands over, in the order of the file.
enum Piece {
    Account(&'static str, Account),
    Rows(Vec<(usize, OwnedRow)>),
    Lines(Vec<u8>),
    End(usize, End),
    Done(Summary),
    Failed(StatementError),
}

/// What becomes of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Give {
    Rows,
    Lines,
    Sums,
}

/// Sends what it takes to Python's side; stops the reading once nobody is there any more.
struct Sender {
    give: Give,
    batch: usize,
    out: SyncSender<Piece>,
    accounts: Vec<Account>,
    rows: Vec<(usize, OwnedRow)>,
    lines: Vec<u8>,
}

impl Sender {
    fn send(&self, piece: Piece) -> Result<(), StatementError> {
        self.out.send(piece).map_err(|_| StatementError::Stopped)
    }

    fn flush(&mut self) -> Result<(), StatementError> {
        if !self.rows.is_empty() {
            let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(self.batch));
            self.send(Piece::Rows(rows))?;
        }
        if !self.lines.is_empty() {
            let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(LINES_BYTES * 5 / 4));
            self.send(Piece::Lines(lines))?;
        }
        Ok(())
    }
}

impl Sink for Sender {
    fn account(&mut self, format: &'static str, account: &Account) -> Result<(), StatementError> {
        self.flush()?;
        self.accounts.push(account.clone());
        self.send(Piece::Account(format, account.clone()))
    }

    fn row(&mut self, account: usize, row: &Row<'_>) -> Result<(), StatementError> {
        match self.give {
            Give::Rows => {
                self.rows.push((account, row.into()));
                if self.rows.len() >= self.batch { self.flush() } else { Ok(()) }
            }
            Give::Lines => {
                write_row(&mut self.lines, &self.accounts[account], row)?;
                if self.lines.len() >= LINES_BYTES { self.flush() } else { Ok(()) }
            }
            Give::Sums => Ok(()),
        }
    }

    fn end(&mut self, account: usize, end: End) -> Result<(), StatementError> {
        self.flush()?;
        self.send(Piece::End(account, end))
    }
}

/// Counts what is read, for a progress bar.
struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// What the reading thread works with.
struct Job {
    format: Option<String>,
    mapping: Option<String>,
    today: Date,
    max_bytes: u64,
}

impl Job {
    fn run(&self, file: impl ReadSeek, sink: &mut Sender) {
        let read = || {
            let mut source = Source::new(file, self.max_bytes)?;
            let (format, mapping) = (self.format.as_deref(), self.mapping.as_deref());
            read(&mut source, &Options { today: self.today, format, mapping }, sink)
        };
        let last = read().map_or_else(Piece::Failed, Piece::Done);
        // Nobody is there any more: then nobody is told.
        let _ = sink.out.send(last);
    }
}

/// Where a file lies: its path, or its bytes.
#[derive(FromPyObject)]
pub(crate) enum Place {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

/// A bank's file being read, as an iterator of what it holds.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct StatementReader {
    pieces: Mutex<Option<Receiver<Piece>>>,
    taken: Arc<AtomicU64>,
}

#[pymethods]
impl StatementReader {
    #[new]
    #[pyo3(signature = (file, *, format, mapping, today, max_bytes, give, batch))]
    fn new(
        file: Place,
        format: Option<String>,
        mapping: Option<String>,
        today: i32,
        max_bytes: u64,
        give: &str,
        batch: usize,
    ) -> PyResult<Self> {
        let give = match give {
            "rows" => Give::Rows,
            "lines" => Give::Lines,
            "sums" => Give::Sums,
            _ => return Err(PyValueError::new_err("give is rows, lines or sums")),
        };
        let today = today.checked_add(ORDINAL_ZERO).and_then(|day| Date::from_julian_day(day).ok());
        let today = today.ok_or_else(|| PyValueError::new_err("today is no day"))?;
        let batch = batch.clamp(1, ROWS_MAX);
        let (out, pieces) = sync_channel(BATCHES_AHEAD);
        let mut sink = Sender { give, batch, out, accounts: Vec::new(), rows: Vec::new(), lines: Vec::new() };
        let job = Job { format, mapping, today, max_bytes };
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let work: Box<dyn FnOnce() + Send> = match file {
            Place::Bytes(bytes) => {
                Box::new(move || job.run(Counted { inner: Cursor::new(bytes), taken: counter }, &mut sink))
            }
            Place::Path(path) => {
                let inner = File::open(path)?;
                Box::new(move || job.run(Counted { inner, taken: counter }, &mut sink))
            }
        };
        thread::Builder::new().name("kasir-statement".to_owned()).spawn(work)?;
        Ok(Self { pieces: Mutex::new(Some(pieces)), taken })
    }

    /// Bytes of the file that were read so far.
    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = py.detach(|| {
            let mut pieces = lock(&self.pieces);
            let piece = pieces.as_ref()?.recv().ok();
            if !matches!(piece, Some(Piece::Account(..) | Piece::Rows(_) | Piece::Lines(_) | Piece::End(..)))
            {
                *pieces = None;
            }
            Some(piece)
        });
        match next {
            None => Ok(None),
            Some(None) => Err(PyRuntimeError::new_err("the reader of the file broke off")),
            Some(Some(piece)) => piece.into_python(py).map(Some),
        }
    }
}

impl Piece {
    fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let told = match self {
            Self::Account(format, account) => {
                let currency = (account.currency, account.is_currency_assumed);
                ("account", format, account.number, currency, account.holder).into_pyobject(py)?
            }
            Self::Rows(rows) => {
                let rows: Vec<_> = rows.into_iter().map(|(account, row)| row_tuple(account, row)).collect();
                ("rows", rows).into_pyobject(py)?
            }
            Self::Lines(lines) => ("lines", pyo3::types::PyBytes::new(py, &lines)).into_pyobject(py)?,
            Self::End(account, end) => {
                let problems: Vec<_> = end
                    .problems
                    .into_iter()
                    .map(|problem| (problem.row, problem.reason, problem.kind.name()))
                    .collect();
                let sums = (end.opening_minor, end.closing_minor, end.rows, end.sums_checked);
                let counts = (end.problem_count, end.unreadable_count);
                ("end", account, sums, problems, counts).into_pyobject(py)?
            }
            Self::Done(summary) => ("done", summary.format, summary.file_hash).into_pyobject(py)?,
            Self::Failed(StatementError::Read(error)) => return Err(error.into()),
            Self::Failed(StatementError::Broken(words)) => ("broken", words).into_pyobject(py)?,
            Self::Failed(StatementError::Unrecognised(words)) => ("unrecognised", words).into_pyobject(py)?,
            Self::Failed(StatementError::Stopped) => ("broken", "reading was stopped").into_pyobject(py)?,
        };
        Ok(told.into_any())
    }
}

/// Reference, amount and number of an entry.
type EntryTuple = (String, i64, u32);
type Identity = (String, bool, u32, Option<EntryTuple>);
type RowTuple = (usize, u64, i32, i64, Option<i64>, String, bool, String, Option<i32>, Identity);

/// The account's number in the file, then what `server.statements.StatementRow` has, that by which it is known again last; dates
/// as Python numbers days.
fn row_tuple(account: usize, row: OwnedRow) -> RowTuple {
    let day = |date: Date| date.to_julian_day() - ORDINAL_ZERO;
    let entry = row.entry.map(|entry| (entry.reference, entry.amount_minor, entry.occurrence));
    (
        account,
        row.row,
        day(row.date),
        row.amount_minor,
        row.balance_minor,
        row.description,
        row.pending,
        row.counterparty,
        row.value_date.map(day),
        (row.bank_reference, row.reference_is_unique, row.occurrence, entry),
    )
}

/// Name and title of each format that `StatementReader` reads, in the order in which they are tried.
#[pyfunction]
pub(crate) fn statement_formats() -> Vec<(&'static str, &'static str)> {
    FORMATS.iter().map(|format| (format.name, format.title)).collect()
}

/// Which of some column mappings fit the header of a file that is in no bank's own format, by their places. A file that cannot be
/// read fits none: reading it says why.
#[pyfunction]
pub(crate) fn fitting_mappings(py: Python<'_>, file: Place, mappings: Vec<String>) -> PyResult<Vec<usize>> {
    let find = move |inner: Box<dyn ReadSeek>| {
        let mappings: Vec<&str> = mappings.iter().map(String::as_str).collect();
        fitting(&mut Source::new(inner, u64::MAX)?, &mappings)
    };
    let found = py.detach(|| match file {
        Place::Bytes(bytes) => find(Box::new(Cursor::new(bytes))),
        Place::Path(path) => find(Box::new(File::open(path)?)),
    });
    match found {
        Ok(fits) => Ok(fits),
        Err(StatementError::Read(error)) => Err(error.into()),
        Err(StatementError::Broken(_) | StatementError::Unrecognised(_) | StatementError::Stopped) => {
            Ok(Vec::new())
        }
    }
}

/// Minor units for people, e.g. 10840000 of IDR as "108,400.00".
#[pyfunction]
pub(crate) fn format_amount(minor: i128, currency: &str) -> String {
    kasir_statements::format_amount(minor, currency)
}

/// Whether the header `Signature` of a webhook of Moota is that of `body` under `secret`, in constant time.
#[pyfunction]
pub(crate) fn moota_signature_ok(secret: &[u8], body: &[u8], signature: &str) -> bool {
    kasir_statements::moota_signature_ok(secret, body, signature)
}

#[cfg(test)]
mod tests {
    use kasir_core::money::Currency;
    use kasir_statements::{currency_code, minor_digits};

    #[test]
    fn readers_and_engine_know_the_same_currencies() {
        let letters = || b'A'..=b'Z';
        for code in letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c]))) {
            let code = std::str::from_utf8(&code).unwrap();
            let known = Currency::parse(code);
            assert_eq!(currency_code(code), known.map(|_| code), "{code}");
            if let Some(known) = known {
                let digits = u32::try_from(minor_digits(code)).unwrap();
                assert_eq!(known.minor_per_major(), 10_i64.pow(digits), "{code}");
            }
        }
    }
}
