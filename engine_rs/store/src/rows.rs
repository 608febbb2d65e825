//! Rows that were changed and that LMDB's file does not have yet, beside it: nobody who decides waits for LMDB to write them, and
//! what many batches change is written once.

use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, RangeBounds};
use std::{slice, vec};

use heed::{PutFlags, RoTxn, WithoutTls};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::files::Files;
use crate::record::revision_key;
use crate::schema::{OwnTable, Slot};
use crate::txn::read_head;

/// Most keys are no longer.
const KEY_INLINE: usize = 24;
/// Values up to so many bytes stand beside their keys: numbers.
const SHORT: usize = 16;
/// What a row takes beside its key and value, more or less.
const ROW_WEIGHT: usize = 32;
/// LMDB is told so many rows between two pauses.
const ROWS_A_TURN: usize = 64;
/// Memory is taken in pieces of so many bytes; a larger value has one of its own.
const PIECE: usize = 1 << 20;
/// So many pieces are kept for what comes next.
const PIECES_KEPT: usize = 16;

type Key = SmallVec<[u8; KEY_INLINE]>;
/// A row as others see it.
pub(crate) type Row<'r> = (&'r [u8], Option<&'r [u8]>);

/// What is to be at a key that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'r> {
    Value(&'r [u8]),
    Nothing,
}

/// What is to be at a key.
#[derive(Debug, Clone, Copy, Default)]
enum Value {
    #[default]
    Gone,
    Short(u8, [u8; SHORT]),
    Long(Span),
}

/// Where the bytes of a value lie.
#[derive(Debug, Clone, Copy)]
struct Span {
    piece: u32,
    at: u32,
    len: u32,
}

/// The bytes of all values, one after another: no memory is asked for and given back for each.
#[derive(Debug, Default)]
struct Heap {
    pieces: Vec<Box<[u8]>>,
    /// The piece that is being filled, and how far.
    piece: usize,
    at: usize,
}

impl Heap {
    fn get<'h>(&'h self, value: &'h Value) -> Option<&'h [u8]> {
        match value {
            Value::Gone => None,
            Value::Short(len, bytes) => Some(&bytes[..usize::from(*len)]),
            Value::Long(Span { piece, at, len }) => {
                Some(&self.pieces[*piece as usize][*at as usize..][..*len as usize])
            }
        }
    }

    /// A value that takes the place of `before`.
    fn put(&mut self, before: Value, bytes: &[u8]) -> Value {
        if bytes.len() <= SHORT {
            let mut short = [0; SHORT];
            short[..bytes.len()].copy_from_slice(bytes);
            return Value::Short(u8::try_from(bytes.len()).unwrap_or_default(), short);
        }
        let span = match before {
            Value::Long(span) if span.len as usize >= bytes.len() => span,
            _ => self.room(bytes.len()),
        };
        self.pieces[span.piece as usize][span.at as usize..][..bytes.len()].copy_from_slice(bytes);
        Value::Long(Span { len: small(bytes.len()), ..span })
    }

    fn room(&mut self, len: usize) -> Span {
        if self.pieces.get(self.piece).is_none_or(|piece| piece.len() - self.at < len) {
            (self.piece, self.at) = (self.piece + usize::from(self.at > 0), 0);
            if self.pieces.get(self.piece).is_none_or(|piece| piece.len() < len) {
                self.pieces.insert(self.piece, vec![0; len.max(PIECE)].into());
            }
        }
        let span = Span { piece: small(self.piece), at: small(self.at), len: small(len) };
        self.at += len;
        span
    }

    fn clear(&mut self) {
        self.pieces.retain(|piece| piece.len() == PIECE);
        self.pieces.truncate(PIECES_KEPT);
        (self.piece, self.at) = (0, 0);
    }
}

/// LMDB takes values below 4 GiB, and there are never so many pieces.
fn small(number: usize) -> u32 {
    u32::try_from(number).expect("below 4 GiB")
}

/// Changed rows of one table.
#[derive(Debug)]
enum Changed {
    /// Most new rows come after all others: those stand in order, the rest in a tree.
    Sorted(Vec<(Key, Value)>, BTreeMap<Key, Value>),
    /// They come anywhere, and commands look up single ones. They are sorted when they are scanned all the same, and when
    /// LMDB is told.
    Hashed(FxHashMap<Key, Value>),
}

