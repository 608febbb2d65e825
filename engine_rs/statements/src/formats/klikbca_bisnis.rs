//! KlikBCA Bisnis, CSV (the files are called CorpAcctTrxn…): what BCA's internet banking for companies exports.
//!
//! ```text
//! "Informasi Rekening - Mutasi Rekening"," "," "," "," ",
//! (blank)
//! "No. rekening : 0350000001"
//! "Nama : PT ACME TEKNOLOGI"
//! "Periode : 13/05/2026 - 14/05/2026"
//! "Kode Mata Uang : Rp"
//! "Tanggal Transaksi","Keterangan","Cabang","Jumlah","Saldo"
//! "DD/MM/YYYY" | "DD/MM" | "PEND" , "text" , "0000" , "3,528,964.00 CR" | "… DB" , "25,441,156.00"
//! "Saldo Awal : 21,912,192.00"
//! "Mutasi Debet : 0.00","0"            total and number of rows
//! "Mutasi Kredit : 3,528,964.00","1"
//! "Saldo Akhir : 25,441,156.00"
//! ```
//!
//! An English export has English names; older ones put the direction in a column of its own and 'DD/MM without quotes.

use time::Date;

use super::Format;
use super::klikbca::{Body, Columns, Preamble, is_header, open_account};
use crate::dates::DateReader;
use crate::model::{Options, ProblemKind, StatementError};
use crate::record::Recorder;
use crate::source::{HEAD_LINES, Head, Source};
use crate::text::shown;

pub(super) const FORMAT: Format =
    Format { name: "klikbca-bisnis", title: "KlikBCA Bisnis, CSV", sniff, read };

const HEADERS: &[(&[&str], Columns)] = &[
    (&["tanggal transaksi", "keterangan", "cabang", "jumlah", "saldo"], Columns::Five),
    (&["tanggal transaksi", "keterangan", "cabang", "jumlah", "", "saldo"], Columns::Six),
    (&["transaction date", "description", "branch", "amount", "balance"], Columns::Five),
    (&["transaction date", "description", "branch", "amount", "", "balance"], Columns::Six),
];
const NO_HEADER: &str =
    "the file is cut off or damaged: it has no header Tanggal Transaksi,Keterangan,Cabang,Jumlah,Saldo";

/// Whether the header stands there; other banks' exports share the title and the lines above.
fn sniff(head: &Head) -> bool {
    head.lines.iter().any(|line| columns_of(line).is_some())
}

fn columns_of(line: &str) -> Option<Columns> {
    HEADERS.iter().find(|(header, _)| is_header(line, header)).map(|(_, columns)| *columns)
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    let mut preamble = Preamble::default();
    let columns = loop {
        let line = source.next_line()?.filter(|line| line.number <= HEAD_LINES as u64);
        let Some(line) = line else {
            return Err(StatementError::broken(NO_HEADER));
        };
        if let Some(columns) = columns_of(line.text) {
            break columns;
        }
        if let Some((label, value)) = line.text.trim_matches([' ', '"', ',']).split_once(':') {
            preamble.say(label, value);
        }
    };
    let mut body = open(&preamble, columns, options, out)?;
    while let Some(line) = source.next_line()? {
        body.line(line, out)?;
    }
    body.finish(out)
}

/// Opens the account of a Bisnis export, whose dates must lie in its period.
pub(super) fn open(
    preamble: &Preamble,
    columns: Columns,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<Body, StatementError> {
    let (account, currency) = open_account(preamble, out)?;
    let said = preamble.value(&["periode", "period"]);
    let period = period(said, options.today);
    if period.is_none() {
        out.problem(account, 0, format!("{} is not a period", shown(said)), ProblemKind::Structure);
    }
    Ok(Body::new(account, currency, DateReader { today: options.today, period }, columns))
}

/// First and last day of "13/05/2026 - 14/05/2026".
fn period(text: &str, today: Date) -> Option<(Date, Date)> {
    let (first, last) = text.split_once('-')?;
    let reader = DateReader::new(today);
    let first = reader.read(first.trim_end()).ok()?;
    let last = reader.read(last.trim_start()).ok()?;
    (first <= last).then_some((first, last))
}
