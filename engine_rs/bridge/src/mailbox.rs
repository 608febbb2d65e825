//! Where native threads leave answers for an event loop, without Python.
//!
//! A mailbox belongs to one loop. Whoever fills an empty one writes a byte into a socket that the loop watches, so a whole
//! batch of answers wakes the loop once. Nothing here touches Python: a busy interpreter never delays the sequencer.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::Failure;

/// What became of a submitted command or an awaited revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The bytes of a durable reply.
    Reply(Vec<u8>),
    /// A revision.
    Revision(u64),
    /// Neither, and why.
    Failed(Failure),
}

/// Which future of its loop an arrival is for.
pub(crate) type Ticket = u64;

/// Answers in the order in which they came.
pub(crate) type Arrivals = Vec<(Ticket, Arrival)>;

/// The side of native threads.
#[derive(Debug)]
pub(crate) struct Mailbox {
    arrived: Mutex<Arrivals>,
    bell: UnixStream,
}

/// The side of the loop.
#[derive(Debug)]
pub(crate) struct Doorstep {
    /// Readable while something arrived.
    pub(crate) bell: UnixStream,
}

/// Takes a lock. A panic elsewhere does not make what it guards wrong: each holder leaves whole elements only.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    /// An empty mailbox and its loop's side.
    pub(crate) fn new() -> std::io::Result<(Arc<Self>, Doorstep)> {
        let (ring, hear) = UnixStream::pair()?;
        ring.set_nonblocking(true)?;
        hear.set_nonblocking(true)?;
        Ok((Arc::new(Self { arrived: Mutex::default(), bell: ring }), Doorstep { bell: hear }))
    }

    /// Leaves answers; rings if none lay there.
    pub(crate) fn put(&self, answers: impl IntoIterator<Item = (Ticket, Arrival)>) {
        let ring = {
            let mut arrived = lock(&self.arrived);
            let was_empty = arrived.is_empty();
            arrived.extend(answers);
            was_empty && !arrived.is_empty()
        };
        if ring {
            // A full socket rings already; a loop that is gone hears nothing and misses nothing.
            let _ = (&self.bell).write(&[1]);
        }
    }

    /// Takes out all there is, and silences the bell first: what comes in between rings again or is taken along.
    pub(crate) fn take(&self, doorstep: &Doorstep) -> Arrivals {
        let mut rung = [0; 64];
        loop {
            match (&doorstep.bell).read(&mut rung) {
                Ok(count) if count == rung.len() => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
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

    fn arrivals(tickets: std::ops::Range<u64>) -> Arrivals {
        tickets.map(|ticket| (ticket, Arrival::Revision(ticket))).collect()
    }

    #[test]
    fn a_batch_rings_once_and_is_taken_in_order() {
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        mailbox.put(arrivals(0..3));
        mailbox.put(arrivals(3..5));
        assert_eq!(rings(&doorstep), 1);
        assert_eq!(mailbox.take(&doorstep), arrivals(0..5));
        assert_eq!(mailbox.take(&doorstep), []);

        mailbox.put(arrivals(5..6));
        assert_eq!(rings(&doorstep), 1, "an emptied mailbox rings again");
    }

    #[test]
    fn nothing_put_does_not_ring() {
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        mailbox.put([]);
        assert_eq!(rings(&doorstep), 0);
    }

    #[test]
    fn a_loop_that_is_gone_is_no_error() {
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        drop(doorstep);
        mailbox.put(arrivals(0..1));
        mailbox.put(arrivals(1..2));
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        const PER_THREAD: u64 = 2_000;
        let (mailbox, doorstep) = Mailbox::new().unwrap();
        let threads = [0, 1].map(|thread| {
            let mailbox = Arc::clone(&mailbox);
            std::thread::spawn(move || {
                for ticket in thread * PER_THREAD..(thread + 1) * PER_THREAD {
                    mailbox.put(arrivals(ticket..ticket + 1));
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
        got.sort_by_key(|(ticket, _)| *ticket);
        assert_eq!(got, arrivals(0..2 * PER_THREAD));
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
