//! The store as the rules see it: [`Reader`] is a [`View`], [`Writer`] a [`State`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Bound;
use std::sync::Arc;

use heed::{RoTxn, RwTxn, WithoutTls};
use kasir_core::deadlines::{Deadline, next_due_ms};
use kasir_core::kept::Kept;
use kasir_core::kv::{Key, Visit};
use kasir_core::{Fault, State, Table, View};

use crate::error::fault;
use crate::files::Files;
use crate::record::{Head, decode, encode};
use crate::rows::{Found, Over, Row, Rows};
use crate::schema::{HEAD_KEY, OwnTable, Slot, Tables};

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
        find(&self.txn, self.tables, table.into(), key)
    }

    /// Visits a table of the store's own from `from` on.
    pub(crate) fn scan_own(&self, table: OwnTable, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let range = (Bound::Included(from), Bound::Unbounded);
        let Some(rows) = self.tables.get(table) else { return Ok(()) };
        drain(rows.range(&self.txn, &range).map_err(fault)?.map(present), visit)
    }

    /// How many rows a table of the store's own has.
    pub(crate) fn count_own(&self, table: OwnTable) -> Result<u64, Fault> {
        self.tables.get(table).map_or(Ok(0), |rows| rows.len(&self.txn).map_err(fault))
    }
}

impl View for Reader<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        Ok(find(&self.txn, self.tables, table.into(), key)?.map(Cow::Borrowed))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let Some(rows) = self.tables.get(table).filter(|_| from < to) else { return Ok(()) };
        let range = (Bound::Included(from), Bound::Excluded(to));
        drain(rows.range(&self.txn, &range).map_err(fault)?.map(present), visit)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let Some(rows) = self.tables.get(table).filter(|_| from < to) else { return Ok(()) };
        let range = (Bound::Included(from), Bound::Excluded(to));
        drain(rows.rev_range(&self.txn, &range).map_err(fault)?.map(present), visit)
    }
}

/// The one who decides: what the file has, what LMDB is being told, and over both what is decided now. Dropped without
/// [`Writer::into_rows`] or [`Writer::commit`] it has changed nothing.
pub struct Writer<'s> {
    files: &'s Files,
    txn: Base<'s>,
    kept: &'s mut Kept,
    /// What is on its way into the file, or was when this began.
    below: Option<Arc<Rows>>,
    rows: Rows,
    /// Where the journal ends with it, once it has grown: every record changes it, so it is written once.
    head: Option<Head>,
    /// No deadline is earlier; unknown until somebody looked.
    first_due_ms: Option<i64>,
    deadlines_made: usize,
    /// No deadline has a lesser key: those that ended are not passed again and again.
    deadlines_from: RefCell<Vec<u8>>,
}

/// What the file has, as it is read here.
pub(crate) enum Base<'s> {
    Read(RoTxn<'s, WithoutTls>),
    /// As many read as may, so it stands where the writer of LMDB's stands, who needs no place among them.
    Write(RwTxn<'s>),
}

impl<'s> Base<'s> {
    /// `alone`: nobody writes to the file meanwhile.
    ///
    /// # Errors
    /// `ReadersFull` unless `alone`.
    pub(crate) fn begin(files: &'s Files, alone: bool) -> Result<Self, heed::Error> {
        match files.env().read_txn() {
            Err(heed::Error::Mdb(heed::MdbError::ReadersFull)) if alone => files.write_txn().map(Self::Write),
            begun => begun.map(Self::Read),
        }
    }

    fn read(&self) -> &RoTxn<'s, WithoutTls> {
        match self {
            Self::Read(txn) => txn,
            Self::Write(txn) => txn,
        }
    }
}

impl<'s> Writer<'s> {
    /// Begins over the file alone. `kept` holds nothing that is not there; whoever drops what was decided clears it.
    pub(crate) fn begin(files: &'s Files, kept: &'s mut Kept) -> Result<Self, heed::Error> {
        Ok(Self::over(files, Base::begin(files, true)?, kept, None, Rows::default()))
    }

    /// Begins over the file and `below`, which may be in there already; `rows` are empty.
    pub(crate) fn over(
        files: &'s Files,
        txn: Base<'s>,
        kept: &'s mut Kept,
        below: Option<Arc<Rows>>,
        rows: Rows,
    ) -> Self {
        Self {
            files,
            txn,
            kept,
            below,
            rows,
            head: None,
            first_due_ms: None,
            deadlines_made: 0,
            deadlines_from: RefCell::new(Key::new().as_slice().to_vec()),
        }
    }

