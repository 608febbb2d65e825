//! Time: what the simulation's thread is told by the system's clocks while a run is on.

use std::cell::Cell;
use std::time::Duration;

/// When every run begins: 2024-03-01 09:00 in Jakarta, Unix milliseconds.
pub(crate) const START_MS: i64 = 1_709_258_400_000;

thread_local! {
    static SINCE_START: Cell<u64> = const { Cell::new(0) };
    static SET_BY_MS: Cell<i64> = const { Cell::new(0) };
}

/// Begins anew.
pub(crate) fn reset() {
    SINCE_START.set(0);
    SET_BY_MS.set(0);
}

/// Lets time pass.
pub(crate) fn pass(by: Duration) {
    SINCE_START.set(SINCE_START.get() + u64::try_from(by.as_nanos()).unwrap_or(u64::MAX / 2));
}

/// Sets the clock of day forwards or back; what measures how long something takes goes on as before.
pub(crate) fn set_clock_by(ms: i64) {
    SET_BY_MS.set(SET_BY_MS.get() + ms);
}

/// Since the run began.
pub(crate) fn since_start() -> Duration {
    Duration::from_nanos(SINCE_START.get())
}

/// The clock of day, Unix milliseconds.
pub(crate) fn clock_ms() -> i64 {
    START_MS + i64::try_from(since_start().as_millis()).unwrap_or(i64::MAX / 2) + SET_BY_MS.get()
}
