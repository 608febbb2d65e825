//! LMDB transactions as the rules see them: [`Reader`] is a [`View`], [`Writer`] a [`State`].

use std::borrow::Cow;
use std::ops::Bound;

use heed::{PutFlags, RoTxn, RwTxn, WithoutTls};
use kasir_core::deadlines::{Deadline, next_due_ms};
use kasir_core::kept::Kept;
use kasir_core::kv::Visit;
use kasir_core::{Fault, State, Table, View};

use crate::busy::Busy;
use crate::error::fault;
use crate::files::Files;
use crate::record::{Head, decode, encode};
use crate::schema::{HEAD_KEY, OwnTable, Tables};

/// A consistent snapshot of the whole store.
pub struct Reader<'s> {
    txn: RoTxn<'s, WithoutTls>,
    tables: &'s Tables<'static>,
    head: Head,
}

impl<'s> Reader<'s> {
    pub(crate) fn begin(files: &'s Files) -> Result<Self, Fault> {
        let txn = files.env().read_txn().map_err(fault)?;
        let head = read_head(&txn, files.tables())?;
        Ok(Self { txn, tables: files.tables(), head })
    }

    /// Where the journal ends in this snapshot.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The last revision in this snapshot.
    pub fn revision(&self) -> u64 {
        self.head.revision
    }

    /// The last record's time, Unix milliseconds; 0 in a new store.
    pub fn log_time_ms(&self) -> i64 {
        self.head.time_ms
    }

    /// The value at `key` of a table of the store's own.
    pub(crate) fn own(&self, table: OwnTable, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        own(&self.txn, self.tables, table, key)
    }

    /// Visits a table of the store's own from `from` on.
    pub(crate) fn scan_own(&self, table: OwnTable, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let range = (Bound::Included(from), Bound::Unbounded);
        let Some(rows) = self.tables.own(table) else { return Ok(()) };
        drain(rows.range(&self.txn, &range).map_err(fault)?, visit)
    }

    /// How many rows a table of the store's own has.
    pub(crate) fn count_own(&self, table: OwnTable) -> Result<u64, Fault> {
        self.tables.own(table).map_or(Ok(0), |rows| rows.len(&self.txn).map_err(fault))
    }
}

impl View for Reader<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        get(&self.txn, self.tables, table, key)
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        scan(&self.txn, self.tables, table, from, to, visit)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        scan_back(&self.txn, self.tables, table, from, to, visit)
    }
}

/// The one write transaction. Dropped without [`Writer::commit`] it has changed nothing.
pub struct Writer<'s> {
    txn: RwTxn<'s>,
    tables: &'s Tables<'static>,
    kept: &'s mut Kept,
    busy: Busy,
    /// Where the journal ends with it, once it has grown: every record changes it, so it is written once.
    head: Option<Head>,
    /// No deadline is earlier; unknown until somebody looked.
    first_due_ms: Option<i64>,
    deadlines_made: usize,
}

impl<'s> Writer<'s> {
    /// `kept` holds nothing that is not in the file; whoever drops the transaction clears it.
    pub(crate) fn begin(files: &'s Files, kept: &'s mut Kept) -> Result<Self, heed::Error> {
        Ok(Self {
            txn: files.write_txn()?,
            tables: files.tables(),
            kept,
            busy: Busy::default(),
            head: None,
            first_due_ms: None,
            deadlines_made: 0,
        })
    }

    /// Whether a deadline may lie at or before `now_ms`. Asked before every command, so it seldom looks.
    pub(crate) fn may_be_due(&mut self, now_ms: i64) -> Result<bool, Fault> {
        if self.first_due_ms.is_none_or(|first| first <= now_ms) {
            self.first_due_ms = Some(next_due_ms(self)?.unwrap_or(i64::MAX));
        }
        Ok(self.first_due_ms.is_some_and(|first| first <= now_ms))
    }

    /// How many deadlines were put so far.
    pub(crate) fn deadlines_made(&self) -> usize {
        self.deadlines_made
    }

