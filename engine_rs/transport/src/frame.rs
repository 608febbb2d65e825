//! Messages in the bytes of a stream: five bytes in front of each say whether it is compressed and how long it is.

use std::io::{Read, Write};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::status::{Code, Status};

/// What stands in front of every message: a flag and four bytes of length.
const PREFIX: usize = 5;
/// A message up to this size is copied behind its prefix and sent as one frame; a copy of more costs more than a
/// second frame.
pub(crate) const COPY_MAX: usize = 16 * 1024;

/// How a stream's messages may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// By its name in `grpc-encoding`.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"identity" => Some(Self::Identity),
            b"gzip" => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// Why bytes are not the messages they should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A message of so many bytes, at least, where so few are taken.
    TooLarge { bytes: usize, limit: usize },
    /// Anything else.
    Malformed(&'static str),
}

impl From<Broken> for Status {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::TooLarge { bytes, limit } => Self::new(
                Code::ResourceExhausted,
                format!("The message has {bytes} bytes, which is larger than max ({limit})."),
            ),
            Broken::Malformed(why) => Self::new(Code::Internal, why),
        }
    }
}

/// Takes messages out of what comes in, however it is cut.
#[derive(Debug)]
pub(crate) struct Deframer {
    encoding: Encoding,
    limit: usize,
    /// Whole chunks are handed out as they came; what is split is put together here.
    waiting: BytesMut,
    chunk: Bytes,
}

impl Deframer {
    /// For messages of at most `limit` bytes, as they are after decompression too.
    pub(crate) fn new(encoding: Encoding, limit: usize) -> Self {
        Self { encoding, limit, waiting: BytesMut::new(), chunk: Bytes::new() }
    }

    /// Takes bytes in. Every message there is has to be taken out before.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if self.waiting.is_empty() {
            debug_assert!(self.chunk.len() < PREFIX || !self.is_whole(), "messages are taken out first");
            if self.chunk.is_empty() {
                self.chunk = chunk;
                return;
            }
            self.waiting.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
        }
        self.waiting.extend_from_slice(&chunk);
    }

    fn is_whole(&self) -> bool {
        length(&self.chunk).is_some_and(|length| self.chunk.len() - PREFIX >= length)
    }

    /// The next whole message.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let held: &[u8] = if self.waiting.is_empty() { &self.chunk } else { &self.waiting };
        let Some(length) = length(held) else { return Ok(None) };
        // Known before the message is there: nothing too large is ever waited for.
        if length > self.limit {
            return Err(Broken::TooLarge { bytes: length, limit: self.limit });
        }
        let compressed = match (held[0], self.encoding) {
            (0, _) => false,
            (1, Encoding::Gzip) => true,
            (1, Encoding::Identity) => {
                return Err(Broken::Malformed(
                    "A message is compressed, and grpc-encoding does not say how.",
                ));
            }
            _ => return Err(Broken::Malformed("A message begins with an unknown flag.")),
        };
        if held.len() - PREFIX < length {
            return Ok(None);
        }
        let message = if self.waiting.is_empty() {
            self.chunk.advance(PREFIX);
            self.chunk.split_to(length)
        } else {
            self.waiting.advance(PREFIX);
            self.waiting.split_to(length).freeze()
        };
        if compressed { self.decompressed(&message).map(Some) } else { Ok(Some(message)) }
    }

    /// At the end of the stream: nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Broken> {
        if self.waiting.is_empty() && self.chunk.is_empty() {
            Ok(())
        } else {
            Err(Broken::Malformed("The stream ended within a message."))
        }
    }

    fn decompressed(&self, message: &[u8]) -> Result<Bytes, Broken> {
        let mut plain = Vec::new();
        // One byte beyond the limit tells a bomb from a message, and no more of it is ever unpacked.
        let most = self.limit as u64 + 1;
        if GzDecoder::new(message).take(most).read_to_end(&mut plain).is_err() {
            return Err(Broken::Malformed("A message is not the gzip it says it is."));
        }
        if plain.len() > self.limit {
            return Err(Broken::TooLarge { bytes: plain.len(), limit: self.limit });
        }
        Ok(plain.into())
    }
}

/// The length that a prefix announces.
fn length(held: &[u8]) -> Option<usize> {
    let (_, mut length) = held.first_chunk::<PREFIX>()?.split_at(1);
    Some(length.get_u32() as usize)
}

/// A message behind its prefix, in one piece or two.
pub(crate) fn framed(message: Bytes, compress: bool) -> (Bytes, Option<Bytes>) {
    if compress {
        return (compressed(&message), None);
    }
    if message.len() > COPY_MAX {
        return (Bytes::copy_from_slice(&prefix(message.len())), Some(message));
    }
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    put(&mut frame, &message);
    (frame.freeze(), None)
}

