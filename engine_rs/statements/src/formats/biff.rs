//! The records that an XLS is made of, and the texts in them.

use std::ops::Range;

/// What is longer than one record goes on in records of this kind.
const CONTINUE: u16 = 0x003c;
/// Most texts that cells share.
const MAX_TEXTS: usize = 2_000_000;

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'b> {
    pub(super) kind: u16,
    pub(super) data: &'b [u8],
    /// The records behind it, of which the first ones may go on with it.
    rest: &'b [u8],
}

/// Records one after the other.
pub(super) struct Records<'b> {
    rest: &'b [u8],
}

impl<'b> Records<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next record; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record<'b>>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (kind, data, rest) = split(self.rest).ok_or("a record is cut off")?;
        self.rest = rest;
        Ok(Some(Record { kind, data, rest }))
    }
}

/// Kind and data of the first record, and what is behind it.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let end = 4 + usize::from(u16_at(bytes, 2)?);
    Some((u16_at(bytes, 0)?, bytes.get(4..end)?, &bytes[end..]))
}

pub(super) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

pub(super) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

pub(super) fn f64_at(data: &[u8], at: usize) -> Option<f64> {
    data.get(at..)?.first_chunk().copied().map(f64::from_le_bytes)
}

/// The text that begins at `at` of a record. None: it is cut off.
pub(super) fn text(record: &Record<'_>, at: usize) -> Option<Box<str>> {
    let mut data = Joined { now: record.data.get(at..)?, rest: record.rest };
    // An empty one may lack its flags.
    if data.now == [0, 0] {
        return Some(Box::default());
    }
    let mut text = String::new();
    let length = data.u16()?;
    let flags = data.u8()?;
    data.characters(length, flags, &mut Vec::new(), &mut text)?;
    Some(text.into_boxed_str())
}

/// The texts that cells share, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// Where each one stands.
    places: Vec<Range<usize>>,
}

impl Texts {
    /// Reads the table of them. None: it is cut off, or has more than any bank's.
    pub(super) fn read(record: &Record<'_>) -> Option<Self> {
        let mut texts = Self::default();
        let mut data = Joined { now: record.data.get(8..)?, rest: record.rest };
        let mut units = Vec::new();
        // How many there are is written too, by some programs wrongly.
        while data.is_more() {
            if texts.places.len() == MAX_TEXTS {
                return None;
            }
            let length = data.u16()?;
            let flags = data.u8()?;
            let runs = if flags & 8 == 0 { 0 } else { data.u16()? };
            let sounds = if flags & 4 == 0 { 0 } else { data.u32()? };
            let start = texts.all.len();
            data.characters(length, flags, &mut units, &mut texts.all)?;
            data.skip(4 * usize::from(runs))?;
            data.skip(sounds as usize)?;
            texts.places.push(start..texts.all.len());
        }
        Some(texts)
    }

    pub(super) fn get(&self, index: u32) -> Option<&str> {
        self.all.get(self.places.get(index as usize)?.clone())
    }
}

/// The data of a record and of those that go on with it.
struct Joined<'b> {
    now: &'b [u8],
    rest: &'b [u8],
}

impl Joined<'_> {
    /// Whether there is more, where need be in the next record.
    fn is_more(&mut self) -> bool {
        while self.now.is_empty() {
            match split(self.rest) {
                Some((CONTINUE, data, rest)) => (self.now, self.rest) = (data, rest),
                Some(_) | None => return false,
            }
        }
        true
    }

    fn u8(&mut self) -> Option<u8> {
        if !self.is_more() {
            return None;
        }
        let (first, now) = self.now.split_first()?;
        self.now = now;
        Some(*first)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.u8()?, self.u8()?]))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes([self.u8()?, self.u8()?, self.u8()?, self.u8()?]))
    }

    fn skip(&mut self, mut length: usize) -> Option<()> {
        while length > 0 {
            if !self.is_more() {
                return None;
            }
            let here = length.min(self.now.len());
            self.now = &self.now[here..];
            length -= here;
        }
        Some(())
    }

    /// Appends so many characters, each of one byte or two as the flags say; where they go on in the next record, that begins
    /// with flags of its own. `units` is room to work in.
    fn characters(&mut self, length: u16, flags: u8, units: &mut Vec<u16>, out: &mut String) -> Option<()> {
        let mut left = usize::from(length);
        let mut is_wide = flags & 1 != 0;
        units.clear();
        while left > 0 {
            if self.now.is_empty() {
                is_wide = self.u8()? & 1 != 0;
            }
            let width = if is_wide { 2 } else { 1 };
            let here = left.min(self.now.len() / width);
            if here == 0 && !self.now.is_empty() {
                return None;
            }
            let (bytes, now) = self.now.split_at(here * width);
            self.now = now;
            left -= here;
            if is_wide {
                units.extend(bytes.as_chunks().0.iter().copied().map(u16::from_le_bytes));
            } else {
                units.extend(bytes.iter().copied().map(u16::from));
            }
        }
        out.extend(char::decode_utf16(units.iter().copied()).map(|letter| letter.unwrap_or('\u{fffd}')));
        Some(())
    }
}
