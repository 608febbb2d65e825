//! BNI Direct, CSV, and the same table as XLSX and XLS, where amounts may also stand in one column beside their side.
//!
//! ```text
//! Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit,
//! 16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,TEXT,.00,"150,000.00",
//! ```
//!
//! ```text
//! Post Date | Value Date | Branch | Journal No. | Description | Amount | D/K | Balance
//! Posting Date | Effective Date | Branch | Journal | Transaction Description | Amount | DB/CR | Balance
//! ```
//!
//! The first has no balance. Journal numbers begin anew each day: they are read as part of the text.

use super::Format;
use super::table::{Shape, Table, is_csv, read_csv};
use super::workbook;
use crate::model::{Options, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Source};

pub(super) const FORMAT: Format = Format { name: "bni", title: "BNI Direct, CSV, XLSX and XLS", sniff, read };

pub(super) const SHAPE: Shape = Shape {
    header: &["post date", "value date", "branch", "journal no.", "description", "debit", "credit"],
    date: "post date",
    value_date: "value date",
    texts: &["journal no.", "description"],
    credit: "credit",
    debit: "debit",
    side: "",
    balance: "balance",
    account: "",
    currency: "",
    marks: Marks::POINT,
};

/// With one column of amounts.
const ONE_AMOUNT: Shape = Shape {
    header: &["post date", "value date", "branch", "journal no.", "description", "amount", "d/k"],
    credit: "amount",
    debit: "amount",
    side: "d/k",
    ..SHAPE
};

/// The same in the words of the bank's e-statement.
const E_STATEMENT: Shape = Shape {
    header: &["posting date", "effective date", "journal", "transaction description", "amount", "db/cr"],
    date: "posting date",
    value_date: "effective date",
    texts: &["journal", "transaction description"],
    side: "db/cr",
    ..ONE_AMOUNT
};

/// All of them, each with this format's name.
pub(super) const SHAPES: [(&str, &Shape); 3] =
    [(FORMAT.name, &SHAPE), (FORMAT.name, &ONE_AMOUNT), (FORMAT.name, &E_STATEMENT)];

fn sniff(head: &Head) -> bool {
    SHAPES.iter().any(|(_, shape)| is_csv(head, shape, b','))
}

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    if workbook::is_workbook(source.head()) {
        let mut table = Table::of_one(&SHAPES, options.today);
        workbook::rows(source, workbook::MAX_SHEETS, |number, cells| table.line(number, cells, out))?;
        return table.finish(out);
    }
    let shape = SHAPES
        .iter()
        .find(|(_, shape)| is_csv(source.head(), shape, b','))
        .map_or(&SHAPE, |(_, shape)| *shape);
    read_csv(source, options, out, shape, b',')
}
