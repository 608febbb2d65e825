//! The time of day, as the sequencer asks for it, and how far a clock that is set is believed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Steps of the machine's clock that are believed, forwards and back, all together, milliseconds: five minutes.
const BELIEVED_MS: i64 = 5 * 60_000;
/// After so many milliseconds one more is believed: five minutes an hour.
const REGAINED_IN: i64 = 12;
/// Two clocks read one after the other differ by as much, milliseconds.
const JITTER_MS: i64 = 2;

/// The time of day, as the sequencer asks for it.
pub trait Clock: Send + Sync {
    /// Unix milliseconds. May go back: the sequencer's stamps do not.
    fn now_ms(&self) -> i64;

    /// The store that asks was stamped at `log_time_ms` last: a clock that says less is wrong.
    fn opened_at(&self, _log_time_ms: i64) {}

    /// How far the machine's clock is ahead of this one, milliseconds (behind it: negative), while it is not believed; 0
    /// while it is.
    fn disbelieved_ms(&self) -> i64 {
        0
    }
}

/// What the machine's clocks say.
pub trait Machine: Send + Sync {
    /// The clock of day, which anybody may set: Unix milliseconds.
    fn wall_ms(&self) -> i64;

    /// Milliseconds since some moment, by a clock that nobody sets and that goes on while the machine sleeps.
    fn steady_ms(&self) -> i64;

    /// Whether something keeps the clock of day right, as far as the system knows: a time server set it.
    fn is_set(&self) -> bool;
}

/// The real ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: libc::clockid_t = libc::CLOCK_MONOTONIC;

impl Machine for ThisMachine {
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    #[allow(unsafe_code, reason = "the standard library has no clock that goes on while the machine sleeps")]
    fn steady_ms(&self) -> i64 {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the place is ours for as long as the call takes.
        let read = unsafe { libc::clock_gettime(STEADY, &raw mut now) };
        assert_eq!(read, 0, "every system has this clock");
        let past = Duration::new(now.tv_sec.unsigned_abs(), 0);
        let past = past + Duration::from_nanos(now.tv_nsec.unsigned_abs());
        i64::try_from(past.as_millis()).unwrap_or(i64::MAX)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[allow(unsafe_code, reason = "the standard library does not ask the kernel for it")]
    fn is_set(&self) -> bool {
        // SAFETY: numbers alone, for which zeros are values; with no modes the call only reads.
        let mut state: libc::timex = unsafe { std::mem::zeroed() };
        // SAFETY: the place is ours for as long as the call takes.
        let read = unsafe { libc::adjtimex(&raw mut state) };
        read < 0 || state.status & libc::STA_UNSYNC == 0
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn is_set(&self) -> bool {
        true
    }
}

/// The clock of day as it is, however it is set: for programs that measure.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        ThisMachine.wall_ms()
    }
}

/// A clock of day that goes by the machine's, as long as that one is set by little: what keeps it right sets it by
/// seconds. A step that goes beyond five minutes is not believed: time goes on from where it was, by the clock that
/// nobody sets, until the machine's is near again or the store is opened anew. So nobody's reservation ends a day early
/// because somebody mistyped a date.
#[derive(Debug)]
pub struct CarefulClock<M> {
    machine: M,
    /// This clock is the steady one and so much.
    offset_ms: AtomicI64,
    /// See [`Clock::disbelieved_ms`].
    disbelieved_ms: AtomicI64,
    trust: Mutex<Trust>,
}

#[derive(Debug)]
struct Trust {
    /// What may still be believed, and since when by the steady clock; milliseconds.
    left: i64,
    since: i64,
    /// The machine's clock said less than the store's last stamp: however far it is set forwards, it may only be right then.
    astray: bool,
    /// No time server had set it when this clock was made: the first time one does is believed.
    never_set: bool,
}

impl Default for CarefulClock<ThisMachine> {
    fn default() -> Self {
        Self::new(ThisMachine)
    }
}

impl<M: Machine> CarefulClock<M> {
    /// One that believes what the machine's clock says now.
    pub fn new(machine: M) -> Self {
        let (wall_ms, steady_ms) = (machine.wall_ms(), machine.steady_ms());
        let never_set = !machine.is_set();
        Self {
            machine,
            offset_ms: AtomicI64::new(wall_ms.saturating_sub(steady_ms)),
            disbelieved_ms: AtomicI64::new(0),
            trust: Mutex::new(Trust { left: BELIEVED_MS, since: steady_ms, astray: false, never_set }),
        }
    }

