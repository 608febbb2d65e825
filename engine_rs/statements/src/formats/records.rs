//! Records of a CSV, taken line by line: a cell in quotes may go on in the next line.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::model::StatementError;
use crate::source::Line;

/// Most cells of a record.
const MAX_CELLS: usize = 1_024;
/// Longest record: a quote that is never closed would make the rest of the file one.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// Why a record is no row, whatever its cells say.
pub(super) const TOO_MANY: &str = "the row has more cells than the header has columns: a separator stands in a text or an amount without quotes";
pub(super) const TOO_FEW: &str = "the row is cut off: it has fewer cells than the header has columns";
pub(super) const UNCLOSED: &str = "the row is cut off: a quote in it is never closed";

/// How many columns a header names: what is empty at its end is none.
pub(super) fn width(header: &[impl AsRef<str>]) -> usize {
    header.iter().rposition(|cell| !cell.as_ref().trim().is_empty()).map_or(0, |last| last + 1)
}

/// Makes records of lines.
pub(super) struct Records {
    reader: Reader,
    /// Cells of the record being read, one behind the other, and where each ends.
    text: Vec<u8>,
    length: usize,
    ends: Vec<usize>,
    count: usize,
    /// Where the record being read began; 0: none is.
    line: u64,
    is_whole: bool,
}

impl Records {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            text: Vec::new(),
            length: 0,
            ends: vec![0; MAX_CELLS + 1],
            count: 0,
            line: 0,
            is_whole: true,
        }
    }

    /// Takes a line. Whether a record ends with it, which then stands in `line` and `cells`. An empty line is no record.
    pub(super) fn take(&mut self, line: Line<'_>) -> Result<bool, StatementError> {
        if self.is_whole {
            if line.text.is_empty() {
                return Ok(false);
            }
            (self.line, self.length, self.count, self.is_whole) = (line.number, 0, 0, false);
            self.reader.reset();
        }
        if self.length + line.text.len() > MAX_RECORD_BYTES {
            return Err(StatementError::broken(format!(
                "line {}: the row is longer than any bank writes: a quote in it is never closed",
                self.line
            )));
        }
        self.is_whole = self.feed(line.text.as_bytes())? || self.feed(b"\n")?;
        Ok(self.is_whole)
    }

    /// Line of the record within whose quotes the file ended, if it did.
    pub(super) fn cut_off(&self) -> Option<u64> {
        (!self.is_whole).then_some(self.line)
    }

    /// Line in which the record began.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The record's cells, without their quotes.
    pub(super) fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        // Cut at delimiters, which are ASCII.
        starts
            .zip(&self.ends[..self.count])
            .map(|(start, end)| std::str::from_utf8(&self.text[start..*end]).unwrap_or_default())
    }

    /// Whether the record ends with `input`.
    fn feed(&mut self, mut input: &[u8]) -> Result<bool, StatementError> {
        self.text.resize(self.length + input.len() + 1, 0);
        while !input.is_empty() {
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut self.text[self.length..], &mut self.ends[self.count..]);
            input = &input[read..];
            self.length += written;
            self.count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => return Ok(true),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    let words = format!("line {} has more than {MAX_CELLS} columns", self.line);
                    return Err(StatementError::broken(words));
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> (Vec<(u64, Vec<String>)>, Option<u64>) {
        let mut records = Records::new(b',');
        let mut found = Vec::new();
        for (number, text) in (1..).zip(text.split('\n')) {
            if records.take(Line { number, text }).expect("a record") {
                found.push((records.line(), records.cells().map(str::to_owned).collect()));
            }
        }
        (found, records.cut_off())
    }

    #[test]
    fn a_cell_in_quotes_may_go_on_in_further_lines() {
        let (found, cut_off) = records("a,\"b \"\"c\"\"\n\nd\",e\n\n,\n\"x\ny");
        let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, [(1, cells(&["a", "b \"c\"\n\nd", "e"])), (5, cells(&["", ""]))]);
        assert_eq!(cut_off, Some(6));
    }

    #[test]
    fn a_quote_that_is_never_closed_is_refused() {
        let mut records = Records::new(b';');
        let mut taken = records.take(Line { number: 3, text: "a;\"b" });
        for number in 4..2_000 {
            assert!(!taken.expect("not too long yet"));
            taken = records.take(Line { number, text: &"x".repeat(1_000) });
            if taken.is_err() {
                break;
            }
        }
        assert!(taken.expect_err("too long").to_string().starts_with("line 3: "));
    }
}
