//! What happened in a run, line by line: hashed, so that two runs can be compared, and shown when somebody wants to see it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;

/// Hashed in pieces of this size: many lines at once are sooner hashed than each of them.
const PIECE: usize = 32 * 1024;

struct Trace {
    hasher: blake3::Hasher,
    /// Lines that are not hashed yet.
    lines: String,
    shown: bool,
}

impl Trace {
    fn hash(&mut self) {
        self.hasher.update(self.lines.as_bytes());
        self.lines.clear();
    }
}

thread_local! {
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Begins a run's trace.
pub(crate) fn begin(shown: bool) {
    let trace = Trace { hasher: blake3::Hasher::new(), lines: String::with_capacity(2 * PIECE), shown };
    TRACE.set(Some(trace));
}

/// Adds a line.
pub(crate) fn add(line: std::fmt::Arguments<'_>) {
    TRACE.with_borrow_mut(|trace| {
        let Some(trace) = trace else { return };
        let begins = trace.lines.len();
        let since = super::time::since_start();
        // Writing to a String cannot fail.
        let _ = writeln!(trace.lines, "{:>12}us {line}", since.as_micros());
        if trace.shown {
            let _ = std::io::stdout().write_all(&trace.lines.as_bytes()[begins..]);
        }
        if trace.lines.len() >= PIECE {
            trace.hash();
        }
    });
}

/// Ends it: the hash of all lines.
pub(crate) fn end() -> String {
    let trace = TRACE.take();
    trace.map_or_else(String::new, |mut trace| {
        trace.hash();
        trace.hasher.finalize().to_hex().to_string()
    })
}

/// Adds a line to the run's trace, as `format!` would make it.
macro_rules! traced {
    ($($words:tt)*) => { $crate::linux::trace::add(format_args!($($words)*)) };
}
pub(crate) use traced;