    /// What was below is in the file now, and nobody writes to it: goes on over that alone.
    pub(crate) fn settle(&mut self) -> Result<(), heed::Error> {
        if self.below.is_some() {
            self.txn = Base::begin(self.files, true)?;
            self.below = None;
        }
        Ok(())
    }

    /// Whether a deadline may lie at or before `now_ms`. Asked before every command, so it seldom looks.
    pub(crate) fn may_be_due(&mut self, now_ms: i64) -> Result<bool, Fault> {
        if self.first_due_ms.is_none_or(|first| first <= now_ms) {
            self.first_due_ms = Some(next_due_ms(self)?.unwrap_or(i64::MAX));
        }
        Ok(self.first_due_ms.is_some_and(|first| first <= now_ms))
    }

    /// Bytes that wait here for LMDB, more or less.
    pub(crate) fn weight(&self) -> usize {
        self.rows.weight()
    }

    /// How many deadlines were put so far.
    pub(crate) fn deadlines_made(&self) -> usize {
        self.deadlines_made
    }

    /// What was decided, for the file to follow.
    pub(crate) fn into_rows(mut self) -> Result<Rows, Fault> {
        if let Some(head) = &self.head {
            self.rows.set(OwnTable::Meta.into(), HEAD_KEY, Some(&encode(head)?));
        }
        Ok(self.rows)
    }

    /// Has the file follow. Only where nothing is below.
    pub(crate) fn commit(self) -> Result<(), Fault> {
        debug_assert!(self.below.is_none(), "what is below is written first");
        let files = self.files;
        self.into_rows()?.commit(files, || ()).map_err(fault)
    }

    pub(crate) fn head(&self) -> Result<Head, Fault> {
        self.head.map_or_else(|| head_in(self.own(OwnTable::Meta, HEAD_KEY)?), Ok)
    }

    pub(crate) fn put_head(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// The value at `key` of a table of the store's own.
    pub(crate) fn own(&self, table: OwnTable, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        self.find(table.into(), key)
    }

    pub(crate) fn put_own(&mut self, table: OwnTable, key: &[u8], value: &[u8]) {
        self.rows.set(table.into(), key, Some(value));
    }

    pub(crate) fn delete_own(&mut self, table: OwnTable, key: &[u8]) {
        self.rows.set(table.into(), key, None);
    }

    /// Visits a table of the store's own from `from` on.
    pub(crate) fn scan_own(&self, table: OwnTable, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.walk(table.into(), (Bound::Included(from), Bound::Unbounded), visit)
    }

    fn find(&self, slot: Slot, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        let changed = self.rows.get(slot, key);
        match changed.or_else(|| self.below.as_ref().and_then(|below| below.get(slot, key))) {
            Some(Found::Value(value)) => Ok(Some(value)),
            Some(Found::Nothing) => Ok(None),
            None => find(self.txn.read(), self.files.tables(), slot, key),
        }
    }

    fn walk(&self, slot: Slot, range: Range<'_>, visit: &mut Visit<'_>) -> Result<(), Fault> {
        let below = self.below.iter().flat_map(|below| below.range(slot, range, false));
        let rows = self.files.tables().get(slot).map(|rows| rows.range(self.txn.read(), &range));
        let stored = rows.transpose().map_err(fault)?.into_iter().flatten().map(present);
        drain(Over::new(self.rows.range(slot, range, false), Over::new(below, stored, false), false), visit)
    }

    fn walk_back(&self, slot: Slot, range: Range<'_>, visit: &mut Visit<'_>) -> Result<(), Fault> {
        let below = self.below.iter().flat_map(|below| below.range(slot, range, true));
        let rows = self.files.tables().get(slot).map(|rows| rows.rev_range(self.txn.read(), &range));
        let stored = rows.transpose().map_err(fault)?.into_iter().flatten().map(present);
        drain(Over::new(self.rows.range(slot, range, true), Over::new(below, stored, true), true), visit)
    }

    /// Visits deadlines, from the first that there is on.
    fn walk_deadlines(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let known = self.deadlines_from.borrow().clone();
        if from > known.as_slice() {
            return self.walk(Table::Deadlines.into(), (Bound::Included(from), Bound::Excluded(to)), visit);
        }
        if known.as_slice() >= to {
            return Ok(());
        }
        let mut first = None;
        let range = (Bound::Included(known.as_slice()), Bound::Excluded(to));
        let visited = self.walk(Table::Deadlines.into(), range, &mut |key, value| {
            first.get_or_insert_with(|| key.to_vec());
            visit(key, value)
        });
        *self.deadlines_from.borrow_mut() = first.unwrap_or_else(|| to.to_vec());
        visited
    }
}

impl View for Writer<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        Ok(self.find(table.into(), key)?.map(Cow::Borrowed))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        if from >= to {
            return Ok(());
        }
        if table == Table::Deadlines {
            return self.walk_deadlines(from, to, visit);
        }
        self.walk(table.into(), (Bound::Included(from), Bound::Excluded(to)), visit)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        if from >= to {
            return Ok(());
        }
        self.walk_back(table.into(), (Bound::Included(from), Bound::Excluded(to)), visit)
    }

    fn kept(&self) -> Option<&Kept> {
        Some(self.kept)
    }
}

