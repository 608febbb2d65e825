//! How fast one caller may call.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use kasir_transport::lock;

/// How many calls a second: a bucket that holds two seconds' worth.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) per_second: f64,
    left: Mutex<(f64, Instant)>,
}

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: Mutex::new((per_second * 2.0, Instant::now())) }
    }

    /// Takes one call; else how long it is until there is one.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        let mut left = lock(&self.left);
        let now = Instant::now();
        let gained = now.duration_since(left.1).as_secs_f64() * self.per_second;
        *left = ((left.0 + gained).min(self.per_second * 2.0), now);
        if left.0 >= 1.0 {
            left.0 -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - left.0) / self.per_second.max(0.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seconds_of_calls_are_there_at_once_and_then_one_waits() {
        let pace = Pace::new(10);
        assert!((0..20).all(|_| pace.take().is_ok()));
        let wait = pace.take().unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }
}
