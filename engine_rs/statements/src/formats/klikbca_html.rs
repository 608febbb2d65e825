//! KlikBCA, a page named `.xls`: what BCA's internet banking offers beside CSV, for persons and for companies.
//!
//! ```text
//! Nomor Rekening | : | 0111222333
//! Nama           | : | JOHN DOE
//! Periode        | : | 01/05/2026 - 31/05/2026
//! Mata Uang      | : | Rp
//! Tgl. | Keterangan | Cab. | Mutasi | | Saldo         persons: CR or DB in a column of its own
//! Tanggal Transaksi | Keterangan | Cabang | Jumlah | Saldo        companies: behind the amount
//! Saldo Awal | : | 1,000.00
//! Mutasi Kredit | : | 500.00 | 1
//! Mutasi Debet | : | 200.00 | 1
//! Saldo Akhir | : | 1,300.00
//! ```

use super::Format;
use super::html;
use super::klikbca::{Body, Cells, Columns, Part, Preamble, part_of};
use super::klikbca_bisnis;
use super::table::label_and_value;
use crate::model::{Options, StatementError};
use crate::record::Recorder;
use crate::source::{HEAD_LINES, Head, Source};

pub(super) const FORMAT: Format =
    Format { name: "klikbca-html", title: "KlikBCA Individual and Bisnis, page named .xls", sniff, read };

const NO_HEADER: &str =
    "the file is cut off or damaged: it has no header Tanggal, Keterangan, Cabang, Mutasi, Saldo";

/// A page of tables whose columns are called so.
fn sniff(head: &Head) -> bool {
    let mut found = false;
    // What ends the head within a row, and whatever else is wrong with it, is told when the page is read.
    let _ = html::rows(head.text.as_bytes(), |_, cells| {
        found |= columns_of(cells).is_some();
        Ok(())
    });
    head.start().starts_with('<') && found
}

fn columns_of(cells: &[&str]) -> Option<Columns> {
    let is = |at: usize, names: &[&str]| {
        cells.get(at).is_some_and(|cell| names.iter().any(|name| name.eq_ignore_ascii_case(cell)))
    };
    let begins = is(0, &["tgl.", "tgl", "tanggal", "tanggal transaksi", "date", "transaction date"])
        && is(1, &["keterangan", "description"])
        && is(2, &["cab.", "cab", "cabang", "branch"])
        && is(3, &["mutasi", "jumlah", "amount"]);
    match (begins, is(4, &["saldo", "balance"]), is(5, &["saldo", "balance"])) {
        (true, true, _) => Some(Columns::Five),
        (true, _, true) => Some(Columns::Six),
        _ => None,
    }
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    let mut preamble = Preamble::default();
    let mut rows_above = 0;
    let mut body: Option<(Body, Columns)> = None;
    html::rows(source.text(), |line, cells| {
        if let Some((body, columns)) = &mut body {
            return row(body, *columns, line, cells, out);
        }
        if let Some(columns) = columns_of(cells) {
            body = Some((klikbca_bisnis::open(&preamble, columns, options, out)?, columns));
            return Ok(());
        }
        rows_above += 1;
        if rows_above > HEAD_LINES {
            return Err(StatementError::broken(NO_HEADER));
        }
        if let Some((label, value)) = label_and_value(cells) {
            preamble.say(label, value);
        }
        Ok(())
    })?;
    match body {
        Some((body, _)) => body.finish(out),
        None => Err(StatementError::broken(NO_HEADER)),
    }
}

fn row(
    body: &mut Body,
    columns: Columns,
    line: u64,
    cells: &[&str],
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    if cells.iter().all(|cell| cell.is_empty()) || columns_of(cells).is_some() {
        return Ok(());
    }
    if let Some((part, amount, count)) = trailer(cells) {
        body.trailer_cells(line, part, amount, count, out);
        return Ok(());
    }
    let found = match (columns, cells) {
        (Columns::Six, [date, description, _, amount, direction, balance, ..]) => {
            Some((date, description, *amount, *direction, balance))
        }
        (Columns::Five, [date, description, _, amount, balance, ..]) => {
            amount.rsplit_once(' ').map(|(amount, direction)| (date, description, amount, direction, balance))
        }
        _ => None,
    };
    if let Some((date, description, amount, direction @ ("CR" | "DB"), balance)) = found {
        let date = date.trim_start_matches('\'');
        let is_credit = direction == "CR";
        return body.cells(line, &Cells { date, description, amount, is_credit, balance }, out);
    }
    body.not_a_row(line, cells.join(" ").as_str(), out);
    Ok(())
}

/// What a row below the mutations tells, its amount, and its count of rows.
fn trailer<'c>(cells: &[&'c str]) -> Option<(Part, &'c str, &'c str)> {
    let mut filled = cells.iter().copied().filter(|cell| !matches!(*cell, "" | ":" | "="));
    let first = filled.next()?;
    let (label, behind) = first.split_once(':').unwrap_or((first, ""));
    let part = part_of(label.trim())?;
    let behind = behind.trim();
    let amount = if behind.is_empty() { filled.next().unwrap_or_default() } else { behind };
    Some((part, amount, filled.next().unwrap_or_default()))
}
