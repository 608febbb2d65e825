//! Rows that nearly every command changes: counters and sums. A write transaction keeps them beside LMDB's pages and writes
//! each once, when it is committed, instead of looking it up in the file twice for every command.

use std::collections::BTreeMap;
use std::ops::Bound;

use kasir_core::kv::Visit;
use kasir_core::{Fault, Table};

/// The tables that have such rows.
const TABLES: [Table; 3] = [Table::Counters, Table::Totals, Table::OpenMoney];

/// What is to be at a key.
#[derive(Debug)]
pub(crate) enum Row {
    There(Vec<u8>),
    Gone,
}

impl Row {
    /// Its value, if it is there.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match self {
            Self::There(value) => Some(value),
            Self::Gone => None,
        }
    }
}

type Rows = BTreeMap<Vec<u8>, Row>;

/// The rows that one transaction changed.
#[derive(Debug, Default)]
pub(crate) struct Busy([Rows; TABLES.len()]);

fn place(table: Table) -> Option<usize> {
    TABLES.iter().position(|each| *each == table)
}

impl Busy {
    /// The row at `key`, if this transaction changed it.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<&Row> {
        self.0[place(table)?].get(key)
    }

    /// Whether the table is one of these: then the row is changed here, and nowhere else.
    pub(crate) fn takes(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> bool {
        let Some(place) = place(table) else { return false };
        let rows = &mut self.0[place];
        match (rows.get_mut(key), value) {
            (Some(Row::There(row)), Some(value)) => {
                row.clear();
                row.extend_from_slice(value);
            }
            (_, value) => {
                rows.insert(key.to_vec(), value.map_or(Row::Gone, |value| Row::There(value.to_vec())));
            }
        }
        true
    }

    /// All changed rows, by table and in the order of their keys.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        let tables = TABLES.into_iter().zip(&self.0);
        tables.flat_map(|(table, rows)| rows.iter().map(move |(key, row)| (table, &**key, row.value())))
    }

    /// Whether it takes changes of the table.
    pub(crate) fn is_for(table: Table) -> bool {
        place(table).is_some()
    }

    /// Whether rows of the table were changed: then a scan of it is to be [`Busy::merged`].
    pub(crate) fn has(&self, table: Table) -> bool {
        place(table).is_some_and(|place| !self.0[place].is_empty())
    }

    /// The rows with `from <= key < to`, of which `scan` knows those that LMDB has. Scanning while commands are carried out is
    /// rare: all are gathered first.
    pub(crate) fn merged(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        scan: impl FnOnce(&mut Visit<'_>) -> Result<(), Fault>,
    ) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Fault> {
        let mut all = BTreeMap::new();
        scan(&mut |key, value| {
            all.insert(key.to_vec(), value.to_vec());
            Ok(true)
        })?;
        let range = (Bound::Included(from), Bound::Excluded(to));
        let changed = place(table).filter(|_| from < to).map(|place| self.0[place].range::<[u8], _>(range));
        for (key, row) in changed.into_iter().flatten() {
            match row.value() {
                Some(value) => drop(all.insert(key.clone(), value.to_vec())),
                None => drop(all.remove(key)),
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use kasir_core::kv::Memory;
    use kasir_core::{State, View};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What a view says of a range.
    fn rows_of(view: &Memory, table: Table, from: &[u8], to: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = BTreeMap::new();
        let mut take = |key: &[u8], value: &[u8]| {
            rows.insert(key.to_vec(), value.to_vec());
            Ok(true)
        };
        view.scan(table, from, to, &mut take).unwrap();
        rows
    }

    fn set(state: &mut Memory, table: Table, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => state.put(table, key, value),
            None => state.delete(table, key),
        }
        .unwrap();
    }

    proptest! {
        /// Rows beside others read as if they were among them, and are among them once they are written.
        #[test]
        fn rows_beside_are_as_rows_within(
            before in vec((0..3usize, 0..8u8, 0..9u8), 0..20),
            changes in vec((0..3usize, 0..8u8, proptest::option::of(0..9u8)), 0..40),
            from in 0..9u8,
            to in 0..9u8,
        ) {
            let mut below = Memory::default();
            for (table, key, value) in before {
                set(&mut below, TABLES[table], &[key], Some(&[value]));
            }
            let (mut model, mut busy) = (below.clone(), Busy::default());
            for (table, key, value) in changes {
                let value = value.map(|value| vec![value; usize::from(value)]);
                set(&mut model, TABLES[table], &[key], value.as_deref());
                prop_assert!(busy.takes(TABLES[table], &[key], value.as_deref()));
            }
            for table in TABLES {
                for key in 0..8 {
                    let found = match busy.get(table, &[key]) {
                        Some(row) => row.value().map(<[u8]>::to_vec),
                        None => below.get(table, &[key]).unwrap().map(Cow::into_owned),
                    };
                    prop_assert_eq!(found, model.get(table, &[key]).unwrap().map(Cow::into_owned));
                }
                let scan = |visit: &mut Visit<'_>| below.scan(table, &[from], &[to], visit);
                prop_assert_eq!(busy.merged(table, &[from], &[to], scan).unwrap(), rows_of(&model, table, &[from], &[to]));
            }
            for (table, key, value) in busy.rows() {
                set(&mut below, table, key, value);
            }
            for table in TABLES {
                prop_assert_eq!(rows_of(&below, table, &[0], &[9]), rows_of(&model, table, &[0], &[9]));
            }
        }
    }

    #[test]
    fn other_tables_are_not_its_business() {
        let mut busy = Busy::default();
        assert!(!busy.takes(Table::Orders, &[1], Some(&[2])) && !busy.has(Table::Orders));
        assert!(busy.get(Table::Orders, &[1]).is_none());
        assert_eq!(busy.rows().count(), 0);
    }
}
