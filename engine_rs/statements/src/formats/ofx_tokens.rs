//! OFX 1 (SGML without most end tags) and OFX 2 (XML) as one stream of elements.
//!
//! Both are tags, each followed by its value; what is an aggregate and what a value, the tag's name says. So one reader serves
//! both, and one for files that say to be the one and are written like the other. Entities of our own are never declared nor
//! expanded.

use std::io::BufRead;

use encoding_rs::WINDOWS_1252;
use memchr::{memchr, memchr_iter, memchr2};

use crate::model::StatementError;

/// Longest tag or value: the longest that the standard has is a few hundred characters.
const MAX_BYTES: usize = 64 * 1024;

/// One tag and what follows it up to the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// In upper case, without attributes and namespace.
    pub(super) name: &'a str,
    /// `</NAME>`
    pub(super) is_end: bool,
    /// What follows, blanks at its ends taken off and entities resolved.
    pub(super) value: &'a str,
    /// Line of the file (from 1) in which the tag stands.
    pub(super) line: u64,
}

/// Takes elements from bytes; text that is not UTF-8 is taken for Windows-1252, value by value.
pub(super) struct Elements<R> {
    input: R,
    line: u64,
    name: String,
    value: String,
    bytes: Vec<u8>,
    /// What stands between `<` and `>` of the tag that is taken, and its line.
    tag: Vec<u8>,
    tag_line: u64,
    /// A tag is taken and not given yet.
    in_tag: bool,
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 1,
            name: String::new(),
            value: String::new(),
            bytes: Vec::new(),
            tag: Vec::new(),
            tag_line: 1,
            in_tag: false,
        }
    }

    /// The next element; none at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Element<'_>>, StatementError> {
        loop {
            if !self.in_tag {
                // What stands before the first tag: the header of OFX 1.
                self.take_value()?;
            }
            if !self.in_tag {
                return Ok(None);
            }
            let line = self.tag_line;
            let tag = self.tag.trim_ascii();
            let is_end = tag.first() == Some(&b'/');
            let tag = tag.strip_prefix(b"/").unwrap_or(tag);
            let end =
                tag.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(tag.len());
            let name = &tag[..end];
            let name = name.iter().position(|byte| *byte == b':').map_or(name, |colon| &name[colon + 1..]);
            self.name.clear();
            self.name.extend(name.iter().map(|byte| char::from(byte.to_ascii_uppercase())));
            let is_empty = tag.last() == Some(&b'/');
            self.take_value()?;
            // `<?xml …?>`
            if self.name.starts_with('?') {
                continue;
            }
            if is_empty || is_end {
                self.value.clear();
            }
            return Ok(Some(Element { name: &self.name, is_end, value: self.value.trim(), line }));
        }
    }

    /// Takes everything up to the next tag into `value`, and that tag into `tag`.
    fn take_value(&mut self) -> Result<(), StatementError> {
        self.bytes.clear();
        self.in_tag = false;
        while !self.in_tag && self.take_until(b'<')? {
            self.take_tag()?;
        }
        self.value.clear();
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => resolve_entities(text, &mut self.value),
            Err(_) => {
                resolve_entities(&WINDOWS_1252.decode_without_bom_handling(&self.bytes).0, &mut self.value);
            }
        }
        Ok(())
    }

    /// Behind a `<`: takes what it begins. One that no `>` ends before the next is of the text, which SGML allows.
    fn take_tag(&mut self) -> Result<(), StatementError> {
        loop {
            match self.input.fill_buf()?.first() {
                Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'?') => {}
                Some(b'!') => return self.take_marked_section(),
                Some(_) | None => {
                    self.bytes.push(b'<');
                    return Ok(());
                }
            }
            self.tag_line = self.line;
            let start = self.bytes.len();
            self.bytes.push(b'<');
            match self.take_to(|piece| memchr2(b'<', b'>', piece))? {
                Some(b'>') => {
                    self.tag.clear();
                    self.tag.extend_from_slice(&self.bytes[start + 1..]);
                    self.bytes.truncate(start);
                    self.in_tag = true;
                    return Ok(());
                }
                Some(_) => {}
                // The file ends within a tag.
                None => {
                    self.bytes.truncate(start);
                    return Ok(());
                }
            }
        }
    }

    /// Behind a `<`, where a `!` stands: takes `![CDATA[text]]>` into `bytes` as it stands, a comment or a declaration away.
    fn take_marked_section(&mut self) -> Result<(), StatementError> {
        let start = self.bytes.len();
        self.input.consume(1);
        let (mark, end): (&[u8], &[u8]) = match self.input.fill_buf()?.first() {
            Some(b'[') => (b"[CDATA[", b"]]>"),
            Some(b'-') => (b"--", b"-->"),
            Some(_) | None => (b"", b">"),
        };
        for expected in mark {
            match self.input.fill_buf()?.first() {
                Some(byte) if byte == expected => self.input.consume(1),
                Some(_) | None => return Ok(()),
            }
        }
        while self.take_until(b'>')? {
            self.bytes.push(b'>');
            if self.bytes[start..].ends_with(end) {
                break;
            }
        }
        let length = self.bytes.len().saturating_sub(end.len()).max(start);
        if mark.first() == Some(&b'[') {
            escape_ampersands(&mut self.bytes, start, length);
        } else {
            self.bytes.truncate(start);
        }
        Ok(())
    }

    /// Appends to `bytes` what stands before the next `stop` and takes that too. Whether there was one.
    fn take_until(&mut self, stop: u8) -> Result<bool, StatementError> {
        Ok(self.take_to(|piece| memchr(stop, piece))?.is_some())
    }

    /// Appends to `bytes` what stands before what `find` finds, and takes that too: the byte that it is, if there is one.
    fn take_to(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> Result<Option<u8>, StatementError> {
        loop {
            let piece = self.input.fill_buf()?;
            if piece.is_empty() {
                return Ok(None);
            }
            let found = find(piece);
            let stop = found.map(|at| piece[at]);
            let taken = &piece[..found.unwrap_or(piece.len())];
            if self.bytes.len() + taken.len() > MAX_BYTES {
                return Err(StatementError::broken(format!(
                    "line {}: a value is longer than any bank writes: the file is damaged",
                    self.line
                )));
            }
            self.bytes.extend_from_slice(taken);
            self.line += memchr_iter(b'\n', taken).count() as u64;
            let length = taken.len() + usize::from(found.is_some());
            self.input.consume(length);
            if stop.is_some() {
                return Ok(stop);
            }
        }
    }
}

