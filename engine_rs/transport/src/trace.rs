//! Which calls are traced, and when each of them was where.
//!
//! A call is traced when its caller says so (`traceparent` of W3C's Trace Context, with the flag "sampled"), or when it was
//! chosen here among those whose callers say nothing. One that is not costs a look at its headers, and that only where
//! traces are wanted at all ([`crate::Config::traced_of_million`]). What was traced waits in a ring until somebody takes it;
//! what finds no room there is counted and forgotten.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::HeaderName;

use crate::mailbox::lock;
use crate::status::Code;

/// Traces that wait to be taken; what comes beyond is counted and forgotten.
pub const TRACES_MAX: usize = 4_096;
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// A call was taken from the network.
const READ: &str = "read";
/// Its answer was handed to the network.
const ANSWER: &str = "answer";
const MILLION: u64 = 1_000_000;

/// The caller's side of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The whole trace.
    pub trace: [u8; 16],
    /// What the caller was doing.
    pub span: [u8; 8],
}

/// What a caller says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Trace it.
    Sampled(Parent),
    /// Do not.
    NotSampled,
}

impl Said {
    /// Reads a `traceparent`; `None` for what is none, which counts as if nothing had been said.
    fn read(value: &[u8]) -> Option<Self> {
        // Later versions may say more behind a dash, and begin the same.
        let (head, rest) = value.split_at_checked(55)?;
        let [version, trace, span, flags] = *head.split(|byte| *byte == b'-').collect::<Vec<_>>() else {
            return None;
        };
        let [version] = hex(version)?;
        if version == 0xff || !(rest.is_empty() || (version > 0 && rest[0] == b'-')) {
            return None;
        }
        let parent = Parent { trace: hex(trace)?, span: hex(span)? };
        let [flags] = hex(flags)?;
        if parent.trace == [0; 16] || parent.span == [0; 8] {
            return None;
        }
        Some(if flags & 1 == 1 { Self::Sampled(parent) } else { Self::NotSampled })
    }
}

/// Lower-case hexadecimal digits, two a byte.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

/// Says which calls are traced, on one thread.
#[derive(Debug)]
pub(crate) struct Sampler {
    of_million: u64,
    /// Of a generator of numbers: none can be guessed from outside, and none is a secret.
    state: Cell<u64>,
}

impl Sampler {
    /// Of a million calls whose callers say nothing, so many are traced.
    pub(crate) fn new(of_million: u32) -> Self {
        Self { of_million: of_million.into(), state: Cell::new(RandomState::new().hash_one(0)) }
    }

    /// Begins the trace of a call that came at `began`, if it is to be traced.
    pub(crate) fn begin(&self, headers: &HeaderMap, began: Instant) -> Option<Trace> {
        match headers.get(TRACEPARENT).and_then(|value| Said::read(value.as_bytes())) {
            Some(Said::Sampled(parent)) => Some(Trace::new(Some(parent), began)),
            Some(Said::NotSampled) => None,
            None => self.chooses().then(|| Trace::new(None, began)),
        }
    }

    fn chooses(&self) -> bool {
        self.of_million > 0 && self.next() % MILLION < self.of_million
    }

