//! Mandiri MCM, CSV: what the bank's older portal for companies exports.
//!
//! ```text
//! Account No,Date,Val. Date,Transaction Code,Description,Description,Reference No.,Debit,Credit
//! 1234567890,16/03/26,16/03/26,1234,TEXT,MORE TEXT,99102,.00,"150,000.00"
//! ```
//!
//! There is no balance. The reference is not the row's own: it repeats from day to day, and is read as part of the text.

use super::Format;
use super::table::{Shape, is_csv, read_csv};
use crate::model::{Options, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Source};

pub(super) const FORMAT: Format = Format { name: "mandiri-mcm", title: "Mandiri MCM, CSV", sniff, read };

const SHAPE: Shape = Shape {
    header: &[
        "account no",
        "date",
        "val. date",
        "transaction code",
        "description",
        "reference no.",
        "debit",
        "credit",
    ],
    date: "date",
    value_date: "val. date",
    texts: &["description", "reference no."],
    credit: "credit",
    debit: "debit",
    side: "",
    balance: "",
    account: "account no",
    currency: "",
    marks: Marks::POINT,
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