    /// Makes everything durable, or nothing.
    pub(crate) fn commit(mut self) -> Result<(), heed::Error> {
        for (table, key, row) in self.busy.rows() {
            let rows = self.tables.written(table);
            match row {
                Some(value) => rows.put(&mut self.txn, key, value)?,
                None => drop(rows.delete(&mut self.txn, key)?),
            }
        }
        if let Some(head) = &self.head {
            let bytes = encode(head).map_err(|fault| heed::Error::Encoding(Box::new(fault)))?;
            self.tables.written_own(OwnTable::Meta).put(&mut self.txn, HEAD_KEY, &bytes)?;
        }
        self.txn.commit()
    }

    pub(crate) fn head(&self) -> Result<Head, Fault> {
        self.head.map_or_else(|| read_head(&self.txn, self.tables), Ok)
    }

    pub(crate) fn put_head(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// The value at `key` of a table of the store's own.
    pub(crate) fn own(&self, table: OwnTable, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        own(&self.txn, self.tables, table, key)
    }

    pub(crate) fn put_own(&mut self, table: OwnTable, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.tables.written_own(table).put(&mut self.txn, key, value).map_err(fault)
    }

    /// Puts a row after all others of its table; any other place is corruption.
    pub(crate) fn append_own(&mut self, table: OwnTable, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.tables
            .written_own(table)
            .put_with_flags(&mut self.txn, PutFlags::APPEND, key, value)
            .map_err(fault)
    }

    pub(crate) fn delete_own(&mut self, table: OwnTable, key: &[u8]) -> Result<(), Fault> {
        self.tables.written_own(table).delete(&mut self.txn, key).map(drop).map_err(fault)
    }

    /// Visits a table of the store's own from `from` on.
    pub(crate) fn scan_own(&self, table: OwnTable, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let range = (Bound::Included(from), Bound::Unbounded);
        let Some(rows) = self.tables.own(table) else { return Ok(()) };
        drain(rows.range(&self.txn, &range).map_err(fault)?, visit)
    }
}

impl View for Writer<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        match self.busy.get(table, key) {
            Some(row) => Ok(row.value().map(Cow::Borrowed)),
            None => get(&self.txn, self.tables, table, key),
        }
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let rows = |visit: &mut Visit<'_>| scan(&self.txn, self.tables, table, from, to, visit);
        if self.busy.has(table) {
            return hand_over(self.busy.merged(table, from, to, rows)?.iter(), visit);
        }
        rows(visit)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        if self.busy.has(table) {
            let rows = |visit: &mut Visit<'_>| scan(&self.txn, self.tables, table, from, to, visit);
            return hand_over(self.busy.merged(table, from, to, rows)?.iter().rev(), visit);
        }
        scan_back(&self.txn, self.tables, table, from, to, visit)
    }

    fn kept(&self) -> Option<&Kept> {
        Some(self.kept)
    }
}

impl State for Writer<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.kept.forget(table, key);
        if self.busy.takes(table, key, Some(value)) {
            return Ok(());
        }
        if table == Table::Deadlines {
            let due_ms = Deadline::from_key(key)?.due_ms;
            self.first_due_ms = self.first_due_ms.map(|first| first.min(due_ms));
            self.deadlines_made += 1;
        }
        let rows = self.tables.written(table);
        if table.grows_at_the_end() {
            // LMDB fills its pages when told that a row comes last, and leaves them half empty otherwise.
            match rows.put_with_flags(&mut self.txn, PutFlags::APPEND, key, value) {
                Err(heed::Error::Mdb(heed::MdbError::KeyExist)) => {}
                done => return done.map_err(fault),
            }
        }
        rows.put(&mut self.txn, key, value).map_err(fault)
    }

    fn put_new(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<bool, Fault> {
        if Busy::is_for(table) || table == Table::Deadlines || table.grows_at_the_end() {
            // More has to be done for those.
            let is_new = self.get(table, key)?.is_none();
            return if is_new { self.put(table, key, value).map(|()| true) } else { Ok(false) };
        }
        self.kept.forget(table, key);
        let rows = self.tables.written(table);
        match rows.put_with_flags(&mut self.txn, PutFlags::NO_OVERWRITE, key, value) {
            Err(heed::Error::Mdb(heed::MdbError::KeyExist)) => Ok(false),
            done => done.map(|()| true).map_err(fault),
        }
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault> {
        self.kept.forget(table, key);
        if self.busy.takes(table, key, None) {
            return Ok(());
        }
        self.tables.written(table).delete(&mut self.txn, key).map(drop).map_err(fault)
    }

    fn view(&self) -> &dyn View {
        self
    }
}

fn read_head(txn: &RoTxn<'_, WithoutTls>, tables: &Tables<'static>) -> Result<Head, Fault> {
    let bytes = own(txn, tables, OwnTable::Meta, HEAD_KEY)?;
    decode("the journal's head", bytes.ok_or_else(|| Fault::Corrupt("the journal's head is missing".into()))?)
}

fn own<'t>(
    txn: &'t RoTxn<'_, WithoutTls>,
    tables: &Tables<'static>,
    table: OwnTable,
    key: &[u8],
) -> Result<Option<&'t [u8]>, Fault> {
    tables.own(table).map_or(Ok(None), |rows| rows.get(txn, key).map_err(fault))
}

