//! Mandiri Kopra, CSV: what the bank's portal for companies exports.
//!
//! ```text
//! AccountNo;Ccy;PostDate;Remarks;AdditionalDesc;Credit Amount;Debit Amount;Close Balance
//! 1234567890;IDR;16 March 2026 09:34:53;TEXT;MORE TEXT;150000.00;0.00;1150000.00
//! ```
//!
//! Money in stands before money out.

use super::Format;
use super::table::{Shape, is_csv, read_csv};
use crate::model::{Options, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Source};

pub(super) const FORMAT: Format = Format { name: "mandiri-kopra", title: "Mandiri Kopra, CSV", sniff, read };

const SHAPE: Shape = Shape {
    header: &["accountno", "ccy", "postdate", "remarks", "credit amount", "debit amount", "close balance"],
    date: "postdate",
    value_date: "",
    texts: &["remarks", "additionaldesc"],
    credit: "credit amount",
    debit: "debit amount",
    side: "",
    balance: "close balance",
    account: "accountno",
    currency: "ccy",
    marks: Marks::POINT,
};

fn sniff(head: &Head) -> bool {
    is_csv(head, &SHAPE, b';')
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    read_csv(source, options, out, &SHAPE, b';')
}
