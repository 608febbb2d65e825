//! The names that hold a word.

use crate::sorted::{insert, remove};

/// A word that more names hold finds none by itself, only together with another.
pub(crate) const COMMON_WORD_NAMES: usize = 256;

/// Names by number. Of a common word each is a bit too, so that two of them are compared 64 names at once.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    sorted: Vec<u32>,
    /// Empty while the word is rare.
    bits: Vec<u64>,
}

impl Holders {
    /// Adds a name; says whether it is new.
    pub(crate) fn insert(&mut self, name: u32) -> bool {
        let is_new = insert(&mut self.sorted, name);
        if !self.bits.is_empty() {
            self.set(name);
        } else if self.is_common() {
            for at in 0..self.sorted.len() {
                self.set(self.sorted[at]);
            }
        }
        is_new
    }

    /// Takes a name out; says whether it was there.
    pub(crate) fn remove(&mut self, name: u32) -> bool {
        let was_there = remove(&mut self.sorted, &name);
        if !self.is_common() {
            self.bits = Vec::new();
        } else if was_there {
            self.bits[name as usize / 64] &= !(1 << (name % 64));
        }
        was_there
    }

    fn set(&mut self, name: u32) {
        let place = name as usize / 64;
        if self.bits.len() <= place {
            self.bits.resize(place + 1, 0);
        }
        self.bits[place] |= 1 << (name % 64);
    }

    pub(crate) fn is_common(&self) -> bool {
        self.sorted.len() > COMMON_WORD_NAMES
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// By number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.sorted.iter().copied()
    }

    /// Whether a common word is held by a name.
    pub(crate) fn common_has(&self, name: u32) -> bool {
        self.bits.get(name as usize / 64).is_some_and(|bits| bits >> (name % 64) & 1 == 1)
    }

    /// The names that hold two common words, by number.
    pub(crate) fn common_both<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u32> {
        let places = self.bits.iter().zip(&other.bits).zip(0_u32..);
        places.flat_map(|((one, other), place)| Bits(one & other).map(move |bit| place * 64 + bit))
    }
}

/// The places of the bits that are set, from the lowest.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Around the border between rare and common, both ways.
        #[test]
        fn holders_are_a_set(
            first in prop::collection::btree_set(0..2_000_u32, 200..400),
            second in prop::collection::btree_set(0..2_000_u32, 200..400),
            gone in prop::collection::vec(0..2_000_u32, 0..300),
        ) {
            let mut held = [(Holders::default(), first), (Holders::default(), second)];
            for (holders, names) in &mut held {
                for name in names.iter() {
                    prop_assert!(holders.insert(*name));
                    prop_assert!(!holders.insert(*name));
                }
                for name in &gone {
                    prop_assert_eq!(holders.remove(*name), names.remove(name));
                }
                prop_assert_eq!(holders.len(), names.len());
                prop_assert!(holders.iter().eq(names.iter().copied()));
                if holders.is_common() {
                    prop_assert!((0..2_100).all(|name| holders.common_has(name) == names.contains(&name)));
                }
            }
            let [(one, one_names), (other, other_names)] = &held;
            if one.is_common() && other.is_common() {
                let both: BTreeSet<u32> = one_names & other_names;
                prop_assert!(one.common_both(other).eq(both));
            }
        }
    }
}