    /// splitmix64.
    fn next(&self) -> u64 {
        self.state.set(self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut mixed = self.state.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A call that is traced, as far as it has come.
#[derive(Debug)]
pub struct Trace {
    parent: Option<Parent>,
    began: Instant,
    /// The same by the clock on the wall, Unix nanoseconds.
    began_ns: u64,
    way: Mutex<Way>,
}

#[derive(Debug, Default)]
struct Way {
    stages: Vec<(&'static str, Instant)>,
    facts: Vec<(&'static str, u64)>,
}

impl Trace {
    fn new(parent: Option<Parent>, began: Instant) -> Self {
        let came = SystemTime::now() - began.elapsed();
        let began_ns = came.duration_since(UNIX_EPOCH).map_or(0, |since| nanos(since.as_nanos()));
        Self { parent, began, began_ns, way: Mutex::default() }
    }

    /// A stage of the call's way ended then; it began where the one before ended.
    pub fn passed(&self, stage: &'static str, at: Instant) {
        lock(&self.way).stages.push((stage, at));
    }

    /// What is worth knowing of the call besides.
    pub fn note(&self, name: &'static str, value: u64) {
        lock(&self.way).facts.push((name, value));
    }

    /// Its request is whole.
    pub(crate) fn read(&self) {
        self.passed(READ, Instant::now());
    }

    fn at_ns(&self, at: Instant) -> u64 {
        self.began_ns.saturating_add(nanos(at.saturating_duration_since(self.began).as_nanos()))
    }
}

fn nanos(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// A traced call that ended. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Which method, as its place in the table.
    pub method: usize,
    /// Of which trace; `None`: it was chosen here, and begins one.
    pub parent: Option<Parent>,
    /// How it ended.
    pub code: Code,
    /// Why, by name.
    pub reason: Cow<'static, str>,
    /// When it came.
    pub began_ns: u64,
    /// The stages of its way, each with its end: ascending, the last one is the call's.
    pub stages: Vec<(&'static str, u64)>,
    /// What else was noted.
    pub facts: Vec<(&'static str, u64)>,
}

/// Traced calls that ended, until they are taken.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    ended: Mutex<VecDeque<Traced>>,
    dropped: AtomicU64,
}

impl Traces {
    /// A traced call has ended.
    pub(crate) fn end(&self, trace: &Trace, method: usize, code: Code, reason: Cow<'static, str>) {
        trace.passed(ANSWER, Instant::now());
        let way = std::mem::take(&mut *lock(&trace.way));
        let mut last = trace.began_ns;
        let stages = way.stages.into_iter().map(|(stage, at)| {
            last = last.max(trace.at_ns(at));
            (stage, last)
        });
        let ended = Traced {
            method,
            parent: trace.parent,
            code,
            reason,
            began_ns: trace.began_ns,
            stages: stages.collect(),
            facts: way.facts,
        };
        let mut waiting = lock(&self.ended);
        if waiting.len() < TRACES_MAX {
            waiting.push_back(ended);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes at most `limit` out, oldest first.
    pub(crate) fn take(&self, limit: usize) -> Vec<Traced> {
        let mut ended = lock(&self.ended);
        let count = limit.min(ended.len());
        ended.drain(..count).collect()
    }

    /// How many found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(traceparent: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(traceparent));
        headers
    }

    fn begins(sampler: &Sampler, headers: &HeaderMap) -> Option<Trace> {
        sampler.begin(headers, Instant::now())
    }

    #[test]
    fn a_caller_says_whether_its_call_is_traced() {
        let parent = Parent {
            trace: *b"\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c",
            span: *b"\xb7\xad\x6b\x71\x69\x20\x33\x31",
        };
        assert_eq!(Said::read(SAMPLED.as_bytes()), Some(Said::Sampled(parent)));
        assert_eq!(begins(&Sampler::new(0), &headers(SAMPLED)).unwrap().parent, Some(parent));
        let not = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        assert!(begins(&Sampler::new(1_000_000), &headers(not)).is_none(), "who says no is heeded");
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more";
        assert_eq!(Said::read(later.as_bytes()), Some(Said::Sampled(parent)));
    }

    #[test]
    fn what_is_no_traceparent_says_nothing() {
        for broken in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
        ] {
            assert_eq!(Said::read(broken.as_bytes()), None, "{broken}");
        }
        assert!(begins(&Sampler::new(0), &headers("00")).is_none());
        assert!(begins(&Sampler::new(1_000_000), &headers("00")).unwrap().parent.is_none());
    }

    #[test]
    fn about_as_many_are_chosen_as_are_wanted() {
        let sampler = Sampler::new(100_000);
        let chosen = (0..20_000).filter(|_| sampler.chooses()).count();
        assert!((1_700..2_300).contains(&chosen), "{chosen} of 20,000 at a tenth");
        assert!(begins(&sampler, &headers(SAMPLED)).is_some(), "whatever the share");
    }

    #[test]
    fn stages_are_told_in_their_order_and_the_last_one_ends_the_call() {
        let (traces, began) = (Traces::default(), Instant::now());
        let trace = Trace::new(None, began);
        trace.read();
        // Measured on another thread, a moment before.
        trace.passed("queue", began);
        trace.note("batch", 7);
        traces.end(&trace, 3, Code::NotFound, Cow::Borrowed("ITEM_NOT_FOUND"));
        let [ended] = &traces.take(10)[..] else { panic!("one ended") };
        assert_eq!((ended.method, ended.code, &*ended.reason), (3, Code::NotFound, "ITEM_NOT_FOUND"));
        assert_eq!(ended.facts, [("batch", 7)]);
        let (names, ends): (Vec<_>, Vec<_>) = ended.stages.iter().copied().unzip();
        assert_eq!(names, ["read", "queue", "answer"]);
        assert!(ended.began_ns <= ends[0] && ends.is_sorted(), "{ended:?}");
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let traces = Traces::default();
        for _ in 0..TRACES_MAX + 3 {
            let trace = Trace::new(None, Instant::now());
            traces.end(&trace, 0, Code::Ok, Cow::Borrowed(""));
        }
        assert_eq!(traces.dropped(), 3);
        assert_eq!(traces.take(usize::MAX).len(), TRACES_MAX);
    }
}
