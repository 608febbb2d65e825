//! Which formats there are, and which one a file is in. Content decides, never a file's name or label.

mod bai2;
mod bai2_records;
mod bank_id;
mod biff;
mod bni;
mod bri_cms;
mod bri_internet;
mod camt;
mod camt_entry;
mod camt_summary;
mod chained;
mod cimb_octo;
mod csv_layout;
mod html;
mod klikbca;
mod klikbca_bisnis;
mod klikbca_html;
mod klikbca_individual;
mod klikbca_text;
mod mandiri_kopra;
mod mandiri_mcm;
mod mapped_csv;
mod mapping;
mod moota;
mod mt940;
mod mt940_details;
mod mt940_line;
mod ofx;
mod ofx_tokens;
mod qif;
mod records;
mod styles;
mod table;
mod table_sums;
mod workbook;
mod xls;
mod xlsx;

pub use mapping::check_mapping;

use crate::model::{Options, StatementError};
use crate::record::Recorder;
use crate::source::{Head, Source};
use crate::text::shown;

/// One format of bank files.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// E.g. "klikbca-individual"; lower case and stable, since clients name it.
    pub name: &'static str,
    /// Bank and kind of file, for people.
    pub title: &'static str,
    /// Whether a file that begins like this is of this format.
    pub sniff: fn(&Head) -> bool,
    /// Reads the file. What is wrong with a part of it is told to the recorder; an error means that nothing more can be read.
    pub read: fn(&mut Source<'_>, &Options<'_>, &mut Recorder<'_>) -> Result<(), StatementError>,
}

/// Every format, in the order in which they are tried: the first that knows a file reads it.
pub static FORMATS: &[Format] = &[
    klikbca_individual::FORMAT,
    klikbca_bisnis::FORMAT,
    klikbca_html::FORMAT,
    mandiri_kopra::FORMAT,
    mandiri_mcm::FORMAT,
    bni::FORMAT,
    bri_cms::FORMAT,
    bri_internet::FORMAT,
    cimb_octo::FORMAT,
    moota::FORMAT,
    mt940::FORMAT,
    camt::FORMAT,
    ofx::FORMAT,
    bai2::FORMAT,
    qif::FORMAT,
    mapped_csv::FORMAT,
];

/// Which of some mappings fit the header of a file, by their places. None of a file that is in a bank's own format: that says
/// more than a header.
pub fn fitting(source: &mut Source<'_>, mappings: &[&str]) -> Result<Vec<usize>, StatementError> {
    if is_known(source)? { Ok(Vec::new()) } else { mapped_csv::fitting(source, mappings) }
}

fn is_known(source: &mut Source<'_>) -> Result<bool, StatementError> {
    if !workbook::is_workbook(source.head()) {
        return Ok(FORMATS.iter().any(|format| (format.sniff)(source.head())));
    }
    // Any may be one's: its header tells.
    let read = workbook::rows(source, workbook::MAX_SHEETS, |_, cells| {
        let is_header = [bni::SHAPE, cimb_octo::SHAPE].iter().any(|shape| shape.is_header(cells));
        if is_header { Err(StatementError::Stopped) } else { Ok(()) }
    });
    match read {
        Ok(()) => Ok(false),
        Err(StatementError::Stopped) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The names of all formats, with commas.
pub fn names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// The format that `options` name, or else the one of a file that begins like `head`.
pub fn find(head: &Head, options: &Options<'_>) -> Result<&'static Format, StatementError> {
    if let Some(name) = options.format {
        return FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
            StatementError::Unrecognised(format!("there is no format {}; known are {}", shown(name), names()))
        });
    }
    if head.lines.iter().all(|line| line.trim().is_empty()) {
        return Err(StatementError::Unrecognised("the file is empty".to_owned()));
    }
    // A mapping says that the file is no bank's known CSV; QIF takes what it lacks from one.
    if options.mapping.is_some() && !(qif::FORMAT.sniff)(head) {
        return Ok(&mapped_csv::FORMAT);
    }
    FORMATS.iter().find(|format| (format.sniff)(head)).ok_or_else(|| {
        StatementError::Unrecognised(format!("not a bank statement of a format we know ({})", names()))
    })
}
