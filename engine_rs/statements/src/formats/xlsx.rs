//! Rows of the sheets of an XLSX.

use std::io::{self, BufReader, Read};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use crate::model::StatementError;
use crate::source::{ReadSeek, Source};

/// What all parts of the file may be together once they are unpacked: a smaller file may claim a thousand times more.
const MAX_UNPACKED_BYTES: u64 = 48 * 1024 * 1024;
const MAX_PARTS: usize = 1_000;
const MAX_SHEETS: usize = 16;
const MAX_CELLS: usize = 256;
/// How a zip file begins.
pub(super) const ZIP_MARK: &[u8] = b"PK\x03\x04";

/// Gives each row of each sheet: its number in the sheet, from 1, and its cells as text.
pub(super) fn rows(
    source: &mut Source<'_>,
    mut take: impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
) -> Result<(), StatementError> {
    let file = source.seekable()?;
    check_size(file)?;
    let mut book = Xlsx::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    for name in book.sheet_names().into_iter().take(MAX_SHEETS) {
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
                row[column] = text(cell.get_value());
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

fn damaged(error: &dyn std::fmt::Display) -> StatementError {
    StatementError::broken(format!("the file is cut off or damaged: it is not a valid XLSX ({error})"))
}

/// A cell as text. A number is turned into the shortest digits that mean it, which are those that were typed: no sum is ever made
/// of the file's floats.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::DateTime(serial) => serial.as_f64().to_string(),
        DataRef::Bool(is) => is.to_string(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}