/// Cuts `bytes` at `end` and writes each `&` from `start` on as an entity: text of a CDATA section holds none.
fn escape_ampersands(bytes: &mut Vec<u8>, start: usize, end: usize) {
    let text = bytes[start..end].to_vec();
    bytes.truncate(start);
    for byte in text {
        if byte == b'&' {
            bytes.extend_from_slice(b"&amp;");
        } else {
            bytes.push(byte);
        }
    }
}

/// Appends `text` with the entities of XML and HTML's blank as characters. Any other `&` stands for itself, as banks write it.
fn resolve_entities(text: &str, out: &mut String) {
    const ENTITIES: [(&str, char); 6] =
        [("amp;", '&'), ("lt;", '<'), ("gt;", '>'), ("quot;", '"'), ("apos;", '\''), ("nbsp;", ' ')];
    let mut pieces = text.split('&');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let found = ENTITIES
            .iter()
            .find_map(|&(name, character)| Some((character, piece.strip_prefix(name)?)))
            .or_else(|| numbered(piece));
        let (character, rest) = found.unwrap_or(('&', piece));
        out.push(character);
        out.push_str(rest);
    }
}

/// `#38;` or `#x26;` and what follows.
fn numbered(piece: &str) -> Option<(char, &str)> {
    let (number, rest) = piece.strip_prefix('#')?.split_once(';')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((char::from_u32(code)?, rest))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn elements(bytes: &[u8], piece: usize) -> Vec<(String, bool, String, u64)> {
        let mut elements = Elements::new(BufReader::with_capacity(piece, bytes));
        let mut found = Vec::new();
        while let Some(element) = elements.next().expect("values of a sane length") {
            found.push((element.name.to_owned(), element.is_end, element.value.to_owned(), element.line));
        }
        found
    }

    #[test]
    fn values_with_and_without_end_tags() {
        let sgml = b"OFXHEADER:100\n<OFX><CODE>0\n<MEMO> A & B &amp; <3 &#38; caf\xe9\n</STATUS>";
        let xml = b"<?xml version=\"1.0\"?>\n<!DOCTYPE OFX>\n<o:ofx a=\"1\"><MEMO><![CDATA[A &amp; <B>]]></MEMO><!-- <X> --><NAME/> </o:ofx>";
        for piece in [1, 2, 7, 4096] {
            assert_eq!(
                elements(sgml, piece),
                [
                    ("OFX".to_owned(), false, String::new(), 2),
                    ("CODE".to_owned(), false, "0".to_owned(), 2),
                    ("MEMO".to_owned(), false, "A & B & <3 & café".to_owned(), 3),
                    ("STATUS".to_owned(), true, String::new(), 4),
                ],
                "{piece}"
            );
            assert_eq!(
                elements(xml, piece),
                [
                    ("OFX".to_owned(), false, String::new(), 3),
                    ("MEMO".to_owned(), false, "A &amp; <B>".to_owned(), 3),
                    ("MEMO".to_owned(), true, String::new(), 3),
                    ("NAME".to_owned(), false, String::new(), 3),
                    ("OFX".to_owned(), true, String::new(), 3),
                ],
                "{piece}"
            );
        }
    }

    #[test]
    fn a_mark_that_begins_no_tag_is_text() {
        let found = elements(b"<NAME>A <B C</STMTTRN>\n<MEMO>x</y<z", 4096);
        let told: Vec<_> =
            found.iter().map(|(name, _, value, line)| (name.as_str(), value.as_str(), *line)).collect();
        assert_eq!(told, [("NAME", "A <B C", 1), ("STMTTRN", "", 1), ("MEMO", "x</y", 2)]);
    }

    #[test]
    fn a_value_without_an_end_is_refused() {
        let mut bytes = b"<MEMO>".to_vec();
        bytes.resize(MAX_BYTES * 2, b'x');
        let mut elements = Elements::new(&bytes[..]);
        assert!(elements.next().is_err());
    }

    proptest! {
        #[test]
        fn the_size_of_pieces_changes_nothing(text in "[<>!/?&;#a-c\\[\\]CDAT \n-]{0,60}", piece in 1..9_usize) {
            prop_assert_eq!(elements(text.as_bytes(), piece), elements(text.as_bytes(), 4096));
        }
    }
}
