//! Rows of the sheets of an XLS of Excel 97 to 2003: BIFF8 records in the stream `Workbook` of a compound file.
//!
//! Not left to calamine, which reads them too: it makes room for whatever rectangle a sheet says to fill, copies a text for each
//! cell that names it, and follows sectors that go round in a circle until there is no memory left.

use std::io::{BufReader, Read};

use calamine::{ExcelDateTime, ExcelDateTimeType};
use cfb::CompoundFile;

use super::biff::{Record, Records, Texts, f64_at, text, u16_at, u32_at};
use super::workbook::{self, File, Rows, day};
use crate::model::StatementError;
use crate::source::Head;

/// How a compound file begins.
const MARK: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Most cells of a sheet: 32 in each of as many rows as there may be.
const MAX_CELLS: usize = 32 * 65_536;

// Records, and what they tell.
const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const FILE_PASS: u16 = 0x002f;
const DATE_MODE: u16 = 0x0022;
const BOUND_SHEET: u16 = 0x0085;
const FORMAT: u16 = 0x041e;
const XF: u16 = 0x00e0;
const SST: u16 = 0x00fc;
const NUMBER: u16 = 0x0203;
const RK: u16 = 0x027e;
const MUL_RK: u16 = 0x00bd;
const LABEL_SST: u16 = 0x00fd;
const LABEL: u16 = 0x0204;
const RICH_LABEL: u16 = 0x00d6;
const BOOL_OR_ERROR: u16 = 0x0205;
const FORMULA: u16 = 0x0006;
const FORMULA_TEXT: u16 = 0x0207;
/// The version that a BOF of BIFF8 names.
const BIFF8: u16 = 0x0600;

/// Whether a file that begins like this is a compound file; documents of other programs are such too.
pub(super) fn is_compound(head: &Head) -> bool {
    head.bytes.starts_with(MARK)
}

/// Gives the cells of the first `sheets`.
pub(super) fn read(
    file: File<'_, '_>,
    sheets: usize,
    rows: &mut Rows<impl FnMut(u64, &[&str]) -> Result<(), StatementError>>,
) -> Result<(), StatementError> {
    let stream = stream(file)?;
    let book = Book::read(&stream)?;
    for start in book.sheets.iter().take(sheets) {
        let mut cells = book.cells(&stream, *start)?;
        // Excel takes them in any order, and of two at one place the last.
        cells.sort_by_key(|cell| (cell.row, cell.column));
        for cell in &cells {
            let (row, column) = (u32::from(cell.row), usize::from(cell.column));
            match &cell.value {
                Value::Text(text) => rows.cell(row, column, text)?,
                Value::Shared(index) => {
                    let text = book.texts.get(*index);
                    rows.cell(row, column, text.ok_or_else(|| bad(row, "names a text that is not there"))?)?;
                }
                Value::Number(number) => rows.cell(row, column, &number.to_string())?,
                Value::Day(serial) => rows.cell(row, column, &day(serial))?,
                Value::Bool(is) => rows.cell(row, column, &is.to_string())?,
            }
        }
        rows.give()?;
    }
    Ok(())
}

/// The records of the book. No longer than the file: no two sectors of a compound file that is opened lead to the same one.
fn stream(file: File<'_, '_>) -> Result<Vec<u8>, StatementError> {
    let mut file = CompoundFile::open(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let unread = |words: &str| Err(StatementError::Unrecognised(words.to_owned()));
    if file.is_stream("EncryptedPackage") {
        return unread(LOCKED);
    }
    if !file.is_stream("Workbook") {
        return unread(if file.is_stream("Book") { TOO_OLD } else { "the file is not a spreadsheet" });
    }
    let mut stream = Vec::new();
    file.open_stream("Workbook")
        .and_then(|mut workbook| workbook.read_to_end(&mut stream))
        .map_err(|error| damaged(&error))?;
    Ok(stream)
}

const LOCKED: &str = "the file is protected by a password: save it without one";
const TOO_OLD: &str = "the file is a spreadsheet of before Excel 97: save it as .xlsx, or export CSV";

fn damaged(error: &dyn std::fmt::Display) -> StatementError {
    workbook::damaged("XLS", error)
}

/// `row` from 0.
fn bad(row: u32, words: &str) -> StatementError {
    damaged(&format!("a cell of row {} {words}", row + 1))
}

/// How a cell's number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Number,
    Day,
}

