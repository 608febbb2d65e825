//! Rows of the sheets of an XLSX.

use std::io::{self, BufReader, Read, SeekFrom};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use crate::model::StatementError;
use crate::source::{MAX_LINE_BYTES, ReadSeek, Source};

/// Largest file; the parts of an honest one are larger still once they are unpacked.
const MAX_FILE_BYTES: u64 = 48 * 1024 * 1024;
/// What all parts of the file may be together once they are unpacked: a smaller file may claim a thousand times more.
const MAX_UNPACKED_BYTES: u64 = 48 * 1024 * 1024;
const MAX_PARTS: usize = 1_000;
/// Most sheets of a bank's file.
pub(super) const MAX_SHEETS: usize = 16;
const MAX_CELLS: usize = 256;
/// Text of all cells together: a cell takes a few bytes where it names a text that others have too.
const MAX_TEXT_BYTES: usize = 256 * 1024 * 1024;
/// How a spreadsheet of the old kind begins, which is not read.
pub(super) const OLD_MARK: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// How a zip file begins.
pub(super) const ZIP_MARK: &[u8] = b"PK\x03\x04";
/// How each entry of its directory begins.
const ENTRY_MARK: &[u8] = b"PK\x01\x02";
const PIECE_BYTES: usize = 256 * 1024;

/// Gives each row of the first `sheets`: its number in the sheet, from 1, and its cells as text.
pub(super) fn rows(
    source: &mut Source<'_>,
    sheets: usize,
    mut take: impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
) -> Result<(), StatementError> {
    let file = source.seekable()?;
    check_size(file)?;
    let mut book = Xlsx::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let mut left = MAX_TEXT_BYTES;
    for name in book.sheet_names().into_iter().take(sheets) {
        let mut sheet = book.worksheet_cells_reader(&name).map_err(|error| damaged(&error))?;
        let mut at = 0;
        let mut row: Vec<String> = Vec::new();
        while let Some(cell) = sheet.next_cell().map_err(|error| damaged(&error))? {
            let (line, column) = cell.get_position();
            if line != at && !row.is_empty() {
                give(at, &mut row, &mut take)?;
            }
            at = line;
            let column = column as usize;
            if column < MAX_CELLS {
                row.resize(row.len().max(column + 1), String::new());
                let text = text(cell.get_value(), line)?;
                left = left.checked_sub(text.len()).ok_or_else(|| {
                    StatementError::Unrecognised("the file holds more text than any bank's".to_owned())
                })?;
                row[column] = text;
            }
        }
        give(at, &mut row, &mut take)?;
    }
    Ok(())
}

fn give(
    at: u32,
    row: &mut Vec<String>,
    take: &mut impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
) -> Result<(), StatementError> {
    let cells: Vec<&str> = row.iter().map(String::as_str).collect();
    let taken = if cells.is_empty() { Ok(()) } else { take(u64::from(at) + 1, &cells) };
    row.clear();
    taken
}

/// Unpacks everything once into nothing: what a part says of its own size is not to be trusted.
fn check_size(file: &mut dyn ReadSeek) -> Result<(), StatementError> {
    if file.seek(SeekFrom::End(0))? > MAX_FILE_BYTES {
        let most = MAX_FILE_BYTES / (1024 * 1024);
        let words = format!("the file is larger than {most} MiB: export a shorter period");
        return Err(StatementError::Unrecognised(words));
    }
    check_parts(file)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    if archive.len() > MAX_PARTS {
        return Err(StatementError::broken("the file has more parts than any bank's"));
    }
    let mut left = MAX_UNPACKED_BYTES;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| damaged(&error))?;
        left -= io::copy(&mut part.take(left), &mut io::sink()).map_err(|error| damaged(&error))?;
        if left == 0 {
            let most = MAX_UNPACKED_BYTES / (1024 * 1024);
            let words =
                format!("the file is larger than {most} MiB once it is unpacked: export a shorter period");
            return Err(StatementError::Unrecognised(words));
        }
    }
    Ok(())
}

/// Counts the entries of the directory before it is read whole into memory. Wherever it stands, and however many it says to have,
/// each begins alike.
fn check_parts(file: &mut dyn ReadSeek) -> Result<(), StatementError> {
    file.seek(SeekFrom::Start(0))?;
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let mut parts = 0;
    loop {
        let kept = piece.len();
        if (&mut *file).take((PIECE_BYTES - kept) as u64).read_to_end(&mut piece)? == 0 {
            break;
        }
        parts += memchr::memmem::find_iter(&piece, ENTRY_MARK).count();
        if parts > MAX_PARTS {
            return Err(StatementError::broken("the file has more parts than any bank's"));
        }
        // A mark may begin here and end in the next piece.
        piece.drain(..piece.len().saturating_sub(ENTRY_MARK.len() - 1));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

fn damaged(error: &dyn std::fmt::Display) -> StatementError {
    StatementError::broken(format!("the file is cut off or damaged: it is not a valid XLSX ({error})"))
}

/// A cell as text. A number is turned into the shortest digits that mean it, which are those that were typed: no sum is ever made
/// of the file's floats. A day is YYYY-MM-DD, whichever year the file counts days from.
fn text(value: &DataRef<'_>, line: u32) -> Result<String, StatementError> {
    let text = match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.as_str(),
        DataRef::SharedString(text) => text,
        DataRef::Int(number) => return Ok(number.to_string()),
        DataRef::Float(number) => return Ok(number.to_string()),
        DataRef::DateTime(serial) if serial.is_datetime() => {
            let (year, month, day, ..) = serial.to_ymd_hms_milli();
            return Ok(format!("{year:04}-{month:02}-{day:02}"));
        }
        DataRef::DateTime(serial) => return Ok(serial.as_f64().to_string()),
        DataRef::Bool(is) => return Ok(is.to_string()),
        DataRef::Error(_) | DataRef::Empty => "",
    };
    // Before it is copied: many cells may name one long text.
    if text.len() > MAX_LINE_BYTES {
        let words = format!("row {} has a cell that is longer than any bank writes", line + 1);
        return Err(StatementError::broken(words));
    }
    Ok(text.to_owned())
}
