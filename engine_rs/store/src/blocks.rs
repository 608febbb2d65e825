//! Memory that the kernel writes from without a copy of its own.

use std::ops::{Deref, DerefMut};

/// Direct writes begin and end at multiples of this, in memory as in the file.
pub(crate) const BLOCK: usize = 4096;

/// Bytes that begin at a multiple of [`BLOCK`] in memory.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    room: Vec<u8>,
    start: usize,
}

impl Blocks {
    pub(crate) fn clear(&mut self) {
        self.room.truncate(self.start);
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.room.extend_from_slice(bytes);
    }

    /// Cuts what is too long, or fills up with zeros.
    pub(crate) fn resize(&mut self, length: usize) {
        self.reserve(length.saturating_sub(self.len()));
        self.room.resize(self.start + length, 0);
    }

    fn reserve(&mut self, more: usize) {
        if self.room.capacity() - self.room.len() >= more {
            return;
        }
        let wanted = (self.len() + more).max(2 * self.len()).next_multiple_of(BLOCK) + BLOCK;
        let mut room = Vec::<u8>::with_capacity(wanted);
        let start = room.as_ptr().align_offset(BLOCK).min(BLOCK);
        room.resize(start, 0);
        room.extend_from_slice(self);
        *self = Self { room, start };
    }
}

impl Deref for Blocks {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[self.start..]
    }
}

impl DerefMut for Blocks {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_they_grow_they_begin_at_a_block() {
        let (mut blocks, mut model) = (Blocks::default(), Vec::new());
        for round in 0..3 {
            for length in (1..40).chain([4_000, 97, 20_000, 1, 300_000]) {
                let bytes = vec![u8::try_from(length % 251).unwrap(); length];
                blocks.extend(&bytes);
                model.extend_from_slice(&bytes);
                assert!(*blocks == *model && blocks.as_ptr().align_offset(BLOCK) == 0, "{round} {length}");
            }
            blocks.resize(model.len().next_multiple_of(BLOCK));
            model.resize(blocks.len(), 0);
            assert!(*blocks == *model);
            blocks[5] = 9;
            blocks.resize(72);
            assert_eq!(blocks[5], 9);
            blocks.clear();
            model.clear();
            assert!(blocks.is_empty());
        }
    }
}