/// What the sheets share.
struct Book {
    /// Where each sheet of cells begins.
    sheets: Vec<usize>,
    texts: Texts,
    /// By the number that a cell names.
    styles: Vec<Style>,
    from_1904: bool,
}

struct Cell {
    row: u16,
    column: u16,
    value: Value,
}

enum Value {
    Text(Box<str>),
    /// The number of a text that the book holds.
    Shared(u32),
    Number(f64),
    Day(ExcelDateTime),
    Bool(bool),
}

impl Book {
    fn read(stream: &[u8]) -> Result<Self, StatementError> {
        let mut records = begun(stream, 0)?;
        let mut book =
            Self { sheets: Vec::new(), texts: Texts::default(), styles: Vec::new(), from_1904: false };
        let mut formats = Vec::new();
        while let Some(record) = records.next().map_err(|error| damaged(&error))? {
            match record.kind {
                EOF => return Ok(book),
                FILE_PASS => return Err(StatementError::Unrecognised(LOCKED.to_owned())),
                _ => book
                    .take(&record, &mut formats)
                    .ok_or_else(|| damaged(&"a record does not hold what it should"))?,
            }
        }
        Err(damaged(&"the list of its sheets does not end"))
    }

    /// Takes what the book says of itself. `formats`: the styles that it gives numbers of their own. None: the record is cut off.
    fn take(&mut self, record: &Record<'_>, formats: &mut Vec<(u16, Style)>) -> Option<()> {
        let data = record.data;
        match record.kind {
            DATE_MODE => self.from_1904 = u16_at(data, 0)? == 1,
            // Of other kinds: charts and macros.
            BOUND_SHEET if *data.get(5)? == 0 => self.sheets.push(u32_at(data, 0)? as usize),
            FORMAT => formats.push((u16_at(data, 0)?, style_of(&text(record, 2)?))),
            XF => {
                let format = u16_at(data, 2)?;
                let own = formats.iter().rev().find(|(number, _)| *number == format);
                self.styles.push(own.map_or_else(|| usual_style(format), |(_, style)| *style));
            }
            SST => self.texts = Texts::read(record)?,
            _ => {}
        }
        Some(())
    }

    /// The cells of the sheet that begins at `start`, as they come.
    fn cells(&self, stream: &[u8], start: usize) -> Result<Vec<Cell>, StatementError> {
        let mut records = begun(stream, start)?;
        let mut cells = Vec::new();
        // Charts within the sheet have records like its own.
        let mut depth = 0_u32;
        let mut formula = None;
        while let Some(record) = records.next().map_err(|error| damaged(&error))? {
            match record.kind {
                EOF if depth == 0 => return Ok(cells),
                EOF => depth -= 1,
                BOF => depth += 1,
                _ if depth > 0 => {}
                _ => self
                    .cell(&record, &mut cells, &mut formula)
                    .ok_or_else(|| damaged(&"a cell is cut off"))?,
            }
            if cells.len() > MAX_CELLS {
                let words = "the file has more cells than any bank's";
                return Err(StatementError::Unrecognised(words.to_owned()));
            }
        }
        Err(damaged(&"a sheet does not end"))
    }