    fn trust(&self) -> MutexGuard<'_, Trust> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's clock was set, or one of both goes wrong by a little: how far it is followed.
    fn follow(&self) -> i64 {
        let mut trust = self.trust();
        let (wall_ms, steady_ms) = (self.machine.wall_ms(), self.machine.steady_ms());
        let offset_ms = self.offset_ms.load(Ordering::Relaxed);
        let own_ms = steady_ms.saturating_add(offset_ms);
        let ahead_ms = wall_ms.saturating_sub(own_ms);
        let gained_ms = steady_ms.saturating_sub(trust.since).max(0) / REGAINED_IN;
        trust.since += gained_ms * REGAINED_IN;
        trust.left = trust.left.saturating_add(gained_ms).min(BELIEVED_MS);
        let step_ms = ahead_ms.saturating_abs();
        if step_ms <= trust.left {
            trust.left -= step_ms;
        } else if ahead_ms > 0 && (trust.astray || (trust.never_set && self.machine.is_set())) {
            trust.never_set &= !self.machine.is_set();
        } else {
            self.disbelieved_ms.store(ahead_ms, Ordering::Relaxed);
            return own_ms;
        }
        trust.astray = false;
        self.disbelieved_ms.store(0, Ordering::Relaxed);
        self.offset_ms.store(offset_ms.saturating_add(ahead_ms), Ordering::Relaxed);
        wall_ms
    }
}

impl<M: Machine> Clock for CarefulClock<M> {
    fn now_ms(&self) -> i64 {
        let (wall_ms, steady_ms) = (self.machine.wall_ms(), self.machine.steady_ms());
        let own_ms = steady_ms.saturating_add(self.offset_ms.load(Ordering::Relaxed));
        let is_near = wall_ms.saturating_sub(own_ms).saturating_abs() <= JITTER_MS;
        if is_near && self.disbelieved_ms.load(Ordering::Relaxed) == 0 { own_ms } else { self.follow() }
    }

    fn opened_at(&self, log_time_ms: i64) {
        let mut trust = self.trust();
        let steady_ms = self.machine.steady_ms();
        let behind_ms = log_time_ms.saturating_sub(steady_ms);
        // For minutes stamps wait for the clock; a time that stood still for longer would end no deadline.
        if self.offset_ms.load(Ordering::Relaxed) < behind_ms.saturating_sub(BELIEVED_MS) {
            self.offset_ms.store(behind_ms, Ordering::Relaxed);
            trust.astray = true;
        }
    }

