//! A file's bytes as lines of text, in one pass: encodings, byte order marks and line ends are settled here.
//!
//! Banks' exports come as UTF-8, UTF-16 and CP1252, with and without a byte order mark, with CRLF, LF or CR.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Read, Seek, SeekFrom};

use blake2::Digest;
use encoding_rs::{DecoderResult, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::model::StatementError;

/// No bank writes a longer row; a longer one is a file of another kind.
pub(crate) const MAX_LINE_BYTES: usize = 16 * 1024;
/// What a format is recognised by.
const HEAD_BYTES: usize = 64 * 1024;
/// Lines of a head; a header of columns stands among them.
pub(crate) const HEAD_LINES: usize = 40;
const PIECE_BYTES: usize = 256 * 1024;
const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
/// So much of every hundred letters must be plain for a file without a byte order mark to be taken for UTF-16.
const UTF16_ZEROS_PERCENT: usize = 40;

type Blake2b256 = blake2::Blake2b<blake2::digest::consts::U32>;

/// What a file is read from.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// How a file begins: what formats are recognised by.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The first bytes, at most 64 KiB, as they are in the file.
    pub bytes: Vec<u8>,
    /// The same as text, without a byte order mark, each line in the encoding in which it is read.
    pub text: String,
    /// The first lines of it, at most 40, without their ends.
    pub lines: Vec<String>,
}

impl Head {
    /// The text behind blanks and line ends.
    pub fn start(&self) -> &str {
        self.text.trim_start()
    }
}

/// One line of a file, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1, as an editor shows it.
    pub number: u64,
    /// Its text.
    pub text: &'a str,
}

/// A file being read once: by lines, as one text, as bytes, or with seeking.
///
/// A format uses one of the ways, once.
pub struct Source<'a> {
    inner: Box<dyn ReadSeek + 'a>,
    hash: Blake2b256,
    max_bytes: u64,
    taken: u64,
    /// Begins as the whole head and is read before `inner` is.
    first: Vec<u8>,
    first_at: usize,
    head: Head,
    /// Of UTF-16; none for what is read as bytes, line by line.
    decoder: Option<encoding_rs::Decoder>,
    piece: Vec<u8>,
    /// Text not handed out yet: `buffer[at..]`, in UTF-8 or CP1252.
    buffer: Vec<u8>,
    at: usize,
    /// How much behind `at` is known to hold no line end.
    searched: usize,
    is_started: bool,
    is_at_end: bool,
    /// All bytes are counted and hashed, before the file was lent for seeking.
    is_drained: bool,
    number: u64,
    scratch: String,
}

impl<'a> Source<'a> {
    /// A file that stands at its beginning; larger than `max_bytes` it is refused.
    pub fn new(inner: impl ReadSeek + 'a, max_bytes: u64) -> Result<Self, StatementError> {
        let mut source = Self {
            inner: Box::new(inner),
            hash: Blake2b256::new(),
            max_bytes,
            taken: 0,
            first: Vec::new(),
            first_at: 0,
            head: Head::default(),
            decoder: None,
            piece: Vec::new(),
            buffer: Vec::new(),
            at: 0,
            searched: 0,
            is_started: false,
            is_at_end: false,
            is_drained: false,
            number: 0,
            scratch: String::new(),
        };
        let mut first = Vec::new();
        (&mut source.inner).take(HEAD_BYTES as u64).read_to_end(&mut first)?;
        let encoding = utf16(&first);
        source.decoder = encoding.map(Encoding::new_decoder_without_bom_handling);
        source.head = head(&first, encoding);
        source.first = first;
        Ok(source)
    }