impl Changed {
    fn of(slot: Slot) -> Self {
        if slot.is_scattered() {
            return Self::Hashed(FxHashMap::default());
        }
        Self::Sorted(Vec::new(), BTreeMap::new())
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Sorted(last, rest) => last.is_empty() && rest.is_empty(),
            Self::Hashed(rows) => rows.is_empty(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Sorted(last, rest) => {
                last.clear();
                rest.clear();
            }
            Self::Hashed(rows) => rows.clear(),
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Value> {
        match self {
            Self::Sorted(last, rest) => match place(last, key) {
                Ok(found) => Some(&last[found].1),
                Err(_) => rest.get(key),
            },
            Self::Hashed(rows) => rows.get(key),
        }
    }

    fn entry(&mut self, key: &[u8]) -> &mut Value {
        match self {
            Self::Sorted(last, rest) => match place(last, key) {
                Ok(found) => &mut last[found].1,
                Err(end) if end == last.len() => {
                    last.push((Key::from_slice(key), Value::Gone));
                    &mut last[end].1
                }
                Err(_) => rest.entry(Key::from_slice(key)).or_default(),
            },
            Self::Hashed(rows) => rows.entry(Key::from_slice(key)).or_default(),
        }
    }

    /// Rows of a range, in the order of their keys or the other way round.
    fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, descends: bool) -> Range<'_> {
        match self {
            Self::Sorted(last, rest) => {
                let begin = match from {
                    Bound::Unbounded => 0,
                    Bound::Included(from) => last.partition_point(|(key, _)| key.as_slice() < from),
                    Bound::Excluded(from) => last.partition_point(|(key, _)| key.as_slice() <= from),
                };
                let end = match to {
                    Bound::Unbounded => last.len(),
                    Bound::Included(to) => last.partition_point(|(key, _)| key.as_slice() <= to),
                    Bound::Excluded(to) => last.partition_point(|(key, _)| key.as_slice() < to),
                };
                let last = last[begin..end.max(begin)].iter();
                Range::Sorted(last, rest.range::<[u8], _>((from, to)), descends)
            }
            Self::Hashed(rows) => {
                let within = rows.iter().filter(|(key, _)| (from, to).contains(key.as_slice()));
                let mut found: Vec<(&Key, &Value)> = within.collect();
                found.sort_unstable_by_key(|(key, _)| *key);
                Range::Gathered(found.into_iter(), descends)
            }
        }
    }
}

/// Where a key stands, or would stand.
fn place(rows: &[(Key, Value)], key: &[u8]) -> Result<usize, usize> {
    match rows.last() {
        Some((last, _)) if last.as_slice() >= key => {
            rows.binary_search_by(|(each, _)| each.as_slice().cmp(key))
        }
        _ => Err(rows.len()),
    }
}

/// Some rows of a table in one order.
enum Range<'r> {
    Sorted(slice::Iter<'r, (Key, Value)>, btree_map::Range<'r, Key, Value>, bool),
    Gathered(vec::IntoIter<(&'r Key, &'r Value)>, bool),
}

impl<'r> Iterator for Range<'r> {
    type Item = (&'r Key, &'r Value);

    fn next(&mut self) -> Option<Self::Item> {
        let (last, rest, descends) = match self {
            Self::Gathered(rows, false) => return rows.next(),
            Self::Gathered(rows, true) => return rows.next_back(),
            Self::Sorted(last, rest, descends) => (last, rest, *descends),
        };
        let ends = last.as_slice();
        let head = if descends { ends.last() } else { ends.first() };
        let other = if descends { rest.clone().next_back() } else { rest.clone().next() };
        let is_rest = match (head, other) {
            (Some((head, _)), Some((other, _))) => (other < head) != descends,
            (head, _) => head.is_none(),
        };
        match (is_rest, descends) {
            (true, false) => rest.next(),
            (true, true) => rest.next_back(),
            (false, false) => last.next().map(|(key, value)| (key, value)),
            (false, true) => last.next_back().map(|(key, value)| (key, value)),
        }
    }
}

/// Changed rows of all tables.
#[derive(Debug)]
pub(crate) struct Rows {
    tables: Box<[Changed]>,
    values: Heap,
    /// Bytes that were set.
    weight: usize,
}

impl Default for Rows {
    fn default() -> Self {
        Self { tables: Slot::all().map(Changed::of).collect(), values: Heap::default(), weight: 0 }
    }
}