    fn disbelieved_ms(&self) -> i64 {
        // Nobody may have asked for the time since it was set.
        self.now_ms();
        let disbelieved_ms = self.disbelieved_ms.load(Ordering::Relaxed);
        let mut trust = self.trust();
        if trust.never_set && disbelieved_ms == 0 {
            // Its first time server found it right.
            trust.never_set = !self.machine.is_set();
        }
        disbelieved_ms
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
    const BEGIN_MS: i64 = 1_709_258_400_000;

    #[derive(Debug, Default)]
    struct Hands {
        wall_ms: AtomicI64,
        steady_ms: AtomicI64,
        unset: AtomicBool,
    }

    impl Machine for Arc<Hands> {
        fn wall_ms(&self) -> i64 {
            self.wall_ms.load(Ordering::Relaxed)
        }

        fn steady_ms(&self) -> i64 {
            self.steady_ms.load(Ordering::Relaxed)
        }

        fn is_set(&self) -> bool {
            !self.unset.load(Ordering::Relaxed)
        }
    }

    impl Hands {
        fn pass(&self, ms: i64) {
            self.set_by(ms);
            self.steady_ms.fetch_add(ms, Ordering::Relaxed);
        }

        fn set_by(&self, ms: i64) {
            self.wall_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }

    fn clock() -> (Arc<Hands>, CarefulClock<Arc<Hands>>) {
        let hands = Arc::new(Hands::default());
        hands.set_by(BEGIN_MS);
        (Arc::clone(&hands), CarefulClock::new(hands))
    }

    #[test]
    fn it_goes_with_the_machine() {
        let (hands, clock) = clock();
        assert_eq!(clock.now_ms(), BEGIN_MS);
        hands.pass(DAY_MS);
        assert_eq!(clock.now_ms(), BEGIN_MS + DAY_MS);
        // Set right by a little, again and again, as machines are.
        for _ in 0..10_000 {
            hands.pass(MINUTE_MS);
            hands.set_by(-50);
            assert_eq!(clock.now_ms(), hands.wall_ms());
        }
        assert_eq!(clock.disbelieved_ms(), 0);
    }

    #[test]
    fn a_minute_either_way_is_believed_and_a_few_at_once_but_not_for_ever() {
        let (hands, clock) = clock();
        for step_ms in [MINUTE_MS, -MINUTE_MS, MINUTE_MS] {
            hands.set_by(step_ms);
            assert_eq!(clock.now_ms(), hands.wall_ms());
        }
        // Three of the five minutes are used up.
        hands.set_by(3 * MINUTE_MS);
        assert_eq!(clock.now_ms(), hands.wall_ms() - 3 * MINUTE_MS);
        assert_eq!(clock.disbelieved_ms(), 3 * MINUTE_MS);
        // Twelve minutes later there is one more to believe.
        hands.pass(12 * MINUTE_MS);
        assert_eq!(clock.now_ms(), hands.wall_ms());
        assert_eq!(clock.disbelieved_ms(), 0);
    }

    #[test]
    fn an_hour_or_a_day_is_not_believed_and_time_goes_on() {
        for step_ms in [DAY_MS, -DAY_MS, 60 * MINUTE_MS, -60 * MINUTE_MS, i64::MAX - 2 * BEGIN_MS] {
            let (hands, clock) = clock();
            hands.set_by(step_ms);
            assert_eq!(clock.disbelieved_ms(), step_ms);
            assert_eq!(clock.now_ms(), BEGIN_MS);
            hands.pass(DAY_MS);
            assert_eq!(clock.now_ms(), BEGIN_MS + DAY_MS);
            hands.set_by(-step_ms);
            assert_eq!(clock.now_ms(), BEGIN_MS + DAY_MS);
            assert_eq!(clock.disbelieved_ms(), 0);
        }
    }

    #[test]
    fn a_clock_that_was_wrong_at_the_start_is_set_right_by_however_much() {
        let (hands, clock) = clock();
        // Its battery is empty: it began years before what the store was stamped with.
        let stamp_ms = BEGIN_MS + 900 * DAY_MS;
        clock.opened_at(stamp_ms);
        assert_eq!(clock.now_ms(), stamp_ms);
        assert_eq!(clock.disbelieved_ms(), -900 * DAY_MS);
        // Time goes on all the same.
        hands.pass(DAY_MS);
        assert_eq!(clock.now_ms(), stamp_ms + DAY_MS);
        hands.set_by(910 * DAY_MS);
        assert_eq!(clock.now_ms(), BEGIN_MS + 911 * DAY_MS);
        assert_eq!(clock.disbelieved_ms(), 0);
        hands.set_by(DAY_MS);
        assert_eq!(clock.now_ms(), BEGIN_MS + 911 * DAY_MS);
        assert_eq!(clock.disbelieved_ms(), DAY_MS);
    }

    #[test]
    fn a_clock_that_is_minutes_behind_at_the_start_is_waited_for() {
        for behind_ms in [3, 4 * MINUTE_MS] {
            let (hands, clock) = clock();
            clock.opened_at(BEGIN_MS + behind_ms);
            assert_eq!((clock.now_ms(), clock.disbelieved_ms()), (BEGIN_MS, 0));
            hands.pass(DAY_MS);
            assert_eq!(clock.now_ms(), hands.wall_ms());
        }
    }

    #[test]
    fn a_time_server_that_finds_the_clock_right_was_the_first_one() {
        let (hands, _) = clock();
        hands.unset.store(true, Ordering::Relaxed);
        let clock = CarefulClock::new(Arc::clone(&hands));
        hands.set_by(20);
        hands.unset.store(false, Ordering::Relaxed);
        assert_eq!(clock.disbelieved_ms(), 0);
        hands.set_by(DAY_MS);
        assert_eq!(clock.disbelieved_ms(), DAY_MS);
    }

    #[test]
    fn the_first_time_server_is_believed_and_nobody_before_or_after_it() {
        let (hands, _) = clock();
        hands.unset.store(true, Ordering::Relaxed);
        // It goes on where it was switched off in the evening.
        let clock = CarefulClock::new(Arc::clone(&hands));
        clock.opened_at(BEGIN_MS);
        hands.set_by(DAY_MS / 2);
        assert_eq!((clock.now_ms(), clock.disbelieved_ms()), (BEGIN_MS, DAY_MS / 2));
        hands.unset.store(false, Ordering::Relaxed);
        assert_eq!((clock.now_ms(), clock.disbelieved_ms()), (BEGIN_MS + DAY_MS / 2, 0));
        hands.set_by(DAY_MS / 2);
        assert_eq!((clock.now_ms(), clock.disbelieved_ms()), (BEGIN_MS + DAY_MS / 2, DAY_MS / 2));
    }

    #[test]
    fn the_machines_clocks_can_be_read() {
        let clock = CarefulClock::default();
        let before = ThisMachine.wall_ms();
        assert!((before - 1..before + 60_000).contains(&clock.now_ms()));
        assert!(ThisMachine.steady_ms() > 0);
    }
}
