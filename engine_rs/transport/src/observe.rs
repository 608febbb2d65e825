//! What is counted of calls, and which of them are written down for the log.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::handler::Caller;
use crate::mailbox::lock;
use crate::status::{CODES, Code};
use crate::trace::{Trace, Traced, Traces};

/// Records that wait for the log; what comes beyond is counted and forgotten.
pub const LOG_MAX: usize = 16_384;
/// Upper bounds of the histogram of latencies, microseconds. From a tenth of a millisecond, a bare commit, to what nobody
/// waits for.
pub const BOUNDS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];

/// Which calls are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LogCalls {
    /// None.
    None = 0,
    /// Those that did not end well.
    Refused = 1,
    /// All.
    All = 2,
}

/// One call that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which method, as its place in the table.
    pub method: usize,
    /// Who called.
    pub caller: Caller,
    /// How it ended.
    pub code: Code,
    /// Why, by name.
    pub reason: Cow<'static, str>,
    /// From the request to the end.
    pub took: Duration,
    /// Messages sent, if it was a stream of them.
    pub messages: Option<u64>,
}

/// Figures of one method.
#[derive(Debug, Default)]
pub(crate) struct MethodFigures {
    ended: [AtomicU64; CODES.len()],
    /// Calls by latency; the last one is what lies beyond all bounds.
    latencies: [AtomicU64; BOUNDS_US.len() + 1],
    total_ns: AtomicU64,
    open: AtomicU64,
    messages: AtomicU64,
}

/// The figures of one method at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Calls ended, by the number of the code.
    pub ended: [u64; CODES.len()],
    /// Calls by latency, not cumulated; the last is beyond all of [`BOUNDS_US`]. Not counted for streams.
    pub latencies: [u64; BOUNDS_US.len() + 1],
    /// The sum of the latencies.
    pub total: Duration,
    /// Calls in progress.
    pub open: u64,
    /// Messages sent on streams.
    pub messages: u64,
}

/// Counts and writes down, for all threads of a server.
#[derive(Debug)]
pub struct Observer {
    methods: Vec<MethodFigures>,
    reasons: Mutex<BTreeMap<Cow<'static, str>, u64>>,
    log_calls: AtomicU8,
    log: Mutex<VecDeque<Record>>,
    dropped: AtomicU64,
    traces: Traces,
    census: Mutex<Census>,
    changed: Condvar,
}

/// What a stop waits for.
#[derive(Debug, Default, Clone, Copy)]
struct Census {
    connections: usize,
    calls: usize,
    /// Calls that have an answer to come: unary ones, uploads and exchanges.
    awaited: usize,
    /// Calls that may last as long as their caller likes.
    long: usize,
}

impl Observer {
    pub(crate) fn new(methods: usize, log_calls: LogCalls) -> Self {
        Self {
            methods: std::iter::repeat_with(MethodFigures::default).take(methods).collect(),
            reasons: Mutex::default(),
            log_calls: AtomicU8::new(log_calls as u8),
            log: Mutex::default(),
            dropped: AtomicU64::new(0),
            traces: Traces::default(),
            census: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The figures of the method at a place in the table.
    pub fn figures(&self, method: usize) -> Figures {
        let figures = &self.methods[method];
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            ended: std::array::from_fn(|place| read(&figures.ended[place])),
            latencies: std::array::from_fn(|place| read(&figures.latencies[place])),
            total: Duration::from_nanos(read(&figures.total_ns)),
            open: read(&figures.open),
            messages: read(&figures.messages),
        }
    }

    /// How often calls ended for each reason.
    pub fn reasons(&self) -> BTreeMap<Cow<'static, str>, u64> {
        lock(&self.reasons).clone()
    }

    /// Unary calls, uploads and exchanges that have an answer to come.
    pub fn awaited(&self) -> usize {
        lock(&self.census).awaited
    }

    /// Takes at most `limit` records out, oldest first.
    pub fn take_log(&self, limit: usize) -> Vec<Record> {
        let mut log = lock(&self.log);
        let count = limit.min(log.len());
        log.drain(..count).collect()
    }

