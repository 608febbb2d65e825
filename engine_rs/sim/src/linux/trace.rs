//! What happened in a run, line by line: hashed, so that two runs can be compared, and shown when somebody wants to see it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;

struct Trace {
    hasher: blake3::Hasher,
    line: String,
    shown: bool,
}

thread_local! {
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Begins a run's trace.
pub(crate) fn begin(shown: bool) {
    let trace = Trace { hasher: blake3::Hasher::new(), line: String::new(), shown };
    TRACE.set(Some(trace));
}

/// Adds a line.
pub(crate) fn add(line: std::fmt::Arguments<'_>) {
    TRACE.with_borrow_mut(|trace| {
        let Some(trace) = trace else { return };
        trace.line.clear();
        let since = super::time::since_start();
        // Writing to a String cannot fail.
        let _ = writeln!(trace.line, "{:>12}us {line}", since.as_micros());
        trace.hasher.update(trace.line.as_bytes());
        if trace.shown {
            let _ = std::io::stdout().write_all(trace.line.as_bytes());
        }
    });
}

/// Ends it: the hash of all lines.
pub(crate) fn end() -> String {
    let trace = TRACE.take();
    trace.map(|trace| trace.hasher.finalize().to_hex().to_string()).unwrap_or_default()
}

/// Adds a line to the run's trace, as `format!` would make it.
macro_rules! traced {
    ($($words:tt)*) => { $crate::linux::trace::add(format_args!($($words)*)) };
}
pub(crate) use traced;