impl State for Writer<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.kept.forget(table, key);
        if table == Table::Deadlines {
            let due_ms = Deadline::from_key(key)?.due_ms;
            self.first_due_ms = self.first_due_ms.map(|first| first.min(due_ms));
            self.deadlines_made += 1;
            let from = self.deadlines_from.get_mut();
            if key < from.as_slice() {
                *from = key.to_vec();
            }
        }
        self.rows.set(table.into(), key, Some(value));
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault> {
        self.kept.forget(table, key);
        self.rows.set(table.into(), key, None);
        Ok(())
    }

    fn view(&self) -> &dyn View {
        self
    }
}

type Range<'b> = (Bound<&'b [u8]>, Bound<&'b [u8]>);

fn present<'t>(row: Result<(&'t [u8], &'t [u8]), heed::Error>) -> Result<Row<'t>, heed::Error> {
    row.map(|(key, value)| (key, Some(value)))
}

/// The head in a file that nobody writes to now, also where as many read as may.
pub(crate) fn head_of(files: &Files) -> Result<Head, Fault> {
    read_head(Base::begin(files, true).map_err(fault)?.read(), files.tables())
}

pub(crate) fn read_head(txn: &RoTxn<'_, WithoutTls>, tables: &Tables<'static>) -> Result<Head, Fault> {
    head_in(find(txn, tables, OwnTable::Meta.into(), HEAD_KEY)?)
}

fn head_in(bytes: Option<&[u8]>) -> Result<Head, Fault> {
    decode("the journal's head", bytes.ok_or_else(|| Fault::Corrupt("the journal's head is missing".into()))?)
}

fn find<'t>(
    txn: &'t RoTxn<'_, WithoutTls>,
    tables: &Tables<'static>,
    slot: Slot,
    key: &[u8],
) -> Result<Option<&'t [u8]>, Fault> {
    tables.get(slot).map_or(Ok(None), |rows| rows.get(txn, key).map_err(fault))
}

