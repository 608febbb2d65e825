//! A mutation as a line of JSON, for other programs.

use std::io::{self, Write};

use crate::dates::iso;
use crate::model::{Account, Row};

/// Writes one mutation as its JSON line: amounts in signed minor units, money in positive.
pub fn write_row(out: &mut impl Write, account: &Account, row: &Row<'_>) -> io::Result<()> {
    out.write_all(b"{\"account\": ")?;
    serde_json::to_writer(&mut *out, &account.number)?;
    out.write_all(b", \"currency\": ")?;
    serde_json::to_writer(&mut *out, &account.currency)?;
    write!(out, ", \"date\": \"{}\", \"value_date\": ", iso(row.date))?;
    match row.value_date {
        Some(date) => write!(out, "\"{}\"", iso(date))?,
        None => out.write_all(b"null")?,
    }
    write!(out, ", \"amount_minor\": {}, \"balance_minor\": ", row.amount_minor)?;
    match row.balance_minor {
        Some(minor) => write!(out, "{minor}")?,
        None => out.write_all(b"null")?,
    }
    let status = if row.pending { "PENDING" } else { "POSTED" };
    write!(out, ", \"status\": \"{status}\", \"description\": ")?;
    serde_json::to_writer(&mut *out, row.description)?;
    out.write_all(b", \"bank_reference\": ")?;
    serde_json::to_writer(&mut *out, row.bank_reference)?;
    out.write_all(b", \"counterparty\": ")?;
    serde_json::to_writer(&mut *out, row.counterparty)?;
    writeln!(out, ", \"row\": {}}}", row.row)
}
