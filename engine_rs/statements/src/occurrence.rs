//! Which of several equal rows a row is, in eight bytes a row.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::model::Row;
use crate::text::normalise_into;

/// Numbers equal rows from 1 in file order, so that two genuine identical payments stay two.
///
/// Equal means: of the same account, amount and date, and the same reference of the bank where there is one; else of the same
/// normalised text and, when given, balance. A pending row has neither its date nor its balance yet and is compared with other
/// pending rows, without them. A row whose reference is given once is none of several.
///
/// A row is held as one number of 64 bits, keyed so that nobody who writes texts of payments can make two of them meet; by chance
/// two of ten million do once in 300,000 files.
#[derive(Debug, Default)]
pub(crate) struct Occurrences {
    keys: RandomState,
    seen: Hashes,
    text: String,
}

impl Occurrences {
    /// Counts `row` and says which of its equals it is.
    pub(crate) fn number(&mut self, account: usize, row: &Row<'_>) -> u32 {
        if row.reference_is_unique && !row.bank_reference.is_empty() {
            return 1;
        }
        let base = self.base(account, row);
        // Those before it are in the set as 1, 2, … n: n is found by doubling, then by halving.
        let mut known = 0;
        let mut step = 1;
        while self.seen.contains(self.nth(base, known + step)) {
            known += step;
            step *= 2;
        }
        while step > 1 {
            step /= 2;
            if self.seen.contains(self.nth(base, known + step)) {
                known += step;
            }
        }
        self.seen.insert(self.nth(base, known + 1));
        known + 1
    }

    fn nth(&self, base: u64, occurrence: u32) -> u64 {
        if occurrence == 1 {
            return base;
        }
        let mut hasher = self.keys.build_hasher();
        hasher.write_u64(base);
        hasher.write_u32(occurrence);
        hasher.finish()
    }

    fn base(&mut self, account: usize, row: &Row<'_>) -> u64 {
        let mut hasher = self.keys.build_hasher();
        hasher.write_usize(account);
        hasher.write_u8(u8::from(row.pending));
        hasher.write_i64(row.amount_minor);
        if !row.pending {
            hasher.write_i32(row.date.to_julian_day());
        }
        if row.bank_reference.is_empty() {
            self.text.clear();
            normalise_into(row.description, &mut self.text);
            hasher.write(self.text.as_bytes());
            hasher.write_u8(0xff);
            if !row.pending {
                hasher.write_u8(u8::from(row.balance_minor.is_some()));
                hasher.write_i64(row.balance_minor.unwrap_or_default());
            }
        } else {
            hasher.write_u8(1);
            hasher.write(row.bank_reference.as_bytes());
        }
        hasher.finish()
    }
}

/// Shards of the set: each grows by itself, so that growing never holds the whole twice.
const SHARDS: usize = 256;
const SMALLEST: usize = 16;

/// A set of well-mixed numbers, of open addressing, dense: nine bytes each on average, never more than eleven once it is large.
#[derive(Debug)]
struct Hashes {
    shards: Vec<Shard>,
}

#[derive(Debug, Default, Clone)]
struct Shard {
    /// 0 is a free place.
    slots: Vec<u64>,
    used: usize,
}

impl Default for Hashes {
    fn default() -> Self {
        Self { shards: vec![Shard::default(); SHARDS] }
    }
}

impl Hashes {
    fn contains(&self, hash: u64) -> bool {
        let hash = hash.max(1);
        let shard = &self.shards[usize::from(hash.to_le_bytes()[0])];
        !shard.slots.is_empty() && shard.slots[shard.place(hash)] == hash
    }

    fn insert(&mut self, hash: u64) {
        let hash = hash.max(1);
        self.shards[usize::from(hash.to_le_bytes()[0])].insert(hash);
    }
}

impl Shard {
    /// Where `hash` stands, or the free place for it.
    fn place(&self, hash: u64) -> usize {
        // The high half of the product spreads numbers over any count of places, by their high bits.
        let wide = u128::from(hash) * self.slots.len() as u128;
        let mut place = usize::try_from(wide >> 64).expect("below the number of places");
        while self.slots[place] != 0 && self.slots[place] != hash {
            place += 1;
            if place == self.slots.len() {
                place = 0;
            }
        }
        place
    }

    fn insert(&mut self, hash: u64) {
        // At most six sevenths full: probing stays short, and a free place ends it.
        if (self.used + 1) * 7 > self.slots.len() * 6 {
            let larger = (self.slots.len() + self.slots.len() / 4).max(SMALLEST);
            let old = std::mem::replace(&mut self.slots, vec![0; larger]);
            for kept in old.into_iter().filter(|kept| *kept != 0) {
                let place = self.place(kept);
                self.slots[place] = kept;
            }
        }
        let place = self.place(hash);
        self.used += usize::from(self.slots[place] == 0);
        self.slots[place] = hash;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::dates::date;

    type Made = (i64, u32, Option<i64>, bool, &'static str, &'static str);

    fn made() -> impl Strategy<Value = Made> {
        (
            1..3_i64,
            1..3_u32,
            prop::option::of(0..2_i64),
            any::<bool>(),
            prop::sample::select(vec!["setoran tunai", "SETORAN  TUNAI ", "tarikan", ""]),
            prop::sample::select(vec!["", "", "a", "b"]),
        )
    }

    proptest! {
        #[test]
        fn equal_rows_are_counted(rows in prop::collection::vec(made(), 0..200)) {
            let mut counted: HashMap<_, u32> = HashMap::new();
            let mut numbers = Occurrences::default();
            for (amount, day, balance, pending, text, reference) in rows {
                let mut row = Row::new(1, date(2026, 5, day).expect("a day"), amount);
                (row.balance_minor, row.pending) = (balance, pending);
                (row.description, row.bank_reference) = (text, reference);
                let words = crate::normalise(text);
                let identity = match (reference, pending) {
                    ("", true) => (words, None, String::new()),
                    ("", false) => (words, Some((day, balance)), String::new()),
                    (reference, true) => (String::new(), None, reference.to_owned()),
                    (reference, false) => (String::new(), Some((day, None)), reference.to_owned()),
                };
                let expected = counted.entry((amount, pending, identity)).or_default();
                *expected += 1;
                prop_assert_eq!(numbers.number(0, &row), *expected);
            }
        }
    }

    #[test]
    fn many_equal_rows_cost_no_more_than_many_others() {
        let row = Row::new(1, date(2026, 5, 2).expect("a day"), 100);
        let mut numbers = Occurrences::default();
        for expected in 1..=300_000 {
            assert_eq!(numbers.number(0, &row), expected);
        }
        assert_eq!(numbers.number(1, &row), 1);
        let bytes: usize = numbers.seen.shards.iter().map(|shard| shard.slots.capacity() * 8).sum();
        assert!(bytes < 300_000 * 13, "{bytes}");
    }
}
