//! Which kinds of things changed last when: who follows some kinds has nothing to read while only others change.

use std::sync::atomic::{AtomicU64, Ordering};

use kasir_core::event::{Event, Resource};

use crate::log::LogEntry;

/// More than there are kinds.
const ROOM: usize = u32::BITS as usize;

/// A set of [`Resource`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// All that a record changed.
    pub(crate) fn of(entry: &LogEntry) -> Self {
        entry.record.events.iter().flat_map(Event::changes).map(|(resource, _)| resource).collect()
    }

    /// Whether it is one of them.
    pub fn contains(self, resource: Resource) -> bool {
        self.has(resource as usize)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn has(self, kind: usize) -> bool {
        self.0 >> kind & 1 == 1
    }
}

impl std::ops::BitOrAssign for Kinds {
    fn bitor_assign(&mut self, more: Self) {
        self.0 |= more.0;
    }
}

impl FromIterator<Resource> for Kinds {
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        Self(resources.into_iter().fold(0, |kinds, resource| kinds | 1 << resource as u32))
    }
}

/// For each kind a revision after which no record that was told changed it.
#[derive(Debug)]
pub(crate) struct LastChanges([AtomicU64; ROOM]);

impl LastChanges {
    /// Of what came before nothing is known.
    pub(crate) fn new(revision: u64) -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(revision)))
    }

    /// Kinds changed in records up to `revision`, which is about to be told.
    pub(crate) fn changed(&self, kinds: Kinds, revision: u64) {
        for (kind, last) in self.0.iter().enumerate() {
            if kinds.has(kind) {
                last.store(revision, Ordering::Release);
            }
        }
    }

    /// Whether one of these kinds may have changed after revision `after`. What is told later than the revision that the
    /// caller saw before may count too.
    pub(crate) fn may_have_changed(&self, kinds: Kinds, after: u64) -> bool {
        let mut all = self.0.iter().enumerate();
        all.any(|(kind, last)| kinds.has(kind) && last.load(Ordering::Acquire) > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_last_change() {
        let last = LastChanges::new(7);
        let of = |resources: &[Resource]| resources.iter().copied().collect::<Kinds>();
        last.changed(of(&[Resource::Order, Resource::Stock]), 9);
        last.changed(of(&[Resource::Stock]), 12);
        for (resources, changed) in [
            (&[Resource::Sale][..], 7),
            (&[Resource::Order], 9),
            (&[Resource::Setting, Resource::Item], 7),
            (&[Resource::Order, Resource::Stock], 12),
        ] {
            let after = |after| last.may_have_changed(of(resources), after);
            assert!(after(changed - 1) && !after(changed), "{resources:?}");
        }
        assert!(!last.may_have_changed(Kinds::default(), 0));
    }
}
