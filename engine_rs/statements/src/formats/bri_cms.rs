//! BRI CMS, CSV: what the bank's portal for companies exports, 19 columns.
//!
//! ```text
//! ID,NOREK,TGL_TRAN,…,MUTASI_DEBET,MUTASI_KREDIT,SALDO_AKHIR_MUTASI,GLSIGN,…,REMARK_CUSTOM
//! 1,123456789012345,2026-03-16,…,0.00,150000.00,1150000.00,C,…,TEXT
//! ```
//!
//! Columns are found by their names.

use super::Format;
use super::table::{Shape, is_csv, read_csv};
use crate::model::{Options, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{Head, Source};

pub(super) const FORMAT: Format = Format { name: "bri-cms", title: "BRI CMS, CSV", sniff, read };

const SHAPE: Shape = Shape {
    header: &["norek", "tgl_tran", "mutasi_debet", "mutasi_kredit", "saldo_akhir_mutasi"],
    date: "tgl_tran",
    value_date: "tgl_efektif",
    texts: &["desk_tran", "remark_custom"],
    credit: "mutasi_kredit",
    debit: "mutasi_debet",
    side: "",
    balance: "saldo_akhir_mutasi",
    account: "norek",
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
