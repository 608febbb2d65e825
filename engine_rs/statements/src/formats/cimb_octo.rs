//! CIMB OCTO, XLSX or XLS: what the bank's OCTO Clicks exports.
//!
//! ```text
//! Tgl. Txn | Tgl. Valuta | Deskripsi | No. Ref/Cek | Debit | Kredit | Saldo
//! 16/03/2026 | 16/03/2026 | TEXT | 12345 | | 150000 | 1150000
//! ```
//!
//! Dates are text or days as spreadsheets count them, amounts text or numbers. A reference is not the row's own in every case and
//! is read as part of the text.

use super::Format;
use super::bni;
use super::table::{Shape, Table};
use super::workbook;
use super::xlsx;
use crate::model::{Options, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Source};

pub(super) const FORMAT: Format = Format { name: "cimb-octo", title: "CIMB OCTO, XLSX and XLS", sniff, read };

pub(super) const SHAPE: Shape = Shape {
    header: &["tgl. txn", "deskripsi", "debit", "kredit", "saldo"],
    date: "tgl. txn",
    value_date: "tgl. valuta",
    texts: &["deskripsi", "no. ref/cek"],
    credit: "kredit",
    debit: "debit",
    side: "",
    balance: "saldo",
    account: "",
    currency: "",
    marks: Marks::POINT,
};

/// Any spreadsheet: its header can only be seen once it is read.
fn sniff(head: &Head) -> bool {
    let is_packed_other = head.bytes.starts_with(xlsx::ZIP_MARK)
        && !(contains(&head.bytes, b"[Content_Types].xml") || contains(&head.bytes, b"xl/"));
    workbook::is_workbook(head) && !is_packed_other
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    // What is packed cannot be seen before it is read.
    let shapes = [&[(FORMAT.name, &SHAPE)], &bni::SHAPES[..]].concat();
    let mut table = Table::of_one(&shapes, options.today);
    workbook::rows(source, workbook::MAX_SHEETS, |number, cells| table.line(number, cells, out))?;
    table.finish(out)
}
