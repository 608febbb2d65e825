//! BNI Direct, CSV, and the same table as XLSX and XLS.
//!
//! ```text
//! Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit,
//! 16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,TEXT,.00,"150,000.00",
//! ```
//!
//! There is no balance. Journal numbers begin anew each day: they are read as part of the text.

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
    balance: "balance",
    account: "",
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
    if workbook::is_workbook(source.head()) {
        let mut table = Table::of_one(&[(FORMAT.name, &SHAPE)], options.today);
        workbook::rows(source, workbook::MAX_SHEETS, |number, cells| table.line(number, cells, out))?;
        return table.finish(out);
    }
    read_csv(source, options, out, &SHAPE, b',')
}
