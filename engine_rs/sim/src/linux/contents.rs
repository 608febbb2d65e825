//! What is in a file, and under which name: as whoever reads finds it, and as it is durable.

use std::collections::BTreeMap;

use fastrand::Rng;

/// What a disk writes in one piece.
const SECTOR: usize = 512;
/// What the kernel's cache takes in one piece.
pub(super) const PAGE: usize = 4096;

/// What was done to a file since its last sync.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// What whoever reads finds.
    pub(super) cached: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) since: Vec<Change>,
    /// How much of `since` the last sync saw; counts under [`super::disk::Control::LateSync`] only.
    pub(super) seen: usize,
    /// A sync failed: what of the cache counts as written is not what the disk has.
    pub(super) lost: bool,
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Made { name: String, file: usize },
    Moved { from: String, to: String, file: usize },
    Gone { name: String },
}

pub(super) type Names = BTreeMap<String, usize>;

impl Content {
    /// A write comes to the cache: what it touches of pages is to be written out as a whole.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let at = usize::try_from(at).unwrap_or(0);
        let end = at + bytes.len();
        if self.cached.len() < end {
            self.cached.resize(end, 0);
        }
        self.cached[at..end].copy_from_slice(bytes);
        let from = at - at % PAGE;
        let to = end.next_multiple_of(PAGE).min(self.cached.len());
        self.since.push(Change::Write { at: from, bytes: self.cached[from..to].to_vec() });
    }

    /// What was not synced reaches the disk, of its sectors `kept` of [`ALL`], or never will.
    pub(super) fn lose(&mut self, kept: u8, dice: &mut Rng) {
        lay(&mut self.durable, &self.since, kept, dice);
        (self.since, self.seen) = (Vec::new(), 0);
    }

    pub(super) fn cut(&mut self, length: u64) {
        let length = usize::try_from(length).unwrap_or(0);
        self.cached.resize(length, 0);
        self.since.push(Change::Cut(length));
    }
}

/// All that a crash leaves.
pub(super) struct Left {
    pub(super) files: Vec<Content>,
    pub(super) names: Names,
    pub(super) durable_names: Names,
    pub(super) name_changes: Vec<NameChange>,
}

impl Left {
    /// What was not synced is there or not, sector by sector, name by name.
    pub(super) fn lose_power(&mut self, dice: &mut Rng) {
        let kept = dice.u8(0..5);
        let mut names = std::mem::take(&mut self.durable_names);
        for change in std::mem::take(&mut self.name_changes) {
            if dice.u8(0..ALL) >= kept {
                continue;
            }
            match change {
                NameChange::Made { name, file } => {
                    names.insert(name, file);
                }
                NameChange::Moved { from, to, file } => {
                    names.retain(|name, found| *name != from || *found != file);
                    names.insert(to, file);
                }
                NameChange::Gone { name } => {
                    names.remove(&name);
                }
            }
        }
        for content in &mut self.files {
            let kept = dice.u8(0..5);
            content.lose(kept, dice);
            content.cached.clone_from(&content.durable);
        }
        self.names = names.clone();
        self.durable_names = names;
    }
}

/// All sectors reach the disk; so many fewer, so many fourths fewer.
pub(super) const ALL: u8 = 4;

/// Lets changes reach a content, of their sectors `kept` of [`ALL`].
pub(super) fn lay(content: &mut Vec<u8>, changes: &[Change], kept: u8, dice: &mut Rng) {
    for change in changes {
        match change {
            Change::Cut(length) => {
                if kept >= ALL || dice.u8(0..ALL) < kept {
                    content.resize(*length, 0);
                }
            }
            Change::Write { at, bytes } => {
                let (mut at, mut rest) = (*at, bytes.as_slice());
                while !rest.is_empty() {
                    let whole = if kept >= ALL { rest.len() } else { SECTOR - at % SECTOR };
                    let (sector, after) = rest.split_at(whole.min(rest.len()));
                    if kept >= ALL || dice.u8(0..ALL) < kept {
                        let end = at + sector.len();
                        if content.len() < end {
                            content.resize(end, 0);
                        }
                        content[at..end].copy_from_slice(sector);
                    }
                    (at, rest) = (at + sector.len(), after);
                }
            }
        }
    }
}
