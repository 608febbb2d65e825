//! Rows of the sheets of a spreadsheet, packed (XLSX) or of the old kind (XLS).

use std::io::SeekFrom;

use calamine::ExcelDateTime;

use super::{xls, xlsx};
use crate::model::StatementError;
use crate::source::{Head, MAX_LINE_BYTES, ReadSeek, Source};

/// Largest file; what one holds may be larger still once it is unpacked.
const MAX_FILE_BYTES: u64 = 48 * 1024 * 1024;
/// Most sheets of a bank's file.
pub(super) const MAX_SHEETS: usize = 16;
/// Most cells of a row.
const MAX_CELLS: usize = 256;
/// Text of all cells together: a cell takes a few bytes where it names a text that others have too.
const MAX_TEXT_BYTES: usize = 256 * 1024 * 1024;

/// Whether a file that begins like this may be a spreadsheet.
pub(super) fn is_workbook(head: &Head) -> bool {
    head.bytes.starts_with(xlsx::ZIP_MARK) || xls::is_compound(head)
}

/// Gives each row of the first `sheets`: its number in the sheet, from 1, and its cells as text.
pub(super) fn rows(
    source: &mut Source<'_>,
    sheets: usize,
    take: impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
) -> Result<(), StatementError> {
    let is_old = xls::is_compound(source.head());
    let file = source.seekable()?;
    if file.seek(SeekFrom::End(0))? > MAX_FILE_BYTES {
        let most = MAX_FILE_BYTES / (1024 * 1024);
        let words = format!("the file is larger than {most} MiB: export a shorter period");
        return Err(StatementError::Unrecognised(words));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut rows = Rows { at: 0, row: Vec::new(), left: MAX_TEXT_BYTES, take };
    if is_old { xls::read(file, sheets, &mut rows) } else { xlsx::read(file, sheets, &mut rows) }
}

/// Puts cells together to rows.
pub(super) struct Rows<T> {
    at: u32,
    row: Vec<String>,
    /// How much more text there may be.
    left: usize,
    take: T,
}

impl<T: FnMut(u64, &[&str]) -> Result<(), StatementError>> Rows<T> {
    /// Takes the next cell of a sheet; its line and column count from 0.
    pub(super) fn cell(&mut self, line: u32, column: usize, text: &str) -> Result<(), StatementError> {
        if line != self.at {
            self.give()?;
        }
        self.at = line;
        if column >= MAX_CELLS {
            return Ok(());
        }
        if text.len() > MAX_LINE_BYTES {
            let words = format!("row {} has a cell that is longer than any bank writes", line + 1);
            return Err(StatementError::broken(words));
        }
        self.left = self.left.checked_sub(text.len()).ok_or_else(|| {
            StatementError::Unrecognised("the file holds more text than any bank's".to_owned())
        })?;
        self.row.resize(self.row.len().max(column + 1), String::new());
        text.clone_into(&mut self.row[column]);
        Ok(())
    }

    /// Gives the row under way: the last one of a sheet, or what stands before the next.
    pub(super) fn give(&mut self) -> Result<(), StatementError> {
        let cells: Vec<&str> = self.row.iter().map(String::as_str).collect();
        let taken = if cells.is_empty() { Ok(()) } else { (self.take)(u64::from(self.at) + 1, &cells) };
        self.row.clear();
        taken
    }
}

/// A counted day as YYYY-MM-DD, whichever year the file counts days from.
pub(super) fn day(serial: &ExcelDateTime) -> String {
    let (year, month, day, ..) = serial.to_ymd_hms_milli();
    format!("{year:04}-{month:02}-{day:02}")
}

/// What a file that no library can read is refused with.
pub(super) fn damaged(kind: &str, error: &dyn std::fmt::Display) -> StatementError {
    StatementError::broken(format!("the file is cut off or damaged: it is not a valid {kind} ({error})"))
}

/// What every reader of a spreadsheet takes.
pub(super) type File<'f, 'a> = &'f mut (dyn ReadSeek + 'a);