/// Small messages behind their prefixes, as many as fit into one frame: the first, and those that `next` gives for the
/// room that is left.
pub(crate) fn together(first: &[u8], mut next: impl FnMut(usize) -> Option<Bytes>) -> Bytes {
    let mut frame = BytesMut::with_capacity(COPY_MAX.max(PREFIX + first.len()));
    put(&mut frame, first);
    while let Some(message) = COPY_MAX.checked_sub(frame.len() + PREFIX).and_then(&mut next) {
        put(&mut frame, &message);
    }
    frame.freeze()
}

fn put(frame: &mut BytesMut, message: &[u8]) {
    frame.put_slice(&prefix(message.len()));
    frame.put_slice(message);
}

fn prefix(length: usize) -> [u8; PREFIX] {
    let [a, b, c, d] = announced(length).to_be_bytes();
    [0, a, b, c, d]
}

fn compressed(message: &[u8]) -> Bytes {
    let mut frame = vec![1, 0, 0, 0, 0];
    let mut encoder = GzEncoder::new(&mut frame, Compression::fast());
    encoder.write_all(message).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything");
    let length = announced(frame.len() - PREFIX);
    frame[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    frame.into()
}

fn announced(length: usize) -> u32 {
    u32::try_from(length).expect("the limit of messages is below four gibibytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    fn sent(message: &[u8], compress: bool) -> Vec<u8> {
        let (head, tail) = framed(Bytes::copy_from_slice(message), compress);
        [&head[..], tail.as_deref().unwrap_or_default()].concat()
    }

    fn read(encoding: Encoding, chunks: &[&[u8]]) -> Result<Vec<Bytes>, Broken> {
        let mut deframer = Deframer::new(encoding, LIMIT);
        let mut found = Vec::new();
        for chunk in chunks {
            deframer.push(Bytes::copy_from_slice(chunk));
            while let Some(message) = deframer.next()? {
                found.push(message);
            }
        }
        deframer.end()?;
        Ok(found)
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let messages: [&[u8]; 4] = [b"one", b"", b"three", &[7; LIMIT]];
        for compress in [false, true] {
            let stream: Vec<u8> = messages.iter().flat_map(|message| sent(message, compress)).collect();
            for first in 0..=stream.len() {
                for second in first..=stream.len() {
                    let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                    assert_eq!(
                        read(Encoding::Gzip, &chunks).unwrap(),
                        messages,
                        "cut at {first} and {second}"
                    );
                }
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(read(Encoding::Gzip, &bytes).unwrap(), messages);
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_there() {
        let prefix = &sent(&[0; LIMIT + 1], false)[..PREFIX];
        assert_eq!(
            read(Encoding::Identity, &[prefix]),
            Err(Broken::TooLarge { bytes: LIMIT + 1, limit: LIMIT })
        );
        let announced = [0, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(read(Encoding::Identity, &[&announced]), Err(Broken::TooLarge { .. })));
    }

    #[test]
    fn a_bomb_is_unpacked_to_the_limit_only() {
        let bomb = sent(&vec![0; 64 * 1024], true);
        let limit = 1_000;
        assert!(bomb.len() < limit, "{}", bomb.len());
        let mut deframer = Deframer::new(Encoding::Gzip, limit);
        deframer.push(bomb.into());
        assert_eq!(deframer.next(), Err(Broken::TooLarge { bytes: limit + 1, limit }));
    }

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        let broken: [(Encoding, &[u8]); 5] = [
            (Encoding::Identity, &sent(b"packed", true)),
            (Encoding::Gzip, &[1, 0, 0, 0, 3, 1, 2, 3]),
            (Encoding::Gzip, &[2, 0, 0, 0, 0]),
            (Encoding::Identity, &[0, 0, 0, 0, 2, 1]),
            (Encoding::Identity, &[0, 0]),
        ];
        for (encoding, bytes) in broken {
            assert!(matches!(read(encoding, &[bytes]), Err(Broken::Malformed(_))), "{bytes:?}");
        }
    }

    #[test]
    fn small_messages_go_together_as_long_as_they_fit() {
        let mut waiting =
            vec![Bytes::from_static(b"third"), Bytes::from_static(b""), Bytes::from_static(b"x")];
        let mut rooms = Vec::new();
        let frame = together(b"first", |room| {
            rooms.push(room);
            waiting.pop()
        });
        let mut deframer = Deframer::new(Encoding::Identity, LIMIT);
        deframer.push(frame);
        let found: Vec<Bytes> = std::iter::from_fn(|| deframer.next().unwrap()).collect();
        assert_eq!(found, [&b"first"[..], b"x", b"", b"third"]);
        assert_eq!(rooms, [COPY_MAX - 15, COPY_MAX - 21, COPY_MAX - 26, COPY_MAX - 36]);

        let large = vec![1; COPY_MAX];
        assert_eq!(together(&large, |_| panic!("there is no room")).len(), COPY_MAX + PREFIX);
    }

    #[test]
    fn a_large_message_is_not_copied() {
        let message = Bytes::from(vec![1; COPY_MAX + 1]);
        let (head, tail) = framed(message.clone(), false);
        assert_eq!((head.len(), tail.as_ref().map(|tail| tail.as_ptr())), (PREFIX, Some(message.as_ptr())));
    }
}