    /// Takes the cells of one record. `formula`: the place of one whose text comes in a record of its own. None: it is cut off.
    fn cell(
        &self,
        record: &Record<'_>,
        cells: &mut Vec<Cell>,
        formula: &mut Option<(u16, u16)>,
    ) -> Option<()> {
        let data = record.data;
        let place = || Some((u16_at(data, 0)?, u16_at(data, 2)?));
        let value = match record.kind {
            NUMBER => self.number(u16_at(data, 4)?, f64_at(data, 6)?),
            RK => self.number(u16_at(data, 4)?, packed(u32_at(data, 6)?)),
            LABEL_SST => Value::Shared(u32_at(data, 6)?),
            LABEL | RICH_LABEL => Value::Text(text(record, 6)?),
            BOOL_OR_ERROR if *data.get(7)? == 0 => Value::Bool(*data.get(6)? != 0),
            FORMULA => match *data.get(6..14)? {
                [0, .., 0xff, 0xff] => {
                    *formula = place();
                    return Some(());
                }
                [1, _, is, .., 0xff, 0xff] => Value::Bool(is != 0),
                [.., 0xff, 0xff] => return Some(()),
                _ => self.number(u16_at(data, 4)?, f64_at(data, 6)?),
            },
            FORMULA_TEXT => {
                if let Some((row, column)) = formula.take() {
                    cells.push(Cell { row, column, value: Value::Text(text(record, 0)?) });
                }
                return Some(());
            }
            MUL_RK => {
                let (row, first) = place()?;
                let (packs, _) = data.get(4..data.len().checked_sub(2)?)?.as_chunks::<6>();
                for (column, pack) in (usize::from(first)..).zip(packs) {
                    let value = self.number(u16_at(pack, 0)?, packed(u32_at(pack, 2)?));
                    cells.push(Cell { row, column: u16::try_from(column).ok()?, value });
                }
                return Some(());
            }
            _ => return Some(()),
        };
        let (row, column) = place()?;
        cells.push(Cell { row, column, value });
        Some(())
    }

    fn number(&self, style: u16, number: f64) -> Value {
        match self.styles.get(usize::from(style)) {
            Some(Style::Day) => {
                Value::Day(ExcelDateTime::new(number, ExcelDateTimeType::DateTime, self.from_1904))
            }
            Some(Style::Number) | None => Value::Number(number),
        }
    }
}

/// The records behind the one at `start`, which must begin a part of a book.
fn begun(stream: &[u8], start: usize) -> Result<Records<'_>, StatementError> {
    let mut records = Records::of(stream.get(start..).unwrap_or_default());
    let first = records.next().map_err(|error| damaged(&error))?.filter(|first| first.kind == BOF);
    match first.and_then(|first| u16_at(first.data, 0)) {
        Some(BIFF8) => Ok(records),
        Some(_) => Err(StatementError::Unrecognised(TOO_OLD.to_owned())),
        None => Err(damaged(&"a sheet is not where it should begin")),
    }
}

/// A number in four bytes: of hundredths or not, whole or the upper half of a float.
fn packed(bits: u32) -> f64 {
    let number = if bits & 2 == 0 {
        f64::from_bits(u64::from(bits & !3) << 32)
    } else {
        f64::from(bits.cast_signed() >> 2)
    };
    if bits & 1 == 0 { number } else { number / 100.0 }
}

/// The style of a format that Excel has itself.
fn usual_style(format: u16) -> Style {
    match format {
        14..=22 | 27..=36 | 45 | 47 | 50..=58 => Style::Day,
        _ => Style::Number,
    }
}

/// Whether a format of the file's own is one of days: its letters say so, outside of quotes and brackets.
fn style_of(format: &str) -> Style {
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        let end = match letter {
            '"' => '"',
            '[' => ']',
            '\\' | '_' | '*' => {
                letters.next();
                continue;
            }
            // What follows is for numbers below zero.
            ';' => break,
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return Style::Day,
            _ => continue,
        };
        letters.by_ref().find(|letter| *letter == end);
    }
    Style::Number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "they are the same digits or they are not")]
    fn numbers_in_four_bytes() {
        // The published examples: 1, 1.23 as a float and as whole hundredths, 123456, 1234.56; and one below zero.
        for (bits, number) in [
            (0x3ff0_0000, 1.0),
            (0x405e_c001, 1.23),
            (0x0000_01ef, 1.23),
            (0x0007_8902, 123_456.0),
            (0x0007_8903, 1_234.56),
            (0xffff_ff9e, -25.0),
        ] {
            assert_eq!(packed(bits), number, "{bits:x}");
        }
    }

    #[test]
    fn formats_of_days() {
        for format in ["DD/MM/YY", "yyyy-mm-dd hh:mm", "[$-421]dd mmmm yyyy", "\"tgl\" d", "\\Dd"] {
            assert_eq!(style_of(format), Style::Day, "{format}");
        }
        for format in [
            "#,##0.00",
            "\"Rp\"#,##0",
            "[Red]0",
            "General",
            "0.00E+00",
            "_(* #,##0_);\\(yy\\)",
            "[h]",
            "\"dd",
        ] {
            assert_eq!(style_of(format), Style::Number, "{format}");
        }
    }
}