    /// How the file begins.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next line; none at the end of the file.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, StatementError> {
        let Some(length) = self.find_line()? else {
            return Ok(None);
        };
        let line = self.at..self.at + length;
        self.at += length;
        self.at += match self.buffer.get(self.at) {
            Some(b'\r') if self.buffer.get(self.at + 1) == Some(&b'\n') => 2,
            Some(_) => 1,
            None => 0,
        };
        self.searched = 0;
        self.number += 1;
        let number = self.number;
        let bytes = &self.buffer[line];
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(Some(Line { number, text }));
        }
        // Old exports: one letter of a name in CP1252. Line by line, since the rest of a file tells nothing about it.
        self.scratch.clear();
        self.scratch.push_str(&WINDOWS_1252.decode_without_bom_handling(bytes).0);
        let text = self.scratch.as_str();
        Ok(Some(Line { number, text }))
    }

    /// The whole file as UTF-8, whatever it is written in; a byte that is none is taken for CP1252.
    pub fn text(&mut self) -> TextReader<'_, 'a> {
        TextReader { source: self, ready: Vec::new(), at: 0 }
    }

    /// The whole file as it is.
    pub fn raw(&mut self) -> RawReader<'_, 'a> {
        RawReader(self)
    }

    /// The file for a library that seeks, at its beginning; all of it is read once before.
    pub fn seekable(&mut self) -> Result<&mut (dyn ReadSeek + 'a), StatementError> {
        self.drain()?;
        self.is_drained = true;
        self.inner.seek(SeekFrom::Start(0))?;
        Ok(&mut *self.inner)
    }

    /// Reads what is left and gives the BLAKE2b-256 of the file's bytes, hex.
    pub fn finish(&mut self) -> Result<String, StatementError> {
        self.drain()?;
        let mut text = String::with_capacity(64);
        for byte in self.hash.finalize_reset() {
            write!(text, "{byte:02x}").expect("a text takes everything");
        }
        Ok(text)
    }

    fn drain(&mut self) -> Result<(), StatementError> {
        // Where a library that seeks stopped is not where the hash did.
        if self.is_drained {
            return Ok(());
        }
        let mut piece = std::mem::take(&mut self.piece);
        piece.resize(PIECE_BYTES, 0);
        while self.read_raw(&mut piece)? > 0 {}
        self.piece = piece;
        Ok(())
    }

    /// The next bytes of the file, counted and hashed; 0 at its end.
    fn read_raw(&mut self, out: &mut [u8]) -> Result<usize, StatementError> {
        let read = if self.first_at < self.first.len() {
            let read = (&self.first[self.first_at..]).read(out)?;
            self.first_at += read;
            read
        } else {
            self.first = Vec::new();
            self.first_at = 0;
            loop {
                match self.inner.read(out) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            }
        };
        self.taken += read as u64;
        if self.taken > self.max_bytes {
            let words = format!("the file is larger than {} MiB", self.max_bytes / (1024 * 1024));
            return Err(StatementError::Unrecognised(words));
        }
        self.hash.update(&out[..read]);
        Ok(read)
    }

    /// Length of the next line, which then stands whole in the buffer with its end; none at the end of the file.
    fn find_line(&mut self) -> Result<Option<usize>, StatementError> {
        loop {
            let start = self.at + self.searched;
            match memchr::memchr2(b'\n', b'\r', &self.buffer[start..]) {
                // After a \r a \n may follow, in the next piece.
                Some(found)
                    if self.buffer[start + found] == b'\n'
                        || start + found + 1 < self.buffer.len()
                        || self.is_at_end =>
                {
                    return self.checked_line(self.searched + found).map(Some);
                }
                Some(found) => self.searched += found,
                None => self.searched = self.buffer.len() - self.at,
            }
            self.checked_line(self.searched)?;
            if self.is_at_end {
                return Ok(Some(self.searched).filter(|length| *length > 0));
            }
            self.fill()?;
        }
    }

    fn checked_line(&self, length: usize) -> Result<usize, StatementError> {
        if length > MAX_LINE_BYTES {
            return Err(StatementError::broken(format!(
                "line {} is longer than any bank writes: not a line of a statement",
                self.number + 1
            )));
        }
        Ok(length)
    }

    /// Brings the next piece of text into the buffer.
    fn fill(&mut self) -> Result<(), StatementError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let end = self.buffer.len();
        if self.decoder.is_some() {
            self.fill_utf16()?;
        } else {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(end + PIECE_BYTES, 0);
            let read = self.read_raw(&mut buffer[end..]);
            buffer.truncate(end + *read.as_ref().unwrap_or(&0));
            self.buffer = buffer;
            self.is_at_end = read? == 0;
        }
        // A mark is dropped once it can be told whether it is one.
        if !self.is_started && (self.is_at_end || self.buffer.len() >= UTF8_BOM.len()) {
            self.is_started = true;
            if self.buffer.starts_with(UTF8_BOM) {
                self.buffer.drain(..UTF8_BOM.len());
            }
        }
        Ok(())
    }

    fn fill_utf16(&mut self) -> Result<(), StatementError> {
        let mut piece = std::mem::take(&mut self.piece);
        piece.resize(PIECE_BYTES, 0);
        let read = self.read_raw(&mut piece);
        self.piece = piece;
        let read = read?;
        self.is_at_end = read == 0;
        let decoder = self.decoder.as_mut().expect("a file in UTF-16 has a decoder");
        let end = self.buffer.len();
        let room = decoder.max_utf8_buffer_length_without_replacement(read).expect("a piece is small");
        self.buffer.resize(end + room, 0);
        let (result, _, written) = decoder.decode_to_utf8_without_replacement(
            &self.piece[..read],
            &mut self.buffer[end..],
            self.is_at_end,
        );
        self.buffer.truncate(end + written);
        match result {
            DecoderResult::InputEmpty => Ok(()),
            DecoderResult::OutputFull | DecoderResult::Malformed(..) => {
                Err(StatementError::broken("the file is not valid UTF-16: it is damaged or cut off"))
            }
        }
    }
}