impl Rows {
    /// What is to be at a key, if that was changed.
    pub(crate) fn get(&self, slot: Slot, key: &[u8]) -> Option<Found<'_>> {
        let rows = &self.tables[slot.index()];
        let value = if rows.is_empty() { None } else { rows.get(key) };
        value.map(|value| self.values.get(value).map_or(Found::Nothing, Found::Value))
    }

    /// Changes a row: there is such a value, or none, from now on.
    pub(crate) fn set(&mut self, slot: Slot, key: &[u8], value: Option<&[u8]>) {
        self.weight += key.len() + value.map_or(0, <[u8]>::len) + ROW_WEIGHT;
        let row = self.tables[slot.index()].entry(key);
        *row = value.map_or(Value::Gone, |bytes| self.values.put(*row, bytes));
    }

    /// Changed rows of a table, in the order of their keys or the other way round.
    pub(crate) fn range(
        &self,
        slot: Slot,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        descends: bool,
    ) -> impl Iterator<Item = Row<'_>> {
        let rows = self.tables[slot.index()].range(from, to, descends);
        rows.map(|(key, value)| (key.as_slice(), self.values.get(value)))
    }

    /// Whether nothing was changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.iter().all(Changed::is_empty)
    }

    /// Bytes that it takes at most, more or less.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Forgets all, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.tables.iter_mut().for_each(Changed::clear);
        self.values.clear();
        self.weight = 0;
    }

    /// Rows that were left out would be lost without a word: what is new in the journal follows what the file has of it.
    fn check_place(&self, files: &Files, txn: &RoTxn<'_, WithoutTls>) -> Result<(), heed::Error> {
        let from_start = (Bound::Unbounded, Bound::Unbounded);
        let mut new =
            self.range(OwnTable::Journal.into(), from_start, false).filter(|(_, value)| value.is_some());
        let Some((first, _)) = new.next() else { return Ok(()) };
        let head = read_head(txn, files.tables())
            .map_err(|fault| heed::Error::Decoding(fault.to_string().into()))?;
        if first != revision_key(head.revision + 1) {
            let what = format!("what follows is not record {}", head.revision + 1);
            return Err(heed::Error::Decoding(what.into()));
        }
        Ok(())
    }

    /// Has LMDB's file follow: all of them are in it, or none. Now and then it `pauses`.
    pub(crate) fn commit(&self, files: &Files, pauses: impl Fn()) -> Result<(), heed::Error> {
        let mut txn = files.write_txn()?;
        self.check_place(files, &txn)?;
        for slot in Slot::all().filter(|slot| !self.tables[slot.index()].is_empty()) {
            let table = files.tables().written(slot);
            let rows = self.range(slot, (Bound::Unbounded, Bound::Unbounded), false);
            for ((key, value), number) in rows.zip(1..) {
                if number % ROWS_A_TURN == 0 {
                    pauses();
                }
                let Some(value) = value else {
                    table.delete(&mut txn, key)?;
                    continue;
                };
                if slot.grows_at_the_end() {
                    // LMDB fills its pages when told that a row comes last, and leaves them half empty otherwise.
                    match table.put_with_flags(&mut txn, PutFlags::APPEND, key, value) {
                        Err(heed::Error::Mdb(heed::MdbError::KeyExist)) if !slot.only_grows() => {}
                        done => {
                            done?;
                            continue;
                        }
                    }
                }
                table.put(&mut txn, key, value)?;
            }
        }
        txn.commit()
    }
}

/// Rows of two layers in one order; where both have a key, the upper one's counts.
pub(crate) struct Over<U: Iterator, L: Iterator> {
    upper: std::iter::Peekable<U>,
    lower: std::iter::Peekable<L>,
    descends: bool,
}

impl<'r, U, L> Over<U, L>
where
    U: Iterator<Item = Row<'r>>,
    L: Iterator<Item = Result<Row<'r>, heed::Error>>,
{
    /// Both come in the same order.
    pub(crate) fn new(upper: U, lower: L, descends: bool) -> Self {
        Self { upper: upper.peekable(), lower: lower.peekable(), descends }
    }
}

