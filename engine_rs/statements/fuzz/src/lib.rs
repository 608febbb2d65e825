//! What the fuzz targets share: a file is read as one format, whole and in small pieces; both must give the same, and the rows
//! must keep what every reader promises.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use kasir_statements::{
    Collect, Date, DateReader, MAX_AMOUNT_MINOR, MAX_DESCRIPTION_CHARS, Options, Source, Statement,
    StatementError, read,
};

const MAX_BYTES: u64 = 64 * 1024 * 1024;

struct Pieces<'a> {
    inner: Cursor<&'a [u8]>,
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(out.len());
        self.inner.read(&mut out[..size])
    }
}

impl Seek for Pieces<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Reads `data` as `format`; `mapping` for the formats that take one.
pub fn check(data: &[u8], format: &str, mapping: Option<&str>) {
    let whole = statements(data, usize::MAX, format, mapping);
    // Few pieces: each costs a source a fresh buffer.
    let pieces = statements(data, data.len() / 3 + 1, format, mapping);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "the size of pieces changes what is read"),
        (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string()),
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("only one way of reading ends well: {error}"),
    }
    for statement in whole.into_iter().flatten() {
        assert_eq!(statement.end.rows, statement.rows.len() as u64);
        assert!(statement.end.problems.len() as u64 <= statement.end.problem_count);
        for row in &statement.rows {
            assert!(row.amount_minor.abs() <= MAX_AMOUNT_MINOR);
            assert!(row.description.chars().count() <= MAX_DESCRIPTION_CHARS);
            assert!(row.occurrence >= 1 && row.row >= 1);
        }
    }
}

fn statements(
    data: &[u8],
    size: usize,
    format: &str,
    mapping: Option<&str>,
) -> Result<Vec<Statement>, StatementError> {
    let today = DateReader::new(Date::MIN).read("26/11/2026").expect("a day of the calendar");
    let options = Options { format: Some(format), mapping, ..Options::on(today) };
    let mut sink = Collect::default();
    let mut source = Source::new(Pieces { inner: Cursor::new(data), size }, MAX_BYTES)?;
    read(&mut source, &options, &mut sink)?;
    Ok(sink.statements)
}
