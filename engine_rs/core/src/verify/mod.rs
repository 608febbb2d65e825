//! Every invariant, over the whole store: what `kasir verify` says of a snapshot beside the running shop.
//!
//! The rules keep these invariants with every write; here they are computed anew from the records, so that a bug, a bad
//! disk or a hand in the store is found and named. Tables are read in order, once each, with point look-ups beside; what
//! is kept in memory grows with items, locations, customers and labels, never with lines or movements.
//!
//! A record that does not decode is a violation like any other. Only a store that cannot be read stops the check.

mod bank;
mod catalogue;
mod index;
mod orders;
mod paper;
mod sales;
mod stock;
mod sums;
mod totals;

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Record, decode, find, id_key};
use crate::tables::Table;
use index::{Indexed, Row};
use sums::Sums;

/// Most violations reported; the first ones found, the records are counted on.
const VIOLATIONS_MAX: usize = 100;

/// What a check of the whole store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records looked at, stock levels and totals among them.
    pub records: u64,
    /// What does not hold, in plain words, each naming its record; at most 100. Empty: every invariant holds.
    pub violations: Vec<String>,
}

/// Checks every invariant over a whole state.
///
/// # Errors
/// [`Fault::Io`] when the store cannot be read. What is read and wrong is a violation, not an error.
pub fn verify(view: &dyn View) -> Result<Report, Fault> {
    let mut audit = Audit { view, report: Report::default(), sums: Sums::default(), rows: BTreeMap::new() };
    catalogue::check(&mut audit)?;
    stock::claims(&mut audit)?;
    orders::check(&mut audit)?;
    bank::check(&mut audit)?;
    sales::check(&mut audit)?;
    paper::check(&mut audit)?;
    // What the records add up to is known now.
    stock::balances(&mut audit)?;
    totals::check(&mut audit)?;
    index::check_orphans(&mut audit)?;
    Ok(audit.report)
}

/// A check under way.
struct Audit<'v> {
    view: &'v dyn View,
    report: Report,
    sums: Sums,
    /// Index rows found that a record stands behind, by table.
    rows: BTreeMap<Table, u64>,
}

impl Audit<'_> {
    fn broken(&mut self, violation: String) {
        if self.report.violations.len() < VIOLATIONS_MAX {
            self.report.violations.push(violation);
        }
    }

    fn demand(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.broken(violation());
        }
    }

    /// Visits every record of a table, in the order of ids, with the index rows it must have and its counter.
    fn each<R: Indexed>(
        &mut self,
        mut check: impl FnMut(&mut Self, &R) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let view = self.view;
        let (mut greatest, mut records) = (0, 0);
        view.scan(R::TABLE, Key::new().as_slice(), Key::new().end().as_slice(), &mut |key, value| {
            self.report.records += 1;
            records += 1;
            let id = match u64_at(key, 1) {
                Ok(id) if key.len() == id_key(id).as_slice().len() => id,
                Ok(_) | Err(_) => {
                    self.broken(format!("{} has a key of a wrong form: {}.", R::TABLE.name(), hex(key)));
                    return Ok(true);
                }
            };
            greatest = id;
            let record: R = match decode(value) {
                Ok(record) => record,
                Err(fault) => {
                    self.broken(format!("{} {id}: {fault}.", R::ENTITY));
                    return Ok(true);
                }
            };
            self.demand(record.id() == id, || format!("{} {id} says that it is {}.", R::ENTITY, record.id()));
            for row in record.rows() {
                self.row(&row, R::ENTITY, id)?;
            }
            check(self, &record)?;
            Ok(true)
        })?;
        self.counter::<R>(greatest, records)
    }

    /// Ids are never given twice and records never lost: there are as many records as ids given, unless they end.
    fn counter<R: Indexed>(&mut self, greatest: u64, records: u64) -> Result<(), Fault> {
        let key = Key::new().u8(R::COUNTER);
        let last = match self.view.get(Table::Counters, key.as_slice())? {
            Some(bytes) => u64_at(&bytes, 0).unwrap_or(0),
            None => 0,
        };
        let right =
            if R::KEPT { last == greatest && last == records } else { last >= greatest && last >= records };
        self.demand(right, || {
            let table = R::TABLE.name();
            format!("{table}: ids up to {last} were given, but there are {records} records up to {greatest}.")
        });
        Ok(())
    }

    /// Checks that an index row which a record must have is there and says what it must say.
    fn row(&mut self, row: &Row, entity: &str, id: u64) -> Result<(), Fault> {
        let found = self.view.get(row.table, row.key.as_slice())?;
        let right = found.as_ref().is_some_and(|value| row.says(value));
        if right {
            *self.rows.entry(row.table).or_default() += 1;
        } else if row.needed && !self.never_listed(row.table)? {
            let what = if found.is_some() { "a wrong row" } else { "no row" };
            let table = row.table.name();
            self.broken(format!("{entity} {id} has {what} in {table} (key {}).", hex(row.key.as_slice())));
        }
        Ok(())
    }

    /// Whether this is the copy of a store from before there was such a list. Opening a store to write makes the list.
    fn never_listed(&self, table: Table) -> Result<bool, Fault> {
        let mut empty = table == Table::SalesByReceipt;
        let all = Key::new();
        if empty {
            self.view.scan(table, all.as_slice(), all.end().as_slice(), &mut |_, _| {
                empty = false;
                Ok(false)
            })?;
        }
        Ok(empty)
    }

    /// The record of this id. One that does not decode counts as missing; its own check names it.
    fn look<R: Record>(&self, id: u64) -> Result<Option<R>, Fault> {
        match find(self.view, id) {
            Ok(found) => Ok(found),
            Err(Fault::Corrupt(_)) => Ok(None),
            Err(fault @ (Fault::Io(_) | Fault::Full)) => Err(fault),
        }
    }

    /// The record that `who` names, or a violation.
    fn named<R: Record>(&mut self, who: &dyn Display, id: u64) -> Result<Option<R>, Fault> {
        let found = self.look(id)?;
        self.demand(found.is_some(), || format!("{who} names {} {id}, which is not there.", R::ENTITY));
        Ok(found)
    }

    /// Checks that the record which `who` names is there; 0 names none.
    fn names<R: Record>(&mut self, who: &dyn Display, id: u64) -> Result<(), Fault> {
        if id != 0 && self.view.get(R::TABLE, id_key(id).as_slice())?.is_none() {
            self.broken(format!("{who} names {} {id}, which is not there.", R::ENTITY));
        }
        Ok(())
    }
}

/// A key for people who look into the store.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
