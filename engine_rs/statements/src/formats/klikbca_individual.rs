//! KlikBCA Individual, CSV: what BCA's internet banking for persons exports.
//!
//! ```text
//! Account No.,=,'0111222333
//! Name,=,JOHN DOE
//! Currency,=,IDR
//! (blank)
//! Date,Description,Branch,Amount,,Balance
//! 'DD/MM/YYYY | 'DD/MM | 'PEND , text with commas and no quotes , '0000 , 108400.00 , CR | DB , balance
//! Starting Balance,=,934539.96
//! Credit,=,108400.00
//! Debet,=,                        empty for nothing
//! Ending Balance,=,1042939.96
//! ```
//!
//! An Indonesian export has the same lines under Indonesian names.

use super::Format;
use super::klikbca::{ACCOUNT_LABELS, Body, Columns, Preamble, is_header, open_account};
use crate::dates::DateReader;
use crate::model::{Options, StatementError};
use crate::record::Recorder;
use crate::source::{HEAD_LINES, Head, Source};

pub(super) const FORMAT: Format =
    Format { name: "klikbca-individual", title: "KlikBCA Individual, CSV", sniff, read };

const HEADERS: &[&[&str]] = &[
    &["date", "description", "branch", "amount", "", "balance"],
    &["tanggal", "keterangan", "cabang", "jumlah", "", "saldo"],
];
const NO_HEADER: &str =
    "the file is cut off or damaged: it has no header Date,Description,Branch,Amount,,Balance";

fn sniff(head: &Head) -> bool {
    head.lines.iter().any(|line| {
        HEADERS.iter().any(|header| is_header(line, header))
            || meta(line).is_some_and(|(label, _)| ACCOUNT_LABELS.contains(&label.to_lowercase().as_str()))
    })
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    let mut preamble = Preamble::default();
    loop {
        let line = source.next_line()?.filter(|line| line.number <= HEAD_LINES as u64);
        let Some(line) = line else {
            return Err(StatementError::broken(NO_HEADER));
        };
        if HEADERS.iter().any(|header| is_header(line.text, header)) {
            break;
        }
        if let Some((label, value)) = meta(line.text) {
            preamble.say(label, value);
        }
    }
    let (account, currency) = open_account(&preamble, out)?;
    let mut body = Body::new(account, currency, DateReader::new(options.today), Columns::Six);
    while let Some(line) = source.next_line()? {
        body.line(line, out)?;
    }
    body.finish(out)
}

/// Label and value of a line above the header; none of any other line.
fn meta(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.split_once(',')?;
    let (equals, value) = rest.split_once(',')?;
    let is_meta = equals.trim_matches([' ', '"']) == "=";
    is_meta.then(|| (label.trim_matches([' ', '"']), value.trim_matches([' ', '\'', '`', '"', ','])))
}