    /// Records that found no room since this was asked last.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Takes at most `limit` traced calls out that ended, oldest first.
    pub fn take_traces(&self, limit: usize) -> Vec<Traced> {
        self.traces.take(limit)
    }

    /// How many traced calls found no room, since the start.
    pub fn dropped_traces(&self) -> u64 {
        self.traces.dropped()
    }

    fn write_down(&self, record: Record) {
        let wanted = self.log_calls.load(Ordering::Relaxed);
        if wanted == LogCalls::None as u8 || (wanted == LogCalls::Refused as u8 && record.code == Code::Ok) {
            return;
        }
        let mut log = lock(&self.log);
        if log.len() < LOG_MAX {
            log.push_back(record);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn connected(&self, max: usize) -> bool {
        let mut census = lock(&self.census);
        let room = census.connections < max;
        census.connections += usize::from(room);
        room
    }

    pub(crate) fn disconnected(&self) {
        lock(&self.census).connections -= 1;
        self.changed.notify_all();
    }

    /// Waits until no call has an answer to come, or no connection is open. False when the time was over first.
    pub(crate) fn wait(&self, for_connections: bool, longest: Duration) -> bool {
        let waits =
            |census: &mut Census| if for_connections { census.connections > 0 } else { census.awaited > 0 };
        let census = lock(&self.census);
        let waited = self.changed.wait_timeout_while(census, longest, waits);
        !waited.is_ok_and(|(_, result)| result.timed_out())
    }

    fn enter(&self, max_calls: usize, counted: Counted) -> bool {
        let mut census = lock(&self.census);
        let room = census.calls < max_calls && !(counted.long && census.long >= max_calls.div_ceil(2));
        if room {
            census.calls += 1;
            census.long += usize::from(counted.long);
            census.awaited += usize::from(counted.awaited);
        }
        room
    }

    fn leave(&self, counted: Counted) {
        let Counted { awaited, long, .. } = counted;
        let mut census = lock(&self.census);
        census.calls -= 1;
        census.long -= usize::from(long);
        census.awaited -= usize::from(awaited);
        let last = awaited && census.awaited == 0;
        drop(census);
        if last {
            self.changed.notify_all();
        }
    }
}

/// How calls of a method are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// By messages, of which they send any number, and not by time.
    pub(crate) streams: bool,
    /// A stop waits for them.
    pub(crate) awaited: bool,
    /// They may last as long as their caller likes.
    pub(crate) long: bool,
}

/// A call in progress, as it is counted; one that is dropped ended CANCELLED.
#[derive(Debug)]
pub(crate) struct Watched {
    observer: Arc<Observer>,
    method: usize,
    counted: Counted,
    pub(crate) caller: Caller,
    pub(crate) began: Instant,
    pub(crate) messages: u64,
    pub(crate) trace: Option<Arc<Trace>>,
    ended: bool,
}

impl Watched {
    /// Counts a call in; `None` when `max_calls` are in progress.
    pub(crate) fn begin(
        observer: &Arc<Observer>,
        method: usize,
        counted: Counted,
        max_calls: usize,
    ) -> Option<Self> {
        if !observer.enter(max_calls, counted) {
            return None;
        }
        observer.methods[method].open.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            observer: Arc::clone(observer),
            method,
            counted,
            caller: Caller::Borrowed(""),
            began: Instant::now(),
            messages: 0,
            trace: None,
            ended: false,
        })
    }

    /// Counts a call that was not even begun.
    pub(crate) fn refuse(
        observer: &Observer,
        method: usize,
        caller: Caller,
        code: Code,
        reason: Cow<'static, str>,
    ) {
        let call = Ended { method, caller, code, reason, took: Duration::ZERO, messages: None };
        call.count(observer, true);
    }

    /// Counts the call out.
    pub(crate) fn end(mut self, code: Code, reason: Cow<'static, str>) {
        self.ended = true;
        self.count_out(code, reason);
    }

    fn count_out(&mut self, code: Code, reason: Cow<'static, str>) {
        let streams = self.counted.streams;
        if let Some(trace) = self.trace.take() {
            if streams {
                trace.note("messages", self.messages);
            }
            self.observer.traces.end(&trace, self.method, code, reason.clone());
        }
        let ended = Ended {
            method: self.method,
            caller: std::mem::take(&mut self.caller),
            code,
            reason,
            took: self.began.elapsed(),
            messages: streams.then_some(self.messages),
        };
        ended.count(&self.observer, !streams);
        let figures = &self.observer.methods[self.method];
        figures.open.fetch_sub(1, Ordering::Relaxed);
        figures.messages.fetch_add(if streams { self.messages } else { 0 }, Ordering::Relaxed);
        self.observer.leave(self.counted);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.ended {
            self.count_out(Code::Cancelled, Cow::Borrowed(""));
        }
    }
}

