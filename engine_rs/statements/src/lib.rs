//! Readers of banks' mutation files: one format a file, found by content, streamed in one pass.
//!
//! A [`Source`] settles encodings and line ends, a [`Format`] turns lines into rows, a [`Recorder`] tidies, numbers and
//! checks them, and a [`Sink`] takes them. Whatever the size of the file, what is held is bounded: a line, eight bytes for each
//! row to tell equal ones apart, and the first problems.
//!
//! Money is an integer of minor units (sen, cents), signed so that money in is positive. No float is ever made.
//!
//! A new bank is one file in `formats/`, its line in [`FORMATS`], and its golden test.

mod checks;
mod dates;
mod formats;
mod json;
mod model;
mod money;
mod occurrence;
mod record;
mod signature;
mod sink;
mod source;
mod text;

pub use checks::{Order, Totals};
pub use dates::DateReader;
pub use formats::{FORMATS, Format, check_mapping, find, fitting, names};
pub use json::write_row;
pub use model::{
    Account, End, EntryRef, MAX_ACCOUNTS, MAX_DESCRIPTION_CHARS, MAX_PROBLEMS, MAX_REFERENCE_CHARS, MAX_ROWS,
    Options, Problem, ProblemKind, Row, StatementError,
};
pub use money::{
    MAX_AMOUNT_MINOR, Marks, currency_code, format_amount, minor_digits, parse_amount, parse_marked,
};
pub use record::Recorder;
pub use signature::moota_signature_ok;
pub use sink::{Collect, OwnedEntry, OwnedRow, Sink, Statement};
pub use source::{Head, Line, ReadSeek, Source};
pub use text::{normalise, tidy};
pub use time::Date;

/// What is known of a file once it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Name of the format, e.g. "klikbca-individual".
    pub format: &'static str,
    /// BLAKE2b-256 of the file's bytes, hex.
    pub file_hash: String,
}

/// Reads a whole file into `sink`: its accounts, each account's rows, and what is wrong.
///
/// A file of which something could be read ends well, its problems in each account's [`End`]. An error means that nothing more
/// could be read; what the sink took before is then of no use.
pub fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    sink: &mut dyn Sink,
) -> Result<Summary, StatementError> {
    let format = find(source.head(), options)?;
    let mut recorder = Recorder::new(format.name, sink);
    (format.read)(source, options, &mut recorder)?;
    recorder.finish()?;
    let format = recorder.format();
    Ok(Summary { format, file_hash: source.finish()? })
}