fn get<'t>(
    txn: &'t RoTxn<'_, WithoutTls>,
    tables: &Tables<'static>,
    table: Table,
    key: &[u8],
) -> Result<Option<Cow<'t, [u8]>>, Fault> {
    let Some(rows) = tables.rules(table) else { return Ok(None) };
    Ok(rows.get(txn, key).map_err(fault)?.map(Cow::Borrowed))
}

fn scan(
    txn: &RoTxn<'_, WithoutTls>,
    tables: &Tables<'static>,
    table: Table,
    from: &[u8],
    to: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    let Some(rows) = tables.rules(table).filter(|_| from < to) else { return Ok(()) };
    let range = (Bound::Included(from), Bound::Excluded(to));
    drain(rows.range(txn, &range).map_err(fault)?, visit)
}

fn scan_back(
    txn: &RoTxn<'_, WithoutTls>,
    tables: &Tables<'static>,
    table: Table,
    from: &[u8],
    to: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    let Some(rows) = tables.rules(table).filter(|_| from < to) else { return Ok(()) };
    let range = (Bound::Included(from), Bound::Excluded(to));
    drain(rows.rev_range(txn, &range).map_err(fault)?, visit)
}

fn hand_over<'t>(
    rows: impl Iterator<Item = (&'t Vec<u8>, &'t Vec<u8>)>,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    drain(rows.map(|(key, value)| Ok((&**key, &**value))), visit)
}

fn drain<'t>(
    rows: impl Iterator<Item = Result<(&'t [u8], &'t [u8]), heed::Error>>,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    for row in rows {
        let (key, value) = row.map_err(fault)?;
        if !visit(key, value)? {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kasir_core::kv::Memory;

    use super::*;
    use crate::files::MapOptions;
    use crate::world::Surroundings;

    #[test]
    fn what_stands_already_is_put_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let map = MapOptions { map_size: 16 << 20, max_readers: 8 };
        let (files, ..) = Files::open(dir.path(), map, &Surroundings::default(), 0).unwrap();
        let mut kept = Kept::new();
        let mut txn = Writer::begin(&files, &mut kept).unwrap();
        let mut model = Memory::default();
        // In tables whose rows stand beside the transaction, come last, are told of, or are like any other.
        for table in [Table::Counters, Table::Orders, Table::Deadlines, Table::Payables, Table::Items] {
            let key = |last: u8| [[0; 9].as_slice(), &[1], &[0; 7], &[last]].concat();
            txn.put(table, &key(5), b"before").unwrap();
            model.put(table, &key(5), b"before").unwrap();
            for last in [5, 7, 6, 7, 9] {
                let is_new = model.put_new(table, &key(last), b"after").unwrap();
                assert_eq!(txn.put_new(table, &key(last), b"after").unwrap(), is_new, "{table:?} {last}");
                let found = txn.get(table, &key(last)).unwrap().map(Cow::into_owned);
                assert_eq!(found.as_deref(), model.get(table, &key(last)).unwrap().as_deref());
                assert_eq!(found.as_deref() == Some(b"before"), last == 5);
            }
        }
        assert_eq!(txn.deadlines_made(), 4);
    }
}
