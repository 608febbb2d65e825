//! Rows of the sheets of an XLSX.

use std::borrow::Cow;
use std::io::{self, BufReader, Read, SeekFrom};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use super::workbook::{self, File, Rows, day};
use crate::model::StatementError;

/// What all parts of the file may be together once they are unpacked: a smaller file may claim a thousand times more.
const MAX_UNPACKED_BYTES: u64 = 48 * 1024 * 1024;
const MAX_PARTS: usize = 1_000;
/// How a zip file begins.
pub(super) const ZIP_MARK: &[u8] = b"PK\x03\x04";
/// How each entry of its directory begins.
const ENTRY_MARK: &[u8] = b"PK\x01\x02";
const PIECE_BYTES: usize = 256 * 1024;

/// Gives the cells of the first `sheets`.
pub(super) fn read(
    file: File<'_, '_>,
    sheets: usize,
    rows: &mut Rows<impl FnMut(u64, &[&str]) -> Result<(), StatementError>>,
) -> Result<(), StatementError> {
    check_size(file)?;
    let mut book = Xlsx::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    for name in book.sheet_names().into_iter().take(sheets) {
        let mut sheet = book.worksheet_cells_reader(&name).map_err(|error| damaged(&error))?;
        while let Some(cell) = sheet.next_cell().map_err(|error| damaged(&error))? {
            let (line, column) = cell.get_position();
            rows.cell(line, column as usize, &text(cell.get_value()))?;
        }
        rows.give()?;
    }
    Ok(())
}

/// Unpacks everything once into nothing: what a part says of its own size is not to be trusted.
fn check_size(file: File<'_, '_>) -> Result<(), StatementError> {
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
fn check_parts(file: File<'_, '_>) -> Result<(), StatementError> {
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
    workbook::damaged("XLSX", error)
}

/// A cell as text. A number is turned into the shortest digits that mean it, which are those that were typed: no sum is ever made
/// of the file's floats.
fn text<'c>(value: &'c DataRef<'_>) -> Cow<'c, str> {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.into(),
        DataRef::SharedString(text) => Cow::Borrowed(*text),
        DataRef::Int(number) => number.to_string().into(),
        DataRef::Float(number) => number.to_string().into(),
        DataRef::DateTime(serial) if serial.is_datetime() => day(serial).into(),
        DataRef::DateTime(serial) => serial.as_f64().to_string().into(),
        DataRef::Bool(is) => is.to_string().into(),
        DataRef::Error(_) | DataRef::Empty => "".into(),
    }
}