struct Ended {
    method: usize,
    caller: Caller,
    code: Code,
    reason: Cow<'static, str>,
    took: Duration,
    messages: Option<u64>,
}

impl Ended {
    fn count(self, observer: &Observer, timed: bool) {
        let figures = &observer.methods[self.method];
        figures.ended[self.code as usize].fetch_add(1, Ordering::Relaxed);
        if timed {
            let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
            // A call of just the bound lies within it, as in every histogram of Prometheus.
            let place = BOUNDS_US.partition_point(|bound| *bound < micros);
            figures.latencies[place].fetch_add(1, Ordering::Relaxed);
            let nanos = u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX);
            figures.total_ns.fetch_add(nanos, Ordering::Relaxed);
        }
        if !self.reason.is_empty() {
            *lock(&observer.reasons).entry(self.reason.clone()).or_default() += 1;
        }
        observer.write_down(Record {
            method: self.method,
            caller: self.caller,
            code: self.code,
            reason: self.reason,
            took: self.took,
            messages: self.messages,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observer(log_calls: LogCalls) -> Arc<Observer> {
        Arc::new(Observer::new(1, log_calls))
    }

    const ONE_ANSWER: Counted = Counted { streams: false, awaited: true, long: false };

    fn call(observer: &Arc<Observer>) -> Watched {
        Watched::begin(observer, 0, ONE_ANSWER, 2).unwrap()
    }

    #[test]
    fn calls_are_counted_by_code_and_reason() {
        let observer = observer(LogCalls::Refused);
        call(&observer).end(Code::Ok, Cow::Borrowed(""));
        call(&observer).end(Code::NotFound, Cow::Borrowed("ITEM_NOT_FOUND"));
        drop(call(&observer));
        let open = call(&observer);
        let figures = observer.figures(0);
        assert_eq!((figures.ended[0], figures.ended[1], figures.ended[5], figures.open), (1, 1, 1, 1));
        assert_eq!(figures.latencies.iter().sum::<u64>(), 3);
        assert_eq!(observer.reasons().into_iter().collect::<Vec<_>>(), [("ITEM_NOT_FOUND".into(), 1)]);
        let logged: Vec<Code> = observer.take_log(10).into_iter().map(|record| record.code).collect();
        assert_eq!(logged, [Code::NotFound, Code::Cancelled]);
        assert_eq!(observer.awaited(), 1);
        drop(open);
        assert!(observer.wait(false, Duration::ZERO));
    }

    #[test]
    fn no_more_than_the_limit_are_in_progress() {
        let observer = observer(LogCalls::None);
        let calls = [call(&observer), call(&observer)];
        assert!(Watched::begin(&observer, 0, ONE_ANSWER, 2).is_none());
        assert!(!observer.wait(false, Duration::ZERO));
        drop(calls);
        drop(call(&observer));
    }

    #[test]
    fn a_full_log_counts_what_it_drops() {
        let observer = observer(LogCalls::All);
        for _ in 0..LOG_MAX + 3 {
            call(&observer).end(Code::Ok, Cow::Borrowed(""));
        }
        assert_eq!(observer.take_log(usize::MAX).len(), LOG_MAX);
        assert_eq!((observer.take_dropped(), observer.take_dropped()), (3, 0));
    }
}