impl<'r, U, L> Iterator for Over<U, L>
where
    U: Iterator<Item = Row<'r>>,
    L: Iterator<Item = Result<Row<'r>, heed::Error>>,
{
    type Item = Result<Row<'r>, heed::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((upper, _)) = self.upper.peek() else { return self.lower.next() };
        match self.lower.peek() {
            Some(Err(_)) => return self.lower.next(),
            Some(Ok((lower, _))) if upper == lower => drop(self.lower.next()),
            Some(Ok((lower, _))) if (upper < lower) == self.descends => return self.lower.next(),
            None | Some(Ok(_)) => {}
        }
        self.upper.next().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use kasir_core::Table;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::files::MapOptions;
    use crate::record::{Head, encode};
    use crate::schema::HEAD_KEY;
    use crate::world::Surroundings;

    type Layer = BTreeMap<u8, Option<u8>>;

    fn rows_of(layer: &Layer, table: Table) -> Rows {
        let mut rows = Rows::default();
        for (key, value) in layer {
            rows.set(table.into(), &[*key], value.as_ref().map(slice::from_ref));
        }
        rows
    }

    proptest! {
        /// Layers read as if each had been written into the one below it, in both directions.
        #[test]
        fn what_lies_over_counts(
            layers in vec(btree_map(0..16u8, proptest::option::of(0..9u8), 0..12), 3),
            (from, to) in (0..17u8, 0..17u8),
            is_scattered in any::<bool>(),
        ) {
            let table = if is_scattered { Table::Stocks } else { Table::Orders };
            prop_assert_eq!(Slot::from(table).is_scattered(), is_scattered);
            prop_assume!(from <= to);
            let mut model = Layer::new();
            for layer in &layers {
                model.extend(layer);
            }
            let bytes = |(key, value): (&u8, &Option<u8>)| (vec![*key], value.map(|value| vec![value]));
            let expected: Vec<_> = model.range(from..to).map(bytes).collect();
            let all: Vec<Rows> = layers.iter().map(|layer| rows_of(layer, table)).collect();
            let (from, to) = ([from], [to]);
            let of = |rows: &'_ Rows| -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
                let range = rows.range(table.into(), (Bound::Included(&from), Bound::Excluded(&to)), false);
                range.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
            };
            let parts: Vec<_> = all.iter().map(of).collect();
            for descends in [false, true] {
                let layer = |at: usize| {
                    let rows: Vec<Row<'_>> =
                        parts[at].iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
                    if descends { rows.into_iter().rev().collect() } else { rows }
                };
                let lowest = layer(0).into_iter().map(Ok);
                let merged = Over::new(layer(2).into_iter(), Over::new(layer(1).into_iter(), lowest, descends), descends);
                let mut found: Vec<_> = merged
                    .map(|row| row.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).unwrap())
                    .collect();
                if descends {
                    found.reverse();
                }
                prop_assert_eq!(&found, &expected);
            }
        }
    }

    #[test]
    fn what_was_set_last_counts() {
        let mut rows = Rows::default();
        let (slot, other) = (Slot::from(Table::Orders), Slot::from(Table::Holds));
        assert!(rows.is_empty() && rows.get(slot, b"a").is_none());
        rows.set(slot, b"a", Some(b"first"));
        rows.set(slot, b"a", Some(b"second"));
        assert_eq!(rows.get(slot, b"a"), Some(Found::Value(b"second")));
        rows.set(slot, b"a", None);
        assert_eq!(rows.get(slot, b"a"), Some(Found::Nothing));
        rows.set(slot, b"a", Some(b"again"));
        assert_eq!(rows.get(slot, b"a"), Some(Found::Value(b"again")));
        assert!(rows.get(other, b"a").is_none() && !rows.is_empty());
    }

    #[test]
    fn values_of_any_size_are_kept_and_the_memory_is_used_again() {
        let (mut rows, slot) = (Rows::default(), Slot::from(Table::Orders));
        for round in 0..3 {
            let sizes = [0, 1, PIECE - 1, 2, 3 * PIECE, 5, PIECE, PIECE + 1, 7].into_iter();
            for (number, size) in (0..).zip(sizes.clone()) {
                rows.set(slot, &[number], Some(&vec![number; size]));
            }
            // Shorter ones in place, longer ones elsewhere, short ones beside their keys.
            rows.set(slot, &[1], Some(&[9; 100]));
            rows.set(slot, &[2], Some(&[8; 100]));
            rows.set(slot, &[4], Some(&[7; SHORT]));
            for (number, size) in (0..).zip(sizes) {
                let wanted = match number {
                    1 => vec![9; 100],
                    2 => vec![8; 100],
                    4 => vec![7; SHORT],
                    _ => vec![number; size],
                };
                assert!(
                    rows.get(slot, &[number]) == Some(Found::Value(&wanted)),
                    "{number} in round {round}"
                );
            }
            rows.clear();
            assert!(rows.is_empty() && rows.get(slot, &[1]).is_none());
        }
        for number in 0..40_u8 {
            rows.set(slot, &[number], Some(&vec![number; PIECE]));
        }
        rows.clear();
        assert_eq!(rows.values.pieces.len(), PIECES_KEPT);
    }

    /// Rows between were lost: no record is left out without a word.
    #[test]
    fn the_journal_goes_on_where_the_file_ends() {
        let dir = tempfile::tempdir().unwrap();
        let map = MapOptions { map_size: 1 << 20, max_readers: 4 };
        let (files, head, _) = Files::open(dir.path(), map, &Surroundings::default(), 0).unwrap();
        let told = |first: u64, last: u64| {
            let mut rows = Rows::default();
            for revision in first..=last {
                rows.set(OwnTable::Journal.into(), &revision_key(revision), Some(b"a record"));
            }
            let head = encode(&Head { revision: last, ..head }).unwrap();
            rows.set(OwnTable::Meta.into(), HEAD_KEY, Some(&head));
            rows.commit(&files, || ())
        };
        told(1, 2).unwrap();
        assert!(told(4, 5).is_err() && told(2, 3).is_err());
        told(3, 3).unwrap();
        // Who forgets old records adds none.
        let mut rows = Rows::default();
        rows.set(OwnTable::Journal.into(), &revision_key(1), None);
        rows.commit(&files, || ()).unwrap();
    }
}