fn drain<'t>(
    rows: impl Iterator<Item = Result<Row<'t>, heed::Error>>,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    for row in rows {
        if let (key, Some(value)) = row.map_err(fault)?
            && !visit(key, value)?
        {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kasir_core::kv::Memory;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::files::MapOptions;
    use crate::world::Surroundings;

    /// Of tables that are scanned and of such as are not, whose rows come last or anywhere.
    const TABLES: [Table; 4] = [Table::Orders, Table::Deadlines, Table::Payables, Table::Stocks];

    /// A key that is one of every table: as a deadline's, the last byte is part of what ends.
    fn key_of(number: u8) -> Vec<u8> {
        [[0, 0x80].as_slice(), &[0; 6], &[number / 4], &[1], &[0; 7], &[number % 4]].concat()
    }

    fn value_of(number: u8) -> Vec<u8> {
        vec![number; usize::from(number) * 5]
    }

    type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

    fn rows_of(view: &dyn View, table: Table, from: &[u8], to: &[u8]) -> [Rows; 2] {
        [false, true].map(|descends| {
            let (mut rows, mut last) = (Rows::new(), None::<Vec<u8>>);
            let mut take = |key: &[u8], value: &[u8]| {
                assert!(last.as_deref().is_none_or(|last| (last < key) != descends), "out of order");
                last = Some(key.to_vec());
                rows.insert(key.to_vec(), value.to_vec());
                Ok(true)
            };
            if descends {
                view.scan_back(table, from, to, &mut take)
            } else {
                view.scan(table, from, to, &mut take)
            }
            .unwrap();
            rows
        })
    }

    fn first_of(view: &dyn View, table: Table, from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
        let mut first = None;
        let mut take = |key: &[u8], _: &[u8]| {
            first = Some(key.to_vec());
            Ok(false)
        };
        view.scan(table, from, to, &mut take).unwrap();
        first
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Put(usize, u8, u8),
        PutNew(usize, u8, u8),
        Delete(usize, u8),
        Look(usize, u8, u8),
        /// The file begins to follow.
        HandOver,
        /// It has followed.
        Settle,
    }

    fn step() -> impl Strategy<Value = Step> {
        let (table, key) = (0..TABLES.len(), 0..16u8);
        prop_oneof![
            4 => (table.clone(), key.clone(), 0..9u8).prop_map(|(t, k, v)| Step::Put(t, k, v)),
            2 => (table.clone(), key.clone(), 0..9u8).prop_map(|(t, k, v)| Step::PutNew(t, k, v)),
            3 => (table.clone(), key.clone()).prop_map(|(t, k)| Step::Delete(t, k)),
            3 => (table, key, 0..17u8).prop_map(|(t, k, v)| Step::Look(t, k, v)),
            1 => Just(Step::HandOver),
            1 => Just(Step::Settle),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What was decided reads alike wherever it is: here, on its way into the file, or in it.
        #[test]
        fn a_writer_reads_what_was_written(steps in vec(step(), 0..80), alone in any::<bool>()) {
            let dir = tempfile::tempdir().unwrap();
            let map = MapOptions { map_size: 16 << 20, max_readers: 4 };
            let (files, ..) = Files::open(dir.path(), map, &Surroundings::default(), 0).unwrap();
            // Where as many read as may, the writer does without.
            let mut readers = Vec::new();
            while alone && let Ok(reader) = files.env().read_txn() {
                readers.push(reader);
            }
            let (mut kept, mut model) = (Kept::new(), Memory::default());
            let mut txn = Writer::begin(&files, &mut kept).unwrap();
            for step in steps {
                match step {
                    Step::Put(table, key, value) => {
                        txn.put(TABLES[table], &key_of(key), &value_of(value)).unwrap();
                        model.put(TABLES[table], &key_of(key), &value_of(value)).unwrap();
                    }
                    Step::PutNew(table, key, value) => {
                        let (key, value) = (key_of(key), value_of(value));
                        let is_new = model.put_new(TABLES[table], &key, &value).unwrap();
                        prop_assert_eq!(txn.put_new(TABLES[table], &key, &value).unwrap(), is_new);
                    }
                    Step::Delete(table, key) => {
                        txn.delete(TABLES[table], &key_of(key)).unwrap();
                        model.delete(TABLES[table], &key_of(key)).unwrap();
                    }
                    Step::Look(table, from, to) => {
                        let (table, from, to) = (TABLES[table], key_of(from), key_of(to));
                        for from in [Key::new().as_slice(), &from] {
                            prop_assert_eq!(first_of(&txn, table, from, &to), first_of(&model, table, from, &to));
                            prop_assert_eq!(rows_of(&txn, table, from, &to), rows_of(&model, table, from, &to));
                        }
                        prop_assert_eq!(txn.get(table, &from).unwrap(), model.get(table, &from).unwrap());
                        prop_assert_eq!(next_due_ms(&txn).unwrap(), next_due_ms(&model).unwrap());
                    }
                    Step::HandOver => {
                        let Writer { txn: base, rows, below, kept, .. } = txn;
                        drop(base);
                        if let Some(below) = below {
                            below.commit(&files, || ()).unwrap();
                        }
                        if alone {
                            rows.commit(&files, || ()).unwrap();
                        }
                        let below = Some(Arc::new(rows)).filter(|_| !alone);
                        txn = Writer::over(&files, Base::begin(&files, alone).unwrap(), kept, below, super::Rows::default());
                    }
                    Step::Settle => {
                        if let Some(below) = &txn.below {
                            below.commit(&files, || ()).unwrap();
                        }
                        txn.settle().unwrap();
                    }
                }
            }
            if let Some(below) = &txn.below {
                below.commit(&files, || ()).unwrap();
            }
            txn.settle().unwrap();
            txn.commit().unwrap();
            drop(readers);
            let (reader, all) = (Reader::begin(&files).unwrap(), Key::new());
            for table in TABLES {
                let (from, to) = (all.as_slice(), all.end());
                prop_assert_eq!(
                    rows_of(&reader, table, from, to.as_slice()),
                    rows_of(&model, table, from, to.as_slice())
                );
            }
        }
    }
}
