//! What the tests of every format use.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unreachable_pub, reason = "a module of each test program")]

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use kasir_statements::{
    Collect, DateReader, Options, ProblemKind, Source, Statement, StatementError, Summary, read,
};

/// Most bytes of a file in these tests.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A file that gives at most `size` bytes at a time.
pub struct Pieces {
    inner: Cursor<Vec<u8>>,
    size: usize,
}

impl Pieces {
    pub fn new(data: &[u8], size: usize) -> Self {
        Self { inner: Cursor::new(data.to_vec()), size }
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(out.len());
        self.inner.read(&mut out[..size])
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// The 20th of May 2026 is today in these tests.
pub fn options() -> Options<'static> {
    let past = kasir_statements::Date::MIN;
    Options::on(DateReader::new(past).read("20/05/2026").expect("a day of the calendar"))
}

/// Reads what comes in pieces of `size` bytes.
pub fn read_in_pieces(
    data: &[u8],
    size: usize,
    options: &Options<'_>,
) -> Result<(Summary, Vec<Statement>), StatementError> {
    let mut sink = Collect::default();
    let mut source = Source::new(Pieces::new(data, size), MAX_BYTES)?;
    let summary = read(&mut source, options, &mut sink)?;
    Ok((summary, sink.statements))
}

/// Reads a file that can be read, found by its content, in one go and in small pieces: all must give the same.
pub fn statements(data: &[u8], format: &str) -> Vec<Statement> {
    let (summary, whole) = read_in_pieces(data, usize::MAX, &options()).expect("it can be read");
    assert_eq!(summary.format, format);
    for size in [1, 7, 100, 4_096] {
        let (again, pieces) = read_in_pieces(data, size, &options()).expect("it can be read in pieces");
        assert_eq!((&again, &pieces), (&summary, &whole), "in pieces of {size}");
    }
    whole
}

/// The one account of a file that adds up.
pub fn sound(data: &[u8], format: &str) -> Statement {
    let mut found = statements(data, format);
    assert_eq!(found.len(), 1, "one account");
    let statement = found.remove(0);
    assert_eq!(statement.end.problems, []);
    assert_eq!(statement.end.rows, statement.rows.len() as u64);
    statement
}

/// Line and kind of each problem of a file's accounts together.
pub fn problems(data: &[u8], format: &str) -> Vec<(u64, ProblemKind)> {
    let found = statements(data, format);
    found.iter().flat_map(|s| s.end.problems.iter().map(|problem| (problem.row, problem.kind))).collect()
}

/// Each row's date, amount, balance and description.
pub fn rows(statement: &Statement) -> Vec<(String, i64, Option<i64>, &str)> {
    statement
        .rows
        .iter()
        .map(|row| (iso(row.date), row.amount_minor, row.balance_minor, row.description.as_str()))
        .collect()
}

/// `YYYY-MM-DD`.
pub fn iso(date: kasir_statements::Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// A file of `tests/samples`.
pub fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
