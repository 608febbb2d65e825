//! Where native threads leave things for an event loop of another language.
//!
//! A mailbox belongs to one loop. Whoever fills an empty one writes a byte into a socket that the loop watches, so
//! a whole batch wakes the loop once. Nothing here waits for that loop: a busy one never delays who puts.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The side of native threads.
#[derive(Debug)]
pub struct Mailbox<T> {
    arrived: Mutex<Vec<T>>,
    bell: UnixStream,
}

/// The side of the loop.
#[derive(Debug)]
pub struct Doorstep {
    /// Readable while something arrived.
    bell: UnixStream,
}

/// Takes a lock. A panic elsewhere does not make what it guards wrong: each holder leaves whole elements only.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Doorstep {
    /// What the loop watches.
    pub fn fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    fn silence(&self) {
        let mut rung = [0; 64];
        loop {
            match (&self.bell).read(&mut rung) {
                Ok(count) if count == rung.len() => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
    }
}

impl<T> Mailbox<T> {
    /// An empty mailbox and its loop's side.
    ///
    /// # Errors
    /// The system gives no sockets.
    pub fn new() -> std::io::Result<(Arc<Self>, Doorstep)> {
        let (ring, hear) = UnixStream::pair()?;
        ring.set_nonblocking(true)?;
        hear.set_nonblocking(true)?;
        Ok((Arc::new(Self { arrived: Mutex::new(Vec::new()), bell: ring }), Doorstep { bell: hear }))
    }

    /// Leaves things; rings if none lay there.
    pub fn put(&self, things: impl IntoIterator<Item = T>) {
        let ring = {
            let mut arrived = lock(&self.arrived);
            let was_empty = arrived.is_empty();
            arrived.extend(things);
            was_empty && !arrived.is_empty()
        };
        if ring {
            self.ring();
        }
    }

    /// Wakes the loop, whatever lies there.
    pub fn ring(&self) {
        // A full socket rings already; a loop that is gone hears nothing and misses nothing.
        let _ = (&self.bell).write(&[1]);
    }

    /// Takes out all there is, and silences the bell first: what comes in between rings again or is taken along.
    pub fn take(&self, doorstep: &Doorstep) -> Vec<T> {
        doorstep.silence();
        std::mem::take(&mut *lock(&self.arrived))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(doorstep: &Doorstep) -> usize {
        let mut bytes = [0; 64];
        (&doorstep.bell).read(&mut bytes).unwrap_or(0)
    }

    #[test]
    fn a_batch_rings_once_and_is_taken_in_order() {
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        mailbox.put(0..3);
        mailbox.put(3..5);
        assert_eq!(rings(&doorstep), 1);
        assert_eq!(mailbox.take(&doorstep), [0, 1, 2, 3, 4]);
        assert_eq!(mailbox.take(&doorstep), []);

        mailbox.put([5]);
        assert_eq!(rings(&doorstep), 1, "an emptied mailbox rings again");
    }

    #[test]
    fn nothing_put_does_not_ring() {
        let (mailbox, doorstep) = Mailbox::<u8>::new().unwrap();
        mailbox.put([]);
        assert_eq!(rings(&doorstep), 0);
    }

    #[test]
    fn a_loop_that_is_gone_is_no_error() {
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        drop(doorstep);
        mailbox.put([1]);
        mailbox.put([2]);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        const PER_THREAD: u64 = 2_000;
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        let threads = [0, 1].map(|thread| {
            let mailbox = Arc::clone(&mailbox);
            std::thread::spawn(move || {
                for number in thread * PER_THREAD..(thread + 1) * PER_THREAD {
                    mailbox.put([number]);
                }
            })
        });
        doorstep.bell.set_nonblocking(false).unwrap();
        let mut got = Vec::new();
        while got.len() < 2 * usize::try_from(PER_THREAD).unwrap() {
            // Waits for the bell as a loop would: a ring lost would hang here.
            assert_eq!((&doorstep.bell).read(&mut [0]).unwrap(), 1);
            got.append(&mut std::mem::take(&mut *lock(&mailbox.arrived)));
        }
        got.sort_unstable();
        assert_eq!(got, (0..2 * PER_THREAD).collect::<Vec<_>>());
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
