//! What is in a file: in the kernel's cache, on the disk, and on its way there.

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
    /// How much of `since` the last sync saw; counts under [`Control::LateSync`] only.
    pub(super) seen: usize,
    /// A sync failed: what of the cache counts as written is not what the disk has.
    pub(super) lost: bool,
}

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