/// A file as bytes.
pub struct RawReader<'s, 'a>(&'s mut Source<'a>);

impl Read for RawReader<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() { Ok(0) } else { self.0.read_raw(out).map_err(wrapped) }
    }
}

/// A file as UTF-8.
pub struct TextReader<'s, 'a> {
    source: &'s mut Source<'a>,
    ready: Vec<u8>,
    at: usize,
}

impl TextReader<'_, '_> {
    fn fill(&mut self) -> Result<(), StatementError> {
        self.ready.clear();
        self.at = 0;
        while self.ready.is_empty() {
            let left = &self.source.buffer[self.source.at..];
            let (valid, bad) = match std::str::from_utf8(left) {
                Ok(text) => (text.len(), 0),
                Err(error) => {
                    let rest = left.len() - error.valid_up_to();
                    // A letter may go on in the next piece.
                    let bad = error.error_len().unwrap_or(if self.source.is_at_end { rest } else { 0 });
                    (error.valid_up_to(), bad)
                }
            };
            if valid + bad == 0 {
                if self.source.is_at_end {
                    return Ok(());
                }
                self.source.fill()?;
                continue;
            }
            self.ready.extend_from_slice(&left[..valid]);
            let replaced = WINDOWS_1252.decode_without_bom_handling(&left[valid..valid + bad]).0;
            self.ready.extend_from_slice(replaced.as_bytes());
            self.source.at += valid + bad;
        }
        Ok(())
    }
}

impl Read for TextReader<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.ready.len() {
            self.fill().map_err(wrapped)?;
        }
        let read = (&self.ready[self.at..]).read(out)?;
        self.at += read;
        Ok(read)
    }
}

fn wrapped(error: StatementError) -> io::Error {
    match error {
        StatementError::Read(error) => error,
        own => io::Error::other(own),
    }
}

/// The UTF-16 that `start` is written in, if it is.
fn utf16(start: &[u8]) -> Option<&'static Encoding> {
    if start.starts_with(b"\xff\xfe") {
        return Some(UTF_16LE);
    }
    if start.starts_with(b"\xfe\xff") {
        return Some(UTF_16BE);
    }
    // Bank text is mostly ASCII: in UTF-16 every second byte is then zero.
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let enough = |zeros: usize| zeros * 100 >= (start.len() / 2).max(1) * UTF16_ZEROS_PERCENT;
    match () {
        () if enough(odd) && odd > even => Some(UTF_16LE),
        () if enough(even) => Some(UTF_16BE),
        () => None,
    }
}

fn head(start: &[u8], encoding: Option<&'static Encoding>) -> Head {
    let text = match encoding {
        Some(encoding) => encoding.decode_without_bom_handling(start).0,
        None => decoded(start),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    let mut lines = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() && lines.len() < HEAD_LINES {
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        lines.push(rest[..end].to_owned());
        rest = &rest[end..];
        rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    }
    Head { bytes: start.to_vec(), text, lines }
}

/// The text of `start`, each line in UTF-8 or else in CP1252. Its last line may be cut off within a letter.
fn decoded(start: &[u8]) -> Cow<'_, str> {
    let Err(error) = std::str::from_utf8(start) else {
        return String::from_utf8_lossy(start);
    };
    if error.error_len().is_none() {
        return String::from_utf8_lossy(&start[..error.valid_up_to()]);
    }
    let mut text = String::with_capacity(start.len());
    for line in start.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) => text.push_str(&WINDOWS_1252.decode_without_bom_handling(line).0),
        }
    }
    Cow::Owned(text)
}
