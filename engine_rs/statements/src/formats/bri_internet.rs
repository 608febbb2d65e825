//! BRI internet banking, CSV: what the bank exports for persons.
//!
//! ```text
//! Tanggal Transaksi,Uraian Transaksi,Teller,Debet,Kredit,Saldo
//! 16/03/26,TEXT,1234567,"0,00","150.000,00","1.150.000,00"
//! ```
//!
//! Amounts have a decimal comma.

use super::Format;
use super::table::{Shape, is_csv, read_csv};
use crate::model::{Options, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Source};

pub(super) const FORMAT: Format =
    Format { name: "bri-internet", title: "BRI internet banking, CSV", sniff, read };

const SHAPE: Shape = Shape {
    header: &["tanggal transaksi", "uraian transaksi", "teller", "debet", "kredit", "saldo"],
    date: "tanggal transaksi",
    value_date: "",
    texts: &["uraian transaksi"],
    credit: "kredit",
    debit: "debet",
    side: "",
    balance: "saldo",
    account: "",
    currency: "",
    marks: Marks::COMMA,
};

fn sniff(head: &Head) -> bool {
    is_csv(head, &SHAPE, b',')
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    read_csv(source, options, out, &SHAPE, b',')
}
